-- keep_alive.lua - say that a worker lives.
-- KEYS: live, list, what it held when it died.
-- ARGV: how long the worker lives, in seconds. How many commands wait for it.
-- Cost: O(1).

--@keys live commands died
redis.call('DEL', live)
redis.call('SETEX', live, ARGV[1], '1')
redis.call('DEL', died)
return redis.call('LLEN', commands)
