// aggregate.c - groups behind the door: which is ready, its set, and the task that a set becomes. group.c has Asynq's
// operations.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/inspect/look.h"
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum {
    LOOKED_AT = 1000,              // groups of a queue in one look
    LISTED_MAX = 10000,            // groups in a list of them
    TRIES = 8,                     // sets that others were quicker to take
    TURNS = 32,                    // queues whose latest group is remembered
    DONE_S = 300                   // that a set has become a task is known for so long
};

// KEYS: groups. ARGV: "asynq:{q}:g:", the latest group, size, delay, grace, how many to look at, how many patterns, which (a name,
// or a prefix with a star; none: all), 1: no group whose next set is a suspect, then the names of
// groups that are passed over. The first group that is ready in the order of names, from behind the
// latest one around; empty: none; 1: none but such as have a suspect.
static const gf_rd_script ready_script = {
    .name = "look for a ready group",
    .text =
        "local max, delay, grace = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])\n"
        "local now, after, first = redis.call('TIME')[1], nil, nil\n"
        "local function less(a, b)\n"
        "  for i = 1, math.min(#a, #b) do\n"
        "    local x, y = a:byte(i), b:byte(i)\n"
        "    if x ~= y then return x < y end\n"
        "  end\n"
        "  return #a < #b\n"
        "end\n"
        "local function score(key, at)\n"
        "  return tonumber(redis.call('ZRANGE', key, at, at, 'WITHSCORES')[2])\n"
        "end\n"
        "local patterns, passed = tonumber(ARGV[7]), {}\n"
        "for i = 9 + patterns, #ARGV do passed[ARGV[i]] = true end\n"
        "local apart, suspects = ARGV[8 + patterns] == '1', false\n"
        "local function meant(name)\n"
        "  if passed[name] or #name > 255 then return false end\n"
        "  for i = 8, 7 + patterns do\n"
        "    local p = ARGV[i]\n"
        "    if p == name or p:sub(-1) == '*' and name:sub(1, #p - 1) == p:sub(1, -2) then return true end\n"
        "  end\n"
        "  return patterns == 0\n"
        "end\n"
        "local function ready(key)\n"
        "  local size = redis.pcall('ZCARD', key)\n"
        "  if type(size) ~= 'number' or size == 0 then return false end\n"
        "  return max ~= 0 and size >= max or delay ~= 0 and score(key, 0) <= now - delay or score(key, -1) <= now - grace\n"
        "end\n"
        "local function suspect(key)\n"
        "  if not apart then return false end\n"
        "  local id = redis.call('ZRANGE', key, 0, 0)[1]\n"
        "  local begun = redis.pcall('HGET', ARGV[1]:sub(1, -3) .. 't:' .. id, 'gofer:begun')\n"
        "  if type(begun) ~= 'string' then return false end\n"
        "  suspects = true\n"
        "  return true\n"
        "end\n"
        "for _, name in ipairs(redis.call('SRANDMEMBER', KEYS[1], ARGV[6])) do\n"
        "  local behind = less(ARGV[2], name)\n"
        "  local best = behind and after or not behind and first\n"
        "  if meant(name) and (not best or less(name, best)) and ready(ARGV[1] .. name)\n"
        "    and not suspect(ARGV[1] .. name) then\n"
        "    if behind then after = name else first = name end\n"
        "  end\n"
        "end\n"
        "return after or first or (suspects and 1 or '')\n",
};

