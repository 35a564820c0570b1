// posix_rule.c - reads the rule of a TZif file's end, and finds its changes in a year.
//
// Pure. Nothing is trusted: the text comes from a file and may be any bytes.
#include "calendar/posix_rule.h"

#include <string.h>

#include "calendar/date.h"

typedef struct reader {
    const char *at, *end;
} reader;

static bool take(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool number(reader *r, int32_t min, int32_t max, int32_t *out)
{
    int32_t value = 0;
    const char *from = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (r->at - from >= 4)
            return false;
        else
            value = 10 * value + (*r->at - '0');
    *out = value;
    return r->at > from && value >= min && value <= max;
}

// "CET", "<+0330>": only that it is there matters.
static bool abbreviation(reader *r)
{
    const char *from = r->at;
    if (take(r, '<')) {
        while (r->at < r->end && *r->at != '>')
            r->at++;
        return take(r, '>');
    }
    while (r->at < r->end && ((*r->at >= 'A' && *r->at <= 'Z') || (*r->at >= 'a' && *r->at <= 'z')))
        r->at++;
    return r->at - from >= 3;
}

// [+-]hh[:mm[:ss]]
static bool clock_time(reader *r, int32_t hours_max, int32_t *out_s)
{
    int32_t hours, minutes = 0, seconds = 0;
    bool negative = take(r, '-');
    if (!negative)
        (void)take(r, '+');
    if (!number(r, 0, hours_max, &hours) || (take(r, ':') && !number(r, 0, 59, &minutes)))
        return false;
    if (r->at < r->end && *r->at == ':' && (!take(r, ':') || !number(r, 0, 59, &seconds)))
        return false;
    *out_s = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

static bool rule_day(reader *r, gf_rule_day *out)
{
    *out = (gf_rule_day){ .time_s = 2 * 3600 };
    if (take(r, 'J')) {
        out->kind = GF_DAY_JULIAN;
        if (!number(r, 1, 365, &out->day))
            return false;
    } else if (take(r, 'M')) {
        out->kind = GF_DAY_WEEK;
        if (!number(r, 1, 12, &out->month) || !take(r, '.') || !number(r, 1, 5, &out->week) ||
            !take(r, '.') || !number(r, 0, 6, &out->day))
            return false;
    } else {
        out->kind = GF_DAY_NUMBER;
        if (!number(r, 0, 365, &out->day))
            return false;
    }
    return !take(r, '/') || clock_time(r, 167, &out->time_s);
}

bool gf_posix_rule_parse(const char *text, size_t size, gf_posix_rule *out)
{
    reader r = { text, text + size };
    gf_posix_rule rule = { 0 };
    int32_t west_s;
    if (!abbreviation(&r) || !clock_time(&r, 24, &west_s))
        return false;
    rule.standard_s = -west_s;             // POSIX counts to the west
    if (r.at < r.end) {
        rule.has_daylight = true;
        rule.daylight_s = rule.standard_s + 3600;
        if (!abbreviation(&r))
            return false;
        if (r.at < r.end && *r.at != ',') {
            if (!clock_time(&r, 24, &west_s))
                return false;
            rule.daylight_s = -west_s;
        }
        if (!take(&r, ',') || !rule_day(&r, &rule.start) || !take(&r, ',') ||
            !rule_day(&r, &rule.end))
            return false;
    }
    if (r.at != r.end)
        return false;
    *out = rule;
    return true;
}

// Days since 1970.
static int64_t day_in(const gf_rule_day *d, int64_t year)
{
    int64_t first = gf_days_from_date(year, 1, 1);
    if (d->kind == GF_DAY_NUMBER)
        return first + d->day;
    if (d->kind == GF_DAY_JULIAN)          // 1 March is 60 in every year
        return first + d->day - 1 + (gf_leap(year) && d->day >= 60);
    int64_t month = gf_days_from_date(year, d->month, 1);
    int64_t day = month + (d->day - gf_weekday(month) + 7) % 7 + 7 * (d->week - 1);
    return day - month >= gf_month_days(year, d->month) ? day - 7 : day;   // the fifth is the last
}

void gf_posix_rule_changes(const gf_posix_rule *rule, int64_t year, int64_t *start_s,
    int64_t *end_s)
{
    *start_s = day_in(&rule->start, year) * GF_DAY_S + rule->start.time_s - rule->standard_s;
    *end_s = day_in(&rule->end, year) * GF_DAY_S + rule->end.time_s - rule->daylight_s;
}
