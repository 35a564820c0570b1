-- trim(set, prefix, t, most): Asynq's limits of the archive, at most `most` tasks in a call:
-- with their hashes and, unlike Asynq, with their unique locks. How many went: none while one of
-- the hashes cannot be had (its slot is moving), for it comes after what else its script writes.
-- They are counted beside the queue, for as long as the archive keeps a task after the latest;
-- nothing fails for that.
--@use free
local function trim(set, prefix, t, most)
  local ids = redis.call('ZRANGEBYSCORE', set, '-inf', t[1] - 7776000, 'LIMIT', 0, most)
  if #ids == 0 then
    local over = math.min(redis.call('ZCARD', set) - 9999, most)
    if over <= 0 then return 0 end
    ids = redis.call('ZRANGE', set, 0, over - 1)
  end
  for _, id in ipairs(ids) do
    if type(redis.pcall('EXISTS', prefix .. id)) ~= 'number' then return 0 end
  end
  for _, id in ipairs(ids) do
    free(prefix, id)
    redis.call('DEL', prefix .. id)
  end
  redis.call('ZREM', set, unpack(ids))
  local counted = prefix:sub(1, -3) .. 'gofer:trimmed'
  redis.pcall('INCRBY', counted, #ids)
  redis.pcall('EXPIRE', counted, 7776000)
  return #ids
end
