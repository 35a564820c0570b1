// round.c - an aggregator's thread: the next queue of a sweep, a set of it, what came of that.
//
// May touch: group, subscription, pool, broker/broker.h. No lock is held while an aggregator or the
// store is at it. The set's id is in the id of the combined task, so that a put whose answer was
// lost is repeated without harm; and the store takes a set back by itself when its time is over, so
// that nothing is lost with a worker.
#include <stdio.h>
#include <string.h>

#include "broker/blame.h"
#include "client/events.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/fetch/want.h"
#include "worker/group/aggregate.h"
#include "worker/group/group.h"
#include "worker/group/rounds.h"
#include "worker/run/mux.h"
#include "worker/run/on_end.h"
#include "worker/run/pool.h"
#include "worker/run/sealed.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/publish.h"

enum {
    SWEEP_MS = 1000,               // the queues are looked at so often
    AGAIN_MS = 100,                // a put that failed is tried again after so long, then longer,
    AGAIN_MAX_MS = 2000,           //   up to so long
    WAY_MS = 15000,                // so long a suspect waits to be alone; then a later sweep
    WAY_LOOK_MS = 50,
    COMPLAIN_MS = 30000,
    ARCHIVED_AT_ONCE = 100
};

// ---- one round --------------------------------------------------------------------------------

static void log_set(
    gofer_worker *w, int32_t level, const char *text, const gf_group_set *set, const char *error)
{
    char count[32];
    snprintf(count, sizeof count, "%zu", set->count);
    if (gf_worker_logs(w, level))
        gf_logf(&w->log, level, text, "worker", w->id, "queue", set->queue, "group", set->group,
            "#tasks", count, "error", error, NULL);
}

int64_t gf_round_give_back(gofer_worker *w, const gf_group_set *set, const char *why)
{
    int64_t rest_ms = gf_rest_begin(&w->group, set->queue, set->group);
    gofer_status st = w->ops->groups->back(w->broker, set);
    if (st == GOFER_OK)
        log_set(w, GOFER_LOG_WARN, "a group was not aggregated: its tasks are put back", set, why);
    else
        log_set(w, GOFER_LOG_WARN,
            "a group was not aggregated: the store puts its tasks back in a while", set,
            st == GOFER_ESTALE ? why : gofer_error_last());
    return rest_ms;
}

// Would another try be refused in the same way?
static bool is_final(gofer_status st)
{
    return st == GOFER_EINVAL || st == GOFER_EEXIST || st == GOFER_EUNSUPPORTED ||
        st == GOFER_ETOOBIG || st == GOFER_ECORRUPT || st == GOFER_EFORKED || st == GOFER_EDENIED;
}

