// hours_test.c - allowed hours: what is read and refused, and when they open and close.
#include <string.h>

#include "calendar/hours.h"
#include "calendar/zone.h"
#include "check.h"

static gf_zones zones;

static int64_t at_s(const char *text)
{
    int64_t ms = -1;
    CHECK_OK(gofer_parse_time(text, &ms));
    return ms / 1000;
}

static gf_span span_at(const void *zone, int64_t unix_s)
{
    return gf_zone_span(zone, unix_s);
}

// "" of until: it was not found to change.
typedef struct look {
    const char *at;
    bool        open;
    const char *until;
} look;

static void check_looks(const char *spec, const look *looks, size_t count)
{
    gf_hours hours;
    const gf_zone *zone;
    REQUIRE_OK(gf_hours_parse(spec, &hours));
    REQUIRE_OK(gf_zones_get(&zones, hours.zone, &zone));
    for (size_t i = 0; i < count; i++) {
        gf_hours_state is = gf_hours_at(&hours, span_at, zone, at_s(looks[i].at));
        bool fine = CHECK_INT(is.open, looks[i].open);
        if (*looks[i].until)
            fine = CHECK_INT(is.until_s, at_s(looks[i].until)) && CHECK(is.turns) && fine;
        else
            fine = CHECK(!is.turns) && fine;
        if (!fine)
            printf("    '%s' at %s\n", spec, looks[i].at);
    }
}

#define LOOKS(spec, ...) \
    do { \
        static const look looks[] = { __VA_ARGS__ }; \
        check_looks(spec, looks, COUNT(looks)); \
    } while (0)

// 2026-11-23 is a Monday; Rome is an hour before UTC in winter.
static void windows_open_and_close(void)
{
    LOOKS("mon-fri 01:00-05:00 Europe/Rome",
        { "2026-11-22T23:59:59Z", false, "2026-11-23T00:00:00Z" },
        { "2026-11-23T00:00:00Z", true, "2026-11-23T04:00:00Z" },
        { "2026-11-23T03:59:59Z", true, "2026-11-23T04:00:00Z" },
        { "2026-11-23T04:00:00Z", false, "2026-11-24T00:00:00Z" },
        { "2026-11-27T05:00:00Z", false, "2026-11-30T00:00:00Z" });
    LOOKS("9:00-12:00, 13:00-17:00",
        { "2026-11-23T10:00:00Z", true, "2026-11-23T12:00:00Z" },
        { "2026-11-23T12:30:00Z", false, "2026-11-23T13:00:00Z" },
        { "2026-11-23T17:00:00Z", false, "2026-11-24T09:00:00Z" });
    LOOKS("mon,wed 01:00-02:00, sun 03:00-04:00; Fri 05:00-06:00",
        { "2026-11-23T01:00:00Z", true, "2026-11-23T02:00:00Z" },
        { "2026-11-23T02:00:00Z", false, "2026-11-25T01:00:00Z" },
        { "2026-11-25T02:00:00Z", false, "2026-11-27T05:00:00Z" },
        { "2026-11-27T06:00:00Z", false, "2026-11-29T03:00:00Z" });
}

static void whole_days_and_those_over_the_weeks_end(void)
{
    LOOKS("sat-mon",
        { "2026-11-27T23:59:59Z", false, "2026-11-28T00:00:00Z" },
        { "2026-11-28T00:00:00Z", true, "2026-12-01T00:00:00Z" });
    LOOKS("Saturday; SUN 00:00-24:00 UTC",
        { "2026-11-28T12:00:00Z", true, "2026-11-30T00:00:00Z" });
    LOOKS("mon 01:00-02:00, sat", { "2026-11-23T02:00:00Z", false, "2026-11-28T00:00:00Z" },
        { "2026-11-28T02:00:00Z", true, "2026-11-29T00:00:00Z" });
    LOOKS("00:00-24:00", { "2026-11-28T12:00:00Z", true, "" });
    LOOKS("mon-sun; not 2026-12-25", { "2026-11-28T12:00:00Z", true, "2026-12-25T00:00:00Z" },
        { "2026-12-25T12:00:00Z", false, "2026-12-26T00:00:00Z" },
        { "2026-12-26T12:00:00Z", true, "" });
}

static void windows_that_touch_are_one(void)
{
    LOOKS("01:00-02:00, 02:00-03:00", { "2026-11-23T01:30:00Z", true, "2026-11-23T03:00:00Z" });
    LOOKS("22:00-24:00, 00:00-02:00", { "2026-11-23T22:00:00Z", true, "2026-11-24T02:00:00Z" });
    LOOKS("01:00-04:00, 02:00-03:00", { "2026-11-23T01:30:00Z", true, "2026-11-23T04:00:00Z" });
}

