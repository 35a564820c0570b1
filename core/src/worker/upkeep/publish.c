// publish.c - what a worker publishes to those who listen.
//
// May touch: task, broker/broker.h, util/record. Slots, fetcher and the host's threads add to the
// list under its lock; housekeeping sends it within 50 ms. While sums will do, most events are only
// counted, without the lock.
#include "worker/upkeep/publish.h"

#include "client/events.h"
#include "util/alloc.h"
#include "util/array.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"

enum { AT_ONCE = 256 };            // records in one call to the store

static const char *const kinds[GF_EVENT_KINDS] = {
    [GF_EVENT_STARTED] = "started", [GF_EVENT_DONE] = "done", [GF_EVENT_SNOOZED] = "snoozed",
    [GF_EVENT_RETRIED] = "retried", [GF_EVENT_ARCHIVED] = "archived",
    [GF_EVENT_REQUEUED] = "requeued", [GF_EVENT_EXPIRED] = "expired",
    [GF_EVENT_REVOKED] = "revoked", [GF_EVENT_CANCELLED] = "cancelled",
    [GF_EVENT_PROGRESS] = "progress", [GF_EVENT_LOG] = "log",
};

// An event on its way into the list.
typedef struct event {
    gofer_worker  *worker;
    gf_record      record;
    gf_digest_sum *sum;            // that it is counted in; NULL: none
} event;

static gf_events_want wanted(const gofer_worker *w)
{
    return (gf_events_want)atomic_load_explicit(
        &w->upkeep.publishing.wanted, memory_order_relaxed);
}

bool gf_publish_wanted(const gofer_worker *w)
{
    return wanted(w) != GF_EVENTS_NONE;
}

static bool publishes(const gofer_task *task)
{
    return task->worker && !gf_worker_abandoned(task->worker) && gf_publish_wanted(task->worker);
}

// False: nobody wants it, or it is counted only.
static bool begin(event *e, gf_event_kind kind, gofer_worker *w, const gf_message *m)
{
    gf_events_want want = wanted(w);
    *e = (event){ .worker = w };
    if (want == GF_EVENTS_NONE)
        return false;
    if (want == GF_EVENTS_SUMS)
        e->sum = gf_digest_find(&w->upkeep.publishing.digest, m->queue, kind);
    if (e->sum && !gf_digest_count(e->sum))
        return false;
    gf_event_begin(&e->record, kinds[kind], gf_now_ms(), m);
    gf_record_text(&e->record, "worker", w->id);
    return true;
}

static bool begin_task(event *e, gf_event_kind kind, const gofer_task *task)
{
    if (!publishes(task) || !begin(e, kind, task->worker, &task->claim->message))
        return false;
    gf_record_int(&e->record, "attempt", gofer_task_attempt(task));
    return true;
}

// Locks: t->lock held.
static bool add(gf_publishing *t, const event *e)
{
    if (e->record.bad || t->count == GF_EVENTS_HELD || t->bytes + e->record.size > GF_EVENTS_BYTES)
        return false;
    if (!gf_grow(t->records, t->capacity, t->count + 1))
        return false;
    t->records[t->count++] = e->record.text;
    t->bytes += e->record.size;
    if (e->sum)
        e->sum->carrier = t->count;
    return true;
}

// Takes the record over.
static void end(event *e)
{
    gf_publishing *t = &e->worker->upkeep.publishing;
    pthread_mutex_lock(&t->lock);
    bool added = add(t, e), first = added && t->count == 1;
    if (!added && e->sum)
        atomic_fetch_add(&e->sum->owed, 1);
    else if (!added)
        t->dropped++;
    pthread_mutex_unlock(&t->lock);
    if (!added)
        gf_record_clear(&e->record);
    else if (first)
        gf_housekeeping_ask_events(e->worker);
}

void gf_publish_started(gofer_task *task)
{
    event e;
    if (begin_task(&e, GF_EVENT_STARTED, task))
        end(&e);
}

