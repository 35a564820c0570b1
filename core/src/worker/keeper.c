// keeper.c - the worker's housekeeper: a table of duties, each with its own time, on one thread.
//
// May touch: pool, broker.h. It sleeps until the next duty is due or somebody pokes it. The
// heartbeat stands first and is looked at again after every duty, so that nothing but a store that
// does not answer can hold it up; and no handler runs here, nor any hook.
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

#include "util/alloc.h"
#include "util/error.h"
#include "worker/runtime.h"

enum {
    BATCH = 1000,                  // tasks per call to the store
    SOON_MS = 1000,                // after a failure
    FORWARD_MS = 5000,             // look for due tasks at least so often,
    FORWARD_GAP_MS = 20,           //   and at the most
    PROGRESS_MS = 250,
    EVENTS_MS = 20,                // how long events are collected
    DRAIN_MS = 500,
    RECLAIM_MS = 5000,
    RECLAIM_RARE_MS = 60000,       // of a worker that aggregates nothing
    QUEUES_MS = 1000,              // how often to look for queues that match a pattern
    COMPLAIN_MS = 60000,
    MARGIN_MS = 2000,              // a handler hears of the end of its lease so long before
    RETURN_MS = 1000,              // a cancelled handler may take so long when the worker stops
    LOST_AT_ONCE = 16              // lost slots told of in one look
};

static const int64_t NEVER = INT64_MAX;

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// ---- heartbeat: the leases of what we hold -------------------------------------------------------

// The claims whose leases have aged, pinned so that they stay though the courier hands them in.
static gofer_status gather_leases(gofer_worker *w, int64_t now_ms, gf_lease **leases, gofer_task ***tasks,
    size_t *count)
{
    gf_pool *p = &w->pool;
    int64_t fresh_ms = now_ms + w->settings.lease_ms * 5 / 6;
    *count = 0;
    pthread_mutex_lock(&p->lock);
    size_t held = p->held_count;
    *leases = held ? gf_alloc(held * sizeof **leases) : NULL;
    *tasks = held ? gf_alloc(held * sizeof **tasks) : NULL;
    bool ok = held == 0 || (*leases && *tasks);
    for (gofer_task *task = p->held; ok && task; task = task->held_next)
        if (task->lease_until_ms < fresh_ms) {
            (*leases)[*count] = (gf_lease){ .claim = task->claim };
            (*tasks)[(*count)++] = task;
        }
    if (ok)
        gf_pool_pin(p);
    pthread_mutex_unlock(&p->lock);
    return ok ? GOFER_OK : gf_fail_nomem("the heartbeat");
}

static void lost_lease(gofer_worker *w, gofer_task *task)
{
    if (!gf_task_cancel(task, GOFER_CANCEL_LEASE) || !gf_worker_logs(w, GOFER_LOG_WARN))
        return;
    const gf_message *m = &task->claim->message;
    gf_logf(&w->log, GOFER_LOG_WARN, "lease lost: another worker may run this task", "task", m->id, "type",
        m->type, "queue", m->queue, NULL);
}

static gofer_status extend_batch(gofer_worker *w, gf_lease *leases, gofer_task **tasks, size_t count)
{
    gofer_status st = w->ops->extend(w->broker, leases, count, w->settings.lease_ms);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&w->pool.lock);
        // One that was handed in meanwhile is not lost: it is done.
        bool ours = !tasks[i]->told && tasks[i]->phase != GF_FINISHED;
        if (leases[i].status == GOFER_OK)
            tasks[i]->lease_until_ms = leases[i].lease_until_ms;
        pthread_mutex_unlock(&w->pool.lock);
        if (leases[i].status != GOFER_OK && ours)
            lost_lease(w, tasks[i]);
        else if (leases[i].cancel && ours && gf_task_ask(tasks[i], true))
            gf_presence_tell_cancelled(w, tasks[i]->claim->message.id);
    }
    return GOFER_OK;
}