// KEYS: set, aggregation_sets, pending, scheduled, the new task, what tells that this was done. ARGV: the tasks' prefix, id,
// message, when (Unix ms; 0: now), how long the latter is kept. 1: it is done, 0: it was done before, -1: the set is gone,
// -2: too many members, or what stands there under the id.
// The set's size is bounded, so all its tasks go in this one step.
static const gf_rd_script become_script = {
    .name = "make a group's set a task",
    .text =
        GF_RD_LUA_NEED GF_RD_LUA_DROP
        "if redis.call('EXISTS', KEYS[6]) == 1 then return 0 end\n"
        "if not redis.call('ZSCORE', KEYS[2], KEYS[1]) or redis.call('EXISTS', KEYS[1]) == 0 then return -1 end\n"
        "if redis.call('ZCARD', KEYS[1]) > 10000 then return -2 end\n"
        "redis.call('LLEN', KEYS[3])\n"
        "redis.call('ZCARD', KEYS[4])\n"
        "local ids = redis.call('ZRANGE', KEYS[1], 0, -1)\n"
        "if redis.call('EXISTS', KEYS[5]) == 1 then\n"
        "  local msg = redis.pcall('HGET', KEYS[5], 'msg')\n"
        "  return type(msg) == 'string' and msg or ''\n"
        "end\n"
        "need(ARGV[1], ids)\n"
        "redis.call('SETEX', KEYS[6], ARGV[5], ARGV[2])\n"
        "local now = redis.call('TIME')\n"
        "if tonumber(ARGV[4]) > now[1] * 1000 + now[2] / 1000 then\n"
        "  redis.call('HSET', KEYS[5], 'msg', ARGV[3], 'state', 'scheduled')\n"
        "  redis.call('ZADD', KEYS[4], string.format('%.0f', math.ceil(ARGV[4] / 1000)), ARGV[2])\n"
        "else\n"
        "  local since = now[1] .. string.format('%06d', now[2]) .. '000'\n"
        "  redis.call('HSET', KEYS[5], 'msg', ARGV[3], 'state', 'pending', 'pending_since', since)\n"
        "  redis.call('LPUSH', KEYS[3], ARGV[2])\n"
        "end\n"
        "for _, id in ipairs(ids) do drop(ARGV[1], id) end\n"
        "redis.call('DEL', KEYS[1])\n"
        "redis.call('ZREM', KEYS[2], KEYS[1])\n"
        "return 1\n",
};

// KEYS: set, aggregation_sets, group, groups. ARGV: the group's name, the tasks' prefix, most. Also
// of a set that is gone: then it is back. Its tasks are no suspects any more, unless a hash cannot
// be had now.
static const gf_rd_script back_script = {
    .name = "put a group's set back",
    .allow_oom = true,
    .text =
        "redis.call('SCARD', KEYS[4])\n"
        "redis.call('ZCARD', KEYS[3])\n"
        "if redis.call('ZREM', KEYS[2], KEYS[1]) == 0 or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
        "redis.call('ZUNIONSTORE', KEYS[3], 2, KEYS[3], KEYS[1], 'AGGREGATE', 'MIN')\n"
        "redis.call('SADD', KEYS[4], ARGV[1])\n"
        "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1)) do\n"
        "  redis.pcall('HDEL', ARGV[2] .. id, 'gofer:begun')\n"
        "end\n"
        "redis.call('DEL', KEYS[1])\n"
        "return 1\n",
};

// KEYS: set, aggregation_sets, archived. ARGV: the tasks' prefix, why, how many at the most. How
// many are left (negative: it is no set any more), and how many the archive's limits have deleted.
static const gf_rd_script archive_script = {
    .name = "archive a group's set",
    .allow_oom = true,
    .text =
        GF_RD_LUA_NEED GF_RD_LUA_FREE GF_RD_LUA_TRIM GF_RD_LUA_TELL
        "if not redis.call('ZSCORE', KEYS[2], KEYS[1]) then return { -1, 0 } end\n"
        "redis.call('ZCARD', KEYS[3])\n"
        "local ids, now = redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1), redis.call('TIME')\n"
        "need(ARGV[1], ids)\n"
        "for _, id in ipairs(ids) do\n"
        "  local key = ARGV[1] .. id\n"
        "  redis.call('ZREM', KEYS[1], id)\n"
        "  if redis.pcall('HEXISTS', key, 'msg') == 1 then\n"
        "    redis.call('ZADD', KEYS[3], now[1], id)\n"
        "    redis.call('HSET', key, 'state', 'archived', 'gofer:error', ARGV[2])\n"
        "    redis.call('HDEL', key, 'gofer:begun')\n"
        "    free(ARGV[1], id)\n"
        "    tell(ARGV[1]:sub(1, -3), id, 'archived')\n"
        "  end\n"
        "end\n"
        "local left = redis.call('ZCARD', KEYS[1])\n"
        "if left == 0 then redis.call('ZREM', KEYS[2], KEYS[1]) end\n"
        "return { left, trim(KEYS[3], ARGV[1], now, 600) }\n",
};

// KEYS: groups. ARGV: "asynq:{q}:g:", most. Of each with tasks in it: name, size, first and last score.
static const gf_rd_script list_script = {
    .name = "list groups",
    .text =
        "local out = {}\n"
        "for _, name in ipairs(redis.pcall('SRANDMEMBER', KEYS[1], ARGV[2])) do\n"
        "  local key = ARGV[1] .. name\n"
        "  local size = redis.pcall('ZCARD', key)\n"
        "  if type(size) == 'number' and size > 0 then\n"
        "    out[#out + 1] = { name, size, redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2],\n"
        "      redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] }\n"
        "  end\n"
        "end\n"
        "return out\n",
    .allow_oom = true,
};

