// fetch.h - the worker's part that speaks with the store about tasks.
//
// The fetcher's fields are its thread's own but for what is atomic; `want` has a lock; the waiter
// may be woken by any thread, and is replaced by the fetcher alone.
#ifndef GF_WORKER_FETCH_H
#define GF_WORKER_FETCH_H

#include <stdatomic.h>

#include "broker/tasks.h"
#include "worker/fetch/fetcher.h"
#include "worker/fetch/want.h"

typedef struct gf_fetch {
    gf_fetcher fetcher;
    gf_want    want;

    _Atomic(gf_waiter *) waiter;           // open from start to free
    _Atomic int waking;                    // so many threads are about to wake it
    _Atomic int inside;                    // so many threads of the host take or finish (pull.c)
} gf_fetch;

#endif
