// on_end.c - what is enqueued when a task ends, so that somebody hears of it.
//
// May touch: the outbox (fetcher's thread), followers. They are put before the end is reported and
// have ids of their own making, so that neither a store in trouble nor a repeat loses or doubles
// them. Of a task that recovery archived it is put right afterwards, from housekeeping's thread,
// which goes on trying while this worker lives.
#include "worker/run/on_end.h"

#include <stdio.h>

#include "util/clock.h"
#include "util/error.h"
#include "worker/run/decide.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"

enum {
    AGAIN_MS = 1000,               // to try again what the store did not take
    COMPLAIN_MS = 30000,
    HELD_PER_SLOT = 2,             // while some wait, so many tasks are held in all: the slots have
    HELD_MIN = 16,                 //   work until half of them wait
    RECOVERED_MAX = 1000
};

static void log_without(gofer_worker *w, const char *id, const char *type, const char *why)
{
    if (gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "ended without the task that was to follow", "task", id,
            "follower", type, "error", why, NULL);
}

// ---- before an end is reported: the fetcher's ---------------------------------------------------

static int64_t unix_ms(const gofer_worker *w, int64_t mono_ns)
{
    return mono_ns ? mono_ns / 1000000 + w->run.pool.wall_offset_ms : 0;
}

static gf_ended end_of(const gofer_worker *w, const gofer_task *task)
{
    bool done = task->outcome.kind == GF_DONE;
    return (gf_ended){
        .message = &task->claim->message,
        .options = task->options,
        .done = done,
        .attempt = gofer_task_attempt(task),
        .error = done ? NULL : task->reason ? task->reason : "no memory for the error text",
        .result = done ? task->result : NULL,
        .result_size = done ? task->result_size : 0,
        .started_ms = unix_ms(w, task->started_ns),
        .ended_ms = task->ended_ns ? unix_ms(w, task->ended_ns) : gf_now_ms(),
        .trace = gf_task_trace(task),
    };
}

static bool ends_with_one(const gofer_task *task, const gf_outcome *outcome)
{
    return (outcome->kind == GF_ARCHIVE && gf_follows(task->options, false)) ||
        (outcome->kind == GF_DONE && gf_follows(task->options, true));
}

// Looks for them only while one was decided and not seen here yet: the outbox is in the
// caches of other cores.
static void sort_out(gofer_worker *w)
{
    gf_tasks *outbox = &w->fetch.fetcher.outbox;
    gf_tasks all = { 0 };
    gofer_task *task;
    if (atomic_load_explicit(&w->run.on_end.due, memory_order_relaxed) == 0)
        return;                    // nearly always
    gf_tasks_join(&all, outbox);
    while ((task = gf_tasks_pop(&all))) {
        bool follows = ends_with_one(task, &task->outcome) && !task->on_end_put;
        gf_tasks_push(follows ? &w->run.on_end.waiting : outbox, task);
        if (follows)
            atomic_fetch_sub(&w->run.on_end.due, 1);
    }
}

void gf_on_end_count(gofer_worker *w, const gofer_task *task, const gf_outcome *outcome)
{
    if (ends_with_one(task, outcome))
        atomic_fetch_add(&w->run.on_end.due, 1);
}

static void complain(gofer_worker *w, gofer_status st, int64_t now_ms)
{
    gf_on_end *on_end = &w->run.on_end;
    on_end->again_ms = now_ms + AGAIN_MS;
    if ((on_end->complained_ms && now_ms - on_end->complained_ms < COMPLAIN_MS) ||
        !gf_worker_logs(w, GOFER_LOG_WARN))
        return;
    char waiting[32];
    snprintf(waiting, sizeof waiting, "%zu", on_end->waiting.count);
    on_end->complained_ms = now_ms;
    gf_logf(&w->log, GOFER_LOG_WARN,
        "the store does not take a task that follows on an end, which waits to be handed in",
        "worker", w->id, "status", gofer_status_name(st), "error", gofer_error_last(), "#waiting",
        waiting, NULL);
}

// Out of time, and the store takes none of their followers: nobody would hear of them. So they run
// again, and are told of then. The newest goes first, to come to stand behind the others.
static void put_back_all(gofer_worker *w, gofer_status st)
{
    gf_tasks *waiting = &w->run.on_end.waiting;
    gofer_task *task, *newest_first = NULL;
    char count[32];
    snprintf(count, sizeof count, "%zu", waiting->count);
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN,
            "the store does not take tasks that follow on ends: what has ended is put back",
            "worker", w->id, "status", gofer_status_name(st), "error", gofer_error_last(),
            "#tasks", count, NULL);
    while ((task = gf_tasks_pop(waiting))) {
        task->next = newest_first;
        newest_first = task;
    }
    while ((task = newest_first)) {
        newest_first = task->next;
        gf_finish_put_back(task);
        gf_tasks_push(&w->fetch.fetcher.outbox, task);
    }
}

// Those of the tasks that wait longest. How many were made: fewer, where there is no memory.
static size_t make_some(const gofer_worker *w, gf_follower *some[GF_FOLLOWERS_MAX])
{
    size_t count = 0;
    const gofer_task *task = w->run.on_end.waiting.first;
    for (; task && count < GF_FOLLOWERS_MAX; task = task->next) {
        const gf_ended end = end_of(w, task);
        some[count] = gf_follower_new(w, &end);
        if (!some[count])
            break;
        count++;
    }
    return count;
}

