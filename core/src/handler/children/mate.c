// mate.c - talks with one child: gives it tasks, hears what becomes of them, and takes it for dead.
//
// May touch: the frames, the process, tasks; the worker's log. The crew's thread alone. The rules
// for what a child may say are in docs/children.md; who breaks them is ended, and the task that the
// frame names pays for it.
#include "handler/children/mate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handler/child.h"
#include "handler/children/clerk.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/traceparent.h"
#include "util/utf8.h"
#include "worker/run/guest.h"
#include "worker/run/outcome.h"
#include "worker/run/watch.h"
#include "worker/runtime.h"
#include "worker/worker.h"
#include "worker/upkeep/publish.h"

enum {
    FRAME_EXTRA = 64 * 1024,       // what a frame has beside a result
    REF_PLACES = 1 << 16,
    AHEAD_MAX = 512,               // tasks a child has beyond those it runs
    TICK_MS = 50,
    APART_MS = 2000,               // what runs apart does so for so long at the most
};

// ---- life ---------------------------------------------------------------------------------------

gf_mate *gf_mate_new(gofer_worker *w, gf_sets *sets, gf_questions *asked, const char *what,
    int number)
{
    gf_mate *m = gf_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    size_t result = (size_t)gf_worker_result_limit(w), least = GF_CHECKPOINT_MAX;
    m->worker = w;
    m->crew_sets = sets;
    m->crew_asked = asked;
    m->what = what;
    m->number = number;
    m->born_ms = gf_now_ms();
    gf_utf8_clean(what, strlen(what), m->name, sizeof m->name);
    m->proc = GF_NO_PROC;
    m->limit = (result > least ? result : least) + FRAME_EXTRA;
    m->pace_ns = -1;
    return m;
}

void gf_mate_free(gf_mate *m)
{
    gf_hello_clear(&m->hello);
    gf_outgoing_clear(&m->out);
    gf_free(m->in);
    gf_free(m->given);
    gf_free(m->fresh);
    gf_free(m);
}

void gf_mate_log(const gf_mate *m, int32_t level, const char *text, const char *error)
{
    char pid[24], number[16];
    if (!gf_worker_logs(m->worker, level))
        return;
    snprintf(pid, sizeof pid, "%ld", (long)m->proc.pid);
    snprintf(number, sizeof number, "%d", m->number);
    gf_logf(&m->worker->log, level, text, "child", m->what, "#number", number, "#pid", pid,
        error ? "error" : NULL, error, NULL);
}

void gf_mate_end(gf_mate *m, uint32_t culprit, int64_t patience_ms, const char *why)
{
    if (m->state == GF_MATE_ENDING)
        return;
    m->state = GF_MATE_ENDING;
    m->culprit = culprit;
    m->kill_ms = gf_mono_ms() + patience_ms;
    gf_utf8_clean(why, strlen(why), m->why, sizeof m->why);
    gf_proc_signal(&m->proc, SIGTERM);
    gf_proc_signal(&m->proc, SIGCONT);
}

// ---- the tasks it has ---------------------------------------------------------------------------

// A guest's end is its slot's to decide, once the middleware has seen it.
void gf_crew_decide(gofer_task *task, gf_attempt_end how, int32_t returned, gf_lane_turn *turn)
{
    if (task->guest) {
        task->guest->end = how;
        task->guest->returned = returned;
    } else if (gf_clerk_must_decide(task, how, returned)) {
        task->end = how;
        task->answer = returned;
        gf_batch_push(&turn->undecided, task);
        return;
    } else {
        gf_clerk_decide(task, how, returned);
    }
    gf_batch_push(&turn->done, task);
}

void gf_crew_put_back(gofer_task *task, gf_lane_turn *turn)
{
    if (!task->guest)              // whose slot puts it back
        task->outcome = (gf_outcome){ GF_REQUEUE, GF_OUTCOME_REQUEUED, false, 0 };
    gf_batch_push(&turn->done, task);
}

static bool grow_given(gf_mate *m)
{
    size_t before = m->given_room;
    if (before == REF_PLACES ||
        !gf_grow_columns(m->given_room, before + 1, GF_COLUMN(m->given), GF_COLUMN(m->fresh)))
        return false;
    if (m->given_room > REF_PLACES)            // the room is memory, the places are refs
        m->given_room = REF_PLACES;
    memset(m->given + before, 0, (m->given_room - before) * sizeof *m->given);
    return true;
}

// A free place. Those that are given and ended in order are found at once.
static gf_given *free_place(gf_mate *m)
{
    if (m->held == m->given_room && !grow_given(m))
        return NULL;
    size_t at = (size_t)(m->orders % m->given_room);
    while (m->given[at].task)
        at = (at + 1) % m->given_room;
    return &m->given[at];
}

