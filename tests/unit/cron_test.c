// cron_test.c - cron expressions: what is accepted, when they come, what they say in words; the
// vectors of robfig/cron.
#include <string.h>

#include "check.h"
#include "local_times.h"
#include "schedule/cron.h"
#include "calendar/date.h"
#include "schedule/go_duration.h"
#include "vectors/golden.h"

static int64_t at(const char *text)
{
    int64_t ms = -1;
    CHECK_OK(gofer_parse_time(text, &ms));
    return ms;
}

// The zone of a spec, or else a given one; tests keep one cache each.
static const gf_zone *zone_for(gf_zones *zones, const char *spec, const char *fallback)
{
    const char *name;
    size_t size;
    char copy[64];
    const gf_zone *zone = NULL;
    CHECK(gf_cron_zone_of(spec, &name, &size) != NULL);
    snprintf(copy, sizeof copy, "%.*s", (int)size, name ? name : "");
    CHECK_OK(gf_zones_get(zones, name ? copy : fallback, &zone));
    return zone;
}

// ---- what Asynq's parser does -------------------------------------------------------------------

static bool is_never(const cJSON *spec)
{
    const cJSON *next = cJSON_GetObjectItem(spec, "next");
    return next && strcmp(cJSON_GetArrayItem(next, 0)->valuestring, "never") == 0;
}

// A zone that is not there is found by the zones, not by the parser.
static gofer_status parse_whole(gf_zones *zones, const char *spec, gf_cron *cron)
{
    const char *name;
    size_t size;
    char copy[64];
    const gf_zone *zone;
    gofer_status st = gf_cron_parse(spec, cron);
    if (st != GOFER_OK || !gf_cron_zone_of(spec, &name, &size) || !name)
        return st;
    snprintf(copy, sizeof copy, "%.*s", (int)size, name);
    return gf_zones_get(zones, copy, &zone);
}

static void the_vectors_are_read_as_by_asynq(void)
{
    cJSON *file = golden_file(VECTORS, "05-cron.json");
    gf_zones zones = { 0 };
    const cJSON *one;
    int count = 0, compared = 0;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(file, "specs")) {
        const char *spec = golden_text(one, "spec"), *location = golden_text(one, "location");
        bool refused = cJSON_IsString(cJSON_GetObjectItem(one, "error")), never = is_never(one);
        gf_cron cron;
        count++;
        gofer_status st = parse_whole(&zones, spec, &cron);
        CHECK_INT(st, refused || never ? GOFER_EINVAL : GOFER_OK);
        if (never)
            CHECK_HAS(gofer_error_last(), "never comes");
        // Where clocks change our rule is another, see below.
        if (st != GOFER_OK || strcmp(location, "UTC") != 0)
            continue;
        const gf_zone *zone = zone_for(&zones, spec, location);
        int64_t from_ms = at(golden_text(one, "from")), last_ms = from_ms;
        const cJSON *next;
        cJSON_ArrayForEach(next, cJSON_GetObjectItem(one, "next")) {
            last_ms = gf_cron_next(&cron, zone, last_ms, from_ms);
            if (!CHECK_INT(last_ms, at(next->valuestring)))
                printf("    of '%s'\n", spec);
            compared++;
        }
    }
    CHECK(count > 50);
    CHECK(compared > 100);
    gf_zones_clear(&zones);
    cJSON_Delete(file);
}

