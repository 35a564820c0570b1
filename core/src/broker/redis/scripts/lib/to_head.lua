-- to_head(home, id, lane, time): a task that has waited goes to the head of its line; lane: nil: it
-- has no priority; home: "asynq:{q}:", time: TIME's answer.
local function to_head(home, id, lane, time)
  local hash = home .. 't:' .. id
  if not lane then
    redis.call('HSET', hash, 'state', 'pending', 'gofer:held', '')
    redis.call('HDEL', hash, 'gofer:rank')
    redis.call('RPUSH', home .. 'pending', id)
    return
  end
  local low = string.match(lane, '^%d+') * 17592186044416
  local first = redis.call('ZRANGEBYSCORE', home .. 'gofer:line', string.format('%.0f', low),
    string.format('(%.0f', low + 17592186044416), 'WITHSCORES', 'LIMIT', 0, 1)
  local rank = first[2] and first[2] - 1 or low + 8796093022208
  rank = string.format('%.0f', math.max(low, rank))
  redis.call('ZADD', home .. 'gofer:line', rank, id)
  redis.call('HSET', hash, 'gofer:rank', rank, 'gofer:held', '')
  if redis.call('EXISTS', home .. 'pending') == 0 then
    redis.call('HSET', hash, 'state', 'pending')
    redis.call('RPUSH', home .. 'pending', id)
  else
    redis.call('ZADD', home .. 'scheduled', string.format('%.0f', time[1] + 3600), id)
  end
end