static gofer_status extend_leases(gofer_worker *w, int64_t now_ms)
{
    gf_lease *leases;
    gofer_task **tasks;
    size_t count;
    gofer_status st = gather_leases(w, now_ms, &leases, &tasks, &count);
    if (st == GOFER_OK) {
        for (size_t at = 0; at < count && st == GOFER_OK; at += BATCH)
            st = extend_batch(w, leases + at, tasks + at, count - at < BATCH ? count - at : BATCH);
        gf_pool_unpin(&w->pool);
    }
    gf_free(leases);
    gf_free(tasks);
    return st;
}

static gofer_status duty_heartbeat(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t interval_ms = w->settings.lease_ms / 3;
    gofer_status st = extend_leases(w, now_ms);
    *next_ms = now_ms + (st == GOFER_OK ? interval_ms : min64(interval_ms, SOON_MS));
    // The leases are newer now, or older: look at their ends again.
    pthread_mutex_lock(&w->pool.lock);
    w->pool.watch_ms = 0;
    pthread_mutex_unlock(&w->pool.lock);
    return st;
}

static gofer_status duty_presence(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t interval_ms = gf_presence_interval_ms(w);
    gofer_status st = gf_presence_register(w);
    *next_ms = now_ms + (st == GOFER_OK ? interval_ms : min64(interval_ms, SOON_MS));
    return st;
}

// ---- deadlines: of tasks, of leases, and of handlers that do not come back -------------------------

// Locks: pool->lock held. When this task needs the next look; *lost: its slot is to be given up.
static int64_t watch_task(gofer_worker *w, gofer_task *task, int64_t now_ms, int64_t margin_ms, bool *lost,
    bool *lease_over)
{
    int64_t next_ms = NEVER, deadline_ms = task->deadline_mono_ms;
    if (task->phase == GF_FINISHED)
        return NEVER;
    int64_t lease_ms = task->lease_until_ms - margin_ms;
    if (now_ms < lease_ms)
        next_ms = lease_ms;
    else
        *lease_over = atomic_load_explicit(&task->cancelled, memory_order_relaxed) == GOFER_CANCEL_NONE;
    if (task->phase != GF_RUNNING || deadline_ms == 0)
        return next_ms;
    if (now_ms < deadline_ms)
        return min64(next_ms, deadline_ms);
    gf_task_cancel(task, GOFER_CANCEL_TIMEOUT);
    if (!task->runner)
        return next_ms;            // pulled: the host decides how long it waits
    // A task that was past its deadline when it started has its slot from then on, to decide so.
    int64_t started_ms = task->started_ns / 1000000;
    int64_t lost_ms = (deadline_ms > started_ms ? deadline_ms : started_ms) + w->settings.lost_after_ms;
    if (now_ms < lost_ms)
        return min64(next_ms, lost_ms);
    *lost = true;
    return next_ms;
}

static void tell_lost(gofer_worker *w, const gofer_task *task, const char *text)
{
    if (!gf_worker_logs(w, GOFER_LOG_ERROR))
        return;
    const gf_message *m = &task->claim->message;
    char slot[16];
    snprintf(slot, sizeof slot, "%d", (int)task->slot);
    gf_logf(&w->log, GOFER_LOG_ERROR, text, "task", m->id, "type", m->type, "queue", m->queue, "#slot", slot,
        NULL);
}

static gofer_status duty_deadlines(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_pool *p = &w->pool;
    gf_calls calls = { 0 };
    gofer_task *lost[LOST_AT_ONCE], *leaseless[LOST_AT_ONCE];
    size_t lost_count = 0, leaseless_count = 0;
    int64_t next = NEVER, margin_ms = min64(MARGIN_MS, w->settings.lease_ms / 4);

    pthread_mutex_lock(&p->lock);
    gf_pool_pin(p);
    for (gofer_task *task = p->held; task; task = task->held_next) {
        bool is_lost = false, lease_over = false;
        next = min64(next, watch_task(w, task, now_ms, margin_ms, &is_lost, &lease_over));
        if (lost_count == LOST_AT_ONCE || leaseless_count == LOST_AT_ONCE) {
            next = now_ms;         // the others at the next look, which is at once
            break;
        }
        if (lease_over)
            leaseless[leaseless_count++] = task;
        if (is_lost) {
            gf_calls more = gf_pool_lose(p, task, false);
            lost[lost_count++] = task;
            calls.spawn += more.spawn;
            calls.waiter |= more.waiter;
        }
    }
    p->watch_ms = next;
    pthread_mutex_unlock(&p->lock);

    for (size_t i = 0; i < leaseless_count; i++)
        lost_lease(w, leaseless[i]);
    for (size_t i = 0; i < lost_count; i++) {
        w->stats.lost_slots++;
        tell_lost(w, lost[i], "a handler did not return after its deadline: its slot is given up and replaced");
    }
    gf_pool_unpin(p);
    gf_worker_act(w, calls);
    *next_ms = next;
    return GOFER_OK;
}

