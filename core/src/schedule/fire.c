// fire.c - enqueues the tasks of due ticks, many in one call, and minds what became of each.
//
// The passing thread's (scheduler_own.h); no lock is held while the store is asked.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/events.h"
#include "schedule/scheduler_own.h"
#include "util/alloc.h"
#include "util/error.h"

enum { TICKS_AT_ONCE = 64, HELD_MS = 1000, BACKOFF_FIRST_MS = 1000, BACKOFF_MOST_MS = 30000 };

// Ticks on their way: of several entries, those of one entry side by side and in order.
typedef struct volley {
    gf_tick      ticks[TICKS_AT_ONCE];
    gf_tick_task tasks[TICKS_AT_ONCE];
    gf_planned  *of[TICKS_AT_ONCE];
    size_t       count;
} volley;

// ---- what became of one -------------------------------------------------------------------------

static void log_tick(const gf_scheduler *s, int32_t level, const char *text, const gf_planned *p,
    const gf_tick *t)
{
    char tick[GF_TICK_TEXT];
    if (!gf_scheduler_logs(s, level))
        return;
    gf_tick_text(t->tick_ms, tick);
    gf_logf(&s->client->log, level, text, "entry", p->entry.name, "tick", tick, "task",
        t->message->id, "queue", p->entry.task.queue, *t->previous ? "previous" : NULL, t->previous,
        NULL);
}

static void cancel_previous(const gf_scheduler *s, const gf_planned *p, const gf_tick *t)
{
    gofer_status st = gf_act_one(s->broker, p->entry.task.queue, GF_ACT_CANCEL, t->previous);
    // Not there, or over: it has come to its end by itself.
    if (st == GOFER_OK || st == GOFER_ENOTFOUND || st == GOFER_ESTATE ||
        !gf_scheduler_logs(s, GOFER_LOG_WARN))
        return;
    gf_logf(&s->client->log, GOFER_LOG_WARN,
        "the previous task of a cron entry could not be cancelled", "entry", p->entry.name, "task",
        t->previous, "error", gofer_error_last(), NULL);
}

static void dealt_with(gf_planned *p, const gf_tick *t)
{
    p->held = false;
    p->backoff_ms = 0;
    if (t->tick_ms > p->noted_ms)
        p->noted_ms = t->tick_ms;
    gf_planned_advance(p, t->tick_ms);
}

static void back_off(gf_planned *p, int64_t now_ms)
{
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (p->backoff_ms > BACKOFF_MOST_MS)
        p->backoff_ms = BACKOFF_MOST_MS;
    p->wake_ms = now_ms + p->backoff_ms;
}

// False: the entry's later ticks must wait for this one.
static bool apply(const gf_scheduler *s, gf_planned *p, gf_tick *t, int64_t now_ms)
{
    switch (t->status) {
    case GOFER_OK:
        dealt_with(p, t);
        log_tick(s, GOFER_LOG_DEBUG, "cron entry: task enqueued", p, t);
        if (t->overlap == GF_OVERLAP_CANCEL && *t->previous)
            cancel_previous(s, p, t);
        return true;
    case GOFER_EEXIST:             // another scheduler was first
        dealt_with(p, t);
        return true;
    case GOFER_ESTATE:
        if (t->overlap == GF_OVERLAP_SKIP) {
            dealt_with(p, t);
            log_tick(s, GOFER_LOG_INFO,
                "cron entry: tick left out, for the previous task has not ended", p, t);
            return true;
        }
        if (!p->held)
            log_tick(s, GOFER_LOG_INFO, "cron entry: tick waits for the end of the previous task",
                p, t);
        p->held = true;
        p->wake_ms = now_ms + HELD_MS;
        return false;
    default:
        if (!p->backoff_ms)
            log_tick(s, GOFER_LOG_ERROR, gofer_status_text(t->status), p, t);
        back_off(p, now_ms);
        return false;
    }
}

// ---- sending ------------------------------------------------------------------------------------

