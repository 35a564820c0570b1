// housekeeping.c - a table of duties to the store, each with its own time, on two threads.
//
// May touch: pool, broker/broker.h. A call to a store that is out of reach lasts until its timeout,
// and a store of several servers may fail in part: so what keeps tasks ours and brings them on
// their way has a thread of its own, a duty that has failed comes next behind all others that are
// due, and is counted from its end. No handler runs here, nor any hook.
#include "worker/upkeep/housekeeping.h"

#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/minmax.h"
#include "worker/group/aggregate.h"
#include "worker/run/pool.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/duties.h"
#include "worker/upkeep/guard.h"
#include "worker/upkeep/presence.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/scheduling.h"
#include "worker/upkeep/stats.h"

enum {
    FORWARD_GAP_MS = 20,           // due tasks are looked for at the most so often
    PROGRESS_MS = 250,             // how long progress is collected,
    EVENTS_MS = 20,                //   and events
    LIMITS_GAP_MS = 5,             // and keys of limits that lack room
    CHILDREN_MS = 250,             // and changes among the children: they may come and go quickly
    COMPLAIN_MS = 60000
};

// ---- the table ----------------------------------------------------------------------------------

typedef enum duty_number {
    HEARTBEAT, FORWARD, RECOVER, PRESENCE, EVENTS, PROGRESS, QUEUES, RECLAIM, DRAIN, SCHEDULES,
    STATS, UPKEEP, FLOWS, LIMITS, PURGE, UNSERVED, DUTY_COUNT
} duty_number;

// run may set *next_ms, which comes as "interval from the end on". asks: when it is well,
// the store has answered.
static const struct duty {
    const char    *name;
    gf_housekeeper_number thread;
    bool           asks;
    int64_t        interval_ms;    // 0: run says itself
    gofer_status (*run)(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
} duties[] = {
    [HEARTBEAT] = { "heartbeat", GF_KEEPS_LEASES, false, 0, gf_duty_heartbeat },
    [FORWARD] = { "forward", GF_KEEPS_LEASES, true, 0, gf_duty_forward },
    [RECOVER] = { "recover", GF_KEEPS_LEASES, true, 1000, gf_duty_recover },
    [PRESENCE] = { "presence", GF_KEEPS_REST, true, 0, gf_duty_presence },
    [EVENTS] = { "events", GF_KEEPS_REST, false, 0, gf_duty_events },
    [PROGRESS] = { "progress", GF_KEEPS_REST, false, 0, gf_duty_progress },
    [QUEUES] = { "queues", GF_KEEPS_REST, false, 0, gf_duty_queues },
    [RECLAIM] = { "reclaim", GF_KEEPS_REST, false, 0, gf_duty_reclaim },
    [DRAIN] = { "drain", GF_KEEPS_REST, false, 0, gf_duty_drain },
    [SCHEDULES] = { "schedules", GF_KEEPS_REST, false, GF_SCHEDULER_LOOK_MS, gf_duty_schedules },
    [STATS] = { "figures", GF_KEEPS_REST, false, 5000, gf_duty_stats },
    [UPKEEP] = { "upkeep", GF_KEEPS_REST, false, 2000, gf_duty_upkeep },
    [FLOWS] = { "flows", GF_KEEPS_REST, false, 0, gf_duty_flows },
    [LIMITS] = { "limits", GF_KEEPS_REST, false, 0, gf_duty_limits },
    [PURGE] = { "purge", GF_KEEPS_REST, true, 10000, gf_duty_purge },
    [UNSERVED] = { "unserved queues", GF_KEEPS_REST, false, 0, gf_duty_unserved },
};

_Static_assert((int)DUTY_COUNT <= (int)GF_DUTIES_MAX, "housekeeping has a time for every duty");

static void log_duty(gofer_worker *w, size_t i, gofer_status st, int64_t now_ms)
{
    int64_t *since = &w->upkeep.housekeeping.complained_ms[i];
    if (st == GOFER_OK) {
        if (*since && gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "a duty of the keeper works again", "duty",
                duties[i].name, NULL);
        *since = 0;
        return;
    }
    if (*since && now_ms - *since < COMPLAIN_MS)
        return;
    *since = now_ms;
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "a duty of the keeper failed; trying on", "duty",
            duties[i].name, "status", gofer_status_name(st), "error", gofer_error_last(), NULL);
}

