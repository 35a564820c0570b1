-- Who was brought back stands before all others of his line, behind those that were brought back
-- before him and are not taken yet: so whoever has waited longest is next.
-- front_of(home): where those without a priority stand: at the head of pending, so many of them
-- (before; 1024: or more); or, where they have become very many, in the line, at the end of the
-- lane before theirs (last: the last one's rank). put_in_front(front, ids, time): those come next.
-- to_front(home, id, low, time): at the end of what is at the front of the lane that begins at low.
-- home: "asynq:{q}:", time: TIME's answer.
local PLAIN, WIDTH = 1754820557930496, 4398046511104
local function last_at(home, low, width)
  return redis.call('ZREVRANGEBYSCORE', home .. 'gofer:line', string.format('(%.0f', low + width),
    string.format('%.0f', low), 'WITHSCORES', 'LIMIT', 0, 1)[2]
end
local function to_place(home, id, rank, time)
  rank = string.format('%.0f', rank)
  redis.call('ZADD', home .. 'gofer:line', rank, id)
  local hash, is_next = home .. 't:' .. id, redis.call('EXISTS', home .. 'pending') == 0
  redis.call('HSET', hash, 'gofer:rank', rank, 'gofer:held', '', 'state',
    is_next and 'pending' or 'scheduled')
  if is_next then redis.call('RPUSH', home .. 'pending', id)
  else
    redis.call('ZADD', home .. 'scheduled', string.format('%.0f', time[1] + 3600), id)
  end
end
local function to_front(home, id, lane, time)
  local low = string.match(lane, '^%d+') * 17592186044416 + WIDTH
  local last = last_at(home, low, WIDTH / 2)
  to_place(home, id, last and last + 1 or low, time)
end
local function front_of(home)
  local front, more = { home = home, before = 0, last = last_at(home, PLAIN, WIDTH) }, 1
  if front.last then return front end
  local function is(place)
    local id = redis.call('LINDEX', home .. 'pending', -place)
    return id and redis.pcall('HGET', home .. 't:' .. id, 'gofer:held') == ''
  end
  while front.before < 1024 and is(more) do front.before, more = more, 2 * more end
  while front.before > 0 and front.before < 1024 and more - front.before > 1 do
    local middle = (front.before + more) / 2
    if is(middle) then front.before = middle else more = middle end
  end
  return front
end
local function put_in_front(front, ids, time)
  local list, order, n = front.home .. 'pending', {}, front.before
  local first = n > 0 and redis.call('LRANGE', list, -n, -1) or {}
  if n > 0 then redis.call('LTRIM', list, 0, -n - 1) end
  if front.last or n + #ids > 1024 then
    local rank = tonumber(front.last or PLAIN - 1)
    for i = n, 1, -1 do order[#order + 1] = first[i] end
    for i = 1, #ids do order[#order + 1] = ids[i] end
    for i = 1, #order do to_place(front.home, order[i], rank + i, time) end
    return
  end
  for i = #ids, 1, -1 do
    local hash = front.home .. 't:' .. ids[i]
    redis.call('HSET', hash, 'state', 'pending', 'gofer:held', '')
    redis.call('HDEL', hash, 'gofer:rank')
    order[#order + 1] = ids[i]
  end
  for i = 1, #first do order[#order + 1] = first[i] end
  redis.call('RPUSH', list, unpack(order))
end