// Sends what has gathered, and puts the entries in order anew: each now knows when it is
// to be looked at again.
static gofer_status send(gf_scheduler *s, volley *v, int64_t now_ms)
{
    gofer_status st = v->count ? gf_tick_and_publish(s->broker, v->ticks, v->count) : GOFER_OK;
    for (size_t i = 0; i < v->count;) {
        gf_planned *p = v->of[i];
        bool goes_on = st == GOFER_OK;
        if (!goes_on)
            p->wake_ms = now_ms + BACKOFF_FIRST_MS;
        for (; i < v->count && v->of[i] == p; i++)
            goes_on = goes_on && apply(s, p, &v->ticks[i], now_ms);
    }
    for (size_t i = 0; i < v->count; i++)
        gf_tick_task_clear(&v->tasks[i]);
    v->count = 0;
    gf_plan_reorder(&s->plan);
    return st;
}

static gofer_status add(volley *v, gf_planned *p, int64_t tick_ms, int64_t now_ms)
{
    static const gf_overlap overlaps[] = { GF_OVERLAP_ALLOW, GF_OVERLAP_SKIP, GF_OVERLAP_QUEUE,
        GF_OVERLAP_CANCEL };
    gf_tick_task *task = &v->tasks[v->count];
    gofer_status st = gf_schedule_task(&p->entry, tick_ms, now_ms, task);
    if (st != GOFER_OK)
        return st;
    v->ticks[v->count] = (gf_tick){
        .entry = p->entry.name,
        .tick_ms = tick_ms,
        .message = &task->message,
        .run_at_ms = task->run_at_ms > now_ms ? task->run_at_ms : 0,
        .overlap = overlaps[p->entry.overlap],
    };
    v->of[v->count++] = p;
    return GOFER_OK;
}

static void note_missed(const gf_scheduler *s, const gf_planned *p)
{
    char count[32];
    if (s->missed)
        atomic_fetch_add(s->missed, (int64_t)s->due.left_out);
    if (!s->due.left_out || !gf_scheduler_logs(s, GOFER_LOG_WARN))
        return;
    snprintf(count, sizeof count, "%zu", s->due.left_out);
    gf_logf(&s->client->log, GOFER_LOG_WARN,
        "cron entry: ticks were missed, and are left out by its policy", "entry", p->entry.name,
        "missed", gf_missed_word(p->entry.missed), "#ticks", count, NULL);
}

// The due ticks of one entry, sent in as many calls as they need.
static gofer_status fire_one(gf_scheduler *s, volley *v, gf_planned *p, int64_t now_ms)
{
    gf_due_find(&p->entry, p->zone, p->last_ms, now_ms, p->held, &s->due);
    note_missed(s, p);
    if (s->due.count == 0) {
        gf_planned_advance(p, s->due.last_ms);
        return GOFER_OK;
    }
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < s->due.count && st == GOFER_OK; i++) {
        if (v->count == TICKS_AT_ONCE) {
            st = send(s, v, now_ms);
            if (p->wake_ms > now_ms)
                return st;         // held, or failing: the rest comes later
        }
        if (st == GOFER_OK)
            st = add(v, p, s->due.ticks[i], now_ms);
    }
    return st;
}

bool gf_scheduler_fire(gf_scheduler *s, int64_t now_ms, int64_t mono_ms)
{
    gofer_status st = GOFER_OK;
    gf_planned *p = gf_plan_first(&s->plan);
    if (!p || p->wake_ms > now_ms)
        return true;
    volley *v = gf_calloc(1, sizeof *v);
    if (!v)
        st = gf_fail_nomem("ticks");
    while (st == GOFER_OK && (p = gf_plan_first(&s->plan)) && p->wake_ms <= now_ms &&
        !gf_scheduler_stopping(s)) {
        st = fire_one(s, v, p, now_ms);
        // Out of the way until the store has answered what it sent.
        if (p->wake_ms <= now_ms)
            p->wake_ms = now_ms + 1;
        gf_plan_sink(&s->plan);
    }
    if (v) {
        gofer_status last = send(s, v, now_ms);
        st = st == GOFER_OK ? last : st;
    }
    gf_free(v);
    gf_scheduler_trouble(s, &s->tick_trouble, st,
        "cron entries: the store does not take the tasks that are due", mono_ms);
    return st == GOFER_OK;
}
