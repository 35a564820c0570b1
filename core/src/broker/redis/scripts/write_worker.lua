-- write_worker.lua - write a worker's record.
-- KEYS: the record of the server, the hash of what it runs, what its children are.
-- ARGV: seconds to live, the record, the children ('': it has none); then of each running task id
-- and record.
-- Cost: O(1) for each running task.

--@keys server running children
redis.call('DEL', running, children)
redis.call('SETEX', server, ARGV[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('SETEX', children, ARGV[1], ARGV[3]) end
for i = 4, #ARGV, 2 do redis.call('HSET', running, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', running, ARGV[1])
return redis.status_reply('OK')
