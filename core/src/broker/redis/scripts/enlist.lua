-- enlist.lua - keep a worker in the list of all.
-- KEYS: asynq:servers or asynq:workers.
-- ARGV: score, member.
-- ZREM of nobody goes on with full memory: Redis before version 7 lets the rest go on then.
-- Cost: O(log n).

--@keys set
redis.call('ZREM', set, '')
return redis.call('ZADD', set, ARGV[1], ARGV[2])
