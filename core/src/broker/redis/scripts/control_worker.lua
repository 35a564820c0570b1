-- control_worker.lua - tell a worker.
-- KEYS: live, list.
-- ARGV: the command, most, how long it is kept. 1: kept, 0: no such worker, -1: too many.
-- Cost: O(1).

--@keys live commands
if redis.call('EXISTS', live) == 0 then return 0 end
if redis.call('LLEN', commands) >= tonumber(ARGV[2]) then return -1 end
redis.call('RPUSH', commands, ARGV[1])
redis.call('PEXPIRE', commands, ARGV[3])
return 1
