-- find_due.lua - find due tasks.
-- Answer: TIME's two words, then the first score of each, as far as there is one.
-- Cost: O(log n).

--@keys scheduled retry
local out = redis.call('TIME')
for _, key in ipairs({ scheduled, retry }) do
  out[#out + 1] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end
return out
