-- put_debounced.lua - put tasks of which there is one for all calls of a key.
-- KEYS: scheduled, the line, which limits count, then of each task its hash and the record of its
-- key.
-- ARGV: where the id begins in the hashes' names, which hash the limits are in, then of each task:
-- the message, how many bytes of it are before the field of its id, and how many that has, after
-- how many ms it is due, after how many from the first call on at the latest (0: never), the mode
-- (replace, keep, earliest), the lane (empty: it has no priority), its cost and limit keys (empty:
-- none).
-- Answer of each: 1: it is a new one; what was done (replaced, kept) and the id of the task that
-- was there; 4: the queue takes envelopes alone; or the message that stands under its id.
-- The record says when the first call was and which task that made. It is never believed: a Go
-- program forwards and deletes the task and knows of no record. So the task has the record's name,
-- too, and is only meant while it is scheduled, which one that stands in the line is not. Without
-- its task the record is nothing, and it ends by itself.
-- All is read before the first write.
-- Cost: O(log n) for each task.

--@use refusal anew
--@keys scheduled line=gofer:line limited=gofer:limited ...
--@use flag room is_plain
--@args id_at limits
--@each message id_from id_size delay most mode lane limit
local now, from, out = redis.call('TIME'), tonumber(id_at), {}
local now_ms, week = now[1] * 1000 + math.floor(now[2] / 1000), 604800
local prefix = string.sub(KEYS[FIXED_KEYS + 1], 1, from - 1)
local function standing(record)
  local it = redis.pcall('GET', record)
  local first, id = string.match(type(it) == 'string' and it or '', '^(%d+) (.+)$')
  if not id then return end
  local f = redis.pcall('HMGET', prefix .. id, 'gofer:key', 'gofer:rank')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end
  local due = redis.call('ZSCORE', scheduled, id)
  if f.err or f[1] ~= record or not due then return end
  if f[2] and redis.call('ZSCORE', line, id) then return end
  return id, tonumber(first), tonumber(due)
end
local function renamed(msg, before, size, id)
  local n = #id
  local length = n < 128 and string.char(n) or string.char(n % 128 + 128, math.floor(n / 128))
  return string.sub(msg, 1, before) .. '\26' .. length .. id .. string.sub(msg, before + size + 1)
end
redis.call('ZCARD', scheduled)
redis.call('ZCARD', line)
local home, closed = string.sub(prefix, 1, -3), false
local bound = home .. 'gofer:length'
if redis.call('EXISTS', limited, bound) > 0 then closed = select(3, room(home, bound)) end
for i = 1, #KEYS - FIXED_KEYS, 2 do standing(KEYS[i + 1 + FIXED_KEYS]) end
local function put(key, record, a)
  local own, id, first, due = string.sub(key, from), standing(record)
  if id ~= own and redis.call('EXISTS', key) == 1 then
    local msg = redis.pcall('HGET', key, 'msg')
    return type(msg) == 'string' and msg
  end
  if closed and is_plain(ARGV[a + MESSAGE]) then return 4 end
  local mode, at = ARGV[a + MODE], now_ms + ARGV[a + DELAY]
  if ARGV[a + MOST] ~= '0' then at = math.min(at, (first or now_ms) + ARGV[a + MOST]) end
  at = math.max(1, math.ceil(at / 1000))
  if id and mode == 'earliest' then at = math.min(at, due) end
  local task, before, size = prefix .. (id or own), tonumber(ARGV[a + ID_FROM]), ARGV[a + ID_SIZE]
  -- What comes first needs memory, and nothing after it fails.
  local e = redis.pcall('HSET', task, 'gofer:key', record)
  if type(e) == 'table' then return refusal(e, 'HSET', task, 'gofer:key', record) end
  if not id or mode ~= 'keep' then
    anew(task, renamed(ARGV[a + MESSAGE], before, size, id or own), ARGV[a + LANE],
        ARGV[a + LIMIT])
    redis.call('HSET', task, 'state', 'scheduled')
    if ARGV[a + LIMIT] ~= '' then flag(limits) end
  end
  redis.call('ZADD', scheduled, string.format('%.0f', at), id or own)
  redis.call('SET', record, string.format('%.0f %s', first or now_ms, id or own), 'EX',
    string.format('%.0f', math.max(0, at - now[1]) + week))
  return id and { mode == 'keep' and 'kept' or 'replaced', id } or 1
end
for i = 1, #KEYS - FIXED_KEYS, 2 do
  local n = (i + 1) / 2
  out[n] = put(KEYS[i + FIXED_KEYS], KEYS[i + 1 + FIXED_KEYS], EACH * n)
  if n == 1 and type(out[n]) == 'table' and out[n].err then return out[n] end
end
return out
