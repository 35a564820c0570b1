// worker.c - a worker's public doors: make it, start it, stop it, wait for it, free it (setup.c has
// those before the start).
//
// May touch: everything in worker/. Setting up is one thread's work; from start on these doors are
// safe from any thread, and stop and quiet from signal handlers too.
#include "worker/worker.h"

#include <stdio.h>

#include "client/client.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/fetch/fetcher.h"
#include "worker/group/aggregate.h"
#include "worker/run/mux.h"
#include "worker/run/on_end.h"
#include "worker/run/pool.h"
#include "worker/run/slot.h"
#include "worker/run/task.h"
#include "worker/run/lane.h"
#include "worker/runtime.h"
#include "worker/settings.h"
#include "worker/subscription.h"
#include "worker/upkeep/guard.h"
#include "worker/upkeep/housekeeping.h"
#include "worker/upkeep/presence.h"
#include "worker/upkeep/publish.h"
#include "worker/upkeep/scheduling.h"
#include "worker/upkeep/stats.h"
#include "worker/upkeep/tally.h"

enum { LOST_WAIT_MS = 2000, LEFT_WAIT_MS = 400 };

// ---- checks and getters -----------------------------------------------------------------

gofer_status gf_worker_check(const gofer_worker *w, const char *what)
{
    if (!w)
        return gf_fail(GOFER_EINVAL, "%s: worker must not be NULL", what);
    if (w->process != gf_process_self())
        return gf_fail(GOFER_EFORKED,
            "%s: this worker belongs to the parent process; make a new one here", what);
    return GOFER_OK;
}

const gf_url *gf_worker_url(const gofer_worker *worker)
{
    return &worker->client->url;
}

const gf_log *gf_worker_log(const gofer_worker *worker)
{
    return &worker->log;
}

int64_t gf_worker_result_limit(const gofer_worker *worker)
{
    return worker->broker->config.max_payload;
}

int64_t gf_worker_lost_after_ms(const gofer_worker *worker)
{
    return worker->settings.lost_after_ms;
}

bool gf_worker_logs(const gofer_worker *w, int32_t level)
{
    return gf_log_on(&w->log) && level >= w->settings.log_level;
}

bool gf_worker_abandoned(const gofer_worker *w)
{
    return atomic_load_explicit(&w->abandoned, memory_order_relaxed) != 0;
}

void gf_worker_act(gofer_worker *w, gf_calls calls)
{
    if (calls.waiter)
        gf_worker_wake(w);
    if (calls.guard)
        gf_wake_fd_set(&w->upkeep.wake_fd);
    if (calls.children)
        gf_housekeeping_ask_children(w);
    // Each one, for each is counted as being made: a worker would wait for ever for one forgotten.
    for (; calls.spawn; calls.spawn--)
        gf_slot_spawn(w);
}

void gf_worker_nudge(gofer_worker *w)
{
    gf_pool_nudge(&w->run.pool);
    gf_worker_wake(w);
}

// Counted first: who replaces the waiter waits until nobody can still hold the old one.
void gf_worker_wake(gofer_worker *w)
{
    atomic_fetch_add(&w->fetch.waking, 1);
    gf_waiter *waiter = atomic_load(&w->fetch.waiter);
    if (waiter)
        w->ops->tasks->waiter_wake(waiter);
    atomic_fetch_sub(&w->fetch.waking, 1);
}

void gf_worker_resize(gofer_worker *w, size_t concurrency)
{
    gf_worker_act(w, gf_pool_resize(&w->run.pool, concurrency));
    gf_worker_nudge(w);
    gf_housekeeping_ask_presence(w);
}

void gf_worker_outcomes_lost(gofer_worker *w, size_t tasks)
{
    if (tasks == 0 || atomic_exchange(&w->upkeep.outcomes_lost_noted, 1))
        return;
    char count[32];
    w->upkeep.counters.outcomes_lost = (int64_t)tasks;
    snprintf(count, sizeof count, "%zu", tasks);
    if (gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR,
            "outcomes could not be handed in: these tasks run again when their leases end",
            "worker", w->id, "#tasks", count, NULL);
}

