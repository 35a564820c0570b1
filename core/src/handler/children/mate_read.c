// mate_read.c - what a child says and prints: frames are checked and obeyed, lines go to the log.
//
// May touch: the frames, tasks; the worker's log. The crew's thread alone. Who breaks the protocol
// is ended, and the task that the frame names pays for it.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handler/children/frame.h"
#include "handler/children/hello.h"
#include "handler/children/mate.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/utf8.h"
#include "worker/run/guest.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"
#include "worker/runtime.h"
#include "worker/upkeep/publish.h"

enum {
    CHUNK = 64 * 1024,
    OUTPUT_READS = 16,             // of a chunk each, before frames are looked at
    CLOSED_MS = 200,               // who has closed its socket is gone within so long, or is ended
    PACE_WEIGHT = 8
};

// ---- what it prints -----------------------------------------------------------------------------

// Whose it is can be told while one task runs.
void gf_mate_end_line(gf_mate *m)
{
    size_t left_out = 0;
    const char *line = m->printed.line;
    size_t size = m->printed.size;
    if (size == 0)
        return;
    m->printed.line[size] = '\0';         // it may be one without an end
    m->printed.size = 0;
    memcpy(m->last_line, line, size + 1);
    if (m->begun == 0 && m->sets_begun == 1 && gf_mate_log_set(m, line))
        return;
    for (size_t i = 0; m->begun == 1 && m->sets_begun == 0 && i < m->given_room; i++)
        if (m->given[i].task && m->given[i].begun) {
            gofer_task_log(m->given[i].task, GOFER_LOG_INFO, line);
            return;
        }
    char clean[3 * GF_PRINTED_MAX + 1];
    bool passes = gf_log_rate_pass(&m->rate, gf_mono_ms(), size, &left_out);
    if (left_out) {
        gf_log_rate_say(left_out, clean, sizeof clean);
        gf_mate_log(m, GOFER_LOG_WARN, clean, NULL);
    }
    gf_utf8_clean(line, size, clean, sizeof clean);
    if (passes)
        gf_mate_log(m, m->up_ms ? GOFER_LOG_INFO : GOFER_LOG_WARN, clean, NULL);
}

static void read_output(gf_mate *m)
{
    char chunk[4096];
    for (int i = 0; m->proc.output >= 0 && i < OUTPUT_READS; i++) {
        ssize_t n = read(m->proc.output, chunk, sizeof chunk);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close(m->proc.output);
            m->proc.output = -1;
            return;
        }
        const char *bytes = chunk;
        for (size_t left = (size_t)n; gf_printed_take(&m->printed, &bytes, &left);)
            gf_mate_end_line(m);
    }
}

// ---- what it says -------------------------------------------------------------------------------

static void break_off(gf_mate *m, const gf_frame *f, const char *why)
{
    char text[200];
    const gf_given *g = gf_mate_find(m, f->ref);
    snprintf(text, sizeof text, "the child broke the protocol: %s", why);
    m->deaf = true;
    const gf_given_set *s = gf_mate_find_set(m, f->ref);
    bool begun = (g && g->begun) || (s && s->begun);
    gf_mate_end(m, begun ? f->ref : GF_FRAME_NO_REF, 0, text);
}

static const char *on_hello(gf_mate *m, const gf_frame *f, int64_t now_ms)
{
    char text[128];
    if (gf_hello_read(f->text, f->text_size, &m->hello) != GOFER_OK)
        return gofer_error_last();
    m->want = m->hello.want;
    m->spans = m->hello.spans;
    if (*m->hello.name)
        memcpy(m->name, m->hello.name, sizeof m->name);
    snprintf(text, sizeof text, "protocol %d\nworker %s\nnumber %d\n", GF_CHILD_PROTOCOL,
        m->worker->id, m->number);
    if (!gf_frame_put_welcome(&m->out, text))
        return "no memory to answer its hello";
    m->state = GF_MATE_UP;
    m->up_ms = now_ms;
    gf_mate_log(m, GOFER_LOG_INFO, "a child is ready", NULL);
    return NULL;
}

static const char *on_begin(gf_mate *m, gf_given *g, gf_lane_turn *turn, int64_t now_ns)
{
    if (g->begun)
        return "a 'begin' of a task that has begun";
    g->begun = true;
    m->begun++;
    if (g->task->guest) {          // its slot has told already; the clock is the pool's
        g->task->guest->begun_ns = now_ns;
    } else {
        gf_task_clock(g->task, now_ns, turn->wall_offset_ms);
        gf_publish_started(g->task);
    }
    m->fresh[m->fresh_count++] = g->ref;
    return NULL;
}

