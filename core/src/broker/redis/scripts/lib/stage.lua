-- stage(tasks, least, under, limit, where, heads): the first of the line between two scores come to
-- pending: to its head, to its end, or by `ring`. Places that mean nothing are dropped on the way,
-- ten thousand at most. With the key pending. heads: none, or a table that gets of each lane the
-- highest score that left the line.
-- first_of(tasks, least, under, limit, where, heads): the same, not put there yet: in their order.
local function first_of(tasks, least, under, limit, where, heads)
  local ready, look, more, round = {}, limit, true, 0
  while more and round <= 10 do
    local found = redis.call('ZRANGEBYSCORE', line, least, under, 'WITHSCORES', 'LIMIT', 0, look)
    local ids, all, out = {}, {}, {}
    for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
    local dues = #ids > 0 and redis.call('ZMSCORE', scheduled, unpack(ids))
    more, round, look = #ids == look, round + 1, 1000
    for i, one in ipairs(ids) do
      local at, rank = redis.pcall('HMGET', tasks .. one, 'gofer:rank'), tonumber(found[2 * i])
      if at.err and not string.find(at.err, 'WRONGTYPE', 1, true) then
        more = false
        break
      end
      local meant = not at.err and at[1] and tonumber(at[1]) == rank and dues[i]
      if meant then
        redis.call('HSET', tasks .. one, 'state', 'pending')
        ready[#ready + 1], all[#all + 1] = one, one
        if heads then heads[math.floor(rank / 17592186044416)] = rank end
      end
      if where ~= 'ring' or not meant then out[#out + 1] = one end
      if #ready == limit then
        more = false
        break
      end
    end
    if #all > 0 then redis.call('ZREM', scheduled, unpack(all)) end
    if #out > 0 then redis.call('ZREM', line, unpack(out)) end
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
