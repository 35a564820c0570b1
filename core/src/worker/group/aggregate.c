// aggregate.c - groups of tasks are made one: aggregators are registered, their threads start and
// stop, and what they hold too long is given back.
//
// May touch: group, subscription, broker/broker.h. Locks: the aggregators' own, in each function.
// What gives back is housekeeping's, never an aggregator's thread.
#include "worker/group/aggregate.h"

#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "worker/group/group.h"
#include "worker/group/rounds.h"
#include "worker/run/mux.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/worker.h"

enum { OVERDUE_MS = 1000 };         // before a set's time is over it is given back

// ---- registration ------------------------------------------------------------------------

gofer_status gf_aggregate_check(const gofer_worker *w, const char *pattern)
{
    gofer_status st = gf_worker_check_setup(w, "gofer_worker_aggregate");
    if (st != GOFER_OK || (st = gf_mux_check(&w->group.aggregators, pattern)) != GOFER_OK)
        return st;
    if (!w->ops->groups)
        return gf_client_cannot(w->client, "gofer_worker_aggregate");
    return GOFER_OK;
}

gofer_status gofer_worker_aggregate(gofer_worker *worker, const char *pattern, gofer_aggregator run,
    void *user, gofer_drop drop)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_aggregate");
    if (st != GOFER_OK)
        return st;
    if (!run)
        return gf_fail(GOFER_EINVAL, "gofer_worker_aggregate: aggregator must not be NULL");
    if ((st = gf_aggregate_check(worker, pattern)) != GOFER_OK)
        return st;
    gf_aggregator *a = gf_calloc(1, sizeof *a);
    if (!a)
        return gf_fail_nomem("an aggregator");
    *a = (gf_aggregator){ run, user };
    size_t kept = worker->run.kept_count;
    st = gf_worker_keep(worker, a, gf_free);
    if (st != GOFER_OK) {
        gf_free(a);
        return st;
    }
    st = gf_mux_add(&worker->group.aggregators, pattern, NULL, a);
    if (st == GOFER_OK && drop && (st = gf_worker_keep(worker, user, drop)) != GOFER_OK)
        gf_mux_cut(&worker->group.aggregators, worker->group.aggregators.count - 1);
    if (st != GOFER_OK) {
        worker->run.kept_count = kept;
        gf_free(a);
    }
    return st;
}

bool gf_aggregate_is(
    const gofer_worker *w, const char *pattern, gofer_aggregator run, const void *user)
{
    const gf_mux *all = &w->group.aggregators;
    for (size_t i = 0; i < all->count; i++) {
        const gf_aggregator *a = all->routes[i].user;
        if (strcmp(all->routes[i].pattern, pattern) == 0)
            return a->run == run && a->user == user;
    }
    return false;
}

// At least one byte, for it is none of memory that is told by NULL.
static const char **names_of(const gf_mux *mux)
{
    const char **names = gf_calloc(mux->count + 1, sizeof *names);
    for (size_t i = 0; names && i < mux->count; i++)
        names[i] = mux->routes[i].pattern;
    return names;
}

// ---- start and stop ----------------------------------------------------------------------------

static gofer_status make(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    if (!a->made) {
        if (pthread_mutex_init(&a->lock, NULL) != 0)
            return gf_fail_nomem("the lock of aggregators");
        if (gf_cond_init(&a->changed) != 0) {
            pthread_mutex_destroy(&a->lock);
            return gf_fail_nomem("the lock of aggregators");
        }
        a->made = true;
    }
    gf_free(a->names);
    a->names = names_of(&a->aggregators);
    return a->names ? GOFER_OK : gf_fail_nomem("aggregators");
}

static void free_routes(gf_group_routes *routes)
{
    while (routes) {
        gf_group_routes *before = routes->before;
        gf_mux_clear(&routes->mux);
        gf_free(routes->names);
        gf_free(routes);
        routes = before;
    }
}

// Locks: a->lock held, or nobody else is there.
static gofer_status start_rounds(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    size_t count = 0;
    for (; count < GF_ROUNDS; count++) {
        gf_round *r = &a->rounds[count];
        *r = (gf_round){ .worker = w };
        if (gf_thread_start(&r->thread, gf_round_main, r, (size_t)w->settings.stack_size) != 0)
            break;
        r->joinable = true;
    }
    atomic_store(&a->count, count);
    return count ? GOFER_OK : gf_fail(GOFER_ENOMEM, "no thread for the worker's aggregators");
}

gofer_status gf_aggregate_start(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    if (w->group.aggregators.count == 0 && !w->run.lanes)
        return GOFER_OK;
    gf_mux_seal(&w->group.aggregators);
    free_routes(atomic_exchange(&a->routes, NULL));        // of a start before
    gofer_status st = make(w);
    if (st != GOFER_OK)
        return st;
    atomic_store(&a->count, 0);
    a->go = a->stopping = false;
    return w->group.aggregators.count ? start_rounds(w) : GOFER_OK;
}

// ---- reloading ---------------------------------------------------------------------------------

static bool is_of(const gf_route *route, void *user)
{
    const gf_aggregator *its = route->user, *by = user;
    return its->run == by->run && its->user == by->user;
}

static gofer_status fill(gf_group_routes *new, const gf_mux *from, const char *const *patterns,
    size_t count)
{
    gofer_status st = gf_mux_copy(&new->mux, from, is_of, &new->own);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = gf_mux_add(&new->mux, patterns[i], NULL, &new->own);
    gf_mux_seal(&new->mux);
    if (st == GOFER_OK && !(new->names = names_of(&new->mux)))
        st = gf_fail_nomem("aggregators");
    return st;
}

