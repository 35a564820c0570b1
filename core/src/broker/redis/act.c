// act.c - acting on tasks: run, archive, delete; one, or all of a state in bounded steps.
//
// The effects are Asynq's (wire.md section 9) but for these: what is deleted or trimmed from the archive frees its
// unique lock, a task that is run says since when it waits, completed tasks are not run again (as on every broker),
// and what Asynq refuses because a list and a state word disagree is found where it really is.
#include <stdio.h>
#include <string.h>

#include "broker/redis/look.h"
#include "util/error.h"
#include "util/text.h"

static bool may_move(gf_state from, gf_state to)
{
    if (to == GF_PENDING)
        return from == GF_SCHEDULED || from == GF_RETRY || from == GF_ARCHIVED || from == GF_AGGREGATING;
    if (to == GF_ARCHIVED)
        return from == GF_PENDING || from == GF_SCHEDULED || from == GF_RETRY || from == GF_AGGREGATING;
    return to == GF_STATE_COUNT && from != GF_ACTIVE;
}

static const char *verb_of(gf_state to)
{
    return to == GF_PENDING ? "run" : to == GF_ARCHIVED ? "archived" : "deleted";
}

static const char *target_of(gf_state to)
{
    return to == GF_STATE_COUNT ? "" : gf_state_name(to);
}

// into(ids, to, ...): tasks that were taken out of their list go where they shall; how many are not mere ids. gofer's
// fields of an earlier run go, so that no worker still takes the task for its own. The trim keeps up with a chunk.
#define LUA_INTO \
    GF_RD_LUA_TRIM \
    "local function into(ids, to, prefix, pending, archived)\n" \
    "  local now, kept = redis.call('TIME'), {}\n" \
    "  local since = now[1] .. string.format('%06d', now[2]) .. '000'\n" \
    "  for _, id in ipairs(ids) do\n" \
    "    local key = prefix .. id\n" \
    "    if redis.call('EXISTS', key) == 1 then\n" \
    "      redis.pcall('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress')\n" \
    "      if to == 'pending' then\n" \
    "        redis.pcall('HDEL', key, 'gofer:cancel', 'gofer:error')\n" \
    "        redis.pcall('HSET', key, 'state', to, 'pending_since', since)\n" \
    "        kept[#kept + 1] = id\n" \
    "      else\n" \
    "        redis.pcall('HSET', key, 'state', to)\n" \
    "        kept[#kept + 1] = now[1]\n" \
    "        kept[#kept + 1] = id\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "  if #kept == 0 then return 0 end\n" \
    "  if to == 'pending' then\n" \
    "    redis.call('LPUSH', pending, unpack(kept))\n" \
    "    return #kept\n" \
    "  end\n" \
    "  redis.call('ZADD', archived, unpack(kept))\n" \
    "  trim(archived, prefix, now, 600)\n" \
    "  return #kept / 2\n" \
    "end\n"

// ---- one task -----------------------------------------------------------------------------------

