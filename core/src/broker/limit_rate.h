// limit_rate.h - how many may start: the generic cell rate algorithm, one number for each key.
//
// tat is the theoretical arrival time of the next start (µs of Unix time; 0: never was one): each
// start moves it on by one interval for each unit of its cost, from now at the earliest, and one
// may start while it is no more than burst - 1 intervals ahead of now. Stores that cannot call this
// (scripts of Redis) do the same by these words. Source: ITU-T I.371, annex A.
#ifndef GF_BROKER_LIMIT_RATE_H
#define GF_BROKER_LIMIT_RATE_H

#include <stdint.h>

#include "broker/limits.h"

// Between two starts, µs, rounded up so that the rate is never exceeded; 0: there is no rate.
static inline int64_t gf_rate_interval(const gf_limit *l)
{
    return l->rate > 0 ? (l->per_ms * 1000 + l->rate - 1) / l->rate : 0;
}

// When one of this cost may start: now_us or earlier: now. One that costs more than the burst
// starts when all of it is there.
static inline int64_t gf_rate_opens(const gf_limit *l, int64_t tat_us, int64_t cost)
{
    int64_t interval = gf_rate_interval(l), units = cost < l->burst ? cost : l->burst;
    return interval ? tat_us - (l->burst - units) * interval : 0;
}

// It has started.
static inline int64_t gf_rate_charge(const gf_limit *l, int64_t tat_us, int64_t now_us,
    int64_t cost)
{
    int64_t base = tat_us > now_us ? tat_us : now_us;
    return gf_rate_interval(l) ? base + cost * gf_rate_interval(l) : tat_us;
}

#endif
