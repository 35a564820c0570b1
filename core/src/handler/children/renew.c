// renew.c - what the worker goes by after a reload: the types, retry policies, queues and groups
// that the new children have named, in place of those that the old ones had.
//
// May touch: the worker's routes, under the pool's lock, and its queues. On the crew's thread.
#include <stdbool.h>
#include <string.h>

#include "handler/children/crew.h"
#include "handler/children/hello.h"
#include "message/retry_policy.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/group/aggregate.h"
#include "worker/run/lane.h"
#include "worker/run/mux.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/worker.h"

// What children have named, but not what the worker was told.
static bool was_named(const gf_route *route, void *user)
{
    const gf_crew *c = user;
    bool told = c->pattern && strcmp(c->pattern, route->pattern) == 0;
    return route->handler == gf_lane_run && route->user == &c->lane && !told;
}

static bool had_policy(const gf_route *route, void *user)
{
    const gf_crew *c = user;
    for (size_t i = 0; i < c->hello.count; i++)
        if (c->hello.types[i].retry && strcmp(c->hello.types[i].pattern, route->pattern) == 0)
            return true;
    return false;
}

// Locks: pool->lock held, which guards what is kept, too.
static gofer_status add_policy(gf_crew *c, gf_mux *policies, const gf_hello_type *type)
{
    gf_policy *p = gf_alloc(sizeof *p);
    if (!p)
        return gf_fail_nomem("a retry policy");
    gofer_status st = gf_policy_parse(type->retry, p);
    if (st == GOFER_OK)
        st = gf_mux_add(policies, type->pattern, NULL, p);
    if (st == GOFER_OK && (st = gf_worker_keep(c->lane.worker, p, gf_free)) != GOFER_OK)
        gf_mux_cut(policies, policies->count - 1);
    if (st != GOFER_OK)
        gf_free(p);
    return st;
}

// Locks: pool->lock held.
static gofer_status add_type(gf_crew *c, gf_routes *new, const gf_hello_type *type)
{
    gofer_status st = GOFER_OK;
    if (!c->pattern || strcmp(c->pattern, type->pattern) != 0)
        st = gf_mux_add(&new->mux, type->pattern, gf_lane_run, &c->lane);
    gf_mux_set_track(&new->mux, type->pattern, type->room);
    return st == GOFER_OK && type->retry ? add_policy(c, &new->policies, type) : st;
}

// Locks: pool->lock held.
static gofer_status make_routes(gf_crew *c, const gf_hello *hello, gf_routes *new)
{
    const gf_run *run = &c->lane.worker->run;
    gofer_status st = gf_mux_copy(&new->mux, gf_run_mux(run), was_named, c);
    if (st == GOFER_OK)
        st = gf_mux_copy(&new->policies, gf_run_policies(run), had_policy, c);
    for (size_t i = 0; i < hello->count && st == GOFER_OK; i++)
        st = add_type(c, new, &hello->types[i]);
    gf_mux_seal(&new->mux);
    gf_mux_seal(&new->policies);
    return st;
}

gofer_status gf_crew_rename(gf_crew *c, gf_hello *hello)
{
    gofer_worker *w = c->lane.worker;
    gf_routes *new = gf_calloc(1, sizeof *new);
    if (!new)
        return gf_fail_nomem("a worker's routes");
    gofer_status st =
        gf_subscriber_name_more(w, (const char *const *)hello->queues.items, hello->queues.count);
    if (st != GOFER_OK) {
        gf_routes_free(new);
        return st;
    }
    gf_aggregator by = { gf_sets_run, &c->sets };
    pthread_mutex_lock(&w->run.pool.lock);
    if ((st = make_routes(c, hello, new)) == GOFER_OK &&
        (st = gf_aggregate_rename(w, &by, (const char *const *)hello->groups.items,
             hello->groups.count)) == GOFER_OK) {
        new->before = atomic_load(&w->run.routes);
        atomic_store(&w->run.routes, new);
        new = NULL;
    }
    pthread_mutex_unlock(&w->run.pool.lock);
    gf_routes_free(new);
    if (st != GOFER_OK)
        return st;
    gf_hello_clear(&c->hello);
    c->hello = *hello;
    *hello = (gf_hello){ 0 };
    return GOFER_OK;
}
