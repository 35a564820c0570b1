// fetcher.c - the one thread that speaks with the store about tasks: hands in what is finished and
// takes what is next, both in one exchange, and waits in the store when there is neither.
//
// May touch: pool, broker/broker.h. An outcome stays in the outbox until the store has it: a store
// that is out of reach, full or slow costs time, never a task, and never ends the worker.
#include "worker/fetch/fetcher.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/minmax.h"
#include "worker/fetch/gather.h"
#include "worker/fetch/want.h"
#include "worker/run/decide.h"
#include "worker/run/on_dead.h"
#include "worker/run/outcome.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/subscription.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/stats.h"
#include "worker/upkeep/tally.h"

enum {
    IDLE_MS = 5000,                // longest trust in the store's call; then we look by ourselves
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 5000,
    LOOK_AGAIN_MS = 40,            // while we are busy: how soon to look for tasks that are due
    COMPLAIN_MS = 30000,           // a store in trouble is logged once in so long
    LOOK_DEAD_MS = 1000,           // while on-dead tasks are not in yet
    LATE_MS = 1000,                // outcomes that had no answer while others had are
                                   //   told again after so long
    PROVE_AGAIN_MS = 1000,
    FAREWELL_MS = 5000             // a stopping worker tries so long to hand in what is left
};

// ---- the queues that are served ----------------------------------------------------------------

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

static void forget_suspect(gf_fetcher *f)
{
    gf_free(f->suspect_queue);
    f->suspect_queue = NULL;
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
    forget_suspect(f);             // of a queue that may not be served any more
    f->shares = shares;
    f->order = order;
    f->sums = sums;
    f->queues = set;
    f->version = version;
    f->dry_ms = 0;
    return GOFER_OK;
}

// ---- one exchange ------------------------------------------------------------------------------

// Room in the arrays; what there is no room for now waits for the next exchange.
static size_t room_for(void **array, size_t *capacity, size_t count, size_t size)
{
    (void)gf_array_grow(array, capacity, count, size);
    return count < *capacity ? count : *capacity;
}

