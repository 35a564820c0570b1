// keeper.c - the worker's housekeeper: a table of duties, each with its own time, on one thread; and the steps of a stop.
//
// May touch: pool, broker.h. It sleeps until the next duty is due or somebody pokes it. The
// heartbeat stands first and is looked at again after every duty, so that nothing but a store that
// does not answer can hold it up; and no handler runs here, nor any hook.
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

#include "util/error.h"
#include "worker/duties.h"

enum {
    FORWARD_GAP_MS = 20,           // due tasks are looked for at the most so often
    PROGRESS_MS = 250,             // how long progress is collected,
    EVENTS_MS = 20,                //   and events
    COMPLAIN_MS = 60000,
    RETURN_MS = 1000               // a cancelled handler may take so long when the worker stops
};

// ---- the table ---------------------------------------------------------------------------------------------------

typedef enum duty_number {
    HEARTBEAT, PRESENCE, DEADLINES, EVENTS, PROGRESS, FORWARD, RECOVER, QUEUES, RECLAIM, DRAIN, SCHEDULES, FIGURES, UPKEEP, PURGE, DUTY_COUNT
} duty_number;

// In order of importance. run may set *next_ms, which comes as now + interval.
static const struct duty {
    const char  *name;
    int64_t      interval_ms;      // 0: run says itself
    gofer_status (*run)(gofer_worker *w, int64_t now_ms, int64_t *next_ms);
} duties[] = {
    [HEARTBEAT] = { "heartbeat", 0, gf_duty_heartbeat },
    [PRESENCE] = { "presence", 0, gf_duty_presence },
    [DEADLINES] = { "deadlines", 0, gf_duty_deadlines },
    [EVENTS] = { "events", 0, gf_duty_events },
    [PROGRESS] = { "progress", 0, gf_duty_progress },
    [FORWARD] = { "forward", 0, gf_duty_forward },
    [RECOVER] = { "recover", 1000, gf_duty_recover },
    [QUEUES] = { "queues", 0, gf_duty_queues },
    [RECLAIM] = { "reclaim", 0, gf_duty_reclaim },
    [DRAIN] = { "drain", 0, gf_duty_drain },
    [SCHEDULES] = { "schedules", GF_SCHEDULER_LOOK_MS, gf_duty_schedules },
    [FIGURES] = { "figures", 5000, gf_duty_figures },
    [UPKEEP] = { "upkeep", 2000, gf_duty_upkeep },
    [PURGE] = { "purge", 10000, gf_duty_purge },
};

_Static_assert((int)DUTY_COUNT <= (int)GF_DUTIES_MAX, "the keeper has a time for every duty");

static void log_duty(gofer_worker *w, size_t i, gofer_status st, int64_t now_ms)
{
    int64_t *since = &w->keeper.complained_ms[i];
    if (st == GOFER_OK) {
        if (*since && gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "a duty of the keeper works again", "duty", duties[i].name, NULL);
        *since = 0;
        return;
    }
    if (*since && now_ms - *since < COMPLAIN_MS)
        return;
    *since = now_ms;
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "a duty of the keeper failed; trying on", "duty", duties[i].name,
            "status", gofer_status_name(st), "error", gofer_error_last(), NULL);
}

// Takes over what other threads have asked for since the last look.
static void hear(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    int64_t ask_ms = atomic_exchange(&k->forward_ask_ms, GF_NEVER);
    if (ask_ms != GF_NEVER) {
        int64_t soonest_ms = k->forwarded_ms + FORWARD_GAP_MS;
        k->due_ms[FORWARD] = gf_sooner(k->due_ms[FORWARD], ask_ms > soonest_ms ? ask_ms : soonest_ms);
    }
    if (atomic_exchange(&k->progress_asked, 0))
        k->due_ms[PROGRESS] = gf_sooner(k->due_ms[PROGRESS], now_ms + PROGRESS_MS);
    gf_tell_look(w);
    if (atomic_exchange(&k->events_asked, 0))
        k->due_ms[EVENTS] = gf_sooner(k->due_ms[EVENTS], now_ms + EVENTS_MS);
    if (atomic_exchange(&k->presence_asked, 0))
        k->due_ms[PRESENCE] = gf_sooner(k->due_ms[PRESENCE], now_ms);
    if (atomic_load(&w->serving.wished) != k->wished)
        k->due_ms[QUEUES] = gf_sooner(k->due_ms[QUEUES], now_ms);
    if (gf_scheduling_hear(w))
        k->due_ms[SCHEDULES] = gf_sooner(k->due_ms[SCHEDULES], now_ms);
    if (atomic_exchange(&k->drain_asked, 0))
        k->due_ms[DRAIN] = gf_sooner(k->due_ms[DRAIN], now_ms);
    pthread_mutex_lock(&w->pool.lock);
    k->due_ms[DEADLINES] = w->pool.watch_ms;
    pthread_mutex_unlock(&w->pool.lock);
    atomic_store(&k->forward_due_ms, k->due_ms[FORWARD]);
}

