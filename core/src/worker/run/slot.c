// slot.c - one thread that runs one task at a time.
//
// May touch: pool, mux, task. Handlers and middleware are called here and nowhere else, always
// without a lock; what becomes of the task is decided in decide.c.
#include "worker/run/slot.h"

#include <stdio.h>
#include <string.h>

#include "message/carry.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/fetch/want.h"
#include "worker/run/decide.h"
#include "worker/run/lane.h"
#include "worker/run/mux.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"
#include "worker/run/watch.h"
#include "worker/runtime.h"
#include "worker/upkeep/publish.h"

// ---- running -----------------------------------------------------------------------------------

int32_t gofer_task_next(gofer_task *task)
{
    if (!task)
        return GOFER_RETRY;
    if (!task->route)
        return gofer_task_fail(task, "gofer_task_next: a pulled task has no handlers to go on to");
    const gofer_worker *w = task->worker;
    size_t at = task->next_middleware;
    if (at == w->run.layer_count)
        return task->route->handler(task, task->route->user);
    // Put back afterwards, so that a middleware may run the rest a second time.
    task->next_middleware = at + 1;
    int32_t outcome = w->run.layers[at].run(task, w->run.layers[at].user);
    task->next_middleware = at;
    return outcome;
}

// What it puts in meanwhile carries its trace context. Most tasks have none, and pay nothing.
static int32_t run_handler(gofer_task *task)
{
    if (task->worker->run.watchers.count && !gf_lane_makes_spans(task->route))
        gf_watch_start(task);
    if (!task->trace && !task->claim->message.headers_size)
        return gofer_task_next(task);
    gf_trace trace = gf_task_trace(task);
    gf_carry_begin(&trace);
    int32_t returned = gofer_task_next(task);
    gf_carry_end();
    return returned;
}

static void run_task(gofer_task *task)
{
    gf_attempt_end end = GF_RETURNED;
    int32_t returned = GOFER_REQUEUE;

    int32_t cancelled = atomic_load_explicit(&task->cancelled, memory_order_relaxed);
    if (cancelled == GOFER_CANCEL_LEASE)
        ;                          // lost while it waited here: put back, which
                                   //   the store may refuse
    else if (cancelled == GOFER_CANCEL_REQUEST)
        returned = GOFER_RETRY;    // while it waited here: as if it had begun
    else if (task->claim->refused)
        end = GF_REFUSED;
    else if (task->sealed && task->sealed->why)
        end = GF_UNREADABLE;
    else if (task->options->start_by_ms &&
        gf_task_too_late(task, gf_broker_now_ms(task->worker->broker)))
        end = GF_TOO_LATE;
    else if (task->deadline_mono_ms && task->deadline_mono_ms <= task->started_ns / 1000000)
        end = GF_EXPIRED;
    else if (!(task->route = gf_mux_find(gf_run_mux(&task->worker->run),
                 task->claim->message.type)))
        end = GF_NO_HANDLER;
    else {
        gf_publish_started(task);
        returned = run_handler(task);
        if (task->end != GF_RETURNED && returned == GOFER_RETRY)
            end = task->end;       // unless a middleware has thought otherwise
        if (!gf_worker_abandoned(task->worker))
            gf_task_data_end_log(task);
    }
    if (!gf_task_claim_decision(task))
        return;                    // too late: another slot decides, and tells the hooks
    gf_task_decide(task, end, returned,
        (gf_decision){ &task->own_outcome, &task->own_reason, &task->own_finish_data });
}

// Decide for a handler that never came back. It still owns what a handler owns of its task, so the
// hooks are shown a likeness with an empty part of that.
static void decide_lost(gofer_task *task, const gf_slot *slot)
{
    gofer_task face = {
        .claim = task->claim,
        .worker = task->worker,
        .options = task->options,
        .sealed = task->sealed,
        .slot = slot->number,
        .deadline_ms = task->deadline_ms,
        .deadline_mono_ms = task->deadline_mono_ms,
        .started_ns = task->started_ns,
        .trace = task->trace,      // set before its run, and only read since
        .retry_in_ms = -1,
    };
    gf_task_data *data = atomic_load(&task->data);     // what it has told goes with the outcome
    atomic_store(&face.cancelled, GOFER_CANCEL_TIMEOUT);
    atomic_store(&face.asked, atomic_load(&task->asked));
    atomic_store(&face.data, data);
    gf_task_decide(&face, GF_LOST, GOFER_RETRY,
        (gf_decision){ &task->outcome, &task->reason, &task->finish_data });
    if (atomic_load(&face.data) != data)
        gf_task_data_free(atomic_load(&face.data));
    gf_free(face.error);
    gf_free(face.result);
    gf_free(face.resumed);
}

static void *slot_main(void *arg)
{
    gf_slot *slot = arg;
    gofer_worker *w = slot->worker;
    gofer_task *done = NULL;
    char name[16];
    snprintf(name, sizeof name, "gofer-s%d", (int)slot->number);
    gf_thread_name(name);
    gf_pool_arrive(&w->run.pool);

    // One clock reading a task: the end of one is the start of the next.
    for (int64_t now_ns = gf_mono_ns();; now_ns = gf_mono_ns()) {
        gf_calls calls = { 0 };
        bool leave;
        gofer_task *task = gf_pool_swap(&w->run.pool, slot, done, now_ns, &leave, &calls);
        gf_worker_act(w, calls);
        if (leave)
            return NULL;
        if (!task)
            gf_pool_sleep(&w->run.pool, slot);
        else if (gf_task_lost(task))
            decide_lost(task, slot);
        else
            run_task(task);
        done = task;
    }
}

// ---- threads ------------------------------------------------------------------------------------

static int make_thread(gofer_worker *w, gf_slot **out)
{
    pthread_t thread, old;
    bool has_old;
    gf_slot *slot = *out = gf_pool_slot_new(&w->run.pool, w, &old, &has_old);
    if (!slot)
        return ENOMEM;
    if (has_old)
        pthread_join(old, NULL);
    int err = gf_thread_start(&thread, slot_main, slot, (size_t)w->settings.stack_size);
    if (err == 0)
        gf_pool_slot_made(&w->run.pool, slot, &thread);
    return err;
}

void gf_slot_spawn(gofer_worker *w)
{
    gf_slot *slot;
    int err = make_thread(w, &slot);
    if (err == 0)
        return;
    char why[128];
    snprintf(why, sizeof why, "no thread for another slot: %s", strerror(err));
    gf_want_thread(w, slot, why);
}

bool gf_slot_start_first(gofer_worker *w)
{
    pthread_mutex_lock(&w->run.pool.lock);
    w->run.pool.live++;
    w->run.pool.waking++;
    w->run.pool.spawning++;
    pthread_mutex_unlock(&w->run.pool.lock);
    gf_slot *slot;
    if (make_thread(w, &slot) == 0)
        return true;
    gf_pool_slot_made(&w->run.pool, slot, NULL);
    return false;
}
