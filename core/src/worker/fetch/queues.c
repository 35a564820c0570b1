// queues.c - the queues that the fetcher takes from, and its going over to others.
//
// May touch: the subscription, broker/broker.h. On the fetcher's thread, or before it runs; no
// locks.
#include "worker/fetch/fetcher_steps.h"

#include "util/alloc.h"
#include "util/error.h"
#include "worker/runtime.h"
#include "worker/subscription.h"

// Nobody wakes the old waiter any more once those who had begun to have done so: moments.
static void replace_waiter(gofer_worker *w, gf_waiter *waiter)
{
    gf_waiter *old = atomic_exchange(&w->fetch.waiter, waiter);
    if (!old)
        return;
    while (atomic_load(&w->fetch.waking) > 0)
        gf_sleep_us(20);
    w->ops->tasks->waiter_close(old);
}

gofer_status gf_fetcher_follow(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    unsigned version = atomic_load(&w->subscriber.version);
    if (f->queues && f->version == version)
        return GOFER_OK;
    gf_queue_set *set = gf_subscriber_take(&w->subscriber);
    const char **names = gf_queue_set_names(set);
    gf_share *shares = gf_calloc(set->count + 1, sizeof *shares);
    size_t *order = gf_calloc(set->count + 1, sizeof *order);
    int64_t *sums = gf_calloc(set->count + 1, sizeof *sums);
    gf_waiter *waiter = NULL;
    gofer_status st = names && shares && order && sums
        ? w->ops->tasks->waiter_open(w->broker, names, set->count, &waiter)
        : gf_fail_nomem("a worker's queues");
    gf_free(names);
    if (st != GOFER_OK) {
        gf_free(shares);
        gf_free(order);
        gf_free(sums);
        gf_queue_set_drop(set);
        return st;
    }
    replace_waiter(w, waiter);
    gf_free(f->shares);
    gf_free(f->order);
    gf_free(f->sums);
    gf_queue_set_drop(f->queues);
    gf_fetcher_forget_suspect(f);  // of a queue that may not be served any more
    f->shares = shares;
    f->order = order;
    f->sums = sums;
    f->queues = set;
    f->version = version;
    f->dry_ms = 0;
    return GOFER_OK;
}
