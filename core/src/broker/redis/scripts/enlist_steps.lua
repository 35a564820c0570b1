-- enlist_steps.lua - say of ids that they are steps of flows, before their tasks are put.
-- ARGV: of each the id, and the number of the latest notice that its flow knows of.
-- Answer: of each the number of its latest notice, or -1: it was not known.
-- Cost: O(1) for each.

--@keys steps=gofer:steps
local out = {}
for i = 1, #ARGV, 2 do
  local number = redis.call('HGET', steps, ARGV[i])
  if not number then redis.call('HSET', steps, ARGV[i], ARGV[i + 1]) end
  out[#out + 1] = tonumber(number or -1)
end
return out
