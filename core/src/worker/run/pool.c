// pool.c - the tasks a worker holds and the slots that run them.
//
// May touch: task, util/. Every function takes the pool's lock unless it says that it is held, and
// none does I/O under it (but for the pull descriptor, which never blocks).
#include "worker/run/pool.h"

#include <string.h>

#include "broker/blame.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"
#include "worker/settings.h"

enum {
    AHEAD_NS = 20 * 1000 * 1000,   // what is taken ahead shall start within so long
    FAST_NS = 20 * 1000,           // below, waking another slot costs more than it brings
    WATCH_AHEAD_MS = 2000,         // before the end of a lease the guard looks first
    STUCK_MS = 1,                  // ready tasks unmoved for so long: wake more slots
    HAND_BACK_MS = 100,            // and for so long: give back what no free slot waits for
    UNSTARTED_MS = 100             // to look again at what nobody has started yet
};

// ---- init, clear ----------------------------------------------------------------------

gofer_status gf_pool_init(gf_pool *p, const gf_settings *settings)
{
    *p = (gf_pool){
        .concurrency = (size_t)settings->concurrency,
        .threads_max = SIZE_MAX,
        .max_prefetch = (size_t)settings->max_prefetch,
        .pull = settings->pull != 0,
        .run_ns = -1,
        .watch_ms = INT64_MAX,
        .ready_fd = { -1, -1 },
    };
    if (pthread_mutex_init(&p->lock, NULL) != 0)
        return gf_fail_nomem("the worker's lock");
    if (gf_cond_init(&p->courier) != 0)
        goto no_courier;
    if (gf_cond_init(&p->changed) != 0)
        goto no_changed;
    if (gf_cond_init(&p->takers) != 0)
        goto no_takers;
    if (p->pull && !gf_wake_fd_open(&p->ready_fd))
        goto no_fd;
    return GOFER_OK;

no_fd:
    pthread_cond_destroy(&p->takers);
no_takers:
    pthread_cond_destroy(&p->changed);
no_changed:
    pthread_cond_destroy(&p->courier);
no_courier:
    pthread_mutex_destroy(&p->lock);
    return gf_fail(GOFER_ENOMEM, "no memory or no descriptor for the worker's pool");
}

void gf_pool_clear(gf_pool *p)
{
    while (p->held) {
        gofer_task *task = p->held;
        p->held = task->held_next;
        gf_task_free(task);
    }
    for (size_t i = 0; i < p->slot_count; i++) {
        pthread_cond_destroy(&p->slots[i]->cond);
        gf_free(p->slots[i]);
    }
    gf_free(p->slots);
    gf_wake_fd_close(&p->ready_fd);
    pthread_cond_destroy(&p->takers);
    pthread_cond_destroy(&p->changed);
    pthread_cond_destroy(&p->courier);
    pthread_mutex_destroy(&p->lock);
}

// ---- inside the lock --------------------------------------------------------------------

static void link_first(gofer_task **list, gofer_task *task)
{
    task->held_prev = NULL;
    task->held_next = *list;
    if (*list)
        (*list)->held_prev = task;
    *list = task;
}

static void unlink_from(gofer_task **list, gofer_task *task)
{
    if (task->held_prev)
        task->held_prev->held_next = task->held_next;
    else
        *list = task->held_next;
    if (task->held_next)
        task->held_next->held_prev = task->held_prev;
}

static void hold(gf_pool *p, gofer_task *task)
{
    link_first(&p->held, task);
    p->held_count++;
}

static void let_go(gf_pool *p, gofer_task *task)
{
    unlink_from(&p->held, task);
    p->held_count--;
}

static void keep_stray(gf_pool *p, gofer_task *task)
{
    link_first(&p->strays, task);
}

static void let_go_stray(gf_pool *p, gofer_task *task)
{
    unlink_from(&p->strays, task);
}

// It has ended, is given up, or goes back.
static void end_trial(gf_pool *p, const gofer_task *task)
{
    if (p->trial == task)
        p->trial = NULL;
}

// Nobody owns the task any more: to `out`, which is freed without the lock, or left to who has pinned it.
static void discard(gofer_task *task, gf_tasks *out)
{
    task->doomed = true;
    if (task->pins == 0)
        gf_tasks_push(out, task);
}

static bool slow(const gf_pool *p)
{
    return p->run_ns < 0 || p->run_ns > FAST_NS;
}

