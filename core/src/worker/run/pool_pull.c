// pool_pull.c - the host's doors to the pool, when it pulls: its threads stand in place of slots.
//
// May touch: task, util/. Every function takes the pool's lock unless it says that it is held.
#include "worker/run/pool.h"

#include <stdio.h>

#include "util/alloc.h"
#include "util/thread.h"
#include "worker/run/on_end.h"
#include "worker/run/outcome.h"
#include "worker/run/pool_steps.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"

enum { REASON = 1200 };            // with four keys of the longest

// Locks: pool->lock held. One that was to start by a time that has passed is not for the host.
static bool drop_late(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls)
{
    if (!gf_task_too_late(task, now_ns / 1000000 + p->wall_offset_ms))
        return false;
    task->outcome = (gf_outcome){ GF_DROP, GF_OUTCOME_EXPIRED, false, 0 };
    gf_pool_report(p, task, now_ns, calls);            // it did not run: the outcome stands
    return true;
}

// Locks: pool->lock held. One that a limit has refused, or that cannot be decrypted, is not either:
// it is archived.
static bool drop_refused(gf_pool *p, gofer_task *task, int64_t now_ns, gf_calls *calls)
{
    char text[REASON];
    bool unreadable = task->sealed && task->sealed->why;
    if (!task->claim->refused && !unreadable)
        return false;
    if (task->claim->refused)
        gf_refused_text(task->options->limits, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", task->sealed->why);
    task->outcome = (gf_outcome){ GF_ARCHIVE, GF_OUTCOME_ARCHIVED, false, 0 };
    task->reason = gf_strdup(text);                    // NULL: the fetcher has a text for that
    gf_on_end_count(task->worker, task, &task->outcome);
    gf_pool_report(p, task, now_ns, calls);
    return true;
}

gofer_status gf_pool_take(
    gf_pool *p, gofer_task **tasks, size_t max, int64_t timeout_ms, size_t *count, gf_calls *calls)
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
            if (drop_late(p, task, now_ns, calls) || drop_refused(p, task, now_ns, calls))
                continue;
            gf_pool_start(p, task, NULL, now_ns, calls);
            tasks[n++] = task;
        }
    gf_pool_notify_host(p);
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
    gf_pool_notify_host(p);
    if (p->ready.count > 0)
        pthread_cond_broadcast(&p->takers);
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
    return calls;
}
