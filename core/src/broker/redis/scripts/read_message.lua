-- read_message.lua - read a task's message.
-- Its message; nil: no such task, false: it has none.
-- Cost: O(1).

--@keys task
if redis.call('EXISTS', task) == 0 then return 0 end
local msg = redis.pcall('HGET', task, 'msg')
return type(msg) == 'string' and msg or 1
