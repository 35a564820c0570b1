// slot.c - one thread that runs one task at a time, and the decision what becomes of it.
//
// May touch: pool, mux, outcome, task. Handlers, middleware and hooks are called here and nowhere
// else (but for the hooks of pulled tasks), always without a lock.
#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "worker/runtime.h"

enum { REASON_MAX = 9 * 1024 };    // the longest text of a handler, and what is put before it

// ---- the decision ------------------------------------------------------------------------

static void log_outcome(gofer_task *task, const gf_outcome *o, const char *text, int64_t now_ms)
{
    gofer_worker *w = task->worker;
    static const struct { int32_t level; const char *text; } lines[] = {
        [GF_FATE_DONE] = { GOFER_LOG_DEBUG, "task done" },
        [GF_FATE_RETRIED] = { GOFER_LOG_WARN, "task failed, to be retried" },
        [GF_FATE_ARCHIVED] = { GOFER_LOG_ERROR, "task failed, archived" },
        [GF_FATE_REVOKED] = { GOFER_LOG_INFO, "task revoked" },
        [GF_FATE_REQUEUED] = { GOFER_LOG_INFO, "task put back" },
    };
    int32_t level = lines[o->fate].level;
    const char *what = lines[o->fate].text;
    if (o->fate == GF_FATE_RETRIED && !o->is_failure) {
        level = GOFER_LOG_INFO;
        what = "task deferred";
    }
    if (!gf_worker_logs(w, level))
        return;
    const gf_message *m = &task->claim->message;
    char attempt[16], took[32], in[32];
    snprintf(attempt, sizeof attempt, "%d", (int)gofer_task_attempt(task));
    snprintf(took, sizeof took, "%lld", (long long)((gf_mono_ns() - task->started_ns) / 1000000));
    snprintf(in, sizeof in, "%lld", (long long)(o->at_ms - now_ms));
    gf_logf(&w->log, level, what, "task", m->id, "type", m->type, "queue", m->queue, "#attempt", attempt,
        "#duration_ms", took, "error", text,
        o->verdict == GF_RETRY_AT ? "#retry_in_ms" : NULL, in, NULL);
}

// A worker without the handler says so once per type, not for each of a million tasks.
static void warn_no_handler(gofer_worker *w, const char *type, const char *text)
{
    bool known = false;
    pthread_mutex_lock(&w->warned_lock);
    for (size_t i = 0; i < w->warned_count && !known; i++)
        known = strcmp(w->warned[i], type) == 0;
    char *copy = !known && w->warned_count < GF_WARNED_MAX ? gf_strdup(type) : NULL;
    if (copy)
        w->warned[w->warned_count++] = copy;
    pthread_mutex_unlock(&w->warned_lock);
    if (copy && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "no handler for this type: its tasks are put off", "type", type,
            "error", text, NULL);
}

// What the hooks say of a failure; they run on the thread of the handler.
static void ask_hooks(gofer_task *face, gf_attempt *a, const char *text)
{
    const gf_hooks *hooks = &face->worker->hooks;
    if (hooks->is_failure)
        a->is_failure = hooks->is_failure(face, text, hooks->is_failure_user) != 0;
    bool retries = !a->is_failure || a->retried < a->max_retry;
    if (hooks->delay && retries && a->retry_in_ms < 0)
        a->hook_delay_ms = hooks->delay(face, a->retried, text, hooks->delay_user);
}

