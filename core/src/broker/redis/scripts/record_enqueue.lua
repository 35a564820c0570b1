-- record_enqueue.lua - record an enqueue event.
-- ARGV: time, event. At most 1,000 remain.
-- Cost: O(log n).

--@keys history
redis.call('ZREMRANGEBYRANK', history, 0, -1000)
return redis.call('ZADD', history, ARGV[1], ARGV[2])
