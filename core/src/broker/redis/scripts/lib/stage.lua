-- stage(tasks, least, under, limit, where): the first of the line between two scores come to
-- pending: to its head, to its end, or by `ring`. With the key pending.
local function stage(tasks, least, under, limit, where)
  local chosen, meant, ready = {}, {}, {}
  local found = redis.call('ZRANGEBYSCORE', line, least, under, 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #found, 2 do
    local at = redis.pcall('HMGET', tasks .. found[i], 'gofer:rank')
    if at.err and not string.find(at.err, 'WRONGTYPE', 1, true) then return end
    chosen[#chosen + 1] = found[i]
    meant[#chosen] = not at.err and at[1] and tonumber(at[1]) == tonumber(found[i + 1])
  end
  for i, one in ipairs(chosen) do
    if meant[i] and redis.call('ZREM', scheduled, one) == 1 then
      redis.call('HSET', tasks .. one, 'state', 'pending')
      if where == 'head' then table.insert(ready, 1, one) else ready[#ready + 1] = one end
    end
    if where ~= 'ring' or #ready == 0 then redis.call('ZREM', line, one) end
  end
  if #ready == 0 then return end
  if where == 'head' then redis.call('RPUSH', pending, unpack(ready))
  else redis.call('LPUSH', pending, unpack(ready)) end
end