// Takes over what other threads have asked for since the last look.
static void take_over_for_leases(gofer_worker *w)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    int64_t ask_ms = atomic_exchange(&k->forward_ask_ms, GF_NEVER);
    if (ask_ms != GF_NEVER) {
        int64_t soonest_ms = k->forwarded_ms + FORWARD_GAP_MS;
        k->due_ms[FORWARD] = gf_min(k->due_ms[FORWARD], ask_ms > soonest_ms ? ask_ms : soonest_ms);
    }
    atomic_store(&k->forward_due_ms, k->due_ms[FORWARD]);
}

static void take_over_for_rest(gofer_worker *w, int64_t now_ms)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    if (atomic_exchange(&k->progress_asked, 0))
        k->due_ms[PROGRESS] = gf_min(k->due_ms[PROGRESS], now_ms + PROGRESS_MS);
    gf_publish_look(w);
    if (atomic_exchange(&k->events_asked, 0))
        k->due_ms[EVENTS] = gf_min(k->due_ms[EVENTS], now_ms + EVENTS_MS);
    if (atomic_exchange(&k->presence_asked, 0))
        k->due_ms[PRESENCE] = gf_min(k->due_ms[PRESENCE], now_ms);
    if (atomic_exchange(&k->children_asked, 0))
        k->due_ms[PRESENCE] = gf_min(k->due_ms[PRESENCE], now_ms + CHILDREN_MS);
    if (atomic_load(&w->subscriber.changes) != k->subscription_seen)
        k->due_ms[QUEUES] = gf_min(k->due_ms[QUEUES], now_ms);
    if (atomic_exchange(&k->queues_asked, 0))
        k->due_ms[QUEUES] = gf_min(k->due_ms[QUEUES], gf_max(now_ms, k->queues_soonest_ms));
    if (atomic_exchange(&k->flows_asked, 0))
        k->due_ms[FLOWS] = gf_min(k->due_ms[FLOWS], now_ms);
    if (atomic_exchange(&k->limits_asked, 0))
        k->due_ms[LIMITS] = gf_min(k->due_ms[LIMITS], now_ms + LIMITS_GAP_MS);
    if (gf_scheduling_take_over(w))
        k->due_ms[SCHEDULES] = gf_min(k->due_ms[SCHEDULES], now_ms);
    if (atomic_exchange(&k->drain_asked, 0))
        k->due_ms[DRAIN] = gf_min(k->due_ms[DRAIN], now_ms);
    if (atomic_exchange(&k->give_up_asked, 0))
        gf_aggregate_give_up(w);
}

// ---- which one now ------------------------------------------------------------------------------

// Of those that are due the one whose turn was the longest ago: one that fails, or is always due
// again, leaves the others theirs. But for the heartbeat: it comes between any two. DUTY_COUNT:
// none is due; *next_ms: when one will be.
static size_t choose(
    const gf_housekeeping *k, const gf_housekeeper *h, int64_t now_ms, int64_t *next_ms)
{
    size_t best = DUTY_COUNT;
    *next_ms = GF_NEVER;
    for (size_t i = 0; i < DUTY_COUNT; i++) {
        if (duties[i].thread != h->number)
            continue;
        if (k->due_ms[i] > now_ms)
            *next_ms = gf_min(*next_ms, k->due_ms[i]);
        else if (i == HEARTBEAT && k->turn[i] != h->turns)
            return i;
        else if (best == DUTY_COUNT || k->turn[i] < k->turn[best])
            best = i;
    }
    return best;
}

static bool run_one(gf_housekeeper *h, int64_t now_ms, int64_t *next_ms)
{
    gofer_worker *w = h->worker;
    gf_housekeeping *k = &w->upkeep.housekeeping;
    size_t i = choose(k, h, now_ms, next_ms);
    if (i == DUTY_COUNT)
        return false;
    int64_t unsaid = -1, due_ms = unsaid;
    k->turn[i] = ++h->turns;
    gofer_status st = duties[i].run(w, now_ms, &due_ms);
    int64_t end_ms = gf_mono_ms();
    if (due_ms == unsaid)
        due_ms = end_ms + duties[i].interval_ms;
    if (st != GOFER_OK && due_ms < end_ms + GF_SOON_MS)
        due_ms = end_ms + GF_SOON_MS;
    k->due_ms[i] = due_ms;
    if (st == GOFER_OK && duties[i].asks)
        atomic_store(&k->answered_ms, end_ms);
    if (st != GOFER_OK)
        gf_worker_heed_store(w);
    log_duty(w, i, st, end_ms);
    return true;
}

