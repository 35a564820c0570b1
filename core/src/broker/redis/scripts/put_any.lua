-- put_any.lua - put tasks of all kinds.
-- KEYS: pending, scheduled, groups, the line, which limits count, then the hashes of the new tasks.
-- ARGV: where the id begins, the front of a group's key, which hash the limits are in, u: they go
-- in however long the queue is, then of each task: the message, when (Unix ms; 0: now), the group
-- (or empty), the unique lock (or empty), its seconds from then on, and what stands in it before
-- the id (empty: the task knows it), its lane (empty: it has no priority), its cost and limit keys
-- (empty: none).
-- Answer: of each 1, a list of who holds the lock, 3: the group's key is something else, 4: the
-- queue takes envelopes alone, a list of how many are pending and how many may be (it is not in),
-- or what stands there. The id is looked at before the lock, so that a conflict leaves no lock
-- behind (unlike Asynq). Groups and locks, whose keys are not among KEYS, are looked at before the
-- first write. What is refused all the same takes back what was written.
-- Cost: O(log n) for each task.

--@use refusal
--@keys pending scheduled groups line=gofer:line limited=gofer:limited ...
--@use enline ring flag room is_plain
--@args id_at group_front limits known
--@each message run_at group lock lock_s lock_front lane limit
local back, refused = {}, nil
local function write(undo, name, ...)
  local e = not refused and redis.pcall(name, ...)
  if type(e) == 'table' and e.err then refused = { e, name, ... } end
  if not refused then back[#back + 1] = undo end
end
local from, now, out, ready, later = tonumber(id_at), redis.call('TIME'), {}, {}, {}
local since = now[1] .. string.format('%06d', now[2]) .. '000'
redis.call('LLEN', pending)
redis.call('ZCARD', scheduled)
redis.call('SCARD', groups)
redis.call('ZCARD', line)
local home, left, most, closed = string.sub(pending, 1, -8), math.huge, nil, false
local bound = home .. (known == 'u' and 'gofer:unbounded' or 'gofer:length')
if redis.call('EXISTS', limited, bound) > 0 then left, most, closed = room(home, bound) end
local lanes, sizes = {}, {}
for i = 1, #KEYS - FIXED_KEYS do
  local group, lock = ARGV[EACH * i + GROUP], ARGV[EACH * i + LOCK]
  sizes[i] = group == '' and 0 or redis.pcall('ZCARD', group_front .. group)
  if type(sizes[i]) == 'table' and not string.find(sizes[i].err, 'WRONGTYPE', 1, true) then
    return sizes[i]
  end
  if lock ~= '' then redis.call('EXISTS', lock) end
end
for i = 1, #KEYS - FIXED_KEYS do
  local key, a, group_size = KEYS[i + FIXED_KEYS], EACH * i, sizes[i]
  local id, msg = string.sub(key, from), ARGV[a + MESSAGE]
  local group, lock, lane = ARGV[a + GROUP], ARGV[a + LOCK], ARGV[a + LANE]
  local at = tonumber(ARGV[a + RUN_AT])
  at = at > now[1] * 1000 + now[2] / 1000 and string.format('%.0f', math.ceil(at / 1000)) or '0'
  if redis.call('EXISTS', key) == 1 then
    local there = redis.pcall('HGET', key, 'msg')
    out[i] = type(there) == 'string' and there
  elseif type(group_size) ~= 'number' then
    out[i] = 3
  elseif closed and is_plain(msg) then
    out[i] = 4
  elseif left < 1 and at == '0' and group == '' and
      (lock == '' or redis.call('EXISTS', lock) == 0) then
    out[i] = { most - left, most }
  elseif lock ~= '' and not redis.call('SET', lock, ARGV[a + LOCK_FRONT] .. id, 'NX', 'EX',
      string.format('%.0f', ARGV[a + LOCK_S] + math.max(0, at - now[1]))) then
    out[i] = { redis.pcall('GET', lock) }
  else
    out[i] = 1
    local hash = { 'UNLINK', key }
    if lock ~= '' then back[#back + 1] = { 'DEL', lock } end
    if at ~= '0' then
      write(hash, 'HSET', key, 'msg', msg, 'state', 'scheduled')
      later[#later + 1], later[#later + 2] = at, id
    elseif group ~= '' then
      write(hash, 'HSET', key, 'msg', msg, 'state', 'aggregating', 'group', group)
      write({ 'ZREM', group_front .. group, id }, 'ZADD', group_front .. group, now[1], id)
      write(nil, 'SADD', groups, group)
    else
      write(hash, 'HSET', key, 'msg', msg, 'state', 'pending', 'pending_since', since)
      left = left - 1
      if lane == '' then ready[#ready + 1] = id else lanes[#lanes + 1] = { id, lane } end
    end
    if lane ~= '' then write(nil, 'HSET', key, 'gofer:lane', lane) end
    if ARGV[a + LIMIT] ~= '' then
      write(nil, 'HSET', key, 'gofer:limit', ARGV[a + LIMIT])
      flag(limits)
    end
    if lock ~= '' and ARGV[a + LOCK_FRONT] == '' and (at ~= '0' or group == '') then
      write(nil, 'HSET', key, 'unique_key', lock)
    end
    if refused then break end
  end
end
if #ready > 0 then
  write({ 'LTRIM', pending, #ready, -1 }, 'LPUSH', pending, unpack(ready))
end
if #later > 0 then write(nil, 'ZADD', scheduled, unpack(later)) end
if not refused then
  local prefix = #lanes > 0 and string.sub(KEYS[FIXED_KEYS + 1], 1, from - 1)
  for _, it in ipairs(lanes) do enline(prefix, it[1], it[2], now) end
  if prefix then ring(prefix) end
  return out
end
for i = #back, 1, -1 do redis.pcall(unpack(back[i])) end
return refusal(unpack(refused))
