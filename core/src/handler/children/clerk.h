// clerk.h - does for a crew what may have to wait for the store or for the host's hooks: while it
// does, the crew's other tasks go on.
//
// The crew's thread hands tasks over and fetches them back, both in gf_clerk_swap, once a turn. The
// clerk has threads as they are needed: one that waits keeps no other task waiting.
#ifndef GF_CHILDREN_CLERK_H
#define GF_CHILDREN_CLERK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "handler/children/question.h"
#include "util/wake_fd.h"
#include "worker/run/lane.h"

// What the crew gives and gets.
typedef struct gf_errands {
    gf_batch bare;                 // in: their checkpoints are to be fetched
    gf_batch undecided;            // in: task->end and task->answer say how their children left
                                   //   them; what becomes of them is to be decided
    gf_batch fetched, decided;     // out
    gf_questions asked, answered;  // in and out
} gf_errands;

enum { GF_CLERK_THREADS = 8 };

typedef struct gf_clerk {
    const gf_wake_fd *wake;        // the crew's
    size_t            stack_size;  // of its threads
    size_t            count;       // has so many, or they wait to be fetched back; the crew's
    size_t            questions;   // likewise

    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pthread_t       threads[GF_CLERK_THREADS]; // under the lock, as is all that follows
    size_t          thread_count, idle;
    size_t          fetching;      // so many of them, or asking
    gf_errands      errands;
    bool            hurries;       // the worker stops: nothing is fetched any more
    bool            quits;
} gf_clerk;

bool gf_clerk_init(gf_clerk *clerk, const gf_wake_fd *wake);   // false: no memory
void gf_clerk_clear(gf_clerk *clerk);
// What is new goes in, what is finished comes out. Without any thread it is done here and now.
void gf_clerk_swap(gf_clerk *clerk, gf_errands *errands, bool stopping);
void gf_clerk_end(gf_clerk *clerk);            // it has nothing any more: waits for its threads

// Is there anything to wait for?
bool gf_clerk_must_fetch(const gofer_task *task);
bool gf_clerk_must_decide(const gofer_task *task, gf_attempt_end how, int32_t returned);
void gf_clerk_decide(gofer_task *task, gf_attempt_end how, int32_t returned);      // now

#endif
