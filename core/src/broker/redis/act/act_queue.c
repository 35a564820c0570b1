// act_queue.c - acting on queues: pause, resume, delete.
#include <stdio.h>
#include <string.h>

#include "broker/redis/inspect/look.h"
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
    .text = "redis.call('SET', KEYS[1], redis.call('TIME')[1], 'NX') return 1\n",
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
    gf_rd_add_keys(&cmds[1], keys, queue, (const char *const[]){ "paused", "gofer:removing" }, paused ? 1 : 2);
    if (!paused)
        cmds[1].key_count = 0;           // a plain command
    st = gf_rd_run(s->net, cmds, 2, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

// ---- delete: the keys that are known ---------------------------------------------------------------

// The keys every script here gets, in this order.
enum { KEY_COUNT = 13 };
static const char *const key_names[KEY_COUNT] = {
    "pending", "active", "scheduled", "retry", "completed", "archived", "lease", "groups", "aggregation_sets", "paused",
    "processed", "failed", "gofer:removing",
};

// Atomically: nothing is active, and nothing is there or force was given; then the queue is paused, so that no task of
// it is taken before the last is gone; that its removal has begun is noted, until it is
// over. { 1 }, or { -1 or -2, how many tasks are in the way }; those of the first 5000 groups and sets.
static const gf_rd_script close_script = {
    .name = "close a queue",
    // Of all the scripts that follow, too: what cannot be done to the end is not begun.
    .rights = "TIME SET GET DEL UNLINK TYPE EXISTS LLEN LPOS LRANGE LTRIM RPUSH PTTL EXPIRE PEXPIRE "
        "HGET HMGET SADD SREM SRANDMEMBER ZCARD ZRANGE ZREM ZREMRANGEBYRANK ZSCORE SCAN",
    .text =
        "local active = redis.call('LLEN', KEYS[2])\n"
        "if active > 0 then return { -2, active } end\n"
        "local tasks = redis.call('LLEN', KEYS[1])\n"
        "for i = 3, 6 do tasks = tasks + redis.call('ZCARD', KEYS[i]) end\n"
        "local front = ARGV[1]:sub(1, -3) .. 'g:'\n"
        "local function add(key)\n"
        "  local n = redis.pcall('ZCARD', key)\n"
        "  if type(n) == 'number' then tasks = tasks + n end\n"
        "end\n"
        "for _, name in ipairs(redis.call('SRANDMEMBER', KEYS[8], 5000)) do add(front .. name) end\n"
        "for _, key in ipairs(redis.call('ZRANGE', KEYS[9], 0, 4999)) do\n"
        "  if key:sub(1, #front) == front then add(key) end\n"
        "end\n"
        "if tasks > 0 and ARGV[2] ~= '1' then return { -1, tasks } end\n"
        "local now = redis.call('TIME')[1]\n"
        "redis.call('SET', KEYS[10], now, 'NX')\n"
        "redis.call('SET', KEYS[13], now)\n"
        "return { 1, 0 }\n",
    .allow_oom = true,
};

// ARGV: "asynq:{q}:t:", how many. Deletes so many tasks wherever they wait; how many, or -2: one is active again. Of each
// list all hashes are looked at before it is cut.
static const gf_rd_script step_script = {
    .name = "delete tasks of a queue",
    .text =
        GF_RD_LUA_NEED GF_RD_LUA_DROP
        "local prefix, left, base = ARGV[1], tonumber(ARGV[2]), ARGV[1]:sub(1, -3) .. 'g:'\n"
        "local n = left\n"
        "if redis.call('LLEN', KEYS[2]) > 0 then return -2 end\n"
        "local function all(ids)\n"
        "  for _, id in ipairs(ids) do drop(prefix, id) end\n"
        "  left = left - #ids\n"
        "end\n"
        "local function zset(key)\n"
        "  local ids = redis.call('ZRANGE', key, 0, left - 1)\n"
        "  need(prefix, ids)\n"
        "  if #ids > 0 then redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1) end\n"
        "  all(ids)\n"
        "end\n"
        "local ids = redis.call('LRANGE', KEYS[1], -left, -1)\n"
        "need(prefix, ids)\n"
        "if #ids > 0 then redis.call('LTRIM', KEYS[1], 0, -1 - #ids) end\n"
        "all(ids)\n"
        "for i = 3, 6 do if left > 0 then zset(KEYS[i]) end end\n"
        "while left > 0 do\n"
        "  local name = redis.call('SRANDMEMBER', KEYS[8])\n"
        "  if not name then break end\n"
        "  zset(base .. name)\n"
        "  if redis.call('ZCARD', base .. name) == 0 then redis.call('SREM', KEYS[8], name) end\n"
        "  left = left - 1\n"
        "end\n"
        "while left > 0 do\n"
        "  local key = redis.call('ZRANGE', KEYS[9], 0, 0)[1]\n"
        "  if not key then break end\n"
        "  local ours = key:sub(1, #base) == base\n"
        "  if ours then zset(key) end\n"
        "  if not ours or redis.call('ZCARD', key) == 0 then redis.call('ZREM', KEYS[9], key) end\n"
        "  left = left - 1\n"
        "end\n"
        "return n - left\n",
    .allow_oom = true,
};

// ARGV: "asynq:{q}:", then rests of counters. Deletes what is left if no task has come meanwhile: 1, else 0.
static const gf_rd_script end_script = {
    .name = "delete a queue",
    .text =
        "if redis.call('EXISTS', unpack(KEYS, 1, 6)) + redis.call('EXISTS', KEYS[8], KEYS[9]) > 0 then return 0 end\n"
        "redis.call('DEL', unpack(KEYS))\n"
        "for i = 2, #ARGV do redis.call('DEL', ARGV[1] .. ARGV[i]) end\n"
        "return 1\n",
    .allow_oom = true,
};

enum { DAYS = 93 };                // of daily counts: Asynq keeps them 90; and clocks differ

typedef struct removal {
    gf_rd_store *store;
    const char  *queue;
    gf_rd_key    keys[KEY_COUNT], prefix, task_prefix;
    char         counters[DAYS * 2][24];   // their names
} removal;

static void call_begin(removal *r, gf_rd_cmd *cmd, const gf_rd_script *script, const gf_rd_key *prefix)
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
    freeReplyObject(reply);
    if (said == -2)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld active tasks: let them finish, or stop their workers",
            r->queue, tasks);
    if (said == -1)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld tasks: delete them, or use force", r->queue, tasks);
    return said == 1 ? GOFER_OK : gf_fail(GOFER_ECORRUPT, "closing queue '%s' was answered with something else", r->queue);
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
        freeReplyObject(reply);
        if (count < 0)
            return gf_fail(GOFER_ESTATE, "the queue '%s' has active tasks again: somebody resumed it while it was being "
                "deleted", r->queue);
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
    freeReplyObject(reply);
    return GOFER_OK;
}