static size_t prefetch(const gf_pool *p)
{
    if (p->run_ns < 0 || p->run_ns >= AHEAD_NS)
        return 0;
    size_t ahead = (size_t)(AHEAD_NS / (p->run_ns > 0 ? p->run_ns : 1)) * p->concurrency;
    return ahead < p->max_prefetch ? ahead : p->max_prefetch;
}

static size_t room(const gf_pool *p)
{
    size_t limit = p->concurrency + prefetch(p), used = p->running + p->ready.count;
    return limit > used ? limit - used : 0;
}

static size_t slots_to_have(const gf_pool *p)
{
    return p->concurrency < p->threads_max ? p->concurrency : p->threads_max;
}

// Slots that could start a task now.
static size_t free_slots(const gf_pool *p)
{
    size_t slots = slots_to_have(p);
    return slots > p->running ? slots - p->running : 0;
}

// How many tasks slots could start now, after a lowering of the concurrency perhaps fewer than are ready.
static size_t could_start(const gf_pool *p)
{
    size_t ready = p->stopping ? 0 : p->ready.count, room = free_slots(p);
    return p->orphans.count + (ready < room ? ready : room);
}

// Wake sleeping slots until `wanted` are on their way. True: a thread shall be added.
static bool rouse(gf_pool *p, size_t wanted)
{
    if (p->pull || p->ending)
        return false;
    while (p->waking < wanted && p->idle) {
        gf_slot *slot = p->idle;
        p->idle = slot->idle_next;
        p->waking++;
        slot->woken = true;
        pthread_cond_signal(&slot->cond);
    }
    if (p->waking >= wanted || p->live >= slots_to_have(p))
        return false;
    p->waking++;
    p->live++;
    p->spawning++;
    return true;
}

static size_t startable(const gf_pool *p)
{
    return p->orphans.count + (p->stopping ? 0 : p->ready.count);
}

// The pull descriptor says what a take would find.
void gf_pool_tell_host(gf_pool *p)
{
    if (!p->pull)
        return;
    bool set = p->stopping || (p->ready.count > 0 && p->running < p->concurrency);
    if (set == p->ready_fd_set)
        return;
    p->ready_fd_set = set;
    if (set)
        gf_wake_fd_set(&p->ready_fd);
    else
        gf_wake_fd_clear(&p->ready_fd);
}

static void wake_courier(gf_pool *p, gf_calls *calls)
{
    if (p->courier_at == GF_ON_COND)
        pthread_cond_signal(&p->courier);
    else if (p->courier_at == GF_ON_WAITER)
        calls->waiter = true;
    p->courier_at = GF_AWAKE;
}

static int64_t bounded(int64_t ms)
{
    return ms > GOFER_MAX_DURATION_MS ? GOFER_MAX_DURATION_MS : ms;
}

void gf_pool_start(gf_pool *p, gofer_task *task, gf_slot *slot, int64_t now_ns, gf_calls *calls)
{
    const gf_message *m = &task->claim->message;
    int64_t now_ms = now_ns / 1000000, wall_ms = now_ms + p->wall_offset_ms;

    task->phase = GF_RUNNING;
    task->runner = slot;
    task->slot = slot ? slot->number : -1;
    task->started_ns = now_ns;
    task->deadline_ms = m->deadline_ms;
    if (m->timeout_ms > 0) {
        int64_t end_ms = wall_ms + bounded(m->timeout_ms);
        if (task->deadline_ms <= 0 || end_ms < task->deadline_ms)
            task->deadline_ms = end_ms;
    }
    p->running++;
    p->started++;
    if (task->deadline_ms <= 0)
        return;
    task->deadline_mono_ms = now_ms + (task->deadline_ms - wall_ms);
    if (task->deadline_mono_ms <= 0)
        task->deadline_mono_ms = 1;
    if (task->deadline_mono_ms < p->watch_ms) {
        p->watch_ms = task->deadline_mono_ms;
        calls->keeper = true;
    }
}

void gf_pool_report(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls)
{
    if (task->phase == GF_RUNNING) {
        p->running--;
        int64_t run_ns = now_ns - task->started_ns;
        task->ended_ns = now_ns;
        p->run_ns = p->run_ns < 0 ? run_ns : p->run_ns + (run_ns - p->run_ns) / 8;
        task->outcome = task->own_outcome;
        task->reason = task->own_reason;
        task->own_reason = NULL;
        task->parting = task->own_parting;
        task->own_parting = NULL;
    }
    task->phase = GF_FINISHED;
    end_trial(p, task);
    gf_tasks_push(&p->finished, task);
    wake_courier(p, calls);
}

