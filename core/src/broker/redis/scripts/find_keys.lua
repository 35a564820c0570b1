-- find_keys.lua - which of these keys are there, where hardly any is.
-- KEYS: one of each of many queues.
-- Answer: the places of those that are there, counting from 1.
-- Cost: O(n) for the keys; one command, and log n more for each that is there.

local found = {}
local function exist(from, to) return redis.call('EXISTS', unpack(KEYS, from, to)) end
local function halve(from, to, there)
  if there == 0 then return end
  if from == to then found[#found + 1] = from return end
  local middle = math.floor((from + to) / 2)
  local below = exist(from, middle)
  halve(from, middle, below)
  halve(middle + 1, to, there - below)
end
halve(1, #KEYS, exist(1, #KEYS))
return found
