-- write_worker.lua - write a worker's record.
-- KEYS: the record of the server, the hash of what it runs.
-- ARGV: seconds to live, the record; then of each running task id and record.
-- Cost: O(1) for each running task.

--@keys server running
redis.call('DEL', running)
redis.call('SETEX', server, ARGV[1], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSET', running, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', running, ARGV[1])
return redis.status_reply('OK')
