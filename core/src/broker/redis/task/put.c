// put.c - adds tasks: one script for each queue, with commands inside that take many keys.
#include "broker/redis/task/put.h"

#include <stdio.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

static const gf_rd_script put_now = {
    .name = "put",
    .rights = "",
    .is_urgent = true,
    .text = gf_rd_lua_put,
};

static const gf_rd_script put_any = {
    .name = "put of all kinds",
    .rights =
        "TIME EXISTS GET SET DEL UNLINK LLEN LPUSH RPUSH LTRIM HGET HMGET HSET SCARD SADD ZCARD "
        "ZADD ZREM ZRANGEBYSCORE ZREVRANGEBYSCORE",
    .is_urgent = true,
    .text = gf_rd_lua_put_any,
};

static const gf_rd_script put_debounced = {
    .name = "put of debounced tasks",
    .is_urgent = true,
    .text = gf_rd_lua_put_debounced,
};

static const gf_rd_script replace_task = {
    .name = "replace a task",
    .is_urgent = true,
    .text = gf_rd_lua_replace_task,
};

// Which script a task needs: of those that only come in put_now does for some.
typedef enum kind { NEW, DEBOUNCED, OVER } kind;
enum { OVER_KEYS = 0 GF_RD_KEYS_REPLACE_TASK(GF_RD_ONE) };

// What goes into one script.
typedef struct piece {
    const char *queue;
    kind        kind;                      // OVER: of one task alone
    size_t      count, bytes;
    bool        any;                       // put_any
    bool        unbounded;                 // all its tasks are
    bool        rising;                    // each id is greater than the one before,
                                           //   as those we make are
    const char *last;                      // id
    size_t      front;                     // size of a task's key without the id
    gf_rd_key   pending, scheduled, groups, line, limited, group, limits;
    gf_rd_key  *over;                      // owned; OVER: the script's keys, and the tasks' prefix
} piece;

typedef struct putting {
    gf_rd_store      *s;
    gf_rd_new *const *tasks;
    size_t            count;
    piece            *pieces;
    gf_rd_cmd        *cmds;                // one for each piece, then those that tell
                                           //   the queues' names
    size_t            piece_count, piece_room, cmd_count;
    bool              asks;                // the last command asks whether anybody
                                           //   listens to events
} putting;

// ---- making ready -------------------------------------------------------------------------------

static gofer_status make_key(gf_rd_new *n)
{
    const gf_message *m = n->item->message;
    gf_rd_key front;
    gf_rd_key_of(&front, m->queue, "t:");
    size_t size = strlen(front.text);
    n->id_size = strlen(m->id);
    n->key_size = size + n->id_size;
    n->key = gf_alloc(n->key_size);
    if (!n->key)
        return gf_fail_nomem("a key");
    memcpy(n->key, front.text, size);
    memcpy(n->key + size, m->id, n->id_size);
    return GOFER_OK;
}

static kind kind_of(const gf_put *item)
{
    return item->debounce ? DEBOUNCED : item->replaces ? OVER : NEW;
}

static gofer_status make_record(const gf_put *item, char **out)
{
    gf_rd_key key;
    char rest[GF_NAME_MAX + sizeof "gofer:key:k:"];
    const char *name = item->debounce->key;
    snprintf(rest, sizeof rest, "gofer:key:%c:%s", name ? 'k' : 't',
        name ? name : item->message->type);
    gf_rd_key_of(&key, item->message->queue, rest);
    *out = gf_strdup(key.text);
    return *out ? GOFER_OK : gf_fail_nomem("a key");
}

static gofer_status make_lane(const gf_message *m, char **out)
{
    char lane[GF_RD_LANE_TEXT];
    if (!m->headers_size)
        return GOFER_OK;
    gf_rd_lane_of(m, lane);
    if (!*lane)
        return GOFER_OK;
    *out = gf_strdup(lane);
    return *out ? GOFER_OK : gf_fail_nomem("a lane");
}