// ---- progress -------------------------------------------------------------------------------------------

// All at once; what they tell is out of reach of their handlers meanwhile.
static gofer_status send_progress(gofer_worker *w, gf_sending *sendings, gf_progress *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i] = sendings[i].item;
    gofer_status st = count ? w->ops->progress(w->broker, items, count) : GOFER_OK;
    for (size_t i = 0; i < count; i++) {
        if (items[i].done >= 0)
            gf_tell_progress(sendings[i].task, items[i].done, items[i].total, items[i].text);
        gf_notes_end(&sendings[i], st == GOFER_OK);
    }
    return st;
}

static gofer_status duty_progress(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_pool *p = &w->pool;
    size_t count = 0;
    *next_ms = NEVER;
    pthread_mutex_lock(&p->lock);
    size_t capacity = p->running < BATCH ? p->running : BATCH;
    gf_sending *sendings = gf_calloc(capacity + 1, sizeof *sendings);
    gf_progress *items = gf_calloc(capacity + 1, sizeof *items);
    bool ok = sendings && items, more = false;
    if (ok)
        gf_pool_pin(p);
    for (gofer_task *task = p->held; ok && task && !more; task = task->held_next) {
        if (task->phase == GF_RUNNING && count < capacity)
            count += gf_notes_begin(task, &sendings[count]);
        else
            more = task->phase == GF_RUNNING;
    }
    pthread_mutex_unlock(&p->lock);

    gofer_status st = ok ? send_progress(w, sendings, items, count) : gf_fail_nomem("progress");
    if (ok)
        gf_pool_unpin(p);
    gf_free(sendings);
    gf_free(items);
    if (st != GOFER_OK || more)
        *next_ms = now_ms + (st == GOFER_OK ? 0 : SOON_MS);
    return st;
}

// ---- the store's own housekeeping ---------------------------------------------------------------------------

static gofer_status duty_forward(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    int64_t next_unix_ms = 0;
    // Who asks while the store looks must be heard: it may have looked already.
    atomic_store(&w->keeper.forward_due_ms, NEVER);
    gofer_status st = w->ops->forward(w->broker, BATCH, &done, &next_unix_ms);
    w->keeper.forwarded_ms = now_ms;
    if (st != GOFER_OK) {
        *next_ms = now_ms + SOON_MS;
        return st;
    }
    int64_t left_ms = next_unix_ms > 0 ? next_unix_ms - gf_now_ms() : FORWARD_MS;
    if (done == BATCH)
        left_ms = 0;
    else if (left_ms < 1)
        left_ms = 1;
    *next_ms = gf_mono_ms() + min64(left_ms, FORWARD_MS);
    if (done)
        gf_worker_nudge(w);
    return GOFER_OK;
}

static void archived_one(void *arg, const gf_message *m)
{
    gf_tell_archived(arg, m, m->last_error);
    gf_dead_recovered(arg, m);
}

static gofer_status duty_recover(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_recovered got = { .archived_one = archived_one, .arg = w };
    gofer_status st = w->ops->recover(w->broker, BATCH, (int32_t)w->settings.crash_limit, &got);
    gofer_status told = gf_dead_flush(w);
    if (st != GOFER_OK || got.requeued + got.archived == 0)
        return st != GOFER_OK ? st : told;
    if (got.requeued + got.archived >= BATCH)
        *next_ms = now_ms;
    if (got.requeued)
        gf_worker_nudge(w);
    char requeued[32], archived[32];
    snprintf(requeued, sizeof requeued, "%zu", got.requeued);
    snprintf(archived, sizeof archived, "%zu", got.archived);
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "tasks of dead workers recovered", "worker", w->id, "#requeued",
            requeued, "#archived", archived, NULL);
    return told;
}

