-- put_entry.lua - put a cron entry.
-- KEYS: the hash.
-- ARGV: the channel, name, record, 1: only a new one. 1: it is in, 0: it was there.
-- Cost: O(1).

--@use changed
--@keys schedules
if ARGV[4] == '1' and redis.call('HEXISTS', schedules, ARGV[2]) == 1 then return 0 end
redis.call('HSET', schedules, ARGV[2], ARGV[3])
changed(schedules, ARGV[1])
return 1