gofer_status gf_rd_new_make(gf_rd_store *s, gf_rd_new *out, gf_put *item)
{
    const gf_message *m = item->message;
    *out = (gf_rd_new){ .item = item };
    out->at_ms = item->run_at_ms > 0 ? item->run_at_ms : 0;      // whether that is over, the
                                                                 //   server's clock says
    gofer_status st = make_key(out);
    if (st == GOFER_OK)
        st = make_lane(m, &out->lane);
    if (st == GOFER_OK)
        st = gf_rd_limit_of(m, &out->limit);
    if (st == GOFER_OK && item->unique_ms > 0) {
        // The lock must hold until the task has run for so long, and a scheduled one begins later:
        // the script adds that.
        out->lock_s = gf_seconds_up(item->unique_ms);
        st = item->unique_key
            ? gf_rd_named_lock(m->queue, item->unique_key, &out->lock)
            : gf_rd_lock_of(s, m->queue, m->type, m->payload, m->payload_size, &out->lock);
    }
    if (st == GOFER_OK && item->debounce)
        st = make_record(item, &out->record);
    bool knows = item->unique_life != GF_UNTIL_TTL;
    if (st == GOFER_OK)
        st = gf_wire_task_encode(m, knows ? out->lock : NULL, item->group, &out->message);
    if (st == GOFER_OK)
        st = gf_rd_message_check(m, out->message.size);
    if (st != GOFER_OK)
        gf_rd_new_clear(out);
    return st;
}

void gf_rd_new_clear(gf_rd_new *n)
{
    gf_bytes_clear(&n->message);
    gf_free(n->key);
    gf_free(n->lock);
    gf_free(n->lane);
    gf_free(n->limit);
    gf_free(n->record);
    n->key = n->lock = n->lane = n->limit = n->record = NULL;
}

// NULL: no memory. Commands borrow keys of the pieces, so they are begun when no
// piece comes any more.
static piece *new_piece(putting *p, const gf_put *item)
{
    kind what = kind_of(item);
    if (!gf_grow(p->pieces, p->piece_room, p->piece_count + 1))
        return NULL;
    piece *new = &p->pieces[p->piece_count++];
    *new = (piece){ .queue = item->message->queue,
        .kind = what,
        .unbounded = item->unbounded,
        .rising = true,
        .last = "" };
    if (what == OVER && !(new->over = gf_alloc((OVER_KEYS + 1) * sizeof *new->over)))
        return NULL;
    return new;
}

static bool has_room_for(const piece *its, const gf_put *item, size_t bytes)
{
    return its->kind != OVER && its->kind == kind_of(item) && its->unbounded == item->unbounded &&
        its->count < GF_RD_CHUNK && its->bytes + bytes <= GF_PIECE_BYTES;
}

// The latest piece of its queue if it has room, or a new one; NULL: no memory.
static piece *piece_for(putting *p, const gf_put *item, size_t bytes)
{
    for (size_t i = p->piece_count; i-- > 0;)
        if (strcmp(p->pieces[i].queue, item->message->queue) == 0) {
            if (has_room_for(&p->pieces[i], item, bytes))
                return &p->pieces[i];
            break;                         // an earlier one would change the order
        }
    return new_piece(p, item);
}

static bool sort_into_pieces(putting *p)
{
    for (size_t i = 0; i < p->count; i++) {
        gf_rd_new *n = p->tasks[i];
        piece *its = piece_for(p, n->item, n->message.size);
        if (!its)
            return false;
        n->piece = (size_t)(its - p->pieces);
        its->count++;
        its->bytes += n->message.size;
        its->any |= n->at_ms || n->lock || n->item->group || n->lane || n->limit;
        its->rising &= strcmp(its->last, n->item->message->id) < 0;
        its->last = n->item->message->id;
    }
    return true;
}

static void add_key(gf_rd_cmd *cmd, gf_rd_key *key, const char *queue, const char *rest)
{
    gf_rd_key_of(key, queue, rest);
    gf_rd_add(&cmd->args, key->text);
}
#define ADD_KEY(NAME, name, rest) add_key(cmd, &its->name, its->queue, rest);

static void begin_debounced(piece *its, gf_rd_cmd *cmd)
{
    gf_rd_script_begin(cmd, &put_debounced, its->queue, true);
    cmd->counts = true;
    GF_RD_KEYS_PUT_DEBOUNCED(ADD_KEY)
}

