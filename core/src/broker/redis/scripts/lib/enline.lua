-- enline(tasks, one, lane, time, first): to the end of its lane, or to its head.
-- lane: its number and, behind a space, the task's tenant if it has one. Of a lane with tenants
-- (broker/tenants.h) the place is a tag: gofer:fair:<lane> has their finishes, gofer:fair the
-- lane's time and gofer:weights their weights. Of one script each is read once. Where none of the
-- lane stands in the line, for they were deleted or Go's programs took them, all begins anew; a
-- time that is lost is the first one's. What nobody has added to for a week goes.
--@use rejoin
local fair_known = { time = {}, lines = {}, finish = {}, weight = {} }
local function tag_of(base, number, tenant)
  local k, finishes = fair_known, base .. 'gofer:fair:' .. number
  local name = number .. ' ' .. tenant
  if not k.time[number] then
    local low, fair = number * 17592186044416 + 8796093022208, base .. 'gofer:fair'
    local now = redis.call('HGET', fair, number)
    local first = redis.call('ZRANGEBYSCORE', line, string.format('%.0f', low - 8796093022208),
      string.format('(%.0f', low + 8796093022208), 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if not first then
      redis.call('UNLINK', finishes)
      redis.call('HDEL', fair, number, number == '100' and 'plain' or number)
      now = '0'
    end
    if not now or not first then
      now = now or string.format('%.0f', math.max(first - low, 0))
      redis.call('HSET', fair, number, now)
    end
    k.time[number] = tonumber(now) or 0
  end
  if not k.finish[name] then
    k.finish[name] = tonumber(redis.call('ZSCORE', finishes, tenant) or 0)
    k.weight[name] = tenant == '' and 1 or
      tonumber(redis.call('HGET', base .. 'gofer:weights', tenant) or 1) or 1
  end
  local tag = math.max(k.time[number], k.finish[name])
  k.finish[name] = tag + math.floor(5040 / k.weight[name])
  redis.call('ZADD', finishes, string.format('%.0f', k.finish[name]), tenant)
  if k.lines[number] ~= 2 then
    redis.call('EXPIRE', finishes, 604800)
    redis.call('EXPIRE', base .. 'gofer:fair', 604800)
    k.lines[number] = 2
  end
  return tag
end
local function enline(tasks, one, lane, time, first)
  local number, tenant = string.match(lane, '^(%d+) ?(.*)$')
  local low, base = number * 17592186044416, string.sub(tasks, 1, -3)
  local rank
  local lines = fair_known.lines
  if not first and tenant == '' and not lines[number] then
    lines[number] = redis.call('EXISTS', base .. 'gofer:fair:' .. number)
  end
  if not first and (tenant ~= '' or lines[number] > 0) then
    rank = low + 8796093022208 + tag_of(base, number, tenant)
  else
    local least, under = string.format('%.0f', low), string.format('(%.0f', low + 17592186044416)
    local beside = first and
      redis.call('ZRANGEBYSCORE', line, least, under, 'WITHSCORES', 'LIMIT', 0, 1) or
      redis.call('ZREVRANGEBYSCORE', line, under, least, 'WITHSCORES', 'LIMIT', 0, 1)
    rank = beside[2] and beside[2] + (first and -1 or 1) or low + 8796093022208
    if first then rank = math.min(rank, low + 8796093022207) end
  end
  rank = string.format('%.0f', math.max(low, math.min(rank, low + 17592186044415)))
  rejoin(tasks, one, rank, time)
end