// ---- new ----------------------------------------------------------------------------------

enum { LOCK_COUNT = 5 };           // those that are there from new to free

static pthread_mutex_t *lock_of(gofer_worker *w, size_t i)
{
    pthread_mutex_t *locks[LOCK_COUNT] = {
        &w->run.warned.lock,
        &w->subscriber.lock,
        &w->upkeep.stats.lock,
        &w->upkeep.publishing.lock,
        &w->fetch.want.lock,
    };
    return locks[i];
}

static void destroy_locks(gofer_worker *w, size_t count)
{
    while (count)
        pthread_mutex_destroy(lock_of(w, --count));
}

static bool init_locks(gofer_worker *w)
{
    for (size_t i = 0; i < LOCK_COUNT; i++)
        if (pthread_mutex_init(lock_of(w, i), NULL) != 0) {
            destroy_locks(w, i);
            return false;
        }
    return true;
}

gofer_status gofer_worker_new(gofer_worker **out, gofer_client *client)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_worker_new: out must not be NULL");
    gofer_status st = gf_client_check(client, "gofer_worker_new");
    if (st != GOFER_OK)
        return st;
    gofer_worker *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("a worker");
    if (!init_locks(w)) {
        gf_free(w);
        return gf_fail_nomem("a worker's lock");
    }
    // Open from now on: stop may be called from a signal handler at any time.
    if (!gf_wake_fd_open(&w->upkeep.wake_fd)) {
        destroy_locks(w, LOCK_COUNT);
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no file descriptor for a worker");
    }
    if (!gf_housekeeping_open(w)) {
        gf_wake_fd_close(&w->upkeep.wake_fd);
        destroy_locks(w, LOCK_COUNT);
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no file descriptor for a worker");
    }
    w->client = gf_client_hold(client);
    w->broker = client->broker;
    w->ops = client->broker->ops;
    w->log = client->log;
    w->process = client->process;
    w->group.aggregators.noun = "group pattern";
    w->run.policies.noun = "retry pattern";
    gf_settings_init(&w->settings);
    gf_id_new(w->id);
    if (gethostname(w->host, sizeof w->host - 1) != 0)
        snprintf(w->host, sizeof w->host, "unknown");
    *out = w;
    return GOFER_OK;
}

// ---- start --------------------------------------------------------------------------------------

static void close_waiter(gofer_worker *w)
{
    gf_waiter *waiter = atomic_exchange(&w->fetch.waiter, NULL);
    if (waiter)
        w->ops->tasks->waiter_close(waiter);
}

static gofer_status prepare(gofer_worker *w)
{
    gofer_status st;
    bool changed;
    if (w->settings.encrypted_only && !w->client->keys)
        return gf_fail(GOFER_EINVAL, "encrypted_only is set, and the worker's client has no keys");
    if ((st = gf_subscriber_default(&w->subscriber)) != GOFER_OK)
        return st;
    gf_fetcher_clear(&w->fetch.fetcher);
    w->fetch.fetcher = (gf_fetcher){ .random = gf_random64() };
    w->run.on_end.waiting = (gf_tasks){ 0 };
    if ((st = gf_subscriber_look(w, &changed)) != GOFER_OK)
        return st;
    w->started_ms = gf_now_ms();
    gf_publish_look(w);
    gf_mux_seal(&w->run.mux);
    gf_mux_seal(&w->run.policies);
    return GOFER_OK;
}

