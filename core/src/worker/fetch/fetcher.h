// fetcher.h - the thread that hands in what is finished and takes what is next.
//
// All of it is that thread's own (before it runs: the thread's that starts the worker), but for
// what is atomic.
#ifndef GF_WORKER_FETCHER_H
#define GF_WORKER_FETCHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/tasks.h"
#include "worker/fetch/gather.h"
#include "worker/run/task.h"
#include "worker/subscription.h"

typedef struct gf_fetcher {
    pthread_t   thread;
    bool        joinable;
    gf_tasks    outbox;
    gf_tasks    late;              // outcomes that had no answer while others had: in the outbox
    int64_t     late_ms;           //   again at this time
    gf_tasks    afloat;            // outcomes that the store has, but a power loss might undo:
    uint64_t    last_ticket;       //   by their tickets, up to this one;
    int64_t     afloat_ns;         //   the first of them since then;
    int64_t     within_us;         //   others should have synced them after so long
    int64_t     dry_ms;            // the last take left nothing, then; since then the store
                                   //   has had no news. 0: not so
    gf_finish  *finishes;
    size_t      finish_capacity;
    gf_claim  **claims;
    size_t      claim_capacity;
    gf_queue_set *queues;          // a reference
    unsigned    version;           // of the set
    gf_share   *shares;            // as many as queues
    size_t     *order;
    int64_t    *sums;              // one more than queues, see shares.c
    uint64_t    random;
    gf_gather   gather;
    char       *suspect_queue;     // owned: a suspect is next there, and way is made for it;
                                   //   NULL: no
    int64_t     prove_again_ms;    // when the store did not take that a suspect is proven
    int64_t     backoff_ms, trouble_ms, complained_ms, stop_seen_ms;
    _Atomic int troubled;          // the store did not answer, or refused, when it was asked last
    _Atomic int quiet;             // it takes no more, and nothing that it asked for is on its way
    _Atomic int done;
} gf_fetcher;

void    *gf_fetcher_main(void *worker);
void     gf_fetcher_clear(gf_fetcher *f);
// queues.c: go over to the queues that are served now: shares, order and the waiter. The fetcher's
// thread, or before it runs.
gofer_status gf_fetcher_follow(gofer_worker *w);

// shares.c: fill f->shares for `want` tasks: who may give how many, in which order.
void     gf_fetcher_plan(gf_fetcher *f, size_t want, bool strict);
uint64_t gf_fetcher_random(gf_fetcher *f);     // fair, not secret

#endif
