-- draw(tasks, limit, time): so many that are next are in pending, if there are so many. What `ring`
-- brought there goes back first, since others may be before it by now. 100 lanes are before the
-- plain tasks, 100 behind them; what stands in the one behind those waits for a limit key
-- (lib/admit.lua), and is none of them. In that of priority 0 stand tenants' tasks
-- (lib/enline.lua): with the plain ones they take turns, by the tag that the next of these has.
--@use rejoin stage aged
-- The plain ones that are in pending behind the first `before`, and tenants' tasks, in turn.
local function merge(tasks, fair, before, room, heads)
  local known = redis.call('HMGET', fair, '100', 'plain')
  local at, plain = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local found = redis.call('ZRANGEBYSCORE', line, '1759218604441600', '(1776810790486016',
    'WITHSCORES', 'LIMIT', 0, room)
  if #found == 0 then return end
  local beside = redis.call('LRANGE', pending, -before - room, -before - 1)
  local order, tenants, used = {}, 0, 0
  plain = math.max(plain, at)
  while #order < room and (used < #beside or 2 * tenants < #found) do
    local tag = found[2 * tenants + 2]
    tag = tag and tag - 1768014697463808
    if used < #beside and (not tag or plain <= tag) then
      used, order[#order + 1] = used + 1, beside[#beside - used]
      if tag then at, plain = plain, plain + 5040 end
    else
      tenants, at, order[#order + 1] = tenants + 1, math.max(at, tag), false
    end
  end
  redis.call('HSET', fair, 'plain', string.format('%.0f', plain), '100',
    string.format('%.0f', at))
  if tenants == 0 then return end
  local drawn = first_of(tasks, '1759218604441600', '(1776810790486016', tenants, nil, heads)
  local next_one, all = 0, {}
  local front = before > 0 and redis.call('LRANGE', pending, -before, -1) or {}
  for i = #order, 1, -1 do
    if order[i] then all[#all + 1] = order[i]
    else
      local one = drawn[tenants - next_one]
      next_one = next_one + 1
      if one then all[#all + 1] = one end
    end
  end
  for i = 1, #front do all[#all + 1] = front[i] end
  redis.call('LTRIM', pending, 0, -before - used - 1)
  if #all > 0 then redis.call('RPUSH', pending, unpack(all)) end
end
-- Times go on to what was drawn; tenants who are through are forgotten, and all begins anew in a
-- lane where none waits any more.
local function pass_time(fair, heads)
  for lane, score in pairs(heads) do
    local low, finishes = lane * 17592186044416, fair .. ':' .. lane
    if lane == 100 or redis.call('EXISTS', finishes) == 1 then
      if redis.call('ZCOUNT', line, string.format('%.0f', low),
          string.format('(%.0f', low + 17592186044416)) == 0 then
        redis.call('UNLINK', finishes)
        redis.call('HDEL', fair, lane, lane == 100 and 'plain' or lane)
      else
        local at = math.max(score - low - 8796093022208,
          tonumber(redis.call('HGET', fair, lane) or 0))
        redis.call('HSET', fair, lane, string.format('%.0f', at))
        local over = redis.call('ZRANGEBYSCORE', finishes, '-inf', string.format('%.0f', at),
          'LIMIT', 0, 1000)
        if #over > 0 then redis.call('ZREM', finishes, unpack(over)) end
      end
    end
  end
end
local function draw(tasks, limit, time)
  local near = redis.call('LRANGE', pending, -8, -1)
  local ranks = #near > 0 and redis.call('ZMSCORE', line, unpack(near))
  for i, one in ipairs(near) do
    if ranks[i] and redis.call('LREM', pending, -1, one) == 1 then
      rejoin(tasks, one, string.format('%.0f', ranks[i]), time)
    end
  end
  local fair, from = string.sub(tasks, 1, -3) .. 'gofer:fair', '1759218604441600'
  local heads, age = {}, redis.pcall('GET', string.sub(tasks, 1, -3) .. 'gofer:age')
  age = type(age) == 'string' and tonumber(age)
  if age and age > 0 then
    aged(tasks, limit, age, heads)
    pass_time(fair, heads)
    return
  end
  local before = stage(tasks, '-inf', '(1759218604441600', limit, 'head', heads)
  local shared = redis.call('ZCOUNT', line, from, '(1776810790486016') > 0
  if shared and before < limit then
    merge(tasks, fair, before, limit - before, heads)
    from = '1776810790486016'
  end
  local short = limit - redis.call('LLEN', pending)
  if short > 0 then stage(tasks, from, '(3536029394927616', short, 'end', heads) end
  pass_time(fair, heads)
end