// False: the worker stops and its grace is over.
static bool nap(gf_aggregating *a, int64_t ms)
{
    int64_t end_ms = gf_mono_ms() + ms, left = 0;
    pthread_mutex_lock(&a->lock);
    while (!atomic_load(&a->cancelled) && (left = end_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&a->changed, &a->lock, left);
    pthread_mutex_unlock(&a->lock);
    return !atomic_load(&a->cancelled);
}

// Tried again with the same id as long as the set is ours: a put whose answer was lost is not done
// twice.
static void put_combined(gofer_worker *w, gofer_group *group)
{
    const gf_group_set *set = group->set;
    const gf_message *m = &group->draft.message;
    gofer_status st;
    for (int64_t wait_ms = AGAIN_MS;;
         wait_ms = 2 * wait_ms < AGAIN_MAX_MS ? 2 * wait_ms : AGAIN_MAX_MS) {
        st = gf_group_put_and_publish(w->broker, set, m, group->draft.run_at_ms);
        if (st == GOFER_OK || st == GOFER_ESTALE || is_final(st) ||
            gf_mono_ms() + wait_ms > set->until_ms || !nap(&w->group, wait_ms))
            break;
    }
    if (st == GOFER_OK) {
        gf_rest_end(&w->group, set->queue, set->group);
        log_set(w, GOFER_LOG_DEBUG, "group aggregated", set, NULL);
    } else if (st == GOFER_ESTALE) {
        log_set(w, GOFER_LOG_WARN,
            "a group took too long to aggregate: the store has taken its tasks back", set, NULL);
    } else {
        char why[512];             // what follows may fail too, and say so
        snprintf(why, sizeof why, "%s", gofer_error_last());
        gf_round_give_back(w, set, why);
    }
}

// Calls the aggregator. False: it was given up meanwhile, and the group is nobody's but the
// thread's.
static bool call(gf_round *r, gofer_group *group, const gf_aggregator *by, int32_t *returned)
{
    gf_aggregating *a = &r->worker->group;
    pthread_mutex_lock(&a->lock);
    r->group = group;
    r->called_ms = gf_mono_ms();
    r->overdue = false;
    pthread_mutex_unlock(&a->lock);
    *returned = by->run(group, by->user);
    pthread_mutex_lock(&a->lock);
    while (r->giving)
        pthread_cond_wait(&a->changed, &a->lock);
    r->group = NULL;
    bool ours = !r->lost;
    pthread_mutex_unlock(&a->lock);
    return ours;
}

// Its tasks are archived, and the rest of the group goes on. What follows an archive is put before
// it: if the store takes that or this not now, the set goes back by itself, a suspect as before.
static void archive(gofer_worker *w, const gf_group_set *set)
{
    char why[GF_NAME_MAX + 128];
    snprintf(why, sizeof why,
        "the aggregator of group '%s' crashed its worker %d times (crash limit %d)", set->group,
        (int)set->crashes, (int)w->settings.crash_limit);
    gofer_status st = gf_on_end_members(w, set, why);
    if (st == GOFER_OK)
        st = w->ops->groups->archive(w->broker, set, why);
    if (st != GOFER_OK) {
        gf_rest_begin(&w->group, set->queue, set->group);
        log_set(w, GOFER_LOG_WARN, "a group's tasks could not be archived; trying on", set,
            gofer_error_last());
        return;
    }
    gf_rest_end(&w->group, set->queue, set->group);
    log_set(w, GOFER_LOG_ERROR, "a group's tasks were archived", set, why);
    for (size_t i = 0; i < set->count; i++)
        gf_publish_archived(w, &set->tasks[i], why);
}

// Is there a member that cannot be decrypted, or is plain where that is refused?
static bool is_readable(const gofer_group *group)
{
    for (size_t i = 0; i < group->set->count; i++)
        if (group->tasks[i].sealed && group->tasks[i].sealed->why)
            return false;
    return true;
}

static void archive_some(gofer_worker *w, const char *queue, const char *const *ids, size_t count)
{
    gofer_status statuses[ARCHIVED_AT_ONCE];
    if (count == 0)
        return;
    gofer_status st =
        w->ops->act->tasks_act(w->broker, queue, GF_ACT_ARCHIVE, ids, count, statuses);
    if (st != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "a group's tasks could not be archived; trying on",
            "worker", w->id, "queue", queue, "error", gofer_error_last(), NULL);
}

// Those that cannot be decrypted are archived, each by itself, and the others wait in their group.
static void archive_unreadable(gofer_worker *w, const gofer_group *group)
{
    const char *queue = group->set->queue, *ids[ARCHIVED_AT_ONCE];
    size_t count = 0;
    gf_round_give_back(w, group->set, "some of them are not to be opened here");
    for (size_t i = 0; i < group->set->count; i++) {
        const gf_sealed *sealed = group->tasks[i].sealed;
        if (!sealed || !sealed->why)
            continue;
        if (gf_worker_logs(w, GOFER_LOG_ERROR))
            gf_logf(&w->log, GOFER_LOG_ERROR, "a group's task is archived", "task",
                group->set->tasks[i].id, "queue", queue, "error", sealed->why, NULL);
        ids[count++] = group->set->tasks[i].id;
        if (count == ARCHIVED_AT_ONCE) {
            archive_some(w, queue, ids, count);
            count = 0;
        }
    }
    archive_some(w, queue, ids, count);
}

// False: the thread is to leave.
static bool aggregate(gf_round *r, gf_group_set *set)
{
    gofer_worker *w = r->worker;
    if (set->crashes > w->settings.crash_limit) {
        archive(w, set);
        gf_group_set_free(set);
        return true;
    }
    const gf_group_routes *routes = atomic_load(&w->group.routes);
    const gf_route *route =
        gf_mux_find(routes ? &routes->mux : &w->group.aggregators, set->group);
    gofer_group *group = route ? gf_group_new(w, set) : NULL;
    if (!group) {
        int64_t rest_ms =
            gf_round_give_back(w, set, route ? "no memory" : "no aggregator for it here");
        if (route)
            gf_want_group(w, true, rest_ms);
        gf_group_set_free(set);
        return true;
    }
    if (!is_readable(group)) {
        archive_unreadable(w, group);
        gf_group_free(group);
        return true;
    }
    int32_t returned;
    if (!call(r, group, route->user, &returned)) {
        gf_group_free(group);
        return false;
    }
    bool lacks = returned != 0 && group->wants;
    int64_t rest_ms = 0;
    if (returned == 0 && group->combined)
        put_combined(w, group);
    else
        rest_ms = gf_round_give_back(w, set, *group->why ? group->why
            : returned == 0 ? "the aggregator made no task of it" : "the aggregator failed");
    gf_want_group(w, lacks, rest_ms);
    gf_group_free(group);
    return true;
}

// ---- the threads ------------------------------------------------------------------------------

static void complain(gofer_worker *w, const char *queue, gofer_status st)
{
    gf_aggregating *a = &w->group;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&a->lock);
    bool quiet = a->complained_ms && now_ms - a->complained_ms < COMPLAIN_MS;
    if (!quiet)
        a->complained_ms = now_ms;
    pthread_mutex_unlock(&a->lock);
    if (!quiet && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "groups cannot be looked at; trying on", "worker", w->id,
            "queue", queue, "status", gofer_status_name(st), "error", gofer_error_last(), NULL);
}

