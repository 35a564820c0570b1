// spin.h - a short busy wait before a sleep, where what is waited for mostly comes sooner
// than a sleeper wakes.
//
// A wait in vain doubles the number of waits that sleep at once, so slow answers cost next to
// nothing. A wait gives way to whoever else can run. Small enough to stand in a header; who uses
// one keeps it under a lock.
#ifndef GF_UTIL_SPIN_H
#define GF_UTIL_SPIN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "util/clock.h"

enum {
    GF_SPIN_NS = 100 * 1000,       // a round trip to Redis is 11 µs where no core sleeps, else 70
    GF_SPIN_SHIFT_MAX = 8          // at the worst one wait in so many powers of two tries
};

typedef struct gf_spin {
    uint32_t vain;                 // in a row
    uint32_t skip;                 // so many waits sleep at once before the next try
    bool     off;                  // there is one core only: whoever is waited for needs it
} gf_spin;

static inline void gf_spin_init(gf_spin *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t ours;                // fails where there are more than 1024 cores
    if (sched_getaffinity(0, sizeof ours, &ours) == 0)
        cores = CPU_COUNT(&ours);
#endif
    *s = (gf_spin){ .off = cores == 1 };
}

// Shall this wait spin? If so, gf_spin_note tells what came of it.
static inline bool gf_spin_worth(gf_spin *s)
{
    if (s->skip == 0)
        return !s->off;
    s->skip--;
    return false;
}

// What came after its time was waited for by giving way, on a busy machine: there a sleeper is
// woken sooner than one who has yielded gets its turn again, so that was in vain, too.
static inline void gf_spin_note(gf_spin *s, bool came, int64_t end_ns)
{
    came = came && gf_mono_ns() < end_ns;
    s->vain = came ? 0 : s->vain < GF_SPIN_SHIFT_MAX ? s->vain + 1 : GF_SPIN_SHIFT_MAX;
    s->skip = came ? 0 : UINT32_C(1) << s->vain;
}

#endif
