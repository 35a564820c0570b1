-- drop_entry.lua - drop a cron entry.
-- KEYS: the hash.
-- ARGV: the channel, name. 1: it was there.
-- Cost: O(1).

--@use changed
--@keys schedules
if redis.call('HDEL', schedules, ARGV[2]) == 0 then return 0 end
changed(schedules, ARGV[1])
return 1
