-- rewake.lua - have limit keys of a queue looked at now.
-- KEYS: the queue's wakes, and its copy of the limits.
-- ARGV: the name of a limit whose numbers are others now: a key, or a prefix and '*'; 1: the copy
-- is to be made anew.
-- Answer: how many keys that tasks of the queue wait for are meant. Of more than 100,000 the rest
-- is looked at in its turn.
-- Cost: O(log n); of a prefix O(n).

--@keys wakes=gofer:wakes limits=gofer:limits
local name, meant = ARGV[1], 0
if ARGV[2] == '1' then redis.call('DEL', limits) end
local function wake(one)
  if redis.call('ZSCORE', wakes, one) then
    redis.call('ZADD', wakes, 0, one)
    meant = meant + 1
  end
end
wake('s' .. name)
wake('q' .. name)
if string.sub(name, -1) ~= '*' then return meant end
local front = string.sub(name, 1, -2)
for _, one in ipairs(redis.call('ZRANGE', wakes, 0, 99999)) do
  if string.sub(one, 2, #front + 1) == front then wake(one) end
end
return meant
