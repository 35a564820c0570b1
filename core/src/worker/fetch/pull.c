// pull.c - the pull way: the host takes ready tasks, runs them itself and reports
// what became of them.
//
// May touch: pool, task. The same pool as the push way, with the host's threads in place of slots.
#include "util/alloc.h"
#include "util/error.h"
#include "worker/run/decide.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"
#include "worker/run/watch.h"
#include "worker/runtime.h"
#include "worker/upkeep/publish.h"

// ---- the public doors ---------------------------------------------------------------------------

gofer_status gofer_worker_take(gofer_worker *worker, gofer_task **tasks, size_t max,
    int64_t timeout_ms, size_t *count)
{
    gofer_status st = gf_worker_check(worker, "gofer_worker_take");
    if (st != GOFER_OK)
        return st;
    if (!tasks || !count || max == 0)
        return gf_fail(GOFER_EINVAL,
            "gofer_worker_take: needs an array of at least one task, and a count");
    if (timeout_ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "gofer_worker_take: timeout_ms is over the longest duration");
    if (!worker->settings.pull)
        return gf_fail(GOFER_ESTATE,
            "gofer_worker_take: set \"pull\" to 1 before start; this worker runs handlers");
    if (atomic_load(&worker->state) != GF_STARTED)
        return gf_fail(GOFER_ESTATE, "gofer_worker_take: the worker is not started");

    gf_calls calls = { 0 };
    atomic_fetch_add(&worker->fetch.inside, 1);
    st = gf_pool_take(&worker->run.pool, tasks, max, timeout_ms, count, &calls);
    gf_worker_act(worker, calls);
    for (size_t i = 0; st == GOFER_OK && i < *count; i++) {
        gf_publish_started(tasks[i]);
        if (worker->run.watchers.count)
            gf_watch_start(tasks[i]);
    }
    atomic_fetch_sub(&worker->fetch.inside, 1);
    if (st == GOFER_ESTATE)
        return gf_fail(st, "gofer_worker_take: the worker has ended or is stopping");
    return st == GOFER_EEMPTY ? gf_fail(st, "no task was ready in the time given") : st;
}

gofer_status gofer_worker_finish(gofer_worker *worker, gofer_task *const *tasks,
    const int32_t *outcomes, size_t count)
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
            gf_task_data_end_log(tasks[i]);
            gf_task_decide(tasks[i], GF_RETURNED, outcomes[i],
                (gf_decision){
                    &tasks[i]->own_outcome, &tasks[i]->own_reason, &tasks[i]->own_finish_data });
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
