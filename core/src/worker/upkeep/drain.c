// drain.c - housekeeping's duty of a worker that drains its queues: has it come to the end?
//
// May touch: subscription, aggregate, mux, broker/broker.h. On housekeeping's threads.
#include <stdio.h>
#include <string.h>

#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"
#include "worker/group/aggregate.h"
#include "worker/run/mux.h"
#include "worker/run/pool.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/duties.h"
#include "worker/upkeep/housekeeping.h"

enum {
    LOOK_MS = 500,
    REST = 4,                      // a long look is repeated after so many times its length
    PAGE = 200,                    // tasks
    NAMED = 10                     // types in the log
};

// Tasks that no handler of ours matches: what was found so far.
typedef struct foreign {
    int64_t count;
    size_t  named;
    bool    more;                  // types than those named
    char    types[NAMED][GF_NAME_MAX + 1];
} foreign;

static void note_type(foreign *f, const char *type)
{
    for (size_t i = 0; i < f->named; i++)
        if (strcmp(f->types[i], type) == 0)
            return;
    if (f->named < NAMED)
        snprintf(f->types[f->named++], sizeof f->types[0], "%s", type);
    else
        f->more = true;
}

// False: one of them is ours to run, or may be.
static bool note_page(gofer_worker *w, const gofer_info *page, foreign *f)
{
    for (size_t i = 0; i < gofer_info_count(page); i++) {
        const char *type = gofer_info_text(gofer_info_at(page, i), "type");
        if (!type || gf_mux_find(gf_run_mux(&w->run), type))
            return false;
        note_type(f, type);
        f->count++;
    }
    return true;
}

// *all stays true if there is nothing of ours in this state of the queue.
static gofer_status look_through(gofer_worker *w, const char *queue, gf_state state, foreign *f,
    bool *all)
{
    char *cursor = NULL;
    gofer_status st;
    do {
        gofer_info *page = NULL;
        st = w->ops->inspect->tasks(w->broker, queue, state, cursor, PAGE, &page);
        gf_free(cursor);
        cursor = NULL;
        if (st != GOFER_OK)
            break;
        *all = note_page(w, page, f);
        const char *next = gofer_info_text(page, "next_cursor");
        if (*all && next && !(cursor = gf_strdup(next)))
            st = gf_fail_nomem("the look for tasks left");
        gofer_info_free(page);
    } while (cursor && !atomic_load(&w->stop_calls));
    return st == GOFER_ENOTFOUND ? GOFER_OK : st;      // a queue that is gone meanwhile
}

// Are all tasks left of types without a handler? The first one that is ours ends the look.
static gofer_status look_for_ours(gofer_worker *w, const gf_queue_set *set, foreign *f, bool *all)
{
    // In the order a task goes through them, so that one that moves on meanwhile is met.
    static const gf_state states[] = { GF_SCHEDULED, GF_RETRY, GF_PENDING, GF_ACTIVE };
    const char **names = gf_queue_set_names(set);
    gf_counts *counts = gf_calloc(set->count + 1, sizeof *counts);
    gofer_status st = GOFER_OK;
    if (!names || !counts)
        st = gf_fail_nomem("the look for tasks left");
    else
        st = w->ops->inspect->counts(w->broker, (char *const *)names, set->count, counts);
    *all = true;
    for (size_t q = 0; q < set->count && st == GOFER_OK && *all; q++)
        for (size_t i = 0; i < sizeof states / sizeof *states && st == GOFER_OK && *all; i++)
            if (counts[q].of[states[i]] > 0)
                st = look_through(w, names[q], states[i], f, all);
    gf_free(names);
    gf_free(counts);
    return st;
}

// The tasks left in the queues served.
static gofer_status count_left(gofer_worker *w, const gf_queue_set *set, int64_t *left)
{
    *left = 0;
    if (set->count == 0)
        return GOFER_OK;
    const char **names = gf_queue_set_names(set);
    if (!names)
        return gf_fail_nomem("the look for tasks left");
    gofer_status st = w->ops->inspect->backlog(w->broker, names, set->count, left);
    gf_free(names);
    return st;
}

