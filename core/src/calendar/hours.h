// hours.h - allowed hours: windows of local time on days of the week, and dates that have none.
//
//     mon-fri 01:00-05:00, sat 22:00-06:00 Europe/Rome; not 2026-12-25, 2026-12-31..2027-01-06
//
// Days (mon to sun, ranges, also over the week's end) stand before the times that they have; times
// without days are of every day, days without times are whole. A comma or a blank goes on with the
// list, a semicolon ends it. A time may have seconds (01:00:30). The zone stands once, anywhere
// behind a window; none: UTC.
//
// It is open while the clock in the zone shows a time in a window, whose end is not its own. So
// on the day on which clocks go forward what they leave out does not come, and on the day on
// which they go back what they show twice comes twice. A window whose end is before its beginning
// goes on after midnight, and is of the day on which it begins. A date behind `not` is closed from
// midnight to midnight, and no window that begins on it opens at all.
//
// Pure: what the zone's clock shows the caller tells. Knows no tasks. May touch: util/.
#ifndef GF_CALENDAR_HOURS_H
#define GF_CALENDAR_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/local_time.h"

enum {
    GF_HOURS_SPEC_MAX = 1000,
    GF_HOURS_WINDOWS = 64,
    GF_HOURS_DATES = 64,
    GF_HOURS_ZONE = 64,
    GF_HOURS_ALL_DAYS = 0x7F
};

// from_s < to_s, which may be over a day: seconds since the midnight of its day.
typedef struct gf_hours_window {
    uint32_t days;                 // bit 0: Sunday
    int32_t  from_s, to_s;
} gf_hours_window;

typedef struct gf_hours {
    gf_hours_window windows[GF_HOURS_WINDOWS];
    size_t          window_count;
    struct {
        int64_t first, last;       // days since 1970, both included
    } never[GF_HOURS_DATES];
    size_t          never_count;
    char            zone[GF_HOURS_ZONE];   // "": none is named
} gf_hours;

// EINVAL says what is wrong and where. Whether there is such a zone is not asked.
gofer_status gf_hours_parse(const char *spec, gf_hours *out);

// How it is at a moment, and until when that is known to stay so.
typedef struct gf_hours_state {
    bool    open;
    bool    turns;                 // until_s is when it is not so any more; else it was not looked
    int64_t until_s;               //   further: more than a year
} gf_hours_state;

gf_hours_state gf_hours_at(const gf_hours *hours, gf_span_at *span_at, const void *zone,
    int64_t unix_s);

#endif
