// ends.c - waits for the end of a task: told, not polled, where gofer ends it.
//
// May touch: net (a session), wire, info. Who waits notes the task's id among the queue's waits,
// which end by themselves. The scripts that end tasks look whether there are any waits in their
// queue, and push what became of the task to a short-lived list of its own
// (scripts/lib/notify.lua), with its result. On that list everybody who waits blocks with BLMOVE
// LEFT LEFT, which changes nothing, so that all of them hear. What Go ends, or whoever deletes
// keys, is seen by looking again, less and less often.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/text.h"

enum {
    NOTE_MS = 20000,               // a wait is noted for so long,
    RENEW_MS = 8000,               //   and anew when so long has passed
    LOOK_MIN_MS = 30, LOOK_MAX_MS = 1000,
    BLOCK_S = 30,                  // of BLMOVE
    OPEN_MS = 1000, REOPEN_MS = 1000
};

static const gf_rd_script look_script = {
    .name = "look for an end",
    .text = gf_rd_lua_find_end,
    .allow_oom = true,
};

enum { STATE, MESSAGE, RESULT, HISTORY, SCORE };     // of the answer

typedef struct wait_keys {
    gf_rd_key task, waits, ending, archived;
} wait_keys;

typedef struct waiting {
    gf_rd_store *s;
    const char  *queue, *id;
    wait_keys    keys;
    int64_t      until_ms;         // monotonic; INT64_MAX: for ever
    gf_rd_session *session;        // NULL: none
    bool         blocks;           // BLMOVE is under way
    int64_t      reopen_ms;        // no session before
    int64_t      noted_ms;         // when the wait was noted last; 0: perhaps not
                                   //   where the store is now
    gofer_info  *end;              // out
} waiting;

// ---- what became of it --------------------------------------------------------------------------

static gofer_status make_end(waiting *w, const char *outcome, int64_t at_ms,
    const redisReply *result, const char *last_error)
{
    gofer_info *info = gf_info_record();
    int bad = info ? 0 : -1;
    if (info) {
        bad = gf_info_set_text(info, "id", w->id) | gf_info_set_text(info, "queue", w->queue) |
            gf_info_set_text(info, "outcome", outcome) |
            gf_info_set_text(info, "last_error", last_error);
        if (result)
            bad |= gf_info_set_bytes(info, "result", result->str, (size_t)result->len);
        if (at_ms > 0)
            bad |= gf_info_set_int(info, "finished_at_ms", at_ms);
    }
    if (bad) {
        gofer_info_free(info);
        return gf_fail_nomem("the end of a task");
    }
    w->end = info;
    return GOFER_OK;
}

// The kind of the latest attempt is "cancelled".
static bool was_cancelled(const redisReply *history)
{
    static const char word[] = "\tkind=cancelled";
    if (!history || history->type != REDIS_REPLY_STRING || history->len == 0)
        return false;
    size_t end = (size_t)history->len, from;
    while (end > 0 && history->str[end - 1] == '\n')
        end--;
    for (from = end; from > 0 && history->str[from - 1] != '\n'; from--)
        ;
    const char *line = history->str + from, *found = strstr(line, word);
    return found && found < history->str + end && strchr("\t\n", found[sizeof word - 1]);
}

// It stands in the store as completed or archived.
static gofer_status end_from_state(waiting *w, const redisReply *r)
{
    void *memory = NULL;
    const redisReply *message = gf_rd_reply_at(r, MESSAGE, REDIS_REPLY_STRING);
    gofer_status st = message ? gf_wire_task_decode(message->str, (size_t)message->len, 0, &memory)
                              : GOFER_ECORRUPT;
    if (st == GOFER_ENOMEM)
        return st;
    const gf_wire_task *task = st == GOFER_OK ? memory : NULL;
    int64_t score_ms = gf_rd_reply_int(gf_rd_reply_at(r, SCORE, REDIS_REPLY_STRING), 0) * 1000;
    if (strcmp(r->element[STATE]->str, "completed") == 0)
        st = make_end(w, gf_end_name(GF_END_DONE), task ? task->completed_ms : 0,
            gf_rd_reply_at(r, RESULT, REDIS_REPLY_STRING), NULL);
    else
        st = make_end(w,
            gf_end_name(was_cancelled(gf_rd_reply_at(r, HISTORY, REDIS_REPLY_STRING))
                    ? GF_END_CANCELLED
                    : GF_END_ARCHIVED),
            score_ms, NULL, task ? task->message.last_error : NULL);
    gf_free(memory);
    return st;
}

static gofer_status look(waiting *w, int64_t note_ms, bool first, redisReply **reply);

