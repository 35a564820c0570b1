-- finish_set.lua - make a group's set a task.
-- KEYS: set, aggregation_sets, pending, scheduled, the new task, what tells that this was done,
-- the line, which limits count.
-- ARGV: the tasks' prefix, id, message, when (Unix ms; 0: now), how long the latter is kept, its
-- lane (empty: it has no priority), cost and limit keys (empty: none), which hash the limits are
-- in. 1: it is done, 0: it was done before, -1: the set is gone, -2: too many members, or what
-- stands there under the id. The set's size is bounded, so all its tasks go in this one step.
-- Cost: O(1) for each member, of 10,000 at most.

--@use need drop
--@keys set aggregation_sets pending scheduled task done line=gofer:line limited=gofer:limited
--@use enline ring flag
if redis.call('EXISTS', done) == 1 then return 0 end
if not redis.call('ZSCORE', aggregation_sets, set) or redis.call('EXISTS', set) == 0 then
  return -1
end
if redis.call('ZCARD', set) > 10000 then return -2 end
redis.call('LLEN', pending)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', line)
redis.call('EXISTS', limited)
local ids = redis.call('ZRANGE', set, 0, -1)
if redis.call('EXISTS', task) == 1 then
  local msg = redis.pcall('HGET', task, 'msg')
  return type(msg) == 'string' and msg or ''
end
need(ARGV[1], ids)
redis.call('SETEX', done, ARGV[5], ARGV[2])
local now = redis.call('TIME')
if tonumber(ARGV[4]) > now[1] * 1000 + now[2] / 1000 then
  redis.call('HSET', task, 'msg', ARGV[3], 'state', 'scheduled')
  redis.call('ZADD', scheduled, string.format('%.0f', math.ceil(ARGV[4] / 1000)), ARGV[2])
else
  local since = now[1] .. string.format('%06d', now[2]) .. '000'
  redis.call('HSET', task, 'msg', ARGV[3], 'state', 'pending', 'pending_since', since)
  if ARGV[6] ~= '' then
    enline(ARGV[1], ARGV[2], ARGV[6], now)
    ring(ARGV[1])
  else redis.call('LPUSH', pending, ARGV[2]) end
end
if ARGV[6] ~= '' then redis.call('HSET', task, 'gofer:lane', ARGV[6]) end
if ARGV[7] ~= '' then
  redis.call('HSET', task, 'gofer:limit', ARGV[7])
  flag(ARGV[8])
end
for _, id in ipairs(ids) do drop(ARGV[1], id) end
redis.call('DEL', set)
redis.call('ZREM', aggregation_sets, set)
return 1