// Groups' sets whose worker has not come back with them.
static gofer_status duty_reclaim(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    *next_ms = NEVER;
    if (!w->ops->group_reclaim)
        return GOFER_OK;
    gofer_status st = w->ops->group_reclaim(w->broker, BATCH, &done);
    *next_ms = st == GOFER_OK && done == BATCH ? now_ms : now_ms + (w->aggregators.count ? RECLAIM_MS : RECLAIM_RARE_MS);
    return st;
}

static gofer_status duty_purge(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    gofer_status st = w->ops->purge(w->broker, BATCH, &done);
    if (st == GOFER_OK && done == BATCH)
        *next_ms = now_ms;
    return st;
}

static gofer_status duty_upkeep(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    if (w->ops->upkeep)
        return w->ops->upkeep(w->broker);
    *next_ms = NEVER;
    return GOFER_OK;
}

// The tasks left in the queues served, with those that a pattern matches since.
static gofer_status count_left(gofer_worker *w, int64_t *left)
{
    bool changed = false;
    if (gf_serving_has_patterns(&w->serving)) {
        gofer_status st = gf_serving_look(w, &changed);
        if (st != GOFER_OK || changed) {
            gf_worker_nudge(w);
            return st;
        }
    }
    gf_served_set *set = gf_serving_take(&w->serving);
    const char **names = gf_served_names(set);
    gofer_status st = GOFER_OK;
    if (!names)
        st = gf_fail_nomem("the look for tasks left");
    else if (set->count == 0)
        *left = 0;
    else
        st = w->ops->backlog(w->broker, names, set->count, left);
    gf_free(names);
    gf_served_drop(set);
    return st;
}

// Asked by the courier whenever it found nothing to take.
static gofer_status duty_drain(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    *next_ms = NEVER;
    if (!w->settings.drain || atomic_load(&w->stop_calls) || !gf_pool_empty(&w->pool))
        return GOFER_OK;
    int64_t left = 1;
    unsigned turns = gf_aggregate_turns(w);
    bool busy = gf_aggregate_busy(w);
    gofer_status st = count_left(w, &left);
    // What an aggregator makes meanwhile is a task to be run.
    if (st == GOFER_OK && left == 0 && !busy && gf_aggregate_turns(w) == turns)
        gofer_worker_stop(w);
    else
        *next_ms = now_ms + DRAIN_MS;
    return st;
}

// ---- the queues served -----------------------------------------------------------------------------------------

static void log_queues(gofer_worker *w)
{
    gf_served_set *set = gf_serving_take(&w->serving);
    char left_out[32];
    snprintf(left_out, sizeof left_out, "%zu", set->left_out);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "worker serves other queues", "worker", w->id, "queues", set->text, NULL);
    if (set->left_out && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "more queues match than a worker serves", "worker", w->id, "#left_out",
            left_out, NULL);
    gf_served_drop(set);
}

// When somebody has asked for others; and now and then if there are patterns.
static gofer_status duty_queues(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    bool changed;
    w->keeper.wished = atomic_load(&w->serving.wished);
    gofer_status st = gf_serving_look(w, &changed);
    *next_ms = st != GOFER_OK || gf_serving_has_patterns(&w->serving) ? now_ms + QUEUES_MS : NEVER;
    if (changed) {
        log_queues(w);
        gf_worker_nudge(w);
        gf_keeper_ask_presence(w);
    }
    return st;
}

// ---- events and figures ----------------------------------------------------------------------------------------

static gofer_status duty_events(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    gf_tell_send(w);
    *next_ms = NEVER;              // until there is something to tell
    return GOFER_OK;
}

static gofer_status duty_figures(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    if (w->figures.on)
        return gf_figures_flush(&w->figures, w->broker);
    *next_ms = NEVER;
    return GOFER_OK;
}