// ---- the end ------------------------------------------------------------------------------------

void gf_worker_log_end(gofer_worker *w)
{
    if (atomic_exchange(&w->upkeep.end_logged, 1) || !gf_worker_logs(w, GOFER_LOG_INFO))
        return;
    const gf_counters *s = &w->upkeep.counters;
    char processed[32], failed[32], lost[32], up[32];
    snprintf(processed, sizeof processed, "%lld", (long long)s->processed);
    snprintf(failed, sizeof failed, "%lld", (long long)s->failed);
    snprintf(lost, sizeof lost, "%lld", (long long)s->lost_slots);
    snprintf(up, sizeof up, "%lld", (long long)(gf_now_ms() - w->started_ms));
    gf_logf(&w->log, GOFER_LOG_INFO, "worker stopped", "worker", w->id, "#processed", processed,
        "#failed", failed, "#lost_slots", lost, "#up_ms", up, NULL);
}

static void note_answer(gofer_worker *w, gofer_status st, const char *text)
{
    if (st == GOFER_OK)
        atomic_store(&w->upkeep.housekeeping.answered_ms, gf_mono_ms());
    else if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, text, "worker", w->id, "error", gofer_error_last(), NULL);
}

// The fetcher has handed in the last outcome.
static void sign_off(gofer_worker *w)
{
    gf_pool *p = &w->run.pool;
    pthread_join(w->upkeep.housekeeping.threads[GF_KEEPS_LEASES].thread, NULL);
    pthread_join(w->fetch.fetcher.thread, NULL);
    w->fetch.fetcher.joinable = false;
    gf_pool_end(p);
    gf_pool_join(p, 0);
    gf_scheduling_end(w);
    gf_presence_unwatch(w);
    gf_publish_send(w);
    note_answer(w, gf_stats_flush(&w->upkeep.stats, w->broker), "the latest figures are lost");
    note_answer(w, w->ops->upkeep->worker_deregister(w->broker, w->id),
        "worker could not sign off");
    gf_worker_log_end(w);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    gf_wake_fd_set(&w->upkeep.wake_fd);
    atomic_store(&w->upkeep.signed_off, 1);   // its last touch, but for the thread's end
}

// ---- the threads, and what others ask of them ---------------------------------------------------

static void *thread_main(void *arg)
{
    gf_housekeeper *h = arg;
    gofer_worker *w = h->worker;
    bool leases = h->number == GF_KEEPS_LEASES;
    gf_thread_name(leases ? "gofer-leases" : "gofer-upkeep");
    gf_raise_priority();               // a heartbeat must not wait behind busy handlers
    while (atomic_load(&w->upkeep.housekeeping.ending) == 0) {
        int64_t now_ms = gf_mono_ms(), next_ms;
        if (leases)
            take_over_for_leases(w);
        else
            take_over_for_rest(w, now_ms);
        if (run_one(h, now_ms, &next_ms))
            continue;
        int64_t left_ms = next_ms == GF_NEVER ? -1 : next_ms - gf_mono_ms();
        gf_wake_fd_wait(&h->wake_fd, next_ms == GF_NEVER ? -1 : left_ms > 0 ? left_ms : 0);
    }
    if (!leases && atomic_load(&w->upkeep.housekeeping.ending) == GF_HOUSEKEEPING_SIGNS_OFF)
        sign_off(w);
    return NULL;
}

bool gf_housekeeping_open(gofer_worker *w)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    for (int i = 0; i < GF_HOUSEKEEPERS; i++)
        k->threads[i] = (gf_housekeeper){
            .worker = w,
            .number = (gf_housekeeper_number)i,
            .wake_fd = { -1, -1 },
        };
    for (int i = 0; i < GF_HOUSEKEEPERS; i++)
        if (!gf_wake_fd_open(&k->threads[i].wake_fd)) {
            gf_housekeeping_close(w);
            return false;
        }
    return true;
}

void gf_housekeeping_close(gofer_worker *w)
{
    for (int i = 0; i < GF_HOUSEKEEPERS; i++)
        gf_wake_fd_close(&w->upkeep.housekeeping.threads[i].wake_fd);
}

