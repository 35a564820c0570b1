-- room(home, bound): how many more may be pending in the queue "asynq:{q}:", and how many at the
-- most (nil: any number), as the key `bound` says. What waits in the line or for a limit key is
-- pending, too.
local function room(home, bound)
  local most = redis.pcall('GET', bound)
  most = type(most) == 'string' and tonumber(most)
  if not most then return math.huge end
  return most - redis.call('LLEN', home .. 'pending') - redis.call('ZCARD', home .. 'gofer:line'),
    most
end
