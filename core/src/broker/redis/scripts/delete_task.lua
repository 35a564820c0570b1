-- delete_task.lua - delete a task.
-- ARGV and answer: as lib/take_out has them. All is tested there before the first write.
-- Cost: O(n) of the list it is in, O(log n) of a sorted set.

--@use drop take_out
drop(prefix, id)
return { 1, '' }