// "done <ms> r<result>", "expired <ms> -": pushed by the script that ended it.
static gofer_status end_from_push(waiting *w, const redisReply *pushed)
{
    char how[16];
    long long at_ms = 0;
    int size = 0;
    if (sscanf(pushed->str, "%15s %lld %n", how, &at_ms, &size) != 2 ||
        (size_t)size >= (size_t)pushed->len)
        return gf_fail(GOFER_ECORRUPT, "the end of task '%s' was told in a way that is not ours",
            w->id);
    redisReply result = { .type = REDIS_REPLY_STRING,
        .str = pushed->str + size + 1,
        .len = (size_t)pushed->len - (size_t)size - 1 };
    bool is_done = strcmp(how, gf_end_name(GF_END_DONE)) == 0;
    // An archived one stands there with its error; if not any more, this much is known.
    if (strcmp(how, gf_end_name(GF_END_ARCHIVED)) == 0 ||
        strcmp(how, gf_end_name(GF_END_CANCELLED)) == 0) {
        redisReply *r;
        if (look(w, 0, true, &r) == GOFER_OK) {
            gofer_status st = GOFER_EEMPTY;
            bool is_there = strcmp(r->element[STATE]->str, "told") != 0;
            const redisReply *message =
                is_there ? gf_rd_reply_at(r, MESSAGE, REDIS_REPLY_STRING) : NULL;
            void *memory = NULL;
            if (message &&
                gf_wire_task_decode(message->str, (size_t)message->len, 0, &memory) == GOFER_OK)
                st = make_end(w, how, at_ms, NULL,
                    ((const gf_wire_task *)memory)->message.last_error);
            gf_free(memory);
            freeReplyObject(r);
            if (st != GOFER_EEMPTY)
                return st;
        }
    }
    return make_end(w, how, at_ms, is_done && pushed->str[size] == 'r' ? &result : NULL, NULL);
}

// ---- looking ------------------------------------------------------------------------------------

#define ADD_KEY(NAME, name, rest) gf_rd_add(&cmd.args, w->keys.name.text);

static gofer_status look(waiting *w, int64_t note_ms, bool first, redisReply **reply)
{
    gf_rd_cmd cmd;
    gf_rd_script_begin(&cmd, &look_script, w->queue, true);
    cmd.reads = note_ms == 0;
    GF_RD_KEYS_FIND_END(ADD_KEY)
    cmd.key_count = 0 GF_RD_KEYS_FIND_END(GF_RD_ONE);
    gf_rd_add(&cmd.args, w->id);
    gf_rd_add_int(&cmd.args, note_ms);
    gf_rd_add(&cmd.args, first ? "1" : "0");
    gofer_status st = gf_rd_call(w->s, &cmd, reply);
    if (st == GOFER_OK && !gf_rd_reply_at(*reply, 0, REDIS_REPLY_STRING)) {
        freeReplyObject(*reply);
        return gf_fail(GOFER_ECORRUPT, "the look at task '%s' was answered with something else",
            w->id);
    }
    return st;
}

// OK: w->end is set if it has ended. first: a task that is gone was not there when the wait began,
// unless its end was told to a wait before this one.
static gofer_status look_for_end(waiting *w, int64_t note_ms, bool first)
{
    redisReply *r;
    gofer_status st = look(w, note_ms, first, &r);
    if (st != GOFER_OK)
        return st;
    const char *state = r->element[STATE]->str;
    const redisReply *pushed = gf_rd_reply_at(r, 1, REDIS_REPLY_STRING);
    if (strcmp(state, "told") == 0 && pushed)
        st = end_from_push(w, pushed);
    else if (strcmp(state, "completed") == 0 || strcmp(state, "archived") == 0)
        st = end_from_state(w, r);
    else if (strcmp(state, "gone") == 0)
        st = first ? gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", w->id, w->queue)
                   : make_end(w, "gone", 0, NULL, NULL);
    freeReplyObject(r);
    return st;
}

// ---- being told ---------------------------------------------------------------------------------

static void hang_up(waiting *w)
{
    gf_rd_session_close(w->session);
    w->session = NULL;
    w->blocks = false;
    w->reopen_ms = gf_mono_ms() + REOPEN_MS;
    w->noted_ms = 0;                   // after a failover it may be a server that
                                       //   does not know of it
}