static gofer_status duty_schedules(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    if (!w->scheduler)
        *next_ms = NEVER;
    return gf_scheduling_look(w);
}

// ---- the table ---------------------------------------------------------------------------------------------------

typedef enum duty_number {
    HEARTBEAT, PRESENCE, DEADLINES, EVENTS, PROGRESS, FORWARD, RECOVER, QUEUES, RECLAIM, DRAIN, SCHEDULES, FIGURES, UPKEEP, PURGE, DUTY_COUNT
} duty_number;

// In order of importance. run may set *next_ms, which comes as now + interval.
static const struct duty {
    const char  *name;
    int64_t      interval_ms;      // 0: run says itself
    gofer_status (*run)(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
} duties[] = {
    [HEARTBEAT] = { "heartbeat", 0, duty_heartbeat },
    [PRESENCE] = { "presence", 0, duty_presence },
    [DEADLINES] = { "deadlines", 0, duty_deadlines },
    [EVENTS] = { "events", 0, duty_events },
    [PROGRESS] = { "progress", 0, duty_progress },
    [FORWARD] = { "forward", 0, duty_forward },
    [RECOVER] = { "recover", 1000, duty_recover },
    [QUEUES] = { "queues", 0, duty_queues },
    [RECLAIM] = { "reclaim", 0, duty_reclaim },
    [DRAIN] = { "drain", 0, duty_drain },
    [SCHEDULES] = { "schedules", GF_SCHEDULER_LOOK_MS, duty_schedules },
    [FIGURES] = { "figures", 5000, duty_figures },
    [UPKEEP] = { "upkeep", 2000, duty_upkeep },
    [PURGE] = { "purge", 10000, duty_purge },
};

_Static_assert((int)DUTY_COUNT <= (int)GF_DUTIES_MAX, "the keeper has a time for every duty");

static void log_duty(gofer_worker *w, size_t i, gofer_status st, int64_t now_ms)
{
    int64_t *since = &w->keeper.complained_ms[i];
    if (st == GOFER_OK) {
        if (*since && gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "a duty of the keeper works again", "duty", duties[i].name, NULL);
        *since = 0;
        return;
    }
    if (*since && now_ms - *since < COMPLAIN_MS)
        return;
    *since = now_ms;
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "a duty of the keeper failed; trying on", "duty", duties[i].name,
            "status", gofer_status_name(st), "error", gofer_error_last(), NULL);
}

// Takes over what other threads have asked for since the last look.
static void hear(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    int64_t ask_ms = atomic_exchange(&k->forward_ask_ms, NEVER);
    if (ask_ms != NEVER) {
        int64_t soonest_ms = k->forwarded_ms + FORWARD_GAP_MS;
        k->due_ms[FORWARD] = min64(k->due_ms[FORWARD], ask_ms > soonest_ms ? ask_ms : soonest_ms);
    }
    if (atomic_exchange(&k->progress_asked, 0))
        k->due_ms[PROGRESS] = min64(k->due_ms[PROGRESS], now_ms + PROGRESS_MS);
    gf_tell_look(w);
    if (atomic_exchange(&k->events_asked, 0))
        k->due_ms[EVENTS] = min64(k->due_ms[EVENTS], now_ms + EVENTS_MS);
    if (atomic_exchange(&k->presence_asked, 0))
        k->due_ms[PRESENCE] = min64(k->due_ms[PRESENCE], now_ms);
    if (atomic_load(&w->serving.wished) != k->wished)
        k->due_ms[QUEUES] = min64(k->due_ms[QUEUES], now_ms);
    if (gf_scheduling_hear(w))
        k->due_ms[SCHEDULES] = min64(k->due_ms[SCHEDULES], now_ms);
    if (atomic_exchange(&k->drain_asked, 0))
        k->due_ms[DRAIN] = min64(k->due_ms[DRAIN], now_ms);
    pthread_mutex_lock(&w->pool.lock);
    k->due_ms[DEADLINES] = w->pool.watch_ms;
    pthread_mutex_unlock(&w->pool.lock);
    atomic_store(&k->forward_due_ms, k->due_ms[FORWARD]);
}