// Locks: a->lock held.
static gofer_status take_over(gofer_worker *w, gf_group_routes *new)
{
    gf_aggregating *a = &w->group;
    gofer_status st = GOFER_OK;
    if (new->mux.count && !a->count && !a->stopping)
        st = start_rounds(w);
    if (st != GOFER_OK)
        return st;
    new->before = atomic_load(&a->routes);
    atomic_store(&a->routes, new);
    return GOFER_OK;
}

gofer_status gf_aggregate_rename(gofer_worker *w, const gf_aggregator *by,
    const char *const *patterns, size_t count)
{
    gf_aggregating *a = &w->group;
    gf_group_routes *new = gf_calloc(1, sizeof *new);
    if (!new)
        return gf_fail_nomem("aggregators");
    new->own = *by;
    pthread_mutex_lock(&a->lock);
    const gf_group_routes *now = atomic_load(&a->routes);
    gofer_status st = fill(new, now ? &now->mux : &a->aggregators, patterns, count);
    if (st == GOFER_OK)
        st = take_over(w, new);
    pthread_mutex_unlock(&a->lock);
    if (st != GOFER_OK)
        free_routes(new);
    return st;
}

// ---- stopping ----------------------------------------------------------------------------------

static void signal_all(gf_aggregating *a, bool *what)
{
    if (!a->made)
        return;
    pthread_mutex_lock(&a->lock);
    *what = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

void gf_aggregate_go(gofer_worker *w)
{
    signal_all(&w->group, &w->group.go);
}

void gf_aggregate_stop(gofer_worker *w)
{
    signal_all(&w->group, &w->group.stopping);
}

void gf_aggregate_cancel(gofer_worker *w)
{
    atomic_store(&w->group.cancelled, 1);
    signal_all(&w->group, &w->group.stopping);
}

void gf_aggregate_give_up(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    for (size_t i = 0; i < a->count; i++) {
        gf_round *r = &a->rounds[i];
        pthread_mutex_lock(&a->lock);
        const gf_group_set *set = r->group && !r->lost ? r->group->set : NULL;
        if (set)
            r->lost = r->giving = true;
        pthread_mutex_unlock(&a->lock);
        if (!set)
            continue;
        gf_round_give_back(w, set, "the aggregator did not return when the worker stopped");
        pthread_mutex_lock(&a->lock);
        r->giving = false;
        pthread_cond_broadcast(&a->changed);
        pthread_mutex_unlock(&a->lock);
    }
}

void gf_aggregate_overdue(gofer_worker *w, int64_t *next_ms)
{
    gf_aggregating *a = &w->group;
    int64_t now_ms = gf_mono_ms();
    for (size_t i = 0; i < a->count; i++) {
        gf_round *r = &a->rounds[i];
        pthread_mutex_lock(&a->lock);
        bool is_ours = r->group && !r->lost && !r->overdue && !r->giving;
        const gf_group_set *set = is_ours ? r->group->set : NULL;
        int64_t due_ms = set ? set->until_ms - OVERDUE_MS : INT64_MAX;
        if (set && due_ms <= now_ms)
            r->overdue = r->giving = true;
        else
            set = NULL;
        pthread_mutex_unlock(&a->lock);
        if (!set) {
            *next_ms = due_ms < *next_ms ? due_ms : *next_ms;
            continue;
        }
        gf_round_give_back(w, set, "the aggregator is not done with it in the set's time");
        pthread_mutex_lock(&a->lock);
        r->giving = false;
        pthread_cond_broadcast(&a->changed);
        pthread_mutex_unlock(&a->lock);
    }
}

bool gf_aggregate_done(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    bool done = true;
    if (!a->count)
        return true;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->count; i++)
        done &= a->rounds[i].left || a->rounds[i].lost;
    pthread_mutex_unlock(&a->lock);
    return done;
}

bool gf_aggregate_takes(const gofer_worker *w)
{
    return atomic_load(&w->group.taking) > 0;
}

bool gf_aggregate_busy(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    bool busy = false;
    if (!a->count)
        return false;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->count; i++)
        busy |= a->rounds[i].at_work;
    busy |= a->turns == 0;
    pthread_mutex_unlock(&a->lock);
    return busy;
}

unsigned gf_aggregate_turns(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    if (!a->count)
        return 0;
    pthread_mutex_lock(&a->lock);
    unsigned turns = a->turns;
    pthread_mutex_unlock(&a->lock);
    return turns;
}

bool gf_aggregate_join(gofer_worker *w, int64_t wait_ms)
{
    gf_aggregating *a = &w->group;
    int64_t end_ms = gf_mono_ms() + wait_ms, left = 0;
    bool all = true;
    for (size_t i = 0; i < a->count; i++) {
        gf_round *r = &a->rounds[i];
        pthread_mutex_lock(&a->lock);
        while (!r->left && (!r->lost || (left = end_ms - gf_mono_ms()) > 0))
            gf_cond_wait(&a->changed, &a->lock, r->lost ? left : -1);
        bool gone = r->left;
        pthread_mutex_unlock(&a->lock);
        all &= gone;
        if (!r->joinable)
            continue;
        r->joinable = false;
        if (gone)
            pthread_join(r->thread, NULL);
        else
            pthread_detach(r->thread);         // it comes home by itself, or never
    }
    return all;
}

void gf_aggregate_clear(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    gf_rest_clear(a);
    free_routes(atomic_exchange(&a->routes, NULL));
    gf_queue_set_drop(a->sweep);
    gf_free(a->names);
    if (a->made) {
        pthread_cond_destroy(&a->changed);
        pthread_mutex_destroy(&a->lock);
    }
    gf_mux_clear(&w->group.aggregators);
}