// Best effort: without a session there is still the looking.
static void block(waiting *w, int64_t now_ms)
{
    gf_rd_args args = { 0 };
    if (w->blocks || now_ms < w->reopen_ms)
        return;
    if (!w->session && gf_rd_session_open(&w->session, w->s->net, gf_rd_queue_slot(w->queue),
        OPEN_MS) != GOFER_OK) {
        w->session = NULL;
        w->reopen_ms = gf_mono_ms() + REOPEN_MS;
        return;
    }
    gf_rd_add(&args, "BLMOVE");
    gf_rd_add(&args, w->keys.ending.text);
    gf_rd_add(&args, w->keys.ending.text);
    gf_rd_add(&args, "LEFT");
    gf_rd_add(&args, "LEFT");
    gf_rd_add_int(&args, BLOCK_S);
    w->blocks = gf_rd_session_send(w->session, &args, OPEN_MS) == GOFER_OK;
    gf_rd_args_clear(&args);
    if (!w->blocks)
        hang_up(w);
}

// Until something comes on the session, or the time is over.
static gofer_status receive(waiting *w, int64_t timeout_ms)
{
    redisReply *r = NULL;
    struct pollfd fd = { .fd = w->blocks ? gf_rd_session_fd(w->session) : -1, .events = POLLIN };
    (void)poll(&fd, 1, timeout_ms < 0 ? 0 : (int)timeout_ms);
    if (!w->blocks)
        return GOFER_OK;
    gofer_status st = gf_rd_session_next(w->session, &r);
    if (st == GOFER_EEMPTY)
        return GOFER_OK;
    if (st != GOFER_OK) {
        hang_up(w);
        return GOFER_OK;
    }
    w->blocks = false;
    if (r->type == REDIS_REPLY_STRING)
        st = end_from_push(w, r);
    else if (r->type == REDIS_REPLY_ERROR)
        hang_up(w);                    // moved, refused, full: looking goes on
    freeReplyObject(r);
    return st;
}

// ---- both ---------------------------------------------------------------------------------------

// While the store is away there is nothing to be heard; the wait goes on.
static bool is_passing(gofer_status st)
{
    return st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN;
}

static gofer_status wait_on(waiting *w)
{
    int64_t pause_ms = LOOK_MIN_MS, next_ms = gf_mono_ms() + pause_ms;
    uint32_t interrupts = atomic_load(&w->s->base.interrupts);
    gofer_status st = GOFER_OK;
    w->noted_ms = gf_mono_ms();
    while (st == GOFER_OK && !w->end) {
        int64_t now_ms = gf_mono_ms();
        if (now_ms >= w->until_ms || atomic_load(&w->s->base.interrupts) != interrupts)
            return gf_fail(GOFER_ETIMEOUT, "the task '%.255s' has not come to its end in this time",
                w->id);
        if (now_ms >= next_ms) {
            bool renew = w->noted_ms == 0 || now_ms - w->noted_ms >= RENEW_MS;
            st = look_for_end(w, renew ? NOTE_MS : 0, false);
            if (renew && st == GOFER_OK)
                w->noted_ms = now_ms;
            if (is_passing(st))
                st = GOFER_OK;
            pause_ms = gf_min(pause_ms + pause_ms / 2, LOOK_MAX_MS);
            next_ms = gf_mono_ms() + pause_ms;
            continue;
        }
        block(w, now_ms);
        st = receive(w, gf_min(GF_INTERRUPT_MS, gf_min(next_ms, w->until_ms) - gf_mono_ms()));
    }
    return st;
}

gofer_status gf_rd_wait_end(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms,
    gofer_info **out)
{
    waiting w = { .s = (gf_rd_store *)b, .queue = queue, .id = id, .until_ms = INT64_MAX };
    char rest[GF_NAME_MAX + 16];
    gofer_status st = gf_rd_check(w.s);
    if (st != GOFER_OK)
        return st;
    if (timeout_ms >= 0 && timeout_ms <= GOFER_MAX_DURATION_MS)
        w.until_ms = gf_mono_ms() + timeout_ms;
    snprintf(rest, sizeof rest, "t:%s", id);
    gf_rd_key_of(&w.keys.task, queue, rest);
    snprintf(rest, sizeof rest, "gofer:end:%s", id);
    gf_rd_key_of(&w.keys.ending, queue, rest);
    gf_rd_key_of(&w.keys.waits, queue, "gofer:waits");
    gf_rd_key_of(&w.keys.archived, queue, "archived");
    st = look_for_end(&w, timeout_ms == 0 ? 0 : NOTE_MS, true);
    if (st == GOFER_OK)
        st = wait_on(&w);
    gf_rd_session_close(w.session);
    if (st == GOFER_OK)
        *out = w.end;
    else
        gofer_info_free(w.end);
    return st;
}
