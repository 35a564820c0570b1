// group.c - groups of tasks that are handed over as one: Asynq's aggregation sets (wire.md section 6), with the
// server's clock. Unlike Asynq a set has a bounded size, its name goes back into groups when it is reclaimed, and
// members that are no tasks or cannot be read are set aside instead of spoiling the rest.
#include <stdio.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/id.h"

enum {
    PAGE = 200,                    // members read in one call, and at the most
    PAGE_BYTES = 4 << 20,          //   so much of their messages (and one more);
    PAGE_BYTES_LEAST = 64 << 10,   //   less where a page did not come in time
    STALE_MAX = 20                 // sets reclaimed in one call
};

// KEYS: group, set, groups, aggregation_sets. ARGV: the tasks' prefix, the group's name, size,
// delay, grace, set's life, most, who takes it, 1: no suspects. 0: no set was made, -1: for it is a
// suspect; else one more than its tasks were in a set before and did not come back. Those that were
// in one set then are in one now, without others: they share the field's text.
// It is counted here, not when the set is taken back: others do that too, and know nothing of it.
static const gf_rd_script check_script = {
    .name = "group check",
    .allow_oom = true,
    .text =
        "local group, now, size = KEYS[1], redis.call('TIME')[1], redis.call('ZCARD', KEYS[1])\n"
        "local max, delay, grace, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])\n"
        "if size == 0 then return 0 end\n"
        "local oldest = tonumber(redis.call('ZRANGE', group, 0, 0, 'WITHSCORES')[2])\n"
        "local newest = tonumber(redis.call('ZRANGE', group, -1, -1, 'WITHSCORES')[2])\n"
        "if not (max ~= 0 and size >= max) and not (delay ~= 0 and oldest <= now - delay) and newest > now - grace then\n"
        "  return 0\n"
        "end\n"
        "redis.call('SCARD', KEYS[3])\n"
        "redis.call('ZCARD', KEYS[4])\n"
        "if max ~= 0 and max < most then most = max end\n"
        "local ids, tasks, first = redis.call('ZRANGE', group, 0, most - 1), {}, ''\n"
        "for i, id in ipairs(ids) do\n"
        "  local f = redis.pcall('HMGET', ARGV[1] .. id, 'state', 'gofer:begun')\n"
        "  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then\n"
        "    return redis.error_reply(f.err)\n"
        "  end\n"
        "  if not f.err and f[1] then\n"
        "    local begun = f[2] or ''\n"
        "    if #tasks == 0 then first = begun end\n"
        "    if begun ~= first then\n"
        "      most = i - 1\n"
        "      break\n"
        "    end\n"
        "    tasks[#tasks + 1] = id\n"
        "  end\n"
        "end\n"
        "local crashes = math.min(tonumber(string.match(first, '^(%d+) ')) or 0, 1000000)\n"
        "if crashes > 0 and ARGV[9] == '1' then return -1 end\n"
        "redis.call('ZRANGESTORE', KEYS[2], group, 0, most - 1)\n"
        "redis.call('ZREMRANGEBYRANK', group, 0, most - 1)\n"
        "redis.call('ZADD', KEYS[4], string.format('%.0f', now + ARGV[6]), KEYS[2])\n"
        "if size <= most then redis.call('SREM', KEYS[3], ARGV[2]) end\n"
        "local its = string.match(KEYS[2], '[^:]*$')\n"
        "local begun = string.format('%.0f %s %s', crashes + 1, its, ARGV[8])\n"
        "for _, id in ipairs(tasks) do\n"
        "  redis.call('HSET', ARGV[1] .. id, 'gofer:begun', begun)\n"
        "end\n"
        "return 1 + crashes\n",
};

