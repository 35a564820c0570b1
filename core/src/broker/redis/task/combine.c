// combine.c - concurrent callers of put share a pipeline, as commits of a database do.
//
// Who comes first leads: it goes at once with its tasks. Who comes while a leader is under way
// gathers: the first to gather will be the next leader and take all who have gathered. So a caller
// that is alone has nothing to wait for, and sixteen cost the server little more than one.
#include "broker/redis/task/put.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/event_count.h"
#include "util/spin.h"
#include "util/thread.h"

enum {
    LEADERS = 1,                   // under way; measured: with two, pipelines are half as
                                   //   full and all are slower
    PATIENCE_MS = 20,              // then the next goes all the same: a server that hangs must
                                   //   not hold up the others
    LARGE = 64,                    // tasks of one caller: it gains nothing by company
    EVENT_COUNTS = 4               // so many gatherings are told apart when waking
};

typedef struct caller {
    gf_rd_new     *tasks;          // made ready, so that the leader has little to do
                                   //   between two pipelines
    size_t         count;
    _Atomic bool   done;           // set last: the caller goes away then
    char           text[512];      // what failed, from the leader's thread
    struct caller *next;
} caller;

struct gf_rd_combiner {
    pthread_mutex_t lock;          // for all below
    pthread_cond_t  turn;          // the next leader waits here
    // And who gathers with it here, without the lock.
    gf_event_count  event_counts[EVENT_COUNTS];
    _Atomic int     leaders;       // changed with the lock held
    gf_spin         spin;          // of the next leader
    caller         *first, **last; // gathering; the first will lead
    size_t          tasks;
    unsigned        gathering;     // its number
};

gofer_status gf_rd_combiner_open(gf_rd_store *s)
{
    gf_rd_combiner *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("the sharing of pipelines");
    // On Linux these do not fail without attributes; a system where they do is out of memory.
    int bad = pthread_mutex_init(&c->lock, NULL) | gf_cond_init(&c->turn);
    for (size_t i = 0; i < EVENT_COUNTS; i++)
        bad |= !gf_event_count_open(&c->event_counts[i]);
    c->last = &c->first;
    gf_spin_init(&c->spin);
    s->combiner = c;
    return bad ? gf_fail_nomem("the sharing of pipelines") : GOFER_OK;
}

void gf_rd_combiner_close(gf_rd_store *s)
{
    gf_rd_combiner *c = s->combiner;
    if (c && s->process == gf_process_self()) {
        pthread_mutex_destroy(&c->lock);
        pthread_cond_destroy(&c->turn);
        for (size_t i = 0; i < EVENT_COUNTS; i++)
            gf_event_count_close(&c->event_counts[i]);
    }
    gf_free(c);
    s->combiner = NULL;
}

// ---- one put ------------------------------------------------------------------------------------

// The store has looked at the task.
static bool is_answer(const gf_put *item)
{
    gofer_status st = item->status;
    return st == GOFER_OK || st == GOFER_EEXIST || st == GOFER_EDUPLICATE || st == GOFER_ESTATE ||
           st == GOFER_EFULL || st == GOFER_ECORRUPT || st == GOFER_EUNSUPPORTED || item->closed;
}

// OK: some have an answer, and each has its status. Else what became of the call.
static gofer_status status_of(const caller *me)
{
    for (size_t i = 0; i < me->count; i++)
        if (is_answer(me->tasks[i].item))
            return GOFER_OK;
    return me->tasks[0].item->status;
}

static void fail_all(caller *first, gofer_status st)
{
    for (caller *c = first; c; c = c->next)
        for (size_t i = 0; i < c->count; i++)
            c->tasks[i].item->status = st;
}

// Puts the tasks of these callers, `tasks` in all.
static void lead(gf_rd_store *s, caller *first, size_t tasks)
{
    gf_rd_new *few[LARGE], **list = tasks <= LARGE ? few : gf_alloc(tasks * sizeof(gf_rd_new *));
    size_t count = 0;
    if (!list) {
        fail_all(first, gf_fail_nomem("tasks to be put"));
    } else {
        for (caller *c = first; c; c = c->next)
            for (size_t i = 0; i < c->count; i++)
                list[count++] = &c->tasks[i];
        gf_rd_put_all(s, list, count);
    }
    for (caller *c = first->next; c; c = c->next)
        if (status_of(c) != GOFER_OK)
            snprintf(c->text, sizeof c->text, "%s", gofer_error_last());
    if (list != few)
        gf_free(list);
}

// ---- many at a time -----------------------------------------------------------------------------

