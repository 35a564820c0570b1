// aggregate.c - children as aggregators: a set of a group's tasks goes to a child, which makes one
// task of it.
//
// May touch: mates, frames, the worker's groups. An aggregator's thread waits in gf_sets_run; all
// else is the crew's thread. Locks: the crew's. Whatever becomes of a child, who waits is answered,
// so that the set is put back as for any aggregator that fails.
#include <stdio.h>
#include <string.h>

#include "handler/child.h"
#include "handler/children/combined.h"
#include "handler/children/mate.h"
#include "handler/children/sets.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/minmax.h"
#include "util/text.h"
#include "util/thread.h"
#include "worker/group/aggregate.h"
#include "worker/group/group.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum {
    FRAME_BYTES = 1 << 20,         // of a set's tasks in one frame, unless one of them is longer
    MARGIN_MS = GF_CHILD_TERM_MS + 1000,       // before its time is over, a child is ended;
    PATIENCE_MAX_MS = 30000        //   and so long before that, at the most, it is told
};

#define STOPS "the worker stops"

// ---- who waits --------------------------------------------------------------------------------

int32_t gf_sets_run(gofer_group *group, void *user)
{
    gf_sets *s = user;
    gf_set_call call = { .group = group };
    pthread_mutex_lock(s->lock);
    if (!s->open) {
        pthread_mutex_unlock(s->lock);
        return gofer_group_fail(group, STOPS);
    }
    gf_set_call **at = &s->coming;
    while (*at)
        at = &(*at)->next;
    *at = &call;
    gf_wake_fd_set(s->wake);
    while (!call.done)
        gf_cond_wait(s->changed, s->lock, -1);
    pthread_mutex_unlock(s->lock);
    return call.returned;
}

static void answer(gf_sets *s, gf_set_call *call, int32_t returned)
{
    pthread_mutex_lock(s->lock);
    call->returned = returned;
    call->done = true;
    pthread_cond_broadcast(s->changed);
    pthread_mutex_unlock(s->lock);
}

static void fail(gf_sets *s, gf_set_call *call, const char *why)
{
    answer(s, call, gofer_group_fail(call->group, why));
}

// Behind those that wait, or, for one that came back, in front of them.
static void take_coming(gf_sets *s)
{
    gf_set_call **at = &s->waiting;
    while (*at)
        at = &(*at)->next;
    pthread_mutex_lock(s->lock);
    *at = s->coming;
    s->coming = NULL;
    pthread_mutex_unlock(s->lock);
}

static void put_in_front(gf_sets *s, gf_set_call *call)
{
    call->next = s->waiting;
    s->waiting = call;
}

void gf_sets_open(gf_sets *s)
{
    pthread_mutex_lock(s->lock);
    s->open = true;
    pthread_mutex_unlock(s->lock);
}

void gf_sets_close(gf_sets *s)
{
    gf_set_call *call;
    pthread_mutex_lock(s->lock);
    s->open = false;
    pthread_mutex_unlock(s->lock);
    take_coming(s);
    while ((call = s->waiting)) {
        s->waiting = call->next;
        fail(s, call, STOPS);
    }
}

// ---- suspects -----------------------------------------------------------------------------------

// A child has died while it was at this group and at others, or at this one alone: the next time
// nothing else is to die with it.
static uint64_t hash_of(const gofer_group *group)
{
    const char *queue = gofer_group_queue(group);
    return gf_hash_more(gf_hash_text(gofer_group_name(group)), queue, strlen(queue) + 1);
}

static size_t find_suspect(const gf_sets *s, uint64_t hash)
{
    size_t i = 0;
    while (i < s->suspect_count && s->suspects[i] != hash)
        i++;
    return i;
}

static bool is_suspect(const gf_sets *s, const gofer_group *group)
{
    return s->suspect_count && find_suspect(s, hash_of(group)) < s->suspect_count;
}

static void suspect(gf_sets *s, const gofer_group *group)
{
    if (is_suspect(s, group))
        return;
    s->suspects[s->suspect_next++ % GF_SET_SUSPECTS] = hash_of(group);
    s->suspect_count = gf_min(s->suspect_next, (size_t)GF_SET_SUSPECTS);
}

static void clear(gf_sets *s, const gofer_group *group)
{
    size_t i = s->suspect_count ? find_suspect(s, hash_of(group)) : 0;
    if (i < s->suspect_count)
        s->suspects[i] = 0;        // a place that is used again in its turn
}

// ---- giving -------------------------------------------------------------------------------------

typedef struct parcel {
    gf_frame_member *members;      // of one frame
    char           **own;          // headers that are not as the task has them
    size_t           count;
} parcel;

static size_t size_of(const gf_message *m)
{
    return strlen(m->id) + strlen(m->type) + m->headers_size + m->payload_size;
}

static bool add_member(parcel *p, const gf_message *m)
{
    gf_frame_member *to = &p->members[p->count];
    *to = (gf_frame_member){ .id = m->id, .type = m->type, .payload = m->payload,
        .payload_size = m->payload_size };
    if (!gf_mate_headers_of(m, &to->headers, &to->headers_size, &p->own[p->count]))
        return false;
    p->count++;
    return true;
}

