-- read_entries.lua - read cron entries.
-- KEYS: the hash.
-- ARGV: the version that is known. The version, and names and records if it is another.
-- Cost: O(1) if nothing has changed, else O(n) of the entries.

--@keys schedules
local version = redis.call('HGET', schedules, '') or '0'
if version == ARGV[1] then return { version } end
return { version, redis.call('HGETALL', schedules) }