// ---- whose turn it is -----------------------------------------------------------------------------------

typedef struct turn {
    char *queue;                   // NULL: none
    char  latest[GF_NAME_MAX + 1];
} turn;

struct gf_rd_turns {
    turn turns[TURNS];
    size_t next;                   // to be forgotten when there are too many
};

void gf_rd_turns_close(gf_rd_store *s)
{
    for (size_t i = 0; s->turns && i < TURNS; i++)
        gf_free(s->turns->turns[i].queue);
    gf_free(s->turns);
    s->turns = NULL;
}

// Locks: s->lock held. NULL: no memory, which only makes the turns worse.
static turn *turn_of(gf_rd_store *s, const char *queue)
{
    if (!s->turns && !(s->turns = gf_calloc(1, sizeof *s->turns)))
        return NULL;
    for (size_t i = 0; i < TURNS; i++)
        if (s->turns->turns[i].queue && strcmp(s->turns->turns[i].queue, queue) == 0)
            return &s->turns->turns[i];
    turn *t = &s->turns->turns[s->turns->next++ % TURNS];
    gf_free(t->queue);
    *t = (turn){ .queue = gf_strdup(queue) };
    return t->queue ? t : NULL;
}

static void latest_of(gf_rd_store *s, const char *queue, char out[GF_NAME_MAX + 1])
{
    pthread_mutex_lock(&s->lock);
    turn *t = turn_of(s, queue);
    memcpy(out, t ? t->latest : "", t ? GF_NAME_MAX + 1 : 1);
    pthread_mutex_unlock(&s->lock);
}

static void note_latest(gf_rd_store *s, const char *queue, const char *group)
{
    pthread_mutex_lock(&s->lock);
    turn *t = turn_of(s, queue);
    if (t)
        snprintf(t->latest, sizeof t->latest, "%s", group);
    pthread_mutex_unlock(&s->lock);
}

// ---- take -------------------------------------------------------------------------------------------------

static int64_t seconds_up(int64_t ms)
{
    return ms > 0 ? (ms + 999) / 1000 : 0;
}

static gofer_status find_ready(gf_rd_store *s, const char *queue, const gf_group_rule *which, const gf_rd_group_rule *rule,
    char group[GF_NAME_MAX + 1])
{
    gf_rd_key keys[2];
    gf_rd_cmd cmd;
    redisReply *reply;
    char latest[GF_NAME_MAX + 1];
    latest_of(s, queue, latest);
    gf_rd_script_begin(&cmd, &ready_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, queue, (const char *const[]){ "groups" }, 1);
    gf_rd_key_of(&keys[1], queue, "g:");
    gf_rd_add(&cmd.args, keys[1].text);
    gf_rd_add(&cmd.args, latest);
    gf_rd_add_int(&cmd.args, rule->max_size);
    gf_rd_add_int(&cmd.args, rule->max_delay_s);
    gf_rd_add_int(&cmd.args, rule->grace_s);
    gf_rd_add_int(&cmd.args, LOOKED_AT);
    gf_rd_add_int(&cmd.args, which->names ? (int64_t)which->name_count : 0);
    for (size_t i = 0; which->names && i < which->name_count; i++)
        gf_rd_add(&cmd.args, which->names[i]);
    gf_rd_add_int(&cmd.args, which->suspects != NULL);
    for (size_t i = 0; which->except && i < which->except_count; i++)
        gf_rd_add(&cmd.args, which->except[i]);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    bool found = reply->type == REDIS_REPLY_STRING && reply->len > 0 && reply->len <= GF_NAME_MAX;
    if (found)
        snprintf(group, GF_NAME_MAX + 1, "%s", reply->str);
    if (which->suspects)
        *which->suspects = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return found ? GOFER_OK : gf_fail(GOFER_EEMPTY, "no group of queue '%s' is ready", queue);
}

// Copies a text into the flat memory; NULL stays NULL.
static const char *flat_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = *at;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static const void *flat_bytes(char **at, const void *bytes, size_t size)
{
    if (!size)
        return NULL;
    char *copy = *at;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    *at += size + 1;
    return copy;
}

