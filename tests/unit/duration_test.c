// duration_test.c - durations and times as people write them.
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "local_times.h"

static void durations_are_read(void)
{
    static const struct { const char *text; int64_t ms; } cases[] = {
        { "0", 0 }, { "1", 1000 }, { "1.5", 1500 }, { ".5", 500 }, { "250ms", 250 },
        { "30s", 30000 },
        { "5m", 300000 }, { "1h30m", 5400000 }, { "2d", 172800000 }, { "1w", 604800000 },
        { "1.5h", 5400000 }, { "1h1m1s1ms", 3661001 }, { "36525d", GOFER_MAX_DURATION_MS },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;
        CHECK_OK(gofer_parse_duration(cases[i].text, &ms));
        CHECK_INT(ms, cases[i].ms);
    }
}

static void bad_durations_are_refused_with_a_hint(void)
{
    static const char *const cases[] = {
        "",
        "s",
        "-1",
        "-5m",
        "5 m",
        "5x",
        "5min",
        "m5",
        "1h30",
        "1e3",
        "0x10",
        "inf",
        "nan",
        "5m ",
        "36526d",
        "99999999999999999999999999w",
        "5m-1s",
        "+5",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 77;
        CHECK_STATUS(gofer_parse_duration(cases[i], &ms), GOFER_EINVAL);
        CHECK_INT(ms, 77);
    }
    CHECK_STATUS(gofer_parse_duration(NULL, NULL), GOFER_EINVAL);
}

static void times_are_read(void)
{
    static const struct { const char *text; int64_t ms; } cases[] = {
        { "1970-01-01T00:00:00Z", 0 }, { "2026-11-23T18:00:00Z", INT64_C(1795456800000) },
        { "2026-11-23T18:00:00.250Z", INT64_C(1795456800250) },
        { "2026-11-23 19:00+01:00", INT64_C(1795456800000) },
        { "2026-11-23T12:30:00-0530", INT64_C(1795456800000) },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
        { "@1795456800", INT64_C(1795456800000) }, { "@0.5", 500 },
        { "9999-12-31T23:59:59Z", INT64_C(253402300799000) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;
        CHECK_OK(gofer_parse_time(cases[i].text, &ms));
        CHECK_INT(ms, cases[i].ms);
    }
}

static void a_time_without_zone_is_local(void)
{
    setenv("TZ", "EST5", 1);
    tzset();
    int64_t ms = -1;
    CHECK_OK(gofer_parse_time("2026-11-23T13:00:00", &ms));
    CHECK_INT(ms, INT64_C(1795456800000));
    unsetenv("TZ");
    tzset();
}

// The times of tests/local_times.txt, each in the zone that TZ names, whatever was asked before.
static void a_local_time_that_clocks_leave_out_or_repeat_is_one_moment(void)
{
    gf_local_row row;
    FILE *table = gf_local_times_open();
    size_t rows = 0;
    for (; gf_local_times_next(table, &row); rows++) {
        static const char *const others[] = { "2026-07-01T00:00:00", "2026-12-01T00:00:00" };
        setenv("TZ", row.zone, 1);
        for (size_t i = 0; i < COUNT(others); i++) {
            int64_t other_ms, ms = -1;
            CHECK_OK(gofer_parse_time(others[i], &other_ms));
            CHECK_OK(gofer_parse_time(row.local, &ms));
            if (!CHECK_INT(ms, row.at_ms))
                printf("    %s %s\n", row.zone, row.local);
        }
    }
    CHECK(rows > 20);
    fclose(table);
    // A zone by its rule, without the tz database.
    int64_t ms = -1;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    CHECK_OK(gofer_parse_time("2026-03-29T02:30:00", &ms));
    CHECK_INT(ms, INT64_C(1774747800000));
    unsetenv("TZ");
    tzset();
}

static void bad_times_are_refused(void)
{
    static const char *const cases[] = {
        "",
        "tomorrow",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-23",
        "2026-11-23T25:00:00Z",
        "2026-11-23T18:00:00+99:00",
        "2026-11-23T18:00:00ZZ",
        "1969-12-31T23:59:59Z",
        "@",
        "@x",
        "@-5",
        "@99999999999999",
        "2026-11-23T18:00:00.Z",
        "20261123T180000Z",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 77;
        CHECK_STATUS(gofer_parse_time(cases[i], &ms), GOFER_EINVAL);
        CHECK_INT(ms, 77);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(durations_are_read), TEST(bad_durations_are_refused_with_a_hint), TEST(times_are_read),
        TEST(a_time_without_zone_is_local), TEST(bad_times_are_refused),
        TEST(a_local_time_that_clocks_leave_out_or_repeat_is_one_moment),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
