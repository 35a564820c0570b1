-- replace_task.lua - put a task, in the place of one that waits under its id if there is one.
-- ARGV: "asynq:{q}:t:", id, the message, when (Unix ms; empty: where it is, or now), the lane
-- (empty: it has no priority), its cost and limit keys (empty: none), which hash the limits are in,
-- u: it goes in however long the queue is.
-- One that waits for a limit key gets in line anew.
-- Answer, in a list: 1: there was none; 'replaced'; where the task there is, and its message; 4:
-- the queue takes envelopes alone; or how many are pending and how many may be (it is not in).
-- What was to be retried is scheduled, for it has not failed yet.
-- Cost: O(n) of pending, O(log n) of a sorted set.

local limited = string.sub(ARGV[1], 1, -3) .. 'gofer:limited'
--@use refusal one_task anew enline ring lock_of unlock unhold end_turn flag find room is_plain
local msg, at, lane, limit, now = ARGV[3], ARGV[4], ARGV[5], ARGV[6], redis.call('TIME')
local waits = { pending = true, scheduled = true, retry = true }
local since = now[1] .. string.format('%06d', now[2]) .. '000'
if here and not waits[place] then
  local there = redis.pcall('HGET', task, 'msg')
  return { place, type(there) == 'string' and there }
end
local told = at ~= ''
local later = told and tonumber(at) > now[1] * 1000 + now[2] / 1000
at = later and string.format('%.0f', math.ceil(at / 1000)) or '0'
local old = here and redis.call('HMGET', task, 'unique_key', 'group', 'msg', 'gofer:lane',
  'gofer:limit', 'gofer:held') or {}
local lock, locks = lock_of(old), prefix:sub(1, -3) .. 'unique:'
if lock and lock:sub(1, #locks) == locks then redis.call('EXISTS', lock) else lock = nil end
redis.call('LLEN', pending)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', retry)
redis.call('ZCARD', line)
local home = string.sub(prefix, 1, -3)
local bound = home .. (ARGV[8] == 'u' and 'gofer:unbounded' or 'gofer:length')
if redis.call('EXISTS', limited, bound) > 0 then
  local left, most, closed = room(home, bound)
  if closed and is_plain(msg) then return { 4 } end
  if left < 1 and not here and not later then return { most - left, most } end
end
redis.call('EXISTS', steps)
-- What comes first needs memory, and nothing after it fails.
local e = redis.pcall('HSET', task, 'msg', old[3] or msg)
if type(e) == 'table' then return refusal(e, 'HSET', task, 'msg', msg) end
if lock then unlock(lock, id) end
local held = old[6]
if held then unhold(prefix, id) end
anew(task, msg, lane, limit)
if limit ~= '' then flag(ARGV[7]) end
end_turn(prefix, id, old[5])
if here and not told and place == 'scheduled' then return { 'replaced' } end
if here and not told and place == 'pending' and (old[4] or '') == lane and not held then
  return { 'replaced' }
end
if here and not told and place == 'retry' then
  at, later = redis.call('ZSCORE', retry, id), true
end
if place ~= 'lost' then
--@use remove
end
if later then
  redis.call('HSET', task, 'state', 'scheduled')
  redis.call('HDEL', task, 'pending_since')
  redis.call('ZADD', scheduled, at, id)
else
  redis.call('HSET', task, 'state', 'pending', 'pending_since', since)
  if lane ~= '' then
    enline(prefix, id, lane, now)
    ring(prefix)
  else redis.call('LPUSH', pending, id) end
end
return { here and 'replaced' or 1 }
