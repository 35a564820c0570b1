-- stage(tasks, least, under, limit, where, heads): the first of the line between two scores come to
-- pending: to its head, to its end, or by `ring`. Places that mean nothing are dropped on the way,
-- ten thousand at most. With the key pending. heads: none, or a table that gets of each lane the
-- highest score that left the line.
-- first_of(tasks, least, under, limit, where, heads): the same, not put there yet: in their order.
local function first_of(tasks, least, under, limit, where, heads)
  local ready, look, more, round = {}, limit, true, 0
  while more and round <= 10 do
    local found = redis.call('ZRANGEBYSCORE', line, least, under, 'WITHSCORES', 'LIMIT', 0, look)
    more, round = #found == 2 * look, round + 1
    for i = 1, #found, 2 do
      local one, at = found[i], redis.pcall('HMGET', tasks .. found[i], 'gofer:rank')
      local away = at.err and not string.find(at.err, 'WRONGTYPE', 1, true)
      local meant = not at.err and at[1] and tonumber(at[1]) == tonumber(found[i + 1]) and
        redis.call('ZREM', scheduled, one) == 1
      if meant then
        redis.call('HSET', tasks .. one, 'state', 'pending')
        ready[#ready + 1] = one
        if heads then heads[math.floor(found[i + 1] / 17592186044416)] = tonumber(found[i + 1]) end
      end
      if not away and (where ~= 'ring' or not meant) then redis.call('ZREM', line, one) end
      if away or #ready == limit then
        more = false
        break
      end
    end
    look = 1000
  end
  return ready
end
local function stage(tasks, least, under, limit, where, heads)
  local ready = first_of(tasks, least, under, limit, where, heads)
  if where == 'head' then
    for i = 1, #ready / 2 do ready[i], ready[#ready + 1 - i] = ready[#ready + 1 - i], ready[i] end
  end
  if #ready == 0 then return 0 end
  if where == 'head' then redis.call('RPUSH', pending, unpack(ready))
  else redis.call('LPUSH', pending, unpack(ready)) end
  return #ready
end
