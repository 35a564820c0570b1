-- backlog.lua - how many tasks a queue has to do.
-- Answer: the sum. In one moment, so that a task on its way from one list to the next is not
-- missed.
-- Cost: O(1).

--@keys pending active scheduled retry
local sum = 0
for i, key in ipairs({ pending, active, scheduled, retry }) do
  local n = redis.pcall(i < 3 and 'LLEN' or 'ZCARD', key)
  if type(n) == 'number' then sum = sum + n end
end
return sum
