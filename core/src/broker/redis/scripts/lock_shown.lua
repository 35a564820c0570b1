-- lock_shown.lua - lock what is shown.
-- ARGV: who, for how long. 1: it is ours.
-- Cost: O(1).

--@keys lock
local holder = redis.call('GET', lock)
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', lock, ARGV[1], 'PX', ARGV[2])
return 1
