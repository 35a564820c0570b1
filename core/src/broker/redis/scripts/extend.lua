-- extend.lua - renew leases.
-- KEYS: lease, then the tasks' hashes.
-- ARGV: the lease in ms, the size of the tasks' prefix, then of each task its token, the score as
-- known, how far it may be above, and 1: it is proven.
-- Answer: the new score, then for each task 1: extended, 2: and asked to stop, 0: lost. A lease
-- that somebody has deleted, or that recover.c has lent instead, is no other's claim: whoever else
-- took the task would have a later one, and who ended it would have left another state. So with our
-- token on an active task it is ours again. ZREM of nobody is for full memory before Redis 7: there
-- only the first write is looked at, and it needs none.
-- Cost: O(log n) for each lease.

--@use lease_end
--@keys lease ...
local from, ids, out, members, proven = ARGV[2] + 1, {}, {}, {}, {}
local score = lease_end(redis.call('TIME'), ARGV[1])
for i = 2, #KEYS do ids[i - 1] = string.sub(KEYS[i], from) end
local scores = redis.call('ZMSCORE', lease, unpack(ids))
out[1] = score
for i = 1, #ids do
  local token, known, ends = ARGV[4 * i - 1], tonumber(ARGV[4 * i]), tonumber(scores[i] or nil)
  local task = redis.pcall('HMGET', KEYS[i + 1], 'gofer:claim', 'gofer:cancel', 'state')
  local lent = (not ends or ends < known) and task[3] == 'active'
  if (lent or ends and ends >= known and ends < known + ARGV[4 * i + 1]) and task[1] == token then
    out[i + 1] = task[2] == token and 2 or 1
    members[#members + 1], members[#members + 2] = score, ids[i]
    if ARGV[4 * i + 2] == '1' then proven[#proven + 1] = i end
  else
    out[i + 1] = 0
  end
end
if #members > 0 then
  redis.call('ZREM', lease, '')
  redis.call('ZADD', lease, unpack(members))
end
for _, i in ipairs(proven) do redis.call('HSET', KEYS[i + 1], 'gofer:proven', ARGV[4 * i - 1]) end
return out
