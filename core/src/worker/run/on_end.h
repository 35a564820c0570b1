// on_end.h - what is enqueued when a task ends, so that somebody hears of it: the on-dead task of
// one that is archived, the on-done task of one that is done, or a webhook (follower.h).
//
// Three threads' work: whoever decides counts in `due`, the fetcher holds back what it has to hand
// in, housekeeping tells of those that recovery archived. No lock: each field is one thread's own,
// or atomic.
#ifndef GF_WORKER_ON_END_H
#define GF_WORKER_ON_END_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/groups.h"
#include "worker/run/follower.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"

// Of tasks that the store archived: what it did not take yet.
typedef struct gf_on_end_list {
    gf_follower *first;
    size_t       count;
} gf_on_end_list;

typedef struct gf_on_end {
    _Atomic int due;               // ends decided that have a follower, not seen by the fetcher yet
    gf_tasks    waiting;           // the fetcher's: ended, whose followers are not in yet
    int64_t     again_ms, complained_ms;
    gf_on_end_list recovered;     // housekeeping's
} gf_on_end;

// With every decision, on the thread that decides.
void gf_on_end_count(gofer_worker *w, const gofer_task *task, const gf_outcome *outcome);

// ---- the fetcher's
// Take ended tasks out of the outbox until their followers are in the store, which is tried here.
// give_up: put back those of which nobody could be told.
void   gf_on_end_put(gofer_worker *w, int64_t now_ms, bool give_up);
// How many of `room` tasks to take, while some wait here.
size_t gf_on_end_room(gofer_worker *w, size_t room);

// ---- housekeeping's
// For gf_recovered.archived_one.
void         gf_on_end_recovered(void *worker, const gf_message *m);
gofer_status gf_on_end_flush(gofer_worker *w);   // afterwards: puts what follows on those

// An aggregator's thread: before a set is archived, puts those of its tasks.
gofer_status gf_on_end_members(gofer_worker *w, const gf_group_set *set, const char *error);

void gf_on_end_clear(gofer_worker *w);

#endif