// suspects: as in gf_group_rule.
static gf_group_set *take(gofer_worker *w, const char *queue, bool *suspects)
{
    gf_aggregating *a = &w->group;
    gf_group_set *set = NULL;
    const gf_group_routes *routes = atomic_load(&a->routes);
    gf_group_rule rule = {
        .grace_ms = w->settings.group_grace_ms,
        .max_delay_ms = w->settings.group_max_delay_ms,
        .max_size = w->settings.group_max_size,
        .names = routes ? routes->names : a->names,
        .name_count = routes ? routes->mux.count : w->group.aggregators.count,
        .suspects = suspects,
    };
    char **except = gf_rest_names(a, queue, &rule.except_count);
    rule.except = (const char *const *)except;
    gofer_status st = GOFER_EEMPTY;
    if (rule.name_count)           // reloaded children may have named none
        st = w->ops->groups->take(w->broker, w->id, queue, &rule, &set);
    gf_free(except);
    if (st != GOFER_OK && st != GOFER_EEMPTY && st != GOFER_ENOTFOUND)
        complain(w, queue, st);
    return st == GOFER_OK ? set : NULL;
}

// Not while the worker is quiet, as which it is shown once no round is here.
static gf_group_set *take_unless_quiet(gofer_worker *w, const char *queue, bool *suspects)
{
    gf_aggregating *a = &w->group;
    atomic_fetch_add(&a->taking, 1);       // before the look: see gf_presence_register
    gf_group_set *set = atomic_load(&w->quiet) ? NULL : take(w, queue, suspects);
    if (atomic_fetch_sub(&a->taking, 1) == 1 && atomic_load(&w->quiet))
        gf_housekeeping_ask_presence(w);
    return set;
}

// The next queue to look at, and a reference to the set that its name is in. NULL: the worker
// stops.
static const char *next_queue(gf_round *r, gf_queue_set **of)
{
    gofer_worker *w = r->worker;
    gf_aggregating *a = &w->group;
    const char *queue = NULL;
    pthread_mutex_lock(&a->lock);
    r->at_work = false;
    while (!a->stopping && !queue) {
        int64_t now_ms = gf_mono_ms();
        bool quiet = !a->go || atomic_load(&w->quiet) || a->apart;
        if (!quiet && a->sweep && a->next < a->sweep->count) {
            queue = a->sweep->items[a->next++].name;
            *of = a->sweep;
            atomic_fetch_add(&a->sweep->refs, 1);
            a->turns++;
            r->at_work = true;
        } else if (!quiet && now_ms >= a->sweep_ms) {
            gf_queue_set_drop(a->sweep);
            a->sweep = gf_subscriber_take(&w->subscriber);
            a->next = 0;
            a->turns++;
            a->sweep_ms = now_ms +
                (w->settings.group_grace_ms < SWEEP_MS ? w->settings.group_grace_ms : SWEEP_MS);
        } else {
            gf_cond_wait(
                &a->changed, &a->lock, a->go ? quiet ? SWEEP_MS : a->sweep_ms - now_ms : -1);
        }
    }
    pthread_mutex_unlock(&a->lock);
    return queue;
}

