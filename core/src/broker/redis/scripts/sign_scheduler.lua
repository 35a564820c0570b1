-- sign_scheduler.lua - sign a scheduler on.
-- ARGV: the key of the entries, for how long.
-- Cost: O(log n).

--@keys schedulers
local ends = string.format('%.0f', redis.call('TIME')[1] + ARGV[2])
return redis.call('ZADD', schedulers, ends, ARGV[1])