// KEYS: set, aggregation_sets. ARGV: the tasks' prefix, from, how many, how many bytes, the longest message that can be
// read. Answer: the set's end (nil: no such set), 1: there are more, then id and message of each (false: none; a number:
// the size of one that is too long).
static const gf_rd_script read_script = {
    .name = "read a group's set",
    .text =
        "local out, room, n = { redis.call('ZSCORE', KEYS[2], KEYS[1]), 0 }, tonumber(ARGV[4]), tonumber(ARGV[3])\n"
        "local ids = redis.call('ZRANGE', KEYS[1], ARGV[2], ARGV[2] + n)\n"
        "for i, id in ipairs(ids) do\n"
        "  if i > n or room <= 0 then\n"
        "    out[2] = 1\n"
        "    break\n"
        "  end\n"
        "  local msg = redis.pcall('HSTRLEN', ARGV[1] .. id, 'msg')\n"
        "  if type(msg) == 'table' then\n"
        "    if not string.find(msg.err, 'WRONGTYPE', 1, true) then return redis.error_reply(msg.err) end\n"
        "    msg = false\n"
        "  elseif msg <= tonumber(ARGV[5]) then\n"
        "    room = room - msg\n"
        "    msg = redis.call('HGET', ARGV[1] .. id, 'msg')\n"
        "  end\n"
        "  out[#out + 1] = id\n"
        "  out[#out + 1] = msg\n"
        "end\n"
        "return out\n",
};

enum { END, MORE, MEMBERS };               // of the answer

// KEYS: set, archived. ARGV: the tasks' prefix, then of each member id and why it cannot be read; empty: it has no
// message. The former are archived, their bytes as they are, the latter dropped.
static const gf_rd_script set_aside_script = {
    .name = "set members aside",
    .allow_oom = true,
    .text =
        "local now, has = redis.call('TIME')[1], {}\n"
        "redis.call('ZCARD', KEYS[2])\n"
        "for a = 2, #ARGV, 2 do\n"
        "  has[a] = redis.pcall('HEXISTS', ARGV[1] .. ARGV[a], 'msg')\n"
        "  if type(has[a]) == 'table' and not string.find(has[a].err, 'WRONGTYPE', 1, true) then return has[a] end\n"
        "end\n"
        "for a = 2, #ARGV, 2 do\n"
        "  local key, there = ARGV[1] .. ARGV[a], has[a]\n"
        "  if redis.call('ZREM', KEYS[1], ARGV[a]) == 1 and there == 1 then\n"
        "    redis.call('ZADD', KEYS[2], now, ARGV[a])\n"
        "    redis.call('HSET', key, 'state', 'archived', 'gofer:error', ARGV[a + 1])\n"
        "  elseif there == 0 then\n"
        "    redis.call('DEL', key)\n"
        "  end\n"
        "end\n"
        "return 1\n",
};

// KEYS: set, aggregation_sets. ARGV: the tasks' prefix, most. How many members are left, which a set of ours never has.
static const gf_rd_script delete_script = {
    .name = "delete a group's set",
    .allow_oom = true,
    .text =
        "redis.call('ZCARD', KEYS[2])\n"
        "for from = 0, ARGV[2] - 1, 500 do\n"
        "  local ids = redis.call('ZRANGE', KEYS[1], 0, 499)\n"
        "  if #ids == 0 then break end\n"
        "  local hashes = {}\n"
        "  for i, id in ipairs(ids) do hashes[i] = ARGV[1] .. id end\n"
        "  redis.call('UNLINK', unpack(hashes))\n"
        "  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #ids - 1)\n"
        "end\n"
        "local left = redis.call('ZCARD', KEYS[1])\n"
        "if left == 0 then redis.call('ZREM', KEYS[2], KEYS[1]) end\n"
        "return left\n",
};

// KEYS: aggregation_sets, groups. ARGV: the tasks' prefix, most. The group's key is the set's up to the last colon.
// A member of another name is nothing of this queue's: it is only dropped. How many sets.
static const gf_rd_script reclaim_script = {
    .name = "reclaim groups' sets",
    .allow_oom = true,
    .text =
        "local now, base = redis.call('TIME')[1], string.sub(ARGV[1], 1, -3) .. 'g:'\n"
        "local sets = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])\n"
        "redis.call('SCARD', KEYS[2])\n"
        "for _, set in ipairs(sets) do\n"
        "  local group = string.sub(set, 1, #base) == base and string.match(set, '^(.*):[^:]*$')\n"
        "  if group and #group > #base and redis.call('TYPE', set).ok == 'zset' then\n"
        "    local type = redis.call('TYPE', group).ok\n"
        "    if type == 'zset' or type == 'none' then\n"
        "      redis.call('ZUNIONSTORE', group, 2, group, set, 'AGGREGATE', 'MIN')\n"
        "      redis.call('SADD', KEYS[2], string.sub(group, #base + 1))\n"
        "      redis.call('DEL', set)\n"
        "    end\n"
        "  end\n"
        "  redis.call('ZREM', KEYS[1], set)\n"
        "end\n"
        "return #sets\n",
};

