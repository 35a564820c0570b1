// tell.h - what a worker tells those who listen to the store's events: collected by all its threads, sent by the
// housekeeping. While nobody listens nothing is built.
#ifndef GF_WORKER_TELL_H
#define GF_WORKER_TELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "broker/broker.h"
#include "worker/run/task.h"

// Not sent yet; more are dropped.
enum { GF_EVENTS_HELD = 4096, GF_EVENTS_BYTES = 4 * 1024 * 1024 };

typedef struct gf_telling {
    pthread_mutex_t lock;          // over the list; there from new to free
    _Atomic int     wanted;        // somebody listens; looked up by housekeeping
    char          **records;
    size_t          count, capacity, bytes;
} gf_telling;

bool gf_tell_wanted(const gofer_worker *w);         // somebody listens
// Each returns at once when nobody listens, and never waits for the store.
void gf_tell_started(gofer_task *task);
void gf_tell_outcome(gofer_task *task);            // once the store has it
void gf_tell_progress(gofer_task *task, int64_t done, int64_t total, const char *text);
void gf_tell_log(gofer_task *task, int32_t level, const char *text);
void gf_tell_archived(gofer_worker *w, const gf_message *m, const char *error);    // by a worker's death

// Housekeeping's: does somebody listen? And: to the store with what there is. What cannot be sent
// is dropped.
void gf_tell_look(gofer_worker *w);
void gf_tell_send(gofer_worker *w);
void gf_tell_clear(gf_telling *t);

#endif
