// runtime.h - the worker as its own files see it: what it is, what it was told, and its parts.
//
// Set up by one thread until start. From then on the first block never changes, the second is
// atomic, and each part's header says which threads may touch what of it, and under which lock.
#ifndef GF_WORKER_RUNTIME_H
#define GF_WORKER_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "util/fork.h"
#include "util/id.h"
#include "util/log.h"
#include "worker/fetch/fetch.h"
#include "worker/group/aggregate.h"
#include "worker/run/run.h"
#include "worker/settings.h"
#include "worker/subscription.h"
#include "worker/upkeep/upkeep.h"
#include "worker/worker.h"

typedef enum gf_worker_state { GF_NEW, GF_STARTED } gf_worker_state;

struct gofer_worker {
    gofer_client        *client;           // held
    gf_broker           *broker;
    const gf_broker_ops *ops;
    gf_log               log;
    gf_process           process;
    char                 id[GF_ID_TEXT];
    char                 host[256];
    int64_t              started_ms;       // Unix
    gf_settings          settings;

    _Atomic int state;                     // gf_worker_state
    _Atomic int stop_calls, quiet;         // set from signal handlers
    _Atomic int resumed;                   // the fetcher is to be woken: it may have seen the quiet
    _Atomic int left;                      // it has ended while calls to the store were under way
    _Atomic int abandoned;                 // freed, but for what a lost handler may still touch
    struct gofer_worker *left_next;        // abandoned ones, see worker.c

    gf_subscriber  subscriber;             // the queues
    gf_fetch       fetch;
    gf_run         run;
    gf_upkeep      upkeep;
    gf_aggregating group;
};

gofer_status gf_worker_check(const gofer_worker *w, const char *what);   // EINVAL, EFORKED
bool gf_worker_logs(const gofer_worker *w, int32_t level);
bool gf_worker_abandoned(const gofer_worker *w);
void gf_worker_act(gofer_worker *w, gf_calls calls);   // what the pool asked for
void gf_worker_nudge(gofer_worker *w);                 // the fetcher shall look around
void gf_worker_wake(gofer_worker *w);                  // out of the store's wait; async-signal-safe
void gf_worker_stop_once(gofer_worker *w);             // as gofer_worker_stop, but never the
                                                       //   second one
// It cannot go on: its wait says why.
void gf_worker_fail(gofer_worker *w, gofer_status status, const char *text);
// The store has just failed, as gofer_error_last() tells: if that was for good, the worker ends.
void gf_worker_heed_store(gofer_worker *w);
void gf_worker_resize(gofer_worker *w, size_t concurrency);    // from start on
void gf_worker_outcomes_lost(gofer_worker *w, size_t tasks);   // could not be handed in; once

// setup.c: drop what is kept, the last first, until so many are left.
void gf_worker_drop_kept(gofer_worker *w, size_t count);

#endif
