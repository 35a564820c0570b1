-- move_task.lua - run or archive a task.
-- ARGV and answer: as lib/take_out has them. All is tested there before the first write.
-- Cost: O(n) of the list it is in, O(log n) of a sorted set.

--@use one_task into take_out
local _, gone = into({ id }, to, prefix)
return { 1, '', gone or 0 }
