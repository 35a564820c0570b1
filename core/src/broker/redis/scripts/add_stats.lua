-- add_stats.lua - add figures to those of an hour and of a minute.
-- ARGV: how long either is kept in seconds, then fields and numbers.
-- Cost: O(1) for each field.

--@keys hour minute
for i = 3, #ARGV, 2 do
  redis.call('HINCRBY', hour, ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', minute, ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', hour, ARGV[1])
redis.call('EXPIRE', minute, ARGV[2])
return 1
