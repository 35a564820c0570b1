-- to_front(home, id, lane, time, more): one of very many that are brought back goes behind those
-- that were before it, and before all others of its lane; they come in several steps, and `to_head`
-- would turn their order round. Plain ones stand at the end of the lane before theirs. False: it
-- is left to `to_head`, for more (to come) is false and none stands there. home: "asynq:{q}:",
-- lane: nil: it has no priority, time: TIME's answer.
local function to_front(home, id, lane, time, more)
  local number = lane and tonumber(string.match(lane, '^%d+'))
  local low = number and number * 17592186044416 + 4398046511104 or 1754820557930496
  local last = redis.call('ZREVRANGEBYSCORE', home .. 'gofer:line',
    string.format('(%.0f', low + (number and 2199023255552 or 4398046511104)),
    string.format('%.0f', low), 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if not (last or more) then return false end
  local rank = string.format('%.0f', last and last + 1 or low)
  redis.call('ZADD', home .. 'gofer:line', rank, id)
  if redis.call('EXISTS', home .. 'pending') == 0 then
    redis.call('HSET', home .. 't:' .. id, 'state', 'pending', 'gofer:rank', rank, 'gofer:held', '')
    redis.call('RPUSH', home .. 'pending', id)
  else
    redis.call('HSET', home .. 't:' .. id, 'gofer:rank', rank, 'gofer:held', '')
    redis.call('ZADD', home .. 'scheduled', string.format('%.0f', time[1] + 3600), id)
  end
  return true
end