static void init_times(gofer_worker *w)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    int64_t now_ms = gf_mono_ms();
    for (size_t i = 0; i < DUTY_COUNT; i++) {
        k->due_ms[i] = now_ms;
        k->turn[i] = 0;
    }
    k->due_ms[HEARTBEAT] = now_ms + w->settings.lease_ms / 3;
    k->due_ms[PRESENCE] = now_ms + gf_presence_interval_ms(w);     // start has just signed on
    k->due_ms[PROGRESS] = k->due_ms[DRAIN] = k->due_ms[EVENTS] = GF_NEVER;
    k->due_ms[UNSERVED] = now_ms + GF_UNSERVED_MS;
    k->due_ms[STATS] = now_ms + duties[STATS].interval_ms;
    k->due_ms[QUEUES] =
        gf_subscriber_has_patterns(&w->subscriber) ? now_ms + GF_QUEUES_MS : GF_NEVER;
    atomic_store(&k->forward_ask_ms, GF_NEVER);
    atomic_store(&k->forward_due_ms, now_ms);
    atomic_store(&k->answered_ms, now_ms);
    atomic_store(&k->ending, 0);
}

bool gf_housekeeping_start(gofer_worker *w)
{
    init_times(w);
    for (int i = 0; i < GF_HOUSEKEEPERS; i++) {
        gf_housekeeper *h = &w->upkeep.housekeeping.threads[i];
        h->turns = 0;
        if (gf_thread_start(&h->thread, thread_main, h, (size_t)w->settings.stack_size) != 0) {
            gf_housekeeping_undo(w);
            return false;
        }
        h->joinable = true;
    }
    return true;
}

static void end_with(gofer_worker *w, int how)
{
    atomic_store(&w->upkeep.housekeeping.ending, how);
    for (int i = 0; i < GF_HOUSEKEEPERS; i++)
        gf_wake_fd_set(&w->upkeep.housekeeping.threads[i].wake_fd);
}

void gf_housekeeping_undo(gofer_worker *w)
{
    end_with(w, GF_HOUSEKEEPING_JUST_ENDS);
    for (int i = 0; i < GF_HOUSEKEEPERS; i++)
        if (w->upkeep.housekeeping.threads[i].joinable) {
            pthread_join(w->upkeep.housekeeping.threads[i].thread, NULL);
            w->upkeep.housekeeping.threads[i].joinable = false;
        }
}

void gf_housekeeping_end(gofer_worker *w)
{
    end_with(w, GF_HOUSEKEEPING_SIGNS_OFF);
}

static void wake(gofer_worker *w, gf_housekeeper_number thread)
{
    gf_wake_fd_set(&w->upkeep.housekeeping.threads[thread].wake_fd);
}

void gf_housekeeping_ask_forward(gofer_worker *w, int64_t at_ms)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    if (at_ms >= atomic_load(&k->forward_due_ms))
        return;
    int64_t asked_ms = atomic_load(&k->forward_ask_ms);
    while (at_ms < asked_ms && !atomic_compare_exchange_weak(&k->forward_ask_ms, &asked_ms, at_ms))
        ;
    wake(w, GF_KEEPS_LEASES);
}

static void ask(gofer_worker *w, _Atomic int *what)
{
    if (!atomic_exchange(what, 1))
        wake(w, GF_KEEPS_REST);
}

void gf_housekeeping_ask_drain(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.drain_asked);
}

void gf_housekeeping_ask_queues(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.queues_asked);
}

void gf_housekeeping_ask_flows(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.flows_asked);
}

void gf_housekeeping_ask_limits(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.limits_asked);
}

void gf_housekeeping_ask_progress(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.progress_asked);
}

void gf_housekeeping_ask_events(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.events_asked);
}

void gf_housekeeping_ask_presence(gofer_worker *w)
{
    atomic_store(&w->upkeep.housekeeping.presence_asked, 1);
    wake(w, GF_KEEPS_REST);
}

void gf_housekeeping_ask_children(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.children_asked);
}

void gf_housekeeping_ask_give_up(gofer_worker *w)
{
    ask(w, &w->upkeep.housekeeping.give_up_asked);
}

void gf_housekeeping_ask_schedules(gofer_worker *w)
{
    atomic_store(&w->upkeep.scheduling.changed, 1);
    wake(w, GF_KEEPS_REST);
}
