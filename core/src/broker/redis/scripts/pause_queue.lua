-- pause_queue.lua - pause a queue.
-- Cost: O(1).

--@keys paused
redis.call('SET', paused, redis.call('TIME')[1], 'NX') return 1