static size_t fill_finishes(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    bool rides = w->settings.gather_us > 0 && atomic_load(&w->stop_calls) == 0;
    void *array = f->finishes;
    size_t count = room_for(&array, &f->finish_capacity, f->outbox.count, sizeof *f->finishes),
           i = 0;
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

// The store has answered for the first `count` of the outbox; those it has no answer for (one of
// several servers was out of reach) stay there, and *st says why. True if some were
// put back to pending.
static bool release_stored(gofer_worker *w, size_t count, gofer_status *st)
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

// Outcomes that others have synced meanwhile are put away; force: all, by a sync of our own. OK
// also while some stay afloat.
static gofer_status settle(gofer_worker *w, bool force)
{
    gf_fetcher *f = &w->fetch.fetcher;
    gf_tasks settled = { 0 };
    gofer_status st = GOFER_OK;
    int64_t begun_ns = gf_mono_ns();
    if (force && f->afloat.count)
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

// How long those afloat may wait for a sync of others; 0: no longer. -1: there are none.
static int64_t afloat_us(gofer_worker *w)
{
    const gf_fetcher *f = &w->fetch.fetcher;
    if (f->afloat.count == 0)
        return -1;
    int64_t bound_us = gf_max(w->settings.gather_us, f->within_us),
            left_us = bound_us - (gf_mono_ns() - f->afloat_ns) / 1000;
    return left_us > 0 && atomic_load(&w->stop_calls) == 0 ? left_us : 0;
}

// No memory for a task: back to its queue at once rather than when its lease ends.
static void put_back(gofer_worker *w, gf_claim *claim)
{
    gf_finish finish = { .claim = claim, .outcome = GF_REQUEUE };
    gofer_status st = w->ops->tasks->exchange(w->broker, &finish, 1, NULL);
    if (gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "no memory for a task", "task", claim->message.id,
            "queue", claim->message.queue, "error",
            st == GOFER_OK ? "put back" : gofer_error_last(), NULL);
    gf_claim_free(claim);
}

// Unique locks that live until the start: free before the handlers run, so that these may
// enqueue the next one.
static void release_locks(gofer_worker *w, const gf_tasks *fresh)
{
    size_t count = 0, at = 0;
    for (const gofer_task *task = fresh->first; task; task = task->next)
        count += task->options->unique && strcmp(task->options->unique, "start") == 0;
    if (count == 0)
        return;
    gf_claim **claims = gf_alloc(count * sizeof *claims);
    gofer_status st = claims ? GOFER_OK : gf_fail_nomem("the release of unique locks");
    for (const gofer_task *task = fresh->first; claims && task; task = task->next)
        if (task->options->unique && strcmp(task->options->unique, "start") == 0)
            claims[at++] = task->claim;
    if (claims)
        st = w->ops->tasks->release(w->broker, claims, count);
    gf_free(claims);
    if (st != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN,
            "unique locks could not be freed: they end with their tasks", "worker", w->id, "status",
            gofer_status_name(st), "error", gofer_error_last(), NULL);
}

static void deliver(gofer_worker *w, size_t count)
{
    gf_tasks fresh = { 0 };
    for (size_t i = 0; i < count; i++) {
        gofer_task *task = gf_task_new(w, w->fetch.fetcher.claims[i]);
        if (task)
            gf_tasks_push(&fresh, task);
        else
            put_back(w, w->fetch.fetcher.claims[i]);
    }
    release_locks(w, &fresh);
    int64_t wall_ms = gf_broker_now_ms(w->broker);
    gf_worker_act(w, gf_pool_deliver(&w->run.pool, &fresh, gf_mono_ms(), wall_ms));
}

// ---- a store in trouble -------------------------------------------------------------------------

static void complain(gofer_worker *w, gofer_status st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    int64_t now_ms = gf_mono_ms();
    if (f->trouble_ms == 0)
        f->trouble_ms = now_ms;
    gf_worker_heed_store(w);
    if ((f->complained_ms && now_ms - f->complained_ms < COMPLAIN_MS) ||
        !gf_worker_logs(w, GOFER_LOG_WARN))
        return;
    f->complained_ms = now_ms;
    char waiting[32];
    snprintf(waiting, sizeof waiting, "%zu", f->outbox.count + f->afloat.count);
    gf_logf(&w->log, GOFER_LOG_WARN, "the store does not answer; trying on", "worker", w->id,
        "status", gofer_status_name(st), "error", gofer_error_last(), "#outcomes_waiting", waiting,
        NULL);
}

static void all_well(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    atomic_store(&w->upkeep.housekeeping.answered_ms, gf_mono_ms());
    atomic_store(&f->troubled, 0);
    if (f->trouble_ms == 0)
        return;
    char ms[32];
    snprintf(ms, sizeof ms, "%lld", (long long)(gf_mono_ms() - f->trouble_ms));
    f->trouble_ms = f->complained_ms = f->backoff_ms = 0;
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "the store answers again", "worker", w->id, "#after_ms",
            ms, NULL);
}

// Is a worker that stops out of time?
static bool hurries(gofer_worker *w)
{
    return atomic_load(&w->stop_calls) > 1 ||
        gf_mono_ms() - w->fetch.fetcher.stop_seen_ms >= FAREWELL_MS;
}

// A worker that stops cannot wait for a lost store for ever: the leases will end by themselves.
static void give_up_if_stopping(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    if (f->stop_seen_ms == 0)
        return;
    pthread_mutex_lock(&w->run.pool.lock);
    bool last = w->run.pool.held_count ==
        f->outbox.count + f->afloat.count + w->run.on_dead.waiting.count;
    pthread_mutex_unlock(&w->run.pool.lock);
    int64_t since_ms = f->stop_seen_ms > f->trouble_ms ? f->stop_seen_ms : f->trouble_ms;
    bool hurries = atomic_load(&w->stop_calls) > 1 || atomic_load(&w->left) ||
        w->ops->is_spent(w->broker);
    if (!last || (!hurries && gf_mono_ms() - since_ms < FAREWELL_MS))
        return;
    gf_tasks_join(&f->outbox, &w->run.on_dead.waiting);
    gf_tasks_join(&f->outbox, &f->afloat);
    gf_worker_outcomes_lost(w, f->outbox.count);
    gf_pool_release(&w->run.pool, &f->outbox);
}

static void back_off(gofer_worker *w, gofer_status st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    atomic_store(
        &f->troubled, st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN);
    complain(w, st);
    give_up_if_stopping(w);
    f->backoff_ms = f->backoff_ms ? 2 * f->backoff_ms : BACKOFF_MIN_MS;
    if (f->backoff_ms > BACKOFF_MAX_MS)
        f->backoff_ms = BACKOFF_MAX_MS;
    // Half of it fixed, half by chance, so that a herd of workers does not come back as one.
    gf_pool_pause(&w->run.pool,
        f->backoff_ms / 2 + (int64_t)(gf_fetcher_random(f) % (uint64_t)(f->backoff_ms / 2 + 1)));
}

// One of several servers is out of reach: what is for it does not hold up what is for the others.
static void set_aside(gofer_worker *w, gofer_status st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    complain(w, st);
    gf_tasks_join(&f->late, &f->outbox);
    f->late_ms = gf_mono_ms() + LATE_MS;
}

static void bring_back(gf_fetcher *f, bool stopping)
{
    if (f->late.count && (stopping || gf_mono_ms() >= f->late_ms))
        gf_tasks_join(&f->outbox, &f->late);
}

static int64_t sooner(int64_t a_us, int64_t b_us)
{
    return a_us < 0 || (b_us >= 0 && b_us < a_us) ? b_us : a_us;
}

// How long to wait for news, -1: for ever, before there is something to do anyway.
static int64_t patience_us(gofer_worker *w, int64_t fallback_ms)
{
    const gf_fetcher *f = &w->fetch.fetcher;
    int64_t ms = gf_pool_patience_ms(
        &w->run.pool, w->run.on_dead.waiting.count ? LOOK_DEAD_MS : fallback_ms);
    int64_t us = sooner(ms < 0 ? -1 : ms * 1000, afloat_us(w));
    int64_t late_ms = f->late_ms - gf_mono_ms();
    return f->late.count ? sooner(us, late_ms > 0 ? late_ms * 1000 : 0) : us;
}

// ---- the loop -----------------------------------------------------------------------------------

// Is there nothing to take, as far as we have heard?
static bool is_dry(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    if (f->dry_ms && gf_mono_ms() - f->dry_ms >= IDLE_MS)
        f->dry_ms = 0;
    // Who drains asks once more when all that he had is done.
    return f->dry_ms != 0 && !(w->settings.drain && gf_pool_empty(&w->run.pool));
}

// Asleep in the store until it has news, a slot has finished, or ready tasks need a look.
// True if it was the store that woke us.
static bool wait_in_store(gofer_worker *w)
{
    if (!gf_pool_lie_down(&w->run.pool))
        return false;
    gofer_status st =
        w->ops->tasks->waiter_wait(atomic_load(&w->fetch.waiter), patience_us(w, IDLE_MS));
    bool by_slot = gf_pool_get_up(&w->run.pool);
    if (st != GOFER_OK && st != GOFER_ETIMEOUT) {
        complain(w, st);
        gf_pool_pause(&w->run.pool, BACKOFF_MIN_MS);
    }
    if (st != GOFER_ETIMEOUT && !by_slot)
        w->fetch.fetcher.dry_ms = 0;
    return st == GOFER_OK && !by_slot;
}

// A suspect was seen, and is waited for; or that is over. Of several queues each has its turn in
// between.
static void note_suspect(gf_fetcher *f, const gf_take *take)
{
    bool was_apart = !take->no_suspects && take->count > 0 && take->claims[0]->message.suspect > 0;
    if (was_apart && f->queues->count == 1)
        return;                    // the next one may well be another
    char *queue = take->suspect ? gf_strdup(take->suspect) : NULL;     // else it is seen again
    forget_suspect(f);
    f->suspect_queue = queue;
}

// What is wanted, now that a suspect is next in a queue: that one, as soon as it would be alone
// with what is above suspicion.
static size_t make_way(gofer_worker *w, size_t want, int64_t *look_ms)
{
    if (!w->fetch.fetcher.suspect_queue || want == 0)
        return want;
    *look_ms = gf_pool_way_ms(&w->run.pool, gf_mono_ms());
    return *look_ms == 0;
}

// A suspect that has run for longer than its patience is proven: the store is told, and others are
// taken again.
static void prove(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    int64_t now_ms = gf_mono_ms();
    gofer_task *task = now_ms >= f->prove_again_ms ? gf_pool_outlasted(&w->run.pool, now_ms) : NULL;
    if (!task)
        return;
    gf_lease lease = { .claim = task->claim, .proven = true };
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_EXTEND, begun_ns,
        w->ops->tasks->extend(w->broker, &lease, 1, w->settings.lease_ms));
    if (st == GOFER_OK && (lease.status == GOFER_OK || lease.status == GOFER_ESTALE)) {
        gf_pool_prove(&w->run.pool, task);
        return;
    }
    complain(w, st == GOFER_OK ? lease.status : st);
    f->prove_again_ms = now_ms + PROVE_AGAIN_MS;
}