gf_given *gf_mate_find(gf_mate *m, uint32_t ref)
{
    size_t at = ref % REF_PLACES;
    return at < m->given_room && m->given[at].task && m->given[at].ref == ref ? &m->given[at]
                                                                              : NULL;
}

gofer_task *gf_mate_take_from(gf_mate *m, gf_given *g)
{
    gofer_task *task = g->task;
    g->task = NULL;
    m->held--;
    m->rooms[task->track].held--;
    m->begun -= g->begun;
    if (m->alone == g->ref)
        m->alone = GF_FRAME_NO_REF;
    return task;
}

int64_t gf_mate_pace_ns(const gf_mate *m, int64_t now_ns)
{
    // One that takes longer than all before it says so before it ends.
    int64_t since_ns = m->held ? now_ns - m->pace_since_ns : 0;
    return m->pace_ns < 0 ? -1 : since_ns > m->pace_ns ? since_ns : m->pace_ns;
}

int64_t gf_mate_room_pace_ns(const gf_mate *m, size_t track, int64_t now_ns)
{
    const gf_mate_room *r = &m->rooms[track];
    int64_t since_ns = r->held ? now_ns - r->pace_since_ns : 0;
    return r->ended == 0 ? -1 : since_ns > r->pace_ns ? since_ns : r->pace_ns;
}

static size_t ahead_of(int64_t pace_ns, int64_t ahead_ns)
{
    int64_t ahead = pace_ns < 0 ? 0 : ahead_ns / (pace_ns > 0 ? pace_ns : 1);
    return (size_t)(ahead < AHEAD_MAX ? ahead : AHEAD_MAX);
}

size_t gf_mate_credit(const gf_mate *m, int64_t now_ns, int64_t ahead_ns)
{
    if (m->state != GF_MATE_UP || m->spare || m->alone || m->reserved || m->want == 0)
        return 0;
    size_t most = m->want + ahead_of(gf_mate_pace_ns(m, now_ns), ahead_ns);
    return most > gf_mate_load(m) ? most - gf_mate_load(m) : 0;
}

size_t gf_mate_room_credit(const gf_mate *m, size_t track, int64_t now_ns, int64_t ahead_ns)
{
    const gf_mate_room *r = &m->rooms[track];
    size_t all = gf_mate_credit(m, now_ns, ahead_ns);
    if (track == 0 || track >= m->room_count)
        return all;
    size_t most = r->want + ahead_of(gf_mate_room_pace_ns(m, track, now_ns), ahead_ns);
    return gf_min_size(all, most > r->held ? most - r->held : 0);
}

// It has nothing, or only what has run for a while and is above suspicion.
bool gf_mate_may_run_apart(const gf_mate *m, int64_t now_ms)
{
    size_t load = gf_mate_load(m);
    bool settled = load == m->begun + m->sets_begun && load < m->want &&
        now_ms - m->given_ms >= APART_MS;
    return m->state == GF_MATE_UP && !m->spare && m->want && !m->alone && (load == 0 || settled);
}

static bool has_ours(const gf_message *m)
{
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        if (gf_header_is_ours(key))
            return true;
    return false;
}

bool gf_mate_headers_of(const gf_message *m, const char **out, size_t *size, char **own)
{
    const char *key, *value;
    *own = NULL;
    *out = m->headers;
    *size = m->headers_size;
    if (!has_ours(m))
        return true;
    if (!(*own = gf_alloc(m->headers_size)))
        return false;
    *out = *own;
    *size = 0;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);) {
        size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;
        if (gf_header_is_ours(key))
            continue;
        memcpy(*own + *size, key, key_size);
        memcpy(*own + *size + key_size, value, value_size);
        *size += key_size + value_size;
    }
    return true;
}

// One header in place of what is there of that name; value NULL: none. *own is what the headers are
// in, or NULL: the message.
static bool replace_header(gf_frame_task *t, char **own, const char *key, const char *value)
{
    char *packed;
    size_t size;
    if (gf_headers_with(t->headers, t->headers_size, key, value, &packed, &size) != GOFER_OK)
        return false;
    gf_free(*own);
    t->headers = *own = packed;
    t->headers_size = size;
    return true;
}

// What it does is within the worker's span, where there is one.
static bool put_trace(const gofer_task *task, gf_frame_task *t, char **own)
{
    if (!task->trace)
        return true;
    gf_trace trace = gf_task_trace(task);
    return replace_header(t, own, GF_TRACEPARENT, trace.parent) &&
        replace_header(t, own, GF_TRACESTATE, trace.state);
}

