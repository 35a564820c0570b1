-- save_flow.lua - write what has become of a flow, if nobody else has meanwhile.
-- KEYS: its hash, the flows of its home by when they were started, and by when they are looked at.
-- ARGV: its id, the version that was read, when to look at it (Unix ms; empty: it is deleted), then
-- fields and values.
-- Answer: 1; 0: it is another one by now.
-- Cost: O(1) for each field, O(log n) of the flows.

--@keys flow flows due
--@args id version due_ms
if redis.call('HGET', flow, 'v') ~= version then return 0 end
redis.call('ZCARD', flows)
redis.call('ZCARD', due)
if due_ms == '' then
  redis.call('UNLINK', flow)
  redis.call('ZREM', flows, id)
  redis.call('ZREM', due, id)
  return 1
end
redis.call('HINCRBY', flow, 'v', 1)
for i = FIXED_ARGS + 1, #ARGV, 1000 do
  redis.call('HSET', flow, unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('ZADD', due, due_ms, id)
return 1