static size_t flat_size(const gf_message *m)
{
    return strlen(m->id) + strlen(m->type) + (m->last_error ? strlen(m->last_error) : 0) + m->payload_size + m->headers_size + 5;
}

static gofer_status make_set(const char *queue, const char *group, const char *set_id, gf_wire_task *const *tasks,
    size_t count, int64_t until_ms, gf_group_set **out)
{
    size_t names = strlen(queue) + strlen(group) + strlen(set_id) + 3, texts = 1;
    for (size_t i = 0; i < count; i++)
        texts += flat_size(&tasks[i]->message);
    gf_group_set *set = gf_calloc(1, sizeof *set + count * sizeof *set->tasks + names);
    char *memory = gf_alloc(texts), *at = memory;
    if (!set || !memory) {
        gf_free(set);
        gf_free(memory);
        return gf_fail_nomem("a group's tasks");
    }
    set->tasks = (gf_message *)(set + 1);
    set->count = count;
    set->memory = memory;
    set->until_ms = until_ms;
    char *name = (char *)(set->tasks + count);
    set->queue = flat_text(&name, queue);
    set->group = flat_text(&name, group);
    set->id = flat_text(&name, set_id);
    for (size_t i = 0; i < count; i++) {
        const gf_message *m = &tasks[i]->message;
        gf_message *to = &set->tasks[i];
        *to = *m;
        to->queue = set->queue;
        to->id = flat_text(&at, m->id);
        to->type = flat_text(&at, m->type);
        to->last_error = flat_text(&at, m->last_error);
        to->payload = flat_bytes(&at, m->payload, m->payload_size);
        to->headers = flat_bytes(&at, m->headers, m->headers_size);
        to->enqueued_ms = gf_rd_enqueued_ms(NULL, to->id);
    }
    *out = set;
    return GOFER_OK;
}

// A set that cannot be read now is not left to its time. If that fails too, it is.
static void give_back(gf_broker *b, const char *queue, const char *group, const char *set_id, gofer_status st)
{
    char why[512];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    gf_group_set set = { .queue = queue, .group = group, .id = set_id };
    if (st != GOFER_ENOTFOUND)
        (void)gf_rd_group_back(b, &set);
    gf_fail(st, "%s", why);
}

// A set whose members were all none is deleted: EEMPTY.
static gofer_status read_set(gf_broker *b, const char *queue, const char *group, const char *set_id, int64_t until_ms,
    gf_group_set **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_wire_task **tasks = NULL;
    size_t count = 0;
    int64_t ends_ms;
    gofer_status st = gf_rd_group_read(s, queue, group, set_id, &tasks, &count, &ends_ms);
    if (st != GOFER_OK) {
        give_back(b, queue, group, set_id, st);
        return st;
    }
    if (count)
        st = make_set(queue, group, set_id, tasks, count, until_ms, out);
    else if ((st = gf_rd_group_delete(s, queue, group, set_id)) == GOFER_OK)
        st = GOFER_EEMPTY;
    for (size_t i = 0; i < count; i++)
        gf_free(tasks[i]);
    gf_free(tasks);
    if (count && st != GOFER_OK)
        give_back(b, queue, group, set_id, st);
    return st;
}

gofer_status gf_rd_group_take(gf_broker *b, const char *worker, const char *queue, const gf_group_rule *rule, gf_group_set **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_group_rule its = { rule->max_size, seconds_up(rule->max_delay_ms), seconds_up(rule->grace_ms) };
    char group[GF_NAME_MAX + 1], set_id[37];
    gf_rd_group_taker taker = { .worker = worker, .no_suspects = rule->suspects != NULL };
    if (rule->suspects)
        *rule->suspects = false;
    its.grace_s = its.grace_s ? its.grace_s : 1;
    gofer_status st = gf_rd_check(s);
    for (int tries = 0; st == GOFER_OK && tries < TRIES; tries++) {
        st = find_ready(s, queue, rule, &its, group);
        if (st != GOFER_OK)
            return st;
        note_latest(s, queue, group);
        int64_t until_ms = gf_mono_ms() + (GF_RD_SET_S - 1) * 1000;
        st = gf_rd_group_check(s, queue, group, &its, set_id, &taker);
        if (st == GOFER_OK)
            st = read_set(b, queue, group, set_id, until_ms, out);
        else if (st == GOFER_EUNCERTAIN)
            give_back(b, queue, group, set_id, st);
        if (st == GOFER_OK) {
            (*out)->crashes = taker.crashes;
            return GOFER_OK;
        }
        if (st == GOFER_EEMPTY && taker.crashes < 0 && rule->suspects) {
            *rule->suspects = true;
            return st;
        }
        if (st == GOFER_EEMPTY || st == GOFER_ENOTFOUND)
            st = GOFER_OK;         // others were quicker
    }
    return st == GOFER_OK ? gf_fail(GOFER_EEMPTY, "no group of queue '%s' is ready", queue) : st;
}

