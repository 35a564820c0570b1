-- swap_breaker.lua - write a breaker over what was read of it.
-- KEYS: the hash of breakers.
-- ARGV: its name, what was read (empty: nothing), what it is now (empty: it goes), how many there
-- may be of a new one: so many were seen (empty: any number).
-- Answer: 1: it is so; 0: it was something else meanwhile.
-- Cost: O(1).

--@keys breakers
local was = redis.call('HGET', breakers, ARGV[1]) or ''
if was ~= ARGV[2] then return 0 end
if ARGV[4] ~= '' and redis.call('HLEN', breakers) ~= tonumber(ARGV[4]) then return 0 end
if ARGV[3] == '' then redis.call('HDEL', breakers, ARGV[1])
else redis.call('HSET', breakers, ARGV[1], ARGV[3]) end
return 1
