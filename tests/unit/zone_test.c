// zone_test.c - time zones: names, spans, rules past the last change, files that are damaged.
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "calendar/posix_rule.h"
#include "calendar/zone.h"
#include "calendar/zone_file.h"
#include "util/alloc.h"

static int64_t at_s(const char *text)
{
    int64_t ms = -1;
    CHECK_OK(gofer_parse_time(text, &ms));
    return ms / 1000;
}

static void offsets_are_those_of_the_tz_database(void)
{
    static const struct { const char *zone, *at; int32_t minutes; } cases[] = {
        { "UTC", "2026-11-23T18:00:00Z", 0 }, { "Europe/Berlin", "2026-01-01T00:00:00Z", 60 },
        { "Europe/Berlin", "2026-03-29T00:59:59Z", 60 },
        { "Europe/Berlin", "2026-03-29T01:00:00Z", 120 },
        { "Europe/Berlin", "2026-10-25T00:59:59Z", 120 },
        { "Europe/Berlin", "2026-10-25T01:00:00Z", 60 },
        { "Europe/Berlin", "1985-07-01T00:00:00Z", 120 },
        { "Europe/Berlin", "2130-07-01T00:00:00Z", 120 },
        { "Europe/Berlin", "2130-01-01T00:00:00Z", 60 },
        { "America/New_York", "2026-07-01T00:00:00Z", -240 },
        { "America/New_York", "2199-12-25T00:00:00Z", -300 },
        { "Australia/Lord_Howe", "2026-01-01T00:00:00Z", 660 },
        { "Australia/Lord_Howe", "2126-07-01T00:00:00Z", 630 },
        { "Africa/Casablanca", "2026-03-01T00:00:00Z", 0 },
        { "Africa/Casablanca", "2026-06-01T00:00:00Z", 60 },
        { "Asia/Kathmandu", "2026-06-01T00:00:00Z", 345 },
        { "Europe/Dublin", "2150-07-01T00:00:00Z", 60 },
        { "Europe/Dublin", "2150-01-01T00:00:00Z", 0 },
        { "Etc/GMT+5", "2026-06-01T00:00:00Z", -300 },
        { "Pacific/Apia", "2011-12-30T09:59:59Z", -600 },
        { "Pacific/Apia", "2011-12-30T10:00:00Z", 840 },
    };
    gf_zones zones = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const gf_zone *zone;
        REQUIRE_OK(gf_zones_get(&zones, cases[i].zone, &zone));
        gf_span span = gf_zone_span(zone, at_s(cases[i].at));
        if (!CHECK_INT(span.offset_s, cases[i].minutes * 60))
            printf("    %s at %s\n", cases[i].zone, cases[i].at);
        CHECK(span.start_s <= at_s(cases[i].at) && at_s(cases[i].at) < span.end_s);
    }
    gf_zones_clear(&zones);
}

static void spans_join_without_gaps(void)
{
    static const char *const names[] = { "Europe/Berlin", "Australia/Lord_Howe",
        "Africa/Casablanca", "America/Santiago" };
    gf_zones zones = { 0 };
    for (size_t i = 0; i < COUNT(names); i++) {
        const gf_zone *zone;
        REQUIRE_OK(gf_zones_get(&zones, names[i], &zone));
        int64_t end = at_s("2200-01-01T00:00:00Z");
        int steps = 0;
        for (gf_span span = gf_zone_span(zone, at_s("1970-01-01T00:00:00Z"));
             span.end_s < end && steps < 2000; steps++) {
            gf_span next = gf_zone_span(zone, span.end_s);
            REQUIRE(next.start_s == span.end_s);
            REQUIRE(next.end_s > next.start_s);
            CHECK_INT(gf_zone_span(zone, next.start_s - 1).offset_s, span.offset_s);
            span = next;
        }
        CHECK(steps > 50 && steps < 2000);
    }
    gf_zones_clear(&zones);
}

static void the_environment_plays_no_part(void)
{
    gf_zones zones = { 0 };
    const gf_zone *zone;
    setenv("TZ", "Asia/Tokyo", 1);
    REQUIRE_OK(gf_zones_get(&zones, NULL, &zone));
    CHECK_STR(gf_zone_name(zone), "UTC");
    CHECK_INT(gf_zone_span(zone, 0).offset_s, 0);
    CHECK_STR(getenv("TZ"), "Asia/Tokyo");
    unsetenv("TZ");
    const gf_zone *again;
    REQUIRE_OK(gf_zones_get(&zones, "", &again));
    CHECK(again == zone);
    gf_zones_clear(&zones);
}

