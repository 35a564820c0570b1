// events.c - what happens to tasks, live: the listener's doors, and what the client publishes.
//
// May touch: broker/broker.h, info/info.h, util/record. Nothing is built while nobody listens. Of
// many tasks in one call those who listen to sums are told some, and how many more there are.
#include "client/events.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/sum.h"

enum {
    PUBLISHED_AT_ONCE = 256,
    WHOLE = 5,                     // of one call, if sums will do
    COUNT_ROOM = 32                // a field with a count
};

struct gofer_events {
    gofer_client *client;          // held
    gf_listener  *listener;        // owned
    bool          sums;            // will do
    int64_t       lost;            // after the latest one
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

bool gf_event_add(char **record, const char *name, int64_t count)
{
    size_t size = strlen(*record);
    gf_record r = { .text = gf_alloc(size + COUNT_ROOM), .size = size, .room = size + COUNT_ROOM };
    if (!r.text)
        return false;
    memcpy(r.text, *record, size + 1);
    gf_record_int(&r, name, count);
    if (r.bad) {
        gf_record_clear(&r);
        return false;
    }
    gf_free(*record);
    *record = r.text;
    return true;
}

// Of one call to the store, by the doors below.
typedef struct publishing {
    gf_broker     *broker;
    gf_events_want wanted;
    int64_t        now_ms;
    size_t         told;
    const char    *event, *queue;  // of the last record, which can carry more; NULL: none can
    int64_t        more;
    size_t         count;
    char          *records[PUBLISHED_AT_ONCE];  // owned
} publishing;

static void begin(publishing *t, gf_broker *b)
{
    t->broker = b;
    t->wanted = b->ops->live ? b->ops->live->events_wanted(b) : GF_EVENTS_NONE;
    t->now_ms = t->wanted != GF_EVENTS_NONE ? gf_now_ms() : 0;
    t->told = t->count = 0;
    t->queue = NULL;
    t->more = 0;
}

static void end_more(publishing *t)
{
    if (t->more)
        (void)gf_event_add(&t->records[t->count - 1], "more", t->more);
    t->more = 0;
    t->queue = NULL;
}

static void end(publishing *t)
{
    gf_broker *b = t->broker;
    end_more(t);
    if (t->count)              // who listens may miss some
        (void)b->ops->live->events_publish(b, (const char *const *)t->records, t->count);
    for (size_t i = 0; i < t->count; i++)
        gf_free(t->records[i]);
    t->count = 0;
}

static void tell(publishing *t, const char *event, const gf_message *m)
{
    gf_record r = { 0 };
    if (t->wanted == GF_EVENTS_SUMS && t->told >= WHOLE && t->queue &&
        strcmp(t->event, event) == 0 && strcmp(t->queue, m->queue) == 0) {
        t->more++;
        return;
    }
    end_more(t);
    gf_event_begin(&r, event, t->now_ms, m);
    if (r.bad) {
        gf_record_clear(&r);
        return;
    }
    t->records[t->count++] = r.text;
    t->event = event;
    t->queue = m->queue;
    t->told++;
    if (t->count == PUBLISHED_AT_ONCE)
        end(t);
}

static void tell_put(publishing *t, const gf_put *item)
{
    if (item->status != GOFER_OK || (item->debounce && item->effect == GF_KEPT))
        return;
    gf_message m = *item->message;
    if (item->debounce && item->effect == GF_REPLACED && item->holder)
        m.id = item->holder;
    tell(t, item->effect == GF_REPLACED ? "replaced" : "enqueued", &m);
}

gofer_status gf_put_and_publish(gf_broker *b, gf_put *items, size_t count)
{
    publishing t;
    gofer_status st = b->ops->tasks->put(b, items, count);
    if (st != GOFER_OK)
        return st;
    begin(&t, b);
    for (size_t i = 0; i < count && t.wanted != GF_EVENTS_NONE; i++)
        tell_put(&t, &items[i]);
    end(&t);
    return st;
}

gofer_status gf_tick_and_publish(gf_broker *b, gf_tick *items, size_t count)
{
    publishing t;
    gofer_status st = b->ops->cron->tick(b, items, count);
    if (st != GOFER_OK)
        return st;
    begin(&t, b);
    for (size_t i = 0; i < count && t.wanted != GF_EVENTS_NONE; i++)
        if (items[i].status == GOFER_OK)
            tell(&t, "enqueued", items[i].message);
    end(&t);
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
    if (t.wanted != GF_EVENTS_NONE)
        tell(&t, "enqueued", combined);
    end(&t);
    return st;
}

// ---- listening -----------------------------------------------------------------------------

static gofer_status open_listener(gofer_events **out, gofer_client *client, bool sums,
    const char *door)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", door);
    gofer_status st = gf_client_check(client, door);
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->live)
        return gf_client_cannot(client, door);
    gofer_events *events = gf_calloc(1, sizeof *events);
    if (!events)
        return gf_fail_nomem("a listener");
    events->client = gf_client_hold(client);
    events->sums = sums;
    st = client->broker->ops->live->listener_open(client->broker, sums, &events->listener);
    if (st != GOFER_OK) {
        gf_client_drop(client);
        gf_free(events);
        return st;
    }
    *out = events;
    return GOFER_OK;
}

gofer_status gofer_events_open(gofer_events **out, gofer_client *client)
{
    return open_listener(out, client, false, "gofer_events_open");
}

gofer_status gofer_events_open_sums(gofer_events **out, gofer_client *client)
{
    return open_listener(out, client, true, "gofer_events_open_sums");
}

// What it says of others by this name. It is the record's end, and cut off.
static int64_t cut_count(char *record, const char *name)
{
    char field[16];
    snprintf(field, sizeof field, "\t%s:", name);
    char *at = strstr(record, field);
    int64_t count = at ? gf_record_get_int(at + 1, name, 0) : 0;
    if (at)
        *at = '\0';
    return count > 0 ? count : 0;
}

// Who wants each event, and is told of more, has lost these: whoever published them did not know of
// him yet.
static gofer_info *info_of(gofer_events *events, char *record, int64_t dropped)
{
    record[strcspn(record, "\n")] = '\0';
    int64_t lost = gf_record_get_int(record, "lost", 0),
            more = cut_count(record, "more");
    (void)cut_count(record, "lost");
    dropped = gf_sum(gf_sum(dropped, lost > 0 ? lost : 0), events->lost);
    events->lost = events->sums ? 0 : more;
    gofer_info *info = gf_info_of_record(record, strlen(record));
    if (info && more && events->sums && gf_info_set_int(info, "more", more) != 0) {
        gofer_info_free(info);
        return NULL;
    }
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
    gofer_info *info = info_of(events, record, dropped);
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
