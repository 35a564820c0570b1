// guest.c - the handler of the types that children run, as a slot calls it.
//
// May touch: lane, pool, task. Locks: the pool's, which it waits with. The clock of a task runs
// while its middleware does and while its child does, not while it waits for a child: as for those
// that have no slot.
#include "worker/run/guest.h"

#include "util/clock.h"
#include "util/thread.h"
#include "worker/run/lane.h"
#include "worker/run/pool_steps.h"
#include "worker/run/task.h"
#include "worker/runtime.h"

// ---- the crew's side --------------------------------------------------------------------------

void gf_guest_begin(gf_pool *p, gofer_task *task, gf_calls *calls)
{
    gf_guest *g = task->guest;
    if (g->begun_ns == 0)
        return;
    gf_task_clock(task, g->begun_ns, p->wall_offset_ms);
    g->begun_ns = 0;
    gf_pool_watch(p, task, calls);
}

void gf_guest_undo(gofer_task *task)
{
    task->guest->begun_ns = 0;
    task->deadline_ms = task->deadline_mono_ms = 0;
}

void gf_guest_end(gf_pool *p, gofer_task *task, gf_calls *calls)
{
    gf_guest_begin(p, task, calls);            // if it began and ended in one turn
    task->guest->over = true;
    pthread_cond_signal(&task->guest->changed);
}

// ---- the slot's side --------------------------------------------------------------------------

// Locks: pool->lock held.
static void wait_for_crew(gf_pool *p, gf_lane *lane, gofer_task *task, gf_guest *g, gf_calls *calls)
{
    gf_batch_push(&lane->guests, task);
    task->guest = g;
    gf_guest_undo(task);
    gf_lane_rouse(lane);
    while (!g->over)
        pthread_cond_wait(&g->changed, &p->lock);
    task->guest = NULL;
    task->back_ms = gf_mono_ms();
    // The guard, which has left it to the crew, looks at it again.
    if (task->deadline_mono_ms && task->back_ms < p->watch_ms) {
        p->watch_ms = task->back_ms;
        calls->guard = true;
    }
}

// Here the store may be waited for; the crew does not. Others of the lane's go on meanwhile.
static void fetch_checkpoint(gf_pool *p, gf_lane *lane, gofer_task *task)
{
    const void *bytes;
    size_t size;
    gf_calls calls = { 0 };
    if (!gf_task_may_resume(task) || task->has_resumed)
        return;
    pthread_mutex_lock(&p->lock);
    lane->tracks[task->track].asking += p->hosted;
    calls.spawn = gf_pool_rouse(p, gf_pool_wanted(p));
    gf_pool_look(p, &calls);
    pthread_mutex_unlock(&p->lock);
    gf_worker_act(task->worker, calls);
    (void)gofer_task_resume(task, &bytes, &size);
    task->resume_tried = true;
    pthread_mutex_lock(&p->lock);
    lane->tracks[task->track].asking -= p->hosted;
    pthread_mutex_unlock(&p->lock);
}

int32_t gf_lane_run(gofer_task *task, void *user)
{
    gf_lane *lane = user;
    gofer_worker *w = task->worker;
    gf_calls calls = { 0 };
    gf_guest g = { .returned = GOFER_REQUEUE };
    task->end = GF_RETURNED;
    if (gf_cond_init(&g.changed) != 0)
        return gofer_task_want(task, "no memory to wait for a child");
    fetch_checkpoint(&w->run.pool, lane, task);
    pthread_mutex_lock(&w->run.pool.lock);
    if (!w->run.pool.stopping)
        wait_for_crew(&w->run.pool, lane, task, &g, &calls);
    pthread_mutex_unlock(&w->run.pool.lock);
    gf_worker_act(w, calls);
    pthread_cond_destroy(&g.changed);
    task->end = g.end;
    return g.returned;
}