// Puts some, and hands in their tasks as far as it went.
static gofer_status put_some(gofer_worker *w)
{
    gf_on_end *on_end = &w->run.on_end;
    gf_follower *some[GF_FOLLOWERS_MAX];
    gofer_status statuses[GF_FOLLOWERS_MAX], st = GOFER_OK;
    size_t count = make_some(w, some);
    if (count == 0)
        return gf_fail_nomem("a task that follows on an end");
    gf_followers_put(w, some, count, statuses);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        gofer_task *task = on_end->waiting.first;
        if (statuses[i] != GOFER_OK && !gf_follower_hopeless(statuses[i])) {
            st = statuses[i];
            break;
        }
        if (statuses[i] != GOFER_OK)
            log_without(w, task->claim->message.id, some[i]->type, gofer_error_last());
        task->on_end_put = true;
        gf_tasks_push(&w->fetch.fetcher.outbox, gf_tasks_pop(&on_end->waiting));
    }
    for (size_t i = 0; i < count; i++)
        gf_follower_free(some[i]);
    return st;
}

void gf_on_end_put(gofer_worker *w, int64_t now_ms, bool give_up)
{
    gf_on_end *on_end = &w->run.on_end;
    sort_out(w);
    if (!on_end->waiting.first || (now_ms < on_end->again_ms && !give_up))
        return;
    while (on_end->waiting.first) {
        gofer_status st = put_some(w);
        if (st != GOFER_OK && give_up) {
            put_back_all(w, st);
        } else if (st != GOFER_OK) {
            complain(w, st, now_ms);
            return;
        }
    }
    on_end->again_ms = on_end->complained_ms = 0;
}

// What waits counts as held: a store without room for followers is not to fill this worker.
size_t gf_on_end_room(gofer_worker *w, size_t room)
{
    gf_tasks *outbox = &w->fetch.fetcher.outbox;
    size_t waiting = w->run.on_end.waiting.count;
    if (waiting == 0)
        return room;               // nearly always
    pthread_mutex_lock(&w->run.pool.lock);
    size_t limit = HELD_PER_SLOT * w->run.pool.concurrency;
    // These go with the next exchange, or have gone.
    size_t going = outbox->count + w->fetch.fetcher.afloat.count;
    size_t held = w->run.pool.held_count - going;
    pthread_mutex_unlock(&w->run.pool.lock);
    limit = limit < HELD_MIN ? HELD_MIN : limit;
    if (waiting >= limit)
        gf_pool_hand_back(&w->run.pool, outbox);
    size_t left = held < limit ? limit - held : 0;
    return left < room ? left : room;
}

// ---- what others archive ------------------------------------------------------------------------

static gf_ended archived(const gf_message *m, const gf_task_options *o, const char *error)
{
    return (gf_ended){
        .message = m,
        .options = o,
        .attempt = m->retried < INT32_MAX ? m->retried + 1 : m->retried,
        .error = error,
        .ended_ms = gf_now_ms(),
        .trace = gf_trace_of(m),
    };
}

// After a recovery, housekeeping's. Called while the store is at it: only notes.
void gf_on_end_recovered(void *worker, const gf_message *m)
{
    gofer_worker *w = worker;
    gf_on_end_list *all = &w->run.on_end.recovered;
    gf_task_options o;
    if (!gf_task_options_read(m, &o) || !gf_follows(&o, false))
        return;
    const gf_ended end = archived(m, &o, m->last_error ? m->last_error : "its worker died");
    gf_follower *f = all->count < RECOVERED_MAX ? gf_follower_new(w, &end) : NULL;
    if (!f) {
        log_without(
            w, m->id, NULL, all->count < RECOVERED_MAX ? "no memory" : "too many at once");
        return;
    }
    f->next = all->first;
    all->first = f;
    all->count++;
}

gofer_status gf_on_end_flush(gofer_worker *w)
{
    gf_on_end_list *all = &w->run.on_end.recovered;
    while (all->first) {
        gf_follower *f = all->first;
        gofer_status st;
        gf_followers_put(w, &f, 1, &st);
        if (st != GOFER_OK && !gf_follower_hopeless(st))
            return st;             // at the next look
        if (st != GOFER_OK)
            log_without(w, f->id, f->type, gofer_error_last());
        all->first = f->next;
        all->count--;
        gf_follower_free(f);
    }
    return GOFER_OK;
}

// Those of a group's tasks that are archived next: first these, as the fetcher does, so that nobody
// misses them.
gofer_status gf_on_end_members(gofer_worker *w, const gf_group_set *set, const char *error)
{
    for (size_t i = 0; i < set->count; i++) {
        const gf_message *m = &set->tasks[i];
        gf_task_options o;
        gofer_status st;
        if (!gf_task_options_read(m, &o) || !gf_follows(&o, false))
            continue;
        const gf_ended end = archived(m, &o, error);
        gf_follower *f = gf_follower_new(w, &end);
        if (!f)
            return gf_fail_nomem("an on-dead task");
        gf_followers_put(w, &f, 1, &st);
        if (st != GOFER_OK && gf_follower_hopeless(st))
            log_without(w, m->id, f->type, gofer_error_last());
        gf_follower_free(f);
        if (st != GOFER_OK && !gf_follower_hopeless(st))
            return st;
    }
    return GOFER_OK;
}

void gf_on_end_clear(gofer_worker *w)
{
    for (gf_follower *f; (f = w->run.on_end.recovered.first);) {
        w->run.on_end.recovered.first = f->next;
        gf_follower_free(f);
    }
    w->run.on_end.recovered.count = 0;
}