static void empty(parcel *p)
{
    while (p->count)
        gf_free(p->own[--p->count]);
}

// Frame by frame, of tasks as many as fit, at least one.
static bool put_frames(gf_mate *m, const gf_group_set *set, gf_frame_group *frame, parcel *p)
{
    bool all = true;
    size_t next = 0;
    while (all && next < set->count) {
        for (size_t bytes = 0; all && next < set->count; next++) {
            bytes += size_of(&set->tasks[next]);
            if (p->count && bytes > FRAME_BYTES)
                break;
            all = add_member(p, &set->tasks[next]);
        }
        frame->members = p->members;
        frame->count = p->count;
        frame->more = next < set->count;
        all = all && gf_frame_put_group(&m->out, frame);
        empty(p);
    }
    return all;
}

static int64_t end_ms(const gf_set_call *call)
{
    return gf_group_until_ms(call->group) - MARGIN_MS;
}

static int64_t cancel_ms(const gf_set_call *call)
{
    int64_t lost_after_ms = gf_worker_lost_after_ms(call->group->worker);
    return end_ms(call) - gf_min(lost_after_ms, (int64_t)PATIENCE_MAX_MS);
}

// All of its frames, or none.
static bool put_set(gf_mate *m, const gf_set_call *call, uint32_t ref, int64_t now_ms)
{
    const gf_group_set *set = call->group->set;
    int64_t left_ms = cancel_ms(call) - now_ms;
    gf_frame_group frame = { .ref = ref, .time_ms = left_ms > 1 ? left_ms : 1,
        .group = set->group, .queue = set->queue };
    parcel p = { gf_calloc(set->count + 1, sizeof *p.members),
        gf_calloc(set->count + 1, sizeof *p.own), 0 };
    size_t before = m->out.size - m->out.sent;
    bool put = p.members && p.own && put_frames(m, set, &frame, &p);
    if (!put)
        m->out.size = m->out.sent + before;
    empty(&p);
    gf_free(p.members);
    gf_free(p.own);
    return put;
}

static gf_given_set *free_place(gf_mate *m)
{
    for (size_t i = 0; i < GF_ROUNDS; i++)
        if (m->sets[i].ref == GF_FRAME_NO_REF)
            return &m->sets[i];
    return NULL;
}

// Only to one that would begin it at once: it shall not stand behind a long task.
static gf_mate *mate_for(gf_mate *mates, bool apart, int64_t now_ms)
{
    gf_mate *best = NULL;
    for (gf_mate *m = mates; m; m = m->next) {
        bool may = apart ? gf_mate_may_run_apart(m, now_ms)
                         : gf_mate_credit(m, 0, 0) > 0;
        if (may && free_place(m) && (!best || gf_mate_load(m) < gf_mate_load(best)))
            best = m;
    }
    return best;
}

// The high half of a task's ref is never 0.
static uint32_t next_ref(gf_mate *m)
{
    do
        m->set_refs = m->set_refs % UINT16_MAX + 1;
    while (gf_mate_find_set(m, m->set_refs));
    return m->set_refs;
}

static bool give(gf_mate *m, gf_set_call *call, bool apart, int64_t now_ms)
{
    gf_given_set *s = free_place(m);
    uint32_t ref = next_ref(m);
    if (!put_set(m, call, ref, now_ms))
        return false;
    *s = (gf_given_set){ .call = call, .ref = ref };
    m->sets_held++;
    m->given_ms = now_ms;
    if (apart) {
        m->alone = ref;
        m->reserved = false;
    }
    return true;
}

void gf_sets_give(gf_sets *s, gf_mate *mates, int64_t now_ms, bool stopping)
{
    take_coming(s);
    for (gf_set_call **at = &s->waiting; *at;) {
        gf_set_call *call = *at, *next = call->next;
        bool apart = is_suspect(s, call->group);
        bool late = now_ms >= cancel_ms(call);
        gf_mate *m = stopping || late ? NULL : mate_for(mates, apart, now_ms);
        bool given = m && give(m, call, apart, now_ms);
        if (!m && !stopping && !late) {
            at = &call->next;
            continue;
        }
        *at = next;
        if (!given && stopping)
            fail(s, call, STOPS);
        else if (!given && m)
            answer(s, call, gf_group_want(call->group, "no memory to give it to a child"));
        else if (!given)
            fail(s, call, "no child had room for it in the set's time");
    }
}

bool gf_sets_wait(const gf_sets *s)
{
    return s->waiting != NULL;
}

bool gf_sets_wait_apart(const gf_sets *s)
{
    for (const gf_set_call *call = s->waiting; call; call = call->next)
        if (is_suspect(s, call->group))
            return true;
    return false;
}

// ---- what a child says --------------------------------------------------------------------------

gf_given_set *gf_mate_find_set(gf_mate *m, uint32_t ref)
{
    for (size_t i = 0; ref != GF_FRAME_NO_REF && i < GF_ROUNDS; i++)
        if (m->sets[i].ref == ref)
            return &m->sets[i];
    return NULL;
}

