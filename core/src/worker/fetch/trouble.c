// trouble.c - a store in trouble: out of reach, full or slow. It is complained about, asked again
// later, and given up by a worker that stops.
//
// May touch: pool, the log. Locks: the pool's, to see whether only outcomes are left.
#include "worker/fetch/fetcher_steps.h"

#include <stdio.h>

#include "util/clock.h"
#include "util/error.h"
#include "worker/run/on_end.h"
#include "worker/run/pool.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"

enum {
    BACKOFF_MAX_MS = 5000,
    COMPLAIN_MS = 30000,           // a store in trouble is logged once in so long
    LATE_MS = 1000,                // outcomes that had no answer while others had are
                                   //   told again after so long
    FAREWELL_MS = 5000             // a stopping worker tries so long to hand in what is left
};

void gf_fetcher_complain(gofer_worker *w, gofer_status st)
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

void gf_fetcher_all_well(gofer_worker *w)
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

bool gf_fetcher_hurries(gofer_worker *w)
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
        f->outbox.count + f->afloat.count + w->run.on_end.waiting.count;
    pthread_mutex_unlock(&w->run.pool.lock);
    int64_t since_ms = f->stop_seen_ms > f->trouble_ms ? f->stop_seen_ms : f->trouble_ms;
    bool hurries = atomic_load(&w->stop_calls) > 1 || atomic_load(&w->left) ||
        w->ops->is_spent(w->broker);
    if (!last || (!hurries && gf_mono_ms() - since_ms < FAREWELL_MS))
        return;
    gf_tasks_join(&f->outbox, &w->run.on_end.waiting);
    gf_tasks_join(&f->outbox, &f->afloat);
    gf_worker_outcomes_lost(w, f->outbox.count);
    gf_pool_release(&w->run.pool, &f->outbox);
}

void gf_fetcher_back_off(gofer_worker *w, gofer_status st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    atomic_store(
        &f->troubled, st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN);
    gf_fetcher_complain(w, st);
    give_up_if_stopping(w);
    f->backoff_ms = f->backoff_ms ? 2 * f->backoff_ms : GF_FETCHER_PAUSE_MS;
    if (f->backoff_ms > BACKOFF_MAX_MS)
        f->backoff_ms = BACKOFF_MAX_MS;
    // Half of it fixed, half by chance, so that a herd of workers does not come back as one.
    gf_pool_pause(&w->run.pool,
        f->backoff_ms / 2 + (int64_t)(gf_fetcher_random(f) % (uint64_t)(f->backoff_ms / 2 + 1)));
}

void gf_fetcher_set_aside(gofer_worker *w, gofer_status st)
{
    gf_fetcher *f = &w->fetch.fetcher;
    gf_fetcher_complain(w, st);
    gf_tasks_join(&f->late, &f->outbox);
    f->late_ms = gf_mono_ms() + LATE_MS;
}

void gf_fetcher_bring_back(gf_fetcher *f, bool stopping)
{
    if (f->late.count && (stopping || gf_mono_ms() >= f->late_ms))
        gf_tasks_join(&f->outbox, &f->late);
}
