-- create_flow.lua - a flow begins.
-- KEYS: its hash, the flows of its home by when they were started, and by when they are looked at.
-- ARGV: its id, the number of its home, how many homes there are, when to look at it (Unix ms), the
-- digest of its plan, then fields and values.
-- Answer: 1, or the digest of the one that is there. In `flows` its place is the time in µs since
-- 2025, times the homes, and its own home: so no two flows of any have the same.
-- Cost: O(1) for each step.

--@keys flow flows due
--@args id home homes due_ms digest
local there = redis.call('HGET', flow, 'hash')
if there then return there end
local now = redis.call('TIME')
local at = (now[1] - 1735689600) * 1000000 + now[2]
redis.call('ZCARD', due)
local place = at * homes + home
while redis.call('ZCOUNT', flows, string.format('%.0f', place), string.format('%.0f', place)) > 0 do
  place = place + homes
end
redis.call('HSET', flow, 'hash', digest, 'v', string.format('%.0f', at))
for i = FIXED_ARGS + 1, #ARGV, 1000 do
  redis.call('HSET', flow, unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('ZADD', flows, string.format('%.0f', place), id)
redis.call('ZADD', due, due_ms, id)
return 1