// ---- keys --------------------------------------------------------------------------------------------

gofer_status gf_rd_group_key(gf_rd_key *out, const char *queue, const char *group, const char *set_id)
{
    char rest[GF_RD_REST_MAX + 1];
    int size = snprintf(rest, sizeof rest, "g:%s%s%s", group, set_id ? ":" : "", set_id ? set_id : "");
    if (size < 0 || (size_t)size >= sizeof rest)
        return gf_fail(GOFER_EINVAL, "the group's name '%.40s...' is too long", group);
    gf_rd_key_of(out, queue, rest);
    return GOFER_OK;
}

typedef struct call_keys { gf_rd_key own, second, third, fourth, prefix; } call_keys;

// Begins a script whose keys are of the set and one more, then the tasks' prefix.
static gofer_status begin_on_set(gf_rd_cmd *cmd, call_keys *keys, const gf_rd_script *script, const char *queue,
    const char *group, const char *set_id, const char *rest)
{
    gofer_status st = gf_rd_group_key(&keys->own, queue, group, set_id);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&keys->second, queue, rest);
    gf_rd_key_of(&keys->prefix, queue, "t:");
    gf_rd_script_begin(cmd, script, queue, true);
    gf_rd_add(&cmd->args, keys->own.text);
    gf_rd_add(&cmd->args, keys->second.text);
    gf_rd_add(&cmd->args, keys->prefix.text);
    cmd->key_count = 2;
    return GOFER_OK;
}

static gofer_status call_for_int(gf_rd_store *s, gf_rd_cmd *cmd, int64_t *out)
{
    redisReply *reply;
    gofer_status st = gf_rd_call(s, cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *out = gf_rd_reply_int(reply, 0);
    freeReplyObject(reply);
    return GOFER_OK;
}

// ---- check -------------------------------------------------------------------------------------------

// Asynq's set ids are of version 4; nobody looks, but nobody shall have to.
static void new_set_id(char out[37])
{
    uint64_t a = gf_random64(), b = gf_random64();
    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
        (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}

gofer_status gf_rd_group_check(gf_rd_store *s, const char *queue, const char *group, const gf_rd_group_rule *rule,
    char set_id[37], gf_rd_group_taker *taker)
{
    call_keys keys;
    char id[37];
    gf_rd_cmd cmd;
    int64_t made;
    gofer_status st = gf_rd_check(s);
    new_set_id(id);
    memcpy(set_id, id, sizeof id);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&keys.own, queue, group, NULL);
    if (st == GOFER_OK)
        st = gf_rd_group_key(&keys.second, queue, group, id);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&keys.third, queue, "groups");
    gf_rd_key_of(&keys.fourth, queue, "aggregation_sets");
    gf_rd_key_of(&keys.prefix, queue, "t:");
    gf_rd_script_begin(&cmd, &check_script, queue, false);
    gf_rd_add(&cmd.args, keys.own.text);
    gf_rd_add(&cmd.args, keys.second.text);
    gf_rd_add(&cmd.args, keys.third.text);
    gf_rd_add(&cmd.args, keys.fourth.text);
    cmd.key_count = 4;
    gf_rd_add(&cmd.args, keys.prefix.text);
    gf_rd_add(&cmd.args, group);
    gf_rd_add_int(&cmd.args, rule->max_size);
    gf_rd_add_int(&cmd.args, rule->max_delay_s);
    gf_rd_add_int(&cmd.args, rule->grace_s);
    gf_rd_add_int(&cmd.args, GF_RD_SET_S);
    gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
    gf_rd_add(&cmd.args, taker ? taker->worker : "");
    gf_rd_add_int(&cmd.args, taker && taker->no_suspects);
    st = call_for_int(s, &cmd, &made);
    if (st != GOFER_OK)
        return st;
    if (taker)
        taker->crashes = made > 0 ? (int32_t)(made - 1) : (int32_t)made;
    if (made <= 0)
        return gf_fail(GOFER_EEMPTY, "the group '%s' is not to be aggregated yet", group);
    return GOFER_OK;
}

