// guard.h - the thread for what must not wait for the store: deadlines, ends of leases, the steps
// of a stop.
#ifndef GF_WORKER_GUARD_H
#define GF_WORKER_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gofer/gofer.h"

// The guard's own.
typedef struct gf_guard {
    pthread_t thread;
    bool      joinable;
    int       stop_step;           // see guard.c
    int64_t   step_until_ms;
    int64_t   ending_ms;           // when housekeeping was told to sign off; 0: not yet
    bool      was_quiet;
} gf_guard;

void *gf_guard_main(void *worker);
// Any thread: its handler is told, unless it knows.
void  gf_guard_lease_expired(gofer_worker *w, gofer_task *task);
void  gf_raise_priority(void);     // of this thread; where it is not allowed, it is not

#endif