// Without a retention the result is only for who waits: one that is too large is no fault then.
static int32_t leave_result(gofer_task *task, const gf_frame *f)
{
    bool kept = task->claim->message.retention_ms > 0;
    if (f->bytes_size == 0 || gofer_task_result(task, f->bytes, f->bytes_size) == GOFER_OK || !kept)
        return GOFER_DONE;
    return gofer_task_fail(task, gofer_error_last());
}

static int32_t leave(gofer_task *task, const gf_frame *f)
{
    if (f->outcome == GOFER_DONE)
        return leave_result(task, f);
    char *text =
        f->text_size ? gf_memdup(f->text, f->text_size) : NULL; // without memory it has none
    int32_t returned = f->outcome;
    if (returned == GOFER_SNOOZE)
        returned = gofer_task_snooze(task, f->delay_ms > 0 ? f->delay_ms : 0, text);
    else if (returned == GOFER_RETRY && f->delay_ms >= 0)
        returned = gofer_task_retry_in(task, f->delay_ms, text);
    else if (returned == GOFER_SKIP_RETRY)
        returned = gofer_task_skip_retry(task, text);
    else if (returned == GOFER_REVOKE)
        returned = gofer_task_revoke(task, text);
    else if (returned == GOFER_RETRY)
        returned = gofer_task_fail(task, text);
    gf_free(text);
    return returned;
}

static const char *on_end(gf_mate *m, gf_given *g, const gf_frame *f, gf_lane_turn *turn)
{
    bool begun = g->begun;
    if (!begun && f->outcome != GOFER_REQUEUE)
        return "an 'end' of a task that has not begun";
    gofer_task *task = gf_mate_take_from(m, g);
    if (begun) {
        m->ended++;
        m->rooms[task->track].ended++;
        gf_crew_decide(task, GF_RETURNED, leave(task, f), turn);
    } else if (turn->stopping || gofer_task_cancelled(task)) {
        gf_crew_put_back(task, turn);
    } else {
        gf_batch_push(&turn->back, task);
    }
    return NULL;
}

static void on_log(gf_mate *m, gf_given *g, const gf_frame *f)
{
    char *text = gf_memdup(f->text, f->text_size);
    if (text && g)
        gofer_task_log(g->task, f->level, text);
    else if (text)
        gf_mate_log(m, f->level, text, NULL);
    gf_free(text);
}

// What is wrong in itself, and not in its form, is logged and passed over.
static void on_note(gf_given *g, const gf_frame *f)
{
    gofer_status st = GOFER_OK;
    char *text = NULL;
    if (f->kind == GF_FRAME_CHECKPOINT) {
        st = gofer_task_checkpoint(g->task, f->bytes, f->bytes_size);
    } else {
        text = f->text_size ? gf_memdup(f->text, f->text_size) : NULL;
        st = gofer_task_progress(g->task, f->done, f->total, text);
    }
    if (st != GOFER_OK)
        gofer_task_log(g->task, GOFER_LOG_WARN, gofer_error_last());
    gf_free(text);
}

static const char *on_parent(gf_mate *m, const gf_given *g, const gf_frame *f)
{
    if (m->questions >= GF_QUESTIONS_MAX)
        return "more than 1000 questions that are not answered";
    gf_question *q = gf_question_new(g->task, m->proc.pid, f);
    if (!q)
        return "no memory for a question of it";
    m->questions++;
    gf_questions_push(m->crew_asked, q);
    return NULL;
}

// What it printed before an 'end' is of what ends.
static void read_output_before(gf_mate *m, const gf_frame *f)
{
    if (f->kind != GF_FRAME_END || m->output_read)
        return;
    read_output(m);
    m->output_read = true;
}