// Hand in and take. *idle: there was nothing to take, so it is time to wait.
static gofer_status exchange(gofer_worker *w, size_t want, bool *idle)
{
    gf_fetcher *f = &w->fetch.fetcher;
    gf_share apart = { f->suspect_queue, 1 };
    void *array = f->claims;
    size_t count = fill_finishes(w);
    want = room_for(&array, &f->claim_capacity, want, sizeof *f->claims);
    f->claims = array;
    gf_take take = {
        .worker = w->id,
        .queues = f->suspect_queue ? &apart : f->shares,
        .queue_count = f->suspect_queue ? 1 : f->queues->count,
        .max = want,
        .no_suspects = !f->suspect_queue,
        .lease_ms = w->settings.lease_ms,
        .claims = f->claims,
        .room = sizeof(gofer_task),
    };
    if (want) {
        if (!f->suspect_queue)
            gf_fetcher_plan(f, want, w->settings.strict != 0);
        w->ops->tasks->waiter_arm(atomic_load(&w->fetch.waiter));
    } else if (count == 0) {
        return gf_fail_nomem("an exchange with the store");
    }
    int64_t begun_ns = gf_mono_ns();
    gofer_status st = gf_tally_call(&w->upkeep.tallies, GF_CALL_EXCHANGE, begun_ns,
        w->ops->tasks->exchange(w->broker, f->finishes, count, want ? &take : NULL));
    if (st != GOFER_OK)
        return st;
    // New tasks first: the slots start on them while the rest is put away.
    bool all_asked = take.no_suspects && !take.suspect,
         all = all_asked && take.count < want && !take.left;
    if (want)
        gf_gather_note(&f->gather, take.count, all, gf_mono_ns());
    if (want && take.count)
        atomic_load(&w->fetch.waiter)->fed = true;
    if (want)
        note_suspect(f, &take);
    if (take.count)
        deliver(w, take.count);
    bool requeued = release_stored(w, count, &st);
    if (st != GOFER_OK && atomic_load(&w->stop_calls) == 0) {
        set_aside(w, st);
        st = GOFER_OK;
    }
    if (want)
        f->dry_ms = all && !requeued ? gf_mono_ms() : 0;
    *idle = want && take.count == 0 && all_asked && !requeued && f->outbox.count == 0;
    return st;
}