// Locks: c->lock held. Those who have gathered; the next to come gathers anew.
static caller *take_gathered(gf_rd_combiner *c, size_t *tasks)
{
    caller *first = c->first;
    *tasks = c->tasks;
    c->first = NULL;
    c->last = &c->first;
    c->tasks = 0;
    c->gathering++;
    return first;
}

// Locks: c->lock held.
static void join(gf_rd_combiner *c, caller *me)
{
    *c->last = me;
    c->last = &me->next;
    c->tasks += me->count;
}

// Locks: c->lock held; let go when it returns.
static void lead_gathered(gf_rd_store *s, gf_rd_combiner *c)
{
    size_t tasks;
    gf_event_count *finished = &c->event_counts[c->gathering % EVENT_COUNTS];
    caller *first = take_gathered(c, &tasks);
    bool alone = !first->next;
    c->leaders++;
    pthread_mutex_unlock(&c->lock);
    lead(s, first, tasks);
    pthread_mutex_lock(&c->lock);
    c->leaders--;
    bool others_wait = c->first != NULL;
    pthread_mutex_unlock(&c->lock);
    if (others_wait)
        pthread_cond_signal(&c->turn);         // before the others: the server waits for it
    if (alone)
        return;
    for (caller *each = first, *next; each; each = next) {
        next = each->next;                     // a caller that is done goes away
        atomic_store_explicit(&each->done, true, memory_order_release);
    }
    gf_event_count_notify(finished);
}

// The leader under way mostly lands before a sleeper would have woken. Locks: c->lock
// held, let go meanwhile.
static void look_for_turn(gf_rd_combiner *c)
{
    if (!gf_spin_worth(&c->spin))
        return;
    pthread_mutex_unlock(&c->lock);
    int64_t end = gf_mono_ns() + GF_SPIN_NS;
    do
        sched_yield();
    while (
        atomic_load_explicit(&c->leaders, memory_order_relaxed) >= LEADERS && gf_mono_ns() < end);
    pthread_mutex_lock(&c->lock);
    gf_spin_note(&c->spin, c->leaders < LEADERS, end);
}

// Locks: c->lock held, let go while it waits.
static void await_turn(gf_rd_combiner *c)
{
    if (c->leaders >= LEADERS)
        look_for_turn(c);
    int64_t until_ms = 0, left_ms = PATIENCE_MS;
    while (c->leaders >= LEADERS && left_ms > 0) {
        int64_t now_ms = gf_mono_ms();
        until_ms = until_ms ? until_ms : now_ms + PATIENCE_MS;
        left_ms = until_ms - now_ms;
        if (left_ms > 0)
            gf_cond_wait(&c->turn, &c->lock, left_ms);
    }
}

static void await_leader(caller *me, gf_event_count *finished)
{
    for (;;) {
        uint32_t seen = gf_event_count_read(finished);
        if (atomic_load_explicit(&me->done, memory_order_acquire))
            return;
        gf_event_count_wait(finished, seen);
    }
}

static gofer_status combine(gf_rd_store *s, caller *me)
{
    gf_rd_combiner *c = s->combiner;
    pthread_mutex_lock(&c->lock);
    bool leads = !c->first;
    gf_event_count *finished = &c->event_counts[c->gathering % EVENT_COUNTS];
    join(c, me);
    if (leads) {
        await_turn(c);
        lead_gathered(s, c);
    } else {
        pthread_mutex_unlock(&c->lock);
        await_leader(me, finished);
    }
    gofer_status st = status_of(me);
    return st == GOFER_OK || leads ? st : gf_fail(st, "%s", me->text);
}

// ---- the door -----------------------------------------------------------------------------------

static gofer_status put_ready(gf_rd_store *s, gf_rd_new *tasks, size_t count)
{
    caller me = { .tasks = tasks, .count = count, .done = false, .next = NULL };
    if (count <= LARGE)
        return combine(s, &me);
    lead(s, &me, count);
    return status_of(&me);
}

gofer_status gf_rd_put(gf_broker *b, gf_put *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_new one, *tasks = &one;
    size_t ready = 0;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    if (count > 1 && !(tasks = gf_alloc(count * sizeof *tasks)))
        return gf_fail_nomem("tasks to be put");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        st = items[i].status = gf_rd_new_make(s, &tasks[ready], &items[i]);
        ready += st == GOFER_OK;
        if (st == GOFER_ETOOBIG)
            st = GOFER_OK;                 // the others go on without it
    }
    if (st == GOFER_OK && ready > 0)
        st = put_ready(s, tasks, ready);
    while (ready > 0)
        gf_rd_new_clear(&tasks[--ready]);
    if (tasks != &one)
        gf_free(tasks);
    return st;
}
