-- The source is a list, a sorted set, or the set of groups.
-- ARGV: "asynq:{q}:t:", from, to, how many. Of a group one chunk is moved.
-- Returns how many were moved, 1 if there may be more, and how many the archive had no room for.
-- Of pending those that wait for a limit key come last.
-- Of scheduled those stay that are there only because they stand in the line: these are pending.
-- more(): 1 if there may be others.
-- Nothing is cut before it is known that the tasks can be had and put where they shall go.
--@use many_tasks need draw
local prefix, from, to, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key, ids, group = source, {}, false
redis.call('HLEN', steps)
if to == 'pending' then redis.call('LLEN', pending) elseif to ~= '' then
  redis.call('ZCARD', archived) end
local lined, last = redis.call('ZCARD', line) > 0, false
if from == 'pending' and lined then draw(prefix, n, redis.call('TIME')) end
if from == 'pending' then
  local found = redis.call('LRANGE', key, -n, -1)
  for i = #found, 1, -1 do ids[#ids + 1] = found[i] end
  need(prefix, ids)
  local held = lined and #ids < n and redis.call('ZRANGEBYSCORE', line, '3536029394927616', '+inf',
    'LIMIT', 0, n - #ids) or {}
  need(prefix, held)
  if #ids > 0 then redis.call('LTRIM', key, 0, -1 - #ids) end
  for i = 1, #held do
    redis.call('ZREM', line, held[i])
    if redis.call('ZREM', scheduled, held[i]) == 1 then ids[#ids + 1] = held[i] end
  end
elseif from == 'scheduled' and lined then
  last = true
  for at = 0, 99000, 1000 do
    local some = redis.call('ZRANGE', key, at, at + 999)
    local waits = #some > 0 and redis.call('ZMSCORE', line, unpack(some))
    for i, id in ipairs(some) do
      if not waits[i] and #ids < n then ids[#ids + 1] = id end
    end
    last = #ids < n
    if not last or #some < 1000 then break end
  end
  need(prefix, ids)
  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end
else
  if from == 'aggregating' then
    group = redis.call('SRANDMEMBER', source)
    if not group then return { 0, 0 } end
    key = prefix:sub(1, -3) .. 'g:' .. group
  end
  ids = redis.call('ZRANGE', key, 0, n - 1)
  need(prefix, ids)
  if #ids > 0 then redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1) end
  if group and redis.call('ZCARD', key) == 0 then redis.call('SREM', source, group) end
end
local function more()
  if last then return 0 end
  return math.min(1, redis.call('EXISTS', source, from == 'pending' and line or source))
end
