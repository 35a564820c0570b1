// pool_slots.c - the slots' doors to the pool: the next task, sleep, and which slots there are.
//
// May touch: task, util/. Every function takes the pool's lock unless it says that it is held. The
// threads themselves are made in slot.c.
#include "worker/run/pool.h"

#include "util/alloc.h"
#include "util/array.h"
#include "util/thread.h"
#include "worker/run/lane.h"
#include "worker/run/pool_steps.h"
#include "worker/run/task.h"

// ---- one task to the next ---------------------------------------------------------------------

// One slot too many since the concurrency was lowered? Then this one, which has nothing to do,
// goes.
static bool retire(gf_pool *p, gf_slot *slot)
{
    if (p->live <= gf_pool_threads_wanted(p) || p->undecided.count > 0)
        return false;
    slot->state = GF_SLOT_LEFT;
    p->live--;
    return true;
}

// Locks: pool->lock held. What a slot is to start now; NULL: nothing.
static gofer_task *next_of(gf_pool *p)
{
    gofer_task *task = NULL;
    if (p->stopping)
        return NULL;
    if (gf_pool_slots_running(p) < p->concurrency)
        task = gf_tasks_pop(&p->ready);
    return task ? task : gf_lanes_next(p);
}

gofer_task *gf_pool_swap(gf_pool *p, gf_slot *slot, gofer_task *done, int64_t now_ns, bool *leave,
    gf_calls *calls)
{
    gf_tasks out = { 0 };
    gofer_task *task = NULL;
    *leave = false;
    pthread_mutex_lock(&p->lock);
    if (done && done->runner == slot && gf_task_lost(done)) {
        gf_pool_return_lost(p, done, &out);
        slot->state = GF_SLOT_LEFT;
        *leave = true;
    } else {
        if (done)
            gf_pool_report(p, done, now_ns, calls);
        task = gf_tasks_pop(&p->undecided);
        if (!task && (task = next_of(p)))
            gf_pool_start(p, task, slot, now_ns, calls);
        // A slow handler holds this slot: the next task needs another one.
        if (task)
            calls->spawn += gf_pool_rouse(p, gf_pool_wanted(p));
        *leave = !task && (p->ending || retire(p, slot));
    }
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
    return task;
}

void gf_pool_sleep(gf_pool *p, gf_slot *slot)
{
    pthread_mutex_lock(&p->lock);
    if (gf_pool_could_start(p) == 0 && !p->ending && p->live <= gf_pool_threads_wanted(p)) {
        slot->idle_next = p->idle;
        p->idle = slot;
        while (!slot->woken)
            pthread_cond_wait(&slot->cond, &p->lock);
        slot->woken = false;
        p->waking--;
    }
    pthread_mutex_unlock(&p->lock);
}

void gf_pool_arrive(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waking--;
    pthread_mutex_unlock(&p->lock);
}

// ---- which slots there are --------------------------------------------------------------------

// Locks: pool->lock held.
static gf_slot *add_slot(gf_pool *p, gofer_worker *worker)
{
    if (!gf_grow(p->slots, p->slot_room, p->slot_count + 1))
        return NULL;
    gf_slot *slot = gf_calloc(1, sizeof *slot);
    if (!slot || gf_cond_init(&slot->cond) != 0) {
        gf_free(slot);
        return NULL;
    }
    slot->worker = worker;
    slot->number = (int32_t)p->slot_count;
    p->slots[p->slot_count++] = slot;
    return slot;
}

gf_slot *gf_pool_slot_new(gf_pool *p, gofer_worker *worker, pthread_t *old, bool *has_old)
{
    gf_slot *slot = NULL;
    *has_old = false;
    pthread_mutex_lock(&p->lock);
    // One that left before its maker has noted the thread is not joinable yet: that note would be
    // lost.
    for (size_t i = 0; i < p->slot_count && !slot; i++)
        if (p->slots[i]->state == GF_SLOT_FREE ||
            (p->slots[i]->state == GF_SLOT_LEFT && p->slots[i]->joinable))
            slot = p->slots[i];
    if (!slot)
        slot = add_slot(p, worker);
    if (slot) {
        if (slot->joinable) {
            *old = slot->thread;
            *has_old = true;
            slot->joinable = false;
        }
        slot->state = GF_SLOT_LIVE;
    }
    pthread_mutex_unlock(&p->lock);
    return slot;
}