// ---- delete: the keys that no list leads to ----------------------------------------------------------

// KEYS: keys of the queue that a scan found; ARGV: "asynq:{q}:". Deletes those that nothing needs: hashes in no list,
// locks without their task, counters, and whatever else bears the queue's name. A zset of a group whose name is not
// among the groups is emptied with its tasks. The latest ticks of cron entries end by and by, as when their entry is
// removed: a worker that has yet to look at the tick of this minute shall not put it a second time. ARGV[2]: how long
// they are kept (s). Returns how much is still to do.
static const gf_rd_script sweep_script = {
    .name = "sweep a queue",
    .text =
        GF_RD_LUA_NEED GF_RD_LUA_DROP
        "local base, todo = ARGV[1], 0\n"
        "local kept = { pending = 1, active = 1, scheduled = 1, retry = 1, completed = 1, archived = 1, lease = 1,\n"
        "  groups = 1, aggregation_sets = 1, paused = 1, processed = 1, failed = 1, ['gofer:removing'] = 1 }\n"
        "local function listed(id)\n"
        "  for _, name in ipairs({ 'scheduled', 'retry', 'completed', 'archived', 'lease' }) do\n"
        "    if redis.call('ZSCORE', base .. name, id) then return true end\n"
        "  end\n"
        "  local group = redis.pcall('HGET', base .. 't:' .. id, 'group')\n"
        "  if type(group) == 'string' and redis.call('ZSCORE', base .. 'g:' .. group, id) then return true end\n"
        "  return redis.call('LPOS', base .. 'pending', id) or redis.call('LPOS', base .. 'active', id)\n"
        "end\n"
        "for _, key in ipairs(KEYS) do\n"
        "  local rest = key:sub(#base + 1)\n"
        "  if key:sub(1, #base) ~= base or kept[rest] then\n"
        "  elseif rest:sub(1, 2) == 't:' then\n"
        "    if not listed(rest:sub(3)) then drop(base .. 't:', rest:sub(3)) end\n"
        "  elseif rest:sub(1, 7) == 'unique:' then\n"
        "    local holder = redis.pcall('GET', key)\n"
        "    if type(holder) ~= 'string' or redis.call('EXISTS', base .. 't:' .. holder) == 0 then\n"
        "      redis.call('UNLINK', key)\n"
        "    end\n"
        "  elseif rest:sub(1, 2) == 'g:' and redis.call('TYPE', key).ok == 'zset' then\n"
        "    local ids = redis.call('ZRANGE', key, 0, 99)\n"
        "    need(base .. 't:', ids)\n"
        "    for _, id in ipairs(ids) do drop(base .. 't:', id) end\n"
        "    redis.call('ZREMRANGEBYRANK', key, 0, 99)\n"
        "    if redis.call('EXISTS', key) == 1 then todo = todo + 1\n"
        "    else redis.call('SREM', base .. 'groups', rest:sub(3)) end\n"
        "  elseif rest:sub(1, 11) == 'gofer:cron:' and redis.call('TYPE', key).ok == 'hash' then\n"
        "    if redis.call('PTTL', key) == -1 then redis.call('EXPIRE', key, ARGV[2]) end\n"
        "  else redis.call('UNLINK', key) end\n"
        "end\n"
        "return todo\n",
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
        freeReplyObject(reply);
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
    freeReplyObject(reply);
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
        gf_logf(&r->store->base.config.log, GOFER_LOG_WARN, "the store is large: keys of the queue that no list leads to "
            "were not looked for everywhere; 'gofer doctor' finds them", "queue", r->queue, NULL);
    return st;
}

// ---- delete ----------------------------------------------------------------------------------------------

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
            st = gf_fail(GOFER_ESTATE, "new tasks come into the queue '%s' faster than it can be deleted: stop their "
                "clients; it is paused", r->queue);
    }
    return st == GOFER_OK ? forget_name(r) : st;
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
