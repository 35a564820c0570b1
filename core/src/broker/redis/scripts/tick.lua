-- tick.lua - put the task of a cron entry, once a tick.
-- KEYS: the entry's hash, pending, scheduled, the new task, the line, which limits count.
-- ARGV: the tasks' prefix, tick, id, message, when (Unix ms; 0: now), the overlap (allow, skip,
-- queue), the lane (empty: it has no priority), cost and limit keys (empty: none), which hash the
-- limits are in.
-- Answer: what was done (put, noted: this tick or a later one was before, skip or queue: the
-- previous task has not ended), and the previous task if it has not ended. All is read before the
-- first write. A task that is there under the id is this tick's.
-- Cost: O(log n) of scheduled.

--@keys entry pending scheduled task line=gofer:line limited=gofer:limited
--@use enline ring flag
local f = redis.call('HMGET', entry, 'tick', 'id')
local tick, previous, now = tonumber(ARGV[2]), f[2] or '', redis.call('TIME')
local at = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
if previous ~= '' then
  local state = redis.pcall('HGET', ARGV[1] .. previous, 'state')
  if type(state) == 'table' and not string.find(state.err, 'WRONGTYPE', 1, true) then
    return state
  end
  if type(state) ~= 'string' or state == 'completed' or state == 'archived' then previous = '' end
end
if f[1] and tonumber(f[1]) >= tick then return { 'noted', previous } end
redis.call('LLEN', pending)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', line)
redis.call('EXISTS', limited)
if redis.call('EXISTS', task) == 1 then
  redis.call('HSET', entry, 'tick', ARGV[2], 'at', at, 'id', ARGV[3])
  return { 'noted', '' }
end
redis.call('PERSIST', entry)
if previous ~= '' and ARGV[6] ~= 'allow' then
  if ARGV[6] == 'skip' then redis.call('HSET', entry, 'tick', ARGV[2], 'at', '0') end
  return { ARGV[6], previous }
end
redis.call('HSET', entry, 'tick', ARGV[2], 'at', at, 'id', ARGV[3])
if tonumber(ARGV[5]) > now[1] * 1000 + now[2] / 1000 then
  redis.call('HSET', task, 'msg', ARGV[4], 'state', 'scheduled')
  redis.call('ZADD', scheduled, string.format('%.0f', math.ceil(ARGV[5] / 1000)), ARGV[3])
else
  local since = now[1] .. string.format('%06d', now[2]) .. '000'
  redis.call('HSET', task, 'msg', ARGV[4], 'state', 'pending', 'pending_since', since)
  if ARGV[7] ~= '' then
    enline(ARGV[1], ARGV[3], ARGV[7], now)
    ring(ARGV[1])
  else redis.call('LPUSH', pending, ARGV[3]) end
end
if ARGV[7] ~= '' then redis.call('HSET', task, 'gofer:lane', ARGV[7]) end
if ARGV[8] ~= '' then
  redis.call('HSET', task, 'gofer:limit', ARGV[8])
  flag(ARGV[9])
end
return { 'put', previous }
