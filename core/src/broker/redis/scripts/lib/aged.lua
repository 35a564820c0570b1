-- aged(tasks, limit, age, heads): those that are next are at the end of pending, if there are any
-- in the line. For a queue in which a task counts as one priority higher for each `age` ms that it
-- has waited: of each `since + lane * age` says its place for good, so nothing is moved as it
-- grows, and the heads of the lanes are gone along; the plain tasks are lane 100. With the key
-- pending.
--@use stage
local function aged(tasks, limit, age, heads)
  local order, counts, drawn, lines = {}, {}, {}, {}
  local beside, used, from = redis.call('LRANGE', pending, -limit, -1), 0, '-inf'
  local function place(lane, one)
    local at = redis.pcall('HGET', tasks .. one, 'pending_since')
    return (type(at) == 'string' and tonumber(at) or 0) / 1000000 + lane * age
  end
  local function bounds(lane)
    return string.format('%.0f', lane * 17592186044416),
      string.format('(%.0f', (lane + 1) * 17592186044416)
  end
  local head = redis.call('ZRANGEBYSCORE', line, from, '(3536029394927616', 'WITHSCORES',
    'LIMIT', 0, 1)
  while head[1] do
    local lane = math.floor(head[2] / 17592186044416)
    lines[#lines + 1] = { lane = lane, ids = { head[1] }, place = place(lane, head[1]) }
    from = string.sub(select(2, bounds(lane)), 2)
    head = redis.call('ZRANGEBYSCORE', line, from, '(3536029394927616', 'WITHSCORES', 'LIMIT', 0, 1)
  end
  local plain = beside[1] and place(100, beside[#beside])
  while #order < limit and (plain or #lines > 0) do
    local best
    for i = 1, #lines do
      if not best or lines[i].place < lines[best].place then best = i end
    end
    local it = best and lines[best]
    if plain and (not it or plain < it.place or plain == it.place and it.lane > 100) then
      used, order[#order + 1] = used + 1, beside[#beside - used]
      local one = beside[#beside - used]
      plain = one and place(100, one)
    else
      local n = (counts[it.lane] or 0) + 1
      counts[it.lane], order[#order + 1] = n, it.lane
      if n == 1 then
        local low, under = bounds(it.lane)
        it.ids = redis.call('ZRANGEBYSCORE', line, low, under, 'LIMIT', 0, limit)
      end
      if it.ids[n + 1] then it.place = place(it.lane, it.ids[n + 1])
      else table.remove(lines, best) end
    end
  end
  local any, all = false, {}
  for lane, n in pairs(counts) do
    local low, under = bounds(lane)
    drawn[lane] = first_of(tasks, low, under, n, nil, heads)
    any = any or #drawn[lane] > 0
  end
  if not any then return end
  local next_one = {}
  for i = 1, #order do
    local it = order[i]
    if type(it) == 'number' then
      next_one[it] = (next_one[it] or 0) + 1
      it = drawn[it][next_one[it]]
    end
    if it then table.insert(all, 1, it) end
  end
  if used > 0 then redis.call('LTRIM', pending, 0, -used - 1) end
  redis.call('RPUSH', pending, unpack(all))
end
