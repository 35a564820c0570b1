// mux_test.c - which handler a type finds.
#include "worker/run/mux.h"

#include "check.h"

static int32_t nothing(gofer_task *task, void *user)
{
    (void)task;
    (void)user;
    return GOFER_DONE;
}

// The pattern found stands for the handler: user points to it.
static const char *find(const gf_mux *mux, const char *type)
{
    const gf_route *route = gf_mux_find(mux, type);
    return route ? route->user : NULL;
}

static void add(gf_mux *mux, const char *pattern)
{
    REQUIRE_OK(gf_mux_add(mux, pattern, nothing, (void *)(uintptr_t)pattern));
}

static void exact_beats_prefix_and_longer_beats_shorter(void)
{
    static const char *const patterns[] = { "email:*", "*", "email:welcome", "email:w*", "report",
        "email:welcome:*" };
    static const struct { const char *type, *want; } cases[] = {
        { "email:welcome", "email:welcome" }, { "email:wave", "email:w*" },
        { "email:bye", "email:*" },
        { "email:", "email:*" }, { "email", "*" }, { "report", "report" }, { "reports", "*" },
        { "repor", "*" },
        { "email:welcome:x", "email:welcome:*" }, { "zzz", "*" },
    };
    // The order of registration changes nothing.
    for (int turn = 0; turn < 2; turn++) {
        gf_mux mux = { 0 };
        for (size_t i = 0; i < COUNT(patterns); i++)
            add(&mux, patterns[turn ? COUNT(patterns) - 1 - i : i]);
        gf_mux_seal(&mux);
        for (size_t i = 0; i < COUNT(cases); i++)
            CHECK_STR(find(&mux, cases[i].type), cases[i].want);
        gf_mux_clear(&mux);
    }
}

static void without_a_match_there_is_none(void)
{
    gf_mux mux = { 0 };
    gf_mux_seal(&mux);
    CHECK(find(&mux, "x") == NULL);
    add(&mux, "b");
    add(&mux, "m:*");
    gf_mux_seal(&mux);
    CHECK(find(&mux, "a") == NULL);
    CHECK(find(&mux, "m") == NULL);
    CHECK_STR(find(&mux, "m:"), "m:*");
    gf_mux_clear(&mux);
}

static void bad_patterns_are_refused(void)
{
    static const struct { const char *pattern; gofer_status want; const char *text; } cases[] = {
        { NULL, GOFER_EINVAL, "handler pattern" }, { "", GOFER_EINVAL, "handler pattern" },
        { "a*b", GOFER_EINVAL, "last character" }, { "**", GOFER_EINVAL, "last character" },
        { "a\n", GOFER_EINVAL, "handler pattern" }, { "mail:*", GOFER_EEXIST, "'mail:*'" },
        { "mail", GOFER_EEXIST, "'mail'" }, { "mail*", GOFER_OK, NULL },
    };
    gf_mux mux = { 0 };
    add(&mux, "mail:*");
    add(&mux, "mail");
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_mux_add(&mux, cases[i].pattern, nothing, NULL), cases[i].want);
        if (cases[i].text)
            CHECK_HAS(gofer_error_last(), cases[i].text);
    }
    gf_mux_cut(&mux, 1);
    CHECK_INT(mux.count, 1);
    CHECK_OK(gf_mux_check(&mux, "mail"));
    gf_mux_clear(&mux);
}

static void hundreds_are_all_found(void)
{
    static char exact[500][16], prefix[500][16];
    gf_mux mux = { 0 };
    for (int i = 0; i < 500; i++) {
        snprintf(exact[i], sizeof exact[i], "e%d", i * 7919 % 500);
        snprintf(prefix[i], sizeof prefix[i], "p%d:*", i);
        add(&mux, exact[i]);
        add(&mux, prefix[i]);
    }
    gf_mux_seal(&mux);
    for (int i = 0; i < 500; i++) {
        char type[32];
        CHECK_STR(find(&mux, exact[i]), exact[i]);
        snprintf(type, sizeof type, "p%d:x", i);
        CHECK_STR(find(&mux, type), prefix[i]);
    }
    gf_mux_clear(&mux);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(exact_beats_prefix_and_longer_beats_shorter), TEST(without_a_match_there_is_none),
        TEST(bad_patterns_are_refused), TEST(hundreds_are_all_found),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
