-- list_schedulers.lua - list schedulers.
-- ARGV: how many. Who has signed on and not expired; the expired are removed, as every reader does.
-- Cost: O(log n) and what is listed.

--@keys schedulers
local now = redis.call('TIME')[1]
redis.call('ZREMRANGEBYSCORE', schedulers, '-inf', now - 1)
return redis.call('ZRANGE', schedulers, 0, ARGV[1] - 1)
