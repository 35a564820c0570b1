// ends.c - waits for the ends of tasks: told, not polled, where gofer ends them.
//
// May touch: net (a session), wire, info. Who waits notes the task's id among the queue's waits,
// which end by themselves. The scripts that end tasks look whether there are any waits in their
// queue, push what became of the task to a short-lived list of its own (scripts/lib/notify.lua),
// with its result, and announce it in a channel that is called like the list. All waits of a
// gf_waits share one session that has subscribed to their channels; who hears of one looks. What Go
// ends, or whoever deletes keys, and what the session has missed, is seen by looking again, less
// and less often. Looks of one moment share a pipeline.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/shard/shard.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/minmax.h"
#include "util/table.h"
#include "util/wake_fd.h"

enum {
    NOTE_MS = 20000,               // a wait is noted for so long,
    RENEW_MS = 8000,               //   and anew when so long has passed
    LOOK_MIN_MS = 30, LOOK_MAX_MS = 1000,
    LOOKS_PER_MS = 8,              // more waits are looked at less often
    AT_ONCE = 256,                 // looks of one pipeline, channels of one command
    OPEN_MS = 1000, REOPEN_MS = 1000,
    DENIED_MS = 60000              // the user may not subscribe: ask again after so long
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
    gf_link     link;              // by its channel; first
    gf_rd_store *s;
    const char  *queue, *id;       // of a sharded queue the slot
    const char  *shown;            // the queue's own name
    gf_awaited  *of;
    gofer_info  *end;              // out
    size_t       place;            // among all
    bool         called;           // somebody says that it has ended: look
    int64_t      next_ms, pause_ms;// when it is looked at next, monotonic; then after so long
    int64_t      noted_ms;         // when the wait was noted last; 0: perhaps not where the
                                   //   store is now
} waiting;

// ---- what became of it --------------------------------------------------------------------------

static gofer_status make_end(waiting *w, const char *outcome, int64_t at_ms,
    const redisReply *result, const char *last_error)
{
    gofer_info *info = gf_info_record();
    int bad = info ? 0 : -1;
    if (info) {
        bad = gf_info_set_text(info, "id", w->id) | gf_info_set_text(info, "queue", w->shown) |
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

static gofer_status look_once_more(waiting *w, redisReply **reply);

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
        if (look_once_more(w, &r) == GOFER_OK) {
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
            gf_rd_reply_free(r);
            if (st != GOFER_EEMPTY)
                return st;
        }
    }
    return make_end(w, how, at_ms, is_done && pushed->str[size] == 'r' ? &result : NULL, NULL);
}

// ---- looking ------------------------------------------------------------------------------------

static void keys_of(wait_keys *keys, const waiting *w)
{
    char rest[GF_NAME_MAX + 16];
    snprintf(rest, sizeof rest, "t:%s", w->id);
    gf_rd_key_of(&keys->task, w->queue, rest);
    snprintf(rest, sizeof rest, "gofer:end:%s", w->id);
    gf_rd_key_of(&keys->ending, w->queue, rest);
    gf_rd_key_of(&keys->waits, w->queue, "gofer:waits");
    gf_rd_key_of(&keys->archived, w->queue, "archived");
}

// The list's key is the name of the channel.
static void channel_of(gf_rd_key *channel, const waiting *w)
{
    char rest[GF_NAME_MAX + 16];
    snprintf(rest, sizeof rest, "gofer:end:%s", w->id);
    gf_rd_key_of(channel, w->queue, rest);
}

#define ADD_KEY(NAME, name, rest) gf_rd_add(&cmd->args, keys->name.text);

// first: a task that is gone was not there when the wait began, unless its end was told to a wait
// before this one.
static void look_begin(gf_rd_cmd *cmd, wait_keys *keys, const waiting *w, int64_t note_ms,
    bool first)
{
    keys_of(keys, w);
    gf_rd_script_begin(cmd, &look_script, w->queue, true);
    cmd->reads = note_ms == 0;
    GF_RD_KEYS_FIND_END(ADD_KEY)
    cmd->key_count = 0 GF_RD_KEYS_FIND_END(GF_RD_ONE);
    gf_rd_add(&cmd->args, w->id);
    gf_rd_add_int(&cmd->args, note_ms);
    gf_rd_add(&cmd->args, first ? "1" : "0");
}