void gf_pool_return_lost(gf_pool *p, gofer_task *task, gf_tasks *out)
{
    task->returned = true;
    p->lost--;
    pthread_cond_broadcast(&p->changed);
    if (task->told) {
        let_go_stray(p, task);
        discard(task, out);
    }
}

// ---- the courier's doors -------------------------------------------------------------------

// To the outbox as REQUEUE, all but the first `keep`. The newest goes first: each is put at the
// head of its queue, so that the oldest comes to stand before the others again.
static void hand_back(gf_pool *p, gf_tasks *outbox, size_t keep)
{
    gf_tasks kept = { 0 };
    gofer_task *task, *newest_first = NULL;
    while (kept.count < keep && (task = gf_tasks_pop(&p->ready)))
        gf_tasks_push(&kept, task);
    while ((task = gf_tasks_pop(&p->ready))) {
        task->next = newest_first;
        newest_first = task;
    }
    p->ready = kept;
    while ((task = newest_first)) {
        newest_first = task->next;
        task->phase = GF_FINISHED;
        end_trial(p, task);
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_FATE_REQUEUED, false, 0 };
        gf_tasks_push(outbox, task);
    }
    gf_pool_tell_host(p);
}

// Of those taken after this one: does one of its queue still run?
static bool later_one_runs(const gofer_task *task)
{
    const char *queue = task->claim->message.queue;
    const gofer_task *later = task->held_prev;
    while (later && (later->phase != GF_RUNNING || strcmp(later->claim->message.queue, queue) != 0))
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
        task->goes_back = task->outcome.verdict == GF_REQUEUE;
        if (!task->goes_back)
            gf_tasks_push(&others, task);
    }
    *outbox = others;
    for (task = p->held; task; task = task->held_next) {
        one_runs |= task->phase == GF_RUNNING;
        if (!task->goes_back || (one_runs && later_one_runs(task)))
            continue;
        task->goes_back = false;
        gf_tasks_push(outbox, task);
    }
}

// Ready tasks that nobody starts: the smoothed time was wrong, a slow handler is among them.
static void help_if_stuck(gf_pool *p, gf_tasks *outbox, int64_t now_ms, gf_calls *calls)
{
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
    calls->spawn += rouse(p, could_start(p));
    if (stuck_ms >= HAND_BACK_MS && p->ready.count > free_slots(p))
        hand_back(p, outbox, free_slots(p));
}