static void fields_are_read_as_by_robfig(void)
{
    static const struct { const char *spec; bool accepted; } cases[] = {
        { "0 0 * * sun", true }, { "0 0 * * SuN", true }, { "0 0 * jan-mar,dec *", true },
        { "0 0 * * 7", false },
        { "+5 0 * * *", true }, { "05 00 * * *", true }, { "5- * * * *", false },
        { "1-2-3 * * * *", false },
        { "*-5 * * * *", true }, { "*/5/2 * * * *", false }, { "*/ * * * *", false },
        { "*/-1 * * * *", false },
        { "*/99999999999999999999 * * * *", false }, { "*/9223372036854775807 * * * *", true },
        { "70/5 * * * *", false },
        { "1,,2 * * * *", true }, { ",5 * * * *", true }, { "? ? ? ? ?", true },
        { "*/1 * * * *", true },
        { " 5 4 * * * ", true }, { "\t5\n4 * * *", true }, { "5 4 * * *\v", true },
        { "0 0 0 * *", false }, { "0 0 * 0 *", false },
        { "0 24 * * *", false }, { "0 0 32 * *", false }, { "0 0 * 13 *", false },
        { "0 0 * feb *", true },
        { "0 0 * februar *", false }, { "0 0 mon * *", false }, { "@daily ", false },
        { " @daily", false },
        { "TZ=UTC @daily ", true }, { "TZ=UTC", false }, { "CRON_TZ=UTC ", false },
        { "TZ= 5 4 * * *", true },
        { "tz=UTC 5 4 * * *", false }, { "@every 1h30m10s", true }, { "@every", false },
        { "@every ", false },
        { "@every 1", false }, { "@every 1d", false }, { "@every .5m", true },
        { "@every 1.m", true }, { "@every .m", false },
        { "@every 5\u00b5s", true }, { "@every 0", true }, { "@every +1h", true },
        { "@every 3000000h", false },
        { "@weekly", true }, { "@Weekly", false }, { "\xff * * * *", false },
        { "0 0 31 4,6,9,11 *", false },
        { "0 0 31 4-7 *", true }, { "0 0 30 2 1", true }, { "0 0 30 2 ,", false },
        { "0 0 , * 1", true }, { "0 0 , * *", false },
    };
    gf_cron cron;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!CHECK_INT(gf_cron_parse(cases[i].spec, &cron) == GOFER_OK, cases[i].accepted))
            printf("    '%s'\n", cases[i].spec);
}

static void refusals_say_why(void)
{
    static const struct { const char *spec, *words; } cases[] = {
        { "", "empty" }, { "* * * *", "has 4 fields" }, { "* * * * * *", "no seconds" },
        { "61 * * * *", "minute '61' of the cron expression is not a number from 0 to 59" },
        { "0 0 * * 7", "Sunday is 0" }, { "0 0 * foo *", "or jan to dec" },
        { "10-1 * * * *", "ends before it begins" },
        { "*/0 * * * *", "step" }, { "0 0 31 2 *", "never comes: there is no 31 February" },
        { "0 0 31 4,6 *", "never comes: there is no 31 April" },
        { ",, * * * *", "never comes: its minute is empty" },
        { "@dialy", "did you mean '@daily'" }, { "@reboot", "no word '@reboot'" },
        { "@every 5 minutes", "such as 90s" },
        { "@every", "'@every' of the cron expression needs one blank and a duration" },
        { "@every\t5m", "needs one blank" },
        { "@every ", "needs one blank and a duration" },
        { "@every5m", "needs one blank and a duration" },
        { "TZ=Europe/Berlin", "nothing after it" },
    };
    gf_cron cron;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_cron_parse(cases[i].spec, &cron), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].words);
    }
}

