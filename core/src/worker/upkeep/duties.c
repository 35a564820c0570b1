// duties.c - housekeeping's duties to the store and the others: due tasks, those of dead workers,
// groups, retention, the worker's entry, its queues, what it has to tell.
//
// May touch: subscription, publish, stats, broker/broker.h. On housekeeping's threads.
#include <stdio.h>

#include "inspect/unserved.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/text.h"
#include "worker/group/aggregate.h"
#include "worker/run/on_end.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/duties.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/presence.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/scheduling.h"
#include "worker/upkeep/stats.h"
#include "worker/upkeep/tally.h"

enum {
    FORWARD_MS = 5000,             // look for due tasks at least so often
    UNSERVED_NAMED = 10,           // queues in the log
    FLOWS_MS = 1000,               // a flow may have more to do at any time
    RECLAIM_MS = 5000,
    RECLAIM_RARE_MS = 60000        // of a worker that aggregates nothing
};

// ---- the entry among the workers ----------------------------------------------------------------

gofer_status gf_duty_presence(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t interval_ms = gf_presence_interval_ms(w);
    gofer_status st = gf_presence_register(w);
    (void)now_ms;
    *next_ms = gf_mono_ms() + (st == GOFER_OK ? interval_ms : gf_min(interval_ms, GF_SOON_MS));
    return st;
}

// ---- the store's own housekeeping ---------------------------------------------------------------

gofer_status gf_duty_forward(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    int64_t next_unix_ms = GF_NONE_DUE;
    // Who asks while the store looks must be heard: it may have looked already.
    atomic_store(&w->upkeep.housekeeping.forward_due_ms, GF_NEVER);
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_FORWARD, begun_ns,
        w->ops->upkeep->forward(w->broker, GF_DUTY_BATCH, &done, &next_unix_ms));
    w->upkeep.housekeeping.forwarded_ms = now_ms;
    if (st != GOFER_OK) {
        *next_ms = now_ms;             // a second after its end
        return st;
    }
    int64_t unix_ms = gf_now_ms(), left_ms = next_unix_ms > unix_ms ? next_unix_ms - unix_ms : 1;
    if (done == GF_DUTY_BATCH)
        left_ms = 0;
    *next_ms = gf_mono_ms() + gf_min(left_ms, FORWARD_MS);
    if (done)
        gf_worker_nudge(w);
    return GOFER_OK;
}

static void archived_one(void *arg, const gf_message *m)
{
    gf_publish_archived(arg, m, m->last_error);
    gf_on_end_recovered(arg, m);
}

gofer_status gf_duty_recover(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_recovered got = { .archived_one = archived_one, .arg = w };
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_RECOVER, begun_ns,
        w->ops->upkeep->recover(w->broker, GF_DUTY_BATCH, (int32_t)w->settings.crash_limit, &got));
    w->upkeep.counters.recovered += (int64_t)(got.requeued + got.archived);
    gofer_status put = gf_on_end_flush(w);
    if (st != GOFER_OK || got.requeued + got.archived == 0)
        return st != GOFER_OK ? st : put;
    if (got.requeued + got.archived >= GF_DUTY_BATCH)
        *next_ms = now_ms;
    if (got.requeued)
        gf_worker_nudge(w);
    char requeued[32], archived[32];
    snprintf(requeued, sizeof requeued, "%zu", got.requeued);
    snprintf(archived, sizeof archived, "%zu", got.archived);
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "tasks of dead workers recovered", "worker", w->id,
            "#requeued", requeued, "#archived", archived, NULL);
    return put;
}

// Groups' sets whose worker has not come back with them.
gofer_status gf_duty_reclaim(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    *next_ms = GF_NEVER;
    if (!w->ops->groups)
        return GOFER_OK;
    int64_t overdue_ms = GF_NEVER;
    gf_aggregate_overdue(w, &overdue_ms);
    gofer_status st = w->ops->groups->reclaim(w->broker, GF_DUTY_BATCH, &done);
    *next_ms = gf_mono_ms() + (atomic_load(&w->group.count) ? RECLAIM_MS : RECLAIM_RARE_MS);
    *next_ms = st == GOFER_OK && done == GF_DUTY_BATCH ? now_ms : gf_min(*next_ms, overdue_ms);
    return st;
}

// What ends of steps have left to be done, and flows whose time has come.
gofer_status gf_duty_flows(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    int64_t next_unix_ms = GF_NONE_DUE;
    *next_ms = GF_NEVER;
    if (!w->ops->flows)
        return GOFER_OK;
    gofer_status st = w->ops->flows->relay(w->broker, GF_DUTY_BATCH, &done, &next_unix_ms);
    int64_t unix_ms = gf_now_ms(), left_ms = next_unix_ms > unix_ms ? next_unix_ms - unix_ms : 0;
    *next_ms = st == GOFER_OK ? gf_mono_ms() + gf_min(left_ms, FLOWS_MS) : now_ms;
    if (done)
        gf_worker_nudge(w);
    return st;
}