static gofer_status check_answer(const waiting *w, const redisReply *r)
{
    return gf_rd_reply_at(r, STATE, REDIS_REPLY_STRING) ? GOFER_OK
        : gf_fail(GOFER_ECORRUPT, "the look at task '%s' was answered with something else", w->id);
}

static gofer_status look_once_more(waiting *w, redisReply **reply)
{
    gf_rd_cmd cmd;
    wait_keys keys;
    look_begin(&cmd, &keys, w, 0, true);
    gofer_status st = gf_rd_call(w->s, &cmd, reply);
    if (st == GOFER_OK && (st = check_answer(w, *reply)) != GOFER_OK)
        gf_rd_reply_free(*reply);
    return st;
}

// OK: w->end is set if it has ended.
static gofer_status read_answer(waiting *w, const redisReply *r, bool first)
{
    gofer_status st = check_answer(w, r);
    if (st != GOFER_OK)
        return st;
    const char *state = r->element[STATE]->str;
    const redisReply *pushed = gf_rd_reply_at(r, 1, REDIS_REPLY_STRING);
    if (strcmp(state, "told") == 0 && pushed)
        return end_from_push(w, pushed);
    if (strcmp(state, "completed") == 0 || strcmp(state, "archived") == 0)
        return end_from_state(w, r);
    if (strcmp(state, "gone") != 0)
        return GOFER_OK;
    return first ? gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", w->id, w->shown)
                 : make_end(w, "gone", 0, NULL, NULL);
}

// One pipeline of looks: what for, and what came of each.
typedef struct looks {
    waiting    **all;
    size_t       count;
    bool         first, only_look;
    gofer_status statuses[AT_ONCE];      // OK: `end` is set if it has ended
    char        *errors[AT_ONCE];        // owned; NULL: none
} looks;

static gofer_status look_at_all(gf_rd_store *s, looks *l)
{
    gf_rd_cmd *cmds = gf_calloc(l->count, sizeof *cmds);
    wait_keys *keys = gf_alloc(l->count * sizeof *keys);
    int64_t now_ms = gf_mono_ms();
    if (!cmds || !keys) {
        gf_free(cmds);
        gf_free(keys);
        return gf_fail_nomem("a look at tasks");
    }
    for (size_t i = 0; i < l->count; i++) {
        waiting *w = l->all[i];
        bool renew = !l->only_look && (!w->noted_ms || now_ms - w->noted_ms >= RENEW_MS);
        look_begin(&cmds[i], &keys[i], w, renew ? NOTE_MS : 0, l->first);
    }
    (void)gf_rd_run(s->net, cmds, l->count, gf_rd_timeout(s));
    for (size_t i = 0; i < l->count; i++) {
        gofer_status st = cmds[i].status;
        if (st == GOFER_OK && !cmds[i].reads)
            l->all[i]->noted_ms = now_ms;
        if (st == GOFER_OK)
            st = read_answer(l->all[i], cmds[i].reply, l->first);
        else if (cmds[i].reply && cmds[i].reply->type == REDIS_REPLY_ERROR)
            gf_fail(st, "a look at task '%.255s': %.200s", l->all[i]->id, cmds[i].reply->str);
        l->statuses[i] = st;
        l->errors[i] = st == GOFER_OK ? NULL : gf_strdup(gofer_error_last());
        gf_rd_cmd_clear(&cmds[i]);
    }
    gf_free(cmds);
    gf_free(keys);
    return GOFER_OK;
}

// ---- all that is waited for ---------------------------------------------------------------------

typedef struct waits {
    gf_waits       base;           // first
    gf_rd_store   *store;
    waiting      **all;
    size_t         count, room;
    gf_table       by_channel;
    int64_t        next_ms;        // no sooner is any of them to be looked at
    bool           called;         // some are
    gf_rd_session *session;        // NULL: none
    int64_t        reopen_ms;      // no session before
    gf_wake_fd     wake_fd;
} waits;

// While the store is away there is nothing to be heard; the wait goes on.
static bool is_passing(gofer_status st)
{
    return st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN;
}

// The next of its channel, from this link on.
static waiting *same_channel(gf_link *link, const char *channel)
{
    for (; link; link = gf_table_next(link)) {
        gf_rd_key its;
        channel_of(&its, (waiting *)link);
        if (strcmp(its.text, channel) == 0)
            return (waiting *)link;
    }
    return NULL;
}

