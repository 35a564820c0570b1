-- enline(tasks, one, lane, time, first): to the end of its lane, or to its head.
--@use rejoin
local function enline(tasks, one, lane, time, first)
  local low = lane * 17592186044416
  local least, under = string.format('%.0f', low), string.format('(%.0f', low + 17592186044416)
  local beside = first and
    redis.call('ZRANGEBYSCORE', line, least, under, 'WITHSCORES', 'LIMIT', 0, 1) or
    redis.call('ZREVRANGEBYSCORE', line, under, least, 'WITHSCORES', 'LIMIT', 0, 1)
  local rank = beside[2] and beside[2] + (first and -1 or 1) or low + 8796093022208
  rank = string.format('%.0f', math.max(low, math.min(rank, low + 17592186044415)))
  rejoin(tasks, one, rank, time)
end
