-- edit_task.lua - edit a task.
-- ARGV: "asynq:{q}:t:", id, k: a completed one may have another message, too, the message as read
-- and the new one (both empty: it stays), when (Unix ms; empty: as it is). { 1, "" },
-- { 0, where it is }, { 2, "" }: the message is another by now, or { 4, "" }: the queue takes
-- envelopes alone. A task that is to run now goes to the end of pending; later: to retry what is in
-- retry, all others to scheduled.
-- Cost: O(n) of the list it is in, O(log n) of a sorted set.

--@use one_task enline ring unhold find tell_flow room is_plain
local at, from, new, now = ARGV[6], ARGV[4], ARGV[5], redis.call('TIME')
if at ~= '' then
  local later = tonumber(at) > now[1] * 1000 + now[2] / 1000
  at = later and string.format('%.0f', math.ceil(at / 1000)) or '0'
end
if not here then return { 0, 'missing' } end
if place == 'active' or place == 'completed' and ARGV[3] ~= 'k' or place == 'lost' or
    at ~= '' and place == 'aggregating' then
  return { 0, place }
end
if new ~= '' and redis.call('HGET', task, 'msg') ~= from then return { 2, '' } end
local home = prefix:sub(1, -3)
if new ~= '' and select(3, room(home, home .. 'gofer:length')) and is_plain(new) then
  return { 4, '' }
end
redis.call('HLEN', steps)
if at ~= '' then redis.call('ZCARD', line) end
if at == '0' then redis.call('LLEN', pending)
elseif at ~= '' then redis.call('ZCARD', zsets[place == 'retry' and place or 'scheduled']) end
if new ~= '' then redis.call('HSET', task, 'msg', new) end
if at == '' then return { 1, '' } end
--@use remove
unhold(prefix, id)
if place == 'archived' then tell_flow(prefix:sub(1, -3), id, 'again') end
redis.call('HDEL', task, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel',
    'gofer:error')
if at == '0' then
  local since = now[1] .. string.format('%06d', now[2]) .. '000'
  redis.call('HSET', task, 'state', 'pending', 'pending_since', since)
  local lane = redis.call('HGET', task, 'gofer:lane')
  if lane then
    enline(prefix, id, lane, now)
    ring(prefix)
  else redis.call('LPUSH', pending, id) end
else
  local to = place == 'retry' and place or 'scheduled'
  redis.call('ZADD', zsets[to], at, id)
  redis.call('HSET', task, 'state', to)
  redis.call('HDEL', task, 'pending_since')
end
return { 1, '' }
