-- read_checkpoint.lua - read a checkpoint.
-- KEYS: the task's hash.
-- ARGV: token. 0: the claim was lost.
-- Cost: O(1).

--@keys task
local f = redis.call('HMGET', task, 'gofer:claim', 'gofer:ckpt')
if f[1] ~= ARGV[1] then return 0 end
return { f[2] }