// KEYS: task, pending, scheduled, retry, completed, archived, active, lease, groups, aggregation_sets.
// ARGV: "asynq:{q}:t:", id, where to ('': delete). Returns { 1, "" }, or { 0, where it is instead }: a state's word,
// "missing", or "held" by an aggregation that is under way. Where it is: what the state word says if that is so, else
// wherever the id is found; 'lost' in no list at all. An id whose hash is gone can only be deleted. This much finds the
// task, tests, and takes it out; what follows puts it elsewhere.
#define LUA_OUT \
    "local prefix, id, to = ARGV[1], ARGV[2], ARGV[3]\n" \
    "local zsets = { scheduled = KEYS[3], retry = KEYS[4], completed = KEYS[5], archived = KEYS[6] }\n" \
    "local names = { 'scheduled', 'retry', 'completed', 'archived', 'active', 'pending' }\n" \
    "local here = redis.call('EXISTS', KEYS[1]) == 1\n" \
    "local f = here and redis.pcall('HMGET', KEYS[1], 'state', 'group') or {}\n" \
    "local word, group, base = f[1], f[2], prefix:sub(1, -3) .. 'g:'\n" \
    "local function is_in(name)\n" \
    "  if zsets[name] then return redis.call('ZSCORE', zsets[name], id) end\n" \
    "  if name == 'active' then return redis.call('ZSCORE', KEYS[8], id) or redis.call('LPOS', KEYS[7], id) end\n" \
    "  if name == 'pending' then return redis.call('LPOS', KEYS[2], id) end\n" \
    "  return name == 'aggregating' and group and redis.call('ZSCORE', base .. group, id)\n" \
    "end\n" \
    "local place = word and is_in(word) and word or 'lost'\n" \
    "if place == 'lost' and word == 'aggregating' then\n" \
    "  for _, key in ipairs(redis.call('ZRANGE', KEYS[10], 0, 999)) do\n" \
    "    if key:sub(1, #base) == base and redis.call('ZSCORE', key, id) then return { 0, 'held' } end\n" \
    "  end\n" \
    "end\n" \
    "for i = 1, 6 do if place == 'lost' and is_in(names[i]) then place = names[i] end end\n" \
    "if not here and (place == 'lost' or to ~= '') then return { 0, 'missing' } end\n" \
    "if place == to or (place == 'active' and here) or (place == 'completed' and to ~= '') then return { 0, place } end\n" \
    "if place == 'pending' then redis.call('LREM', KEYS[2], 1, id)\n" \
    "elseif zsets[place] then redis.call('ZREM', zsets[place], id)\n" \
    "elseif place == 'aggregating' then\n" \
    "  redis.call('ZREM', base .. group, id)\n" \
    "  if redis.call('ZCARD', base .. group) == 0 then redis.call('SREM', KEYS[9], group) end\n" \
    "elseif place == 'active' then\n" \
    "  redis.call('LREM', KEYS[7], 0, id)\n" \
    "  redis.call('ZREM', KEYS[8], id)\n" \
    "end\n"

static const gf_rd_script move_script = {
    .name = "move a task",
    .text = LUA_INTO LUA_OUT "into({ id }, to, prefix, KEYS[2], KEYS[6])\nreturn { 1, '' }\n",
    .allow_oom = true,
};

static const gf_rd_script delete_script = {
    .name = "delete a task",
    .text = GF_RD_LUA_DROP LUA_OUT "drop(prefix, id)\nreturn { 1, '' }\n",
    .allow_oom = true,
};

static gofer_status refused(const char *queue, const char *id, gf_state to, const char *place)
{
    if (strcmp(place, "missing") == 0)
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", id, queue);
    if (strcmp(place, "held") == 0)
        return gf_fail(GOFER_ESTATE, "the task '%s' is being aggregated and cannot be %s", id, verb_of(to));
    return gf_fail(GOFER_ESTATE, "the task '%s' is %.20s and cannot be %s", id, place, verb_of(to));
}

// A step that was sent twice because its first answer was lost finds its own work.
static bool did_it_before(gf_state to, const char *place)
{
    return strcmp(place, to == GF_STATE_COUNT ? "missing" : gf_state_name(to)) == 0;
}

gofer_status gf_rd_task_move(gf_broker *b, const char *queue, const char *id, gf_state to)
{
    static const char *const rests[] = { "pending", "scheduled", "retry", "completed", "archived", "active", "lease",
        "groups", "aggregation_sets" };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[COUNT_OF(rests) + 2];
    char name[GF_NAME_MAX + 3];
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    snprintf(name, sizeof name, "t:%s", id);
    gf_rd_script_begin(&cmd, to == GF_STATE_COUNT ? &delete_script : &move_script, queue, true);
    gf_rd_add_keys(&cmd, keys, queue, (const char *const[]){ name }, 1);
    gf_rd_add_keys(&cmd, keys + 1, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests) + 1], queue, "t:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests) + 1].text);
    gf_rd_add(&cmd.args, id);
    gf_rd_add(&cmd.args, target_of(to));
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    if (st == GOFER_OK) {
        const redisReply *place = gf_rd_reply_at(cmd.reply, 1, REDIS_REPLY_STRING);
        bool moved = place && gf_rd_reply_int(cmd.reply->element[0], 0) == 1;
        if (!place)
            st = gf_fail(GOFER_ECORRUPT, "moving the task '%s' was answered with something else", id);
        else if (!moved && !(cmd.repeated && did_it_before(to, place->str)))
            st = refused(queue, id, to, place->str);
    }
    gf_rd_cmd_clear(&cmd);
    return st;
}

