-- delete_tasks.lua - delete tasks.
-- ARGV and answer: as lib/take_out_many has them, without the archive. All is tested there before
-- the first write.
-- Cost: O(log n) for each task.

--@use drop take_out_many
for _, id in ipairs(ids) do drop(prefix, id) end
return { #ids, more() }
