-- delete_set.lua - delete a group's set.
-- ARGV: the tasks' prefix, most. How many members are left, which a set of ours never has.
-- Cost: O(1) for each member.

--@keys set aggregation_sets
redis.call('ZCARD', aggregation_sets)
for _ = 0, ARGV[2] - 1, 500 do
  local ids = redis.call('ZRANGE', set, 0, 499)
  if #ids == 0 then break end
  local hashes = {}
  for i, id in ipairs(ids) do hashes[i] = ARGV[1] .. id end
  redis.call('UNLINK', unpack(hashes))
  redis.call('ZREMRANGEBYRANK', set, 0, #ids - 1)
end
local left = redis.call('ZCARD', set)
if left == 0 then redis.call('ZREM', aggregation_sets, set) end
return left
