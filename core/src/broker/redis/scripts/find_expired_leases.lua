-- find_expired_leases.lua - find tasks whose lease has expired.
-- ARGV: -, grace in seconds, how wide the window.
-- Answer: what is needed, and where the window begins. When there are as many leases as active ids,
-- all is well but for a rare accident, so then the window moves on every ten seconds only.
-- Cost: O(n) of the window.

--@use lone
--@keys lease active aggregation_sets
local now, width = redis.call('TIME')[1], tonumber(ARGV[3])
local function over(key, s)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  return first and tonumber(first) <= now - s
end
local need = (over(lease, ARGV[2]) and 1 or 0) + (over(aggregation_sets, 0) and 2 or 0)
local n = redis.call('LLEN', active)
local step = n == redis.call('ZCARD', lease) and 10 or 1
if n == 0 or now % step ~= 0 then return { need, 0 } end
local from = n > width and math.floor(now / step) * width % n or 0
if #lone(active, lease, from, width) > 0 then need = need + 4 end
return { need, from }
