// fetcher_steps.h - the steps of which the fetcher's loop is made, for its own files alone. Each is
// called a few times for an exchange with the store, whatever tasks that has.
//
// On the fetcher's thread. No locks.
#ifndef GF_WORKER_FETCHER_STEPS_H
#define GF_WORKER_FETCHER_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/tasks.h"
#include "util/array.h"
#include "worker/fetch/fetcher.h"

enum { GF_FETCHER_PAUSE_MS = 50 };     // the shortest while the store is in trouble

// Room in the arrays; what there is no room for now waits for the next exchange.
static inline size_t gf_fetcher_room(void **array, size_t *capacity, size_t count, size_t size)
{
    (void)gf_array_grow(array, capacity, count, size);
    return count < *capacity ? count : *capacity;
}

// ---- outbox.c: what is finished, until the store has it for good --------------------------------

// Fills f->finishes with what is in the outbox: how many.
size_t gf_outbox_fill(gofer_worker *w);
// The store has answered for the first `count` of the outbox; those it has no answer for (one of
// several servers was out of reach) stay there, and *st says why. True if some were
// put back to pending.
bool gf_outbox_release(gofer_worker *w, size_t count, gofer_status *st);
// Outcomes that others have synced meanwhile are put away; force: all, by a sync of our own. OK
// also while some stay afloat.
gofer_status gf_outbox_settle(gofer_worker *w, bool force);
// How long those afloat may wait for a sync of others; 0: no longer. -1: there are none.
int64_t gf_outbox_afloat_us(gofer_worker *w);

// ---- suspects.c: tasks under suspicion run alone ------------------------------------------------

void   gf_fetcher_forget_suspect(gf_fetcher *f);
// A suspect was seen, and is waited for; or that is over. Of several queues each has its turn in
// between.
void   gf_fetcher_note_suspect(gf_fetcher *f, const gf_take *take);
// What is wanted, now that a suspect is next in a queue: that one, as soon as it would be alone
// with what is above suspicion.
size_t gf_fetcher_make_way(gofer_worker *w, size_t want, int64_t *look_ms);
// A suspect that has run for longer than its patience is proven: the store is told, and others are
// taken again.
void   gf_fetcher_prove(gofer_worker *w);

// ---- trouble.c: a store that does not answer, or refuses ----------------------------------------

void gf_fetcher_complain(gofer_worker *w, gofer_status st);    // logged now and then
void gf_fetcher_all_well(gofer_worker *w);
bool gf_fetcher_hurries(gofer_worker *w);      // is a worker that stops out of time?
void gf_fetcher_back_off(gofer_worker *w, gofer_status st);
// One of several servers is out of reach: what is for it does not hold up what is for the others.
void gf_fetcher_set_aside(gofer_worker *w, gofer_status st);
void gf_fetcher_bring_back(gf_fetcher *f, bool stopping);

#endif
