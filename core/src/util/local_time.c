// local_time.c - the rule for local times, and the spans of the process's own zone, asked of libc.
//
// The rule is pure; only what asks libc reads the environment (TZ), as localtime_r does.
#include "util/local_time.h"

#include <stddef.h>
#include <time.h>

int64_t gf_local_moment(int64_t local_s, gf_span_at *span_at, const void *zone)
{
    // Nothing before can show this time.
    gf_span span = span_at(zone, local_s - GF_OFFSET_MAX_S - 1);
    int32_t before_s = span.offset_s;
    for (;;) {
        int64_t at_s = local_s - span.offset_s;
        if (at_s < span.start_s)
            return local_s - before_s;     // the gap before this span has swallowed it
        if (at_s < span.end_s)
            return at_s;
        before_s = span.offset_s;
        span = span_at(zone, span.end_s);
    }
}

// libc tells the offset of a moment and no more. (mktime's own choice in a gap or fold depends on
// what it was asked before.)
static int32_t offset_here(int64_t unix_s)
{
    time_t at = (time_t)unix_s;
    struct tm face;
    return localtime_r(&at, &face) ? (int32_t)(timegm(&face) - at) : 0;
}

// The span from a moment on: its beginning is not looked for, for gf_local_moment asks for moments
// at which spans begin.
static gf_span span_here(const void *zone, int64_t unix_s)
{
    enum { STEP_S = 6 * 3600, FAR_S = 2 * GF_OFFSET_MAX_S + STEP_S };
    (void)zone;
    gf_span span = { unix_s, INT64_MAX, offset_here(unix_s) };
    for (int64_t low = unix_s; low < unix_s + FAR_S; low += STEP_S) {
        if (offset_here(low + STEP_S) == span.offset_s)
            continue;
        int64_t high = low + STEP_S;       // the change is in (low, high]
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (offset_here(middle) == span.offset_s)
                low = middle;
            else
                high = middle;
        }
        span.end_s = high;
        break;
    }
    return span;
}

int64_t gf_local_moment_here(int64_t local_s)
{
    tzset();                               // as mktime; localtime_r need not see that
                                           //   TZ has changed
    return gf_local_moment(local_s, span_here, NULL);
}