static void go_durations_have_their_limits(void)
{
    static const struct { const char *text; int64_t ns; bool fine; } cases[] = {
        { "1h15m30.918273645s", INT64_C(4530918273645), true },
        { "-1.5h", -INT64_C(5400000000000), true },
        { "9223372036854775807ns", INT64_MAX, true }, { "9223372036854775808ns", 0, false },
        { "-9223372036854775808ns", INT64_MIN, true },
        { "0.100000000000000000000h", INT64_C(360000000000), true },
        { "3000000h", 0, false }, { "1e3s", 0, false }, { "--1s", 0, false }, { "1s ", 0, false },
        { "1\xce\xbcs", 1000, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = 0;
        CHECK_INT(gf_go_duration_parse(cases[i].text, &ns), cases[i].fine);
        if (cases[i].fine)
            CHECK_INT(ns, cases[i].ns);
    }
}

// ---- days on which clocks change ----------------------------------------------------------------

static void each_local_time_comes_once(void)
{
    static const struct { const char *zone, *spec, *from, *next[4]; } cases[] = {
        // The night of 29 March 2026 in Berlin has no 02:00 to 02:59.
        { "Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00+01:00",
            { "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00" } },
        { "Europe/Berlin", "0,15,30 2,3 * * *", "2026-03-29T00:00:00+01:00",
            { "2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00",
              "2026-03-29T03:30:00+02:00" } },
        { "Europe/Berlin", "30 2 * * *", "2026-03-29T01:59:59+01:00",
          { "2026-03-29T03:30:00+02:00" } },
        { "Europe/Berlin", "30 2 * * *", "2026-03-29T03:00:00+02:00",
          { "2026-03-29T03:30:00+02:00" } },
        { "Europe/Berlin", "30 2 * * *", "2026-03-29T03:30:00+02:00",
          { "2026-03-30T02:30:00+02:00" } },
        { "Europe/Berlin", "50 2,4 * * *", "2026-03-29T03:40:00+02:00",
            { "2026-03-29T03:50:00+02:00", "2026-03-29T04:50:00+02:00" } },
        // Times of the gap and those that the clock shows come in the order of their moments.
        { "Europe/Berlin", "10,40 2,3 * * *", "2026-03-29T00:00:00+01:00",
            { "2026-03-29T03:10:00+02:00", "2026-03-29T03:40:00+02:00",
              "2026-03-30T02:10:00+02:00" } },
        { "Antarctica/Troll", "20 1,2 * * *", "2026-03-29T00:00:00+00:00",
            { "2026-03-29T03:20:00+02:00", "2026-03-29T04:20:00+02:00",
              "2026-03-30T01:20:00+02:00" } },
        { "Antarctica/Troll", "30 2,3 * * *", "2026-03-29T00:00:00+00:00",
            { "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00",
              "2026-03-30T02:30:00+02:00" } },
        // That of 25 October has 02:00 to 02:59 twice.
        { "Europe/Berlin", "30 2 * * *", "2026-10-25T00:00:00+02:00",
            { "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00" } },
        { "Europe/Berlin", "30 2 * * *", "2026-10-25T02:10:00+01:00",
          { "2026-10-26T02:30:00+01:00" } },
        { "Europe/Berlin", "*/20 1,2,3 * * *", "2026-10-25T02:35:00+02:00",
            { "2026-10-25T02:40:00+02:00", "2026-10-25T03:00:00+01:00" } },
        // Entries of every hour follow the clock.
        { "Europe/Berlin", "*/30 * * * *", "2026-03-29T01:00:00+01:00",
            { "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00",
              "2026-03-29T03:30:00+02:00" } },
        { "Europe/Berlin", "*/30 * * * *", "2026-10-25T02:10:00+02:00",
            { "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
              "2026-10-25T03:00:00+01:00" } },
        { "America/New_York", "30 2 * * *", "2030-03-09T12:00:00-05:00",
            { "2030-03-10T03:30:00-04:00", "2030-03-11T02:30:00-04:00" } },
        { "America/New_York", "30 1 * * *", "2030-11-02T12:00:00-04:00",
            { "2030-11-03T01:30:00-04:00", "2030-11-04T01:30:00-05:00" } },
        // Half an hour: 02:00 to 02:29 is left out, 01:30 to 01:59 comes twice.
        { "Australia/Lord_Howe", "10 2 * * *", "2026-10-03T12:00:00+10:30",
            { "2026-10-04T02:40:00+11:00", "2026-10-05T02:10:00+11:00" } },
        { "Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00+11:00",
            { "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30" } },
        { "Australia/Lord_Howe", "*/5 * * * *", "2026-10-04T01:54:00+10:30",
            { "2026-10-04T01:55:00+10:30", "2026-10-04T02:30:00+11:00",
              "2026-10-04T02:35:00+11:00" } },
        // Ramadan: the clock goes back for a month.
        { "Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00:00+01:00",
            { "2026-02-15T02:30:00+01:00", "2026-02-16T02:30:00+00:00" } },
        { "Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00:00+00:00",
            { "2026-03-22T03:30:00+01:00", "2026-03-23T02:30:00+01:00" } },
        { "Asia/Kathmandu", "0 6 * * *", "2026-06-01T00:00:00Z", { "2026-06-01T00:15:00Z",
          "2026-06-02T00:15:00Z" } },
        // A day that was left out as a whole: Samoa went over the date line.
        { "Pacific/Apia", "0 12 30 12 *", "2011-06-01T00:00:00Z", { "2011-12-30T22:00:00Z",
          "2012-12-29T22:00:00Z" } },
        // Midnight itself can be missing.
        { "America/Santiago", "0 0 * * *", "2026-09-05T12:00:00-04:00",
            { "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00" } },
    };
    gf_zones zones = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_cron cron;
        REQUIRE_OK(gf_cron_parse(cases[i].spec, &cron));
        const gf_zone *zone = zone_for(&zones, cases[i].spec, cases[i].zone);
        int64_t last = at(cases[i].from);
        for (size_t n = 0; n < 4 && cases[i].next[n]; n++) {
            last = gf_cron_next(&cron, zone, last, 0);
            if (!CHECK_INT(last, at(cases[i].next[n])))
                printf("    %s '%s' number %zu\n", cases[i].zone, cases[i].spec, n);
        }
    }
    gf_zones_clear(&zones);
}

