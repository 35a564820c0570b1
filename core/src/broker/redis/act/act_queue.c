// act_queue.c - acting on queues: pause, resume, bound, what they take, age, delete.
#include <stdio.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/limit/limit.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    SWEEP_KEYS = 200,                    // keys looked at in one script call
    SWEEP_MS = 10000,                    // longest search for keys that no list leads to
    ROUNDS = 100                         // how often new tasks may come while the queue is deleted
};

// ---- pause ------------------------------------------------------------------------------------

static const gf_rd_script pause_script = {
    .name = "pause a queue",
    .rights = "SET TIME SADD",           // its name is told beside it
    .text = gf_rd_lua_pause_queue,
};

static void add_to_queues(gf_rd_cmd *cmd, const char *verb, const char *queue)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot("asynq:queues", 12), .repeatable = true };
    gf_rd_add(&cmd->args, verb);
    gf_rd_add(&cmd->args, "asynq:queues");
    gf_rd_add(&cmd->args, queue);
}

gofer_status gf_rd_queue_pause(gf_broker *b, const char *queue, bool paused)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[2];
    gf_rd_cmd cmds[2] = { { 0 } };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    add_to_queues(&cmds[0], "SADD", queue);
    if (paused) {
        gf_rd_script_begin(&cmds[1], &pause_script, queue, true);
    } else {
        cmds[1] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queue), .repeatable = true };
        gf_rd_add(&cmds[1].args, "DEL");
    }
    // Who resumes a queue whose removal was cut off wants it to stay.
    gf_rd_add_keys(&cmds[1], keys, queue, (const char *const[]){ "paused", "gofer:removing" },
        paused ? 1 : 2);
    if (!paused)
        cmds[1].key_count = 0;           // a plain command
    st = gf_rd_run(s->net, cmds, 2, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

// ---- what it takes, and how it ages ------------------------------------------------------------

static const gf_rd_script guard_script = {
    .name = "guard a queue",
    .rights = "GET SET DEL SADD",        // its name is told beside it
    .text = gf_rd_lua_guard_queue,
};

// Runs `set`, which it clears, and tells the queue's name beside it.
static gofer_status set_queue(gf_rd_store *s, const char *queue, gf_rd_cmd set)
{
    gf_rd_cmd cmds[2] = { { 0 }, set };
    cmds[1].repeatable = true;
    add_to_queues(&cmds[0], "SADD", queue);
    gofer_status st = gf_rd_run(s->net, cmds, 2, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

static gofer_status guard(gf_broker *b, const char *queue, const char *which, const char *what)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key key;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &guard_script, queue, true);
    gf_rd_add_keys(&cmd, &key, queue, (const char *const[]){ "gofer:length" }, 1);
    gf_rd_add(&cmd.args, which);
    gf_rd_add(&cmd.args, what);
    return set_queue(s, queue, cmd);
}

gofer_status gf_rd_queue_bound(gf_broker *b, const char *queue, int64_t max_length)
{
    char number[24] = "";
    if (max_length)
        snprintf(number, sizeof number, "%lld", (long long)max_length);
    return guard(b, queue, "length", number);
}

gofer_status gf_rd_queue_encrypt(gf_broker *b, const char *queue, bool required)
{
    return guard(b, queue, "encrypted", required ? "e" : "");
}

// A plain number, which scripts ask for.
gofer_status gf_rd_queue_age(gf_broker *b, const char *queue, int64_t age_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key key;
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(queue) };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&key, queue, "gofer:age");
    gf_rd_add(&cmd.args, age_ms ? "SET" : "DEL");
    gf_rd_add(&cmd.args, key.text);
    if (age_ms)
        gf_rd_add_int(&cmd.args, age_ms);
    return set_queue(s, queue, cmd);
}

// ---- delete: the keys that are known ------------------------------------------------------------

// The keys every script here gets, in this order.
enum { KEY_COUNT = 0 GF_RD_KEYS_CLOSE_QUEUE(GF_RD_ONE) };
static const char *const key_names[KEY_COUNT] = { GF_RD_KEYS_CLOSE_QUEUE(GF_RD_REST) };

static const gf_rd_script close_script = {
    .name = "close a queue",
    // Of all the scripts that follow, too: what cannot be done to the end is not begun.
    .rights =
        "TIME SET GET DEL UNLINK TYPE EXISTS LLEN LPOS LRANGE LTRIM RPUSH PTTL EXPIRE PEXPIRE "
        "HGET HMGET HSET HDEL HEXISTS HINCRBY SADD SREM SRANDMEMBER ZADD ZCARD ZRANGE "
        "ZRANGEBYSCORE ZREM ZREMRANGEBYRANK ZSCORE SCAN",
    .text = gf_rd_lua_close_queue,
    .allow_oom = true,
};