static void a_window_over_midnight_is_of_its_first_day(void)
{
    LOOKS("fri 22:00-06:00 Europe/Rome",
        { "2026-11-27T20:59:59Z", false, "2026-11-27T21:00:00Z" },
        { "2026-11-27T21:00:00Z", true, "2026-11-28T05:00:00Z" },
        { "2026-11-28T04:59:59Z", true, "2026-11-28T05:00:00Z" },
        { "2026-11-28T05:00:00Z", false, "2026-12-04T21:00:00Z" });
    LOOKS("22:00-06:00; not 2026-12-25",     // the evening before ends at midnight
        { "2026-12-24T23:00:00Z", true, "2026-12-25T00:00:00Z" },
        { "2026-12-25T00:00:00Z", false, "2026-12-26T22:00:00Z" },
        { "2026-12-26T03:00:00Z", false, "2026-12-26T22:00:00Z" });
    LOOKS("23:59:30-00:00:05", { "2026-12-24T23:59:29Z", false, "2026-12-24T23:59:30Z" },
        { "2026-12-24T23:59:30Z", true, "2026-12-25T00:00:05Z" });
    LOOKS("22:00-00:00", { "2026-12-24T23:00:00Z", true, "2026-12-25T00:00:00Z" });
}

static void dates_may_be_many(void)
{
    LOOKS("mon-fri 01:00-05:00; not 2026-12-24..2027-01-06, 2027-01-07",
        { "2026-12-23T05:00:00Z", false, "2027-01-08T01:00:00Z" });
    LOOKS("10:00-11:00; not 2028-02-29 2028-03-01", { "2028-02-28T11:00:00Z", false,
        "2028-03-02T10:00:00Z" });
    LOOKS("not 2026-12-25; 10:00-11:00", { "2026-12-25T10:00:00Z", false, "2026-12-26T10:00:00Z" });
}

// Clocks go forward at 2 and back at 3 o'clock in Rome.
static void what_clocks_leave_out_does_not_come(void)
{
    LOOKS("02:00-03:00 Europe/Rome",
        { "2026-03-28T02:00:00Z", false, "2026-03-30T00:00:00Z" });
    LOOKS("01:30-02:30 Europe/Rome",
        { "2026-03-29T00:30:00Z", true, "2026-03-29T01:00:00Z" },
        { "2026-03-29T01:00:00Z", false, "2026-03-29T23:30:00Z" });
    LOOKS("02:30-03:30 Europe/Rome",
        { "2026-03-29T00:59:59Z", false, "2026-03-29T01:00:00Z" },
        { "2026-03-29T01:00:00Z", true, "2026-03-29T01:30:00Z" });
    LOOKS("22:00-06:00 Europe/Rome",
        { "2026-03-28T21:00:00Z", true, "2026-03-29T04:00:00Z" });
}

static void what_clocks_show_twice_comes_twice(void)
{
    LOOKS("02:00-03:00 Europe/Rome",
        { "2026-10-25T00:00:00Z", true, "2026-10-25T02:00:00Z" });
    LOOKS("02:00-02:30 Europe/Rome",
        { "2026-10-25T00:00:00Z", true, "2026-10-25T00:30:00Z" },
        { "2026-10-25T00:30:00Z", false, "2026-10-25T01:00:00Z" },
        { "2026-10-25T01:00:00Z", true, "2026-10-25T01:30:00Z" },
        { "2026-10-25T01:30:00Z", false, "2026-10-26T01:00:00Z" });
}

// Samoa had no 30 December 2011.
static void a_day_that_a_zone_left_out_has_no_hours(void)
{
    LOOKS("fri 10:00-12:00 Pacific/Apia",
        { "2011-12-30T09:59:59Z", false, "2012-01-05T20:00:00Z" });
}

