// audit.c - what visitors have changed is logged, and noted in the store's audit.
#include "audit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "clock.h"

enum { ARRIVALS_MAX = 32, GATHER_MS = 60000, NAME_ROOM = 256 };

// What a visitor enqueues: noted at once, and then what has come within a minute.
typedef struct arrivals {
    char    actor[NAME_ROOM], address[WEB_ADDRESS_ROOM], queue[NAME_ROOM], type[NAME_ROOM];
    int64_t count;          // that are not noted yet
    int64_t noted_ms;       // monotonic; 0: the place is free
} arrivals;

struct web_audit {
    gofer_client   *client;
    const web_log  *log;
    pthread_mutex_t lock;   // guards what follows
    arrivals        places[ARRIVALS_MAX];
    int64_t         missing;
};

// ---- one note -----------------------------------------------------------------------------------

static void put_member(web_text *out, const char *name, const char *value)
{
    if (!value)
        return;
    web_text_format(out, "%s\"%s\":", out->size > 1 ? "," : "", name);
    web_text_json(out, value, strlen(value));
}

// The words of a visitor's are a value's: what reads the log escapes them.
static void say(const web_audit *a, const audit_note *n)
{
    web_text fields = { 0 };
    bool failed = n->status != GOFER_OK && n->status != GOFER_EHANDLER;
    if (!a->log->write)
        return;
    web_text_put(&fields, "{");
    put_member(&fields, "actor", n->actor);
    put_member(&fields, "address", n->address);
    put_member(&fields, "act", n->act);
    put_member(&fields, "queue", n->queue);
    put_member(&fields, "target", n->target);
    put_member(&fields, "outcome", n->outcome ? n->outcome : audit_outcome(n->status));
    put_member(&fields, "message", failed ? n->why : NULL);
    web_text_format(&fields, ",\"count\":%lld}", (long long)n->count);
    a->log->write(a->log->user, failed ? GOFER_LOG_WARN : GOFER_LOG_INFO, web_ms(CLOCK_REALTIME),
        failed ? "an act has failed" : "an act", fields.failed ? "{}" : fields.at);
    web_text_free(&fields);
}

static void add(web_audit *a, const audit_note *n)
{
    if (audit_add(a->client, n) == GOFER_OK)
        return;
    web_say(a->log, GOFER_LOG_WARN, "the act %s of %s is not in the audit: %.300s", n->act,
        n->actor, gofer_error_last());
    pthread_mutex_lock(&a->lock);
    a->missing++;
    pthread_mutex_unlock(&a->lock);
}

void web_audit_note(web_audit *a, audit_note note)
{
    note.via = "web";
    say(a, &note);
    add(a, &note);
}

int64_t web_audit_missing(web_audit *a)
{
    pthread_mutex_lock(&a->lock);
    int64_t missing = a->missing;
    pthread_mutex_unlock(&a->lock);
    return missing;
}

// ---- tasks that were enqueued -------------------------------------------------------------------

static void note_arrivals(web_audit *a, const arrivals *p)
{
    add(a, &(audit_note){ .actor = p->actor, .via = "web",
        .address = *p->address ? p->address : NULL, .act = "task.enqueue",
        .queue = *p->queue ? p->queue : NULL, .target = p->type, .count = p->count });
}

// The place of the same visitor; else a free one, or the oldest.
static arrivals *place_of(web_audit *a, const char *actor)
{
    arrivals *oldest = &a->places[0];
    for (size_t i = 0; i < ARRIVALS_MAX; i++) {
        arrivals *p = &a->places[i];
        if (p->noted_ms && strcmp(p->actor, actor) == 0)
            return p;
        if (p->noted_ms < oldest->noted_ms)
            oldest = p;
    }
    return oldest;
}

static void join(arrivals *p, const arrivals *more)
{
    static const char several[] = "several types";
    if (p->count == 0) {            // the first since the latest note
        memcpy(p->queue, more->queue, sizeof p->queue);
        memcpy(p->type, more->type, sizeof p->type);
    }
    if (strcmp(p->queue, more->queue) != 0)
        p->queue[0] = '\0';
    if (strcmp(p->type, more->type) != 0)
        memcpy(p->type, several, sizeof several);
    memcpy(p->address, more->address, sizeof p->address);
    p->count += more->count;
}

// What is to be noted now is left in `now`, and what was in a place that was taken in `old`.
static void gather(web_audit *a, const arrivals *more, arrivals *now, arrivals *old)
{
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&a->lock);
    arrivals *p = place_of(a, more->actor);
    bool is_new = !p->noted_ms || strcmp(p->actor, more->actor) != 0;
    if (is_new) {
        *old = *p;
        *p = *more;
        p->count = 0;
    }
    join(p, more);
    if (is_new || now_ms - p->noted_ms >= GATHER_MS) {
        *now = *p;
        p->count = 0;
        p->noted_ms = now_ms;
    }
    pthread_mutex_unlock(&a->lock);
}

static void flush(web_audit *a, int64_t age_ms)
{
    for (size_t i = 0; i < ARRIVALS_MAX; i++) {
        arrivals due = { 0 };
        pthread_mutex_lock(&a->lock);
        arrivals *p = &a->places[i];
        if (p->noted_ms && web_ms(CLOCK_MONOTONIC) - p->noted_ms >= age_ms) {
            due = *p;
            *p = (arrivals){ 0 };
        }
        pthread_mutex_unlock(&a->lock);
        if (due.count)
            note_arrivals(a, &due);
    }
}

void web_audit_flush(web_audit *a)
{
    flush(a, GATHER_MS);
}

// ---- calls --------------------------------------------------------------------------------------

static void enqueued(web_audit *a, const audit_note *n)
{
    arrivals more = { .count = n->count }, now = { 0 }, old = { 0 };
    snprintf(more.actor, sizeof more.actor, "%s", n->actor);
    snprintf(more.address, sizeof more.address, "%s", n->address ? n->address : "");
    snprintf(more.queue, sizeof more.queue, "%s", n->queue ? n->queue : "");
    snprintf(more.type, sizeof more.type, "%s", n->target ? n->target : "");
    gather(a, &more, &now, &old);
    if (old.count)
        note_arrivals(a, &old);
    if (now.count)
        note_arrivals(a, &now);
}

void web_audit_call(web_audit *a, const char *act, const web_call *call)
{
    const web_deed *deed = &call->deed;
    bool ok = call->reply.status / 100 == 2;
    const char *queue = deed->queue[0] ? deed->queue : web_path_word(call, "queue");
    const char *target = deed->target[0] ? deed->target : queue;
    if (!deed->target[0] && call->path_count > 0)  // the last word is the nearest to what is meant
        target = call->path[call->path_count - 1].value;
    audit_note n = { .actor = call->who, .via = "web",
        .address = call->address && *call->address ? call->address : NULL, .act = act,
        .queue = queue, .target = target, .status = ok ? GOFER_OK : call->failed,
        .why = call->why, .count = ok ? deed->counted ? deed->count : 1 : 0 };
    say(a, &n);
    if (strcmp(act, "task.enqueue") == 0 && ok)
        enqueued(a, &n);
    else
        add(a, &n);
}

// ---- life ---------------------------------------------------------------------------------------

web_audit *web_audit_new(gofer_client *client, const web_log *log)
{
    web_audit *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->client = client;
    a->log = log;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void web_audit_free(web_audit *a)
{
    if (!a)
        return;
    flush(a, 0);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
