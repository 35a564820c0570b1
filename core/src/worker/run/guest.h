// guest.h - a task that a slot runs and its crew of children has: its slot waits until the crew has
// its end. So there is a call for middleware to wrap.
//
// What crew and slot tell each other is here; each field has one writer at a time, and is handed
// over under the pool's lock.
#ifndef GF_WORKER_GUEST_H
#define GF_WORKER_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/run/outcome.h"
#include "worker/run/pool.h"

typedef struct gf_guest {
    pthread_cond_t changed;
    bool           over;           // under the pool's lock; then the crew has the task no more
    int64_t        begun_ns;       // the crew's: it has begun, and its clock is to start; 0: not
    int32_t        returned;       // what its slot returns; at first: put back
    gf_attempt_end end;
} gf_guest;

// The crew's turn; for tasks with a guest, and with the pool's lock held.
void gf_guest_begin(gf_pool *p, gofer_task *task, gf_calls *calls);    // its clock starts
void gf_guest_undo(gofer_task *task);          // it had not begun, or is as if it had not
void gf_guest_end(gf_pool *p, gofer_task *task, gf_calls *calls);      // it is its slot's again

#endif