static void names_that_are_none_are_refused(void)
{
    static const struct { const char *name, *words; } cases[] = {
        { "Europe/Berln", "did you mean 'Europe/Berlin'" },
        { "europe/berlin", "did you mean 'Europe/Berlin'" },
        { "Berlin", "did you mean 'Europe/Berlin'" }, { "Local", "no time zone 'Local'" },
        { "Nowhere/Xyzzyx", "no time zone 'Nowhere/Xyzzyx'" },
        { "../../etc/passwd", "not the name of a time zone" },
        { "/etc/passwd", "not the name" }, { "Europe//Berlin", "not the name" },
        { "Europe/", "not the name" },
        { "Europe", "no time zone" }, { "Eur pe", "not the name" }, { "\xff", "not the name" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "not the name" },
    };
    gf_zones zones = { 0 };
    const gf_zone *zone = NULL;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_zones_get(&zones, cases[i].name, &zone), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].words);
    }
    CHECK(zone == NULL);
    gf_zones_clear(&zones);
}

static void rules_are_read(void)
{
    static const struct { const char *text; bool fine; } cases[] = {
        { "CET-1CEST,M3.5.0,M10.5.0/3", true }, { "<+0330>-3:30", true },
        { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", true },
        { "EST5EDT,M3.2.0,M11.1.0", true }, { "XXX3EDT4,0/0,J365/23", true },
        { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true },
        { "IST-1GMT0,M10.5.0,M3.5.0/1", true }, { "", false }, { "CET", false },
        { "CET-1CEST", false }, { "C-1", false },
        { "CET-25", false }, { "CET-1CEST,M13.1.0,M1.1.0", false }, { "CET-1CEST,M3.5.0", false },
        { "<+03-3", false },
        { "CET-1CEST,M3.5.0,M10.5.0/3x", false }, { "CET-1CEST,M3.5.0/168,M10.5.0", false },
        { "CET-99999999999", false },
    };
    gf_posix_rule rule;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!CHECK_INT(gf_posix_rule_parse(cases[i].text, strlen(cases[i].text), &rule),
                cases[i].fine))
            printf("    '%s'\n", cases[i].text);
    int64_t start_s, end_s;
    REQUIRE(gf_posix_rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", 26, &rule));
    gf_posix_rule_changes(&rule, 2026, &start_s, &end_s);
    CHECK_INT(start_s, at_s("2026-03-29T01:00:00Z"));
    CHECK_INT(end_s, at_s("2026-10-25T01:00:00Z"));
    REQUIRE(gf_posix_rule_parse("AAA0BBB,J60,59/4", 16, &rule));
    gf_posix_rule_changes(&rule, 2028, &start_s, &end_s);
    CHECK_INT(start_s, at_s("2028-03-01T02:00:00Z"));
    CHECK_INT(end_s, at_s("2028-02-29T03:00:00Z"));
}

// Whatever bytes: no crash, and either a zone or a reason. (fuzz_zone does more of this.)
static void damaged_files_are_refused(void)
{
    char *bytes;
    size_t size;
    REQUIRE_OK(gf_zone_file_read("America/New_York", &bytes, &size));
    gf_zone *zone = NULL;
    CHECK_OK(gf_zone_parse("x", bytes, size, &zone));
    gf_zone_free(zone);
    for (size_t cut = 0; cut < size; cut++) {
        // Of its own size, so that a sanitizer sees a byte read beyond it.
        char *exact = malloc(cut ? cut : 1);
        REQUIRE(exact != NULL);
        memcpy(exact, bytes, cut);
        zone = NULL;
        CHECK_STATUS(gf_zone_parse("x", exact, cut, &zone), GOFER_ECORRUPT);
        free(exact);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (char)0x80;
        zone = NULL;
        gofer_status st = gf_zone_parse("x", bytes, size, &zone);
        CHECK(st == GOFER_OK || st == GOFER_ECORRUPT);
        gf_zone_free(zone);
        bytes[i] ^= (char)0x80;
    }
    gf_free(bytes);
}

static const check_test tests[] = {
    TEST(offsets_are_those_of_the_tz_database),
    TEST(spans_join_without_gaps),
    TEST(the_environment_plays_no_part),
    TEST(names_that_are_none_are_refused),
    TEST(rules_are_read),
    TEST(damaged_files_are_refused),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
