// pool.c - the tasks a worker holds: its life, the steps of which the doors in pool_*.c are made,
// and the doors of guard and housekeeping.
//
// May touch: task, util/. Every door takes the pool's lock unless it says that it is held, and none
// does I/O under it (but for the pull descriptor, which never blocks).
#include "worker/run/pool.h"

#include "util/alloc.h"
#include "util/error.h"
#include "worker/run/lane.h"
#include "worker/run/pool_steps.h"
#include "worker/run/task.h"
#include "worker/settings.h"

// ---- init, clear ----------------------------------------------------------------------

gofer_status gf_pool_init(gf_pool *p, const gf_settings *settings)
{
    *p = (gf_pool){
        .concurrency = (size_t)settings->concurrency,
        .threads_max = SIZE_MAX,
        .window = SIZE_MAX,
        .max_prefetch = (size_t)settings->max_prefetch,
        .pull = settings->pull != 0,
        .run_ns = -1,
        .watch_ms = INT64_MAX,
        .ready_fd = { -1, -1 },
    };
    if (pthread_mutex_init(&p->lock, NULL) != 0)
        return gf_fail_nomem("the worker's lock");
    if (gf_cond_init(&p->fetcher) != 0)
        goto no_fetcher;
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
    pthread_cond_destroy(&p->fetcher);
no_fetcher:
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
    pthread_cond_destroy(&p->fetcher);
    pthread_mutex_destroy(&p->lock);
}

// ---- the steps ----------------------------------------------------------------------------

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

void gf_pool_hold(gf_pool *p, gofer_task *task)
{
    link_first(&p->held, task);
    p->held_count++;
}

void gf_pool_let_go(gf_pool *p, gofer_task *task)
{
    unlink_from(&p->held, task);
    p->held_count--;
}

void gf_pool_keep_stray(gf_pool *p, gofer_task *task)
{
    link_first(&p->strays, task);
}

static void let_go_stray(gf_pool *p, gofer_task *task)
{
    unlink_from(&p->strays, task);
}

void gf_pool_discard(gofer_task *task, gf_tasks *out)
{
    task->doomed = true;
    if (task->pins == 0)
        gf_tasks_push(out, task);
}

bool gf_pool_rouse(gf_pool *p, size_t wanted)
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
    if (p->waking >= wanted || p->live >= gf_pool_threads_to_have(p))
        return false;
    p->waking++;
    p->live++;
    p->spawning++;
    return true;
}

void gf_pool_notify_host(gf_pool *p)
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

void gf_pool_wake_fetcher(gf_pool *p, gf_calls *calls)
{
    if (p->fetcher_at == GF_ON_COND)
        pthread_cond_signal(&p->fetcher);
    else if (p->fetcher_at == GF_ON_WAITER)
        calls->waiter = true;
    p->fetcher_at = GF_AWAKE;
}

void gf_pool_look(gf_pool *p, gf_calls *calls)
{
    p->nudged = true;
    gf_pool_wake_fetcher(p, calls);
}

void gf_pool_count_start(gf_pool *p, gofer_task *task, gf_calls *calls)
{
    task->phase = GF_RUNNING;
    p->running++;
    p->started++;
    gf_pool_watch(p, task, calls);
}

void gf_pool_watch(gf_pool *p, const gofer_task *task, gf_calls *calls)
{
    if (task->deadline_mono_ms && task->deadline_mono_ms < p->watch_ms) {
        p->watch_ms = task->deadline_mono_ms;
        calls->guard = true;
    }
}

void gf_pool_start(gf_pool *p, gofer_task *task, gf_slot *slot, int64_t now_ns, gf_calls *calls)
{
    task->runner = slot;
    task->slot = slot ? slot->number : -1;
    if (task->lane)
        p->lane_running++;
    gf_task_clock(task, now_ns, p->wall_offset_ms);
    gf_pool_count_start(p, task, calls);
}

void gf_pool_report(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls)
{
    if (task->phase == GF_RUNNING) {
        p->running--;
        int64_t run_ns = now_ns - task->started_ns;
        task->ended_ns = now_ns;
        if (task->lane)
            gf_lane_left(p, task);
        else
            p->run_ns = p->run_ns < 0 ? run_ns : p->run_ns + (run_ns - p->run_ns) / 8;
        task->outcome = task->own_outcome;
        task->reason = task->own_reason;
        task->own_reason = NULL;
        task->finish_data = task->own_finish_data;
        task->own_finish_data = NULL;
    }
    task->phase = GF_FINISHED;
    gf_pool_end_trial(p, task);
    gf_tasks_push(&p->finished, task);
    gf_pool_wake_fetcher(p, calls);
}

void gf_pool_return_lost(gf_pool *p, gofer_task *task, gf_tasks *out)
{
    task->returned = true;
    p->lost--;
    pthread_cond_broadcast(&p->changed);
    if (task->stored) {
        let_go_stray(p, task);
        gf_pool_discard(task, out);
    }
}

// ---- the doors of guard and housekeeping -------------------------------------------------------

void gf_pool_nudge(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->nudged = true;
    pthread_cond_signal(&p->fetcher);
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_stop(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->nudged = true;
    pthread_cond_signal(&p->fetcher);
    pthread_cond_broadcast(&p->takers);
    gf_pool_notify_host(p);
    gf_lanes_wake(p);
    pthread_mutex_unlock(&p->lock);
}

bool gf_pool_may_lose(gofer_task *task)
{
    int32_t nobody = GF_UNDECIDED;
    return atomic_compare_exchange_strong(&task->decider, &nobody, GF_DECIDED_WITHOUT);
}

gf_calls gf_pool_lose(gf_pool *p, gofer_task *task, bool outcome_known)
{
    gf_calls calls = { 0 };
    atomic_store(&task->decider, GF_DECIDED_WITHOUT);
    task->phase = GF_FINISHED;
    gf_pool_end_trial(p, task);
    task->ended_ns = gf_mono_ns();
    p->running--;
    if (task->lane)
        gf_lane_left(p, task);
    p->lost++;
    if (task->runner) {
        task->runner->state = GF_SLOT_LOST;
        p->live--;
    }
    if (outcome_known) {
        gf_tasks_push(&p->finished, task);
        gf_pool_wake_fetcher(p, &calls);
    } else {
        gf_tasks_push(&p->undecided, task);
        calls.spawn = gf_pool_rouse(p, gf_pool_could_start(p));
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