size_t gf_pool_collect(gf_pool *p, gf_tasks *outbox, bool taking, int64_t now_ms, gf_calls *calls)
{
    pthread_mutex_lock(&p->lock);
    gf_tasks_join(outbox, &p->finished);
    if (p->stopping) {
        hand_back(p, outbox, 0);
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
    hand_back(p, outbox, 0);
    pthread_mutex_unlock(&p->lock);
}

gf_calls gf_pool_deliver(gf_pool *p, gf_tasks *fresh, int64_t now_ms, int64_t wall_ms)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    bool was_empty = p->ready.count == 0;
    p->wall_offset_ms = wall_ms - now_ms;
    for (gofer_task *task = fresh->first; task; task = task->next) {
        hold(p, task);
        if (task->claim->message.suspect > 0)
            p->trial = task;
    }
    // The guard shall know of the ends of these leases, whenever they are renewed.
    if (fresh->first && fresh->first->lease_until_ms - WATCH_AHEAD_MS < p->watch_ms) {
        p->watch_ms = fresh->first->lease_until_ms - WATCH_AHEAD_MS;
        calls.keeper = true;
    }
    gf_tasks_join(&p->ready, fresh);
    if (was_empty) {
        p->seen_started = p->started;
        p->seen_at_ms = now_ms;
    }
    // Fast handlers: the slot that is at it goes on with these, and one is enough.
    if (slow(p))
        calls.spawn = rouse(p, could_start(p));
    else if (was_empty)
        calls.spawn = rouse(p, 1);
    if (p->pull) {
        gf_pool_tell_host(p);
        pthread_cond_broadcast(&p->takers);
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

void gf_pool_settle(gf_pool *p, gf_tasks *told)
{
    gf_tasks out = { 0 };
    gofer_task *task;
    pthread_mutex_lock(&p->lock);
    while ((task = gf_tasks_pop(told))) {
        let_go(p, task);
        end_trial(p, task);
        task->told = true;
        if (gf_task_lost(task) && !task->returned)
            keep_stray(p, task);
        else
            discard(task, &out);
    }
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
}

// ---- suspects --------------------------------------------------------------------------------

// Locks: pool->lock held. How long until this task has run for `patience_ms`; 0: it has.
static int64_t still_ms(const gofer_task *task, int64_t patience_ms, int64_t now_ms)
{
    if (task->phase != GF_RUNNING)
        return UNSTARTED_MS;
    int64_t ran_ms = now_ms - task->started_ns / 1000000;
    return ran_ms < patience_ms ? patience_ms - ran_ms : 0;
}

// Locks: pool->lock held. How long until nothing that is held might be the cause of a death.
static int64_t unproven_ms(const gf_pool *p, int64_t now_ms)
{
    int64_t ms = p->ready.count > 0 ? UNSTARTED_MS : 0;
    for (const gofer_task *task = p->held; task; task = task->held_next) {
        bool runs = task->phase == GF_RUNNING;
        int64_t its_ms = runs ? still_ms(task, gf_blame_patience_ms(1), now_ms) : 0;
        ms = its_ms > ms ? its_ms : ms;
    }
    return ms;
}

int64_t gf_pool_way_ms(gf_pool *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    int64_t ms = unproven_ms(p, now_ms);
    if (free_slots(p) == 0 && ms < UNSTARTED_MS)
        ms = UNSTARTED_MS;
    pthread_mutex_unlock(&p->lock);
    return ms;
}

bool gf_pool_part(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool may = !p->trial;
    p->parted = may;
    pthread_mutex_unlock(&p->lock);
    return may;
}

bool gf_pool_alone(gf_pool *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    bool alone = !p->asking && !p->trial && unproven_ms(p, now_ms) == 0;
    pthread_mutex_unlock(&p->lock);
    return alone;
}

void gf_pool_join_again(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->parted = false;
    pthread_mutex_unlock(&p->lock);
}

bool gf_pool_on_trial(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool on_trial = p->trial != NULL;
    pthread_mutex_unlock(&p->lock);
    return on_trial;
}

// Locks: pool->lock held.
static int64_t trial_ms(const gf_pool *p, int64_t now_ms)
{
    return still_ms(p->trial, gf_blame_patience_ms(p->trial->claim->message.suspect), now_ms);
}

gofer_task *gf_pool_outlasted(gf_pool *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    gofer_task *task = p->trial && trial_ms(p, now_ms) == 0 ? p->trial : NULL;
    pthread_mutex_unlock(&p->lock);
    return task;
}

void gf_pool_prove(gf_pool *p, gofer_task *task)
{
    pthread_mutex_lock(&p->lock);
    end_trial(p, task);
    pthread_mutex_unlock(&p->lock);
}

int64_t gf_pool_patience_ms(gf_pool *p, int64_t fallback_ms)
{
    pthread_mutex_lock(&p->lock);
    int64_t ms = fallback_ms;
    if (could_start(p) > 0 && !p->pull && (p->idle || p->live < slots_to_have(p)))
        ms = 2 * STUCK_MS;
    else if (p->ready.count > free_slots(p))
        ms = HAND_BACK_MS;
    if (p->trial) {
        int64_t left_ms = trial_ms(p, gf_mono_ms());
        if (left_ms == 0)
            left_ms = UNSTARTED_MS;        // the store has not been told yet
        ms = ms < 0 || left_ms < ms ? left_ms : ms;
    }
    pthread_mutex_unlock(&p->lock);
    return ms;
}

void gf_pool_wait(gf_pool *p, int64_t timeout_ms)
{
    pthread_mutex_lock(&p->lock);
    if (p->finished.count == 0 && !p->nudged) {
        p->courier_at = GF_ON_COND;
        gf_cond_wait(&p->courier, &p->lock, timeout_ms);
        p->courier_at = GF_AWAKE;
    }
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_pause(gf_pool *p, int64_t timeout_ms)
{
    int64_t end_ms = gf_mono_ms() + timeout_ms, left;
    pthread_mutex_lock(&p->lock);
    while (!p->nudged && (left = end_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&p->courier, &p->lock, left);
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
}

bool gf_pool_lie_down(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool idle = p->finished.count == 0 && !p->nudged;
    if (idle)
        p->courier_at = GF_ON_WAITER;
    p->nudged = false;
    pthread_mutex_unlock(&p->lock);
    return idle;
}

bool gf_pool_get_up(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool woken = p->courier_at == GF_AWAKE;
    p->courier_at = GF_AWAKE;
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

gf_calls gf_pool_resize(gf_pool *p, size_t concurrency)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    p->concurrency = concurrency;
    // Those who sleep hear of it now; those who run when they come back.
    for (size_t surplus = p->live > concurrency ? p->live - concurrency : 0; surplus && p->idle; surplus--) {
        gf_slot *slot = p->idle;
        p->idle = slot->idle_next;
        p->waking++;
        slot->woken = true;
        pthread_cond_signal(&slot->cond);
    }
    calls.spawn = rouse(p, could_start(p));
    if (p->pull) {
        gf_pool_tell_host(p);
        pthread_cond_broadcast(&p->takers);
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

gf_calls gf_pool_allow_threads(gf_pool *p, size_t count)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    if (p->threads_max != SIZE_MAX && count > p->threads_max) {
        p->threads_max = count;
        calls.spawn = rouse(p, could_start(p));
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

// ---- the slots' doors ------------------------------------------------------------------------

// One slot too many since the concurrency was lowered? Then this one, which has nothing to do, goes.
static bool retire(gf_pool *p, gf_slot *slot)
{
    if (p->live <= p->concurrency || p->orphans.count > 0)
        return false;
    slot->state = GF_SLOT_LEFT;
    p->live--;
    return true;
}

gofer_task *gf_pool_swap(gf_pool *p, gf_slot *slot, gofer_task *done, int64_t now_ns, bool *leave,
    gf_calls *calls)
{
    gf_tasks out = { 0 };
    gofer_task *task = NULL;
    *leave = false;
    pthread_mutex_lock(&p->lock);
    if (done && done->runner == slot && gf_task_lost(done)) {
        gf_pool_return_lost(p, done, &out);
        slot->state = GF_SLOT_LEFT;
        *leave = true;
    } else {
        if (done)
            gf_pool_report(p, done, now_ns, calls);
        task = gf_tasks_pop(&p->orphans);
        if (!task && !p->stopping && p->running < p->concurrency && (task = gf_tasks_pop(&p->ready)))
            gf_pool_start(p, task, slot, now_ns, calls);
        // A slow handler holds this slot: the next task needs another one.
        if (task && slow(p))
            calls->spawn += rouse(p, could_start(p));
        *leave = !task && (p->ending || retire(p, slot));
    }
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
    return task;
}

void gf_pool_sleep(gf_pool *p, gf_slot *slot)
{
    pthread_mutex_lock(&p->lock);
    if (could_start(p) == 0 && !p->ending && p->live <= p->concurrency) {
        slot->idle_next = p->idle;
        p->idle = slot;
        while (!slot->woken)
            pthread_cond_wait(&slot->cond, &p->lock);
        slot->woken = false;
        p->waking--;
    }
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_arrive(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waking--;
    pthread_mutex_unlock(&p->lock);
}

// ---- the keeper's doors ------------------------------------------------------------------------------

void gf_pool_nudge(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->nudged = true;
    pthread_cond_signal(&p->courier);
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_stop(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->nudged = true;
    pthread_cond_signal(&p->courier);
    pthread_cond_broadcast(&p->takers);
    gf_pool_tell_host(p);
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_end(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    for (gf_slot *slot = p->idle; slot; slot = slot->idle_next) {
        p->waking++;
        slot->woken = true;
        pthread_cond_signal(&slot->cond);
    }
    p->idle = NULL;
    pthread_mutex_unlock(&p->lock);
}

bool gf_pool_may_lose(gofer_task *task)
{
    int32_t nobody = GF_UNDECIDED;
    return atomic_compare_exchange_strong(&task->lost, &nobody, GF_DECIDED_WITHOUT);
}

gf_calls gf_pool_lose(gf_pool *p, gofer_task *task, bool verdict_known)
{
    gf_calls calls = { 0 };
    atomic_store(&task->lost, GF_DECIDED_WITHOUT);
    task->phase = GF_FINISHED;
    end_trial(p, task);
    task->ended_ns = gf_mono_ns();
    p->running--;
    p->lost++;
    if (task->runner) {
        task->runner->state = GF_SLOT_LOST;
        p->live--;
    }
    if (verdict_known) {
        gf_tasks_push(&p->finished, task);
        wake_courier(p, &calls);
    } else {
        gf_tasks_push(&p->orphans, task);
        calls.spawn = rouse(p, could_start(p));
    }
    return calls;
}

void gf_pool_unpin(gf_pool *p, gofer_task *const *tasks, size_t count)
{
    gf_tasks out = { 0 };
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++)
        if (--tasks[i]->pins == 0 && tasks[i]->doomed)
            gf_tasks_push(&out, tasks[i]);
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
}
