-- unhold(prefix, id): it waits for no limit key any more; in scripts that take a task away. The
-- first letter of gofer:held says whose key it is: the queue's own, or all queues'. What it counts
-- for (gofer:limit), if it is for anything.
local function unhold(prefix, id)
  local f = redis.pcall('HMGET', prefix .. id, 'gofer:held', 'gofer:limit')
  local held = f[1]
  if type(held) ~= 'string' then return f[2] end
  local base = string.sub(prefix, 1, -3)
  local front = string.sub(held, 1, 1) == 's' and 'asynq:{gofer-limits}:' or base .. 'gofer:'
  redis.pcall('HDEL', prefix .. id, 'gofer:held')
  redis.pcall('ZREM', base .. 'gofer:line', id)
  if held ~= '' then
    redis.pcall('ZREM', front .. 'held:' .. string.sub(held, 2),
      string.sub(base, 8, -3) .. '\n' .. id)
  end
  return f[2]
end
