-- share_turn.lua - be the one who shares out limits among the queues of a Cluster, or no longer.
-- ARGV: who asks, 1: somebody waits, so it is to be now; empty: if nobody has for a while; 0: it
-- has been done, and nobody waits. For how many ms, and how long a while is (ms).
-- Answer: 1: whoever asks does it; 0: another does, or has.
-- Cost: O(1).

--@keys sharer shared
--@args id urgent lease_ms while_ms
local holder = redis.call('GET', sharer)
if urgent == '0' then
  if holder == id then redis.call('DEL', sharer) end
  return 1
end
if holder and holder ~= id then return 0 end
if urgent == '' and not holder and redis.call('EXISTS', shared) == 1 then return 0 end
redis.call('SET', sharer, id, 'PX', lease_ms)
redis.call('SET', shared, '1', 'PX', while_ms)
return 1