// Its keys begin with the task's own.
static void begin_over(piece *its, gf_rd_cmd *cmd)
{
    gf_rd_script_begin(cmd, &replace_task, its->queue, true);
    cmd->counts = true;
    gf_rd_key_of(&its->over[OVER_KEYS], its->queue, "t:");
}

static void begin_piece(putting *p, size_t number)
{
    piece *its = &p->pieces[number];
    gf_rd_cmd *cmd = &p->cmds[number];
    if (its->kind != NEW || its->any)
        gf_rd_limits_key(p->s, its->queue, &its->limits);
    if (its->kind != NEW) {
        (its->kind == OVER ? begin_over : begin_debounced)(its, cmd);
        return;
    }
    gf_rd_script_begin(cmd, its->any ? &put_any : &put_now, its->queue, true);
    cmd->counts = true;
    if (!its->any) {
        GF_RD_KEYS_PUT(ADD_KEY)
        return;
    }
    GF_RD_KEYS_PUT_ANY(ADD_KEY)
    gf_rd_key_of(&its->group, its->queue, "g:");
}

static void add_keys(piece *its, gf_rd_cmd *cmd, const gf_rd_new *n)
{
    static const char *const rests[] = { GF_RD_KEYS_REPLACE_TASK(GF_RD_REST) };
    its->front = n->key_size - n->id_size;
    gf_rd_add_bytes(&cmd->args, n->key, n->key_size);
    if (n->record)
        gf_rd_add(&cmd->args, n->record);
    if (its->kind == OVER)
        gf_rd_add_keys(cmd, its->over, its->queue, rests + 1, OVER_KEYS - 1);
}

static void add_args(putting *p, size_t number)
{
    const piece *its = &p->pieces[number];
    gf_rd_cmd *cmd = &p->cmds[number];
    cmd->key_count = (int32_t)cmd->args.count;
    gf_rd_arg id_at = gf_rd_arg_int((int64_t)its->front + 1);
    if (its->kind == OVER) {
        gf_rd_add(&cmd->args, its->over[OVER_KEYS].text);
    } else if (its->kind == DEBOUNCED) {
        enum { GF_RD_ARGS_PUT_DEBOUNCED(GF_RD_ARG) COUNT };
        const gf_rd_arg words[COUNT] = {
            [ID_AT] = id_at,
            [LIMITS] = gf_rd_arg_text(its->limits.text),
        };
        gf_rd_add_all(&cmd->args, words, COUNT);
    } else if (its->any) {
        enum { GF_RD_ARGS_PUT_ANY(GF_RD_ARG) COUNT };
        const gf_rd_arg words[COUNT] = {
            [ID_AT] = id_at,
            [GROUP_FRONT] = gf_rd_arg_text(its->group.text),
            [LIMITS] = gf_rd_arg_text(its->limits.text),
            [KNOWN] = gf_rd_arg_text(its->unbounded ? "u" : ""),
        };
        gf_rd_add_all(&cmd->args, words, COUNT);
    } else {
        enum { GF_RD_ARGS_PUT(GF_RD_ARG) COUNT };
        const gf_rd_arg words[COUNT] = {
            [ID_AT] = id_at,
            [KNOWN] = gf_rd_arg_text(its->rising ? its->unbounded ? "ru" : "r"
                                                 : its->unbounded ? "u" : ""),
        };
        gf_rd_add_all(&cmd->args, words, COUNT);
    }
}

static void add_any(gf_rd_args *a, const gf_rd_new *n)
{
    enum { GF_RD_EACH_PUT_ANY(GF_RD_ARG) COUNT };
    const gf_put *item = n->item;
    const gf_rd_arg words[COUNT] = {
        [MESSAGE] = gf_rd_arg_bytes(n->message.bytes, n->message.size),
        [RUN_AT] = gf_rd_arg_int(n->at_ms),
        [GROUP] = gf_rd_arg_text(item->group),
        [LOCK] = gf_rd_arg_text(n->lock),
        [LOCK_S] = gf_rd_arg_int(n->lock_s),
        [LOCK_FRONT] = gf_rd_arg_text(item->unique_life == GF_UNTIL_TTL ? GF_RD_LOCK_ALONE : ""),
        [LANE] = gf_rd_arg_text(n->lane),
        [LIMIT] = gf_rd_arg_text(n->limit),
    };
    gf_rd_add_all(a, words, COUNT);
}

