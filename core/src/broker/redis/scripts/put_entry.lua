-- put_entry.lua - put a cron entry.
-- KEYS: the hash.
-- ARGV: the channel, name, record, 1: only a new one, =: only in place of the record that comes
-- next. 1: it is in, 0: it was there, or is another by now.
-- Cost: O(1).

--@use changed
--@keys schedules
if ARGV[4] == '1' and redis.call('HEXISTS', schedules, ARGV[2]) == 1 then return 0 end
if ARGV[4] == '=' then
  local there = redis.call('HGET', schedules, ARGV[2])
  if there == ARGV[3] then return 1 end
  if there ~= ARGV[5] then return 0 end
end
redis.call('HSET', schedules, ARGV[2], ARGV[3])
changed(schedules, ARGV[1])
return 1
