// leases.c - housekeeping's duties to what the worker holds: leases are renewed, progress is told.
//
// May touch: pool, task data, broker/broker.h. On housekeeping's threads. What is looked at without
// the pool's lock is pinned.
#include <stdio.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"
#include "worker/runtime.h"
#include "worker/upkeep/duties.h"
#include "worker/upkeep/guard.h"
#include "worker/upkeep/presence.h"
#include "worker/upkeep/publish.h"

// ---- heartbeat: the leases of what we hold ------------------------------------------------------

// The claims whose leases have aged, pinned so that they stay though the fetcher hands them in.
static gofer_status gather_leases(gofer_worker *w, int64_t now_ms, gf_lease **leases,
    gofer_task ***tasks, size_t *count)
{
    gf_pool *p = &w->run.pool;
    int64_t fresh_ms = now_ms + w->settings.lease_ms * 5 / 6;
    *count = 0;
    pthread_mutex_lock(&p->lock);
    size_t held = p->held_count;
    *leases = held ? gf_alloc(held * sizeof **leases) : NULL;
    *tasks = held ? gf_alloc(held * sizeof **tasks) : NULL;
    bool ok = held == 0 || (*leases && *tasks);
    for (gofer_task *task = p->held; ok && task; task = task->held_next)
        if (task->lease_until_ms < fresh_ms) {
            gf_pool_pin(task);
            (*leases)[*count] = (gf_lease){ .claim = task->claim };
            (*tasks)[(*count)++] = task;
        }
    pthread_mutex_unlock(&p->lock);
    return ok ? GOFER_OK : gf_fail_nomem("the heartbeat");
}

// Only the store can say that a lease is lost. What it has not answered for (one of several servers
// is out of reach) stays as it is, is asked for again soon, and ends by the clock: the guard's.
static gofer_status apply_lease(gofer_worker *w, gofer_task *task, const gf_lease *lease)
{
    gf_pool *p = &w->run.pool;
    pthread_mutex_lock(&p->lock);
    // One that was handed in meanwhile is not lost: it is done.
    bool ours = !task->stored && task->phase != GF_FINISHED;
    if (lease->status == GOFER_OK)
        task->lease_until_ms = lease->lease_until_ms;
    pthread_mutex_unlock(&p->lock);
    if (lease->status == GOFER_ESTALE) {
        if (ours)
            gf_guard_lease_expired(w, task);
        return GOFER_OK;
    }
    if (lease->cancel && ours && gf_task_ask(task, true))
        gf_presence_log_cancelled(w, task->claim->message.id);
    return lease->status;
}

static gofer_status extend_batch(gofer_worker *w, gf_lease *leases, gofer_task **tasks,
    size_t count)
{
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_EXTEND, begun_ns,
        w->ops->tasks->extend(w->broker, leases, count, w->settings.lease_ms));
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        gofer_status of_one = apply_lease(w, tasks[i], &leases[i]);
        if (of_one != GOFER_OK)
            st = gf_fail(of_one, "some leases could not be renewed");
    }
    return st;
}

static gofer_status extend_leases(gofer_worker *w, int64_t now_ms)
{
    gf_lease *leases;
    gofer_task **tasks;
    size_t count;
    gofer_status st = gather_leases(w, now_ms, &leases, &tasks, &count);
    for (size_t at = 0; at < count; at += GF_DUTY_BATCH) {
        gofer_status part = extend_batch(w, leases + at, tasks + at,
            count - at < GF_DUTY_BATCH ? count - at : GF_DUTY_BATCH);
        if (part != GOFER_OK)
            st = part;
    }
    gf_pool_unpin(&w->run.pool, tasks, count);
    gf_free(leases);
    gf_free(tasks);
    return st;
}

gofer_status gf_duty_heartbeat(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t interval_ms = w->settings.lease_ms / 3;
    gofer_status st = extend_leases(w, now_ms);
    *next_ms = gf_mono_ms() + (st == GOFER_OK ? interval_ms : gf_min(interval_ms, GF_SOON_MS));
    // The leases are newer now, or older: look at their ends again.
    pthread_mutex_lock(&w->run.pool.lock);
    w->run.pool.watch_ms = 0;
    pthread_mutex_unlock(&w->run.pool.lock);
    gf_wake_fd_set(&w->upkeep.wake_fd);
    return st;
}

// ---- progress -----------------------------------------------------------------------------------

// All at once; what they tell is out of reach of their handlers meanwhile.
static gofer_status send_progress(gofer_worker *w, gf_sending *sendings, gf_progress *items,
    size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i] = sendings[i].item;
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = count == 0 ? GOFER_OK
        : gf_tally_call(&w->upkeep.tallies, GF_CALL_PROGRESS, begun_ns,
              w->ops->tasks->progress(w->broker, items, count));
    for (size_t i = 0; i < count; i++) {
        if (items[i].done >= 0)
            gf_publish_progress(sendings[i].task, items[i].done, items[i].total, items[i].text);
        gf_task_data_end(&sendings[i], st == GOFER_OK);
    }
    return st;
}

gofer_status gf_duty_progress(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_pool *p = &w->run.pool;
    size_t count = 0;
    *next_ms = GF_NEVER;
    pthread_mutex_lock(&p->lock);
    size_t capacity = p->running < GF_DUTY_BATCH ? p->running : GF_DUTY_BATCH;
    gf_sending *sendings = gf_calloc(capacity + 1, sizeof *sendings);
    gf_progress *items = gf_calloc(capacity + 1, sizeof *items);
    gofer_task **tasks = gf_calloc(capacity + 1, sizeof *tasks);
    bool ok = sendings && items && tasks, more = false;
    for (gofer_task *task = p->held; ok && task && !more; task = task->held_next) {
        if (task->phase != GF_RUNNING)
            continue;
        more = count == capacity;
        if (!more && gf_task_data_begin(task, &sendings[count])) {
            gf_pool_pin(task);
            tasks[count++] = task;
        }
    }
    pthread_mutex_unlock(&p->lock);

    gofer_status st = ok ? send_progress(w, sendings, items, count) : gf_fail_nomem("progress");
    gf_pool_unpin(p, tasks, count);
    gf_free(tasks);
    gf_free(sendings);
    gf_free(items);
    if (st != GOFER_OK || more)
        *next_ms = now_ms;             // a failure is tried again a second later
    return st;
}
