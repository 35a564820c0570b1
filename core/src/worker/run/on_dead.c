// on_dead.c - what is enqueued when a task is archived, so that somebody hears of it.
//
// May touch: the outbox (fetcher's thread), enqueue, info (for the JSON). It is put before the
// archive is reported and has an id of its own making, so that neither a store in trouble nor a
// repeat loses or doubles it. Of a task that recovery archived it is put right afterwards, from
// housekeeping's thread, which goes on trying while this worker lives.
#include "worker/run/on_dead.h"

#include <stdio.h>
#include <string.h>

#include "client/enqueue.h"
#include "client/events.h"
#include "info/info.h"
#include "message/carry.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/utf8.h"
#include "worker/run/decide.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/sealed.h"
#include "worker/run/task.h"
#include "worker/runtime.h"

enum {
    AGAIN_MS = 1000,               // to try again what the store did not take
    COMPLAIN_MS = 30000,
    HELD_PER_SLOT = 2,             // while some wait, so many tasks are held in all: the slots have
    HELD_MIN = 16,                 //   work until half of them wait
    RECOVERED_MAX = 1000
};

// Everything needed of a task that is gone from this worker.
typedef struct gf_on_dead_task {
    struct gf_on_dead_task *next;
    char *type, *queue, *id, *payload;     // owned; the payload is JSON text
    char *parent, *state;                  // owned; its trace context; NULL: none
} gf_on_dead_task;

// ---- one on-dead task -------------------------------------------------------------------------

// "dead:ID:ATTEMPT", the same whenever it is made. One that is too long is cut, and
// told apart by its hash.
static void make_id(const gf_message *m, int32_t attempt, char out[GF_ID_MAX + 1])
{
    char head[GF_ID_MAX - 47];     // what is around it has 34 bytes at the most
    if (snprintf(out, GF_ID_MAX + 1, "dead:%s:%d", m->id, (int)attempt) <= GF_ID_MAX)
        return;
    gf_utf8_clean(m->id, strlen(m->id), head, sizeof head);
    snprintf(out, GF_ID_MAX + 1, "dead:%s~%016llx:%d", head,
        (unsigned long long)gf_hash_text(m->id), (int)attempt);
}

static char *make_payload(const gf_message *m, int32_t attempts, const char *error,
    bool with_payload)
{
    char *json = NULL;
    gofer_info *info = gf_info_record();
    int bad = !info;
    if (info)
        bad = gf_info_set_text(info, "id", m->id) | gf_info_set_text(info, "type", m->type) |
              gf_info_set_text(info, "queue", m->queue) | gf_info_set_text(info, "error", error) |
              gf_info_set_int(info, "attempts", attempts);
    if (!bad && with_payload)
        bad = gf_info_set_bytes(info, "payload", m->payload ? m->payload : "", m->payload_size);
    else if (!bad)
        bad = gf_info_set_int(info, "payload_size", (int64_t)m->payload_size);
    if (!bad && gofer_info_json(info, &json) != GOFER_OK)
        json = NULL;
    gofer_info_free(info);
    return json;
}

// JSON that is over the client's limit goes without the payload: who needs it
// finds it in the archive.
static char *fitting_payload(const gofer_worker *w, const gf_message *m, int32_t attempts,
    const char *error)
{
    uint64_t limit = (uint64_t)w->client->max_payload - (w->client->keys ? GF_SEAL_MORE : 0);
    char *json = m->payload_size < limit ? make_payload(m, attempts, error, true) : NULL;
    if (json && strlen(json) <= limit)
        return json;
    bool too_big = json || m->payload_size >= limit;
    gofer_free(json);
    return too_big ? make_payload(m, attempts, error, false) : NULL;
}

// What is encrypted was not opened if it comes from the store's own hand; who has the keys tells
// what is in it, and encrypts all that is told.
static char *payload_within(const gofer_worker *w, const gf_message *m, int32_t attempts,
    const char *error)
{
    gf_message opened = *m;
    if (!w->client->keys || !gf_is_sealed(m->payload, m->payload_size))
        return fitting_payload(w, m, attempts, error);
    gf_sealed *sealed = gf_sealed_open(w->client, &opened);
    char *json = fitting_payload(w, &opened, attempts, error);
    gf_sealed_free(sealed);
    return json;
}

// One that is never taken: waiting for it would hold the archive up for ever.
static bool hopeless(gofer_status st)
{
    return st == GOFER_EINVAL || st == GOFER_ETOOBIG || st == GOFER_EUNSUPPORTED ||
        st == GOFER_EDUPLICATE;
}

