-- check_orphan.lua - look for a task in all lists.
-- ARGV: "asynq:{q}:g:", id, "1": mend. { 1 if the task is in none of them, 1 if it was mended }:
-- into the archive; without a message there is nothing to keep but a result.
-- Cost: O(n) of both lists.

--@keys task scheduled retry completed archived lease pending active aggregation_sets
local id = ARGV[2]
if redis.call('EXISTS', task) == 0 then return { 0, 0 } end
for _, zset in ipairs({ scheduled, retry, completed, archived, lease }) do
  if redis.call('ZSCORE', zset, id) then return { 0, 0 } end
end
local group = redis.call('HGET', task, 'group')
if group and redis.call('ZSCORE', ARGV[1] .. group, id) then return { 0, 0 } end
for _, key in ipairs(redis.call('ZRANGE', aggregation_sets, 0, 999)) do
  if key:sub(1, #ARGV[1]) == ARGV[1] and redis.call('ZSCORE', key, id) then return { 0, 0 } end
end
if redis.call('LPOS', active, id) or redis.call('LPOS', pending, id) then return { 0, 0 } end
if ARGV[3] ~= '1' then return { 1, 0 } end
if redis.call('HEXISTS', task, 'msg') == 1 then
  redis.call('ZADD', archived, redis.call('TIME')[1], id)
  redis.call('HSET', task, 'state', 'archived', 'gofer:error',
      'the task stood in no list of its queue')
elseif redis.call('HEXISTS', task, 'result') == 0 then redis.call('DEL', task)
else return { 1, 0 } end
return { 1, 1 }
