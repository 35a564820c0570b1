// pool_fetch.c - the fetcher's doors to the pool: what is finished goes out, what is next comes in.
//
// May touch: task, util/. Every function takes the pool's lock unless it says that it is held.
#include "worker/run/pool.h"

#include <string.h>

#include "util/thread.h"
#include "worker/run/lane.h"
#include "worker/run/outcome.h"
#include "worker/run/pool_steps.h"
#include "worker/run/task.h"

enum {
    AHEAD_NS = 20 * 1000 * 1000,   // what is taken ahead shall start within so long
    WATCH_AHEAD_MS = 2000,         // before the end of a lease the guard looks first
    STUCK_MS = 1,                  // ready tasks unmoved for so long: wake more slots
    HAND_BACK_MS = 100             // and for so long: give back what no free slot waits for
};

// ---- how much there is room for -----------------------------------------------------------

static size_t prefetch(const gf_pool *p)
{
    if (p->run_ns < 0 || p->run_ns >= AHEAD_NS)
        return 0;
    size_t ahead = (size_t)(AHEAD_NS / (p->run_ns > 0 ? p->run_ns : 1)) * p->concurrency;
    return ahead < p->max_prefetch ? ahead : p->max_prefetch;
}

static size_t room(const gf_pool *p)
{
    size_t limit = p->concurrency + prefetch(p);
    size_t used = gf_pool_slots_running(p) + p->ready.count;
    size_t slots = limit > used ? limit - used : 0;
    return p->lanes ? gf_lanes_room(p, slots) : slots;
}

static size_t startable(const gf_pool *p)
{
    return p->undecided.count + (p->stopping ? 0 : p->ready.count);
}

// ---- out and in ----------------------------------------------------------------------------

// To the outbox as REQUEUE, all but the first `keep`. The newest goes first: each is put at the
// head of its queue, so that the oldest comes to stand before the others again.
static void hand_back_of(gf_pool *p, gf_tasks *ready, gf_tasks *outbox, size_t keep)
{
    gf_tasks kept = { 0 };
    gofer_task *task, *newest_first = NULL;
    while (kept.count < keep && (task = gf_tasks_pop(ready)))
        gf_tasks_push(&kept, task);
    while ((task = gf_tasks_pop(ready))) {
        task->next = newest_first;
        newest_first = task;
    }
    *ready = kept;
    p->window = 1;
    while ((task = newest_first)) {
        newest_first = task->next;
        task->phase = GF_FINISHED;
        gf_pool_end_trial(p, task);
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_OUTCOME_REQUEUED, false, 0 };
        gf_tasks_push(outbox, task);
    }
    gf_pool_notify_host(p);
}

static void hand_back(gf_pool *p, gf_tasks *outbox, size_t keep)
{
    hand_back_of(p, &p->ready, outbox, keep);
}

static void hand_back_all(gf_pool *p, gf_tasks *outbox)
{
    hand_back(p, outbox, 0);
    for (gf_lane *lane = p->lanes; lane; lane = lane->next)
        for (size_t i = 0; i < lane->track_count; i++)
            hand_back_of(p, &lane->tracks[i].ready, outbox, 0);
}

// A slot or a crew has it.
static bool is_out(const gofer_task *task)
{
    return task->phase == GF_RUNNING || task->out;
}

// Of those taken after this one: does one of its queue still run?
static bool later_one_runs(const gofer_task *task)
{
    const char *queue = task->claim->message.queue;
    const gofer_task *later = task->held_prev;
    while (later && (!is_out(later) || strcmp(later->claim->message.queue, queue) != 0))
        later = later->held_prev;
    return later != NULL;
}

// What a stopping worker puts back goes to the head of its queue, one before the other: so none
// goes before those taken after it, which may yet be put back too. They are held newest first. The
// wait is as long as the grace: then there is none that runs.
static void put_back_in_order(gf_pool *p, gf_tasks *outbox)
{
    gf_tasks others = { 0 };
    gofer_task *task;
    bool one_runs = false;
    while ((task = gf_tasks_pop(outbox))) {
        task->goes_back = task->outcome.kind == GF_REQUEUE;
        if (!task->goes_back)
            gf_tasks_push(&others, task);
    }
    *outbox = others;
    for (task = p->held; task; task = task->held_next) {
        one_runs |= is_out(task);
        if (!task->goes_back || (one_runs && later_one_runs(task)))
            continue;
        task->goes_back = false;
        gf_tasks_push(outbox, task);
    }
}

// Ready tasks that nobody starts: the smoothed time was wrong, a slow handler is among them.
static void help_if_stuck(gf_pool *p, gf_tasks *outbox, int64_t now_ms, gf_calls *calls)
{
    gf_tasks *stuck;
    for (gf_lane *lane = p->lanes; lane; lane = lane->next)
        while ((stuck = gf_lane_stuck(p, lane, now_ms, HAND_BACK_MS)))
            hand_back_of(p, stuck, outbox, 0);
    if (startable(p) == 0 || p->started != p->seen_started) {
        p->seen_started = p->started;
        p->seen_at_ms = now_ms;
        return;
    }
    int64_t stuck_ms = now_ms - p->seen_at_ms;
    if (stuck_ms < STUCK_MS)
        return;
    if (p->run_ns < stuck_ms * 1000000)
        p->run_ns = stuck_ms * 1000000;
    calls->spawn += gf_pool_rouse(p, gf_pool_could_start(p));
    if (stuck_ms >= HAND_BACK_MS && p->ready.count > gf_pool_free_slots(p))
        hand_back(p, outbox, gf_pool_free_slots(p));
}

