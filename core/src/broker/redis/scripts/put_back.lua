-- put_back.lua - put back what was taken and not heard of.
-- ARGV: the tasks' prefix, the take's token, how many active tasks to look at. The newest are
-- looked at and put back first, so the oldest is next in line.
-- Cost: O(1) for each active task looked at, O(log n) for each put back.

--@keys pending active lease scheduled line=gofer:line limited=gofer:limited
--@use enline ring
local back, lanes, now = {}, {}, redis.call('TIME')
local limits, counted, texts = redis.call('GET', limited), {}, {}
for _, id in ipairs(redis.call('LRANGE', active, 0, ARGV[3] - 1)) do
  local f = redis.pcall('HMGET', ARGV[1] .. id, 'gofer:claim', 'gofer:lane',
    'gofer:limit')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then return redis.error_reply(f.err) end
  if f[1] == ARGV[2] then
    back[#back + 1], lanes[id] = id, f[2]
    if limits and f[3] then counted[#counted + 1], texts[#texts + 1] = id, f[3] end
  end
end
redis.call('LLEN', pending)
redis.call('ZCARD', lease)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', line)
for _, id in ipairs(back) do
  redis.call('LREM', active, 1, id)
  redis.call('ZREM', lease, id)
  if lanes[id] then enline(ARGV[1], id, lanes[id], now, true)
  else
    redis.call('RPUSH', pending, id)
    redis.call('HSET', ARGV[1] .. id, 'state', 'pending')
  end
  redis.call('HDEL', ARGV[1] .. id, 'gofer:claim', 'gofer:worker')
end
if #counted > 0 then
  local base = string.sub(ARGV[1], 1, -3)
  --@use settle
  pcall(settle_all, counted, texts)
end
if #back > 0 then ring(ARGV[1]) end
return #back
