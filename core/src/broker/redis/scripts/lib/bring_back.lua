-- bring_back(it, amount, scope): of those that wait for the key as many as have room, `amount` at
-- the most, go to the front of their line, in their order; how many, and when the next may (ms;
-- nil: not known). Who is noted as waiting and does so no more (a Go program took it, it was
-- deleted) is only forgotten. Their own queue may be another one.
-- mend(): what `running` found is written. room_at(it, cost): when its rate has so much (µs).
--@use limits pass_turn to_front
local function mend()
  for i = 1, #late do
    if late[i][2] then redis.call('ZADD', late[i][1], late[i][2], late[i][3])
    else redis.call('ZREM', late[i][1], late[i][3]) end
  end
  late = {}
end
local function room_at(it, cost)
  return it.tat - (it.burst - math.min(cost, it.burst)) * it.interval
end
local function bring_back(it, amount, scope)
  if it.ordered then
    it.turn = nil
    return pass_turn(base, it.key, now)
  end
  if not known then return 0 end
  if it.paused > now_ms then return 0, it.paused end
  local held, again, looked, next_ms = fronts[scope] .. 'held:' .. it.key, 0, 0, nil
  local plain = {}
  if it.most then amount = math.min(amount, it.most - running(it)) end
  while again < amount and looked < 1000 and not next_ms do
    local found = redis.call('ZRANGE', held, 0, math.min(amount - again, 100) - 1)
    if #found == 0 then break end
    looked = looked + #found
    for i = 1, #found do
      local queue, id = string.match(found[i], '^([^\n]*)\n(.*)$')
      local queue_base = 'asynq:{' .. (queue or whose) .. '}:'
      local f = redis.pcall('HMGET', queue_base .. 't:' .. (id or ''), 'gofer:held', 'gofer:lane',
        'gofer:limit')
      local meant = not f.err and f[1] == scope .. it.key
      local cost = meant and tonumber(string.match(f[3] or '', '^%d+') or 1)
      local opens = meant and it.interval > 0 and room_at(it, cost) or 0
      if opens > now_us then
        next_ms = it.granted and now_ms + 5000 or math.ceil(opens / 1000)
        break
      end
      redis.call('ZREM', held, found[i])
      if meant then
        redis.call('ZREM', queue_base .. 'gofer:line', id)
        if redis.call('ZREM', queue_base .. 'scheduled', id) == 1 then
          again = again + 1
          if f[2] then to_front(queue_base, id, f[2], now)
          else
            plain[queue_base] = plain[queue_base] or {}
            table.insert(plain[queue_base], id)
          end
          if it.interval > 0 then it.tat = math.max(it.tat, now_us) + cost * it.interval end
        else redis.call('HSET', queue_base .. 't:' .. id, 'gofer:held', '') end
      end
    end
  end
  for home, ids in pairs(plain) do put_in_front(front_of(home), ids, now) end
  return again, next_ms
end
