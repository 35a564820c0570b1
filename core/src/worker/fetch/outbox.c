// outbox.c - finished tasks, from the pool's hand until the store has their outcomes for good: what
// it is told, counts and logs of what it has, and those that are afloat.
//
// May touch: pool, stats, tallies, broker/broker.h. Locks: the stats', for the counts of one
// exchange.
#include "worker/fetch/fetcher_steps.h"

#include "broker/broker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/minmax.h"
#include "worker/run/decide.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/stats.h"
#include "worker/upkeep/tally.h"

// ---- what the store is told --------------------------------------------------------------------

size_t gf_outbox_fill(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    bool rides = w->settings.gather_us > 0 && atomic_load(&w->stop_calls) == 0;
    void *array = f->finishes;
    size_t i = 0;
    size_t count =
        gf_fetcher_room(&array, &f->finish_capacity, f->outbox.count, sizeof *f->finishes);
    f->finishes = array;
    for (gofer_task *task = f->outbox.first; i < count; task = task->next, i++) {
        // Without a retention the result is for who waits.
        bool done = task->outcome.kind == GF_DONE;
        f->finishes[i] = (gf_finish){
            .claim = task->claim,
            .result = done ? task->result : NULL,
            .result_size = done ? task->result_size : 0,
            .rides = rides && task->claim->message.suspect == 0,   // for its end others wait
        };
        gf_finish_fill(task, &f->finishes[i]);
    }
    return count;
}

// ---- what is counted of it ---------------------------------------------------------------------

static void count_outcome(gf_counters *s, const gf_outcome *o)
{
    switch (o->name) {
    case GF_OUTCOME_REQUEUED:
    case GF_OUTCOME_SNOOZED:
        return;
    case GF_OUTCOME_RETRIED:
        if (!o->is_failure)
            return;                // not an attempt
        s->retried++;
        break;
    case GF_OUTCOME_ARCHIVED:
        s->archived++;
        break;
    case GF_OUTCOME_REVOKED:
        s->revoked++;
        break;
    case GF_OUTCOME_CANCELLED:
        s->cancelled++;
        break;
    case GF_OUTCOME_EXPIRED:
        s->expired++;
        break;
    case GF_OUTCOME_DONE:
        break;
    }
    s->failed += o->is_failure;
    s->processed++;
}

static void log_claim_stale(gofer_worker *w, const gofer_task *task, gofer_status status)
{
    w->upkeep.counters.stale++;
    const gf_message *m = &task->claim->message;
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "the store refused an outcome: the lease was lost", "task",
            m->id, "type", m->type, "queue", m->queue, "error", gofer_status_name(status),
            task->reason ? "failure" : NULL, task->reason, NULL);
}

// Locks: stats.lock held.
static void count_run(gofer_worker *w, const gofer_task *task)
{
    const gf_outcome *o = &task->outcome;
    const gf_message *m = &task->claim->message;
    if (!task->started_ns || (o->kind != GF_DONE && !o->is_failure)) {
        gf_tally_add(&w->upkeep.tallies, m, o, -1, -1);
        return;
    }
    int64_t ready_ms = task->claim->ready_ms, run_ns = task->ended_ns - task->started_ns;
    // Only this thread writes the offset.
    int64_t wait_ms = task->started_ns / 1000000 + w->run.pool.wall_offset_ms - ready_ms;
    int64_t wait_ns = ready_ms <= 0 ? -1 : wait_ms > 0 ? wait_ms * 1000000 : 0;
    gf_stats_add(&w->upkeep.stats, m, wait_ns, run_ns, o->is_failure);
    gf_tally_add(&w->upkeep.tallies, m, o, wait_ns, run_ns);
}

static void count_runs(gofer_worker *w, const gf_tasks *tasks)
{
    if (!tasks->first)
        return;
    pthread_mutex_lock(&w->upkeep.stats.lock);
    for (const gofer_task *task = tasks->first; task; task = task->next)
        count_run(w, task);
    pthread_mutex_unlock(&w->upkeep.stats.lock);
}

