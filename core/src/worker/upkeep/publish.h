// publish.h - what a worker publishes to those who listen to the store's events: collected by all
// its threads, sent by housekeeping. While nobody listens nothing is built, and while sums will do
// for all who listen, no more than they need (digest.h).
#ifndef GF_WORKER_PUBLISH_H
#define GF_WORKER_PUBLISH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "broker/broker.h"
#include "worker/run/task.h"
#include "worker/upkeep/digest.h"

// Not sent yet; more are dropped, and how many is told.
enum { GF_EVENTS_HELD = 4096, GF_EVENTS_BYTES = 4 * 1024 * 1024 };

typedef struct gf_publishing {
    pthread_mutex_t lock;          // over the list; there from new to free
    _Atomic int     wanted;        // gf_events_want; looked up by housekeeping
    char          **records;
    size_t          count, capacity, bytes;
    int64_t         dropped;       // since the last sending
    int64_t         lost;          // before the first of the records; housekeeping's
    gf_digest       digest;        // while sums are wanted
} gf_publishing;

bool gf_publish_wanted(const gofer_worker *w);      // somebody listens
// Each returns at once when nobody listens, and never waits for the store.
void gf_publish_started(gofer_task *task);
void gf_publish_outcome(gofer_task *task);         // once the store has it
void gf_publish_progress(gofer_task *task, int64_t done, int64_t total, const char *text);
void gf_publish_log(gofer_task *task, int32_t level, const char *text);
// By a worker's death.
void gf_publish_archived(gofer_worker *w, const gf_message *m, const char *error);

// Housekeeping's: does somebody listen? And: to the store with what there is. What cannot be sent
// is dropped.
void gf_publish_look(gofer_worker *w);
void gf_publish_send(gofer_worker *w);
void gf_publish_clear(gf_publishing *t);

#endif
