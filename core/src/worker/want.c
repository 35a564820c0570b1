// want.c - what the worker itself lacks to run its tasks (descriptors, processes, memory, a place
// for files): such a task goes back, and fewer are taken until there is room again.
//
// May touch: the log, presence. Locks: its own, a leaf.
#include <stdio.h>

#include "util/error.h"
#include "worker/runtime.h"

enum {
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 5000,
    COMPLAIN_MS = 30000            // it is logged once in so long
};

bool gf_want_any(const gf_want *want)
{
    return atomic_load_explicit(&want->lacking, memory_order_relaxed) != 0;
}

// Those that run beside it did fit. Several that come at once are one want.
static bool take_note(gf_want *want, size_t beside, int64_t now_ms)
{
    if (want->pause_ms == 0 || now_ms >= want->until_ms)
        want->pause_ms = want->pause_ms == 0 ? PAUSE_MIN_MS : 2 * want->pause_ms;
    if (want->pause_ms > PAUSE_MAX_MS)
        want->pause_ms = PAUSE_MAX_MS;
    want->until_ms = now_ms + want->pause_ms;
    want->fits = beside;
    bool complains = want->complained_ms == 0 || now_ms - want->complained_ms >= COMPLAIN_MS;
    if (complains)
        want->complained_ms = now_ms;
    return complains;
}

void gf_want_note(gofer_worker *w, const char *text)
{
    gf_want *want = &w->want;
    pthread_mutex_lock(&w->pool.lock);
    size_t running = w->pool.running;
    pthread_mutex_unlock(&w->pool.lock);
    pthread_mutex_lock(&want->lock);
    bool complains = take_note(want, running > 0 ? running - 1 : 0, gf_mono_ms());
    bool news = atomic_exchange(&want->lacking, 1) == 0;
    pthread_mutex_unlock(&want->lock);
    if (news)
        gf_keeper_ask_presence(w);
    if (complains && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN,
            "the worker lacks what its tasks need: they go back, and fewer are taken",
            "worker", w->id, "error", text, NULL);
}

// After each pause without another want there is a little more room, and one day as much as ever.
size_t gf_want_room(gofer_worker *w, size_t room, int64_t *look_ms)
{
    gf_want *want = &w->want;
    bool over = false;
    int64_t now_ms = gf_mono_ms();
    *look_ms = -1;
    if (!gf_want_any(want) || room == 0)
        return room;
    pthread_mutex_lock(&w->pool.lock);
    size_t held = w->pool.running + w->pool.ready.count, slots = w->pool.concurrency;
    pthread_mutex_unlock(&w->pool.lock);
    pthread_mutex_lock(&want->lock);
    for (; now_ms >= want->until_ms && !over; over = want->fits >= slots) {
        want->fits += want->fits / 2 + 1;
        want->until_ms += want->pause_ms;
        want->pause_ms = want->pause_ms / 2 > PAUSE_MIN_MS ? want->pause_ms / 2 : PAUSE_MIN_MS;
    }
    *look_ms = want->until_ms - now_ms;
    size_t left = want->fits > held ? want->fits - held : 0;
    if (over) {
        want->pause_ms = 0;
        atomic_store(&want->lacking, 0);
    }
    pthread_mutex_unlock(&want->lock);
    if (!over)
        return left < room ? left : room;
    gf_keeper_ask_presence(w);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "the worker has what its tasks need again", "worker",
            w->id, NULL);
    return room;
}
