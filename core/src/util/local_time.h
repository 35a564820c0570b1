// local_time.h - when a local time comes. One rule for all that reads one: cron entries, and
// texts without a zone.
//
// On a day on which clocks change a local time may come never or twice. One that is left out is
// reckoned with the offset that held before (02:30 is then what the clock shows as 03:30); of one
// that comes twice the first counts: RFC 5545, section 3.3.5, and Python's datetime say the same.
// Knows no zones but the process's own.
#ifndef GF_UTIL_LOCAL_TIME_H
#define GF_UTIL_LOCAL_TIME_H

#include <stdint.h>

enum { GF_OFFSET_MAX_S = 26 * 3600 };      // no local clock is further from UTC

// [start_s, end_s) of Unix seconds during which local time is UTC + offset_s.
// INT64_MIN, INT64_MAX: open.
typedef struct gf_span {
    int64_t start_s, end_s;
    int32_t offset_s;
} gf_span;

// The span that holds a moment, in some zone.
typedef gf_span gf_span_at(const void *zone, int64_t unix_s);

// The moment of a local time (local_s: the clock's face as if it were UTC), by the rule above.
int64_t gf_local_moment(int64_t local_s, gf_span_at *span_at, const void *zone);

// The same in the process's zone (TZ, else the machine's), for texts that people
// write on that machine.
int64_t gf_local_moment_here(int64_t local_s);

#endif
