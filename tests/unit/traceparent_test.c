// traceparent_test.c - W3C Trace Context is read strictly: what the grammar allows, by table; what
// a stranger may send, by chance.
#include "util/traceparent.h"

#include "check.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"
#define GOOD  "00-" TRACE "-" SPAN "-01"

static void traceparents_are_read_as_the_recommendation_says(void)
{
    static const struct { const char *text, *want; } cases[] = {    // want NULL: malformed
        { GOOD, GOOD },
        { "00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00" },
        { "00-" TRACE "-" SPAN "-03", "00-" TRACE "-" SPAN "-03" },
        { "00-" TRACE "-" SPAN "-ff", "00-" TRACE "-" SPAN "-03" },     // flags nobody knows
        { "00-" TRACE "-" SPAN "-fc", "00-" TRACE "-" SPAN "-00" },
        // versions to come: what is as in 00
        { "01-" TRACE "-" SPAN "-01", GOOD },
        { "cc-" TRACE "-" SPAN "-01-what the future will be like", GOOD },
        { "cc-" TRACE "-" SPAN "-01-", GOOD },
        { "fe-" TRACE "-" SPAN "-01", GOOD },
        { "cc-" TRACE "-" SPAN "-01.what", NULL },
        { "cc-" TRACE "-" SPAN "-0", NULL },
        { "ff-" TRACE "-" SPAN "-01", NULL },
        { GOOD "-", NULL },
        { GOOD "-more", NULL },
        { GOOD "x", NULL },
        { GOOD " ", NULL },
        { " " GOOD, NULL },
        { "", NULL },
        { "0", NULL },
        { "00", NULL },
        { "00-", NULL },
        { "00-" TRACE, NULL },
        { "00-" TRACE "-", NULL },
        { "00-" TRACE "-" SPAN, NULL },
        { "00-" TRACE "-" SPAN "-", NULL },
        { "00-" TRACE "-" SPAN "-0", NULL },
        { "0-" TRACE "-" SPAN "-01", NULL },
        { "000-" TRACE "-" SPAN "-01", NULL },
        { "00_" TRACE "-" SPAN "-01", NULL },
        { "00-" TRACE "_" SPAN "-01", NULL },
        { "00-" TRACE "-" SPAN "_01", NULL },
        // lower case alone
        { "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", NULL },
        { "00-" TRACE "-B7AD6B7169203331-01", NULL },
        { "00-" TRACE "-" SPAN "-0A", NULL },
        { "0A-" TRACE "-" SPAN "-01", NULL },
        { "00-0af7651916cd43dd8448eb211c80319g-" SPAN "-01", NULL },
        { "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01", NULL },
        { "00-" TRACE "0-" SPAN "-01", NULL },
        { "00-" TRACE "-b7ad6b716920333-01", NULL },
        // ids of zeros
        { "00-00000000000000000000000000000000-" SPAN "-01", NULL },
        { "00-" TRACE "-0000000000000000-01", NULL },
        { "00-00000000000000000000000000000001-0000000000000001-01",
            "00-00000000000000000000000000000001-0000000000000001-01" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_traceparent t = { .flags = 77 };
        char got[GF_TRACEPARENT_TEXT] = "";
        bool read = gf_traceparent_read(cases[i].text, &t);
        if (!CHECK_INT(read, cases[i].want != NULL))
            fprintf(stderr, "    case %zu: %s\n", i, cases[i].text);
        if (!read) {
            CHECK_INT(t.flags, 77);
            continue;
        }
        gf_traceparent_write(&t, got);
        CHECK_STR(got, cases[i].want);
    }
}

static void a_version_to_come_has_an_end_too(void)
{
    char text[GF_TRACEPARENT_MAX + 2];
    gf_traceparent t;
    memset(text, 'x', sizeof text);
    memcpy(text, "01-" TRACE "-" SPAN "-01-", 56);
    text[GF_TRACEPARENT_MAX] = '\0';
    CHECK(gf_traceparent_read(text, &t));
    text[GF_TRACEPARENT_MAX] = 'x';
    text[GF_TRACEPARENT_MAX + 1] = '\0';
    CHECK(!gf_traceparent_read(text, &t));
}

static void tracestates_are_lists_of_keys_and_values(void)
{
    static const struct { const char *text; bool valid; } cases[] = {
        { "rojo=00f067aa0ba902b7", true },
        { "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true },
        { "a=1, b=2 ,\tc=3", true },
        { "a=1,,b=2", true },
        { ",a=1,", true },
        { "fw529a3039@dt=FfAAAAA", true },
        { "1tenant@vendor=x", true },
        { "a_b-c*d/e=x", true },
        { "a= x", true },
        { "a=x y", true },
        { "a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~", true },
        { "", false },
        { ",", false },
        { " ", false },
        { "a", false },
        { "a=", false },
        { "=1", false },
        { "a=1=2", false },
        { "A=1", false },
        { "1a=1", false },              // a digit first is a tenant's
        { "a@=1", false },
        { "@a=1", false },
        { "a@1=1", false },
        { "a@b@c=1", false },
        { "a@abcdefghijklmno=1", false },      // 15 letters
        { "a@abcdefghijklmn=1", true },
        { "a b=1", false },
        { "a=\x01", false },
        { "a=\xc3\xa9", false },
        { "a=1,a=2", false },
        { "a=1,b=2,a@x=3", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!CHECK_INT(gf_tracestate_valid(cases[i].text), cases[i].valid))
            fprintf(stderr, "    case %zu: %s\n", i, cases[i].text);
}

static void a_tracestate_has_bounds(void)
{
    char text[1024] = "";
    size_t used = 0;
    for (int i = 0; i < 33; i++) {
        if (i == 32)
            CHECK(gf_tracestate_valid(text));
        used += (size_t)snprintf(text + used, sizeof text - used, "%sk%d=v", i ? "," : "", i);
    }
    CHECK(!gf_tracestate_valid(text));
    memset(text, 'v', sizeof text);
    memcpy(text, "k=", 2);
    text[2 + 256] = '\0';
    CHECK(gf_tracestate_valid(text));
    text[2 + 256] = 'v';
    text[2 + 257] = '\0';
    CHECK(!gf_tracestate_valid(text));
    memset(text, ',', sizeof text);
    memcpy(text, "k=v", 3);
    text[GF_TRACESTATE_MAX] = '\0';
    CHECK(gf_tracestate_valid(text));
    text[GF_TRACESTATE_MAX] = ',';
    text[GF_TRACESTATE_MAX + 1] = '\0';
    CHECK(!gf_tracestate_valid(text));
}

static uint32_t next(uint32_t *seed)
{
    return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

// Each text in memory of its very size, so that a sanitizer sees a byte too far.
static void what_chance_makes_of_them_is_read_within_its_bounds(void)
{
    static const char letters[] = "0123456789abcdefABF-=,@ \t\x01\xff_z";
    uint32_t seed = 12345;
    size_t good = 0;
    for (int i = 0; i < 200000; i++) {
        char made[128] = GOOD;
        size_t size = strlen(GOOD);
        for (uint32_t n = next(&seed) % 3; n > 0; n--)
            made[next(&seed) % size] = letters[next(&seed) % (sizeof letters - 1)];
        if (next(&seed) % 4 == 0)
            size = next(&seed) % (size + 1);
        made[size] = '\0';
        char *text = malloc(size + 1);
        REQUIRE(text != NULL);
        memcpy(text, made, size + 1);
        gf_traceparent t, again;
        char written[GF_TRACEPARENT_TEXT];
        if (gf_traceparent_read(text, &t)) {
            good++;
            gf_traceparent_write(&t, written);
            CHECK(gf_traceparent_read(written, &again) && memcmp(&t, &again, sizeof t) == 0);
        }
        (void)gf_tracestate_valid(text);
        free(text);
    }
    CHECK(good > 1000 && good < 199000);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(traceparents_are_read_as_the_recommendation_says),
        TEST(a_version_to_come_has_an_end_too),
        TEST(tracestates_are_lists_of_keys_and_values),
        TEST(a_tracestate_has_bounds),
        TEST(what_chance_makes_of_them_is_read_within_its_bounds),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