// Limits are shared out among queues that cannot see each other.
gofer_status gf_duty_limits(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    int64_t wait_ms = 0;
    *next_ms = GF_NEVER;
    if (!w->ops->limits)
        return GOFER_OK;
    gofer_status st = w->ops->limits->share(w->broker, &wait_ms);
    bool never = st == GOFER_OK && wait_ms == INT64_MAX;
    *next_ms = never ? GF_NEVER : st == GOFER_OK ? gf_mono_ms() + wait_ms : now_ms;
    return st;
}

gofer_status gf_duty_purge(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    size_t done = 0;
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_PURGE, begun_ns,
        w->ops->upkeep->purge(w->broker, GF_DUTY_BATCH, &done));
    if (st == GOFER_OK && done == GF_DUTY_BATCH)
        *next_ms = now_ms;
    return st;
}

gofer_status gf_duty_upkeep(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    (void)next_ms;
    int64_t begun_ns = gf_mono_ns();
    return gf_tally_call(&w->upkeep.tallies, GF_CALL_TIDY, begun_ns,
        w->ops->upkeep->tidy(w->broker));
}

// ---- the queues served --------------------------------------------------------------------------

// Of very many those that are served change all the time, and nobody reads them.
static void log_queues(gofer_worker *w)
{
    if (gf_subscriber_log_left_out(w))
        return;
    gf_queue_set *set = gf_subscriber_take(&w->subscriber);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "worker serves other queues", "worker", w->id, "queues",
            set->text, NULL);
    gf_queue_set_drop(set);
}

// When somebody has asked for others; and now and then if there are patterns.
gofer_status gf_duty_queues(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    bool changed;
    w->upkeep.housekeeping.subscription_seen = atomic_load(&w->subscriber.changes);
    gofer_status st = gf_subscriber_look(w, &changed);
    int64_t end_ms = gf_mono_ms(), rest_ms = GF_QUEUES_REST * (end_ms - now_ms);
    w->upkeep.housekeeping.queues_soonest_ms = end_ms + gf_max(end_ms - now_ms, GF_QUEUES_GAP_MS);
    *next_ms = st != GOFER_OK || gf_subscriber_has_patterns(&w->subscriber)
        ? end_ms + (rest_ms > GF_QUEUES_MS ? rest_ms : GF_QUEUES_MS)
        : GF_NEVER;
    if (changed) {
        log_queues(w);
        gf_worker_nudge(w);
        gf_housekeeping_ask_presence(w);
    }
    return st;
}

// Once, soon after the start: tasks that wait for a worker nobody has started, or in a queue whose
// name was mistyped.
gofer_status gf_duty_unserved(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    gf_names found;
    bool more;
    if (!gf_worker_logs(w, GOFER_LOG_WARN)) {
        *next_ms = GF_NEVER;
        return GOFER_OK;
    }
    gofer_status st = gf_unserved_find(w->broker, UNSERVED_NAMED, &found, &more);
    bool denied = st == GOFER_EDENIED;                // by a store's rules: that stays so
    if (st == GOFER_OK || denied)
        *next_ms = GF_NEVER;
    if (st != GOFER_OK)
        return denied ? GOFER_OK : st;
    char text[UNSERVED_NAMED * (GF_NAME_MAX + 2) + 8] = "";
    size_t used = 0;
    for (size_t i = 0; i < found.count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "",
            found.names[i]);
    if (more)
        snprintf(text + used, sizeof text - used, ", ...");
    if (found.count)
        gf_logf(&w->log, GOFER_LOG_WARN, "tasks are pending in queues that no live worker serves",
            "worker", w->id, "queues", text, NULL);
    gf_names_clear(&found);
    return GOFER_OK;
}

// ---- events and stats --------------------------------------------------------------------------

gofer_status gf_duty_events(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    gf_publish_send(w);
    *next_ms = GF_NEVER;              // until there is something to tell
    return GOFER_OK;
}

gofer_status gf_duty_stats(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    (void)next_ms;
    int64_t begun_ns = gf_mono_ns();
    return gf_tally_call(&w->upkeep.tallies, GF_CALL_FIGURES, begun_ns,
        gf_stats_flush(&w->upkeep.stats, w->broker));
}

gofer_status gf_duty_schedules(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    (void)now_ms;
    if (!w->upkeep.scheduling.scheduler)
        *next_ms = GF_NEVER;
    return gf_scheduling_look(w);
}