// It belongs to the trace of what has died.
static gofer_status put_one(gofer_worker *w, const char *type, const char *queue, const char *id,
    const char *payload, gf_trace trace)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    o.task_id = id;
    gf_draft d;
    gf_carry_begin(&trace);
    gofer_status st = gf_draft_make(&d, w->client, type, payload, strlen(payload), &o);
    gf_carry_end();
    if (st == GOFER_OK) {
        gf_put item = { .message = &d.message, .unbounded = true };
        st = gf_put_and_publish(w->broker, &item, 1);
        // EEXIST: of an earlier archiving with another error. Told already.
        if (st == GOFER_OK && item.status != GOFER_OK && item.status != GOFER_EEXIST)
            st = gf_fail(item.status, "the store refused the on-dead task '%s'", id);
    }
    gf_draft_clear(&d);
    return st;
}

static void log_without(gofer_worker *w, const char *id, const char *on_dead, const char *why)
{
    if (gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "archived without its on-dead task", "task", id,
            "on_dead", on_dead, "error", why, NULL);
}

static const char *queue_of(const gf_task_options *o, const gf_message *m)
{
    return o->on_dead_queue ? o->on_dead_queue : m->queue;
}

// ---- before an archive: the fetcher's -----------------------------------------------------------

static gofer_status put_for(gofer_worker *w, gofer_task *task)
{
    const gf_message *m = &task->claim->message;
    int32_t attempt = gofer_task_attempt(task);
    char id[GF_ID_MAX + 1];
    make_id(m, attempt, id);
    char *payload =
        payload_within(w, m, attempt, task->reason ? task->reason : "no memory for the error text");
    if (!payload)
        return gf_fail_nomem("an on-dead task");
    gofer_status st = put_one(
        w, task->options->on_dead, queue_of(task->options, m), id, payload, gf_task_trace(task));
    gofer_free(payload);
    return st;
}

static bool has_on_dead(const gofer_task *task)
{
    return task->outcome.kind == GF_ARCHIVE && task->options->on_dead && !task->on_dead_put;
}

// Looks for them only while one was decided and not seen here yet: the outbox is in the
// caches of other cores.
static void sort_out(gofer_worker *w)
{
    gf_tasks *outbox = &w->fetch.fetcher.outbox;
    gf_tasks all = { 0 };
    gofer_task *task;
    if (atomic_load_explicit(&w->run.on_dead.due, memory_order_relaxed) == 0)
        return;                    // nearly always
    gf_tasks_join(&all, outbox);
    while ((task = gf_tasks_pop(&all))) {
        bool dead = has_on_dead(task);
        gf_tasks_push(dead ? &w->run.on_dead.waiting : outbox, task);
        if (dead)
            atomic_fetch_sub(&w->run.on_dead.due, 1);
    }
}

void gf_on_dead_count(gofer_worker *w, const gofer_task *task, const gf_outcome *outcome)
{
    if (outcome->kind == GF_ARCHIVE && task->options->on_dead)
        atomic_fetch_add(&w->run.on_dead.due, 1);
}

static void complain(gofer_worker *w, gofer_status st, int64_t now_ms)
{
    gf_on_dead *on_dead = &w->run.on_dead;
    on_dead->again_ms = now_ms + AGAIN_MS;
    if ((on_dead->complained_ms && now_ms - on_dead->complained_ms < COMPLAIN_MS) ||
        !gf_worker_logs(w, GOFER_LOG_WARN))
        return;
    char waiting[32];
    snprintf(waiting, sizeof waiting, "%zu", on_dead->waiting.count);
    on_dead->complained_ms = now_ms;
    gf_logf(&w->log, GOFER_LOG_WARN,
        "the store does not take an on-dead task; its task waits to be archived", "worker", w->id,
        "status", gofer_status_name(st), "error", gofer_error_last(), "#waiting", waiting, NULL);
}

