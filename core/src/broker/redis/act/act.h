// act.h - what the files of acting on tasks share: act.c (run, archive, delete), acts.c (cancel, and acts on tasks named),
// edit.c (another payload, another time).
#ifndef GF_BROKER_REDIS_ACT_H
#define GF_BROKER_REDIS_ACT_H

#include "broker/redis/inspect/look.h"

// into(ids, to, ..., how): tasks that were taken out of their list go where they shall, whose type has been seen before;
// how many are not mere ids, and how many the archive's limits have deleted for it. gofer's fields of an earlier run go,
// so that no worker still takes the task for its own. What is set aside frees its lock, and who waits for its end is told
// (how). The trim keeps up with a chunk.
#define GF_RD_LUA_INTO \
    GF_RD_LUA_FREE GF_RD_LUA_TRIM GF_RD_LUA_TELL \
    "local function into(ids, to, prefix, pending, archived, how)\n" \
    "  local now, kept = redis.call('TIME'), {}\n" \
    "  local since = now[1] .. string.format('%06d', now[2]) .. '000'\n" \
    "  for _, id in ipairs(ids) do\n" \
    "    local key = prefix .. id\n" \
    "    if redis.call('EXISTS', key) == 1 then\n" \
    "      redis.pcall('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', " \
    "'gofer:begun')\n" \
    "      if to == 'pending' then\n" \
    "        redis.pcall('HDEL', key, 'gofer:cancel', 'gofer:error')\n" \
    "        redis.pcall('HSET', key, 'state', to, 'pending_since', since)\n" \
    "        kept[#kept + 1] = id\n" \
    "      else\n" \
    "        redis.pcall('HSET', key, 'state', to)\n" \
    "        free(prefix, id)\n" \
    "        tell(prefix:sub(1, -3), id, how or 'archived')\n" \
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
    "  return #kept / 2, trim(archived, prefix, now, 600)\n" \
    "end\n"

// For one task. KEYS: task, pending, scheduled, retry, completed, archived, active, lease, groups, aggregation_sets.
// ARGV: "asynq:{q}:t:", id, where to ('': delete). Returns { 1, "" }, or { 0, where it is instead }: a state's word,
// "missing", or "held" by an aggregation that is under way; behind that how many tasks the archive had no room for, if any. Where it is: what the state word says if that is so, else
// wherever the id is found; 'lost' in no list at all. An id whose hash is gone can only be deleted. This much finds the
// task, tests, and takes it out; what follows puts it elsewhere.
#define GF_RD_LUA_OUT \
    GF_RD_LUA_FIND \
    "if not here and (place == 'lost' or to ~= '') then return { 0, 'missing' } end\n" \
    "if place == to or (place == 'active' and here) or (place == 'completed' and to ~= '') then return { 0, place } end\n" \
    "if to == 'pending' then redis.call('LLEN', KEYS[2]) elseif to ~= '' then redis.call('ZCARD', KEYS[6]) end\n" \
    GF_RD_LUA_REMOVE

// Takes it out of its place. Whether it can be put where it shall go has been seen before; here nothing fails any more
// once the first list has been changed.
#define GF_RD_LUA_REMOVE \
    "if place == 'aggregating' then redis.call('SCARD', KEYS[9])\n" \
    "elseif place == 'active' then redis.call('ZCARD', KEYS[8]) end\n" \
    "if place == 'pending' then redis.call('LREM', KEYS[2], -1, id)\n" \
    "elseif zsets[place] then redis.call('ZREM', zsets[place], id)\n" \
    "elseif place == 'aggregating' then\n" \
    "  redis.call('ZREM', base .. group, id)\n" \
    "  if redis.call('ZCARD', base .. group) == 0 then redis.call('SREM', KEYS[9], group) end\n" \
    "elseif place == 'active' then\n" \
    "  redis.call('LREM', KEYS[7], 0, id)\n" \
    "  redis.call('ZREM', KEYS[8], id)\n" \
    "end\n"

// Where it is.
#define GF_RD_LUA_FIND \
    "local prefix, id, to = ARGV[1], ARGV[2], ARGV[3]\n" \
    "local zsets = { scheduled = KEYS[3], retry = KEYS[4], completed = KEYS[5], archived = KEYS[6] }\n" \
    "local names = { 'scheduled', 'retry', 'completed', 'archived', 'active', 'pending' }\n" \
    "local here = redis.call('EXISTS', KEYS[1]) == 1\n" \
    "local f = here and redis.pcall('HMGET', KEYS[1], 'state', 'group') or {}\n" \
    "local word, group, base = f[1], f[2], prefix:sub(1, -3) .. 'g:'\n" \
    "local function is_in(name)\n" \
    "  if zsets[name] then return redis.call('ZSCORE', zsets[name], id) end\n" \
    "  if name == 'active' then return redis.call('ZSCORE', KEYS[8], id) or redis.call('LPOS', KEYS[7], id) end\n" \
    "  if name == 'pending' then return redis.call('LPOS', KEYS[2], id, 'RANK', -1) end\n" \
    "  return name == 'aggregating' and group and redis.call('ZSCORE', base .. group, id)\n" \
    "end\n" \
    "local place = word and is_in(word) and word or 'lost'\n" \
    "if place == 'lost' and word == 'aggregating' then\n" \
    "  for _, key in ipairs(redis.call('ZRANGE', KEYS[10], 0, 999)) do\n" \
    "    if key:sub(1, #base) == base and redis.call('ZSCORE', key, id) then return { 0, 'held' } end\n" \
    "  end\n" \
    "end\n" \
    "for i = 1, 6 do if place == 'lost' and is_in(names[i]) then place = names[i] end end\n"

// The keys of these scripts, in that order, and of their prefix.
enum { GF_RD_ACT_KEYS = 10 };
typedef struct gf_rd_act_keys { gf_rd_key keys[GF_RD_ACT_KEYS + 1]; } gf_rd_act_keys;

// Begins a script on one task, with prefix and id; keys are in use until the call is over.
void gf_rd_act_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const gf_rd_script *script, const char *queue, const char *id);
// The command that moves it, and what its answer means.
void gf_rd_move_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, gf_state to);
gofer_status gf_rd_move_heard(gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, gf_state to);
// It is elsewhere: ENOTFOUND or ESTATE. verb: "run".
gofer_status gf_rd_act_refused(const char *queue, const char *id, const char *verb, const char *place);

#endif
