// events.h - what the client tells those who listen. What a worker tells is in worker/tell.h.
#ifndef GF_EVENTS_H
#define GF_EVENTS_H

#include "broker/broker.h"
#include "util/record.h"

// These were put (those whose status is OK): tells "enqueued" if somebody listens, else it costs one look. Best effort.
void gf_events_enqueued(gf_broker *b, const gf_put *items, size_t count);

// The fields that every event has.
void gf_event_begin(gf_record *r, const char *event, int64_t at_ms, const gf_message *m);

#endif
