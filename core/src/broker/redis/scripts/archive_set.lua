-- archive_set.lua - archive a group's set.
-- ARGV: the tasks' prefix, why, how many at the most.
-- Answer: how many are left (negative: it is no set any more), and how many the archive's limits
-- have deleted. That all hashes can be had is tested before the first write.
-- Cost: O(log n) for each member.

--@use need free trim notify
--@keys set aggregation_sets archived
if not redis.call('ZSCORE', aggregation_sets, set) then return { -1, 0 } end
redis.call('ZCARD', archived)
local ids, now = redis.call('ZRANGE', set, 0, ARGV[3] - 1), redis.call('TIME')
need(ARGV[1], ids)
for _, id in ipairs(ids) do
  local key = ARGV[1] .. id
  redis.call('ZREM', set, id)
  if redis.pcall('HEXISTS', key, 'msg') == 1 then
    redis.call('ZADD', archived, now[1], id)
    redis.call('HSET', key, 'state', 'archived', 'gofer:error', ARGV[2])
    redis.call('HDEL', key, 'gofer:begun')
    free(ARGV[1], id)
    notify(ARGV[1]:sub(1, -3), id, 'archived')
  end
end
local left = redis.call('ZCARD', set)
if left == 0 then redis.call('ZREM', aggregation_sets, set) end
return { left, trim(archived, ARGV[1], now, 600) }
