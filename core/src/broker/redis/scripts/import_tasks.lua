-- import_tasks.lua - put in tasks from elsewhere.
-- KEYS: pending, scheduled, retry, completed, archived, groups, then the hashes.
-- ARGV: the tasks' prefix, then of each task thirteen: message, state, score, pending_since,
-- crashes, r (it has a result) or empty, the result, group, unique lock, for how long in ms (0:
-- none is taken), history, log, checkpoint (empty: none). Answer of each: 1, or the message that is
-- there (false: none).
-- Cost: O(log n) for each task.

--@keys pending scheduled retry completed archived groups ...
local prefix, out, fresh = ARGV[1], {}, {}
local front = string.sub(prefix, 1, -3) .. 'g:'
local zsets = { scheduled = scheduled, retry = retry, completed = completed, archived = archived }
redis.call('LLEN', pending)
for _, zset in pairs(zsets) do redis.call('ZCARD', zset) end
redis.call('SCARD', groups)
for i = 1, #KEYS - 6 do
  local a = 13 * i - 11
  fresh[i] = redis.call('EXISTS', KEYS[i + 6]) == 0
  if ARGV[a + 7] ~= '' then redis.call('ZCARD', front .. ARGV[a + 7]) end
  if ARGV[a + 9] ~= '0' then redis.call('EXISTS', ARGV[a + 8]) end
end
local mine = {}
for i = 1, #KEYS - 6 do
  local a, key = 13 * i - 11, KEYS[i + 6]
  local id, state, group = string.sub(key, #prefix + 1), ARGV[a + 1], ARGV[a + 7]
  if fresh[i] and not mine[key] then
    mine[key] = true
    redis.call('HSET', key, 'msg', ARGV[a], 'state', state)
    if ARGV[a + 3] ~= '' then redis.call('HSET', key, 'pending_since', ARGV[a + 3]) end
    if ARGV[a + 4] ~= '0' then redis.call('HSET', key, 'gofer:crashes', ARGV[a + 4]) end
    if ARGV[a + 5] ~= '' then redis.call('HSET', key, 'result', ARGV[a + 6]) end
    if group ~= '' then redis.call('HSET', key, 'group', group) end
    if ARGV[a + 9] ~= '0' and redis.call('SET', ARGV[a + 8], id, 'NX', 'PX', ARGV[a + 9]) then
      redis.call('HSET', key, 'unique_key', ARGV[a + 8])
    end
    for k, field in ipairs({ 'gofer:attempts', 'gofer:log', 'gofer:ckpt' }) do
      if ARGV[a + 9 + k] ~= '' then redis.call('HSET', key, field, ARGV[a + 9 + k]) end
    end
    if zsets[state] then redis.call('ZADD', zsets[state], ARGV[a + 2], id)
    elseif state == 'aggregating' then
      redis.call('ZADD', front .. group, ARGV[a + 2], id)
      redis.call('SADD', groups, group)
    else redis.call('LPUSH', pending, id) end
    out[i] = 1
  else
    local there = redis.pcall('HGET', key, 'msg')
    out[i] = type(there) == 'string' and there
  end
end
return out