static void what_is_wrong_is_said_with_its_place(void)
{
    static const struct { const char *spec, *words; } cases[] = {
        { "", "no window" }, { " ; ,", "no window" }, { "Europe/Rome", "no window" },
        { "not 2026-12-25", "no window" },
        { "mon-fri 01:00", "character 9, '01:00': that is no window" },
        { "mon-fri 25:00-26:00", "character 9, '25:00-26:00'" },
        { "mon-fri 24:01-05:00", "character 9" }, { "01:60-02:00", "character 1" },
        { "1-2", "character 1" },
        { "01:00:60-02:00", "character 1" }, { "01:00:1-02:00", "character 1" },
        { "01:00-05:00x", "character 1" },
        { "01:00-01:00", "no time in it" }, { "24:00-01:00", "no time in it" },
        { "mon-xyz 01:00-02:00", "character 1, 'mon-xyz': that is no day of the week" },
        { "01:00-02:00 mars", "character 13, 'mars'" },
        { "01:00-02:00; not", "character 17, '': 'not' wants dates" },
        { "01:00-02:00; not; 03:00-04:00", "'not' wants dates" },
        { "01:00-02:00; not mon", "character 18, 'mon': behind 'not' there are dates" },
        { "01:00-02:00; not 2026-12-25 03:00-04:00", "behind 'not' there are dates" },
        { "01:00-02:00; not 2026-12-25 not 2026-12-26", "twice" },
        { "01:00-02:00; not 2026-02-29", "that is no date" },
        { "01:00-02:00; not 2026-13-01", "that is no date" },
        { "01:00-02:00; not 2026-12-25..", "that is no date" },
        { "01:00-02:00; not 2026-12-25..2026-12-24", "the second date is before the first" },
        { "01:00-02:00, 2026-12-25", "dates stand behind 'not'" },
        { "01:00-02:00 Europe/Rome, 03:00-04:00 Europe/Paris", "another time zone" },
        { "01:00-02:00\n", "character 12" }, { "01:00\xe2\x80\x93""02:00", "character 6" },
        { "01:00-02:00 Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "so long" },
    };
    gf_hours hours;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_hours_parse(cases[i].spec, &hours), GOFER_EINVAL);
        if (!CHECK_HAS(gofer_error_last(), cases[i].words))
            printf("    '%s'\n", cases[i].spec);
    }
}

static void there_is_an_end_of_what_is_read(void)
{
    char spec[GF_HOURS_SPEC_MAX + 2];
    gf_hours hours;
    memset(spec, ' ', sizeof spec);
    memcpy(spec, "01:00-02:00", 11);
    spec[GF_HOURS_SPEC_MAX] = '\0';
    CHECK_OK(gf_hours_parse(spec, &hours));
    CHECK_INT((int64_t)hours.window_count, 1);
    spec[GF_HOURS_SPEC_MAX] = ' ';
    spec[GF_HOURS_SPEC_MAX + 1] = '\0';
    CHECK_STATUS(gf_hours_parse(spec, &hours), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "1001 bytes");
    *spec = '\0';
    for (int i = 0; i <= GF_HOURS_WINDOWS; i++)
        strcat(spec, "01:00-02:00 ");
    CHECK_STATUS(gf_hours_parse(spec, &hours), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "more windows");
    strcpy(spec, "mon;not ");
    for (int i = 0; i <= GF_HOURS_DATES; i++)
        strcat(spec, "2026-12-25 ");
    CHECK_STATUS(gf_hours_parse(spec, &hours), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "more dates");
}

// However it is asked, the answers agree: nothing changes before it is said to.
static void answers_agree_through_the_year(void)
{
    static const char *const specs[] = { "mon-fri 22:30-02:15 Europe/Rome; not 2026-12-25",
        "02:00-02:30, 23:00-02:10 Europe/Rome", "sun 01:15-23:45 America/New_York" };
    for (size_t i = 0; i < COUNT(specs); i++) {
        gf_hours hours;
        const gf_zone *zone;
        REQUIRE_OK(gf_hours_parse(specs[i], &hours));
        REQUIRE_OK(gf_zones_get(&zones, hours.zone, &zone));
        int64_t now = at_s("2026-01-01T00:00:00Z"), end = at_s("2027-01-01T00:00:00Z");
        gf_hours_state is = gf_hours_at(&hours, span_at, zone, now);
        for (; now < end; now += 300) {
            gf_hours_state next = gf_hours_at(&hours, span_at, zone, now);
            if (now < is.until_s) {
                REQUIRE(next.open == is.open && next.until_s == is.until_s);
                continue;
            }
            REQUIRE(now == is.until_s && next.open != is.open);
            is = next;
        }
    }
    gf_zones_clear(&zones);
}

static const check_test tests[] = {
    TEST(windows_open_and_close),
    TEST(whole_days_and_those_over_the_weeks_end),
    TEST(windows_that_touch_are_one),
    TEST(a_window_over_midnight_is_of_its_first_day),
    TEST(dates_may_be_many),
    TEST(what_clocks_leave_out_does_not_come),
    TEST(what_clocks_show_twice_comes_twice),
    TEST(a_day_that_a_zone_left_out_has_no_hours),
    TEST(what_is_wrong_is_said_with_its_place),
    TEST(there_is_an_end_of_what_is_read),
    TEST(answers_agree_through_the_year),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
