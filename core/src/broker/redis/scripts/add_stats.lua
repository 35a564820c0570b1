-- add_stats.lua - add figures.
-- ARGV: how long it is kept in seconds, then fields and numbers.
-- Cost: O(1) for each field.

--@keys hour
for i = 2, #ARGV, 2 do redis.call('HINCRBY', hour, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', hour, ARGV[1])
return 1