// Out of time, and the store takes none of their on-dead tasks: nobody would hear of them. So they
// run again, and are told of then. The newest goes first, to come to stand behind the others.
static void put_back_all(gofer_worker *w, gofer_status st)
{
    gf_tasks *waiting = &w->run.on_dead.waiting;
    gofer_task *task, *newest_first = NULL;
    char count[32];
    snprintf(count, sizeof count, "%zu", waiting->count);
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN,
            "the store does not take on-dead tasks: their tasks are put back, not archived",
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

void gf_on_dead_put(gofer_worker *w, int64_t now_ms, bool give_up)
{
    gf_on_dead *on_dead = &w->run.on_dead;
    sort_out(w);
    if (!on_dead->waiting.first || (now_ms < on_dead->again_ms && !give_up))
        return;
    while (on_dead->waiting.first) {
        gofer_task *task = on_dead->waiting.first;
        gofer_status st = put_for(w, task);
        if (st != GOFER_OK && hopeless(st)) {
            log_without(w, task->claim->message.id, task->options->on_dead, gofer_error_last());
        } else if (st != GOFER_OK && give_up) {
            put_back_all(w, st);
            break;
        } else if (st != GOFER_OK) {
            complain(w, st, now_ms);
            return;
        }
        task->on_dead_put = true;
        gf_tasks_push(&w->fetch.fetcher.outbox, gf_tasks_pop(&on_dead->waiting));
    }
    on_dead->again_ms = on_dead->complained_ms = 0;
}

// What waits counts as held: a store without room for on-dead tasks is not to fill this worker.
size_t gf_on_dead_room(gofer_worker *w, size_t room)
{
    gf_tasks *outbox = &w->fetch.fetcher.outbox;
    size_t waiting = w->run.on_dead.waiting.count;
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

// ---- after a recovery: housekeeping's ----------------------------------------------------------

static void free_one(gf_on_dead_task *d)
{
    gf_free(d->type);
    gf_free(d->queue);
    gf_free(d->id);
    gf_free(d->parent);
    gf_free(d->state);
    gofer_free(d->payload);
    gf_free(d);
}

static gf_on_dead_task *copy_of(
    const gofer_worker *w, const gf_message *m, const gf_task_options *o)
{
    char id[GF_ID_MAX + 1];
    int32_t attempt = m->retried < INT32_MAX ? m->retried + 1 : m->retried;
    gf_on_dead_task *d = gf_calloc(1, sizeof *d);
    if (!d)
        return NULL;
    make_id(m, attempt, id);
    d->type = gf_strdup(o->on_dead);
    d->queue = gf_strdup(queue_of(o, m));
    d->id = gf_strdup(id);
    gf_trace trace = gf_trace_of(m);
    d->parent = trace.parent ? gf_strdup(trace.parent) : NULL;     // without memory it has none
    d->state = trace.state ? gf_strdup(trace.state) : NULL;
    d->payload = payload_within(w, m, attempt, m->last_error ? m->last_error : "its worker died");
    if (d->type && d->queue && d->id && d->payload)
        return d;
    free_one(d);
    return NULL;
}

// Called while the store is at it: only notes.
void gf_on_dead_recovered(void *worker, const gf_message *m)
{
    gofer_worker *w = worker;
    gf_on_dead_list *all = &w->run.on_dead.recovered;
    gf_task_options o;
    if (!gf_task_options_read(m, &o) || !o.on_dead)
        return;
    gf_on_dead_task *d = all->count < RECOVERED_MAX ? copy_of(w, m, &o) : NULL;
    if (!d) {
        log_without(
            w, m->id, o.on_dead, all->count < RECOVERED_MAX ? "no memory" : "too many at once");
        return;
    }
    d->next = all->first;
    all->first = d;
    all->count++;
}

// Those of a group's tasks that are archived next: first these, as the fetcher does, so that nobody
// misses them.
gofer_status gf_on_dead_members(gofer_worker *w, const gf_group_set *set, const char *error)
{
    for (size_t i = 0; i < set->count; i++) {
        const gf_message *m = &set->tasks[i];
        int32_t attempt = m->retried < INT32_MAX ? m->retried + 1 : m->retried;
        char id[GF_ID_MAX + 1];
        gf_task_options o;
        if (!gf_task_options_read(m, &o) || !o.on_dead)
            continue;
        make_id(m, attempt, id);
        char *payload = payload_within(w, m, attempt, error);
        gofer_status st = payload
            ? put_one(w, o.on_dead, queue_of(&o, m), id, payload, gf_trace_of(m))
            : gf_fail_nomem("an on-dead task");
        gofer_free(payload);
        if (st != GOFER_OK && !hopeless(st))
            return st;
        if (st != GOFER_OK)
            log_without(w, m->id, o.on_dead, gofer_error_last());
    }
    return GOFER_OK;
}

gofer_status gf_on_dead_flush(gofer_worker *w)
{
    gf_on_dead_list *all = &w->run.on_dead.recovered;
    while (all->first) {
        gf_on_dead_task *d = all->first;
        gofer_status st = put_one(
            w, d->type, d->queue, d->id, d->payload, (gf_trace){ d->parent, d->state });
        if (st != GOFER_OK && !hopeless(st))
            return st;             // at the next look
        if (st != GOFER_OK)
            log_without(w, d->id, d->type, gofer_error_last());
        all->first = d->next;
        all->count--;
        free_one(d);
    }
    return GOFER_OK;
}

void gf_on_dead_clear(gofer_worker *w)
{
    for (gf_on_dead_task *d; (d = w->run.on_dead.recovered.first);) {
        w->run.on_dead.recovered.first = d->next;
        free_one(d);
    }
    w->run.on_dead.recovered.count = 0;
}
