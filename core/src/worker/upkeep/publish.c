// publish.c - what a worker publishes to those who listen.
//
// May touch: task, broker/broker.h, util/record. Slots, fetcher and the host's threads add to the
// list under its lock; housekeeping sends it within 50 ms.
#include "worker/upkeep/publish.h"

#include "client/events.h"
#include "util/alloc.h"
#include "util/array.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"

enum { AT_ONCE = 256 };            // records in one call to the store

bool gf_publish_wanted(const gofer_worker *w)
{
    return atomic_load_explicit(&w->upkeep.publishing.wanted, memory_order_relaxed) != 0;
}

static bool publishes(const gofer_task *task)
{
    return task->worker && !gf_worker_abandoned(task->worker) && gf_publish_wanted(task->worker);
}

static void begin(gf_record *r, const char *event, const gofer_worker *w, const gf_message *m)
{
    gf_event_begin(r, event, gf_now_ms(), m);
    gf_record_text(r, "worker", w->id);
}

static void begin_task(gf_record *r, const char *event, const gofer_task *task)
{
    begin(r, event, task->worker, &task->claim->message);
    gf_record_int(r, "attempt", gofer_task_attempt(task));
}

// Locks: t->lock held.
static bool add(gf_publishing *t, char *record, size_t size)
{
    if (t->count == GF_EVENTS_HELD || t->bytes + size > GF_EVENTS_BYTES)
        return false;
    if (!gf_grow(t->records, t->capacity, t->count + 1))
        return false;
    t->records[t->count++] = record;
    t->bytes += size;
    return true;
}

// Takes the record over.
static void end(gofer_worker *w, gf_record *r)
{
    gf_publishing *t = &w->upkeep.publishing;
    if (r->bad) {
        gf_record_clear(r);
        return;
    }
    pthread_mutex_lock(&t->lock);
    bool added = add(t, r->text, r->size), first = added && t->count == 1;
    pthread_mutex_unlock(&t->lock);
    if (!added)
        gf_record_clear(r);
    else if (first)
        gf_housekeeping_ask_events(w);
}

void gf_publish_started(gofer_task *task)
{
    gf_record r = { 0 };
    if (!publishes(task))
        return;
    begin_task(&r, "started", task);
    end(task->worker, &r);
}

static const char *event_of(const gf_outcome *o)
{
    switch (o->kind) {
    case GF_DONE:      return "done";
    case GF_RETRY_AT:  return o->name == GF_OUTCOME_SNOOZED ? "snoozed" : "retried";
    case GF_ARCHIVE:   return "archived";
    case GF_REQUEUE:   return "requeued";
    case GF_DROP:      return o->name == GF_OUTCOME_EXPIRED ? "expired" : "revoked";
    case GF_CANCELLED: return "cancelled";
    }
    return "done";
}

void gf_publish_outcome(gofer_task *task)
{
    gf_record r = { 0 };
    if (!publishes(task))
        return;
    begin_task(&r, event_of(&task->outcome), task);
    if (task->started_ns)
        gf_record_int(&r, "duration_ms", (task->ended_ns - task->started_ns) / 1000000);
    if (task->outcome.kind != GF_DONE)
        gf_record_text(&r, "error", task->reason);
    end(task->worker, &r);
}

void gf_publish_progress(gofer_task *task, int64_t done, int64_t total, const char *text)
{
    gf_record r = { 0 };
    if (!publishes(task))
        return;
    begin_task(&r, "progress", task);
    gf_record_int(&r, "progress_done", done);
    gf_record_int(&r, "progress_total", total);
    gf_record_text(&r, "progress_text", text);
    end(task->worker, &r);
}

void gf_publish_log(gofer_task *task, int32_t level, const char *text)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    gf_record r = { 0 };
    if (!publishes(task))
        return;
    begin_task(&r, "log", task);
    gf_record_text(&r, "level",
        levels[level < 0                  ? 0
                : level > GOFER_LOG_ERROR ? GOFER_LOG_ERROR
                                          : level]);
    gf_record_text(&r, "text", text);
    end(task->worker, &r);
}

void gf_publish_archived(gofer_worker *w, const gf_message *m, const char *error)
{
    gf_record r = { 0 };
    if (!gf_publish_wanted(w))
        return;
    begin(&r, "archived", w, m);
    gf_record_text(&r, "error", error);
    end(w, &r);
}

// ---- housekeeping's ---------------------------------------------------------------------------

void gf_publish_look(gofer_worker *w)
{
    const gf_broker_ops *ops = w->ops;
    int listened = ops->live && ops->live->events_wanted(w->broker);
    atomic_store_explicit(&w->upkeep.publishing.wanted, listened, memory_order_relaxed);
}

void gf_publish_send(gofer_worker *w)
{
    gf_publishing *t = &w->upkeep.publishing;
    pthread_mutex_lock(&t->lock);
    char **records = t->records;
    size_t count = t->count;
    t->records = NULL;
    t->count = t->capacity = t->bytes = 0;
    pthread_mutex_unlock(&t->lock);
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < count && st == GOFER_OK; at += AT_ONCE) {
        int64_t begun_ns = gf_mono_ns();
        st = gf_tally_call(&w->upkeep.tallies, GF_CALL_EVENTS, begun_ns,
            w->ops->live->events_publish(w->broker, (const char *const *)records + at,
                count - at < AT_ONCE ? count - at : AT_ONCE));
    }
    for (size_t i = 0; i < count; i++)
        gf_free(records[i]);
    gf_free(records);
}

void gf_publish_clear(gf_publishing *t)
{
    for (size_t i = 0; i < t->count; i++)
        gf_free(t->records[i]);
    gf_free(t->records);
    t->records = NULL;
    t->count = t->capacity = t->bytes = 0;
}
