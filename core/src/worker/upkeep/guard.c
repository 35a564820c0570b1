// guard.c - what must not wait for the store: deadlines, the ends of leases, and
// the steps of a stop.
//
// May touch: pool. A thread of its own, which calls neither the store nor a handler nor a hook:
// whatever the store does, handlers are told on time, and a worker that was told to stop ends.
#include "worker/upkeep/guard.h"

#include <stdio.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

#include "util/error.h"
#include "util/minmax.h"
#include "worker/group/aggregate.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/duties.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/scheduling.h"

enum {
    MARGIN_MS = 2000,              // a handler hears of the end of its lease so long before
    LOST_AT_ONCE = 16,             // slots given up in one look
    RETURN_MS = 1000,              // a cancelled handler may take so long when the worker stops,
    HAND_IN_MS = 400,              // and what came of all so long to be handed in
                                   //   when the store is silent
    SILENT_MS = 2000,              // it is when it has answered nobody for so long
    LOOK_MS = 50                   // how often that is looked at
};

// ---- deadlines: of tasks, of leases, and of handlers that do not come back ----------------------

static void log_task(gofer_worker *w, int32_t level, const char *text, const gofer_task *task)
{
    const gf_message *m = &task->claim->message;
    char slot[16];
    snprintf(slot, sizeof slot, "%d", (int)task->slot);
    if (gf_worker_logs(w, level))
        gf_logf(&w->log, level, text, "task", m->id, "type", m->type, "queue", m->queue, "#slot",
            slot, NULL);
}

void gf_guard_lease_expired(gofer_worker *w, gofer_task *task)
{
    if (gf_task_cancel(task, GOFER_CANCEL_LEASE))
        log_task(w, GOFER_LOG_WARN, "lease lost: another worker may run this task", task);
}

// Locks: pool->lock held. When this task needs the next look; *lost: its slot is to be given up.
static int64_t watch_task(gofer_worker *w, gofer_task *task, int64_t now_ms, int64_t margin_ms,
    bool *lost)
{
    int64_t next_ms = GF_NEVER;
    if (task->phase == GF_FINISHED)
        return GF_NEVER;
    int64_t lease_ms = task->lease_until_ms - margin_ms;
    if (now_ms < lease_ms)
        next_ms = lease_ms;
    else
        gf_guard_lease_expired(w, task);
    // Of one that does not run yet its crew may be setting it.
    int64_t deadline_ms = task->phase == GF_RUNNING ? task->deadline_mono_ms : 0;
    if (deadline_ms == 0)
        return next_ms;
    if (now_ms < deadline_ms)
        return gf_min(next_ms, deadline_ms);
    gf_task_cancel(task, GOFER_CANCEL_TIMEOUT);
    if (!task->runner || task->guest)
        return next_ms;            // the host decides how long it waits, or the task's crew
    // A task that was past its deadline when it started, or came back from its crew, has its slot
    // from then on, to decide so.
    int64_t since_ms = gf_max(task->started_ns / 1000000, task->back_ms);
    int64_t lost_ms = gf_max(deadline_ms, since_ms) + w->settings.lost_after_ms;
    if (now_ms < lost_ms)
        return gf_min(next_ms, lost_ms);
    *lost = gf_pool_may_lose(task);
    // Not lost: it is back, and is being decided.
    return *lost ? next_ms : gf_min(next_ms, now_ms + GF_SOON_MS);
}

// Answers when the next look is due. Logging under the lock is fine: it waits for nobody.
static int64_t look_at_deadlines(gofer_worker *w, int64_t now_ms)
{
    gf_pool *p = &w->run.pool;
    gf_calls calls = { 0 };
    size_t lost_count = 0;
    int64_t next_ms = GF_NEVER, margin_ms = gf_min(MARGIN_MS, w->settings.lease_ms / 4);

    pthread_mutex_lock(&p->lock);
    if (now_ms < p->watch_ms) {
        next_ms = p->watch_ms;
        pthread_mutex_unlock(&p->lock);
        return next_ms;
    }
    for (gofer_task *task = p->held; task; task = task->held_next) {
        bool is_lost = false;
        if (lost_count == LOST_AT_ONCE) {
            next_ms = now_ms;      // the others at the next look, which is at once
            break;
        }
        next_ms = gf_min(next_ms, watch_task(w, task, now_ms, margin_ms, &is_lost));
        if (is_lost) {
            gf_calls more = gf_pool_lose(p, task, false);
            calls.spawn += more.spawn;
            calls.waiter |= more.waiter;
            lost_count++;
            w->upkeep.counters.lost_slots++;
            log_task(w, GOFER_LOG_ERROR,
                "a handler did not return after its deadline: its slot is given up and replaced",
                task);
        }
    }
    p->watch_ms = next_ms;
    pthread_mutex_unlock(&p->lock);
    gf_worker_act(w, calls);
    return next_ms;
}

// ---- stopping -----------------------------------------------------------------------------------

enum { ON_DUTY, IN_GRACE, CANCELLED, GIVEN_UP };

static void cancel_running(gofer_worker *w)
{
    pthread_mutex_lock(&w->run.pool.lock);
    for (gofer_task *task = w->run.pool.held; task; task = task->held_next)
        if (task->phase == GF_RUNNING)
            gf_task_cancel(task, GOFER_CANCEL_STOP);
    pthread_mutex_unlock(&w->run.pool.lock);
}

