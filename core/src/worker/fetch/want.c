// want.c - what the worker itself lacks to run its tasks (descriptors, processes, threads, memory,
// a place for files): such a task goes back, and fewer are taken until there is room again.
//
// May touch: the log, presence. Locks: its own, a leaf.
#include "worker/fetch/want.h"

#include <stdio.h>

#include "util/error.h"
#include "worker/run/lane.h"
#include "worker/run/pool.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"

enum {
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 5000,
    COMPLAIN_MS = 30000,           // it is logged once in so long
    GROUP_MS = 10000               // after its rest a group is tried within so long, or is gone
};

bool gf_want_any(const gf_want *want)
{
    return atomic_load_explicit(&want->lacking, memory_order_relaxed) != 0;
}

bool gf_want_shown(const gf_want *want)
{
    return gf_want_any(want) || gf_mono_ms() < atomic_load(&want->groups_until_ms);
}

// Groups have a rest of their own, and no slots: fewer tasks would not help them.
void gf_want_group(gofer_worker *w, bool lacks, int64_t rest_ms)
{
    int64_t now_ms = gf_mono_ms();
    int64_t until_ms = lacks ? now_ms + rest_ms + GROUP_MS : 0;
    bool lacked = atomic_exchange(&w->fetch.want.groups_until_ms, until_ms) > now_ms;
    if (lacks != lacked)
        gf_housekeeping_ask_presence(w);
}

// Those that run beside it did fit. Several that come at once are one want; one that comes after
// more were let in tells that it was too early.
static bool take_note(gf_want *want, size_t beside, int64_t now_ms)
{
    if (want->pause_ms == 0)
        want->pause_ms = PAUSE_MIN_MS;
    else if (want->tries)
        want->pause_ms *= 2;
    want->tries = false;
    if (want->pause_ms > PAUSE_MAX_MS)
        want->pause_ms = PAUSE_MAX_MS;
    want->until_ms = now_ms + want->pause_ms;
    want->fits = beside;
    bool complains = want->complained_ms == 0 || now_ms - want->complained_ms >= COMPLAIN_MS;
    if (complains)
        want->complained_ms = now_ms;
    return complains;
}

static void note(gofer_worker *w, size_t fits, const char *text)
{
    gf_want *want = &w->fetch.want;
    pthread_mutex_lock(&want->lock);
    bool complains = take_note(want, fits, gf_mono_ms());
    bool news = atomic_exchange(&want->lacking, 1) == 0;
    pthread_mutex_unlock(&want->lock);
    if (news)
        gf_housekeeping_ask_presence(w);
    if (complains && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN,
            "the worker lacks what its tasks need: they go back, and fewer are taken",
            "worker", w->id, "error", text, NULL);
}

void gf_want_note(gofer_worker *w, const char *text)
{
    pthread_mutex_lock(&w->run.pool.lock);
    size_t running = w->run.pool.running;
    pthread_mutex_unlock(&w->run.pool.lock);
    note(w, running > 0 ? running - 1 : 0, text);
}

void gf_want_thread(gofer_worker *w, gf_slot *slot, const char *text)
{
    note(w, gf_pool_slot_made(&w->run.pool, slot, NULL), text);
    gf_worker_nudge(w);            // the fetcher looks when to try again
}

// Locks: want->lock held. After each pause without another want there is a little more room, and
// one day as much as ever. True: there was, for a whole pause.
static bool grow(gf_want *want, size_t slots, int64_t now_ms)
{
    while (now_ms >= want->until_ms) {
        if (want->tries && want->fits >= slots)
            return true;
        if (want->tries && want->pause_ms >= 2 * PAUSE_MIN_MS)
            want->pause_ms /= 2;
        want->fits += want->fits / 2 + 1;
        want->tries = true;
        want->until_ms += want->pause_ms;
    }
    return false;
}

static void end(gofer_worker *w)
{
    gf_housekeeping_ask_presence(w);
    if (gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "the worker has what its tasks need again", "worker",
            w->id, NULL);
}

size_t gf_want_room(gofer_worker *w, size_t room, int64_t *look_ms)
{
    gf_want *want = &w->fetch.want;
    *look_ms = -1;
    if (!gf_want_any(want))
        return room;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&w->run.pool.lock);
    size_t held = w->run.pool.running + w->run.pool.ready.count;
    size_t slots = w->run.pool.concurrency + gf_lanes_slots(&w->run.pool);
    pthread_mutex_unlock(&w->run.pool.lock);
    pthread_mutex_lock(&want->lock);
    bool over = grow(want, slots, now_ms);
    size_t fits = over ? SIZE_MAX : want->fits;
    if (over) {
        want->pause_ms = 0;
        want->tries = false;
        atomic_store(&want->lacking, 0);
    } else {
        *look_ms = want->until_ms - now_ms;
    }
    pthread_mutex_unlock(&want->lock);
    gf_worker_act(w, gf_pool_allow_threads(&w->run.pool, fits));
    if (over)
        end(w);
    size_t left = fits > held ? fits - held : 0;
    return left < room ? left : room;
}
