// clock.c - reads clocks and sleeps.
//
// Any thread. A signal does not cut a sleep short; what must be woken waits on a condition instead.
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;                       // cannot fail for the clocks used here
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t gf_now_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t gf_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t gf_now_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

int64_t gf_mono_ms(void)
{
    return gf_mono_ns() / 1000000;
}

void gf_sleep_us(int64_t us)
{
    struct timespec t = { .tv_sec = (time_t)(us / 1000000),
        .tv_nsec = (long)(us % 1000000 * 1000) };
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

struct timespec gf_mono_deadline(int64_t from_now_ms)
{
    int64_t ns = gf_mono_ns() + (from_now_ms > 0 ? from_now_ms : 0) * 1000000;
    return (
        struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}

int32_t gf_day_of(int64_t unix_ms)
{
    int64_t day_ms = 86400000;
    return (int32_t)((unix_ms >= 0 ? unix_ms : unix_ms - day_ms + 1) / day_ms);
}

void gf_date_text(int32_t day, char out[11])
{
    time_t seconds = (time_t)day * 86400;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(out, 11, "%Y-%m-%d", &tm) != 10)
        snprintf(out, 11, "0000-00-00");
}
