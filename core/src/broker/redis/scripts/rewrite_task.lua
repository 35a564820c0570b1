-- rewrite_task.lua - other bytes for a field of a task, where it is still what was read.
-- ARGV: "asynq:{q}:t:", id, the field (result: of a completed one), its bytes as read, and the new
-- ones. { 1, "" }, { 0, where it is }, or { 2, "" }: the field is another by now.
-- Cost: O(n) of the list it is in, O(log n) of a sorted set.

--@use one_task find
if not here then return { 0, 'missing' } end
if place == 'active' or place == 'lost' or ARGV[3] == 'result' and place ~= 'completed' then
  return { 0, place }
end
if redis.call('HGET', task, ARGV[3]) ~= ARGV[4] then return { 2, '' } end
redis.call('HSET', task, ARGV[3], ARGV[5])
return { 1, '' }
