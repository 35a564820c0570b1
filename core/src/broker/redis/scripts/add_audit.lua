-- add_audit.lua - add a record to the audit.
-- KEYS: the list, newest first.
-- ARGV: the record, how many are kept from now on (0: as the latest one says), how many if none
-- says so.
-- The number and the limit are those of the latest record and so outlive all others.
-- Cost: O(1).

--@keys audit
local last, now = redis.call('LINDEX', audit, 0) or '', redis.call('TIME')
local n, keep = string.match(last, '^n:(%d+)\tkeep:(%d+)\t')
n = n and tonumber(n) or redis.call('LLEN', audit)
if ARGV[2] ~= '0' then keep = ARGV[2] end
keep = keep or ARGV[3]
local at = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local head = 'n:' .. string.format('%.0f', n + 1) .. '\tkeep:' .. keep .. '\tat_ms:' .. at
redis.call('LPUSH', audit, head .. '\t' .. ARGV[1])
redis.call('LTRIM', audit, 0, keep - 1)
return n + 1
