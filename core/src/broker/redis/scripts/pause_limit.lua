-- pause_limit.lua - no task of a limit key starts before a time.
-- ARGV: the key, Unix ms; 0: that is over.
-- Answer: the time until which it holds. Those that are over go on the way.
-- Cost: O(log n).

--@keys paused
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', paused, '-inf', now[1] * 1000)
local was = tonumber(redis.call('ZSCORE', paused, ARGV[1]) or 0)
if ARGV[2] == '0' then
  redis.call('ZREM', paused, ARGV[1])
  return 0
end
if tonumber(ARGV[2]) > was then redis.call('ZADD', paused, ARGV[2], ARGV[1]) end
return 1
