-- find_due.lua - find due tasks.
-- Answer: TIME's two words, when a limit key is to be looked at (Unix ms; empty: none), then the
-- first score of each, as far as there is one; 0 where something may be taken from the line and
-- nothing is pending: a Go worker took what was there for who waits to wake.
-- Cost: O(log n).

--@keys scheduled retry pending line=gofer:line wakes=gofer:wakes
local out = redis.call('TIME')
out[3] = redis.call('ZRANGE', wakes, 0, 0, 'WITHSCORES')[2] or ''
for _, key in ipairs({ scheduled, retry }) do
  out[#out + 1] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end
if redis.call('EXISTS', line) == 1 and redis.call('EXISTS', pending) == 0 and
    redis.call('ZCOUNT', line, '-inf', '(3536029394927616') > 0 then
  out[4] = '0'
end
return out