// Everything but success: rare, so it may take its time.
static void decide_failure(gofer_task *face, gf_ending ending, int32_t returned, gf_outcome *outcome,
    char **reason)
{
    gofer_worker *w = face->worker;
    const gf_message *m = &face->claim->message;
    gf_attempt a = {
        .ending = ending,
        .returned = returned,
        .cancelled = atomic_load(&face->cancelled),
        .retried = m->retried,
        .max_retry = m->max_retry,
        .is_failure = true,
        .retry_in_ms = face->retry_in_ms,
        .hook_delay_ms = -1,
        .retry_delay_max_ms = w->settings.retry_delay_max_ms,
        .now_ms = gf_now_ms(),
        .random = gf_random_below(GF_RETRY_RANDOM),
    };
    char text[REASON_MAX];
    gf_outcome_text(&a, m->type, face->error, face->deadline_mono_ms - face->started_ns / 1000000,
        w->settings.lost_after_ms, text, sizeof text);
    bool failed = gf_attempt_failed(&a);
    if (failed)
        ask_hooks(face, &a, text);
    *outcome = gf_outcome_of(&a);

    if (outcome->verdict == GF_RETRY_AT || outcome->verdict == GF_ARCHIVE)
        *reason = gf_strdup(text);         // NULL: the courier has a text for that
    if (outcome->is_failure && w->hooks.error)
        w->hooks.error(face, outcome->fate == GF_FATE_ARCHIVED ? GOFER_SKIP_RETRY : GOFER_RETRY, text,
            w->hooks.error_user);
    if (ending == GF_NO_HANDLER)
        warn_no_handler(w, m->type, text);
    else
        log_outcome(face, outcome, *reason || face->error ? text : NULL, a.now_ms);
}

void gf_task_decide(gofer_task *face, gf_ending ending, int32_t returned, gf_outcome *outcome, char **reason)
{
    *reason = NULL;
    if (ending != GF_RETURNED || returned != GOFER_DONE) {
        decide_failure(face, ending, returned, outcome, reason);
        return;
    }
    *outcome = (gf_outcome){ GF_DONE, GF_FATE_DONE, false, 0 };
    if (face->worker->settings.log_level == GOFER_LOG_DEBUG)
        log_outcome(face, outcome, NULL, 0);
}

// ---- running -----------------------------------------------------------------------------------

int32_t gofer_task_next(gofer_task *task)
{
    if (!task)
        return GOFER_RETRY;
    if (!task->route)
        return gofer_task_fail(task, "gofer_task_next: a pulled task has no handlers to go on to");
    const gofer_worker *w = task->worker;
    size_t at = task->next_middleware;
    if (at == w->layer_count)
        return task->route->handler(task, task->route->user);
    // Put back afterwards, so that a middleware may run the rest a second time.
    task->next_middleware = at + 1;
    int32_t outcome = w->layers[at].run(task, w->layers[at].user);
    task->next_middleware = at;
    return outcome;
}

static void run_task(gofer_task *task)
{
    gf_ending ending = GF_RETURNED;
    int32_t returned = GOFER_REQUEUE;

    int32_t cancelled = atomic_load_explicit(&task->cancelled, memory_order_relaxed);
    if (cancelled == GOFER_CANCEL_LEASE)
        ;                          // lost while it waited here: put back, which the store may refuse
    else if (cancelled == GOFER_CANCEL_REQUEST)
        returned = GOFER_RETRY;    // while it waited here: failed as if it had begun
    else if (task->deadline_mono_ms && task->deadline_mono_ms <= task->started_ns / 1000000)
        ending = GF_EXPIRED;
    else if (!(task->route = gf_mux_find(&task->worker->mux, task->claim->message.type)))
        ending = GF_NO_HANDLER;
    else {
        gf_tell_started(task);
        returned = gofer_task_next(task);
    }
    if (atomic_load_explicit(&task->lost, memory_order_relaxed))
        return;                    // too late: another slot has decided, and has told the hooks
    gf_task_decide(task, ending, returned, &task->own_outcome, &task->own_reason);
}

// Decide for a handler that never came back. It still owns what a handler owns of its task, so the
// hooks are shown a likeness with an empty part of that.
static void bury_task(gofer_task *task, const gf_slot *slot)
{
    gofer_task face = {
        .claim = task->claim,
        .worker = task->worker,
        .slot = slot->number,
        .deadline_ms = task->deadline_ms,
        .deadline_mono_ms = task->deadline_mono_ms,
        .started_ns = task->started_ns,
        .retry_in_ms = -1,
    };
    atomic_store(&face.cancelled, GOFER_CANCEL_TIMEOUT);
    pthread_mutex_init(&face.progress_lock, NULL);
    gf_task_decide(&face, GF_LOST, GOFER_RETRY, &task->outcome, &task->reason);
    pthread_mutex_destroy(&face.progress_lock);
    gf_free(face.error);
    gf_free(face.result);
    gf_free(face.progress_text);
}