// Lets tasks gather, while they come so fast that it is worth it.
static void gather(gofer_worker *w)
{
    gf_fetcher *f = &w->fetch.fetcher;
    int64_t bound_ns = w->settings.gather_us * 1000;
    if (!gf_gather_flows(&f->gather, bound_ns))
        return;
    f->dry_ms = 0;                 // no need to be told that there are some
    int64_t ns = gf_gather_ns(&f->gather, bound_ns, gf_mono_ns());
    if (ns >= 1000)
        gf_sleep_us(ns / 1000);
}

// Not while no queue matches; nor with aggregators alone, for what they make others run.
static bool can_take(const gofer_worker *w)
{
    return w->fetch.fetcher.queues->count > 0 && (w->settings.pull || w->run.mux.count > 0);
}

// Only here it is sure: whoever reads "quiet" may count on it that nothing is taken any more.
static bool is_quiet(gofer_worker *w)
{
    int quiet = atomic_load(&w->quiet);
    if (atomic_load_explicit(&w->fetch.fetcher.quiet, memory_order_relaxed) == quiet)
        return quiet;              // written by this thread alone
    atomic_store(&w->fetch.fetcher.quiet, quiet);
    gf_housekeeping_ask_presence(w);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, quiet ? "worker is quiet: it takes no more tasks"
            : "worker takes tasks again", "worker", w->id, NULL);
    return quiet;
}

