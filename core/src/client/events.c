// events.c - what happens to tasks, live: the listener's doors, and what the client publishes.
//
// May touch: broker/broker.h, info/info.h, util/record. Nothing is built while nobody listens.
#include "client/events.h"

#include <stdatomic.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { PUBLISHED_AT_ONCE = 256 };

struct gofer_events {
    gofer_client *client;          // held
    gf_listener  *listener;        // owned
};

// ---- publishing ----------------------------------------------------------------------------

void gf_event_begin(gf_record *r, const char *event, int64_t at_ms, const gf_message *m)
{
    gf_record_text(r, "event", event);
    gf_record_int(r, "at_ms", at_ms);
    gf_record_text(r, "id", m->id);
    gf_record_text(r, "type", m->type);
    gf_record_text(r, "queue", m->queue);
}

// Of one call to the store, by the doors below.
typedef struct publishing {
    gf_broker *broker;
    bool       wanted;
    int64_t    now_ms;
    size_t     count;
    char      *records[PUBLISHED_AT_ONCE];  // owned
} publishing;

static void begin(publishing *t, gf_broker *b)
{
    t->broker = b;
    t->wanted = b->ops->live && b->ops->live->events_wanted(b);
    t->now_ms = t->wanted ? gf_now_ms() : 0;
    t->count = 0;
}

static void end(publishing *t)
{
    gf_broker *b = t->broker;
    if (t->count)              // who listens may miss some
        (void)b->ops->live->events_publish(b, (const char *const *)t->records, t->count);
    for (size_t i = 0; i < t->count; i++)
        gf_free(t->records[i]);
    t->count = 0;
}

static void enqueued(publishing *t, const gf_message *m)
{
    gf_record r = { 0 };
    if (!t->wanted)
        return;
    gf_event_begin(&r, "enqueued", t->now_ms, m);
    if (r.bad) {
        gf_record_clear(&r);
        return;
    }
    t->records[t->count++] = r.text;
    if (t->count == PUBLISHED_AT_ONCE)
        end(t);
}

// The message of an item that is in; else NULL.
typedef const gf_message *message_in(const void *items, size_t index);

static const gf_message *put_in(const void *items, size_t index)
{
    const gf_put *put = (const gf_put *)items + index;
    return put->status == GOFER_OK ? put->message : NULL;
}

static const gf_message *tick_in(const void *items, size_t index)
{
    const gf_tick *tick = (const gf_tick *)items + index;
    return tick->status == GOFER_OK ? tick->message : NULL;
}

static void publish_those_in(gf_broker *b, const void *items, size_t count, message_in *in)
{
    publishing t;
    begin(&t, b);
    for (size_t i = 0; i < count; i++) {
        const gf_message *m = in(items, i);
        if (m)
            enqueued(&t, m);
    }
    end(&t);
}

gofer_status gf_put_and_publish(gf_broker *b, gf_put *items, size_t count)
{
    gofer_status st = b->ops->tasks->put(b, items, count);
    if (st == GOFER_OK)
        publish_those_in(b, items, count, put_in);
    return st;
}

gofer_status gf_tick_and_publish(gf_broker *b, gf_tick *items, size_t count)
{
    gofer_status st = b->ops->cron->tick(b, items, count);
    if (st == GOFER_OK)
        publish_those_in(b, items, count, tick_in);
    return st;
}

gofer_status gf_group_put_and_publish(
    gf_broker *b, const gf_group_set *set, const gf_message *combined, int64_t run_at_ms)
{
    publishing t;
    gofer_status st = b->ops->groups->put(b, set, combined, run_at_ms);
    if (st != GOFER_OK)
        return st;
    begin(&t, b);
    enqueued(&t, combined);
    end(&t);
    return st;
}

// ---- listening -----------------------------------------------------------------------------

gofer_status gofer_events_open(gofer_events **out, gofer_client *client)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_events_open: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_events_open");
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->live)
        return gf_client_cannot(client, "gofer_events_open");
    gofer_events *events = gf_calloc(1, sizeof *events);
    if (!events)
        return gf_fail_nomem("a listener");
    events->client = gf_client_hold(client);
    st = client->broker->ops->live->listener_open(client->broker, &events->listener);
    if (st != GOFER_OK) {
        gf_client_drop(client);
        gf_free(events);
        return st;
    }
    *out = events;
    return GOFER_OK;
}

static gofer_info *info_of(const char *record, int64_t dropped)
{
    gofer_info *info = gf_info_of_record(record, strcspn(record, "\n"));
    if (!info || dropped <= 0 || gf_info_set_int(info, "lost", dropped) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_status gofer_events_next(gofer_events *events, int64_t timeout_ms, gofer_info **out)
{
    if (!events || !out)
        return gf_fail(GOFER_EINVAL, "gofer_events_next: events and out must not be NULL");
    if (timeout_ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "gofer_events_next: timeout_ms is over the longest duration");
    gofer_status st = gf_client_check(events->client, "gofer_events_next");
    char *record = NULL;
    int64_t dropped = 0;
    if (st == GOFER_OK)
        st = events->client->broker->ops->live->listener_next(
            events->listener, timeout_ms, &record, &dropped);
    if (st == GOFER_ETIMEOUT)
        return gf_fail(st, "no event came in the time given");
    if (st != GOFER_OK)
        return st;
    gofer_info *info = info_of(record, dropped);
    gf_free(record);
    if (!info)
        return gf_fail_nomem("an event");
    *out = info;
    return GOFER_OK;
}

int64_t gofer_events_breaks(const gofer_events *events, int32_t *away)
{
    if (away)
        *away = events && atomic_load(&events->listener->away);
    return events ? atomic_load(&events->listener->breaks) : 0;
}

void gofer_events_close(gofer_events *events)
{
    if (!events)
        return;
    // In a forked child the listener's connections are the parent's.
    if (!gf_client_forked(events->client))
        events->client->broker->ops->live->listener_close(events->listener);
    gf_client_drop(events->client);
    gf_free(events);
}