// The times of tests/local_times.txt, by the expression that names them.
static void the_rule_for_local_times_holds_for_cron(void)
{
    gf_zones zones = { 0 };
    gf_local_row row;
    FILE *table = gf_local_times_open();
    size_t rows = 0;
    for (; gf_local_times_next(table, &row); rows++) {
        char spec[32], minute[3], hour[3], day[3], month[3];
        gf_cron cron;
        REQUIRE(sscanf(row.local, "%*4s-%2[0-9]-%2[0-9]T%2[0-9]:%2[0-9]:00", month, day, hour,
                    minute) == 4);
        snprintf(spec, sizeof spec, "%s %s %s %s *", minute, hour, day, month);
        REQUIRE_OK(gf_cron_parse(spec, &cron));
        const gf_zone *zone = zone_for(&zones, spec, row.zone);
        for (int64_t hours = 1; hours < 72; hours += 5)        // from whatever moment before
            if (!CHECK_INT(gf_cron_next(&cron, zone, row.at_ms - hours * 3600000, 0), row.at_ms))
                printf("    %s %s\n", row.zone, row.local);
        CHECK_INT(gf_cron_next(&cron, zone, row.at_ms - 1000, 0), row.at_ms);
        CHECK(gf_cron_next(&cron, zone, row.at_ms, 0) > row.at_ms + INT64_C(300) * 86400000);
    }
    CHECK(rows > 20);
    fclose(table);
    gf_zones_clear(&zones);
}

static void five_minutes_are_five_minutes_all_the_year(void)
{
    static const char *const names[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
        "Africa/Casablanca", "Asia/Kathmandu", "UTC" };
    gf_zones zones = { 0 };
    gf_cron cron;
    REQUIRE_OK(gf_cron_parse("*/5 * * * *", &cron));
    for (size_t i = 0; i < COUNT(names); i++) {
        const gf_zone *zone = zone_for(&zones, "", names[i]);
        int64_t last = at("2026-01-01T00:00:00Z"), end = at("2027-01-01T00:00:00Z");
        int wrong = 0;
        for (; last < end; last += 300000)
            wrong += gf_cron_next(&cron, zone, last, 0) != last + 300000;
        CHECK_INT(wrong, 0);
    }
    gf_zones_clear(&zones);
}

