-- delete_queue.lua - delete what is left of a queue.
-- ARGV: "asynq:{q}:", then rests of counters. Deletes what is left if no task has come meanwhile:
-- 1, else 0.
-- Cost: O(1) for each key.

--@use whole_queue
if redis.call('EXISTS', pending, active, scheduled, retry, completed, archived, groups,
    aggregation_sets) > 0 then
  return 0
end
redis.call('DEL', unpack(KEYS))
for i = 2, #ARGV do redis.call('DEL', ARGV[1] .. ARGV[i]) end
return 1