static const gf_rd_script step_script = {
    .name = "delete tasks of a queue",
    .text = gf_rd_lua_delete_queue_tasks,
    .allow_oom = true,
};

static const gf_rd_script end_script = {
    .name = "delete a queue",
    .text = gf_rd_lua_delete_queue,
    .allow_oom = true,
};

enum { DAYS = 93 };                // of daily counts: Asynq keeps them 90; and clocks differ

typedef struct removal {
    gf_rd_store *store;
    const char  *queue;
    gf_rd_key    keys[KEY_COUNT], prefix, task_prefix;
    char         counters[DAYS * 2][24];   // their names
} removal;

static void call_begin(removal *r, gf_rd_cmd *cmd, const gf_rd_script *script,
    const gf_rd_key *prefix)
{
    gf_rd_script_begin(cmd, script, r->queue, true);
    gf_rd_add_keys(cmd, r->keys, r->queue, key_names, KEY_COUNT);
    gf_rd_add(&cmd->args, prefix->text);
}

static gofer_status close_queue(removal *r, bool force)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    call_begin(r, &cmd, &close_script, &r->task_prefix);
    gf_rd_add(&cmd.args, force ? "1" : "");
    gofer_status st = gf_rd_call(r->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    int64_t said = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    long long tasks = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
    gf_rd_reply_free(reply);
    if (said == -2)
        return gf_fail(GOFER_ESTATE,
            "the queue '%s' has %lld active tasks: let them finish, or stop their workers",
            r->queue, tasks);
    if (said == -1)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld tasks: delete them, or use force",
            r->queue, tasks);
    return said == 1
        ? GOFER_OK
        : gf_fail(GOFER_ECORRUPT, "closing queue '%s' was answered with something else", r->queue);
}

static gofer_status delete_tasks(removal *r)
{
    int64_t count = GF_RD_CHUNK;
    while (count == GF_RD_CHUNK) {
        gf_rd_cmd cmd;
        redisReply *reply;
        call_begin(r, &cmd, &step_script, &r->task_prefix);
        gf_rd_add_int(&cmd.args, GF_RD_CHUNK);
        gofer_status st = gf_rd_call(r->store, &cmd, &reply);
        if (st != GOFER_OK)
            return st;
        count = gf_rd_reply_int(reply, 0);
        gf_rd_reply_free(reply);
        if (count < 0)
            return gf_fail(GOFER_ESTATE,
                "the queue '%s' has active tasks again: somebody resumed it while it was being "
                "deleted",
                r->queue);
    }
    return GOFER_OK;
}

static gofer_status delete_rest(removal *r, bool *ended)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    int32_t day = gf_day_of(gf_now_ms()) + 1;
    call_begin(r, &cmd, &end_script, &r->prefix);
    for (int32_t i = 0; i < DAYS * 2; i++) {
        char date[11];
        gf_date_text(day - i / 2, date);
        snprintf(r->counters[i], sizeof r->counters[i], "%s:%s", i % 2 ? "failed" : "processed",
            date);
        gf_rd_add(&cmd.args, r->counters[i]);
    }
    gofer_status st = gf_rd_call(r->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *ended = gf_rd_reply_int(reply, 0) == 1;
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// ---- delete: the keys that no list leads to -----------------------------------------------------

static const gf_rd_script sweep_script = {
    .name = "sweep a queue",
    .text = gf_rd_lua_sweep_queue,
    .allow_oom = true,
};

// The glob that matches the queue's keys; out has room for twice the prefix.
static void match_of(const gf_rd_key *prefix, char *out)
{
    for (const char *c = prefix->text; *c; c++) {
        if (strchr("*?[]\\^", *c))
            *out++ = '\\';
        *out++ = *c;
    }
    *out++ = '*';
    *out = '\0';
}

static gofer_status sweep_keys(removal *r, redisReply *const *keys, size_t count)
{
    int64_t todo = 1;
    while (todo > 0) {
        gf_rd_cmd cmd;
        redisReply *reply;
        gf_rd_script_begin(&cmd, &sweep_script, r->queue, true);
        for (size_t i = 0; i < count; i++)
            gf_rd_add_bytes(&cmd.args, keys[i]->str ? keys[i]->str : "", (size_t)keys[i]->len);
        cmd.key_count = (int32_t)count;
        gf_rd_add(&cmd.args, r->prefix.text);
        gf_rd_add_int(&cmd.args, GF_RD_TICKS_S);
        gofer_status st = gf_rd_call(r->store, &cmd, &reply);
        if (st != GOFER_OK)
            return st;
        todo = gf_rd_reply_int(reply, 0);
        gf_rd_reply_free(reply);
    }
    return GOFER_OK;
}

// One SCAN and what it found; *cursor "0" at the end.
static gofer_status sweep_page(removal *r, const char *match, char cursor[32])
{
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(r->queue), .reads = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, "SCAN");
    gf_rd_add(&cmd.args, cursor);
    gf_rd_add(&cmd.args, "MATCH");
    gf_rd_add(&cmd.args, match);
    gf_rd_add(&cmd.args, "COUNT");
    gf_rd_add_int(&cmd.args, 1000);
    gofer_status st = gf_rd_call(r->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *next = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
    const redisReply *keys = gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY);
    size_t count = keys ? keys->elements : 0;
    snprintf(cursor, 32, "%s", next ? next->str : "0");
    for (size_t at = 0; at < count && st == GOFER_OK; at += SWEEP_KEYS)
        st = sweep_keys(r, keys->element + at, count - at < SWEEP_KEYS ? count - at : SWEEP_KEYS);
    gf_rd_reply_free(reply);
    return st;
}