static void rare_days_are_found(void)
{
    gf_zones zones = { 0 };
    const gf_zone *utc = zone_for(&zones, "", "UTC");
    gf_cron cron;
    REQUIRE_OK(gf_cron_parse("0 0 29 2 *", &cron));
    CHECK_INT(gf_cron_next(&cron, utc, at("2096-03-01T00:00:00Z"), 0), at("2104-02-29T00:00:00Z"));
    REQUIRE_OK(gf_cron_parse("0 0 31 * *", &cron));
    CHECK_INT(gf_cron_next(&cron, utc, at("2026-01-31T00:00:00Z"), 0), at("2026-03-31T00:00:00Z"));
    CHECK_INT(gf_cron_next(&cron, utc, at("2026-05-31T00:00:00Z"), 0), at("2026-07-31T00:00:00Z"));
    CHECK_INT(gf_cron_next(&cron, utc, at("9999-12-31T12:00:00Z"), 0), -1);
    REQUIRE_OK(gf_cron_parse("@every 90s", &cron));
    CHECK_INT(gf_cron_next(&cron, utc, at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:30.500Z")),
        at("2026-01-01T00:02:00Z"));
    CHECK_INT(gf_cron_next(&cron, utc, at("2026-01-01T00:02:00Z"), at("2026-01-01T00:00:30.500Z")),
        at("2026-01-01T00:03:30Z"));
    gf_zones_clear(&zones);
}

static void the_latest_ticks_are_found(void)
{
    static const char *const specs[] = { "* * * * *", "@every 7s", "0 3 * * *", "*/7 4 1 1 *",
        "0 0 29 2 *" };
    gf_zones zones = { 0 };
    const gf_zone *zone = zone_for(&zones, "", "Europe/Berlin");
    int64_t until = at("2026-11-23T18:00:00Z");
    for (size_t s = 0; s < COUNT(specs); s++)
        for (int64_t back = 1000; back < INT64_C(400) * 86400000; back *= 5) {
            gf_cron cron;
            int64_t got[10], want[10], anchor = at("2025-01-01T00:00:00Z");
            size_t all = 0;
            REQUIRE_OK(gf_cron_parse(specs[s], &cron));
            if (cron.every_s && back > 86400000)
                continue;
            for (int64_t t = until - back;
                 (t = gf_cron_next(&cron, zone, t, anchor)) > 0 && t <= until; all++) {
                if (all >= 10)
                    memmove(want, want + 1, 9 * sizeof *want);
                want[all < 10 ? all : 9] = t;
            }
            size_t n =
                gf_cron_latest(&cron, zone, (gf_cron_span){ until - back, until, anchor }, got, 10);
            CHECK_INT(n, all < 10 ? all : 10);
            CHECK_MEM(got, n * sizeof *got, want, (all < 10 ? all : 10) * sizeof *want);
        }
    gf_zones_clear(&zones);
}

// ---- words --------------------------------------------------------------------------------------

static void an_expression_is_told_in_words(void)
{
    static const struct { const char *spec, *zone, *words, *per_day; } cases[] = {
        { "30 2 * * *", "Europe/Berlin", "at 02:30 every day, Europe/Berlin time", "1" },
        { "* * * * *", "UTC", "every minute, UTC", "1440" },
        { "* 0 * * *", "UTC", "every minute from 00:00 to 00:59 every day, UTC", "60" },
        { "*/5 * * * *", "UTC", "every 5 minutes, UTC", "288" },
        { "*/7 * * * *", "UTC",
          "at the minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour, UTC", "216" },
        { "0 * * * *", "UTC", "every hour, UTC", "24" },
        { "5 * * * *", "UTC", "at minute 5 of every hour, UTC", "24" },
        { "0 9-17 * * mon-fri", "UTC", "every hour from 09:00 to 17:00 on Monday to Friday, UTC",
          "6.43" },
        { "*/10 9-17 * * *", "UTC", "every 10 minutes from 09:00 to 17:50 every day, UTC", "54" },
        { "0 6,18 * * mon,thu", "Asia/Tokyo",
          "at 06:00 and 18:00 on Monday and Thursday, Asia/Tokyo time", "0.57" },
        { "0 0 1,15 * *", "UTC", "at 00:00 on the days 1 and 15 of the month, UTC", "0.0657" },
        { "0 0 13 * 5", "UTC", "at 00:00 on day 13 of the month, and also on every Friday, UTC",
          "0.17" },
        { "0 0 29 2 *", "UTC", "at 00:00 on 29 February, UTC", "0.0007" },
        { "@every 2562047h", "UTC", "every 106751 days 23 hours", "0.00001" },
        { "@every 480000h", "UTC", "every 20000 days", "0.0001" },      // the least of four digits
        { "@yearly", "UTC", "at 00:00 on 1 January, UTC", "0.0027" },
        { "0 4 * 6-8 *", "UTC", "at 04:00 every day in June to August, UTC", "0.25" },
        { "*/20 1,5,9 * * *", "UTC", "every 20 minutes of the hours 01, 05 and 09 every day, UTC",
          "9" },
        { "@every 90s", "UTC", "every 1 minute 30 seconds", "960" },
        { "@every 1h", "Europe/Berlin", "every hour", "24" },
        { "@every 36h", "UTC", "every 1 day 12 hours", "0.67" },
    };
    gf_zones zones = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_cron cron;
        char words[GF_CRON_TEXT], per_day[24];
        REQUIRE_OK(gf_cron_parse(cases[i].spec, &cron));
        const gf_zone *zone = zone_for(&zones, "", cases[i].zone);
        CHECK_STR(gf_cron_words(&cron, zone, words), cases[i].words);
        gf_cron_per_day(&cron, per_day);
        CHECK_STR(per_day, cases[i].per_day);
    }
    gf_zones_clear(&zones);
}

static const check_test tests[] = {
    TEST(the_vectors_are_read_as_by_asynq),
    TEST(fields_are_read_as_by_robfig),
    TEST(refusals_say_why),
    TEST(go_durations_have_their_limits),
    TEST(each_local_time_comes_once),
    TEST(the_rule_for_local_times_holds_for_cron),
    TEST(five_minutes_are_five_minutes_all_the_year),
    TEST(rare_days_are_found),
    TEST(the_latest_ticks_are_found),
    TEST(an_expression_is_told_in_words),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