// Runs the first duty that is due. False: none is; *next_ms: when one will be.
static bool run_one(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_keeper *k = &w->keeper;
    *next_ms = NEVER;
    for (size_t i = 0; i < DUTY_COUNT; i++) {
        if (k->due_ms[i] > now_ms) {
            *next_ms = min64(*next_ms, k->due_ms[i]);
            continue;
        }
        k->due_ms[i] = now_ms + duties[i].interval_ms;
        log_duty(w, i, duties[i].run(w, now_ms, &k->due_ms[i]), now_ms);
        return true;
    }
    return false;
}

// ---- stopping ------------------------------------------------------------------------------------------------------

enum { ON_DUTY, IN_GRACE, CANCELLED, GIVEN_UP };

static void cancel_running(gofer_worker *w)
{
    pthread_mutex_lock(&w->pool.lock);
    for (gofer_task *task = w->pool.held; task; task = task->held_next)
        if (task->phase == GF_RUNNING)
            gf_task_cancel(task, GOFER_CANCEL_STOP);
    pthread_mutex_unlock(&w->pool.lock);
}

// Put back what handlers still hold; what they come back with later is ignored.
static void give_up_running(gofer_worker *w)
{
    gf_pool *p = &w->pool;
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    for (gofer_task *task = p->held; task; task = task->held_next) {
        if (task->phase != GF_RUNNING)
            continue;
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_FATE_REQUEUED, false, 0 };
        calls.waiter |= gf_pool_lose(p, task, true).waiter;
        w->stats.lost_slots += task->runner != NULL;
    }
    int64_t lost = w->stats.lost_slots;
    pthread_mutex_unlock(&p->lock);
    gf_worker_act(w, calls);
    char count[32];
    snprintf(count, sizeof count, "%lld", (long long)lost);
    if (lost && gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "handlers did not return when asked to stop: their tasks are put back",
            "worker", w->id, "#lost_slots", count, NULL);
}

static void hear_quiet(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    bool quiet = atomic_load(&w->quiet) != 0;
    if (quiet == k->was_quiet)
        return;
    k->was_quiet = quiet;
    k->due_ms[PRESENCE] = now_ms;              // tell the state
    if (!quiet)
        gf_worker_nudge(w);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, quiet ? "worker is quiet: it takes no more tasks"
            : "worker takes tasks again", "worker", w->id, NULL);
}

// Goes through the steps of a stop; returns when the next one is due.
static int64_t step_down(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    int calls = atomic_load(&w->stop_calls);
    if (calls == 0) {
        hear_quiet(w, now_ms);
        return NEVER;
    }
    if (k->stop_step == ON_DUTY) {
        k->stop_step = IN_GRACE;
        k->step_until_ms = now_ms + w->settings.grace_ms;
        k->due_ms[PRESENCE] = now_ms;
        if (gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "worker is stopping", "worker", w->id, NULL);
        gf_pool_stop(&w->pool);
        gf_aggregate_stop(w);
        gf_scheduling_stop(w);
        gf_worker_nudge(w);
    }
    if (k->stop_step == IN_GRACE && (calls > 1 || now_ms >= k->step_until_ms)) {
        k->stop_step = CANCELLED;
        k->step_until_ms = now_ms + RETURN_MS;
        cancel_running(w);
        gf_aggregate_cancel(w);
        gf_worker_nudge(w);
    }
    if (k->stop_step == CANCELLED && now_ms >= k->step_until_ms) {
        k->stop_step = GIVEN_UP;
        give_up_running(w);
        gf_aggregate_give_up(w);
        gf_worker_nudge(w);
    }
    return k->stop_step == GIVEN_UP ? NEVER : k->step_until_ms;
}

