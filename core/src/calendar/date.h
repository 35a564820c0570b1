// date.h - days and dates of the Gregorian calendar.
//
// Days are counted from 1970-01-01 and may be negative. Small enough to stand in a header; pure.
#ifndef GF_CALENDAR_DATE_H
#define GF_CALENDAR_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum { GF_DAY_S = 86400 };

static inline bool gf_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline int32_t gf_month_days(int64_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && gf_leap(year));
}

// Rounding down, also below zero.
static inline int64_t gf_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

// Days since 1970 of a date, and back. A year begins in March here, so that the leap day is its
// last: 400 years are 146097 days (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
static inline int64_t gf_days_from_date(int64_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int64_t era = gf_floor_div(year, 400);
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline void gf_date_from_days(int64_t days, int64_t *year, int32_t *month, int32_t *day)
{
    days += 719468;
    int64_t era = gf_floor_div(days, 146097);
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int32_t)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int32_t)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

// 0: Sunday. 1 January 1970 was a Thursday.
static inline int32_t gf_weekday(int64_t days)
{
    return (int32_t)(((days + 4) % 7 + 7) % 7);
}

#endif