static gf_event_kind kind_of(const gf_outcome *o)
{
    switch (o->kind) {
    case GF_DONE:      return GF_EVENT_DONE;
    case GF_RETRY_AT:  return o->name == GF_OUTCOME_SNOOZED ? GF_EVENT_SNOOZED : GF_EVENT_RETRIED;
    case GF_ARCHIVE:   return GF_EVENT_ARCHIVED;
    case GF_REQUEUE:   return GF_EVENT_REQUEUED;
    case GF_DROP:      return o->name == GF_OUTCOME_EXPIRED ? GF_EVENT_EXPIRED : GF_EVENT_REVOKED;
    case GF_CANCELLED: return GF_EVENT_CANCELLED;
    }
    return GF_EVENT_DONE;
}

void gf_publish_outcome(gofer_task *task)
{
    event e;
    if (!begin_task(&e, kind_of(&task->outcome), task))
        return;
    if (task->started_ns)
        gf_record_int(&e.record, "duration_ms", (task->ended_ns - task->started_ns) / 1000000);
    if (task->outcome.kind != GF_DONE)
        gf_record_text(&e.record, "error", task->reason);
    end(&e);
}

void gf_publish_progress(gofer_task *task, int64_t done, int64_t total, const char *text)
{
    event e;
    if (!begin_task(&e, GF_EVENT_PROGRESS, task))
        return;
    gf_record_int(&e.record, "progress_done", done);
    gf_record_int(&e.record, "progress_total", total);
    gf_record_text(&e.record, "progress_text", text);
    end(&e);
}

void gf_publish_log(gofer_task *task, int32_t level, const char *text)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    event e;
    if (!begin_task(&e, GF_EVENT_LOG, task))
        return;
    gf_record_text(&e.record, "level",
        levels[level < 0                  ? 0
                : level > GOFER_LOG_ERROR ? GOFER_LOG_ERROR
                                          : level]);
    gf_record_text(&e.record, "text", text);
    end(&e);
}

void gf_publish_archived(gofer_worker *w, const gf_message *m, const char *error)
{
    event e;
    if (!begin(&e, GF_EVENT_ARCHIVED, w, m))
        return;
    gf_record_text(&e.record, "error", error);
    end(&e);
}

// ---- housekeeping's ---------------------------------------------------------------------------

void gf_publish_look(gofer_worker *w)
{
    const gf_broker_ops *ops = w->ops;
    gf_events_want want = ops->live ? ops->live->events_wanted(w->broker) : GF_EVENTS_NONE;
    atomic_store_explicit(&w->upkeep.publishing.wanted, want, memory_order_relaxed);
}

// To what is to be sent: how many were not told whole. Locks: t->lock held.
static void add_sums(gf_publishing *t)
{
    for (gf_digest_row *row = atomic_load(&t->digest.first); row; row = row->next)
        for (size_t kind = 0; kind < GF_EVENT_KINDS; kind++) {
            size_t carrier;
            uint32_t more = gf_digest_take(&row->sums[kind], &carrier);
            if (more && !gf_event_add(&t->records[carrier], "more", more))
                atomic_fetch_add(&row->sums[kind].owed, more);
        }
}

// What was dropped is told by the first of those that come after it.
static void add_lost(gf_publishing *t)
{
    if (t->count && t->lost && gf_event_add(&t->records[0], "lost", t->lost))
        t->lost = 0;
    t->lost += t->dropped;
    t->dropped = 0;
}

static size_t take_records(gf_publishing *t, char ***records)
{
    pthread_mutex_lock(&t->lock);
    add_sums(t);
    add_lost(t);
    size_t count = t->count;
    *records = t->records;
    t->records = NULL;
    t->count = t->capacity = t->bytes = 0;
    pthread_mutex_unlock(&t->lock);
    return count;
}

void gf_publish_send(gofer_worker *w)
{
    char **records;
    size_t count = take_records(&w->upkeep.publishing, &records);
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
    gf_digest_clear(&t->digest);
}