// Runs the first duty that is due. False: none is; *next_ms: when one will be.
static bool run_one(gofer_worker *w, int64_t now_ms, int64_t *next_ms)
{
    gf_keeper *k = &w->keeper;
    *next_ms = GF_NEVER;
    for (size_t i = 0; i < DUTY_COUNT; i++) {
        if (k->due_ms[i] > now_ms) {
            *next_ms = gf_sooner(*next_ms, k->due_ms[i]);
            continue;
        }
        k->due_ms[i] = now_ms + duties[i].interval_ms;
        log_duty(w, i, duties[i].run(w, now_ms, &k->due_ms[i]), now_ms);
        return true;
    }
    return false;
}

// ---- stopping ------------------------------------------------------------------------------------------------------

enum { ON_DUTY, IN_GRACE, CANCELLED, GIVEN_UP };

static void cancel_running(gofer_worker *w)
{
    pthread_mutex_lock(&w->pool.lock);
    for (gofer_task *task = w->pool.held; task; task = task->held_next)
        if (task->phase == GF_RUNNING)
            gf_task_cancel(task, GOFER_CANCEL_STOP);
    pthread_mutex_unlock(&w->pool.lock);
}

// Put back what handlers still hold; what they come back with later is ignored.
static void give_up_running(gofer_worker *w)
{
    gf_pool *p = &w->pool;
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    for (gofer_task *task = p->held; task; task = task->held_next) {
        if (task->phase != GF_RUNNING)
            continue;
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_FATE_REQUEUED, false, 0 };
        calls.waiter |= gf_pool_lose(p, task, true).waiter;
        w->stats.lost_slots += task->runner != NULL;
    }
    int64_t lost = w->stats.lost_slots;
    pthread_mutex_unlock(&p->lock);
    gf_worker_act(w, calls);
    char count[32];
    snprintf(count, sizeof count, "%lld", (long long)lost);
    if (lost && gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "handlers did not return when asked to stop: their tasks are put back",
            "worker", w->id, "#lost_slots", count, NULL);
}

static void hear_quiet(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    bool quiet = atomic_load(&w->quiet) != 0;
    if (quiet == k->was_quiet)
        return;
    k->was_quiet = quiet;
    k->due_ms[PRESENCE] = now_ms;              // tell the state
    if (!quiet)
        gf_worker_nudge(w);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, quiet ? "worker is quiet: it takes no more tasks"
            : "worker takes tasks again", "worker", w->id, NULL);
}

// Goes through the steps of a stop; returns when the next one is due.
static int64_t step_down(gofer_worker *w, int64_t now_ms)
{
    gf_keeper *k = &w->keeper;
    int calls = atomic_load(&w->stop_calls);
    if (calls == 0) {
        hear_quiet(w, now_ms);
        return GF_NEVER;
    }
    if (k->stop_step == ON_DUTY) {
        k->stop_step = IN_GRACE;
        k->step_until_ms = now_ms + w->settings.grace_ms;
        k->due_ms[PRESENCE] = now_ms;
        if (gf_worker_logs(w, GOFER_LOG_INFO))
            gf_logf(&w->log, GOFER_LOG_INFO, "worker is stopping", "worker", w->id, NULL);
        gf_pool_stop(&w->pool);
        gf_aggregate_stop(w);
        gf_scheduling_stop(w);
        gf_worker_nudge(w);
    }
    if (k->stop_step == IN_GRACE && (calls > 1 || now_ms >= k->step_until_ms)) {
        k->stop_step = CANCELLED;
        k->step_until_ms = now_ms + RETURN_MS;
        cancel_running(w);
        gf_aggregate_cancel(w);
        gf_worker_nudge(w);
    }
    if (k->stop_step == CANCELLED && now_ms >= k->step_until_ms) {
        k->stop_step = GIVEN_UP;
        give_up_running(w);
        gf_aggregate_give_up(w);
        gf_worker_nudge(w);
    }
    return k->stop_step == GIVEN_UP ? GF_NEVER : k->step_until_ms;
}

