-- The source is a list, a sorted set, or the set of groups.
-- ARGV: "asynq:{q}:t:", from, to, how many. Of a group one chunk is moved.
-- Returns how many were moved, 1 if there may be more, and how many the archive had no room for.
-- Nothing is cut before it is known that the tasks can be had and put where they shall go.
--@use need
--@keys source pending archived
local prefix, from, to, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key, ids, group = source, {}, false
if to == 'pending' then redis.call('LLEN', pending) elseif to ~= '' then
  redis.call('ZCARD', archived) end
if from == 'pending' then
  local found = redis.call('LRANGE', key, -n, -1)
  for i = #found, 1, -1 do ids[#ids + 1] = found[i] end
  need(prefix, ids)
  if #ids > 0 then redis.call('LTRIM', key, 0, -1 - #ids) end
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
