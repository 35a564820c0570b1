// duration.c - durations and points in time as people write them.
//
// Numbers are read by hand: strtod would take the locale's comma, signs and exponents. A time
// without a zone is local (local_time.h). Threads: any.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gofer/gofer.h"
#include "util/error.h"
#include "util/local_time.h"
#include "util/text.h"

static const struct {
    const char *name;
    int64_t     ms;
} units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
    { "w", 604800000 },
};

// The unit that stands at text, its length in *length; 0 if none.
static int64_t unit_at(const char *text, size_t *length)
{
    *length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == *length && strncmp(text, units[i].name, *length) == 0)
            return units[i].ms;
    return 0;
}

// A decimal number without sign, exponent or locale; NULL if none stands there.
static const char *number_at(const char *text, double *out)
{
    const char *p = text;
    double value = 0, scale = 1;
    for (; *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (*p - '0');
    size_t digits = (size_t)(p - text);
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, digits++)
            value += (*p - '0') * (scale /= 10);
    }
    *out = value;
    return digits ? p : NULL;
}

static gofer_status bad_duration(const char *text)
{
    return gf_fail(GOFER_EINVAL,
        "'%.60s' is not a duration: write 250ms, 30s, 5m, 1h30m, 2d, 1w or a number of seconds",
        text);
}

gofer_status gofer_parse_duration(const char *text, int64_t *out_ms)
{
    if (!text || !out_ms)
        return gf_fail(GOFER_EINVAL, "gofer_parse_duration: text and out_ms must not be NULL");

    double total = 0;
    const char *p = text;
    do {
        double value;
        size_t length;
        const char *end = number_at(p, &value);
        if (!end)
            return bad_duration(text);
        int64_t unit = unit_at(end, &length);
        if (length == 0 && *end == '\0' && p == text)
            unit = 1000;                                // a plain number: seconds
        if (unit == 0)
            return bad_duration(text);
        total += value * (double)unit;
        p = end + length;
    } while (*p);

    if (total > (double)GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "the duration '%.60s' is over 100 years", text);
    *out_ms = (int64_t)(total + 0.5);
    return GOFER_OK;
}

// Exactly n digits.
static int digits(const char **p, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return 0;
        *out = *out * 10 + (**p - '0');
    }
    return 1;
}

static int expect(const char **p, const char *set)
{
    if (!**p || !strchr(set, **p))
        return 0;
    (*p)++;
    return 1;
}

static int days_in(int month, int year)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int read_date_time(const char **p, struct tm *tm, int *ms)
{
    int year, month, day, hour, minute, second = 0;
    if (!digits(p, 4, &year) || !expect(p, "-") || !digits(p, 2, &month) || !expect(p, "-") ||
        !digits(p, 2, &day) || !expect(p, "Tt ") || !digits(p, 2, &hour) || !expect(p, ":") ||
        !digits(p, 2, &minute))
        return 0;
    if (**p == ':' && (!expect(p, ":") || !digits(p, 2, &second)))
        return 0;
    *ms = 0;
    if (**p == '.') {
        (*p)++;
        int scale = 100, count = 0;
        for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10, count++)
            *ms += (**p - '0') * scale;
        if (count == 0)
            return 0;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(month, year) ||
        hour > 23 || minute > 59 || second > 60)
        return 0;
    *tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour,
        .tm_min = minute, .tm_sec = second };
    return 1;
}

// The zone that ends the text; *local if there is none.
static int read_zone(const char **p, int *offset_s, int *local)
{
    *offset_s = 0;
    *local = **p == '\0';
    if (*local)
        return 1;
    if (expect(p, "Zz"))
        return **p == '\0';

    int sign = **p == '-' ? -1 : 1, hours, minutes;
    if (!expect(p, "+-") || !digits(p, 2, &hours))
        return 0;
    if (**p == ':')
        (*p)++;
    if (!digits(p, 2, &minutes) || hours > 23 || minutes > 59 || **p)
        return 0;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return 1;
}

static gofer_status bad_time(const char *text)
{
    return gf_fail(GOFER_EINVAL,
        "'%.60s' is not a time: write 2026-11-23T18:00:00Z, with +01:00 for a zone, none for local "
        "time, "
        "or @ and Unix seconds", text);
}

static gofer_status parse_unix(const char *text, int64_t *out_ms)
{
    double seconds;
    const char *end = number_at(text + 1, &seconds);
    if (!end || *end)
        return bad_time(text);
    if (seconds > 253402300799.0)
        return gf_fail(GOFER_EINVAL, "the time '%.60s' is past the year 9999", text);
    *out_ms = (int64_t)(seconds * 1000 + 0.5);
    return GOFER_OK;
}

gofer_status gofer_parse_time(const char *text, int64_t *out_ms)
{
    if (!text || !out_ms)
        return gf_fail(GOFER_EINVAL, "gofer_parse_time: text and out_ms must not be NULL");
    if (*text == '@')
        return parse_unix(text, out_ms);

    struct tm tm;
    int ms, offset_s, local;
    const char *p = text;
    if (!read_date_time(&p, &tm, &ms) || !read_zone(&p, &offset_s, &local))
        return bad_time(text);

    int64_t seconds = local ? gf_local_moment_here(timegm(&tm)) : timegm(&tm) - offset_s;
    if (seconds < 0)
        return bad_time(text);
    *out_ms = seconds * 1000 + ms;
    return GOFER_OK;
}
