-- count_tasks.lua - count tasks.
-- KEYS: those of lib/counts.
-- Answer: of each queue how many tasks there are in each state, or false.
-- Cost: O(1) for each queue and each group.

--@use counts
local all = {}
for i = 1, #KEYS do
  local out, waiting = counts(prefix_of(KEYS[i]), i == 1)
  if out then out[7] = waiting end
  all[i] = out or false
end
return all