// Registered and with a pool: the threads. On failure those that run are brought home.
static gofer_status start_threads(gofer_worker *w)
{
    gf_lanes_open(w);
    gofer_status st = gf_aggregate_start(w);
    if (st != GOFER_OK)
        return st;
    if (!w->settings.pull && !gf_slot_start_first(w))
        return gf_fail(GOFER_ENOMEM, "no thread for a slot of the worker");
    if (gf_thread_start(
            &w->fetch.fetcher.thread, gf_fetcher_main, w, (size_t)w->settings.stack_size) != 0)
        return gf_fail(GOFER_ENOMEM, "no thread for the worker's fetcher");
    w->fetch.fetcher.joinable = true;
    w->upkeep.guard = (gf_guard){ .joinable = false };
    bool kept = gf_housekeeping_start(w);
    if (!kept ||
        gf_thread_start(
            &w->upkeep.guard.thread, gf_guard_main, w, (size_t)w->settings.stack_size) != 0) {
        if (kept)
            gf_housekeeping_undo(w);
        // Without a guard nobody would end the fetcher; it has not taken anything for long.
        atomic_fetch_add(&w->stop_calls, 2);
        gf_pool_stop(&w->run.pool);
        gf_worker_nudge(w);
        pthread_join(w->fetch.fetcher.thread, NULL);
        w->fetch.fetcher.joinable = false;
        atomic_fetch_sub(&w->stop_calls, 2);
        return gf_fail(GOFER_ENOMEM, "no thread for the worker's housekeeping");
    }
    w->upkeep.guard.joinable = true;
    gf_aggregate_go(w);
    return GOFER_OK;
}

static void log_start(gofer_worker *w)
{
    if (!gf_worker_logs(w, GOFER_LOG_INFO))
        return;
    char concurrency[32], handlers[32];
    snprintf(concurrency, sizeof concurrency, "%lld", (long long)w->settings.concurrency);
    snprintf(handlers, sizeof handlers, "%zu", w->run.mux.count);
    gf_logf(&w->log, GOFER_LOG_INFO, "worker started", "worker", w->id, "url", w->client->url.shown,
        "queues", w->subscriber.set->text, "#concurrency", concurrency, "#handlers", handlers,
        NULL);
}

gofer_status gofer_worker_start(gofer_worker *worker)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_start");
    if (st != GOFER_OK)
        return st;
    gofer_worker *w = worker;
    if (w->settings.pull && w->run.mux.count)
        return gf_fail(GOFER_ESTATE,
            "gofer_worker_start: \"pull\" is set, but handlers are registered");
    if (!w->settings.pull && w->run.mux.count == 0 && w->group.aggregators.count == 0 &&
        !w->run.lanes)
        return gf_fail(GOFER_ESTATE,
            "gofer_worker_start: no handler is registered; nothing could be run");

    if ((st = gf_lanes_start(w)) != GOFER_OK)
        return st;
    if ((st = prepare(w)) != GOFER_OK ||
        (st = gf_pool_init(&w->run.pool, &w->settings)) != GOFER_OK)
        goto no_pool;
    if ((st = gf_fetcher_follow(w)) != GOFER_OK)
        goto no_waiter;
    if ((st = gf_presence_register(w)) != GOFER_OK)
        goto no_entry;
    if ((st = gf_presence_watch(w)) != GOFER_OK)
        goto no_watch;
    if ((st = gf_scheduling_start(w)) != GOFER_OK)
        goto no_scheduler;
    log_start(w);
    gf_subscriber_log_left_out(w);
    if ((st = start_threads(w)) != GOFER_OK)
        goto no_threads;
    atomic_store(&w->state, GF_STARTED);
    return GOFER_OK;

no_threads:
    gf_aggregate_stop(w);
    gf_aggregate_join(w, 0);       // they have not begun
    gf_pool_end(&w->run.pool);
    gf_pool_join(&w->run.pool, 0);
    gf_scheduling_end(w);
no_scheduler:
    gf_presence_unwatch(w);
no_watch:
    (void)w->ops->upkeep->worker_deregister(w->broker, w->id);
no_entry:
    close_waiter(w);