static void log_end(gofer_worker *w)
{
    if (!gf_worker_logs(w, GOFER_LOG_INFO))
        return;
    const gf_stats *s = &w->stats;
    char processed[32], failed[32], lost[32], up[32];
    snprintf(processed, sizeof processed, "%lld", (long long)s->processed);
    snprintf(failed, sizeof failed, "%lld", (long long)s->failed);
    snprintf(lost, sizeof lost, "%lld", (long long)s->lost_slots);
    snprintf(up, sizeof up, "%lld", (long long)(gf_now_ms() - w->started_ms));
    gf_logf(&w->log, GOFER_LOG_INFO, "worker stopped", "worker", w->id, "#processed", processed, "#failed",
        failed, "#lost_slots", lost, "#up_ms", up, NULL);
}

// The courier has handed in the last outcome.
static void end_worker(gofer_worker *w)
{
    gf_pool *p = &w->pool;
    pthread_join(w->courier.thread, NULL);
    w->courier.joinable = false;
    gf_pool_end(p);
    gf_pool_join(p, 0);
    gf_scheduling_end(w);
    gf_presence_unwatch(w);
    gf_tell_send(w);
    if (w->figures.on && gf_figures_flush(&w->figures, w->broker) != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "the latest figures are lost", "worker", w->id, "error", gofer_error_last(), NULL);
    if (w->ops->worker_deregister(w->broker, w->id) != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "worker could not sign off", "worker", w->id, "error",
            gofer_error_last(), NULL);
    log_end(w);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

// ---- the thread, and what others ask of it ------------------------------------------------------------------------------

// A heartbeat must not wait behind busy handlers. Where it is not allowed, it is not.
static void raise_priority(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -5);
#endif
}

void *gf_keeper_main(void *arg)
{
    gofer_worker *w = arg;
    gf_thread_name("gofer-keeper");
    raise_priority();
    while (!atomic_load(&w->courier.done) || !gf_aggregate_done(w)) {
        int64_t now_ms = gf_mono_ms(), duty_ms, step_ms = step_down(w, now_ms);
        hear(w, now_ms);
        if (run_one(w, now_ms, &duty_ms))
            continue;
        int64_t next_ms = gf_sooner(duty_ms, step_ms);
        gf_poke_wait(&w->poke, next_ms == GF_NEVER ? -1 : next_ms - gf_mono_ms() < 0 ? 0 : next_ms - gf_mono_ms());
    }
    end_worker(w);
    return NULL;
}

void gf_keeper_init(gofer_worker *w)
{
    gf_keeper *k = &w->keeper;
    int64_t now_ms = gf_mono_ms();
    for (size_t i = 0; i < DUTY_COUNT; i++)
        k->due_ms[i] = now_ms;
    k->due_ms[HEARTBEAT] = now_ms + w->settings.lease_ms / 3;
    k->due_ms[PRESENCE] = now_ms + gf_presence_interval_ms(w);     // start has just signed on
    k->due_ms[PROGRESS] = k->due_ms[DRAIN] = k->due_ms[EVENTS] = GF_NEVER;
    k->due_ms[FIGURES] = now_ms + duties[FIGURES].interval_ms;
    k->due_ms[QUEUES] = gf_serving_has_patterns(&w->serving) ? now_ms + GF_QUEUES_MS : GF_NEVER;
    atomic_store(&k->forward_ask_ms, GF_NEVER);
    atomic_store(&k->forward_due_ms, now_ms);
}

void gf_keeper_ask_forward(gofer_worker *w, int64_t at_ms)
{
    gf_keeper *k = &w->keeper;
    if (at_ms >= atomic_load(&k->forward_due_ms))
        return;
    int64_t asked_ms = atomic_load(&k->forward_ask_ms);
    while (at_ms < asked_ms && !atomic_compare_exchange_weak(&k->forward_ask_ms, &asked_ms, at_ms))
        ;
    gf_poke_set(&w->poke);
}

void gf_keeper_ask_drain(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.drain_asked, 1))
        gf_poke_set(&w->poke);
}

void gf_keeper_ask_progress(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.progress_asked, 1))
        gf_poke_set(&w->poke);
}

void gf_keeper_ask_presence(gofer_worker *w)
{
    atomic_store(&w->keeper.presence_asked, 1);
    gf_poke_set(&w->poke);
}

void gf_keeper_ask_events(gofer_worker *w)
{
    if (!atomic_exchange(&w->keeper.events_asked, 1))
        gf_poke_set(&w->poke);
}
