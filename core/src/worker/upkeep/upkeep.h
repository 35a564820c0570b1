// upkeep.h - the worker's part that keeps house: what must be done in time beside running tasks.
//
// The guard's and housekeeping's fields are their threads' own, but for what is atomic; stats and
// events have locks, which are there from new to free; tallies are read without one. The watch and
// the scheduler have threads of their own behind their doors.
#ifndef GF_WORKER_UPKEEP_H
#define GF_WORKER_UPKEEP_H

#include <stdatomic.h>
#include <stdint.h>

#include "broker/live.h"
#include "util/thread.h"
#include "worker/upkeep/guard.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/scheduling.h"
#include "worker/upkeep/stats.h"
#include "worker/upkeep/tally.h"

// What gofer_worker_stats says: counts since start.
typedef struct gf_counters {
    _Atomic int64_t processed, failed, retried, archived, revoked, cancelled, expired, stale;
    _Atomic int64_t lost_slots, outcomes_lost, unhandled, recovered, ticks_missed;
} gf_counters;

typedef struct gf_upkeep {
    gf_wake_fd    wake_fd;                 // wakes the guard: any thread may, and signal handlers;
                                           //   open from new to free
    gf_guard      guard;
    gf_housekeeping housekeeping;
    gf_scheduling scheduling;
    gf_watch     *watch;                   // of requests to cancel, commands, schedules; NULL: none
    gf_publishing publishing;
    gf_stats      stats;
    gf_counters   counters;
    gf_tallies    tallies;
    _Atomic int   signed_off;              // housekeeping's last word
    _Atomic int   end_logged, outcomes_lost_noted;     // said already, by whoever was first
} gf_upkeep;

#endif