// It has it no more. NULL: nobody waits for it.
static gf_set_call *take_from(gf_mate *m, gf_given_set *s)
{
    gf_set_call *call = s->call;
    m->sets_held--;
    m->sets_begun -= s->begun;
    if (m->alone == s->ref)
        m->alone = GF_FRAME_NO_REF;
    *s = (gf_given_set){ 0 };
    return call;
}

static int32_t combine(gofer_group *group, const gf_frame *f)
{
    gf_combined task;
    gofer_status st = gf_combined_read(f->text, f->text_size, &task);
    if (st != GOFER_OK)
        return gofer_group_fail(group, gofer_error_last());
    st = gofer_group_combine(group, task.type, f->bytes, f->bytes_size, &task.options);
    int32_t returned = st == GOFER_OK ? 0 : gofer_group_fail(group, gofer_error_last());
    gf_combined_clear(&task);
    return returned;
}

static int32_t judge(gofer_group *group, const gf_frame *f)
{
    if (f->outcome == GOFER_DONE)
        return combine(group, f);
    char *text = f->text_size ? gf_memdup(f->text, f->text_size) : NULL;
    int32_t returned = gofer_group_fail(group, text   ? text
            : f->outcome == GOFER_REQUEUE             ? "the child has put it back"
                                                      : NULL);
    gf_free(text);
    return returned;
}

static void hear_end(gf_mate *m, gf_given_set *s, const gf_frame *f, bool stopping)
{
    bool begun = s->begun;
    gf_set_call *call = take_from(m, s);
    if (!call)
        return;
    if (!begun && !stopping) {
        put_in_front(m->crew_sets, call);
    } else if (!begun) {
        fail(m->crew_sets, call, STOPS);
    } else {
        clear(m->crew_sets, call->group);
        answer(m->crew_sets, call, judge(call->group, f));
    }
}

static void hear_log(const gf_given_set *s, const gf_frame *f)
{
    char *text = s->call ? gf_memdup(f->text, f->text_size) : NULL;
    if (text)
        gf_group_log(s->call->group, f->level, text);
    gf_free(text);
}

const char *gf_mate_hear_set(gf_mate *m, gf_given_set *s, const gf_frame *f, bool stopping)
{
    switch (f->kind) {
    case GF_FRAME_LOG:
        hear_log(s, f);
        return NULL;
    case GF_FRAME_BEGIN:
        if (s->begun)
            return "a 'begin' of a group that has begun";
        s->begun = true;
        m->sets_begun++;
        return NULL;
    case GF_FRAME_END:
        if (!s->begun && f->outcome != GOFER_REQUEUE)
            return "an 'end' of a group that has not begun";
        hear_end(m, s, f, stopping);
        return NULL;
    default:
        return "a frame that is not for groups";
    }
}

bool gf_mate_log_set(gf_mate *m, const char *line)
{
    for (size_t i = 0; i < GF_ROUNDS; i++)
        if (m->sets[i].begun && m->sets[i].call) {
            gf_group_log(m->sets[i].call->group, GOFER_LOG_INFO, line);
            return true;
        }
    return false;
}

// ---- its time, and its child's end --------------------------------------------------------------

static void tick_set(gf_mate *m, gf_given_set *s, int64_t now_ms)
{
    gf_set_call *call = s->call;
    int32_t why = gf_group_cancelled(call->group)       ? GOFER_CANCEL_STOP
        : now_ms >= cancel_ms(call)                  ? GOFER_CANCEL_TIMEOUT
                                                        : GOFER_CANCEL_NONE;
    if (why == GOFER_CANCEL_NONE)
        return;
    if (s->cancelled_ms == 0) {
        if (gf_frame_put_cancel(&m->out, s->ref, why))
            s->cancelled_ms = now_ms;
    } else if (now_ms >= end_ms(call) && s->begun) {
        gf_mate_end(m, s->ref, GF_CHILD_TERM_MS, "an aggregator did not stop in its set's time");
    } else if (now_ms >= end_ms(call)) {
        s->call = NULL;            // it has it, but it has not begun: the set need not wait for it
        fail(m->crew_sets, call, "the child has not begun with it in the set's time");
    }
}

void gf_mate_tick_sets(gf_mate *m, int64_t now_ms)
{
    for (size_t i = 0; i < GF_ROUNDS; i++)
        if (m->sets[i].call)
            tick_set(m, &m->sets[i], now_ms);
}

void gf_mate_settle_sets(gf_mate *m, bool stopping, const char *text)
{
    uint32_t culprit = m->culprit ? m->culprit : m->alone;
    for (size_t i = 0; i < GF_ROUNDS; i++) {
        gf_given_set *s = &m->sets[i];
        bool begun = s->begun, may_be_it = culprit == GF_FRAME_NO_REF || culprit == s->ref;
        gf_set_call *call = s->ref ? take_from(m, s) : NULL;
        if (!call)
            continue;
        if (stopping) {
            fail(m->crew_sets, call, STOPS);
        } else if (!begun) {
            put_in_front(m->crew_sets, call);
        } else {
            if (may_be_it)
                suspect(m->crew_sets, call->group);
            fail(m->crew_sets, call, text);
        }
    }
}
