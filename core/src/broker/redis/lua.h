// lua.h - pieces of Lua that several scripts share. Each is the text of local functions, put at a
// script's front by its file.
#ifndef GF_BROKER_REDIS_LUA_H
#define GF_BROKER_REDIS_LUA_H

// C11 promises 4095 characters; every compiler we know takes more, and the script is best read in one piece.
#pragma GCC diagnostic ignored "-Woverlength-strings"

// lease_end(t, ms): the score of a lease from TIME's answer on, rounded up so that no lease is short.
#define GF_RD_LUA_LEASE \
    "local function lease_end(t, ms)\n" \
    "  return string.format('%.0f', math.ceil((t[1] * 1000 + math.floor(t[2] / 1000) + ms) / 1000))\n" \
    "end\n"

// count(t, n, processed, failed): n tasks more are processed, by the rules of wire.md section 5: a key of
// each UTC day that lives 90 days, and totals that begin anew when they are full. failed: nil, or its key
// when all n failed too. A counter that is no number is left as it is: nothing else may fail for it. The
// day is computed as the calendar does, since scripts have no date function.
#define GF_RD_LUA_COUNT \
    "local function count(t, n, processed, failed)\n" \
    "  local f = math.floor\n" \
    "  local z = f(t[1] / 86400) + 719468\n" \
    "  local doe = z % 146097\n" \
    "  local yoe = f((doe - f(doe / 1460) + f(doe / 36524) - f(doe / 146096)) / 365)\n" \
    "  local doy = doe - 365 * yoe - f(yoe / 4) + f(yoe / 100)\n" \
    "  local m = f((5 * doy + 2) / 153)\n" \
    "  local day = string.format(':%04d-%02d-%02d', f(z / 146097) * 400 + yoe + (m > 9 and 1 or 0),\n" \
    "    (m + 2) % 12 + 1, doy - f((153 * m + 2) / 5) + 1)\n" \
    "  for _, key in ipairs({processed, failed}) do\n" \
    "    if redis.pcall('INCRBY', key .. day, n) == n then\n" \
    "      redis.call('EXPIREAT', key .. day, t[1] + 7776000)\n" \
    "    end\n" \
    "    local r = redis.pcall('INCRBY', key, n)\n" \
    "    if type(r) == 'table' and string.find(r.err, 'overflow', 1, true) then\n" \
    "      for i = 1, n do\n" \
    "        if redis.pcall('GET', key) == '9223372036854775807' then redis.pcall('SET', key, 1)\n" \
    "        else redis.pcall('INCR', key) end\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "end\n"

// need(prefix, ids): the hashes can all be had now: an error else, before anything was written. One that does not exist
// can be had, unless its slot is moving.
#define GF_RD_LUA_NEED \
    "local function need(prefix, ids)\n" \
    "  for i = 1, #ids do redis.call('EXISTS', prefix .. ids[i]) end\n" \
    "end\n"

// unlock(lock, id): frees a unique lock if this task holds it.
#define GF_RD_LUA_UNLOCK \
    "local function unlock(lock, id)\n" \
    "  if redis.pcall('GET', lock) == id then redis.call('DEL', lock) end\n" \
    "end\n"

// keep(key, field, text): text at the end of what a field keeps, of which the latest 64 KiB (GF_KEPT_BYTES) stay, cut
// at a newline.
#define GF_RD_LUA_KEEP \
    "local function keep(key, field, text)\n" \
    "  local all = (redis.call('HGET', key, field) or '') .. text\n" \
    "  if #all > 65536 then\n" \
    "    local cut = string.find(all, '\\n', #all - 65536, true)\n" \
    "    all = cut and string.sub(all, cut + 1) or ''\n" \
    "  end\n" \
    "  redis.call('HSET', key, field, all)\n" \
    "end\n"

// tell(base, id, how, result): who waits for the end of this task (ends.c) hears of it; base: "asynq:{q}:", result:
// nil: none. Nothing may fail for it, as who hears nothing looks again.
#define GF_RD_LUA_TELL \
    "local function tell(base, id, how, result)\n" \
    "  local noted = redis.pcall('ZSCORE', base .. 'gofer:waits', id)\n" \
    "  if type(noted) ~= 'string' then return end\n" \
    "  local t, key = redis.call('TIME'), base .. 'gofer:end:' .. id\n" \
    "  local at = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))\n" \
    "  if tonumber(noted) <= tonumber(at) then return end\n" \
    "  redis.pcall('DEL', key)\n" \
    "  redis.pcall('RPUSH', key, how .. ' ' .. at .. (result and ' r' .. result or ' -'))\n" \
    "  redis.pcall('PEXPIRE', key, 30000)\n" \
    "end\n"

