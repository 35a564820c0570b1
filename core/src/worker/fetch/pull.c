// pull.c - the pull way: the host takes ready tasks, runs them itself and reports what became of them.
//
// May touch: pool, task. The same pool as the push way, with the host's threads in place of slots.
#include "util/alloc.h"
#include "util/error.h"
#include "worker/run/decide.h"
#include "worker/run/notes.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/tell.h"

// Locks: pool->lock held. One that was to start by a time that has passed is not for the host.
static bool drop_late(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls)
{
    if (!gf_task_too_late(task, now_ns / 1000000 + p->wall_offset_ms))
        return false;
    task->outcome = (gf_outcome){ GF_DROP, GF_FATE_EXPIRED, false, 0 };
    gf_pool_report(p, task, now_ns, calls);            // it did not run: the outcome stands
    return true;
}

gofer_status gf_pool_take(gf_pool *p, gofer_task **tasks, size_t max, int64_t timeout_ms, size_t *count,
    gf_calls *calls)
{
    int64_t end_ms = timeout_ms < 0 ? 0 : gf_mono_ms() + timeout_ms;
    gofer_status st = GOFER_OK;
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && (p->ready.count == 0 || p->running >= p->concurrency)) {
        int64_t left = timeout_ms < 0 ? -1 : end_ms - gf_mono_ms();
        if (timeout_ms >= 0 && left <= 0)
            break;
        gf_cond_wait(&p->takers, &p->lock, left);
    }
    int64_t now_ns = gf_mono_ns();
    if (p->stopping)
        st = GOFER_ESTATE;
    else
        while (n < max && p->ready.count > 0 && p->running < p->concurrency) {
            gofer_task *task = gf_tasks_pop(&p->ready);
            if (drop_late(p, task, now_ns, calls))
                continue;
            gf_pool_start(p, task, NULL, now_ns, calls);
            tasks[n++] = task;
        }
    gf_pool_tell_host(p);
    pthread_mutex_unlock(&p->lock);
    if (n > 0)
        *count = n;
    return st != GOFER_OK ? st : n > 0 ? GOFER_OK : GOFER_EEMPTY;
}

gf_calls gf_pool_finish(gf_pool *p, gofer_task *const *tasks, size_t count, int64_t now_ns)
{
    gf_calls calls = { 0 };
    gf_tasks out = { 0 };
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++) {
        if (gf_task_lost(tasks[i]))
            gf_pool_return_lost(p, tasks[i], &out);
        else
            gf_pool_report(p, tasks[i], now_ns, &calls);
    }
    gf_pool_tell_host(p);
    if (p->ready.count > 0)
        pthread_cond_broadcast(&p->takers);
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
    return calls;
}

// ---- the public doors ------------------------------------------------------------------------------

gofer_status gofer_worker_take(gofer_worker *worker, gofer_task **tasks, size_t max, int64_t timeout_ms,
    size_t *count)
{
    gofer_status st = gf_worker_check(worker, "gofer_worker_take");
    if (st != GOFER_OK)
        return st;
    if (!tasks || !count || max == 0)
        return gf_fail(GOFER_EINVAL, "gofer_worker_take: needs an array of at least one task, and a count");
    if (timeout_ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "gofer_worker_take: timeout_ms is over the longest duration");
    if (!worker->settings.pull)
        return gf_fail(GOFER_ESTATE, "gofer_worker_take: set \"pull\" to 1 before start; this worker runs handlers");
    if (atomic_load(&worker->state) != GF_STARTED)
        return gf_fail(GOFER_ESTATE, "gofer_worker_take: the worker is not started");

    gf_calls calls = { 0 };
    atomic_fetch_add(&worker->fetch.inside, 1);
    st = gf_pool_take(&worker->run.pool, tasks, max, timeout_ms, count, &calls);
    gf_worker_act(worker, calls);
    for (size_t i = 0; st == GOFER_OK && i < *count; i++)
        gf_tell_started(tasks[i]);
    atomic_fetch_sub(&worker->fetch.inside, 1);
    if (st == GOFER_ESTATE)
        return gf_fail(st, "gofer_worker_take: the worker has ended or is stopping");
    return st == GOFER_EEMPTY ? gf_fail(st, "no task was ready in the time given") : st;
}

gofer_status gofer_worker_finish(gofer_worker *worker, gofer_task *const *tasks, const int32_t *outcomes,
    size_t count)
{
    gofer_status st = gf_worker_check(worker, "gofer_worker_finish");
    if (st != GOFER_OK)
        return st;
    if (count > 0 && (!tasks || !outcomes))
        return gf_fail(GOFER_EINVAL, "gofer_worker_finish: tasks and outcomes must not be NULL");
    if (!worker->settings.pull || atomic_load(&worker->state) != GF_STARTED)
        return gf_fail(GOFER_ESTATE, "gofer_worker_finish: this worker gave no tasks");
    for (size_t i = 0; i < count; i++)
        if (!tasks[i] || tasks[i]->worker != worker)
            return gf_fail(GOFER_EINVAL, "gofer_worker_finish: task %zu is not of this worker", i);

    atomic_fetch_add(&worker->fetch.inside, 1);
    for (size_t i = 0; i < count; i++)
        if (gf_task_claim_decision(tasks[i])) {
            gf_notes_end_log(tasks[i]);
            gf_task_decide(tasks[i], GF_RETURNED, outcomes[i],
                (gf_decision){ &tasks[i]->own_outcome, &tasks[i]->own_reason, &tasks[i]->own_parting });
        }
    gf_worker_act(worker, gf_pool_finish(&worker->run.pool, tasks, count, gf_mono_ns()));
    atomic_fetch_sub(&worker->fetch.inside, 1);      // its last touch: the worker may be freed now
    return GOFER_OK;
}

int32_t gofer_worker_fd(const gofer_worker *worker)
{
    if (!worker || atomic_load(&worker->state) != GF_STARTED)
        return -1;
    return worker->run.pool.ready_fd.read_fd;
}