static void add_debounced(gf_rd_args *a, const gf_rd_new *n)
{
    enum { GF_RD_EACH_PUT_DEBOUNCED(GF_RD_ARG) COUNT };
    static const char *const modes[] = {
        [GOFER_DEBOUNCE_REPLACE] = "replace",
        [GOFER_DEBOUNCE_KEEP] = "keep",
        [GOFER_DEBOUNCE_EARLIEST] = "earliest",
    };
    const gf_debounce *d = n->item->debounce;
    size_t before, size;
    gf_wire_task_id_at(&n->message, &before, &size);
    const gf_rd_arg words[COUNT] = {
        [MESSAGE] = gf_rd_arg_bytes(n->message.bytes, n->message.size),
        [ID_FROM] = gf_rd_arg_int((int64_t)before),
        [ID_SIZE] = gf_rd_arg_int((int64_t)size),
        [DELAY] = gf_rd_arg_int(d->delay_ms),
        [MOST] = gf_rd_arg_int(d->max_wait_ms),
        [MODE] = gf_rd_arg_text(modes[d->mode]),
        [LANE] = gf_rd_arg_text(n->lane),
        [LIMIT] = gf_rd_arg_text(n->limit),
    };
    gf_rd_add_all(a, words, COUNT);
}

static void add_over(gf_rd_args *a, const gf_rd_new *n)
{
    gf_rd_add(a, n->item->message->id);
    gf_rd_add_bytes(a, n->message.bytes, n->message.size);
    if (n->at_ms)
        gf_rd_add_int(a, n->at_ms);
    else
        gf_rd_add(a, "");
    gf_rd_add(a, n->lane ? n->lane : "");
    gf_rd_add(a, n->limit ? n->limit : "");
}

static void add_now(gf_rd_args *a, const gf_rd_new *n)
{
    enum { GF_RD_EACH_PUT(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [MESSAGE] = gf_rd_arg_bytes(n->message.bytes, n->message.size),
    };
    gf_rd_add_all(a, words, COUNT);
}

// The set of names is no matter of the queue's scripts: it is in another slot, where perhaps nobody
// answers; so the put does not wait for it. Whether anybody listens to events is asked along: who
// enqueues a single task has then no question of its own to ask.
static void add_and_ask(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++) {
        if (!gf_rd_queues_must_add(p->s, p->pieces[i].queue))
            continue;
        gf_rd_cmd *cmd = &p->cmds[p->cmd_count++];
        *cmd = (gf_rd_cmd){ .slot = gf_rd_slot("asynq:queues", 12),
            .repeatable = true,
            .aside = true };
        gf_rd_add(&cmd->args, "SADD");
        gf_rd_add(&cmd->args, "asynq:queues");
        gf_rd_add(&cmd->args, p->pieces[i].queue);
    }
    p->asks = gf_rd_events_ask(p->s, &p->cmds[p->cmd_count]);
    p->cmd_count += p->asks;
}

static void make_commands(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++)
        begin_piece(p, i);
    for (size_t i = 0; i < p->count; i++) {
        const gf_rd_new *n = p->tasks[i];
        add_keys(&p->pieces[n->piece], &p->cmds[n->piece], n);
    }
    for (size_t i = 0; i < p->piece_count; i++)
        add_args(p, i);
    for (size_t i = 0; i < p->count; i++) {
        const gf_rd_new *n = p->tasks[i];
        const piece *its = &p->pieces[n->piece];
        (its->kind == OVER            ? add_over
                : its->kind == DEBOUNCED ? add_debounced
                : its->any               ? add_any
                                         : add_now)(&p->cmds[n->piece].args, n);
        if (its->kind == OVER) {
            gf_rd_add(&p->cmds[n->piece].args, its->limits.text);
            gf_rd_add(&p->cmds[n->piece].args, its->unbounded ? "u" : "");
        }
    }
    p->cmd_count = p->piece_count;
    add_and_ask(p);
}

// ---- the answers --------------------------------------------------------------------------------