static void hang_up(waits *w, int64_t pause_ms)
{
    gf_rd_session_close(w->session);
    w->session = NULL;
    w->reopen_ms = gf_mono_ms() + pause_ms;
    for (size_t i = 0; i < w->count; i++)
        w->all[i]->noted_ms = 0;       // after a failover it may be a server that does not
                                       //   know of it
}

// "SUBSCRIBE" or "UNSUBSCRIBE" for each. Best effort: without a session there is still the looking.
static void say(waits *w, const char *command, waiting *const *all, size_t count)
{
    for (size_t at = 0, some; at < count && w->session; at += some) {
        gf_rd_args args = { 0 };
        some = gf_min_size(count - at, AT_ONCE);
        gf_rd_key *channels = gf_alloc(some * sizeof *channels);
        gf_rd_add(&args, command);
        for (size_t i = 0; i < some && channels; i++) {
            channel_of(&channels[i], all[at + i]);
            gf_rd_add(&args, channels[i].text);
        }
        if (!channels || gf_rd_session_send(w->session, &args, OPEN_MS) != GOFER_OK)
            hang_up(w, REOPEN_MS);
        gf_rd_args_clear(&args);
        gf_free(channels);
    }
}

static void open_line(waits *w)
{
    if (w->session || !w->count || gf_mono_ms() < w->reopen_ms)
        return;
    if (gf_rd_session_open(&w->session, w->store->net, GF_RD_ANY_SLOT, OPEN_MS) != GOFER_OK) {
        w->session = NULL;
        w->reopen_ms = gf_mono_ms() + REOPEN_MS;
        return;
    }
    say(w, "SUBSCRIBE", w->all, w->count);
}

// A message, or the answer to SUBSCRIBE, before which the channel was not heard: look.
static void take_in(waits *w, const redisReply *r)
{
    const redisReply *kind = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING),
                     *channel = gf_rd_reply_at(r, 1, REDIS_REPLY_STRING);
    if (!kind || !channel || strcmp(kind->str, "unsubscribe") == 0)
        return;
    gf_link *link = gf_table_find(&w->by_channel, gf_hash_text(channel->str));
    for (waiting *each; (each = same_channel(link, channel->str)) != NULL;) {
        each->called = w->called = true;
        link = gf_table_next(&each->link);
    }
}

static void listen_on(waits *w)
{
    redisReply *r = NULL;
    gofer_status st = GOFER_EEMPTY;
    while (w->session && (st = gf_rd_session_next(w->session, &r)) == GOFER_OK) {
        bool denied = r->type == REDIS_REPLY_ERROR;
        if (!denied)
            take_in(w, r);
        gf_rd_reply_free(r);
        if (denied)
            hang_up(w, DENIED_MS);
    }
    if (w->session && st != GOFER_EEMPTY)
        hang_up(w, REOPEN_MS);
}

// ---- in and out ---------------------------------------------------------------------------------

gofer_status gf_rd_waits_open(gf_broker *b, gf_waits **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    waits *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("a wait");
    w->base.broker = b;
    w->store = s;
    if (!gf_wake_fd_open(&w->wake_fd)) {
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no file descriptor for a wait");
    }
    *out = &w->base;
    return GOFER_OK;
}

// It is waited for no more.
static void let_go(waits *w, waiting *each)
{
    waiting *last = w->all[--w->count];
    w->all[each->place] = last;
    last->place = each->place;
    gf_table_remove(&w->by_channel, &each->link);
    each->of->place = NULL;
}

// Those of which nothing is to be heard any more; frees them.
static void let_all_go(waits *w, waiting **all, size_t count)
{
    size_t quiet = 0;
    for (size_t i = 0; i < count; i++)
        let_go(w, all[i]);
    for (size_t i = 0; i < count; i++) {
        gf_rd_key channel;
        channel_of(&channel, all[i]);
        gf_link *first = gf_table_find(&w->by_channel, all[i]->link.key);
        if (same_channel(first, channel.text)) {
            gf_free(all[i]);
            continue;
        }
        all[quiet++] = all[i];
    }
    say(w, "UNSUBSCRIBE", all, quiet);
    for (size_t i = 0; i < quiet; i++)
        gf_free(all[i]);
}

