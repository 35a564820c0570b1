-- find_due.lua - find due tasks.
-- Answer: TIME's two words, then the first score of each, as far as there is one; 0 where something
-- stands in the line and nothing is pending: a Go worker took what was there for who waits to wake.
-- Cost: O(log n).

--@keys scheduled retry pending line=gofer:line
local out = redis.call('TIME')
for _, key in ipairs({ scheduled, retry }) do
  out[#out + 1] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end
if redis.call('EXISTS', line) == 1 and redis.call('EXISTS', pending) == 0 then out[3] = '0' end
return out
