-- cancel_task.lua - ask for the end of a task.
-- KEYS and ARGV as lib/take_out has them, then the record of the attempt. What waits is set aside:
-- { 1, "" }. Of what runs the request is noted: { 2, "" }; only for claims of ours, since a Go
-- worker reads no notes. HDEL needs no memory, so that Redis before version 7 lets the rest go on.
-- A task that is no hash stays where it is: no attempt can be noted of it.
-- Cost: O(n) of the list it is in, O(log n) of a sorted set.

--@use one_task keep into
local run = redis.pcall('HMGET', task, 'state', 'gofer:claim')
if run.err then return redis.error_reply(run.err) end
if run[1] == 'active' then
  if run[2] then
    redis.call('HDEL', task, 'gofer:cancel')
    redis.call('HSET', task, 'gofer:cancel', run[2])
  end
  return { 2, '' }
end
--@use take_out
redis.pcall('HDEL', task, 'gofer:claim')
keep(task, 'gofer:attempts', ARGV[4])
local _, gone = into({ id }, to, prefix, 'cancelled')
return { 1, '', gone or 0 }
