// events.h - what the client publishes to those who listen. What a worker publishes:
// worker/upkeep/publish.h.
//
// Nothing is built while nobody listens. Any thread; best effort, a lost event fails nothing.
#ifndef GF_EVENTS_H
#define GF_EVENTS_H

#include "broker/broker.h"
#include "util/record.h"

// The broker's put, tick and group_put, by which every new task comes into a store: they publish
// "enqueued" of each task that is in, "replaced" of one that waited and is another now, if somebody
// listens; else that costs one look. Best effort.
gofer_status gf_put_and_publish(gf_broker *b, gf_put *items, size_t count);
gofer_status gf_tick_and_publish(gf_broker *b, gf_tick *items, size_t count);
gofer_status gf_group_put_and_publish(gf_broker *b, const gf_group_set *set,
    const gf_message *combined, int64_t run_at_ms);

// Adds what an event says of others as its last field: "more" of its kind and queue that are not
// told, or "lost", those that were dropped before it. False: no memory, it is as it was.
bool gf_event_add(char **record, const char *name, int64_t count);

// The fields that every event has.
void gf_event_begin(gf_record *r, const char *event, int64_t at_ms, const gf_message *m);

#endif
