-- unlock_shown.lua - unlock what is shown.
-- ARGV: who. 1: it was ours.
-- Cost: O(1).

--@keys lock
if redis.call('GET', lock) ~= ARGV[1] then return 0 end
redis.call('DEL', lock)
return 1