// Put back what handlers still hold; what they come back with later is ignored.
static void give_up_running(gofer_worker *w)
{
    gf_pool *p = &w->run.pool;
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    for (gofer_task *task = p->held; task; task = task->held_next) {
        if (task->phase != GF_RUNNING)
            continue;
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_OUTCOME_REQUEUED, false, 0 };
        calls.waiter |= gf_pool_lose(p, task, true).waiter;
        w->upkeep.counters.lost_slots += task->runner != NULL;
    }
    int64_t lost = w->upkeep.counters.lost_slots;
    pthread_mutex_unlock(&p->lock);
    gf_worker_act(w, calls);
    char count[32];
    snprintf(count, sizeof count, "%lld", (long long)lost);
    if (lost && gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR,
            "handlers did not return when asked to stop: their tasks are put back", "worker", w->id,
            "#lost_slots", count, NULL);
}

static void report_quiet(gofer_worker *w)
{
    gf_guard *g = &w->upkeep.guard;
    // Also after a quiet that was over before it was seen here: the fetcher may have.
    if (atomic_exchange(&w->resumed, 0))
        gf_worker_nudge(w);
    bool quiet = atomic_load(&w->quiet) != 0;
    if (quiet != g->was_quiet)
        gf_worker_nudge(w);
    g->was_quiet = quiet;
}

// Goes through the steps of a stop; returns when the next one is due.
static int64_t step_down(gofer_worker *w, int64_t now_ms)
{
    gf_guard *g = &w->upkeep.guard;
    int calls = atomic_load(&w->stop_calls);
    if (calls == 0) {
        report_quiet(w);
        return GF_NEVER;
    }
    if (g->stop_step == ON_DUTY) {
        g->stop_step = IN_GRACE;
        g->step_until_ms = now_ms + w->settings.grace_ms;
        gf_housekeeping_ask_presence(w);
        if (gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "worker is stopping", "worker", w->id, NULL);
        gf_pool_stop(&w->run.pool);
        gf_aggregate_stop(w);
        gf_scheduling_stop(w);
        gf_worker_nudge(w);
    }
    if (g->stop_step == IN_GRACE && (calls > 1 || now_ms >= g->step_until_ms)) {
        g->stop_step = CANCELLED;
        g->step_until_ms = now_ms + RETURN_MS;
        cancel_running(w);
        gf_aggregate_cancel(w);
        gf_worker_nudge(w);
    }
    if (g->stop_step == CANCELLED && now_ms >= g->step_until_ms) {
        g->stop_step = GIVEN_UP;
        g->step_until_ms = now_ms + HAND_IN_MS;
        give_up_running(w);
        gf_housekeeping_ask_give_up(w);
        gf_worker_nudge(w);
    }
    return g->step_until_ms;
}

// ---- the end ------------------------------------------------------------------------------------

static bool has_ended(gofer_worker *w)
{
    pthread_mutex_lock(&w->run.pool.lock);
    bool ended = w->run.pool.ended;
    pthread_mutex_unlock(&w->run.pool.lock);
    return ended;
}

// Has the store answered nobody for a while, or not the fetcher when it asked last?
static bool is_silent(gofer_worker *w, int64_t now_ms)
{
    bool trouble = atomic_load(&w->fetch.fetcher.troubled) && !atomic_load(&w->fetch.fetcher.done);
    return trouble || now_ms - atomic_load(&w->upkeep.housekeeping.answered_ms) >= SILENT_MS;
}

// The worker ends, though calls to the store are under way: they end by themselves, and
// what they need stays.
static void leave_behind(gofer_worker *w)
{
    gf_pool *p = &w->run.pool;
    atomic_store(&w->left, 1);
    gf_housekeeping_end(w);        // nothing is renewed any more; it waits for the fetcher
    pthread_mutex_lock(&p->lock);
    size_t tasks = p->held_count;
    pthread_mutex_unlock(&p->lock);
    gf_worker_outcomes_lost(w, tasks);
    if (tasks == 0 && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "worker could not sign off: the store does not answer",
            "worker", w->id, NULL);
    gf_worker_log_end(w);
    // Who waits for the end finds all of that told.
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

// When all is handed in, or nothing can be, housekeeping signs off. When the last step of a stop is
// over, or there was nothing left to wait for, that is not waited for unless the store answers.
// Returns when to look again.
static int64_t look_for_end(gofer_worker *w, int64_t now_ms)
{
    gf_guard *g = &w->upkeep.guard;
    if (g->ending_ms == 0) {
        if (atomic_load(&w->fetch.fetcher.done) && gf_aggregate_done(w)) {
            g->ending_ms = now_ms;
            gf_housekeeping_end(w);
        } else if (g->stop_step != GIVEN_UP) {
            return GF_NEVER;
        }
    }
    bool late = g->ending_ms ? now_ms - g->ending_ms >= RETURN_MS : now_ms >= g->step_until_ms;
    if (late && is_silent(w, now_ms) && !has_ended(w))
        leave_behind(w);
    return now_ms + LOOK_MS;
}

// ---- the thread ---------------------------------------------------------------------------------

void gf_raise_priority(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -5);
#endif
}

void *gf_guard_main(void *arg)
{
    gofer_worker *w = arg;
    gf_thread_name("gofer-guard");
    gf_raise_priority();
    while (!has_ended(w)) {
        int64_t now_ms = gf_mono_ms(), next_ms = step_down(w, now_ms);
        if (w->upkeep.guard.stop_step == GIVEN_UP)
            next_ms = GF_NEVER;
        next_ms = gf_min(next_ms, look_at_deadlines(w, now_ms));
        next_ms = gf_min(next_ms, look_for_end(w, now_ms));
        int64_t left_ms = next_ms == GF_NEVER ? -1 : next_ms - gf_mono_ms();
        gf_wake_fd_wait(&w->upkeep.wake_fd, next_ms == GF_NEVER ? -1 : left_ms > 0 ? left_ms : 0);
    }
    return NULL;
}
