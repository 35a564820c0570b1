// figures.c - what a worker tells of itself: counts since its start, and times by queue and type.
//
// May touch: pool, tally, broker/broker.h. The pool's lock is held for a few numbers; all else is
// read without a lock (upkeep/tally.h).
#include <stdio.h>

#include "info/info.h"
#include "util/clock.h"
#include "util/error.h"
#include "worker/run/lane.h"
#include "worker/run/pool.h"
#include "worker/run/roll.h"
#include "worker/runtime.h"
#include "worker/upkeep/presence.h"
#include "worker/upkeep/tally.h"

static gofer_status check_door(gofer_worker *w, const char *what, const void *out)
{
    gofer_status st = gf_worker_check(w, what);
    return st == GOFER_OK && !out ? gf_fail(GOFER_EINVAL, "%s: out must not be NULL", what) : st;
}

// Hands what was built to the caller, or frees it.
static gofer_status hand_over(gofer_info *made, int bad, gofer_info **out)
{
    if (!made || bad) {
        gofer_info_free(made);
        return gf_fail_nomem("a worker's figures");
    }
    *out = made;
    return GOFER_OK;
}

// ---- counts -------------------------------------------------------------------------------------

typedef struct pool_counts {
    size_t       running, ready, concurrency;
    bool         ended;
    gf_roll_sums crews;
} pool_counts;

static pool_counts count_pool(gofer_worker *w)
{
    gf_pool *p = &w->run.pool;
    pthread_mutex_lock(&p->lock);
    pool_counts n = {
        .running = p->running,
        .ready = p->ready.count + gf_lanes_ready(p),
        .concurrency = p->concurrency,
        .ended = p->ended,
        .crews = gf_rolls_sum(p),
    };
    pthread_mutex_unlock(&p->lock);
    return n;
}

gofer_status gofer_worker_stats(gofer_worker *worker, gofer_info **out)
{
    gofer_status st = check_door(worker, "gofer_worker_stats", out);
    if (st != GOFER_OK)
        return st;
    bool started = atomic_load(&worker->state) == GF_STARTED;
    pool_counts n = started
        ? count_pool(worker)
        : (pool_counts){ .concurrency = (size_t)worker->settings.concurrency };
    const gf_counters *s = &worker->upkeep.counters;
    const struct { const char *name; int64_t value; } fields[] = {
        { "processed", s->processed }, { "failed", s->failed }, { "retried", s->retried },
        { "archived", s->archived }, { "revoked", s->revoked }, { "cancelled", s->cancelled },
        { "expired", s->expired }, { "stale", s->stale },
        { "lost_slots", s->lost_slots }, { "outcomes_lost", s->outcomes_lost },
        { "unhandled", s->unhandled }, { "running", (int64_t)n.running },
        { "ready", (int64_t)n.ready }, { "children", (int64_t)n.crews.children },
        { "child_restarts", (int64_t)n.crews.restarts },
        { "children_want", (int64_t)n.crews.want }, { "children_busy", (int64_t)n.crews.busy },
        { "concurrency", (int64_t)n.concurrency }, { "recovered", s->recovered },
        { "ticks_missed", s->ticks_missed },
        { "reconnects", (int64_t)worker->ops->reconnects(worker->broker) },
        { "spans_exported", atomic_load(&worker->run.spans_exported) },
        { "spans_dropped", atomic_load(&worker->run.spans_dropped) },
    };
    gofer_info *info = gf_info_record();
    int bad = !info;
    for (size_t i = 0; !bad && i < sizeof fields / sizeof *fields; i++)
        bad = gf_info_set_int(info, fields[i].name, fields[i].value);
    if (!bad && started) {
        int64_t answered_ms = atomic_load(&worker->upkeep.housekeeping.answered_ms);
        bad = gf_info_set_int(info, "started_at_ms", worker->started_ms)
            | gf_info_set_int(info, "answered_at_ms", gf_now_ms() - (gf_mono_ms() - answered_ms));
    }
    if (!bad)
        bad = gf_info_set_text(info, "state",
            !started ? "new" : n.ended ? "ended" : gf_presence_state(worker));
    return hand_over(info, bad, out);
}

// ---- times --------------------------------------------------------------------------------------

_Static_assert(INT64_C(1) << (GF_TIMES - 2) == GOFER_FIGURES_BOUND_MAX_MS,
    "gofer.h has the highest bound");

static int64_t read_count(const _Atomic uint64_t *n)
{
    return (int64_t)atomic_load_explicit(n, memory_order_relaxed);
}

// Counts below 1, 2, 4 … ms, those that are 0 left out.
static int add_times(gofer_info *to, const char *list_name, const char *total_name,
    const gf_times *t)
{
    gofer_info *list = gf_info_list();
    int bad = !list;
    for (size_t i = 0; !bad && i < GF_TIMES; i++) {
        int64_t count = read_count(&t->counts[i]);
        if (count == 0)
            continue;
        gofer_info *one = gf_info_record();
        bad = !one || gf_info_set_int(one, "count", count) != 0
            || (i < GF_TIMES - 1 && gf_info_set_int(one, "below_ms", INT64_C(1) << i) != 0);
        if (bad)
            gofer_info_free(one);
        else
            bad = gf_info_add(list, one);
    }
    if (bad) {
        gofer_info_free(list);
        return -1;
    }
    int64_t total_ns = atomic_load_explicit(&t->total_ns, memory_order_relaxed);
    return gf_info_set_child(to, list_name, list)
        | gf_info_set_int(to, total_name, total_ns / 1000000);
}

static gofer_info *show_tally(const gf_tally *t)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "queue", t->queue) | gf_info_set_text(info, "type", t->type);
    for (int i = 0; i < GF_OUTCOMES; i++)
        bad |= gf_info_set_int(info, gf_outcome_label((gf_outcome_name)i),
            read_count(&t->outcomes[i]));
    bad |= gf_info_set_int(info, "failed", read_count(&t->failed))
        | add_times(info, "waits", "wait_total_ms", &t->wait)
        | add_times(info, "runs", "run_total_ms", &t->run);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_info *show_call(const gf_calls_of *of, gf_store_call call)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    if ((gf_info_set_text(info, "call", gf_store_call_name(call))
            | gf_info_set_int(info, "errors", read_count(&of->errors))
            | add_times(info, "times", "total_ms", &of->times)) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_status gofer_worker_figures(gofer_worker *worker, gofer_info **out)
{
    gofer_status st = check_door(worker, "gofer_worker_figures", out);
    if (st != GOFER_OK)
        return st;
    const gf_tallies *t = &worker->upkeep.tallies;
    gofer_info *info = gf_info_record(), *types = gf_info_list(), *calls = gf_info_list();
    int bad = !info || !types || !calls;
    const gf_tally *tally = atomic_load_explicit(&t->newest, memory_order_acquire);
    for (; !bad && tally; tally = tally->older)
        bad = gf_info_add(types, show_tally(tally));
    for (int i = 0; !bad && i < GF_CALL_COUNT; i++)
        bad = gf_info_add(calls, show_call(&t->calls[i], (gf_store_call)i));
    if (bad) {
        gofer_info_free(types);
        gofer_info_free(calls);
        return hand_over(info, bad, out);
    }
    bad = gf_info_set_child(info, "types", types) | gf_info_set_child(info, "calls", calls)
        | gf_info_set_bool(info, "limited", atomic_load(&t->limited) != 0);
    return hand_over(info, bad, out);
}