static bool put_task(gf_mate *m, gofer_task *task, uint32_t ref)
{
    const gf_message *msg = &task->claim->message;
    gf_frame_task t = {
        .ref = ref,
        .attempt = gofer_task_attempt(task),
        .max_retry = msg->max_retry,
        .timeout_ms = msg->timeout_ms > 0 ? msg->timeout_ms : 0,
        .deadline_ms = msg->deadline_ms > 0 ? msg->deadline_ms : 0,
        .id = msg->id,
        .type = msg->type,
        .queue = msg->queue,
        .payload = msg->payload,
        .payload_size = msg->payload_size,
    };
    char *own;
    if (m->worker->run.watchers.count && !m->spans && !task->guest)
        gf_watch_start(task);
    if (!gf_mate_headers_of(msg, &t.headers, &t.headers_size, &own))
        return false;
    if (!put_trace(task, &t, &own)) {
        gf_free(own);
        return false;
    }
    // What the store had been asked for there is by now: here it is not asked.
    bool known = task->has_resumed || !task->resume_tried;
    if (known && gofer_task_resume(task, &t.checkpoint, &t.checkpoint_size) == GOFER_OK)
        t.has_checkpoint = t.checkpoint != NULL;
    bool put = gf_frame_put_task(&m->out, &t);
    gf_free(own);
    return put;
}

bool gf_mate_give(gf_mate *m, gofer_task *task, int64_t now_ns)
{
    gf_given *g = free_place(m);
    if (!g)
        return false;
    uint32_t at = (uint32_t)(g - m->given), turn = (g->ref / REF_PLACES + 1) % REF_PLACES;
    uint32_t ref = (turn ? turn : 1) * REF_PLACES + at;        // never 0
    if (!put_task(m, task, ref))
        return false;
    gf_mate_room *r = &m->rooms[task->track];
    if (m->held == 0)
        m->pace_since_ns = now_ns;
    if (r->held++ == 0)
        r->pace_since_ns = now_ns;
    m->given_ms = now_ns / 1000000;
    if (task->apart) {
        m->alone = ref;
        m->reserved = false;
    }
    *g = (gf_given){ .task = task, .ref = ref, .order = m->orders++ };
    m->held++;
    return true;
}

void gf_mate_answer(gf_mate *m, const gf_question *q)
{
    m->questions--;
    if (!m->shut && !gf_frame_put_answer(&m->out, q->ref, q->number, q->status, q->bytes, q->size))
        (void)gf_frame_put_answer(&m->out, q->ref, q->number, GOFER_ENOMEM, NULL, 0);
}

void gf_mate_begun(gf_mate *m, gf_lane_turn *turn)
{
    for (size_t i = 0; i < m->fresh_count; i++) {
        const gf_given *g = gf_mate_find(m, m->fresh[i]);
        if (g)
            gf_batch_push(&turn->begun, g->task);
    }
    m->fresh_count = 0;
}

// ---- what it is told ----------------------------------------------------------------------------

void gf_mate_send(gf_mate *m)
{
    while (m->proc.socket >= 0 && m->out.size > m->out.sent) {
        ssize_t n = send(m->proc.socket, m->out.bytes + m->out.sent, m->out.size - m->out.sent,
            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) { // it reads no more: what it has said is read, then its end is seen
            gf_outgoing_sent(&m->out, m->out.size - m->out.sent);
            return;
        }
        gf_outgoing_sent(&m->out, (size_t)n);
    }
    if (m->proc.socket >= 0 && m->state == GF_MATE_LEAVING && gf_mate_load(m) == 0 && !m->shut) {
        m->shut = true;
        m->kill_ms = gf_mono_ms() + GF_CHILD_TERM_MS;
        (void)shutdown(m->proc.socket, SHUT_WR);       // it goes
    }
}

void gf_mate_leave(gf_mate *m, bool stopping, int64_t grace_ms)
{
    if (m->state == GF_MATE_STARTING) {
        gf_mate_end(m, GF_FRAME_NO_REF, 0, "it is not needed any more");
        return;
    }
    if (m->state == GF_MATE_UP)
        m->state = GF_MATE_LEAVING;
    if (m->state != GF_MATE_LEAVING || m->sent_stop)
        return;
    m->sent_stop = stopping;
    // Without memory it is killed in the end.
    (void)(stopping ? gf_frame_put_stop(&m->out, grace_ms) : gf_frame_put_recall(&m->out));
}

// ---- time ---------------------------------------------------------------------------------------

