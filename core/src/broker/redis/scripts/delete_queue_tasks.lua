-- delete_queue_tasks.lua - delete tasks of a queue.
-- ARGV: "asynq:{q}:t:", how many. Deletes so many tasks wherever they wait; how many, or -2: one is
-- active again. Of each list all hashes are looked at before it is cut.
-- Cost: O(log n) for each task deleted.

--@use need drop whole_queue
local prefix, left, base = ARGV[1], tonumber(ARGV[2]), ARGV[1]:sub(1, -3) .. 'g:'
local n = left
if redis.call('LLEN', active) > 0 then return -2 end
redis.call('DEL', turns)                       -- nobody comes after
local function all(ids)
  for _, id in ipairs(ids) do drop(prefix, id) end
  left = left - #ids
end
local function zset(key)
  local ids = redis.call('ZRANGE', key, 0, left - 1)
  need(prefix, ids)
  if #ids > 0 then redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1) end
  all(ids)
end
local ids = redis.call('LRANGE', pending, -left, -1)
need(prefix, ids)
if #ids > 0 then redis.call('LTRIM', pending, 0, -1 - #ids) end
all(ids)
for _, key in ipairs({ scheduled, retry, completed, archived }) do
  if left > 0 then zset(key) end
end
while left > 0 do
  local name = redis.call('SRANDMEMBER', groups)
  if not name then break end
  zset(base .. name)
  if redis.call('ZCARD', base .. name) == 0 then redis.call('SREM', groups, name) end
  left = left - 1
end
while left > 0 do
  local key = redis.call('ZRANGE', aggregation_sets, 0, 0)[1]
  if not key then break end
  local ours = key:sub(1, #base) == base
  if ours then zset(key) end
  if not ours or redis.call('ZCARD', key) == 0 then redis.call('ZREM', aggregation_sets, key) end
  left = left - 1
end
return n - left