// ---- put, back ----------------------------------------------------------------------------------------------

typedef struct set_keys {
    gf_rd_key set, sets, pending, scheduled, task, done, prefix, group, groups, archived;
} set_keys;

static gofer_status keys_of(set_keys *k, const gf_group_set *set, const char *id)
{
    char rest[GF_NAME_MAX + 16];
    gofer_status st = gf_rd_group_key(&k->set, set->queue, set->group, set->id);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&k->group, set->queue, set->group, NULL);
    gf_rd_key_of(&k->sets, set->queue, "aggregation_sets");
    gf_rd_key_of(&k->groups, set->queue, "groups");
    gf_rd_key_of(&k->pending, set->queue, "pending");
    gf_rd_key_of(&k->scheduled, set->queue, "scheduled");
    gf_rd_key_of(&k->archived, set->queue, "archived");
    gf_rd_key_of(&k->prefix, set->queue, "t:");
    snprintf(rest, sizeof rest, "t:%s", id);
    gf_rd_key_of(&k->task, set->queue, rest);
    snprintf(rest, sizeof rest, "gofer:set:%s", set->id);
    gf_rd_key_of(&k->done, set->queue, rest);
    return st;
}

static gofer_status hear_put(const gf_group_set *set, const gf_message *combined, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING)
        return gf_fail(GOFER_EEXIST, "the id '%.255s' is taken by another task", combined->id);
    switch (gf_rd_reply_int(reply, -3)) {
    case 1:
    case 0:
        return GOFER_OK;
    case -1:
        return gf_fail(GOFER_ESTALE, "the tasks of group '%.255s' were put back before they became one", set->group);
    case -2:
        return gf_fail(GOFER_ETOOBIG, "the group '%.255s' has more tasks than one step can delete", set->group);
    default:
        return gf_fail(GOFER_ECORRUPT, "group '%.255s' was answered with something else", set->group);
    }
}

gofer_status gf_rd_group_put(gf_broker *b, const gf_group_set *set, const gf_message *combined, int64_t run_at_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_bytes message = { 0 };
    set_keys k;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(&k, set, combined->id);
    if (st == GOFER_OK)
        st = gf_wire_task_encode(combined, NULL, NULL, &message);
    if (st == GOFER_OK)
        st = gf_rd_message_check(combined, message.size);
    if (st != GOFER_OK) {
        gf_bytes_clear(&message);
        return st;
    }
    gf_rd_script_begin(&cmd, &become_script, set->queue, true);
    cmd.counts = true;
    const gf_rd_key *const keys[] = { &k.set, &k.sets, &k.pending, &k.scheduled, &k.task, &k.done };
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        gf_rd_add(&cmd.args, keys[i]->text);
    cmd.key_count = COUNT_OF(keys);
    gf_rd_add(&cmd.args, k.prefix.text);
    gf_rd_add(&cmd.args, combined->id);
    gf_rd_add_bytes(&cmd.args, message.bytes, message.size);
    gf_rd_add_int(&cmd.args, run_at_ms);
    gf_rd_add_int(&cmd.args, DONE_S);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK) {
        st = hear_put(set, combined, reply);
        freeReplyObject(reply);
    }
    gf_bytes_clear(&message);
    return st;
}

gofer_status gf_rd_group_back(gf_broker *b, const gf_group_set *set)
{
    gf_rd_store *s = (gf_rd_store *)b;
    set_keys k;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(&k, set, "");
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &back_script, set->queue, true);
    gf_rd_add(&cmd.args, k.set.text);
    gf_rd_add(&cmd.args, k.sets.text);
    gf_rd_add(&cmd.args, k.group.text);
    gf_rd_add(&cmd.args, k.groups.text);
    cmd.key_count = 4;
    gf_rd_add(&cmd.args, set->group);
    gf_rd_add(&cmd.args, k.prefix.text);
    gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
    st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        freeReplyObject(reply);
    return st;
}

