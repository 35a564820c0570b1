// clock.h - the only place that reads clocks and sleeps.
//
// Wall time is for what people see and for schedules; monotonic time for leases,
// timeouts and waits, which a clock change must not touch.
#ifndef GF_UTIL_CLOCK_H
#define GF_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t gf_now_ms(void);        // Unix time
int64_t gf_now_ns(void);
int64_t gf_mono_ms(void);       // since some fixed point, same for all processes of the host
int64_t gf_mono_ns(void);
void    gf_sleep_us(int64_t us);
struct timespec gf_mono_deadline(int64_t from_now_ms);   // for pthread_cond_timedwait
int32_t gf_day_of(int64_t unix_ms);                      // days since 1970, UTC
void    gf_date_text(int32_t day, char out[11]);         // "2026-11-23"

// Whole seconds that are no less, as Asynq counts; 0 for what is past.
static inline int64_t gf_seconds_up(int64_t ms)
{
    return ms > 0 ? ms / 1000 + (ms % 1000 > 0) : 0;
}

#endif