size_t gf_pool_collect(gf_pool *p, gf_tasks *outbox, bool taking, int64_t now_ms, gf_calls *calls)
{
    pthread_mutex_lock(&p->lock);
    gf_tasks_join(outbox, &p->finished);
    if (p->stopping) {
        hand_back_all(p, outbox);
        put_back_in_order(p, outbox);
    }
    help_if_stuck(p, outbox, now_ms, calls);
    size_t want = taking && !p->stopping && !p->trial && !p->parted ? room(p) : 0;
    p->asking = want > 0;
    pthread_mutex_unlock(&p->lock);
    return want;
}

void gf_pool_hand_back(gf_pool *p, gf_tasks *outbox)
{
    pthread_mutex_lock(&p->lock);
    hand_back_all(p, outbox);
    pthread_mutex_unlock(&p->lock);
}

// What is for crews goes to their lanes; the rest stays.
static void offer_to_lanes(gf_pool *p, gf_tasks *fresh)
{
    gf_tasks rest = { 0 };
    gofer_task *task;
    if (p->window <= SIZE_MAX / 2)
        p->window *= 2;
    while ((task = gf_tasks_pop(fresh)))
        if (!gf_lane_offer(task))
            gf_tasks_push(&rest, task);
    *fresh = rest;
}

gf_calls gf_pool_deliver(gf_pool *p, gf_tasks *fresh, int64_t now_ms, int64_t wall_ms)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    bool was_empty = p->ready.count == 0;
    p->wall_offset_ms = wall_ms - now_ms;
    for (gofer_task *task = fresh->first; task; task = task->next) {
        gf_pool_hold(p, task);
        if (task->claim->message.suspect > 0)
            p->trial = task;
    }
    // The guard shall know of the ends of these leases, whenever they are renewed.
    if (fresh->first && fresh->first->lease_until_ms - WATCH_AHEAD_MS < p->watch_ms) {
        p->watch_ms = fresh->first->lease_until_ms - WATCH_AHEAD_MS;
        calls.guard = true;
    }
    if (p->lanes)
        offer_to_lanes(p, fresh);
    gf_tasks_join(&p->ready, fresh);
    if (was_empty) {
        p->seen_started = p->started;
        p->seen_at_ms = now_ms;
    }
    // Fast handlers: the slot that is at it goes on with these, and one is enough.
    size_t wanted = gf_pool_wanted(p);
    if (wanted == 0 && was_empty && !gf_pool_slow(p))
        wanted = 1;
    calls.spawn = gf_pool_rouse(p, wanted);
    if (p->pull) {
        gf_pool_notify_host(p);
        pthread_cond_broadcast(&p->takers);
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

void gf_pool_release(gf_pool *p, gf_tasks *stored)
{
    gf_tasks out = { 0 };
    gofer_task *task;
    pthread_mutex_lock(&p->lock);
    while ((task = gf_tasks_pop(stored))) {
        gf_pool_let_go(p, task);
        gf_pool_end_trial(p, task);
        task->stored = true;
        if (gf_task_lost(task) && !task->returned)
            gf_pool_keep_stray(p, task);
        else
            gf_pool_discard(task, &out);
    }
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
}

// ---- how long the fetcher may sleep --------------------------------------------------------

int64_t gf_pool_patience_ms(gf_pool *p, int64_t fallback_ms)
{
    pthread_mutex_lock(&p->lock);
    int64_t ms = fallback_ms;
    if (gf_pool_could_start(p) > 0 && !p->pull && (p->idle || p->live < gf_pool_threads_to_have(p)))
        ms = 2 * STUCK_MS;
    else if (p->ready.count > gf_pool_free_slots(p) || gf_lanes_wait(p))
        ms = HAND_BACK_MS;
    if (p->trial) {
        int64_t left_ms = gf_pool_trial_ms(p, gf_mono_ms());
        if (left_ms == 0)
            left_ms = GF_POOL_UNSTARTED_MS;        // the store has not been told yet
        ms = ms < 0 || left_ms < ms ? left_ms : ms;
    }
    pthread_mutex_unlock(&p->lock);
    return ms;
}

void gf_pool_wait(gf_pool *p, int64_t timeout_ms)
{
    pthread_mutex_lock(&p->lock);
    if (p->finished.count == 0 && !p->nudged) {
        p->fetcher_at = GF_ON_COND;
        gf_cond_wait(&p->fetcher, &p->lock, timeout_ms);
        p->fetcher_at = GF_AWAKE;
    }
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_pause(gf_pool *p, int64_t timeout_ms)
{
    int64_t end_ms = gf_mono_ms() + timeout_ms, left;
    pthread_mutex_lock(&p->lock);
    while (!p->nudged && (left = end_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&p->fetcher, &p->lock, left);
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
}

bool gf_pool_lie_down(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool idle = p->finished.count == 0 && !p->nudged;
    if (idle)
        p->fetcher_at = GF_ON_WAITER;
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
    return idle;
}

bool gf_pool_get_up(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool woken = p->fetcher_at == GF_AWAKE;
    p->fetcher_at = GF_AWAKE;
    pthread_mutex_unlock(&p->lock);
    return woken;
}

bool gf_pool_empty(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool empty = p->held_count == 0;
    pthread_mutex_unlock(&p->lock);
    return empty;
}