// ---- once it has them --------------------------------------------------------------------------

// Their outcomes are stored for good: in the worker's counts, its log and for who listens.
static void put_away(gofer_worker *w, gf_tasks *stored)
{
    count_runs(w, stored);
    for (gofer_task *task = stored->first; task; task = task->next) {
        count_outcome(&w->upkeep.counters, &task->outcome);
        gf_finish_log(task);
        gf_publish_outcome(task);
    }
    gf_pool_release(&w->run.pool, stored);
}

// The store has it, but a power loss may undo it until its ticket is settled.
static void set_afloat(gf_fetcher *f, gofer_task *task, const gf_finish *finish)
{
    if (f->afloat.count == 0)
        f->afloat_ns = gf_mono_ns();
    task->ticket = f->last_ticket = finish->ticket;
    f->within_us = finish->within_us;
    gf_tasks_push(&f->afloat, task);
}

bool gf_outbox_release(gofer_worker *w, size_t count, gofer_status *st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    gf_tasks stored = { 0 }, stale = { 0 };
    int64_t next_retry_ms = INT64_MAX;
    bool requeued = false;
    for (size_t i = 0; i < count; i++) {
        gofer_task *task = gf_tasks_pop(&f->outbox);
        const gf_finish *finish = &f->finishes[i];
        if (finish->status == GOFER_ESTATE) {
            gf_finish_cancel(task);            // at once, with the next exchange
            gf_tasks_push(&f->outbox, task);
            continue;
        }
        if (finish->status != GOFER_OK && finish->status != GOFER_ESTALE) {
            *st = finish->status;
            gf_tasks_push(&f->outbox, task);
            continue;
        }
        if (task->outcome.kind == GF_RETRY_AT && task->outcome.at_ms < next_retry_ms)
            next_retry_ms = task->outcome.at_ms;
        requeued |= task->outcome.kind == GF_REQUEUE;
        if (finish->status == GOFER_ESTALE) {
            log_claim_stale(w, task, finish->status);
            gf_tasks_push(&stale, task);
        } else if (finish->ticket) {
            set_afloat(f, task, finish);
        } else {
            gf_tasks_push(&stored, task);
        }
    }
    put_away(w, &stored);
    gf_pool_release(&w->run.pool, &stale);
    if (next_retry_ms != INT64_MAX)
        gf_housekeeping_ask_forward(
            w, gf_mono_ms() + (next_retry_ms - gf_broker_now_ms(w->broker)));
    return requeued;
}

gofer_status gf_outbox_settle(gofer_worker *w, bool force)
{
    gf_fetcher *f = &w->fetch.fetcher;
    if (f->afloat.count == 0)
        return GOFER_OK;
    gf_tasks settled = { 0 };
    gofer_status st = GOFER_OK;
    int64_t begun_ns = gf_mono_ns();
    if (force)
        st = gf_tally_call(&w->upkeep.tallies, GF_CALL_EXCHANGE, begun_ns,
            w->ops->tasks->settle(w->broker, f->last_ticket, true));
    while (st == GOFER_OK && f->afloat.first) {
        uint64_t ticket = f->afloat.first->ticket;
        if (!force)
            st = w->ops->tasks->settle(w->broker, ticket, false);
        while (st == GOFER_OK && f->afloat.first && f->afloat.first->ticket == ticket)
            gf_tasks_push(&settled, gf_tasks_pop(&f->afloat));
    }
    if (settled.count)
        f->afloat_ns = begun_ns;       // about: of the first that is left
    put_away(w, &settled);
    return !force && st == GOFER_ETIMEOUT ? GOFER_OK : st;
}

int64_t gf_outbox_afloat_us(gofer_worker *w)
{
    const gf_fetcher *f = &w->fetch.fetcher;
    if (f->afloat.count == 0)
        return -1;
    int64_t bound_us = gf_max(w->settings.gather_us, f->within_us),
            left_us = bound_us - (gf_mono_ns() - f->afloat_ns) / 1000;
    return left_us > 0 && atomic_load(&w->stop_calls) == 0 ? left_us : 0;
}
