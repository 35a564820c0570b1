-- note_death.lua - note a death.
-- ARGV: what it says, the latest end of a lease, how long to keep it beyond.
-- Answer: what it says now: whoever comes first has counted all.
-- Cost: O(1).

--@keys note
local left = math.max(0, math.ceil(ARGV[2] - redis.call('TIME')[1]))
if redis.call('SET', note, ARGV[1], 'NX', 'EX', string.format('%.0f', left + ARGV[3])) then
  return ARGV[1]
end
return redis.call('GET', note)
