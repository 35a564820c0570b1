-- move_tasks.lua - run or archive tasks of one state.
-- ARGV and answer: as lib/take_out_many has them. All is tested there before the first write.
-- Cost: O(log n) for each task.

--@use many_tasks into take_out_many
local moved, gone = into(ids, to, prefix)
return { moved, more(), gone or 0 }
