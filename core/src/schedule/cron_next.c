// cron_next.c - when a cron expression comes.
//
// All is searched on the clock's face (local time as if it were UTC), where days have 24 hours; the
// zone then tells when that is.
#include <stdio.h>
#include <string.h>

#include "schedule/cron.h"
#include "calendar/date.h"

enum { MINUTE_S = 60, YEARS_MAX = 12 };    // 29 February is up to 8 years away (2096 to 2104)
static const int64_t last_second = INT64_C(253402300799);      // of the year 9999

static const uint64_t all_hours = (UINT64_C(1) << 24) - 1;

static bool day_matches(const gf_cron *c, int32_t day, int64_t days)
{
    bool by_day = c->days >> day & 1, by_weekday = c->weekdays >> gf_weekday(days) & 1;
    return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// The lowest set bit that is at least n; -1: none.
static int bit_from(uint64_t bits, int n)
{
    for (; n < 64; n++)
        if (bits >> n & 1)
            return n;
    return -1;
}

// The first matching minute of a day from a minute of it on; -1: none.
static int minute_from(const gf_cron *c, int minute)
{
    int hour = bit_from(c->hours, minute / 60);
    if (hour < 0)
        return -1;
    int m = bit_from(c->minutes, hour == minute / 60 ? minute % 60 : 0);
    if (m >= 0)
        return hour * 60 + m;
    hour = bit_from(c->hours, hour + 1);
    return hour < 0 ? -1 : hour * 60 + bit_from(c->minutes, 0);
}

// The first matching minute of the clock's face from local_s on; -1: none for years.
static int64_t face_from(const gf_cron *c, int64_t local_s)
{
    int64_t minutes = gf_floor_div(local_s + MINUTE_S - 1, MINUTE_S);
    int64_t days = gf_floor_div(minutes, 24 * 60), year, first_year;
    int minute = (int)(minutes - days * 24 * 60);
    int32_t month, day;
    gf_date_from_days(days, &year, &month, &day);
    for (first_year = year; year <= first_year + YEARS_MAX;) {
        if (c->months >> month & 1) {
            int found = day_matches(c, day, days) ? minute_from(c, minute) : -1;
            if (found >= 0)
                return days * GF_DAY_S + (int64_t)found * MINUTE_S;
            days++;
            day++;
        } else {
            days += gf_month_days(year, month) - day + 1;
            day = gf_month_days(year, month) + 1;
        }
        minute = 0;
        if (day > gf_month_days(year, month)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
    return -1;
}

// Every hour matches: the clock is followed through each span of one offset.
static int64_t next_shown(const gf_cron *c, const gf_zone *zone, int64_t from_s)
{
    for (gf_span span = gf_zone_span(zone, from_s);;
         span = gf_zone_span(zone, from_s = span.end_s)) {
        int64_t face = face_from(c, from_s + span.offset_s);
        if (face < 0 || from_s > last_second)
            return -1;
        if (face - span.offset_s < span.end_s)
            return face - span.offset_s;
    }
}

// What the clock's face has not shown yet after a moment: in an autumn hour that is shown
// again, what follows on it.
static int64_t unshown_after(const gf_zone *zone, int64_t after_s)
{
    gf_span span = gf_zone_span(zone, after_s);
    int64_t face = after_s + span.offset_s + 1;
    // A clock goes back by a day at the most, so an earlier change plays no part.
    while (span.start_s > after_s - 2 * GF_DAY_S) {
        gf_span before = gf_zone_span(zone, span.start_s - 1);
        if (span.start_s + before.offset_s > face)
            face = span.start_s + before.offset_s;
        span = before;
    }
    return face;
}

static int64_t earlier(int64_t a_s, int64_t b_s)
{
    return a_s < 0 || (b_s >= 0 && b_s < a_s) ? b_s : a_s;
}

// A time that was left out comes as long after the change as it would have without it: while that
// lasts, those of the gap are still to come. -1: none.
static int64_t next_of_gap(const gf_cron *c, const gf_zone *zone, int64_t from_s)
{
    gf_span span = gf_zone_span(zone, from_s);
    if (span.start_s <= from_s - GF_OFFSET_MAX_S * 2)      // no gap is as long
        return -1;
    int32_t before_s = gf_zone_span(zone, span.start_s - 1).offset_s;
    int64_t gap_end = span.start_s + span.offset_s, face = from_s + before_s;
    if (face >= gap_end)
        return -1;
    face = face_from(c, face);
    return face < 0 || face >= gap_end ? -1 : face - before_s;
}

// Local times: the first that has not been shown yet, and what a gap has left over.
static int64_t next_named(const gf_cron *c, const gf_zone *zone, int64_t from_s)
{
    int64_t left_s = next_of_gap(c, zone, from_s),
            face = face_from(c, unshown_after(zone, from_s - 1));
    if (face < 0)
        return left_s;
    int64_t at_s = gf_zone_from_local(zone, face);
    gf_span span = gf_zone_span(zone, at_s);
    if (at_s + span.offset_s == face)
        return earlier(left_s, at_s);
    // It is in a gap to come: a later one that the clock does show may be before it.
    face = face_from(c, span.start_s + span.offset_s);
    int64_t shown_s = face < 0 ? -1 : gf_zone_from_local(zone, face);
    return earlier(left_s, earlier(at_s, shown_s >= from_s ? shown_s : -1));
}

int64_t gf_cron_next(const gf_cron *c, const gf_zone *zone, int64_t after_ms, int64_t anchor_ms)
{
    int64_t from_s = gf_floor_div(after_ms, 1000) + 1, at_s;
    if (from_s > last_second)
        return -1;
    if (c->every_s) {
        int64_t anchor_s = gf_floor_div(anchor_ms, 1000);
        int64_t steps = gf_floor_div(from_s - anchor_s + c->every_s - 1, c->every_s);
        at_s = anchor_s + (steps < 1 ? 1 : steps) * c->every_s;
    } else {
        at_s = c->hours == all_hours ? next_shown(c, zone, from_s) : next_named(c, zone, from_s);
    }
    return at_s < 0 || at_s > last_second ? -1 : at_s * 1000;
}

// ---- the latest ---------------------------------------------------------------------------------

typedef struct ring {
    int64_t *items;
    size_t   max, count, at;       // at: where the oldest is once it is full
} ring;

static void add(ring *r, int64_t value)
{
    if (r->count < r->max) {
        r->items[r->count++] = value;
        return;
    }
    r->items[r->at] = value;
    r->at = (r->at + 1) % r->max;
}

static void reverse(int64_t *items, size_t from, size_t to)
{
    for (; from + 1 < to; from++, to--) {
        int64_t swap = items[from];
        items[from] = items[to - 1];
        items[to - 1] = swap;
    }
}

// Oldest first: turned by three reversals.
static void unwind(ring *r)
{
    reverse(r->items, 0, r->at);
    reverse(r->items, r->at, r->count);
    reverse(r->items, 0, r->count);
}

size_t gf_cron_latest(const gf_cron *c, const gf_zone *zone, gf_cron_span span, int64_t *out,
    size_t max)
{
    // Back in doubling steps until there are enough: the time since `after` may be years.
    int64_t back_ms = c->every_s ? c->every_s * 1000 * ((int64_t)max + 1) : 2 * MINUTE_S * 1000;
    for (;; back_ms *= 2) {
        bool whole = back_ms >= span.until_ms - span.after_ms;
        ring r = { .items = out, .max = max };
        size_t seen = 0;
        for (int64_t at = whole ? span.after_ms : span.until_ms - back_ms;
             (at = gf_cron_next(c, zone, at, span.anchor_ms)) >= 0 && at <= span.until_ms; seen++)
            add(&r, at);
        if (whole || seen >= max) {
            unwind(&r);
            return r.count;
        }
    }
}

// ---- how often ----------------------------------------------------------------------------------

// In the 400 years after which the calendar comes again, weekdays and leap years alike.
static int64_t matching_days(const gf_cron *c, int64_t cycle)
{
    int64_t matching = 0;
    for (int64_t days = 0; days < cycle;) {
        int64_t year;
        int32_t month, day;
        gf_date_from_days(days, &year, &month, &day);
        int32_t end = gf_month_days(year, month);
        if (c->months >> month & 1)
            for (; day <= end; day++)
                matching += day_matches(c, day, days + day - 1);
        days += end;
    }
    return matching;
}

void gf_cron_per_day(const gf_cron *c, char out[24])
{
    enum { CYCLE = 146097 };
    double per_day;
    if (c->every_s)
        per_day = (double)GF_DAY_S / (double)c->every_s;
    else
        per_day = (double)matching_days(c, CYCLE) * gf_cron_count(c->hours) *
            gf_cron_count(c->minutes) / CYCLE;
    int digits = per_day >= 100 ? 0 : per_day >= 0.1 ? 2 : 4;
    for (double least = 0.00005; per_day < least && digits < 15; least /= 10)
        digits++;                  // what comes is not never
    snprintf(out, 24, "%.*f", digits, per_day);
    if (strchr(out, '.')) {
        size_t size = strlen(out);
        while (out[size - 1] == '0')
            out[--size] = '\0';
        if (out[size - 1] == '.')
            out[--size] = '\0';
    }
}
