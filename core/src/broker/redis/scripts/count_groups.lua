-- count_groups.lua - how many tasks groups have, and since when.
-- KEYS: the set of groups, which says where they are.
-- ARGV: "asynq:{q}:g:", the groups. Of each: size, first and last score; of one without tasks, or
-- whose key is something else: nothing. One that cannot be had (its slot is moving) is an error,
-- for a group left out is taken for one that is gone.
-- Cost: O(1) for each group.

local out = {}
for i = 2, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local size = redis.pcall('ZCARD', key)
  if type(size) == 'number' and size > 0 then
    out[i - 1] = { size, redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2],
      redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] }
  elseif type(size) == 'table' and not string.find(size.err, 'WRONGTYPE', 1, true) then
    return size
  else
    out[i - 1] = {}
  end
end
return out
