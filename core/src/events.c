// events.c - what happens to tasks, live: the listener's doors, and what the client has to tell.
//
// May touch: broker/broker.h, info.h, util/record. Nothing is built while nobody listens.
#include "events.h"

#include <string.h>

#include "client.h"
#include "info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { TOLD_AT_ONCE = 256 };

struct gofer_events {
    gofer_client *client;          // held
    gf_listener  *listener;        // owned
};

// ---- telling ----------------------------------------------------------------------------

void gf_event_begin(gf_record *r, const char *event, int64_t at_ms, const gf_message *m)
{
    gf_record_text(r, "event", event);
    gf_record_int(r, "at_ms", at_ms);
    gf_record_text(r, "id", m->id);
    gf_record_text(r, "type", m->type);
    gf_record_text(r, "queue", m->queue);
}

static void tell(gf_broker *b, char **records, size_t count)
{
    if (count)
        (void)b->ops->events_tell(b, (const char *const *)records, count);     // who listens may miss some
    for (size_t i = 0; i < count; i++)
        gf_free(records[i]);
}

void gf_events_enqueued(gf_broker *b, const gf_put *items, size_t count)
{
    if (!b->ops->events_wanted || !b->ops->events_tell || !b->ops->events_wanted(b))
        return;
    char *records[TOLD_AT_ONCE];
    size_t told = 0;
    int64_t now_ms = gf_now_ms();
    for (size_t i = 0; i < count; i++) {
        gf_record r = { 0 };
        if (items[i].status != GOFER_OK)
            continue;
        gf_event_begin(&r, "enqueued", now_ms, items[i].message);
        if (r.bad) {
            gf_record_clear(&r);
            continue;
        }
        records[told++] = r.text;
        if (told == TOLD_AT_ONCE) {
            tell(b, records, told);
            told = 0;
        }
    }
    tell(b, records, told);
}

// ---- listening -----------------------------------------------------------------------------

gofer_status gofer_events_open(gofer_events **out, gofer_client *client)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_events_open: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_events_open");
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->listener_open)
        return gf_client_cannot(client, "gofer_events_open");
    gofer_events *events = gf_calloc(1, sizeof *events);
    if (!events)
        return gf_fail_nomem("a listener");
    events->client = gf_client_hold(client);
    st = client->broker->ops->listener_open(client->broker, &events->listener);
    if (st != GOFER_OK) {
        gf_client_drop(client);
        gf_free(events);
        return st;
    }
    *out = events;
    return GOFER_OK;
}

static gofer_info *info_of(const char *record, int64_t lost)
{
    gofer_info *info = gf_info_of_record(record, strcspn(record, "\n"));
    if (!info || lost <= 0 || gf_info_set_int(info, "lost", lost) == 0)
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
    int64_t lost = 0;
    if (st == GOFER_OK)
        st = events->client->broker->ops->listener_next(events->listener, timeout_ms, &record, &lost);
    if (st == GOFER_ETIMEOUT)
        return gf_fail(st, "no event came in the time given");
    if (st != GOFER_OK)
        return st;
    gofer_info *info = info_of(record, lost);
    gf_free(record);
    if (!info)
        return gf_fail_nomem("an event");
    *out = info;
    return GOFER_OK;
}

void gofer_events_close(gofer_events *events)
{
    if (!events)
        return;
    // In a forked child the listener's connections are the parent's.
    if (!gf_client_forked(events->client))
        events->client->broker->ops->listener_close(events->listener);
    gf_client_drop(events->client);
    gf_free(events);
}
