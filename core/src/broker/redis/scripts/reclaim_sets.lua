-- reclaim_sets.lua - reclaim groups' sets.
-- ARGV: the tasks' prefix, most. The group's key is the set's up to the last colon. A member of
-- another name is nothing of this queue's: it is only dropped. How many sets.
-- Cost: O(log n) for each member of the sets.

--@keys aggregation_sets groups
local now, base = redis.call('TIME')[1], string.sub(ARGV[1], 1, -3) .. 'g:'
local sets = redis.call('ZRANGEBYSCORE', aggregation_sets, '-inf', now, 'LIMIT', 0, ARGV[2])
redis.call('SCARD', groups)
for _, set in ipairs(sets) do
  local group = string.sub(set, 1, #base) == base and string.match(set, '^(.*):[^:]*$')
  if group and #group > #base and redis.call('TYPE', set).ok == 'zset' then
    local type = redis.call('TYPE', group).ok
    if type == 'zset' or type == 'none' then
      redis.call('ZUNIONSTORE', group, 2, group, set, 'AGGREGATE', 'MIN')
      redis.call('SADD', groups, string.sub(group, #base + 1))
      redis.call('DEL', set)
    end
  end
  redis.call('ZREM', aggregation_sets, set)
end
return #sets
