-- try_script.lua - may scripts be run?
-- Cost: O(1).

--@keys any
return redis.call('EXISTS', any) + 1
