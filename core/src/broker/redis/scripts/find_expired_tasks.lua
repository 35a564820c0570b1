-- find_expired_tasks.lua - find tasks whose retention has expired.
-- 1: there is something to purge.
-- Cost: O(log n).

--@keys completed archived
local now = redis.call('TIME')[1]
local first = redis.call('ZRANGE', completed, 0, 0, 'WITHSCORES')[2]
if first and tonumber(first) <= tonumber(now) then return 1 end
if redis.call('ZCARD', archived) > 9999 then return 1 end
first = redis.call('ZRANGE', archived, 0, 0, 'WITHSCORES')[2]
return first and tonumber(first) <= now - 7776000 and 1 or 0
