-- elect.lua - be the one who does the housekeeping of all queues, or go on being it.
-- KEYS: who does it.
-- ARGV: who asks, for how many ms (0: no longer).
-- Answer: 1: whoever asks does it; 0: another does.
-- Cost: O(1).

--@keys housekeeper
--@args id lease_ms
local holder = redis.call('GET', housekeeper)
if holder and holder ~= id then return 0 end
if lease_ms == '0' then
  redis.call('DEL', housekeeper)
  return 0
end
redis.call('SET', housekeeper, id, 'PX', lease_ms)
return 1
