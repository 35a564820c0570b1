-- list_groups.lua - list groups.
-- ARGV: "asynq:{q}:g:", most. Of each with tasks in it: name, size, first and last score.
-- Cost: O(1) for each group listed.

--@keys groups
local out = {}
for _, name in ipairs(redis.pcall('SRANDMEMBER', groups, ARGV[2])) do
  local key = ARGV[1] .. name
  local size = redis.pcall('ZCARD', key)
  if type(size) == 'number' and size > 0 then
    out[#out + 1] = { name, size, redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2],
      redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] }
  end
end
return out
