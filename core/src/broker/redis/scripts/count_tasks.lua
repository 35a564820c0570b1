-- count_tasks.lua - count tasks.
-- KEYS and ARGV: those of lib/counts.
-- Answer: of each queue how many tasks there are in each state, or false.
-- Cost: O(1) for each queue and each group.

--@use counts
local all = {}
for i = 1, #ARGV - 1 do
  local out, waiting = counts(i)
  if out then out[7] = waiting end
  all[i] = out or false
end
return all
