-- For one task, with the keys of lib/one_task.
-- ARGV: "asynq:{q}:t:", id, where to ('': delete).
-- Returns { 1, "" }, or { 0, where it is instead }: a state's word, "missing", or "held" by an
-- aggregation that is under way; behind that how many tasks the archive had no room for, if any.
-- Where it is: what the state word says if that is so, else wherever the id is found; 'lost' in no
-- list at all. An id whose hash is gone can only be deleted. This much finds the task, tests, and
-- takes it out; what follows puts it elsewhere.
--@use find
local to = ARGV[3]
if not here and (place == 'lost' or to ~= '') then return { 0, 'missing' } end
if place == to or (place == 'active' and here) or (place == 'completed' and to ~= '') then
  return { 0, place }
end
redis.call('ZCARD', line)
redis.call('HLEN', steps)
if to == 'pending' then redis.call('LLEN', pending) elseif to ~= '' then
  redis.call('ZCARD', archived) end
--@use remove