// It ends although they are there: it would wait for ever, for each goes back when it is taken.
static void leave(gofer_worker *w, const foreign *f)
{
    char types[NAMED * (GF_NAME_MAX + 2) + 8] = "", tasks[32];
    size_t used = 0;
    for (size_t i = 0; i < f->named; i++)
        used += (size_t)snprintf(types + used, sizeof types - used, "%s%s", i ? ", " : "",
            f->types[i]);
    if (f->more)
        snprintf(types + used, sizeof types - used, ", ...");
    snprintf(tasks, sizeof tasks, "%lld", (long long)f->count);
    w->upkeep.counters.unhandled = f->count;
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "drained, but for tasks of types without a handler here",
            "worker", w->id, "#tasks", tasks, "types", types, NULL);
}

// What comes after steps that have ended is to be drained, too.
static gofer_status carry_flows(gofer_worker *w, size_t *done)
{
    int64_t next_ms;
    *done = 0;
    return w->ops->flows ? w->ops->flows->relay(w->broker, GF_DUTY_BATCH, done, &next_ms)
                         : GOFER_OK;
}

// Two looks must agree: a single one does not see all at one moment.
static gofer_status look_at_rest(gofer_worker *w, const gf_queue_set *set, bool agreed, bool *ends)
{
    gf_housekeeping *k = &w->upkeep.housekeeping;
    bool all = false;
    foreign *f = gf_calloc(1, sizeof *f);
    if (!f)
        return gf_fail_nomem("the look for tasks left");
    gofer_status st = look_for_ours(w, set, f, &all);
    k->foreign_only = st == GOFER_OK && all && f->count > 0;
    *ends = k->foreign_only && agreed && !atomic_load(&w->stop_calls);
    if (*ends)
        leave(w, f);
    gf_free(f);
    return st;
}

// Queues that a pattern matches only now are to be drained too.
static gofer_status look_for_queues(gofer_worker *w, bool *changed)
{
    *changed = false;
    if (!gf_subscriber_has_patterns(&w->subscriber))
        return GOFER_OK;
    gofer_status st = gf_subscriber_look(w, changed);
    if (st != GOFER_OK || *changed)
        gf_worker_nudge(w);
    return st;
}

// Asked by the fetcher whenever it found nothing to take.
gofer_status gf_duty_drain(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    *next_ms = GF_NEVER;
    bool agreed = w->upkeep.housekeeping.foreign_only;
    w->upkeep.housekeeping.foreign_only = false;
    if (!w->settings.drain || atomic_load(&w->stop_calls) || !gf_pool_empty(&w->run.pool))
        return GOFER_OK;
    int64_t left = 1;
    bool changed, ends = false;
    unsigned turns = gf_aggregate_turns(w);
    bool busy = gf_aggregate_busy(w);
    gofer_status st = look_for_queues(w, &changed);
    gf_queue_set *set = gf_subscriber_take(&w->subscriber);
    size_t carried = 0;
    if (st == GOFER_OK && !changed)
        st = carry_flows(w, &carried);
    if (st == GOFER_OK && !changed && !carried)
        st = count_left(w, set, &left);
    // What an aggregator makes meanwhile is a task to be run.
    bool still = st == GOFER_OK && !changed && !busy && gf_aggregate_turns(w) == turns;
    if (still && left == 0)
        ends = true;
    else if (still && !w->settings.pull)
        st = look_at_rest(w, set, agreed, &ends);
    gf_queue_set_drop(set);
    if (ends)
        gf_worker_stop_once(w);
    else {
        int64_t end_ms = gf_mono_ms(), rest_ms = REST * (end_ms - now_ms);
        *next_ms = end_ms + (rest_ms > LOOK_MS ? rest_ms : LOOK_MS);
    }
    return st;
}