static void *slot_main(void *arg)
{
    gf_slot *slot = arg;
    gofer_worker *w = slot->worker;
    gofer_task *done = NULL;
    char name[16];
    snprintf(name, sizeof name, "gofer-s%d", (int)slot->number);
    gf_thread_name(name);
    gf_pool_arrive(&w->pool);

    // One clock reading a task: the end of one is the start of the next.
    for (int64_t now_ns = gf_mono_ns();; now_ns = gf_mono_ns()) {
        gf_calls calls = { 0 };
        bool leave;
        gofer_task *task = gf_pool_swap(&w->pool, slot, done, now_ns, &leave, &calls);
        gf_worker_act(w, calls);
        if (leave)
            return NULL;
        if (!task)
            gf_pool_sleep(&w->pool, slot);
        else if (atomic_load_explicit(&task->lost, memory_order_relaxed))
            bury_task(task, slot);
        else
            run_task(task);
        done = task;
    }
}

// ---- the slots of the pool ---------------------------------------------------------------------------

// Locks: pool->lock held.
static gf_slot *add_slot(gf_pool *p, gofer_worker *worker)
{
    gf_slot **slots = gf_realloc(p->slots, (p->slot_count + 1) * sizeof *slots);
    if (!slots)
        return NULL;
    p->slots = slots;
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
    // One that left before its maker has noted the thread is not joinable yet: that note would be lost.
    for (size_t i = 0; i < p->slot_count && !slot; i++)
        if (p->slots[i]->state == GF_SLOT_FREE || (p->slots[i]->state == GF_SLOT_LEFT && p->slots[i]->joinable))
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

void gf_pool_slot_made(gf_pool *p, gf_slot *slot, const pthread_t *thread)
{
    pthread_mutex_lock(&p->lock);
    if (thread) {
        slot->thread = *thread;
        slot->joinable = true;
    } else {
        // Make do with the threads there are; asking again at once would fail again.
        if (slot)
            slot->state = GF_SLOT_FREE;
        p->waking--;
        p->live--;
        if (p->live > 0 && p->live < p->concurrency)
            p->concurrency = p->live;
    }
    p->spawning--;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
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
    bool all = p->lost == 0;
    pthread_mutex_unlock(&p->lock);
    return all;
}

// ---- threads --------------------------------------------------------------------------------------

static int make_thread(gofer_worker *w, gf_slot **out)
{
    pthread_t thread, old;
    bool has_old;
    gf_slot *slot = *out = gf_pool_slot_new(&w->pool, w, &old, &has_old);
    if (!slot)
        return ENOMEM;
    if (has_old)
        pthread_join(old, NULL);
    int err = gf_thread_start(&thread, slot_main, slot, (size_t)w->settings.stack_size);
    if (err == 0)
        gf_pool_slot_made(&w->pool, slot, &thread);
    return err;
}

void gf_slot_spawn(gofer_worker *w)
{
    gf_slot *slot;
    int err = make_thread(w, &slot);
    if (err == 0)
        return;
    gf_pool_slot_made(&w->pool, slot, NULL);
    if (gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "no thread for another slot: concurrency is reduced", "worker", w->id,
            "error", strerror(err), NULL);
}

bool gf_slot_start_first(gofer_worker *w)
{
    pthread_mutex_lock(&w->pool.lock);
    w->pool.live++;
    w->pool.waking++;
    w->pool.spawning++;
    pthread_mutex_unlock(&w->pool.lock);
    gf_slot *slot;
    if (make_thread(w, &slot) == 0)
        return true;
    gf_pool_slot_made(&w->pool, slot, NULL);
    return false;
}
