-- sweep_queue.lua - sweep a queue.
-- KEYS: keys of the queue that a scan found.
-- ARGV: "asynq:{q}:", how long the ticks of cron entries are kept (s).
-- Notices of ends, for flows, stay. Deletes those that nothing needs: hashes in no list, locks
-- without their task, counters, and whatever else bears the queue's name. A zset of a group whose
-- name is not among the groups is emptied with its tasks.
-- The latest ticks of cron entries end by and by, as when their entry is removed: a worker that has
-- yet to look at the tick of this minute shall not put it a second time.
-- Returns how much is still to do.
-- Cost: O(n) of the lists for each hash that is in no sorted set.

--@use need drop
local base, todo = ARGV[1], 0
local kept = { pending = 1, active = 1, scheduled = 1, retry = 1, completed = 1, archived = 1,
    lease = 1,
  groups = 1, aggregation_sets = 1, paused = 1, processed = 1, failed = 1, ['gofer:removing'] = 1,
  ['gofer:steps'] = 1, ['gofer:flow:ended'] = 1 }
local function listed(id)
  for _, name in ipairs({ 'scheduled', 'retry', 'completed', 'archived', 'lease' }) do
    if redis.call('ZSCORE', base .. name, id) then return true end
  end
  local group = redis.pcall('HGET', base .. 't:' .. id, 'group')
  if type(group) == 'string' and redis.call('ZSCORE', base .. 'g:' .. group, id) then
    return true
  end
  return redis.call('LPOS', base .. 'pending', id) or redis.call('LPOS', base .. 'active', id)
end
for _, key in ipairs(KEYS) do
  local rest = key:sub(#base + 1)
  if key:sub(1, #base) == base and not kept[rest] then
    if rest:sub(1, 2) == 't:' then
      if not listed(rest:sub(3)) then drop(base .. 't:', rest:sub(3)) end
    elseif rest:sub(1, 7) == 'unique:' then
      local holder = redis.pcall('GET', key)
      if type(holder) ~= 'string' or redis.call('EXISTS', base .. 't:' .. holder) == 0 then
        redis.call('UNLINK', key)
      end
    elseif rest:sub(1, 10) == 'gofer:key:' then
      local it = redis.pcall('GET', key)
      local holder = type(it) == 'string' and it:match('^%d+ (.+)$')
      if not holder or redis.call('EXISTS', base .. 't:' .. holder) == 0 then
        redis.call('UNLINK', key)
      end
    elseif rest:sub(1, 2) == 'g:' and redis.call('TYPE', key).ok == 'zset' then
      local ids = redis.call('ZRANGE', key, 0, 99)
      need(base .. 't:', ids)
      for _, id in ipairs(ids) do drop(base .. 't:', id) end
      redis.call('ZREMRANGEBYRANK', key, 0, 99)
      if redis.call('EXISTS', key) == 1 then todo = todo + 1
      else redis.call('SREM', base .. 'groups', rest:sub(3)) end
    elseif rest:sub(1, 11) == 'gofer:cron:' and redis.call('TYPE', key).ok == 'hash' then
      if redis.call('PTTL', key) == -1 then redis.call('EXPIRE', key, ARGV[2]) end
    else redis.call('UNLINK', key) end
  end
end
return todo