// { how many are pending, how many may be }. False: that is not what was answered.
static bool refused(const gf_rd_new *n, const redisReply *answer)
{
    const redisReply *length = gf_rd_reply_at(answer, 0, REDIS_REPLY_INTEGER),
                     *most = gf_rd_reply_at(answer, 1, REDIS_REPLY_INTEGER);
    if (!length || !most)
        return false;
    n->item->length = gf_rd_reply_int(length, 0);
    n->item->max_length = gf_rd_reply_int(most, 0);
    return true;
}

// Something is there under the id: the same task again (the caller lost our
// answer), or another one.
static gofer_status compare(const gf_rd_new *n, const redisReply *there)
{
    const gf_bytes *ours = &n->message;
    if (ours->size == (size_t)there->len && memcmp(ours->bytes, there->str, ours->size) == 0)
        return GOFER_OK;
    void *memory;
    gofer_status st = gf_wire_task_decode(there->str, (size_t)there->len, 0, &memory);
    if (st != GOFER_OK)
        return st == GOFER_ENOMEM ? st : GOFER_EEXIST;
    gf_message stored = ((const gf_wire_task *)memory)->message;
    stored.queue = n->item->message->queue;            // where it was found
    st = gf_message_same(&stored, n->item->message) ? GOFER_OK : GOFER_EEXIST;
    gf_free(memory);
    return st;
}

static gofer_status kept(const gf_rd_new *n, const redisReply *there)
{
    n->item->effect = GF_KEPT;
    return compare(n, there);
}

// { what was done, the task there }
static gofer_status debounced(const gf_rd_new *n, const redisReply *answer)
{
    const redisReply *what = gf_rd_reply_at(answer, 0, REDIS_REPLY_STRING),
                     *id = gf_rd_reply_at(answer, 1, REDIS_REPLY_STRING);
    if (!what || !id)
        return GOFER_EBROKER;
    n->item->effect = strcmp(what->str, "kept") == 0 ? GF_KEPT : GF_REPLACED;
    if (n->item->holder)
        snprintf(n->item->holder, GF_ID_MAX + 1, "%s", id->str);
    return GOFER_OK;
}

static gofer_status refused_as_plain(const gf_rd_new *n)
{
    n->item->closed = true;
    return GOFER_EDENIED;
}

// Of the whole answer: 'replaced'; or where the task there is, and its message.
static gofer_status replaced(const gf_rd_new *n, const redisReply *reply)
{
    const redisReply *what = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING),
                     *there = gf_rd_reply_at(reply, 1, REDIS_REPLY_STRING);
    if (what && strcmp(what->str, "replaced") == 0) {
        n->item->effect = GF_REPLACED;
        return GOFER_OK;
    }
    if (refused(n, reply))
        return GOFER_EFULL;
    int64_t said = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    if (!what)                             // a new one, a plain one, or 0: it is being aggregated
        return said == 1 ? GOFER_OK : said == 4 ? refused_as_plain(n) : GOFER_ESTATE;
    return there && kept(n, there) == GOFER_OK ? GOFER_OK : GOFER_ESTATE;
}

static gofer_status status_of(const gf_rd_new *n, const redisReply *answer)
{
    if (answer && answer->type == REDIS_REPLY_STRING)
        return kept(n, answer);
    if (answer && answer->type == REDIS_REPLY_ERROR)
        return GOFER_EBROKER;
    if (n->record && answer && answer->type == REDIS_REPLY_ARRAY)
        return debounced(n, answer);
    if (refused(n, answer))
        return GOFER_EFULL;
    if (answer && answer->type == REDIS_REPLY_ARRAY) {
        const redisReply *holder = gf_rd_reply_at(answer, 0, REDIS_REPLY_STRING);
        bool alone =
            holder && strncmp(holder->str, GF_RD_LOCK_ALONE, strlen(GF_RD_LOCK_ALONE)) == 0;
        const char *id = holder ? holder->str + (alone ? strlen(GF_RD_LOCK_ALONE) : 0) : "";
        if (alone && strcmp(id, n->item->message->id) == 0)
            return GOFER_OK;               // the task itself: it was put in before, and has ended
        if (n->item->holder)
            snprintf(n->item->holder, GF_ID_MAX + 1, "%s", id);
        return GOFER_EDUPLICATE;
    }
    switch (gf_rd_reply_int(answer, 0)) {
    case 1:  return GOFER_OK;
    case 3:  return GOFER_ECORRUPT;
    case 4:  return refused_as_plain(n);
    default: return GOFER_EEXIST;          // a hash without a message, or no hash
    }
}