// Not beside a suspect, or it would be charged with what this may do.
static bool may_begin(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    pthread_mutex_lock(&a->lock);
    bool may = !a->stopping && !a->apart;
    pthread_mutex_unlock(&a->lock);
    return may && !gf_pool_on_trial(&w->run.pool);
}

// ---- suspects ---------------------------------------------------------------------------------

// Locks: a->lock held. All but this one are idle, or at what has run for as long as a suspect must.
static bool others_proven(const gf_aggregating *a, const gf_round *but, int64_t now_ms)
{
    for (size_t i = 0; i < a->count; i++) {
        const gf_round *r = &a->rounds[i];
        bool proven = r->group && now_ms - r->called_ms >= gf_blame_patience_ms(1);
        if (r != but && r->at_work && !proven)
            return false;
    }
    return true;
}

static void end_apart(gofer_worker *w)
{
    gf_aggregating *a = &w->group;
    gf_pool_join_again(&w->run.pool);
    pthread_mutex_lock(&a->lock);
    a->apart = NULL;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    gf_worker_nudge(w);            // tasks are taken again
}

// From here on nothing is begun in this worker but what this round takes. False: not now.
static bool go_apart(gf_round *r)
{
    gofer_worker *w = r->worker;
    gf_aggregating *a = &w->group;
    int64_t now_ms = gf_mono_ms(), end_ms = now_ms + WAY_MS;
    pthread_mutex_lock(&a->lock);
    bool first = !a->apart && !a->stopping;
    if (first)
        a->apart = r;
    pthread_mutex_unlock(&a->lock);
    if (!first)
        return false;
    bool alone = false, on = gf_pool_part(&w->run.pool);
    gf_worker_nudge(w);            // the fetcher may be waiting for tasks
    for (; on && !alone && now_ms < end_ms; now_ms = gf_mono_ms()) {
        bool tasks_are = gf_pool_alone(&w->run.pool, now_ms);
        pthread_mutex_lock(&a->lock);
        alone = tasks_are && others_proven(a, r, now_ms);
        on = !a->stopping;
        if (on && !alone)
            gf_cond_wait(&a->changed, &a->lock, WAY_LOOK_MS);
        pthread_mutex_unlock(&a->lock);
    }
    if (!on || !alone)
        end_apart(w);
    return on && alone;
}

// What is ready in this queue. False: the thread is to leave.
static bool work_on(gf_round *r, const char *queue)
{
    gofer_worker *w = r->worker;
    bool stays = true, some = true;
    while (stays && some && may_begin(w)) {
        bool suspects = false;
        gf_group_set *set = take_unless_quiet(w, queue, &suspects);
        bool apart = !set && suspects && go_apart(r);
        if (apart)
            set = take_unless_quiet(w, queue, NULL);
        some = set != NULL;
        if (set)
            stays = aggregate(r, set);
        if (apart)
            end_apart(w);
    }
    return stays;
}

void *gf_round_main(void *arg)
{
    gf_round *r = arg;
    gofer_worker *w = r->worker;
    gf_aggregating *a = &w->group;
    const char *queue;
    gf_queue_set *of = NULL;
    bool stays = true;
    gf_thread_name("gofer-groups");
    while (stays && (queue = next_queue(r, &of))) {
        stays = work_on(r, queue);
        gf_queue_set_drop(of);
    }
    pthread_mutex_lock(&a->lock);
    r->at_work = false;
    r->left = true;
    pthread_cond_broadcast(&a->changed);
    gf_wake_fd_set(&w->upkeep.wake_fd);    // inside: the worker may be freed as soon as the lock is
    pthread_mutex_unlock(&a->lock);
    return NULL;
}
