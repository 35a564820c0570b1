// suspects.c - suspects, which may have brought down a worker: one runs alone with what is above
// suspicion, until it is proven.
//
// May touch: pool, broker/broker.h. On the fetcher's thread; no locks.
#include "worker/fetch/fetcher_steps.h"

#include "util/alloc.h"
#include "util/clock.h"
#include "worker/run/pool.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/tally.h"

enum { PROVE_AGAIN_MS = 1000 };

void gf_fetcher_forget_suspect(gf_fetcher *f)
{
    gf_free(f->suspect_queue);
    f->suspect_queue = NULL;
}

void gf_fetcher_note_suspect(gf_fetcher *f, const gf_take *take)
{
    bool was_apart = !take->no_suspects && take->count > 0 && take->claims[0]->message.suspect > 0;
    if (was_apart && f->queues->count == 1)
        return;                    // the next one may well be another
    char *queue = take->suspect ? gf_strdup(take->suspect) : NULL;     // else it is seen again
    gf_fetcher_forget_suspect(f);
    f->suspect_queue = queue;
}

size_t gf_fetcher_make_way(gofer_worker *w, size_t want, int64_t *look_ms)
{
    if (!w->fetch.fetcher.suspect_queue || want == 0)
        return want;
    *look_ms = gf_pool_way_ms(&w->run.pool, gf_mono_ms());
    return *look_ms == 0;
}

void gf_fetcher_prove(gofer_worker *w)
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
    gf_fetcher_complain(w, st == GOFER_OK ? lease.status : st);
    f->prove_again_ms = now_ms + PROVE_AGAIN_MS;
}