void *gf_fetcher_main(void *arg)
{
    gofer_worker *w = arg;
    gf_fetcher *f = &w->fetch.fetcher;
    bool news = false;                 // the store woke us
    gf_thread_name("gofer-fetcher");

    for (;;) {
        gf_calls calls = { 0 };
        bool stopping = atomic_load(&w->stop_calls) > 0, idle = false;
        gofer_status followed = gf_fetcher_follow(w);
        if (followed != GOFER_OK)
            complain(w, followed);     // on with the queues there were; the next turn tries again
        bool taking = !is_quiet(w) && !stopping && can_take(w);
        if (stopping && f->stop_seen_ms == 0) {
            f->stop_seen_ms = gf_mono_ms();
            gf_pool_stop(&w->run.pool);
        }
        int64_t look_ms;
        if (taking)
            gather(w);
        bring_back(f, stopping);
        prove(w);
        size_t room = gf_pool_collect(&w->run.pool, &f->outbox, taking, gf_mono_ms(), &calls);
        gf_worker_act(w, calls);
        gofer_status settled = settle(w, afloat_us(w) == 0);
        if (settled != GOFER_OK) {
            back_off(w, settled);      // with all that is finished in the outbox
            continue;
        }
        gf_on_dead_put(w, gf_mono_ms(), stopping && hurries(w));
        size_t fits = gf_want_room(w, gf_on_dead_room(w, room), &look_ms);
        size_t want = make_way(w, fits, &look_ms);
        if (want == 0 && f->outbox.count == 0) {
            if (stopping && gf_pool_empty(&w->run.pool))
                break;
            // Whether there is anything to wait for, housekeeping knows.
            if (w->settings.drain && !can_take(w))
                gf_housekeeping_ask_drain(w);
            int64_t us = patience_us(w, look_ms);
            gf_pool_wait(&w->run.pool, us < 0 ? -1 : (us + 999) / 1000);
            continue;
        }
        if (f->outbox.count == 0 && is_dry(w)) {
            if (f->queues->more)
                gf_housekeeping_ask_queues(w);
            news = wait_in_store(w);
            continue;
        }
        gofer_status st = exchange(w, want, &idle);
        if (st != GOFER_OK) {
            back_off(w, st);
            continue;
        }
        if (f->late.count == 0)
            all_well(w);
        // The arming has swallowed all news up to it, and with it that of scheduled tasks.
        if (want)
            gf_housekeeping_ask_forward(w, gf_mono_ms() + LOOK_AGAIN_MS);
        if (!idle) {
            news = false;
            continue;
        }
        // News without a task: perhaps one was scheduled, which only housekeeping looks for.
        if (news)
            gf_housekeeping_ask_forward(w, 0);
        if (f->queues->more)
            gf_housekeeping_ask_queues(w);
        // Who drains wants to know that all is done.
        if (w->settings.drain && (st = settle(w, true)) != GOFER_OK) {
            back_off(w, st);
            continue;
        }
        if (w->settings.drain)
            gf_housekeeping_ask_drain(w);
        news = wait_in_store(w);
    }
    atomic_store(&f->done, 1);
    gf_wake_fd_set(&w->upkeep.wake_fd);
    return NULL;
}

void gf_fetcher_clear(gf_fetcher *f)
{
    gf_free(f->finishes);          // what is in the outbox is held by the pool

    forget_suspect(f);
    gf_free(f->claims);
    gf_free(f->shares);
    gf_free(f->order);
    gf_free(f->sums);
    gf_queue_set_drop(f->queues);
}