static gofer_status sweep(removal *r)
{
    char match[sizeof r->prefix.text * 2], cursor[32] = "0";
    int64_t until_ms = gf_mono_ms() + SWEEP_MS;
    gofer_status st;
    match_of(&r->prefix, match);
    do {
        st = sweep_page(r, match, cursor);
    } while (st == GOFER_OK && strcmp(cursor, "0") != 0 && gf_mono_ms() < until_ms);
    if (st == GOFER_OK && strcmp(cursor, "0") != 0)
        gf_logf(&r->store->base.config.log, GOFER_LOG_WARN,
            "the store is large: keys of the queue that no list leads to "
            "were not looked for everywhere; 'gofer doctor' finds them",
            "queue", r->queue, NULL);
    return st;
}

// ---- delete -------------------------------------------------------------------------------------

// The name goes last, and comes back if a task was put in between.
static gofer_status forget_name(removal *r)
{
    gf_rd_key keys[2];
    gf_rd_cmd cmds[2];
    add_to_queues(&cmds[0], "SREM", r->queue);
    cmds[1] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(r->queue), .reads = true };
    gf_rd_add(&cmds[1].args, "EXISTS");
    gf_rd_add_keys(&cmds[1], keys, r->queue, (const char *const[]){ "pending", "scheduled" }, 2);
    cmds[1].key_count = 0;
    gofer_status st = gf_rd_run(r->store->net, &cmds[0], 1, gf_rd_timeout(r->store));
    gf_rd_queues_forget(r->store, r->queue);
    if (st == GOFER_OK)
        st = gf_rd_run(r->store->net, &cmds[1], 1, gf_rd_timeout(r->store));
    bool back = st == GOFER_OK && gf_rd_reply_int(cmds[1].reply, 0) > 0;
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    if (back) {
        add_to_queues(&cmds[0], "SADD", r->queue);
        st = gf_rd_run(r->store->net, &cmds[0], 1, gf_rd_timeout(r->store));
        gf_rd_cmd_clear(&cmds[0]);
    }
    return st;
}

static gofer_status delete_all(removal *r, bool force)
{
    bool ended = false;
    gf_rd_key_of(&r->prefix, r->queue, "");
    gf_rd_key_of(&r->task_prefix, r->queue, "t:");
    gofer_status st = close_queue(r, force);
    for (int i = 0; st == GOFER_OK && !ended; i++) {
        st = delete_tasks(r);
        if (st == GOFER_OK && i == 0)
            st = sweep(r);
        if (st == GOFER_OK)
            st = delete_rest(r, &ended);
        if (st == GOFER_OK && !ended && i >= ROUNDS)
            st = gf_fail(GOFER_ESTATE,
                "new tasks come into the queue '%s' faster than it can be deleted: stop their "
                "clients; it is paused",
                r->queue);
    }
    if (st == GOFER_OK)
        st = forget_name(r);
    return st == GOFER_OK ? gf_rd_limits_forget(r->store, r->queue) : st;
}

gofer_status gf_rd_queue_delete(gf_broker *b, const char *queue, bool force)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_queue_need(s, queue);
    if (st != GOFER_OK)
        return st;
    removal *r = gf_calloc(1, sizeof *r);      // many keys: too much for a handler's stack
    if (!r)
        return gf_fail_nomem("the keys of a queue");
    r->store = s;
    r->queue = queue;
    st = delete_all(r, force);
    gf_free(r);
    return st;
}
