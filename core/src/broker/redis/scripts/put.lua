-- put.lua - put tasks that are to run now.
-- KEYS: pending, then the hashes of the new tasks.
-- ARGV: where the id begins in those, what is known (r: no id comes twice; u: they go in however
-- long the queue is), then of each its message.
-- Answer: 0: all are in; else of each 1, a list of how many are pending and how many may be (it is
-- not in), 4: the queue takes envelopes alone, or what stands there under its id (nil: something
-- unreadable). The ids are nearly always new and the queue takes any, which one EXISTS tells. LPUSH
-- comes before the hashes because it is what can fail: where the list is something else, or where
-- memory is full.
-- Cost: O(1) for each task.

--@use refusal room is_plain
--@keys pending ...
--@args id_at known
--@each message
local K, A, call, sub, ids = KEYS, ARGV, redis.call, string.sub, {}
local from, n, now, fresh = tonumber(id_at), #K - FIXED_KEYS, call('TIME'), true
local since = now[1] .. string.format('%06d', now[2]) .. '000'
for i = 1, n do ids[i] = sub(K[i + FIXED_KEYS], from) end
if sub(known, 1, 1) ~= 'r' then
  local seen = {}
  for i = 1, n do
    if seen[ids[i]] then fresh = false end
    seen[ids[i]] = true
  end
end
local home = sub(pending, 1, -8)
local bound = home .. (sub(known, -1) == 'u' and 'gofer:unbounded' or 'gofer:length')
local there, most, closed = call('EXISTS', bound, unpack(K, FIXED_KEYS + 1)), nil, false
local left = there == 0 and n
if there > 0 then
  left, most, closed = room(home, bound)
  if most or closed then there = there - 1 end
end
for i = 1, closed and n or 0 do fresh = fresh and not is_plain(A[i + MESSAGE]) end
if fresh and there == 0 and left >= n then
  local l = redis.pcall('LPUSH', pending, unpack(ids))
  if type(l) == 'table' then return refusal(l, 'LPUSH', pending, unpack(ids)) end
  for i = 1, n do
    local e = redis.pcall('HSET', K[i + FIXED_KEYS], 'msg', A[i + MESSAGE], 'state', 'pending',
        'pending_since', since)
    if type(e) == 'table' then
      call('LTRIM', pending, n, -1)
      if i > 1 then call('UNLINK', unpack(K, FIXED_KEYS + 1, FIXED_KEYS + i - 1)) end
      return refusal(e, 'HSET', K[i + FIXED_KEYS], 'msg', A[i + MESSAGE])
    end
  end
  return 0
end
local out = {}
for i = 1, n do
  if call('EXISTS', K[i + FIXED_KEYS]) == 1 then
    local msg = redis.pcall('HGET', K[i + FIXED_KEYS], 'msg')
    out[i] = type(msg) == 'string' and msg
  elseif closed and is_plain(A[i + MESSAGE]) then
    out[i] = 4
  elseif left < 1 then
    out[i] = { most - left, most }
  else
    local l = redis.pcall('LPUSH', pending, ids[i])
    if type(l) == 'table' then return refusal(l, 'LPUSH', pending, ids[i]) end
    local e = redis.pcall('HSET', K[i + FIXED_KEYS], 'msg', A[i + MESSAGE], 'state', 'pending',
        'pending_since', since)
    if type(e) == 'table' then
      call('LTRIM', pending, 1, -1)
      return refusal(e, 'HSET', K[i + FIXED_KEYS], 'msg', A[i + MESSAGE])
    end
    out[i], left = 1, left - 1
  end
end
return out