// NULL, or what is wrong with it.
static const char *on_frame(gf_mate *m, const gf_frame *f, gf_lane_turn *turn, int64_t now_ns)
{
    if (m->up_ms == 0)
        return f->kind == GF_FRAME_HELLO ? on_hello(m, f, now_ns / 1000000)
                                         : "something comes before its hello";
    if (f->kind == GF_FRAME_HELLO)
        return "a second hello";
    if (f->kind == GF_FRAME_WANT) {
        m->want = f->want < GF_CHILD_WANT_MAX ? f->want : GF_CHILD_WANT_MAX;
        return NULL;
    }
    gf_given_set *s = gf_mate_find_set(m, f->ref);
    if (s) {
        read_output_before(m, f);
        return gf_mate_hear_set(m, s, f, turn->stopping);
    }
    gf_given *g = f->ref ? gf_mate_find(m, f->ref) : NULL;
    if (f->kind == GF_FRAME_LOG && (!f->ref || g)) {
        on_log(m, g, f);
        return NULL;
    }
    if (!g)
        return "a frame of a task that it has not";
    if (f->kind == GF_FRAME_BEGIN)
        return on_begin(m, g, turn, now_ns);
    if (f->kind == GF_FRAME_END) {
        read_output_before(m, f);
        return on_end(m, g, f, turn);
    }
    if (!g->begun)
        return "a frame of a task that has not begun";
    if (f->kind == GF_FRAME_PARENT)
        return on_parent(m, g, f);
    on_note(g, f);
    return NULL;
}

static void keep_pace(int64_t *pace_ns, int64_t *since_ns, uint64_t count, int64_t now_ns)
{
    if (count == 0)
        return;
    int64_t each_ns = (now_ns - *since_ns) / (int64_t)count;
    int64_t weight = count < PACE_WEIGHT ? (int64_t)count : PACE_WEIGHT;
    *pace_ns = *pace_ns < 0 ? each_ns : *pace_ns + (each_ns - *pace_ns) * weight / PACE_WEIGHT;
    *since_ns = now_ns;
}

static void keep_paces(gf_mate *m, uint64_t count, int64_t now_ns)
{
    keep_pace(&m->pace_ns, &m->pace_since_ns, count, now_ns);
    for (size_t i = 1; i < m->room_count; i++) {
        gf_mate_room *r = &m->rooms[i];
        keep_pace(&r->pace_ns, &r->pace_since_ns, r->ended - r->paced, now_ns);
        r->paced = r->ended;
    }
}

// Takes whole frames from the front of what has come.
static bool read_frames(gf_mate *m, gf_lane_turn *turn, int64_t now_ns)
{
    size_t at = 0, used;
    uint64_t ended = m->ended;
    gf_frame f;
    const char *why = NULL;
    gf_frame_found found = GF_FRAME_PART;
    while (!why &&
        (found = gf_frame_read(m->in + at, m->in_size - at, m->limit, &f, &used, &why)) ==
            GF_FRAME_WHOLE) {
        why = on_frame(m, &f, turn, now_ns);
        at += used;
    }
    keep_paces(m, m->ended - ended, now_ns);
    if (why) {
        break_off(m, &f, why);
        m->in_size = 0;
        return true;
    }
    m->in_size -= at;
    if (at && m->in_size)
        memmove(m->in, m->in + at, m->in_size);
    return at > 0;
}

// Its socket says that nothing more comes: it is about to be gone, or has closed what it must not.
static void on_closed(gf_mate *m)
{
    close(m->proc.socket);
    m->proc.socket = -1;
    if (m->state != GF_MATE_ENDING && !m->shut) {
        m->kill_ms = gf_mono_ms() + CLOSED_MS;
        if (m->state == GF_MATE_UP)
            m->state = GF_MATE_LEAVING;
    }
}

static bool read_socket(gf_mate *m, gf_lane_turn *turn, int64_t now_ns)
{
    bool any = false;
    while (m->proc.socket >= 0) {
        if (m->in_room - m->in_size < CHUNK / 4 &&
            !gf_grow(m->in, m->in_room, m->in_size + CHUNK))
            return any;            // the rest waits in the socket
        size_t room = m->in_room - m->in_size;
        ssize_t n = recv(m->proc.socket, m->in + m->in_size, room, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return any;
        if (n <= 0) {
            on_closed(m);
            return any;
        }
        if (m->deaf)
            continue;
        m->in_size += (size_t)n;
        any |= read_frames(m, turn, now_ns);
        if ((size_t)n < room)
            return any;
    }
    return any;
}

// What it printed before an 'end' is that task's; without one in sight, of the task that has begun.
bool gf_mate_read(gf_mate *m, gf_lane_turn *turn, int64_t now_ns)
{
    m->output_read = false;
    bool any = read_socket(m, turn, now_ns);
    read_output(m);
    return any;
}
