// hours.c - is it open, and when does that change? What hours mean; hours_read.c reads them.
//
// Between two changes of the zone's clock local time goes evenly, and it changes only where a
// window begins or ends, or a day. So each of these is looked at, one after the other.
#include "calendar/hours.h"

#include "calendar/date.h"
#include "util/minmax.h"

enum { LOOK_DAYS = 400 };          // it comes again each week, but for dates

static bool has_none(const gf_hours *h, int64_t day)
{
    for (size_t i = 0; i < h->never_count; i++)
        if (day >= h->never[i].first && day <= h->never[i].last)
            return true;
    return false;
}

// Of the windows that begin on this day: is it open so many seconds after its midnight?
static bool opens_on(const gf_hours *h, int64_t day, int64_t second)
{
    uint32_t bit = UINT32_C(1) << gf_weekday(day);
    bool open = false;
    for (size_t i = 0; i < h->window_count && !open; i++) {
        const gf_hours_window *w = &h->windows[i];
        open = (w->days & bit) && second >= w->from_s && second < w->to_s;
    }
    return open && !has_none(h, day);
}

static bool is_open(const gf_hours *h, int64_t local_s)
{
    int64_t day = gf_floor_div(local_s, GF_DAY_S), second = local_s - day * GF_DAY_S;
    return !has_none(h, day) &&
        (opens_on(h, day, second) || opens_on(h, day - 1, second + GF_DAY_S));
}

// The next local time at which it may change.
static int64_t next_edge(const gf_hours *h, int64_t local_s)
{
    int64_t midnight_s = gf_floor_div(local_s, GF_DAY_S) * GF_DAY_S;
    int64_t next_s = midnight_s + GF_DAY_S;
    for (size_t i = 0; i < h->window_count; i++) {
        const gf_hours_window *w = &h->windows[i];
        int64_t edges[] = { w->from_s, w->to_s, w->to_s - GF_DAY_S };
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++)
            if (midnight_s + edges[k] > local_s)
                next_s = gf_min(next_s, midnight_s + edges[k]);
    }
    return next_s;
}

gf_hours_state gf_hours_at(const gf_hours *h, gf_span_at *span_at, const void *zone, int64_t unix_s)
{
    gf_span span = span_at(zone, unix_s);
    int64_t end_s = unix_s + (int64_t)LOOK_DAYS * GF_DAY_S, at_s = unix_s;
    bool open = is_open(h, at_s + span.offset_s), is;
    do {
        at_s = gf_min(next_edge(h, at_s + span.offset_s) - span.offset_s, span.end_s);
        if (at_s == span.end_s)
            span = span_at(zone, at_s);
        is = is_open(h, at_s + span.offset_s);
    } while (is == open && at_s < end_s);
    return (gf_hours_state){ .open = open, .turns = is != open, .until_s = at_s };
}
