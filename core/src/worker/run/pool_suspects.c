// pool_suspects.c - a task or a group's set that may kill its worker runs apart from others.
//
// May touch: task, broker/blame.h. Every function takes the pool's lock unless it says that it is
// held. The fetcher asks for suspect tasks, an aggregator's thread for suspect sets.
#include "worker/run/pool.h"

#include "broker/blame.h"
#include "worker/run/lane.h"
#include "worker/run/pool_steps.h"
#include "worker/run/task.h"

// Locks: pool->lock held. How long until this task has run for `patience_ms`; 0: it has.
static int64_t still_ms(const gofer_task *task, int64_t patience_ms, int64_t now_ms)
{
    if (task->phase != GF_RUNNING)
        return GF_POOL_UNSTARTED_MS;
    int64_t ran_ms = now_ms - task->started_ns / 1000000;
    return ran_ms < patience_ms ? patience_ms - ran_ms : 0;
}

// Locks: pool->lock held. How long until nothing that is held might be the cause of a death.
static int64_t unproven_ms(const gf_pool *p, int64_t now_ms)
{
    int64_t ms = p->ready.count > 0 || gf_lanes_wait(p) ? GF_POOL_UNSTARTED_MS : 0;
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
    if (gf_pool_free_slots(p) == 0 && ms < GF_POOL_UNSTARTED_MS)
        ms = GF_POOL_UNSTARTED_MS;
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

int64_t gf_pool_trial_ms(const gf_pool *p, int64_t now_ms)
{
    return still_ms(p->trial, gf_blame_patience_ms(p->trial->claim->message.suspect), now_ms);
}

gofer_task *gf_pool_outlasted(gf_pool *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    gofer_task *task = p->trial && gf_pool_trial_ms(p, now_ms) == 0 ? p->trial : NULL;
    pthread_mutex_unlock(&p->lock);
    return task;
}

void gf_pool_prove(gf_pool *p, gofer_task *task)
{
    pthread_mutex_lock(&p->lock);
    gf_pool_end_trial(p, task);
    pthread_mutex_unlock(&p->lock);
}