// ---- read --------------------------------------------------------------------------------------------

typedef struct reading {
    gf_rd_store   *s;
    const char    *queue, *group, *set_id;
    gf_wire_task **tasks;
    size_t         count, room;
    size_t         from;           // members that stay, read so far
    int64_t        page_bytes;
    int64_t        until_ms;
    gf_rd_args     aside;          // pairs of id and reason, borrowed from the page and from reasons
    char         (*reasons)[200];  // of PAGE
} reading;

static gofer_status add_task(reading *r, void *memory)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : PAGE;
        gf_wire_task **tasks = gf_realloc(r->tasks, room * sizeof *tasks);
        if (!tasks)
            return gf_fail_nomem("a group's tasks");
        r->tasks = tasks;
        r->room = room;
    }
    r->tasks[r->count++] = memory;
    return GOFER_OK;
}

// A member of the page: to the tasks, or aside.
static gofer_status read_member(reading *r, const redisReply *id, const redisReply *message, char reason[200])
{
    void *memory = NULL;
    *reason = '\0';
    if (message->type == REDIS_REPLY_STRING) {
        gofer_status st = gf_wire_task_decode(message->str, (size_t)message->len, 0, &memory);
        if (st == GOFER_OK) {
            st = add_task(r, memory);
            if (st != GOFER_OK)
                gf_free(memory);
            r->from++;
            return st;
        }
        if (st != GOFER_ECORRUPT)
            return st;
        snprintf(reason, 200, "%.199s", gofer_error_last());
    } else if (message->type == REDIS_REPLY_INTEGER) {
        gf_rd_too_long(reason, 200, message->integer);
    }
    if (*reason)
        gf_logf(&r->s->base.config.log, GOFER_LOG_ERROR, "a task that cannot be read was archived", "queue", r->queue,
            "task", id->str, "why", reason, NULL);
    gf_rd_add_bytes(&r->aside, id->str, (size_t)id->len);
    gf_rd_add(&r->aside, reason);
    return GOFER_OK;
}

// Takes what was put aside out of the set.
static gofer_status set_aside(reading *r)
{
    call_keys keys;
    gf_rd_cmd cmd;
    int64_t ignored;
    if (r->aside.count == 0 && !r->aside.failed)
        return GOFER_OK;
    gofer_status st = begin_on_set(&cmd, &keys, &set_aside_script, r->queue, r->group, r->set_id, "archived");
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < r->aside.count; i++)
        gf_rd_add_bytes(&cmd.args, r->aside.words[i], r->aside.sizes[i]);
    cmd.args.failed |= r->aside.failed;
    st = call_for_int(r->s, &cmd, &ignored);
    gf_rd_args_clear(&r->aside);
    return st;
}

// However many came: no more than were asked for are looked at.
static gofer_status read_page(reading *r, const redisReply *page, bool *more)
{
    const redisReply *end = gf_rd_reply_at(page, END, REDIS_REPLY_STRING);
    if (!end)
        return gf_fail(GOFER_ENOTFOUND, "the set '%s' of group '%s' is gone", r->set_id, r->group);
    r->until_ms = gf_rd_reply_int(end, 0) * 1000;
    gofer_status st = GOFER_OK;
    size_t seen = 0;
    for (; MEMBERS + 2 * seen + 1 < page->elements && seen < PAGE && st == GOFER_OK; seen++) {
        const redisReply *id = gf_rd_reply_at(page, MEMBERS + 2 * seen, REDIS_REPLY_STRING);
        if (!id)
            return gf_fail(GOFER_EBROKER, "reading the set '%s' was answered with something else", r->set_id);
        st = read_member(r, id, page->element[MEMBERS + 2 * seen + 1], r->reasons[seen]);
    }
    if (st == GOFER_OK)
        st = set_aside(r);
    *more = seen > 0 && gf_rd_reply_int(gf_rd_reply_at(page, MORE, REDIS_REPLY_INTEGER), 0) == 1;
    return st;
}

