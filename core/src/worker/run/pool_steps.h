// pool_steps.h - the steps of which the pool's doors are made, for its own files alone.
//
// Locks: pool->lock held, everywhere here.
#ifndef GF_WORKER_POOL_STEPS_H
#define GF_WORKER_POOL_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/run/lane.h"
#include "worker/run/pool.h"

enum {
    GF_POOL_FAST_NS = 20 * 1000,   // below, waking another slot costs more than it brings
    GF_POOL_UNSTARTED_MS = 100     // to look again at what nobody has started yet
};

// ---- a task from hand to hand -----------------------------------------------------------

void gf_pool_hold(gf_pool *p, gofer_task *task);
void gf_pool_let_go(gf_pool *p, gofer_task *task);
void gf_pool_keep_stray(gf_pool *p, gofer_task *task);
void gf_pool_start(gf_pool *p, gofer_task *task, gf_slot *slot, int64_t now_ns, gf_calls *calls);
void gf_pool_count_start(gf_pool *p, gofer_task *task, gf_calls *calls);   // its clock runs
void gf_pool_watch(gf_pool *p, const gofer_task *task, gf_calls *calls);  // its deadline
void gf_pool_report(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls);
void gf_pool_return_lost(gf_pool *p, gofer_task *task, gf_tasks *out);  // its handler is out
// Nobody owns the task any more: to `out`, which is freed without the lock, or left to who has
// pinned it.
void gf_pool_discard(gofer_task *task, gf_tasks *out);

// How long the suspect must still run to be proven. There is one.
int64_t gf_pool_trial_ms(const gf_pool *p, int64_t now_ms);

// ---- who hears of it ----------------------------------------------------------------------

// Wake sleeping slots until `wanted` are on their way. True: a thread shall be added.
bool gf_pool_rouse(gf_pool *p, size_t wanted);
void gf_pool_wake_fetcher(gf_pool *p, gf_calls *calls);
void gf_pool_look(gf_pool *p, gf_calls *calls);        // the fetcher: there may be room
void gf_pool_notify_host(gf_pool *p);         // by the pull descriptor: what a take would find

// ---- how many -----------------------------------------------------------------------------

static inline bool gf_pool_slow(const gf_pool *p)
{
    return p->run_ns < 0 || p->run_ns > GF_POOL_FAST_NS;
}

static inline size_t gf_pool_slots_to_have(const gf_pool *p)
{
    return p->concurrency < p->threads_max ? p->concurrency : p->threads_max;
}

// With those for the lanes' tasks.
static inline size_t gf_pool_threads_wanted(const gf_pool *p)
{
    return p->concurrency + gf_lanes_slots(p);
}

static inline size_t gf_pool_threads_to_have(const gf_pool *p)
{
    size_t wanted = gf_pool_threads_wanted(p);
    return wanted < p->threads_max ? wanted : p->threads_max;
}

static inline size_t gf_pool_slots_running(const gf_pool *p)
{
    return p->running - p->lane_running;
}

// Slots that could start a task now.
static inline size_t gf_pool_free_slots(const gf_pool *p)
{
    size_t slots = gf_pool_slots_to_have(p), running = gf_pool_slots_running(p);
    return slots > running ? slots - running : 0;
}

// How many tasks slots could start now, after a lowering of the concurrency perhaps fewer than are
// ready.
static inline size_t gf_pool_could_start(const gf_pool *p)
{
    size_t ready = p->stopping ? 0 : p->ready.count, room = gf_pool_free_slots(p);
    return p->undecided.count + (ready < room ? ready : room) + gf_lanes_startable(p);
}

// How many slots are worth waking: a fast handler's goes on to the next task by itself, one that
// waits for a crew does not.
static inline size_t gf_pool_wanted(const gf_pool *p)
{
    return gf_pool_slow(p) ? gf_pool_could_start(p) : gf_lanes_startable(p);
}

// It has ended, is given up, or goes back.
static inline void gf_pool_end_trial(gf_pool *p, const gofer_task *task)
{
    if (p->trial == task)
        p->trial = NULL;
}

#endif
