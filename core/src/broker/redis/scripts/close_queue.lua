-- close_queue.lua - close a queue.
-- ARGV: "asynq:{q}:t:", 1: force.
-- Atomically: nothing is active, and nothing is there or force was given; then the queue is paused,
-- so that no task of it is taken before the last is gone; that its removal has begun is noted,
-- until it is over.
-- Answer: { 1 }, or { -1 or -2, how many tasks are in the way }; those of the first 5000
-- groups and sets.
-- Cost: O(1) for each group, of 5,000 at most.

--@use whole_queue
local running = redis.call('LLEN', active)
if running > 0 then return { -2, running } end
local tasks = redis.call('LLEN', pending)
for _, key in ipairs({ scheduled, retry, completed, archived }) do
  tasks = tasks + redis.call('ZCARD', key)
end
local front = ARGV[1]:sub(1, -3) .. 'g:'
local function add(key)
  local n = redis.pcall('ZCARD', key)
  if type(n) == 'number' then tasks = tasks + n end
end
for _, name in ipairs(redis.call('SRANDMEMBER', groups, 5000)) do add(front .. name) end
for _, key in ipairs(redis.call('ZRANGE', aggregation_sets, 0, 4999)) do
  if key:sub(1, #front) == front then add(key) end
end
if tasks > 0 and ARGV[2] ~= '1' then return { -1, tasks } end
local now = redis.call('TIME')[1]
redis.call('SET', paused, now, 'NX')
redis.call('SET', removing, now)
return { 1, 0 }
