-- write_schedule.lua - write a scheduler's entries.
-- KEYS: the list of entries.
-- ARGV: for how long, the entries. Stored in reverse, as by Asynq.
-- Cost: O(1) for each entry.

--@keys entries
redis.call('DEL', entries)
for i = 2, #ARGV do redis.call('LPUSH', entries, ARGV[i]) end
redis.call('EXPIRE', entries, ARGV[1])
return #ARGV - 1