void gf_rd_waits_close(gf_waits *waiting_for)
{
    waits *w = (waits *)waiting_for;
    if (!w)
        return;
    gf_rd_session_close(w->session);
    for (size_t i = 0; i < w->count; i++)
        gf_free(w->all[i]);
    gf_table_clear(&w->by_channel);
    gf_wake_fd_close(&w->wake_fd);
    gf_free(w->all);
    gf_free(w);
}

// Wait for what has not ended. False: no memory.
static bool keep(waits *w, waiting *each)
{
    gf_rd_key channel;
    channel_of(&channel, each);
    if (!gf_grow(w->all, w->room, w->count + 1))
        return false;
    gf_table_add(&w->by_channel, &each->link, gf_hash_text(channel.text));
    each->place = w->count;
    each->pause_ms = LOOK_MIN_MS;
    each->next_ms = gf_mono_ms() + LOOK_MIN_MS;
    w->next_ms = gf_min(w->next_ms, each->next_ms);
    w->all[w->count++] = each;
    each->of->place = each;
    return true;
}

static bool is_unplaced(const waiting *w, const gf_rd_sharded *q)
{
    return w->queue == w->shown && strcmp(w->shown, q->name) == 0;
}

// Of tasks of sharded queues, in which slot they are.
static gofer_status find_slots(gf_rd_store *s, waiting **all, size_t count)
{
    gf_rd_shards *sharded = gf_rd_shards_take(s);
    const char *ids[AT_ONCE];
    size_t slots[AT_ONCE];
    bool found[AT_ONCE];
    gofer_status st = GOFER_OK;
    for (size_t i = 0; sharded && i < count && st == GOFER_OK; i++) {
        const gf_rd_sharded *q = gf_rd_sharded_of(sharded, all[i]->shown);
        size_t n = 0;
        for (size_t k = i; q && k < count; k++)
            if (is_unplaced(all[k], q))
                ids[n++] = all[k]->id;
        if (n)
            st = gf_rd_slots_find(s, q, ids, n, slots, found);
        for (size_t k = count; st == GOFER_OK && n && k-- > i;)
            if (is_unplaced(all[k], q))
                all[k]->queue = q->slots[slots[--n]];
    }
    gf_rd_shards_drop(sharded);
    return st;
}

static void add_some(waits *w, gf_awaited *const *items, size_t count, bool only_look)
{
    waiting *new[AT_ONCE] = { 0 };
    looks l = { .all = new, .count = count, .first = true, .only_look = only_look };
    gofer_status all_st = gf_rd_check(w->store);
    size_t from = w->count;
    for (size_t i = 0; i < count && all_st == GOFER_OK; i++) {
        new[i] = gf_calloc(1, sizeof *new[i]);
        if (!new[i])
            all_st = gf_fail_nomem("waits");
        else
            *new[i] = (waiting){ .s = w->store, .queue = items[i]->queue,
                .shown = items[i]->queue, .id = items[i]->id, .of = items[i] };
    }
    if (all_st == GOFER_OK)
        all_st = find_slots(w->store, new, count);
    if (all_st == GOFER_OK)
        all_st = look_at_all(w->store, &l);
    if (w->count == 0)
        w->next_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        gofer_status st = all_st == GOFER_OK ? l.statuses[i] : all_st;
        if (st == GOFER_OK && !new[i]->end && only_look)
            st = GOFER_ETIMEOUT;
        if (st == GOFER_OK && !new[i]->end && !keep(w, new[i]))
            st = gf_fail_nomem("waits");
        else if (st == GOFER_OK && !new[i]->end)
            continue;
        if (all_st == GOFER_OK && l.errors[i])
            gf_fail(st, "%s", l.errors[i]);
        items[i]->end = new[i] ? new[i]->end : NULL;
        gf_waits_tell(&w->base, items[i], st);
        gf_free(l.errors[i]);
        gf_free(new[i]);
    }
    if (w->count > from)
        say(w, "SUBSCRIBE", w->all + from, w->count - from);
}

void gf_rd_waits_add(gf_waits *waiting_for, gf_awaited *const *items, size_t count, bool only_look)
{
    for (size_t at = 0, some; at < count; at += some) {
        some = gf_min_size(count - at, AT_ONCE);
        add_some((waits *)waiting_for, items + at, some, only_look);
    }
}

