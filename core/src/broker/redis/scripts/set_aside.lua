-- set_aside.lua - set members aside.
-- ARGV: the tasks' prefix, then of each member id and why it cannot be read; empty: it has no
-- message. The former are archived, their bytes as they are, the latter dropped.
-- Cost: O(log n) for each member.

--@keys set archived
local now, has = redis.call('TIME')[1], {}
redis.call('ZCARD', archived)
for a = 2, #ARGV, 2 do
  has[a] = redis.pcall('HEXISTS', ARGV[1] .. ARGV[a], 'msg')
  if type(has[a]) == 'table' and not string.find(has[a].err, 'WRONGTYPE', 1, true) then
    return has[a]
  end
end
for a = 2, #ARGV, 2 do
  local key, there = ARGV[1] .. ARGV[a], has[a]
  if redis.call('ZREM', set, ARGV[a]) == 1 and there == 1 then
    redis.call('ZADD', archived, now, ARGV[a])
    redis.call('HSET', key, 'state', 'archived', 'gofer:error', ARGV[a + 1])
  elseif there == 0 then
    redis.call('DEL', key)
  end
end
return 1