// Told to stop, and it does not: it pays, and its neighbours go back.
static void tick_task(gf_mate *m, gf_given *g, int64_t now_ms)
{
    int32_t why = gofer_task_cancelled(g->task);
    int64_t lost_after_ms = gf_worker_lost_after_ms(m->worker);
    if (why == GOFER_CANCEL_NONE)
        return;
    if (g->cancelled_ms == 0) {
        if (gf_frame_put_cancel(&m->out, g->ref, why))
            g->cancelled_ms = now_ms;
        return;
    }
    if (g->begun && why != GOFER_CANCEL_STOP && now_ms - g->cancelled_ms >= lost_after_ms) {
        char text[128], after[32];
        gf_duration_text(lost_after_ms, after);
        snprintf(text, sizeof text, "it did not stop within %s after it was told to", after);
        gf_mate_end(m, g->ref, GF_CHILD_TERM_MS, text);
    }
}

int64_t gf_mate_tick(gf_mate *m, int64_t now_ms)
{
    if (gf_mate_load(m) && now_ms >= m->tick_ms) {
        m->tick_ms = now_ms + TICK_MS;
        gf_mate_tick_sets(m, now_ms);
        for (size_t i = 0; i < m->given_room; i++)
            if (m->given[i].task)
                tick_task(m, &m->given[i], now_ms);
    }
    if (m->alone && now_ms - m->given_ms >= APART_MS)
        m->alone = GF_FRAME_NO_REF;
    if (m->kill_ms && !m->killed && now_ms >= m->kill_ms) {
        if (m->state != GF_MATE_ENDING && !m->shut)
            gf_mate_end(m, m->culprit, 0, "the child closed its socket");
        gf_proc_signal(&m->proc, SIGKILL);
        m->killed = true;
    }
    int64_t next_ms = gf_mate_load(m) ? m->tick_ms : INT64_MAX;
    return m->kill_ms && !m->killed && m->kill_ms < next_ms ? m->kill_ms : next_ms;
}

// ---- its end ------------------------------------------------------------------------------------

static int by_order(const void *a, const void *b)
{
    const gf_given *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

// A task that had begun, as its process ended. One alone has killed it. Of several nobody knows
// which: they run again, each with nothing beside it.
static void settle_begun(
    gf_mate *m, gf_given *g, gf_lane_turn *turn, bool stopping, const char *text)
{
    gofer_task *task = g->task;
    uint32_t culprit = m->culprit ? m->culprit : m->alone;
    bool blamed = culprit ? g->ref == culprit : m->begun + m->sets_begun == 1;
    if (stopping || gofer_task_cancelled(task) == GOFER_CANCEL_STOP) {
        gf_task_cancel(task, GOFER_CANCEL_STOP);
        gf_crew_decide(task, GF_RETURNED, GOFER_REQUEUE, turn);
    } else if (blamed) {
        gf_crew_decide(task, GF_CRASHED, gofer_task_fail(task, text), turn);
    } else if (gofer_task_cancelled(task)) {
        gf_crew_decide(task, GF_RETURNED, GOFER_RETRY, turn);
    } else {
        task->apart = culprit == GF_FRAME_NO_REF;
        gf_batch_push(&turn->back, task);
    }
}

static void settle_all(gf_mate *m, gf_lane_turn *turn, bool stopping, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < m->given_room; i++)
        if (m->given[i].task)
            m->given[count++] = m->given[i];
    if (count)
        qsort(m->given, count, sizeof *m->given, by_order);
    for (size_t i = 0; i < count; i++) {
        gf_given *g = &m->given[i];
        if (g->begun)
            settle_begun(m, g, turn, stopping, text);
        else if (stopping || gofer_task_cancelled(g->task))
            gf_crew_put_back(g->task, turn);
        else
            gf_batch_push(&turn->back, g->task);
    }
    for (size_t i = 0; i < m->given_room; i++)
        m->given[i].task = NULL;
    m->held = m->begun = m->fresh_count = 0;
    for (size_t i = 0; i < GF_TRACKS; i++)
        m->rooms[i].held = 0;
}

void gf_mate_bury(gf_mate *m, gf_lane_turn *turn, bool stopping, char *end, size_t size)
{
    char how[160], text[GF_PRINTED_MAX + 512];
    int status;
    // What it said and printed before its end counts.
    (void)gf_mate_read(m, turn, gf_mono_ns());
    gf_mate_end_line(m);
    gf_proc_bury(&m->proc, &status);
    gf_proc_say_end(status, how, sizeof how);
    // Who fails by itself mostly says why, in its last line.
    bool says = !*m->why && *m->last_line && status > 0 && WIFEXITED(status);
    snprintf(end, size, "%s%s%s%s%s", m->why, *m->why ? ": " : "", how, says ? ": " : "",
        says ? m->last_line : "");
    snprintf(text, sizeof text, "its child process died: %s", end);
    settle_all(m, turn, stopping, text);
    gf_mate_settle_sets(m, stopping, text);
}