no_waiter:
    gf_lanes_end(w);               // crews look into the pool once it is open
    gf_pool_clear(&w->run.pool);
    return st;
no_pool:
    gf_lanes_end(w);
    return st;
}

// ---- stop, wait, free ---------------------------------------------------------------------------

void gofer_worker_quiet(gofer_worker *worker)
{
    // A forked child inherits the signal handlers, and the descriptors: not its business.
    if (!worker || worker->process != gf_process_self())
        return;
    atomic_store(&worker->quiet, 1);
    gf_wake_fd_set(&worker->upkeep.wake_fd);
}

void gofer_worker_resume(gofer_worker *worker)
{
    if (!worker || worker->process != gf_process_self())
        return;
    atomic_store(&worker->quiet, 0);
    atomic_store(&worker->resumed, 1);
    gf_wake_fd_set(&worker->upkeep.wake_fd);    // the guard wakes the fetcher
}

void gf_worker_stop_once(gofer_worker *w)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&w->stop_calls, &none, 1))
        return;
    gf_wake_fd_set(&w->upkeep.wake_fd);
    gf_worker_wake(w);
}

void gf_worker_fail(gofer_worker *w, gofer_status status, const char *text)
{
    pthread_mutex_lock(&w->run.pool.lock);
    if (!w->run.failed) {
        w->run.failed = gf_strdup(text);
        w->run.failed_status = status;
    }
    pthread_mutex_unlock(&w->run.pool.lock);
    if (gf_worker_logs(w, GOFER_LOG_ERROR))
        gf_logf(&w->log, GOFER_LOG_ERROR, "the worker cannot go on", "worker", w->id, "error", text,
            NULL);
    gf_worker_stop_once(w);
}

void gf_worker_heed_store(gofer_worker *w)
{
    char why[512];
    if (atomic_load(&w->stop_calls) > 0 || !w->ops->is_spent(w->broker))
        return;
    snprintf(why, sizeof why, "the store failed for good, and needs to be opened again: %s",
        gofer_error_last());
    gf_worker_fail(w, GOFER_EBROKER, why);
}

void gofer_worker_stop(gofer_worker *worker)
{
    if (!worker || worker->process != gf_process_self())
        return;
    atomic_fetch_add(&worker->stop_calls, 1);
    // Housekeeping does what a signal handler may not: locks and conditions.
    gf_wake_fd_set(&worker->upkeep.wake_fd);
    gf_worker_wake(worker);
}

gofer_status gofer_worker_wait(gofer_worker *worker, int64_t timeout_ms)
{
    gofer_status st = gf_worker_check(worker, "gofer_worker_wait");
    if (st != GOFER_OK)
        return st;
    if (atomic_load(&worker->state) != GF_STARTED)
        return gf_fail(GOFER_ESTATE, "gofer_worker_wait: the worker is not started");
    if (timeout_ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "gofer_worker_wait: timeout_ms is over the longest duration");

    gf_pool *p = &worker->run.pool;
    int64_t end_ms = timeout_ms < 0 ? 0 : gf_mono_ms() + timeout_ms, left = -1;
    pthread_mutex_lock(&p->lock);
    while (!p->ended && (timeout_ms < 0 || (left = end_ms - gf_mono_ms()) > 0))
        gf_cond_wait(&p->changed, &p->lock, left);
    bool ended = p->ended;
    const char *failed = worker->run.failed;   // stays as it is, with its status
    st = worker->run.failed_status;
    pthread_mutex_unlock(&p->lock);
    if (ended && failed)
        return gf_fail(st, "%s", failed);
    return ended ? GOFER_OK : gf_fail(GOFER_ETIMEOUT, "the worker has not ended in the time given");
}

gofer_status gofer_worker_run(gofer_worker *worker)
{
    gofer_status st = gofer_worker_start(worker);
    return st == GOFER_OK ? gofer_worker_wait(worker, -1) : st;
}

