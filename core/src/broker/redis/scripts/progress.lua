-- progress.lua - keep the progress of a task.
-- KEYS: the task's hash.
-- ARGV: token, progress (empty: as it is), lines of the log (empty: none), and of the checkpoint k
-- and what to keep, or d: none any more, or nothing. Of a lost claim nobody is told.
-- Cost: O(1).

--@use keep
--@keys task
local key = task
if redis.call('HGET', key, 'gofer:claim') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', key, 'gofer:progress', ARGV[2]) end
if ARGV[3] ~= '' then keep(key, 'gofer:log', ARGV[3]) end
if ARGV[4] == 'k' then redis.call('HSET', key, 'gofer:ckpt', ARGV[5])
elseif ARGV[4] == 'd' then redis.call('HDEL', key, 'gofer:ckpt') end
return 1
