-- page_audit.lua - read records of the audit.
-- KEYS: the list, newest first.
-- ARGV: the number that they are below (0: any), how many.
-- Numbers have no gap, so one says where it stands.
-- Cost: O(n) of those passed over, and the page.

--@keys audit
local last = redis.call('LINDEX', audit, 0)
if not last then return {} end
local n, before, from = string.match(last, '^n:(%d+)\t'), tonumber(ARGV[1]), 0
n = n and tonumber(n) or redis.call('LLEN', audit)
if before > 0 then from = math.max(0, n - before + 1) end
return redis.call('LRANGE', audit, from, from + ARGV[2] - 1)
