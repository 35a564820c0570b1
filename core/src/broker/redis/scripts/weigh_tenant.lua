-- weigh_tenant.lua - give a tenant of a queue a weight, or none of its own any more.
-- ARGV: its name, its weight (empty: none).
-- Answer: 1, or 0: there was none to drop.
-- Cost: O(1).

--@keys weights=gofer:weights
--@args name weight
if weight == '' then return redis.call('HDEL', weights, name) end
redis.call('HSET', weights, name, weight)
return 1
