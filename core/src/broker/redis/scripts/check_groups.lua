-- check_groups.lua - look at groups.
-- ARGV: "asynq:{q}:g:", "1": mend, the most bytes of a name. Names without members, sets whose end
-- was over two minutes ago, and names that are too long.
-- Cost: O(1) for each group, of 10,000 at most.

--@keys groups aggregation_sets
local out, now = { {}, {}, {} }, redis.call('TIME')[1]
for _, name in ipairs(redis.call('SRANDMEMBER', groups, 10000)) do
  if #name > tonumber(ARGV[3]) then table.insert(out[3], name) end
  if redis.call('EXISTS', ARGV[1] .. name) == 0 then table.insert(out[1], name) end
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', aggregation_sets, '-inf', now - 120,
    'LIMIT', 0, 1000)) do
  table.insert(out[2], key)
end
if ARGV[2] == '1' then
  for _, name in ipairs(out[1]) do redis.call('SREM', groups, name) end
end
return out