void gf_rd_waits_remove(gf_waits *waiting_for, gf_awaited *const *items, size_t count)
{
    waits *w = (waits *)waiting_for;
    waiting *some[AT_ONCE];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i]->place)
            some[n++] = items[i]->place;
        if (n == AT_ONCE || (n && i + 1 == count)) {
            let_all_go(w, some, n);
            n = 0;
        }
    }
}

// ---- being told ---------------------------------------------------------------------------------

// What the looks at those that are due have found. How many have ended.
static void settle(waits *w, looks *l)
{
    size_t over = 0;
    for (size_t i = 0; i < l->count; i++) {
        waiting *each = l->all[i];
        gofer_status st = l->statuses[i];
        if (each->end || (st != GOFER_OK && !is_passing(st))) {
            if (st != GOFER_OK)
                gf_fail(st, "%s", l->errors[i] ? l->errors[i] : gofer_status_text(st));
            each->of->end = each->end;
            gf_waits_tell(&w->base, each->of, st);
            l->all[over++] = each;
        }
        gf_free(l->errors[i]);
    }
    let_all_go(w, l->all, over);
}

// Look at those that are due: somebody says that they have ended, or it is their time.
static gofer_status look_at_due(waits *w)
{
    waiting *due[AT_ONCE];
    looks l = { .all = due };
    int64_t now_ms = gf_mono_ms(), least_ms = (int64_t)w->count / LOOKS_PER_MS;
    bool more = false;
    w->next_ms = INT64_MAX;
    for (size_t i = 0; i < w->count; i++) {
        waiting *each = w->all[i];
        if (each->called || each->next_ms <= now_ms) {
            more = l.count == AT_ONCE;
            if (more)
                break;
            each->called = false;
            each->pause_ms = gf_min(
                gf_max(each->pause_ms + each->pause_ms / 2, least_ms), LOOK_MAX_MS);
            each->next_ms = now_ms + each->pause_ms;
            due[l.count++] = each;
        }
        w->next_ms = gf_min(w->next_ms, each->next_ms);
    }
    w->called = more;
    gofer_status st = l.count ? look_at_all(w->store, &l) : GOFER_OK;
    if (st == GOFER_OK)
        settle(w, &l);
    return st;
}

// Until something comes on the session, or somebody wakes, or the time is over. True: woken.
static bool doze(waits *w, int64_t timeout_ms)
{
    struct pollfd fds[2] = { { .fd = w->wake_fd.read_fd, .events = POLLIN },
        { .fd = w->session ? gf_rd_session_fd(w->session) : -1, .events = POLLIN } };
    timeout_ms = gf_rd_session_nap_ms(w->session, timeout_ms);
    (void)poll(fds, 2, timeout_ms < 0 ? 0 : (int)gf_min(timeout_ms, INT_MAX));
    if (!fds[0].revents)
        return false;
    gf_wake_fd_clear(&w->wake_fd);
    return true;
}

gofer_status gf_rd_waits_next(gf_waits *waiting_for, int64_t timeout_ms, gf_awaited **told)
{
    waits *w = (waits *)waiting_for;
    uint32_t interrupts = atomic_load(&w->base.broker->interrupts);
    bool for_ever = timeout_ms < 0 || timeout_ms > GOFER_MAX_DURATION_MS;
    int64_t end_ms = for_ever ? INT64_MAX : gf_mono_ms() + timeout_ms;
    for (;;) {
        gofer_status st = gf_rd_check(w->store);
        if (st == GOFER_OK && w->count && (w->called || gf_mono_ms() >= w->next_ms))
            st = look_at_due(w);
        if ((*told = gf_waits_told(&w->base)) != NULL)
            return GOFER_OK;
        if (st != GOFER_OK)
            return st;
        if (gf_mono_ms() >= end_ms || atomic_load(&w->base.broker->interrupts) != interrupts)
            return GOFER_ETIMEOUT;
        open_line(w);
        int64_t until_ms = w->count ? gf_min(w->next_ms, end_ms) : end_ms;
        if (!w->called && doze(w, until_ms - gf_mono_ms()))
            return GOFER_ETIMEOUT;
        listen_on(w);
    }
}

void gf_rd_waits_wake(gf_waits *waiting_for)
{
    gf_wake_fd_set(&((waits *)waiting_for)->wake_fd);
}
