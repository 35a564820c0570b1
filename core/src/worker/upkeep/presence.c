// presence.c - what others hear of a worker, and it of them: its entry among the workers with what
// it runs, and requests to cancel one of its tasks.
//
// May touch: pool, broker/broker.h. The entry is housekeeping's to renew; requests come on a thread
// of the broker's.
#include "worker/upkeep/presence.h"

#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/resident.h"
#include "worker/control.h"
#include "worker/fetch/want.h"
#include "worker/run/pool.h"
#include "worker/run/roll.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/housekeeping.h"

// ---- the entry --------------------------------------------------------------------------------

typedef struct shown {
    gf_queue_set *queues;          // a reference
    gf_weight  *weights;
    int32_t     concurrency;
    gf_running *tasks;
    gofer_task **pinned;           // what they point to
    size_t      count;
    gf_enrolled *enrolled;         // children, as their crews told,
    gf_child_entry *processes;     //   and as they are shown
    gf_children_entry children;
} shown;

// Locks: pool->lock held.
static void show_running(gofer_worker *w, shown *s, size_t capacity)
{
    int64_t now_ms = gf_now_ms(), mono_ns = gf_mono_ns();
    for (gofer_task *task = w->run.pool.held; task && s->count < capacity; task = task->held_next) {
        if (task->phase != GF_RUNNING)
            continue;
        gf_pool_pin(task);
        s->pinned[s->count] = task;
        const gf_message *m = &task->claim->message;
        s->tasks[s->count++] = (gf_running){
            .id = m->id,
            .type = m->type,
            .queue = m->queue,
            .payload = task->sealed ? task->sealed->envelope : m->payload,
            .payload_size = task->sealed ? task->sealed->size : m->payload_size,
            .started_ms = now_ms - (mono_ns - task->started_ns) / 1000000,
            .deadline_ms = task->deadline_ms > 0 ? task->deadline_ms : 0,
        };
    }
}

// Locks: pool->lock held.
static void show_children(gofer_worker *w, shown *s)
{
    gf_roll_sums sums = gf_rolls_sum(&w->run.pool);
    size_t room = gf_min(sums.children, (size_t)GF_CHILDREN_SHOWN);
    s->children = (gf_children_entry){
        .children = (int64_t)sums.children,
        .busy = (int64_t)sums.busy,
        .want = (int64_t)sums.want,
        .restarts = (int64_t)sums.restarts,
    };
    s->enrolled = gf_calloc(room + 1, sizeof *s->enrolled);
    s->processes = gf_calloc(room + 1, sizeof *s->processes);
    if (s->enrolled && s->processes)
        s->children.count = gf_rolls_copy(&w->run.pool, s->enrolled, room);
}

// Without a lock: their memory is the system's to tell, which takes a while.
static void look_at_children(shown *s)
{
    for (size_t i = 0; i < s->children.count; i++) {
        const gf_enrolled *e = &s->enrolled[i];
        s->processes[i] = (gf_child_entry){
            .name = e->name,
            .state = e->state,
            .number = e->number,
            .pid = e->pid,
            .running = (int64_t)e->running,
            .want = (int64_t)e->want,
            .processed = (int64_t)e->processed,
            .memory = gf_resident((long)e->pid),
            .started_ms = e->started_ms,
        };
    }
    s->children.items = s->processes;
}

static gofer_status gather(gofer_worker *w, shown *s, size_t *running)
{
    gf_pool *p = &w->run.pool;
    *s = (shown){ .queues = gf_subscriber_take(&w->subscriber) };
    s->weights = gf_calloc(s->queues->count + 1, sizeof *s->weights);
    for (size_t i = 0; s->weights && i < s->queues->count; i++)
        s->weights[i] = (gf_weight){ s->queues->items[i].name, s->queues->items[i].weight };

    pthread_mutex_lock(&p->lock);
    *running = p->running;
    s->concurrency = (int32_t)p->concurrency;
    size_t capacity = p->running < GF_RUNNING_SHOWN ? p->running : GF_RUNNING_SHOWN;
    s->tasks = gf_calloc(capacity + 1, sizeof *s->tasks);
    s->pinned = gf_calloc(capacity + 1, sizeof *s->pinned);
    if (s->tasks && s->pinned)
        show_running(w, s, capacity);
    show_children(w, s);
    pthread_mutex_unlock(&p->lock);
    look_at_children(s);
    return s->weights && s->tasks && s->pinned && s->enrolled && s->processes
        ? GOFER_OK
        : gf_fail_nomem("a worker's entry");
}

