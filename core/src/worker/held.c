// held.c - the keeper's duties to what the worker holds: leases are renewed, deadlines seen, progress told.
//
// May touch: pool, notes, broker.h. On the keeper's thread. What is looked at without the pool's lock is pinned.
#include <stdio.h>

#include "util/alloc.h"
#include "util/error.h"
#include "worker/duties.h"

enum {
    MARGIN_MS = 2000,              // a handler hears of the end of its lease so long before
    LOST_AT_ONCE = 16              // lost slots told of in one look
};

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
        for (size_t at = 0; at < count && st == GOFER_OK; at += GF_DUTY_BATCH)
            st = extend_batch(w, leases + at, tasks + at, count - at < GF_DUTY_BATCH ? count - at : GF_DUTY_BATCH);
        gf_pool_unpin(&w->pool);
    }
    gf_free(leases);
    gf_free(tasks);
    return st;
}

gofer_status gf_duty_heartbeat(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t interval_ms = w->settings.lease_ms / 3;
    gofer_status st = extend_leases(w, now_ms);
    *next_ms = now_ms + (st == GOFER_OK ? interval_ms : gf_sooner(interval_ms, GF_SOON_MS));
    // The leases are newer now, or older: look at their ends again.
    pthread_mutex_lock(&w->pool.lock);
    w->pool.watch_ms = 0;
    pthread_mutex_unlock(&w->pool.lock);
    return st;
}

// ---- deadlines: of tasks, of leases, and of handlers that do not come back -------------------------

// Locks: pool->lock held. When this task needs the next look; *lost: its slot is to be given up.
static int64_t watch_task(gofer_worker *w, gofer_task *task, int64_t now_ms, int64_t margin_ms, bool *lost,
    bool *lease_over)
{
    int64_t next_ms = GF_NEVER, deadline_ms = task->deadline_mono_ms;
    if (task->phase == GF_FINISHED)
        return GF_NEVER;
    int64_t lease_ms = task->lease_until_ms - margin_ms;
    if (now_ms < lease_ms)
        next_ms = lease_ms;
    else
        *lease_over = atomic_load_explicit(&task->cancelled, memory_order_relaxed) == GOFER_CANCEL_NONE;
    if (task->phase != GF_RUNNING || deadline_ms == 0)
        return next_ms;
    if (now_ms < deadline_ms)
        return gf_sooner(next_ms, deadline_ms);
    gf_task_cancel(task, GOFER_CANCEL_TIMEOUT);
    if (!task->runner)
        return next_ms;            // pulled: the host decides how long it waits
    // A task that was past its deadline when it started has its slot from then on, to decide so.
    int64_t started_ms = task->started_ns / 1000000;
    int64_t lost_ms = (deadline_ms > started_ms ? deadline_ms : started_ms) + w->settings.lost_after_ms;
    if (now_ms < lost_ms)
        return gf_sooner(next_ms, lost_ms);
    *lost = gf_pool_may_lose(task);
    return *lost ? next_ms : gf_sooner(next_ms, now_ms + GF_SOON_MS);  // it is back, and is being decided
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

gofer_status gf_duty_deadlines(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_pool *p = &w->pool;
    gf_calls calls = { 0 };
    gofer_task *lost[LOST_AT_ONCE], *leaseless[LOST_AT_ONCE];
    size_t lost_count = 0, leaseless_count = 0;
    int64_t next = GF_NEVER, margin_ms = gf_sooner(MARGIN_MS, w->settings.lease_ms / 4);

    pthread_mutex_lock(&p->lock);
    gf_pool_pin(p);
    for (gofer_task *task = p->held; task; task = task->held_next) {
        bool is_lost = false, lease_over = false;
        if (lost_count == LOST_AT_ONCE || leaseless_count == LOST_AT_ONCE) {
            next = now_ms;         // the others at the next look, which is at once
            break;
        }
        next = gf_sooner(next, watch_task(w, task, now_ms, margin_ms, &is_lost, &lease_over));
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

gofer_status gf_duty_progress(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_pool *p = &w->pool;
    size_t count = 0;
    *next_ms = GF_NEVER;
    pthread_mutex_lock(&p->lock);
    size_t capacity = p->running < GF_DUTY_BATCH ? p->running : GF_DUTY_BATCH;
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
        *next_ms = now_ms + (st == GOFER_OK ? 0 : GF_SOON_MS);
    return st;
}
