// run.h - the worker's part that runs tasks: the pool of what it holds, and who has a say in a
// task.
//
// The pool and `warned` have locks. Routes, middleware, hooks and what is kept are set up before
// start by one thread and only read from then on; what is kept is dropped when the worker is freed.
#ifndef GF_WORKER_RUN_H
#define GF_WORKER_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "gofer/gofer.h"
#include "worker/run/mux.h"
#include "worker/run/on_end.h"
#include "worker/run/pool.h"
#include "worker/run/watch.h"

typedef struct gf_layer {
    gofer_middleware run;
    void            *user;
} gf_layer;

typedef struct gf_kept {
    void      *ptr;
    gofer_drop drop;
} gf_kept;

typedef struct gf_hooks {
    gofer_error_hook       error;
    void                  *error_user;
    gofer_retry_delay_hook delay;
    void                  *delay_user;
    gofer_is_failure_hook  is_failure;
    void                  *is_failure_user;
} gf_hooks;

enum { GF_WARNED_MAX = 64 };

// Types with which something is wrong, each said once.
typedef struct gf_warned {
    pthread_mutex_t lock;          // there from new to free
    char           *types[GF_WARNED_MAX];  // owned
    size_t          count;
} gf_warned;

// What a worker goes by while it runs. Sealed; stays until the worker is freed, for tasks point
// into it, and each reload of children puts a new one in its place.
typedef struct gf_routes {
    gf_mux            mux, policies;
    struct gf_routes *before;      // owned
} gf_routes;

typedef struct gf_run {
    gf_pool    pool;               // from start on
    gf_mux     mux;                // as registered
    _Atomic(gf_routes *) routes;   // owned; of reloaded children; NULL: mux and policies hold.
                                   //   Replaced under the pool's lock
    struct gf_lane *lanes;         // of crews of children; fixed from start on
    char      *failed;             // owned; why it cannot go on; under the pool's lock
    gofer_status failed_status;    // then
    gf_mux     policies;           // each route's user is a gf_policy, which `kept` drops
    gf_layer  *layers;
    size_t     layer_count, layer_capacity;
    gf_kept   *kept;
    size_t     kept_count, kept_capacity;
    gf_hooks   hooks;
    gf_watchers watchers;
    _Atomic int64_t spans_exported, spans_dropped;     // told by whoever exports them
    gf_warned  warned;
    gf_on_end on_end;
} gf_run;

// Those that hold now.
static inline const gf_mux *gf_run_mux(const gf_run *run)
{
    const gf_routes *now = atomic_load_explicit(&run->routes, memory_order_acquire);
    return now ? &now->mux : &run->mux;
}

static inline const gf_mux *gf_run_policies(const gf_run *run)
{
    const gf_routes *now = atomic_load_explicit(&run->routes, memory_order_acquire);
    return now ? &now->policies : &run->policies;
}

void gf_routes_free(gf_routes *routes);        // with those before it; NULL is fine

#endif