const char *gf_presence_state(gofer_worker *w)
{
    // Whoever reads "quiet" may count on it that nothing is taken any more.
    bool quiet = atomic_load(&w->fetch.fetcher.quiet) && !gf_aggregate_takes(w);
    return atomic_load(&w->stop_calls)        ? "stopping"
        : quiet                               ? "quiet"
        : gf_want_shown(&w->fetch.want)       ? "lacking"
                                              : "active";
}

gofer_status gf_presence_register(gofer_worker *w)
{
    shown s;
    size_t running;
    gofer_status st = gather(w, &s, &running);
    const gf_worker_entry entry = {
        .id = w->id,
        .host = w->host,
        .pid = gf_process_pid(w->process),
        .started_ms = w->started_ms,
        .state = gf_presence_state(w),
        .concurrency = s.concurrency,
        .running = (int32_t)running,
        .queues = s.queues->text,
        .weights = s.weights,
        .weight_count = s.queues->count,
        .strict = w->settings.strict != 0,
        .tasks = s.tasks,
        .task_count = s.count,
        .children = w->run.lanes ? &s.children : NULL,
    };
    int64_t begun_ns = gf_mono_ns();
    if (st == GOFER_OK)
        st = gf_tally_call(&w->upkeep.tallies, GF_CALL_REGISTER, begun_ns,
            w->ops->upkeep->worker_register(w->broker, &entry, w->settings.lease_ms));
    gf_pool_unpin(&w->run.pool, s.pinned, s.count);
    gf_free(s.processes);
    gf_free(s.enrolled);
    gf_free(s.pinned);
    gf_free(s.tasks);
    gf_free(s.weights);
    gf_queue_set_drop(s.queues);
    return st;
}

int64_t gf_presence_interval_ms(const gofer_worker *w)
{
    return w->ops->upkeep->register_ms > 0 ? w->ops->upkeep->register_ms : w->settings.lease_ms / 3;
}

// ---- requests to cancel -------------------------------------------------------------------------

void gf_presence_log_cancelled(gofer_worker *w, const char *id)
{
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "task asked to stop", "worker", w->id, "task", id, NULL);
}

// Everybody is told of every request: mostly it is not for us. An id may be in several queues.
static void on_cancel(void *arg, const char *queue, const char *id)
{
    gofer_worker *w = arg;
    bool ours = false;
    pthread_mutex_lock(&w->run.pool.lock);
    for (gofer_task *task = w->run.pool.held; task; task = task->held_next) {
        const gf_message *m = &task->claim->message;
        if (task->phase != GF_FINISHED && strcmp(m->id, id) == 0 &&
            (!queue || strcmp(m->queue, queue) == 0))
            ours |= gf_task_ask(task, false);
    }
    pthread_mutex_unlock(&w->run.pool.lock);
    if (ours)
        gf_presence_log_cancelled(w, id);
}

// ---- commands -----------------------------------------------------------------------------------

static void on_command(void *arg, const char *command)
{
    gf_control_heed(arg, command);
}

static void on_schedules(void *arg)
{
    gf_housekeeping_ask_schedules(arg);
}

gofer_status gf_presence_watch(gofer_worker *w)
{
    const gf_watch_callbacks all = {
        .arg = w,
        .cancel = on_cancel,
        .control = on_command,
        .schedules = on_schedules,
    };
    return w->ops->live ? w->ops->live->watch_open(w->broker, w->id, &all, &w->upkeep.watch)
                        : GOFER_OK;
}

void gf_presence_unwatch(gofer_worker *w)
{
    gf_watch *watch = w->upkeep.watch;
    w->upkeep.watch = NULL;
    if (watch)
        w->ops->live->watch_close(watch);
}
