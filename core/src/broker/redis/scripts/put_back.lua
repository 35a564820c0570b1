-- put_back.lua - put back what was taken and not heard of.
-- ARGV: the tasks' prefix, the take's token, how many active tasks to look at. The newest are
-- looked at and put back first, so the oldest is next in line.
-- Cost: O(1) for each active task looked at, O(log n) for each put back.

--@keys pending active lease
local back = {}
for _, id in ipairs(redis.call('LRANGE', active, 0, ARGV[3] - 1)) do
  local claim = redis.pcall('HGET', ARGV[1] .. id, 'gofer:claim')
  if type(claim) == 'table' and not string.find(claim.err, 'WRONGTYPE', 1, true) then
    return claim
  end
  if claim == ARGV[2] then back[#back + 1] = id end
end
redis.call('LLEN', pending)
redis.call('ZCARD', lease)
for _, id in ipairs(back) do
  redis.call('LREM', active, 1, id)
  redis.call('ZREM', lease, id)
  redis.call('RPUSH', pending, id)
  redis.call('HSET', ARGV[1] .. id, 'state', 'pending')
  redis.call('HDEL', ARGV[1] .. id, 'gofer:claim', 'gofer:worker')
end
return #back