// number(): the varint at place i of the bytes m, behind which i stands then; nil: there is none. Within a function that has
// both as locals.
#define GF_RD_LUA_VARINT \
    "  local function number()\n" \
    "    local v, f = 0, 1\n" \
    "    while f < 1e19 do\n" \
    "      local b = m:byte(i)\n" \
    "      if not b then return end\n" \
    "      i, v = i + 1, v + b % 128 * f\n" \
    "      if b < 128 then return v end\n" \
    "      f = f * 128\n" \
    "    end\n" \
    "  end\n"

// lock_of(f): the name of a task's unique lock, from its fields unique_key, group and message (of
// HMGET key 'unique_key', 'group', 'msg'). One that was put into a group has it in its message only (wire.md section 5):
// field 10 of it.
#define GF_RD_LUA_LOCK_OF \
    "local function lock_of(f)\n" \
    "  local i, m = 1, f[2] and f[3]\n" \
    "  if f[1] or not m then return f[1] end\n" \
    GF_RD_LUA_VARINT \
    "  while i <= #m do\n" \
    "    local tag = number()\n" \
    "    local kind = tag and tag % 8\n" \
    "    if kind == 0 then if not number() then return end\n" \
    "    elseif kind == 1 then i = i + 8\n" \
    "    elseif kind == 5 then i = i + 4\n" \
    "    elseif kind == 2 then\n" \
    "      local l = number()\n" \
    "      if not l then return end\n" \
    "      if tag == 82 then return m:sub(i, i + l - 1) end\n" \
    "      i = i + l\n" \
    "    else return end\n" \
    "  end\n" \
    "end\n"

// free(prefix, id): frees the unique lock of a task, if it holds one.
#define GF_RD_LUA_FREE \
    GF_RD_LUA_LOCK_OF \
    "local function free(prefix, id)\n" \
    "  local locks = prefix:sub(1, -3) .. 'unique:'\n" \
    "  local f = redis.pcall('HMGET', prefix .. id, 'unique_key', 'group')\n" \
    "  if f.err or not (f[1] or f[2]) then return end\n" \
    "  if not f[1] then f[3] = redis.call('HGET', prefix .. id, 'msg') end\n" \
    "  local lock = lock_of(f)\n" \
    "  if lock and lock:sub(1, #locks) == locks and redis.pcall('GET', lock) == id then redis.call('DEL', lock) end\n" \
    "end\n"

// drop(prefix, id, how): deletes a task's hash, frees its lock, tells who waits for its end.
#define GF_RD_LUA_DROP \
    GF_RD_LUA_FREE GF_RD_LUA_TELL \
    "local function drop(prefix, id, how)\n" \
    "  free(prefix, id)\n" \
    "  tell(prefix:sub(1, -3), id, how or 'deleted')\n" \
    "  return redis.call('UNLINK', prefix .. id)\n" \
    "end\n"

// trim(archived, prefix, t, most): Asynq's limits of the archive, at most `most` tasks in a call: with
// their hashes and, unlike Asynq, with their unique locks. How many went: none while one of the hashes cannot be had (its
// slot is moving), for it comes after what else its script writes. They are counted beside the queue, for as long as the
// archive keeps a task after the latest; nothing fails for that. Needs free.
#define GF_RD_LUA_TRIM \
    "local function trim(archived, prefix, t, most)\n" \
    "  local ids = redis.call('ZRANGEBYSCORE', archived, '-inf', t[1] - 7776000, 'LIMIT', 0, most)\n" \
    "  if #ids == 0 then\n" \
    "    local over = math.min(redis.call('ZCARD', archived) - 9999, most)\n" \
    "    if over <= 0 then return 0 end\n" \
    "    ids = redis.call('ZRANGE', archived, 0, over - 1)\n" \
    "  end\n" \
    "  for i, id in ipairs(ids) do\n" \
    "    if type(redis.pcall('EXISTS', prefix .. id)) ~= 'number' then return 0 end\n" \
    "  end\n" \
    "  for i, id in ipairs(ids) do\n" \
    "    free(prefix, id)\n" \
    "    redis.call('DEL', prefix .. id)\n" \
    "  end\n" \
    "  redis.call('ZREM', archived, unpack(ids))\n" \
    "  local counted = prefix:sub(1, -3) .. 'gofer:trimmed'\n" \
    "  redis.pcall('INCRBY', counted, #ids)\n" \
    "  redis.pcall('EXPIRE', counted, 7776000)\n" \
    "  return #ids\n" \
    "end\n"

#endif
