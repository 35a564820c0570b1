-- move_tasks.lua - run or archive tasks of one state.
-- ARGV and answer: as lib/take_out_many has them. All is tested there before the first write.
-- Cost: O(log n) for each task.

--@use into take_out_many
local moved, gone = into(ids, to, prefix, pending, archived)
return { moved, redis.call('EXISTS', source), gone or 0 }
