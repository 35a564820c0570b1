-- put_set_back.lua - put a group's set back.
-- ARGV: the group's name, the tasks' prefix, most.
-- Also of a set that is gone: then it is back. Its tasks are no suspects any more, unless a hash
-- cannot be had now.
-- Cost: O(log n) for each member.

--@keys set aggregation_sets group groups
redis.call('SCARD', groups)
redis.call('ZCARD', group)
if redis.call('ZREM', aggregation_sets, set) == 0 or redis.call('EXISTS', set) == 0 then
  return 0
end
redis.call('ZUNIONSTORE', group, 2, group, set, 'AGGREGATE', 'MIN')
redis.call('SADD', groups, ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', set, 0, ARGV[3] - 1)) do
  redis.pcall('HDEL', ARGV[2] .. id, 'gofer:begun')
end
redis.call('DEL', set)
return 1