static void log_end(gofer_worker *w)
{
    if (!gf_worker_logs(w, GOFER_LOG_INFO))
        return;
    const gf_stats *s = &w->stats;
    char processed[32], failed[32], lost[32], up[32];
    snprintf(processed, sizeof processed, "%lld", (long long)s->processed);
    snprintf(failed, sizeof failed, "%lld", (long long)s->failed);
    snprintf(lost, sizeof lost, "%lld", (long long)s->lost_slots);
    snprintf(up, sizeof up, "%lld", (long long)(gf_now_ms() - w->started_ms));
    gf_logf(&w->log, GOFER_LOG_INFO, "worker stopped", "worker", w->id, "#processed", processed, "#failed",
        failed, "#lost_slots", lost, "#up_ms", up, NULL);
}

// The courier has handed in the last outcome.
static void end_worker(gofer_worker *w)
{
    gf_pool *p = &w->pool;
    pthread_join(w->courier.thread, NULL);
    w->courier.joinable = false;
    gf_pool_end(p);
    gf_pool_join(p, 0);
    gf_scheduling_end(w);
    gf_presence_unwatch(w);
    gf_tell_send(w);
    if (w->figures.on && gf_figures_flush(&w->figures, w->broker) != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "the latest figures are lost", "worker", w->id, "error", gofer_error_last(), NULL);
    if (w->ops->worker_deregister(w->broker, w->id) != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "worker could not sign off", "worker", w->id, "error",
            gofer_error_last(), NULL);
    log_end(w);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

// ---- the thread, and what others ask of it ------------------------------------------------------------------------------

// A heartbeat must not wait behind busy handlers. Where it is not allowed, it is not.
static void raise_priority(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -5);
#endif
}

void *gf_keeper_main(void *arg)
{
    gofer_worker *w = arg;
    gf_thread_name("gofer-keeper");
    raise_priority();
    while (!atomic_load(&w->courier.done) || !gf_aggregate_done(w)) {
        int64_t now_ms = gf_mono_ms(), duty_ms, step_ms = step_down(w, now_ms);
        hear(w, now_ms);
        if (run_one(w, now_ms, &duty_ms))
            continue;
        int64_t next_ms = min64(duty_ms, step_ms);
        gf_poke_wait(&w->poke, next_ms == NEVER ? -1 : next_ms - gf_mono_ms() < 0 ? 0 : next_ms - gf_mono_ms());
    }
    end_worker(w);
    return NULL;
}

void gf_keeper_init(gofer_worker *w)
{
    gf_keeper *k = &w->keeper;
    int64_t now_ms = gf_mono_ms();
    for (size_t i = 0; i < DUTY_COUNT; i++)
        k->due_ms[i] = now_ms;
    k->due_ms[HEARTBEAT] = now_ms + w->settings.lease_ms / 3;
    k->due_ms[PRESENCE] = now_ms + gf_presence_interval_ms(w);     // start has just signed on
    k->due_ms[PROGRESS] = k->due_ms[DRAIN] = k->due_ms[EVENTS] = NEVER;
    k->due_ms[FIGURES] = now_ms + duties[FIGURES].interval_ms;
    k->due_ms[QUEUES] = gf_serving_has_patterns(&w->serving) ? now_ms + QUEUES_MS : NEVER;
    atomic_store(&k->forward_ask_ms, NEVER);
    atomic_store(&k->forward_due_ms, now_ms);
}

void gf_keeper_ask_forward(gofer_worker *w, int64_t at_ms)
{
    gf_keeper *k = &w->keeper;
    if (at_ms >= atomic_load(&k->forward_due_ms))
        return;
    int64_t asked_ms = atomic_load(&k->forward_ask_ms);
    while (at_ms < asked_ms && !atomic_compare_exchange_weak(&k->forward_ask_ms, &asked_ms, at_ms))
        ;
    gf_poke_set(&w->poke);
}

void gf_keeper_ask_drain(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.drain_asked, 1))
        gf_poke_set(&w->poke);
}

void gf_keeper_ask_progress(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.progress_asked, 1))
        gf_poke_set(&w->poke);
}

void gf_keeper_ask_presence(gofer_worker *w)
{
    atomic_store(&w->keeper.presence_asked, 1);
    gf_poke_set(&w->poke);
}

void gf_keeper_ask_events(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.events_asked, 1))
        gf_poke_set(&w->poke);
}