static gofer_status archive_some(gf_rd_store *s, const gf_group_set *set, const set_keys *k,
    const char *error, int64_t *left)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, &archive_script, set->queue, true);
    gf_rd_add(&cmd.args, k->set.text);
    gf_rd_add(&cmd.args, k->sets.text);
    gf_rd_add(&cmd.args, k->archived.text);
    cmd.key_count = 3;
    gf_rd_add(&cmd.args, k->prefix.text);
    gf_rd_add(&cmd.args, error);
    gf_rd_add_int(&cmd.args, GF_RD_CHUNK);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *left = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), -1);
    gf_rd_keep_trimmed(s, set->queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    freeReplyObject(reply);
    return GOFER_OK;
}

// In steps. What is left if one fails goes back with the set, and is a suspect still.
gofer_status gf_rd_group_archive(gf_broker *b, const gf_group_set *set, const char *error)
{
    gf_rd_store *s = (gf_rd_store *)b;
    set_keys k;
    int64_t left = 1;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = keys_of(&k, set, "");
    while (st == GOFER_OK && left > 0)
        st = archive_some(s, set, &k, error, &left);
    if (st == GOFER_OK && left < 0)
        return gf_fail(GOFER_ESTALE, "the tasks of group '%.255s' were put back before",
            set->group);
    return st;
}

// ---- reclaim --------------------------------------------------------------------------------------------------

gofer_status gf_rd_groups_reclaim(gf_broker *b, size_t limit, size_t *done)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_round round;
    size_t total = 0;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_round_begin(s, GF_RD_RECOVER, &round);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < round.count && st == GOFER_OK && total < limit; i++) {
        size_t some = 0;
        st = gf_rd_group_reclaim(s, round.queues[i], &some);
        total += some;
    }
    gf_rd_round_end(&round);
    if (st == GOFER_OK)
        *done = total;
    return st;
}

// ---- looking --------------------------------------------------------------------------------------------------

static int add_group(gofer_info *list, const redisReply *r)
{
    const redisReply *name = gf_rd_reply_at(r, 0, REDIS_REPLY_STRING);
    int64_t oldest_s = gf_rd_reply_score(gf_rd_reply_at(r, 2, REDIS_REPLY_STRING));
    int64_t newest_s = gf_rd_reply_score(gf_rd_reply_at(r, 3, REDIS_REPLY_STRING));
    if (!name)
        return 0;
    char *clean = gf_rd_clean(name);
    gofer_info *to = clean ? gf_info_record() : NULL;
    int bad = to ? 0 : -1;
    if (to) {
        bad = gf_info_set_text(to, "group", clean) |
              gf_info_set_int(to, "size", gf_rd_reply_int(gf_rd_reply_at(r, 1, REDIS_REPLY_INTEGER), 0));
        if (oldest_s != GF_RD_NEVER)
            bad |= gf_info_set_int(to, "oldest_at_ms", oldest_s * 1000);
        if (newest_s != GF_RD_NEVER)
            bad |= gf_info_set_int(to, "newest_at_ms", newest_s * 1000);
    }
    gf_free(clean);
    if (bad) {
        gofer_info_free(to);
        return -1;
    }
    return gf_info_add(list, to);
}

static int by_name(const void *a, const void *b)
{
    const redisReply *x = gf_rd_reply_at(*(redisReply *const *)a, 0, REDIS_REPLY_STRING);
    const redisReply *y = gf_rd_reply_at(*(redisReply *const *)b, 0, REDIS_REPLY_STRING);
    return x && y ? strcmp(x->str, y->str) : (x != NULL) - (y != NULL);
}

gofer_status gf_rd_groups(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[2];
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &list_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, queue, (const char *const[]){ "groups" }, 1);
    gf_rd_key_of(&keys[1], queue, "g:");
    gf_rd_add(&cmd.args, keys[1].text);
    gf_rd_add_int(&cmd.args, LISTED_MAX);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    if (count == 0)
        st = gf_rd_queue_need(s, queue);
    if (count > 1)
        qsort(reply->element, count, sizeof *reply->element, by_name);
    gofer_info *list = st == GOFER_OK ? gf_info_list() : NULL;
    if (st == GOFER_OK && !list)
        st = gf_fail_nomem("the list of groups");
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        if (add_group(list, reply->element[i]) != 0)
            st = gf_fail_nomem("the list of groups");
    freeReplyObject(reply);
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}