// What is left of a worker whose threads are gone.
static void free_parts(gofer_worker *w)
{
    gf_worker_drop_kept(w, 0);
    gf_free(w->run.failed);
    gf_free(w->run.kept);
    gf_free(w->run.layers);
    gf_free(w->run.watchers.items);
    gf_routes_free(atomic_load(&w->run.routes));
    gf_mux_clear(&w->run.mux);
    gf_mux_clear(&w->run.policies);
    gf_on_end_clear(w);
    gf_scheduling_clear(w);
    gf_aggregate_clear(w);
    gf_fetcher_clear(&w->fetch.fetcher);
    gf_queue_set_drop(w->subscriber.set);
    gf_subscription_clear(&w->subscriber.subscription);
    gf_subscription_clear(&w->subscriber.named);
    gf_stats_clear(&w->upkeep.stats);
    gf_tallies_clear(&w->upkeep.tallies);
    gf_publish_clear(&w->upkeep.publishing);
    for (size_t i = 0; i < w->run.warned.count; i++)
        gf_free(w->run.warned.types[i]);
    destroy_locks(w, LOCK_COUNT);
    gf_housekeeping_close(w);
    gf_wake_fd_close(&w->upkeep.wake_fd);
    gf_client_drop(w->client);
    gf_free(w);
}

// Nobody walks this list: it only keeps what is left in place in reach, for those who look for
// memory that is lost.
static void leave_behind(gofer_worker *w)
{
    static _Atomic(gofer_worker *) left;
    w->left_next = atomic_load(&left);
    while (!atomic_compare_exchange_weak(&left, &w->left_next, w))
        ;
}

// False: it is inside a call to a store that does not answer, and comes home by itself.
static bool join_housekeeping(gofer_worker *w)
{
    for (int waited_ms = 0; atomic_load(&w->left) && !atomic_load(&w->upkeep.signed_off);
         waited_ms += 5) {
        if (waited_ms >= LEFT_WAIT_MS)
            return false;
        gf_sleep_us(5000);
    }
    // Which has joined the other.
    pthread_join(w->upkeep.housekeeping.threads[GF_KEEPS_REST].thread, NULL);
    return true;
}

void gofer_worker_free(gofer_worker *worker)
{
    gofer_worker *w = worker;
    // In a forked child the threads are not here and the locks are as the fork caught them:
    // whatever it holds is left alone.
    if (!w || w->process != gf_process_self())
        return;
    if (atomic_load(&w->state) == GF_STARTED) {
        gofer_worker_stop(w);
        gofer_worker_stop(w);
        (void)gofer_worker_wait(w, -1);
        pthread_join(w->upkeep.guard.thread, NULL);
        if (!join_housekeeping(w)) {
            atomic_store(&w->abandoned, 1);
            // Which joins the others.
            pthread_detach(w->upkeep.housekeeping.threads[GF_KEEPS_REST].thread);
            leave_behind(w);
            return;
        }
        // A handler that does not come back still uses its task, the worker and perhaps a plugin's
        // code, or is inside a call to the store. All of it is left in place, the client too, on
        // purpose: a leak is better than a crash.
        gf_lanes_end(w);
        bool all = gf_pool_join(&w->run.pool, LOST_WAIT_MS);
        all &= gf_aggregate_join(w, LOST_WAIT_MS);
        if (!all) {
            atomic_store(&w->abandoned, 1);
            close_waiter(w);
            gf_pool_detach(&w->run.pool);
            leave_behind(w);
            return;
        }
        while (atomic_load(&w->fetch.inside) > 0)
            gf_sleep_us(20);       // who has just finished the last pulled task, or was refused one
        close_waiter(w);
        gf_pool_clear(&w->run.pool);
    }
    free_parts(w);
}

// ---- its name ---------------------------------------------------------------------------------

const char *gofer_worker_id(const gofer_worker *worker)
{
    return worker ? worker->id : NULL;
}