static void read_answers(putting *p)
{
    for (size_t i = 0; i < p->piece_count; i++)
        p->pieces[i].count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const gf_rd_new *n = p->tasks[i];
        size_t at = p->pieces[n->piece].count++;
        const gf_rd_cmd *cmd = &p->cmds[n->piece];
        const redisReply *reply = cmd->reply;
        n->item->closed = false;
        if (cmd->status != GOFER_OK)
            n->item->status = cmd->status;
        else if (p->pieces[n->piece].kind == OVER)
            n->item->status = replaced(n, reply);
        else if (reply && reply->type == REDIS_REPLY_ARRAY)
            n->item->status =
                at < reply->elements ? status_of(n, reply->element[at]) : GOFER_EBROKER;
        else
            n->item->status = GOFER_OK;
    }
}

// What became of adding the names.
static void read_added(putting *p)
{
    for (size_t i = p->piece_count; i < p->cmd_count - p->asks; i++)
        // fewer: no memory for its words
        if (p->cmds[i].status != GOFER_OK && p->cmds[i].args.count == 3)
            gf_rd_queues_not_added(p->s, p->cmds[i].args.words[2]);
}

// ---- all of it ----------------------------------------------------------------------------------

// Sorted first, so that the commands are counted by what they are for: each piece has one, may have
// its queue's name added, and there may be a question.
static bool make_ready(putting *p)
{
    if (!sort_into_pieces(p))
        return false;
    p->cmds = gf_calloc(2 * p->piece_count + 1, sizeof *p->cmds);
    if (p->cmds)
        make_commands(p);
    return p->cmds != NULL;
}

// As many of the pieces from `at` on as one pipeline may have by their bytes: behind them.
static size_t end_of_pipeline(const putting *p, size_t at)
{
    size_t bytes = p->pieces[at++].bytes;
    while (at < p->piece_count && bytes + p->pieces[at].bytes <= GF_PIECE_BYTES)
        bytes += p->pieces[at++].bytes;
    return at;
}

// The pipeline had no answer, or no whole one: what comes behind it would have none either.
static bool is_out_of_reach(gofer_status st)
{
    return st == GOFER_ETIMEOUT || st == GOFER_EBROKER || st == GOFER_EUNCERTAIN;
}

// Each pipeline has a deadline of its own, so that on a slow link many large tasks need no longer
// one than a few. Each command has its own status; what was not sent, since one before it was not
// answered, is surely not in.
static void run_pipelines(putting *p)
{
    gofer_status st = GOFER_OK;
    for (size_t at = 0, end; at < p->piece_count && !is_out_of_reach(st); at = end) {
        end = end_of_pipeline(p, at);
        // with what is added and asked
        size_t last = end == p->piece_count ? p->cmd_count : end;
        st = gf_rd_run(p->s->net, p->cmds + at, last - at, gf_rd_timeout(p->s));
        for (size_t i = last; i < p->cmd_count && is_out_of_reach(st); i++)
            p->cmds[i].status = st == GOFER_EUNCERTAIN ? GOFER_ETIMEOUT : st;
    }
}

void gf_rd_put_all(gf_rd_store *s, gf_rd_new *const *tasks, size_t count)
{
    putting p = { .s = s, .tasks = tasks, .count = count };
    if (make_ready(&p)) {
        run_pipelines(&p);
        read_answers(&p);
        read_added(&p);
        if (p.asks)
            gf_rd_events_answered(s, &p.cmds[p.cmd_count - 1]);
    } else {
        gofer_status st = gf_fail_nomem("tasks to be put");
        for (size_t i = 0; i < count; i++)
            tasks[i]->item->status = st;
    }
    for (size_t i = 0; i < p.cmd_count; i++)
        gf_rd_cmd_clear(&p.cmds[i]);
    for (size_t i = 0; i < p.piece_count; i++)
        gf_free(p.pieces[i].over);
    gf_free(p.pieces);
    gf_free(p.cmds);
}