static gofer_status ask_page(reading *r, redisReply **page)
{
    call_keys keys;
    gf_rd_cmd cmd;
    gofer_status st = begin_on_set(&cmd, &keys, &read_script, r->queue, r->group, r->set_id, "aggregation_sets");
    if (st != GOFER_OK)
        return st;
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, (int64_t)r->from);
    gf_rd_add_int(&cmd.args, PAGE);
    gf_rd_add_int(&cmd.args, r->page_bytes);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    return gf_rd_call(r->s, &cmd, page);
}

// A page that is too much for the line or for the call's time is asked for anew, smaller.
static gofer_status next_page(reading *r, bool *more)
{
    redisReply *page;
    gofer_status st = ask_page(r, &page);
    while ((st == GOFER_ETIMEOUT || st == GOFER_EBROKER) && r->page_bytes > PAGE_BYTES_LEAST) {
        r->page_bytes /= 8;
        st = ask_page(r, &page);
    }
    if (st != GOFER_OK)
        return st;
    st = read_page(r, page, more);
    freeReplyObject(page);
    return st;
}

gofer_status gf_rd_group_read(gf_rd_store *s, const char *queue, const char *group, const char *set_id,
    gf_wire_task ***tasks, size_t *count, int64_t *until_ms)
{
    reading r = { .s = s, .queue = queue, .group = group, .set_id = set_id, .page_bytes = PAGE_BYTES };
    bool more = true;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    r.reasons = gf_calloc(PAGE, sizeof *r.reasons);
    if (!r.reasons)
        return gf_fail_nomem("a group's tasks");
    while (st == GOFER_OK && more)
        st = next_page(&r, &more);
    gf_rd_args_clear(&r.aside);
    gf_free(r.reasons);
    if (st != GOFER_OK) {
        for (size_t i = 0; i < r.count; i++)
            gf_free(r.tasks[i]);
        gf_free(r.tasks);
        return st;
    }
    *tasks = r.tasks;
    *count = r.count;
    *until_ms = r.until_ms;
    return GOFER_OK;
}

// ---- delete, reclaim -----------------------------------------------------------------------------------

gofer_status gf_rd_group_delete(gf_rd_store *s, const char *queue, const char *group, const char *set_id)
{
    call_keys keys;
    gf_rd_cmd cmd;
    int64_t left = 1;
    gofer_status st = gf_rd_check(s);
    while (st == GOFER_OK && left > 0) {
        st = begin_on_set(&cmd, &keys, &delete_script, queue, group, set_id, "aggregation_sets");
        if (st != GOFER_OK)
            break;
        gf_rd_add_int(&cmd.args, GF_RD_SET_MOST);
        st = call_for_int(s, &cmd, &left);
    }
    return st;
}

gofer_status gf_rd_group_reclaim(gf_rd_store *s, const char *queue, size_t *done)
{
    gf_rd_key sets, groups, prefix;
    gf_rd_cmd cmd;
    int64_t count = 0;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&sets, queue, "aggregation_sets");
    gf_rd_key_of(&groups, queue, "groups");
    gf_rd_key_of(&prefix, queue, "t:");
    gf_rd_script_begin(&cmd, &reclaim_script, queue, true);
    gf_rd_add(&cmd.args, sets.text);
    gf_rd_add(&cmd.args, groups.text);
    cmd.key_count = 2;
    gf_rd_add(&cmd.args, prefix.text);
    gf_rd_add_int(&cmd.args, STALE_MAX);
    st = call_for_int(s, &cmd, &count);
    if (st != GOFER_OK)
        return st;
    gf_rd_keep_tell(s, "groups whose aggregation was not finished were put back", queue, count);
    *done = (size_t)count;
    return GOFER_OK;
}
