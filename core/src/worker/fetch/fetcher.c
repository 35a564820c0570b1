// fetcher.c - the one thread that speaks with the store about tasks: hands in what is finished and
// takes what is next, both in one exchange, and waits in the store when there is neither.
//
// May touch: pool, broker/broker.h. An outcome stays in the outbox until the store has it: a store
// that is out of reach, full or slow costs time, never a task, and never ends the worker.
// The steps of the loop have files of their own: see fetcher_steps.h.
#include "worker/fetch/fetcher.h"

#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "worker/fetch/fetcher_steps.h"
#include "worker/fetch/gather.h"
#include "worker/fetch/want.h"
#include "worker/run/on_end.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/tally.h"

enum {
    IDLE_MS = 5000,                // longest trust in the store's call; then we look by ourselves
    LOOK_AGAIN_MS = 40,            // while we are busy: how soon to look for tasks that are due
    LOOK_DEAD_MS = 1000            // while on-dead tasks are not in yet
};

// ---- waiting -----------------------------------------------------------------------------------

static int64_t sooner(int64_t a_us, int64_t b_us)
{
    return a_us < 0 || (b_us >= 0 && b_us < a_us) ? b_us : a_us;
}

// How long to wait for news, -1: for ever, before there is something to do anyway.
static int64_t patience_us(gofer_worker *w, int64_t fallback_ms)
{
    const gf_fetcher *f = &w->fetch.fetcher;
    int64_t ms = gf_pool_patience_ms(
        &w->run.pool, w->run.on_end.waiting.count ? LOOK_DEAD_MS : fallback_ms);
    int64_t us = sooner(ms < 0 ? -1 : ms * 1000, gf_outbox_afloat_us(w));
    int64_t late_ms = f->late_ms - gf_mono_ms();
    return f->late.count ? sooner(us, late_ms > 0 ? late_ms * 1000 : 0) : us;
}

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
        gf_fetcher_complain(w, st);
        gf_pool_pause(&w->run.pool, GF_FETCHER_PAUSE_MS);
    }
    if (st != GOFER_ETIMEOUT && !by_slot)
        w->fetch.fetcher.dry_ms = 0;
    return st == GOFER_OK && !by_slot;
}

// ---- one exchange ------------------------------------------------------------------------------

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

// Hand in and take. *idle: there was nothing to take, so it is time to wait.
static gofer_status exchange(gofer_worker *w, size_t want, bool *idle)
{
    gf_fetcher *f = &w->fetch.fetcher;
    gf_share apart = { f->suspect_queue, 1 };
    void *array = f->claims;
    size_t count = gf_outbox_fill(w);
    want = gf_fetcher_room(&array, &f->claim_capacity, want, sizeof *f->claims);
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
    if (count && w->ops->flows && w->ops->flows->rung(w->broker))
        gf_housekeeping_ask_flows(w);
    if (want && w->ops->limits && w->ops->limits->rung(w->broker))
        gf_housekeeping_ask_limits(w);
    // New tasks first: the slots start on them while the rest is put away.
    bool all_asked = take.no_suspects && !take.suspect,
         all = all_asked && take.count < want && !take.left;
    if (want)
        gf_gather_note(&f->gather, take.count, all, gf_mono_ns());
    if (want && take.count)
        atomic_load(&w->fetch.waiter)->fed = true;
    if (want)
        gf_fetcher_note_suspect(f, &take);
    if (take.count)
        deliver(w, take.count);
    bool requeued = gf_outbox_release(w, count, &st);
    if (st != GOFER_OK && atomic_load(&w->stop_calls) == 0) {
        gf_fetcher_set_aside(w, st);
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

// ---- the loop ----------------------------------------------------------------------------------

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
            gf_fetcher_complain(w, followed);  // on with the queues there were; the next turn
                                               //   tries again
        bool taking = !is_quiet(w) && !stopping && can_take(w);
        if (stopping && f->stop_seen_ms == 0) {
            f->stop_seen_ms = gf_mono_ms();
            gf_pool_stop(&w->run.pool);
        }
        int64_t look_ms;
        if (taking)
            gather(w);
        gf_fetcher_bring_back(f, stopping);
        gf_fetcher_prove(w);
        size_t room = gf_pool_collect(&w->run.pool, &f->outbox, taking, gf_mono_ms(), &calls);
        gf_worker_act(w, calls);
        gofer_status settled = gf_outbox_settle(w, gf_outbox_afloat_us(w) == 0);
        if (settled != GOFER_OK) {
            gf_fetcher_back_off(w, settled);      // with all that is finished in the outbox
            continue;
        }
        gf_on_end_put(w, gf_mono_ms(), stopping && gf_fetcher_hurries(w));
        size_t fits = gf_want_room(w, gf_on_end_room(w, room), &look_ms);
        size_t want = gf_fetcher_make_way(w, fits, &look_ms);
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
            gf_fetcher_back_off(w, st);
            continue;
        }
        if (f->late.count == 0)
            gf_fetcher_all_well(w);
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
        if (w->settings.drain && (st = gf_outbox_settle(w, true)) != GOFER_OK) {
            gf_fetcher_back_off(w, st);
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
    gf_fetcher_forget_suspect(f);
    gf_free(f->claims);
    gf_free(f->shares);
    gf_free(f->order);
    gf_free(f->sums);
    gf_queue_set_drop(f->queues);
}
