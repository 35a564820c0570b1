// sets.h - groups on their way through children: an aggregator's thread brings a set of tasks and
// waits, the crew's thread gives it to a child and says what came of it.
//
// Locks: the crew's own, over what comes. All else is the crew's thread's.
#ifndef GF_CHILDREN_SETS_H
#define GF_CHILDREN_SETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "handler/children/frame.h"
#include "util/wake_fd.h"

struct gf_mate;

// One set, on the stack of the thread that waits for it.
typedef struct gf_set_call {
    struct gf_set_call *next;
    gofer_group        *group;     // the crew's thread's until `done`
    int32_t             returned;
    bool                done;      // under the lock: the last that is done with it
} gf_set_call;

enum { GF_SET_SUSPECTS = 16 };

typedef struct gf_sets {
    pthread_mutex_t *lock;         // the crew's
    pthread_cond_t  *changed;
    gf_wake_fd      *wake;
    bool             open;         // under the lock: the crew's thread is there
    gf_set_call     *coming;       // under the lock; in their order

    gf_set_call *waiting;          // for a child with room, in their order
    uint64_t     suspects[GF_SET_SUSPECTS];        // groups whose aggregator may have killed its
    size_t       suspect_count, suspect_next;      //   child, as hashes: they run apart
} gf_sets;

// A set that a child has.
typedef struct gf_given_set {
    gf_set_call *call;             // NULL: nobody waits for it any more
    uint32_t     ref;              // GF_FRAME_NO_REF: this place is free
    bool         begun;
    int64_t      cancelled_ms;     // when it was told to stop; 0: it was not
} gf_given_set;

// ---- an aggregator's thread

int32_t gf_sets_run(gofer_group *group, void *sets);   // a gofer_aggregator

// ---- the crew's thread

void gf_sets_open(gf_sets *sets);
void gf_sets_close(gf_sets *sets);     // what still waits goes back
// Gives those that wait to mates that can begin them at once; what waits too long goes back. In
// front of the tasks, or a busy crew would never have room for them.
void gf_sets_give(gf_sets *sets, struct gf_mate *mates, int64_t now_ms, bool stopping);
bool gf_sets_wait(const gf_sets *sets);
bool gf_sets_wait_apart(const gf_sets *sets);  // one of them for a child that has nothing

// ---- of one child

gf_given_set *gf_mate_find_set(struct gf_mate *m, uint32_t ref);       // NULL: it has none
// What it says of a set; NULL, or what is wrong with it.
const char *gf_mate_hear_set(
    struct gf_mate *m, gf_given_set *s, const gf_frame *f, bool stopping);
bool gf_mate_log_set(struct gf_mate *m, const char *line);     // a line of the one set that runs
void gf_mate_tick_sets(struct gf_mate *m, int64_t now_ms);
void gf_mate_settle_sets(struct gf_mate *m, bool stopping, const char *text);  // it has died

#endif