// ---- many ---------------------------------------------------------------------------------------------

// KEYS: the list, zset, or set of groups that is emptied; pending, archived. ARGV: "asynq:{q}:t:", from, to, how many.
// Of a group one chunk is moved. Returns how many were moved, and 1 if there may be more.
#define LUA_OUT_MANY \
    "local prefix, from, to, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])\n" \
    "local key, ids, group = KEYS[1], {}, false\n" \
    "if from == 'pending' then\n" \
    "  local found = redis.call('LRANGE', key, -n, -1)\n" \
    "  for i = #found, 1, -1 do ids[#ids + 1] = found[i] end\n" \
    "  if #ids > 0 then redis.call('LTRIM', key, 0, -1 - #ids) end\n" \
    "else\n" \
    "  if from == 'aggregating' then\n" \
    "    group = redis.call('SRANDMEMBER', KEYS[1])\n" \
    "    if not group then return { 0, 0 } end\n" \
    "    key = prefix:sub(1, -3) .. 'g:' .. group\n" \
    "  end\n" \
    "  ids = redis.call('ZRANGE', key, 0, n - 1)\n" \
    "  if #ids > 0 then redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1) end\n" \
    "  if group and redis.call('ZCARD', key) == 0 then redis.call('SREM', KEYS[1], group) end\n" \
    "end\n"

static const gf_rd_script moves_script = {
    .name = "move tasks",
    .text =
        LUA_INTO LUA_OUT_MANY
        "local moved = into(ids, to, prefix, KEYS[2], KEYS[3])\n"
        "return { moved, redis.call('EXISTS', KEYS[1]) }\n",
    .allow_oom = true,
};

static const gf_rd_script deletes_script = {
    .name = "delete tasks",
    .text =
        GF_RD_LUA_DROP LUA_OUT_MANY
        "for _, id in ipairs(ids) do drop(prefix, id) end\n"
        "return { #ids, redis.call('EXISTS', KEYS[1]) }\n",
    .allow_oom = true,
};

static gofer_status move_chunk(gf_rd_store *s, const char *queue, gf_state from, gf_state to, size_t count,
    size_t *moved, bool *more)
{
    const char *const rests[] = { from == GF_AGGREGATING ? "groups" : gf_rd_state_key(from), "pending", "archived" };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, to == GF_STATE_COUNT ? &deletes_script : &moves_script, queue, false);
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], queue, "t:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add(&cmd.args, gf_state_name(from));
    gf_rd_add(&cmd.args, target_of(to));
    gf_rd_add_int(&cmd.args, (int64_t)count);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *moved = (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    *more = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0) == 1;
    freeReplyObject(reply);
    return GOFER_OK;
}

gofer_status gf_rd_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to, size_t limit, size_t *done)
{
    gf_rd_store *s = (gf_rd_store *)b;
    size_t total = 0;
    bool more = true;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && !may_move(from, to))
        st = gf_fail(GOFER_ESTATE, "%s tasks cannot be %s", gf_state_name(from), verb_of(to));
    while (st == GOFER_OK && more && total < limit) {
        size_t moved = 0, count = limit - total < GF_RD_CHUNK ? limit - total : GF_RD_CHUNK;
        st = move_chunk(s, queue, from, to, count, &moved, &more);
        total += moved;
    }
    if (st == GOFER_OK && total == 0)
        st = gf_rd_queue_need(s, queue);
    if (st == GOFER_OK)
        *done = total;
    return st;
}
