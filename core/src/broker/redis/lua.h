// lua.h - pieces of Lua that several scripts share. Each is the text of local functions, put at a
// script's front by its file.
#ifndef GF_BROKER_REDIS_LUA_H
#define GF_BROKER_REDIS_LUA_H

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
    "        if redis.call('GET', key) == '9223372036854775807' then redis.call('SET', key, 1)\n" \
    "        else redis.call('INCR', key) end\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "end\n"

// unlock(lock, id): frees a unique lock if this task holds it.
#define GF_RD_LUA_UNLOCK \
    "local function unlock(lock, id)\n" \
    "  if redis.pcall('GET', lock) == id then redis.call('DEL', lock) end\n" \
    "end\n"

// trim(archived, prefix, t, most): Asynq's limits of the archive, at most `most` tasks in a call: with
// their hashes and, unlike Asynq, with their unique locks. How many went.
#define GF_RD_LUA_TRIM \
    "local function trim(archived, prefix, t, most)\n" \
    "  local ids = redis.call('ZRANGEBYSCORE', archived, '-inf', t[1] - 7776000, 'LIMIT', 0, most)\n" \
    "  if #ids == 0 then\n" \
    "    local over = math.min(redis.call('ZCARD', archived) - 9999, most)\n" \
    "    if over <= 0 then return 0 end\n" \
    "    ids = redis.call('ZRANGE', archived, 0, over - 1)\n" \
    "  end\n" \
    "  local lock_prefix = string.sub(prefix, 1, -3) .. 'unique:'\n" \
    "  for i, id in ipairs(ids) do\n" \
    "    local lock = redis.pcall('HGET', prefix .. id, 'unique_key')\n" \
    "    if type(lock) == 'string' and string.sub(lock, 1, #lock_prefix) == lock_prefix and\n" \
    "        redis.pcall('GET', lock) == id then redis.call('DEL', lock) end\n" \
    "    redis.pcall('DEL', prefix .. id)\n" \
    "  end\n" \
    "  redis.call('ZREM', archived, unpack(ids))\n" \
    "  return #ids\n" \
    "end\n"

#endif
