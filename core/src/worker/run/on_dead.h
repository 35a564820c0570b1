// on_dead.h - on-dead tasks: what is enqueued when a task is archived, so that somebody hears of
// it.
//
// Three threads' work: whoever decides counts in `due`, the fetcher holds back what it archives,
// housekeeping tells of those that recovery archived. No lock: each field is one thread's own, or
// atomic.
#ifndef GF_WORKER_ON_DEAD_H
#define GF_WORKER_ON_DEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/groups.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"

// Of tasks that the store archived: what it did not take yet.
typedef struct gf_on_dead_list {
    struct gf_on_dead_task *first;
    size_t               count;
} gf_on_dead_list;

typedef struct gf_on_dead {
    _Atomic int due;               // archives decided that have one, not seen by the fetcher yet
    gf_tasks    waiting;           // the fetcher's: archived, whose on-dead tasks are not in yet
    int64_t     again_ms, complained_ms;
    gf_on_dead_list recovered;     // housekeeping's
} gf_on_dead;

// With every decision but success, on the thread that decides.
void gf_on_dead_count(gofer_worker *w, const gofer_task *task, const gf_outcome *outcome);

// ---- the fetcher's
// Take archived tasks out of the outbox until their on-dead tasks are in the store, which is tried
// here. give_up: put back those of which nobody could be told.
void   gf_on_dead_put(gofer_worker *w, int64_t now_ms, bool give_up);
// How many of `room` tasks to take, while some wait here.
size_t gf_on_dead_room(gofer_worker *w, size_t room);

// ---- housekeeping's
// For gf_recovered.archived_one.
void         gf_on_dead_recovered(void *worker, const gf_message *m);
gofer_status gf_on_dead_flush(gofer_worker *w);   // afterwards: puts the on-dead tasks of those

// An aggregator's thread: before a set is archived, puts those of its tasks.
gofer_status gf_on_dead_members(gofer_worker *w, const gf_group_set *set, const char *error);

void gf_on_dead_clear(gofer_worker *w);

#endif
