// policy_test.c - retry policies: which texts are one, and the bounds of what they say.
#include "message/retry_policy.h"

#include "check.h"
#include "util/id.h"

// Chance as retry_policy.c uses it: the delay's own from bit 16 on, the jitter's from those below.
#define CHANCE(own, jitter) ((uint64_t)(own) << 16 | (uint64_t)(jitter))
static const uint64_t least = 0, most_jitter = 1000;

static gf_policy policy(const char *text)
{
    gf_policy p;
    REQUIRE_OK(gf_policy_parse(text, &p));
    return p;
}

static void good_texts_are_understood(void)
{
    static const struct {
        const char *text;
        gf_policy_kind kind;
        size_t count;
        int64_t first, last, cap;
        int32_t jitter;
    } cases[] = {
        { "exponential", GF_ASYNQ, 0, 0, 0, 0, 0 },
        { "exponential;cap=1h", GF_ASYNQ, 0, 0, 0, 3600000, 0 },
        { "exponential:10s", GF_DOUBLING, 1, 10000, 10000, 0, 0 },
        { "exponential:10s;cap=1h;jitter=20%", GF_DOUBLING, 1, 10000, 10000, 3600000, 20 },
        { "fixed:30", GF_FIXED, 1, 30000, 30000, 0, 0 },
        { "fixed:0", GF_FIXED, 1, 0, 0, 0, 0 },
        { "fixed:1m;jitter=0;cap=2m", GF_FIXED, 1, 60000, 60000, 120000, 0 },
        { "linear:1.5", GF_LINEAR, 1, 1500, 1500, 0, 0 },
        { "list:10s", GF_LISTED, 1, 10000, 10000, 0, 0 },
        { "list:10s,1m,5m,1h30m;jitter=1000%", GF_LISTED, 4, 10000, 5400000, 0, 1000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_policy p;
        if (!CHECK_OK(gf_policy_parse(cases[i].text, &p)))
            continue;
        CHECK_INT(p.kind, cases[i].kind);
        CHECK_INT(p.count, cases[i].count);
        CHECK_INT(p.delays_ms[0], cases[i].first);
        CHECK_INT(p.delays_ms[p.count ? p.count - 1 : 0], cases[i].last);
        CHECK_INT(p.cap_ms, cases[i].cap);
        CHECK_INT(p.jitter_percent, cases[i].jitter);
    }
}

static void bad_texts_are_refused_and_say_why(void)
{
    static const struct { const char *text, *words; } cases[] = {
        { "", "1 to 1000 bytes" }, { NULL, "1 to 1000 bytes" },
        { "exponentail", "there is no 'exponentail'" }, { "Fixed:1s", "there is no 'Fixed'" },
        { ":30s", "there is no ''" },
        { "fixed", "'fixed' needs a delay" }, { "linear", "needs a delay" },
        { "list", "needs a delay" },
        { "fixed:", "no duration" }, { "fixed:soon", "soon" }, { "fixed:-1s", "-1s" },
        { "fixed:1s,2s", "1s,2s" },
        { "linear:0", "over 0" }, { "exponential:0s", "over 0" },
        { "list:", "no duration" }, { "list:1s,", "no duration" }, { "list:1s,,2s", "no duration" },
        { "fixed:1s;", "not ;cap=D" }, { "fixed:1s;cap", "not ;cap=D" },
        { "fixed:1s;cap=", "no duration" },
        { "fixed:1s;cap=0", "a cap of 0" }, { "fixed:1s;cap=1m;cap=2m", "each given once" },
        { "fixed:1s;jitter=1%;jitter=2%", "each given once" },
        { "fixed:1s;jitter=1001%", "0% to 1000%" },
        { "fixed:1s;jitter=-1%", "percentage" }, { "fixed:1s;jitter=x", "percentage" },
        { "fixed:1s;jitter=%", "percentage" },
        { "fixed:1s;jitter=5%%", "percentage" }, { "fixed:1s;jitter=99999999999", "percentage" },
        { "fixed:1s; cap=1m", "not ;cap=D" }, { "fixed:200000y", "fixed:200000y" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_policy p = { .cap_ms = 77 };
        if (!CHECK_STATUS(gf_policy_parse(cases[i].text, &p), GOFER_EINVAL) ||
            !CHECK_HAS(gofer_error_last(), cases[i].words))
            fprintf(stderr, "    in case: %s\n", cases[i].text ? cases[i].text : "(NULL)");
        CHECK_INT(p.cap_ms, 77);           // untouched
    }
    char text[GF_POLICY_TEXT_MAX + 2] = "list:1s";
    for (size_t at = strlen(text); at + 3 < 300; at += 3)
        memcpy(text + at, ",1s", 4);
    gf_policy p;
    CHECK_STATUS(gf_policy_parse(text, &p), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "at most 50");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_STATUS(gf_policy_parse(text, &p), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "1 to 1000 bytes");
}

static void delays_are_what_the_text_says(void)
{
    static const struct { const char *text; int32_t retried; int64_t min_ms, max_ms; } cases[] = {
        { "fixed:30s", 0, 30000, 30000 }, { "fixed:30s", INT32_MAX, 30000, 30000 },
        { "fixed:0", 3, 0, 0 },
        { "fixed:30s;jitter=10%", 5, 30000, 33000 }, { "fixed:30s;jitter=1000%", 0, 30000, 330000 },
        { "fixed:30s;cap=10s", 0, 10000, 10000 },
        { "fixed:30s;cap=10s;jitter=50%", 0, 10000, 10000 },
        { "fixed:8s;cap=10s;jitter=50%", 0, 8000, 10000 },
        { "fixed:1ms;jitter=50%", 0, 1, 1 }, { "fixed:7ms;jitter=50%", 0, 7, 10 },
        { "linear:1m", 0, 60000, 60000 }, { "linear:1m", 4, 300000, 300000 },
        { "linear:1m;cap=2m", 4, 120000, 120000 },
        { "linear:1w", INT32_MAX, GOFER_MAX_DURATION_MS, GOFER_MAX_DURATION_MS },
        { "list:10s,1m,5m", 0, 10000, 10000 }, { "list:10s,1m,5m", 2, 300000, 300000 },
        { "list:10s,1m,5m", 99, 300000, 300000 }, { "list:10s,1m,5m", -3, 10000, 10000 },
        { "exponential:10s", 0, 5000, 10000 }, { "exponential:10s", 1, 10000, 20000 },
        { "exponential:10s", 3, 40000, 80000 },
        { "exponential:10s;cap=1m", 3, 30000, 60000 }, { "exponential:1ms", 0, 1, 1 },
        { "exponential:3ms", 0, 2, 3 },
        { "exponential:1ms", INT32_MAX, GOFER_MAX_DURATION_MS / 2, GOFER_MAX_DURATION_MS },
        { "exponential:1w;jitter=1000%", 1000, GOFER_MAX_DURATION_MS / 2, GOFER_MAX_DURATION_MS },
        { "exponential", 0, 15000, 44000 }, { "exponential;cap=20s", 0, 15000, 20000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_policy p = policy(cases[i].text);
        int64_t low = INT64_MAX, high = -1;
        for (int k = 0; k < 2000; k++) {
            int64_t ms = gf_policy_delay_ms(&p, cases[i].retried, gf_random64());
            low = ms < low ? ms : low;
            high = ms > high ? ms : high;
        }
        if (!CHECK(low >= cases[i].min_ms) || !CHECK(high <= cases[i].max_ms))
            fprintf(stderr, "    in case: %s after %d\n", cases[i].text, (int)cases[i].retried);
        // Chance makes use of its room.
        int64_t room = cases[i].max_ms - cases[i].min_ms;
        CHECK(high - low >= room / 2);
    }
}

static void chance_reaches_both_ends(void)
{
    gf_policy p = policy("exponential:10s");
    CHECK_INT(gf_policy_delay_ms(&p, 0, least), 5000);
    CHECK_INT(gf_policy_delay_ms(&p, 0, CHANCE(5000, 0)), 10000);
    p = policy("fixed:10s;jitter=20%");
    CHECK_INT(gf_policy_delay_ms(&p, 0, least), 10000);
    CHECK_INT(gf_policy_delay_ms(&p, 0, most_jitter), 12000);
}

// The bounds that Asynq v0.26.0 has, for 0 to 25 failures; also of a policy that is all zero.
static void the_default_is_asynqs(void)
{
    static const struct { int32_t retried; int64_t min_s, max_s; } cases[] = {
        { 0, 15, 44 }, { 1, 16, 74 }, { 2, 31, 118 }, { 3, 96, 212 }, { 4, 271, 416 },
        { 5, 640, 814 },
        { 10, 10015, 10334 }, { 15, 50640, 51104 }, { 20, 160015, 160624 }, { 25, 390640, 391394 },
    };
    const gf_policy zero = { 0 }, named = policy("exponential");
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_INT(gf_policy_delay_ms(&zero, cases[i].retried, CHANCE(0, 0)), cases[i].min_s * 1000);
        CHECK_INT(gf_policy_delay_ms(&named, cases[i].retried, CHANCE(29, 1000)),
            cases[i].max_s * 1000);
    }
    CHECK_INT(gf_policy_delay_ms(&zero, INT32_MAX, UINT64_MAX), GOFER_MAX_DURATION_MS);
    CHECK_INT(gf_policy_delay_ms(&zero, -5, 0), 15000);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(good_texts_are_understood),
        TEST(bad_texts_are_refused_and_say_why),
        TEST(delays_are_what_the_text_says),
        TEST(chance_reaches_both_ends),
        TEST(the_default_is_asynqs),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