size_t gf_pool_slot_made(gf_pool *p, gf_slot *slot, const pthread_t *thread)
{
    pthread_mutex_lock(&p->lock);
    if (thread) {
        slot->thread = *thread;
        slot->joinable = true;
    } else {
        // Make do with the threads there are; asking again at once would fail again (want.c).
        if (slot)
            slot->state = GF_SLOT_FREE;
        p->waking--;
        p->live--;
        p->threads_max = p->live;
    }
    size_t live = p->live;
    p->spawning--;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return live;
}

bool gf_pool_join(gf_pool *p, int64_t lost_wait_ms)
{
    int64_t end_ms = gf_mono_ms() + lost_wait_ms, left;
    pthread_mutex_lock(&p->lock);
    while (p->spawning > 0)
        gf_cond_wait(&p->changed, &p->lock, -1);
    for (size_t i = 0; i < p->slot_count; i++) {
        gf_slot *slot = p->slots[i];
        while (slot->state == GF_SLOT_LOST && (left = end_ms - gf_mono_ms()) > 0)
            gf_cond_wait(&p->changed, &p->lock, left);
        if (slot->state == GF_SLOT_LOST || !slot->joinable)
            continue;
        slot->joinable = false;
        pthread_mutex_unlock(&p->lock);
        pthread_join(slot->thread, NULL);
        pthread_mutex_lock(&p->lock);
    }
    // Those that the host pulled and has not finished.
    while (p->lost > 0 && (left = end_ms - gf_mono_ms()) > 0)
        gf_cond_wait(&p->changed, &p->lock, left);
    bool all = p->lost == 0;
    pthread_mutex_unlock(&p->lock);
    return all;
}

void gf_pool_detach(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->slot_count; i++)
        if (p->slots[i]->joinable) {
            p->slots[i]->joinable = false;
            pthread_detach(p->slots[i]->thread);
        }
    pthread_mutex_unlock(&p->lock);
}

// ---- how many -----------------------------------------------------------------------------------

gf_calls gf_pool_resize(gf_pool *p, size_t concurrency)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    p->concurrency = concurrency;
    // Those who sleep hear of it now; those who run when they come back.
    size_t wanted = gf_pool_threads_wanted(p);
    for (size_t surplus = p->live > wanted ? p->live - wanted : 0; surplus && p->idle; surplus--) {
        gf_slot *slot = p->idle;
        p->idle = slot->idle_next;
        p->waking++;
        slot->woken = true;
        pthread_cond_signal(&slot->cond);
    }
    calls.spawn = gf_pool_rouse(p, gf_pool_could_start(p));
    if (p->pull) {
        gf_pool_notify_host(p);
        pthread_cond_broadcast(&p->takers);
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

gf_calls gf_pool_allow_threads(gf_pool *p, size_t count)
{
    gf_calls calls = { 0 };
    pthread_mutex_lock(&p->lock);
    if (p->threads_max != SIZE_MAX && count > p->threads_max) {
        p->threads_max = count;
        calls.spawn = gf_pool_rouse(p, gf_pool_could_start(p));
    }
    pthread_mutex_unlock(&p->lock);
    return calls;
}

// ---- their end ----------------------------------------------------------------------------------

void gf_pool_end(gf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    for (gf_slot *slot = p->idle; slot; slot = slot->idle_next) {
        p->waking++;
        slot->woken = true;
        pthread_cond_signal(&slot->cond);
    }
    p->idle = NULL;
    gf_lanes_wake(p);
    pthread_mutex_unlock(&p->lock);
}
