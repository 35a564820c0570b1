-- import_tasks.lua - put in tasks from elsewhere.
-- KEYS: pending, scheduled, retry, completed, archived, groups, the line, which limits count, then
-- the hashes.
-- ARGV: the tasks' prefix, which hash the limits are in, then of each task: message, state, score,
-- pending_since, crashes, r (it has a result) or empty, the result, group, unique lock, for how
-- long in ms (0: none is taken), history, log, checkpoint (empty: none), lane (empty: it has no
-- priority), cost and limit keys (empty: none), record of the key it is debounced by (empty: of
-- none), and when the first call was. Answer of each: 1, or the message that is there (false:
-- none).
-- Cost: O(log n) for each task.

--@keys pending scheduled retry completed archived groups line=gofer:line limited=gofer:limited ...
--@use enline ring flag
--@args prefix limits
--@each message state score since crashes has_result result group lock lock_ms
--@each history log checkpoint lane limit record first
local out, fresh = {}, {}
local front = string.sub(prefix, 1, -3) .. 'g:'
local data = { ['gofer:attempts'] = HISTORY, ['gofer:log'] = LOG, ['gofer:ckpt'] = CHECKPOINT }
local zsets = { scheduled = scheduled, retry = retry, completed = completed, archived = archived }
redis.call('LLEN', pending)
for _, zset in pairs(zsets) do redis.call('ZCARD', zset) end
redis.call('SCARD', groups)
redis.call('ZCARD', line)
redis.call('EXISTS', limited)
local now, lined = redis.call('TIME'), false
for i = 1, #KEYS - FIXED_KEYS do
  local a = EACH * i
  fresh[i] = redis.call('EXISTS', KEYS[i + FIXED_KEYS]) == 0
  if ARGV[a + GROUP] ~= '' then redis.call('ZCARD', front .. ARGV[a + GROUP]) end
  if ARGV[a + LOCK_MS] ~= '0' then redis.call('EXISTS', ARGV[a + LOCK]) end
  if ARGV[a + RECORD] ~= '' then redis.call('EXISTS', ARGV[a + RECORD]) end
end
local mine = {}
for i = 1, #KEYS - FIXED_KEYS do
  local a, key = EACH * i, KEYS[i + FIXED_KEYS]
  local id, state, group = string.sub(key, #prefix + 1), ARGV[a + STATE], ARGV[a + GROUP]
  if fresh[i] and not mine[key] then
    mine[key] = true
    redis.call('HSET', key, 'msg', ARGV[a + MESSAGE], 'state', state)
    if ARGV[a + SINCE] ~= '' then redis.call('HSET', key, 'pending_since', ARGV[a + SINCE]) end
    if ARGV[a + CRASHES] ~= '0' then redis.call('HSET', key, 'gofer:crashes', ARGV[a + CRASHES]) end
    if ARGV[a + HAS_RESULT] ~= '' then redis.call('HSET', key, 'result', ARGV[a + RESULT]) end
    if group ~= '' then redis.call('HSET', key, 'group', group) end
    if ARGV[a + LOCK_MS] ~= '0' and
        redis.call('SET', ARGV[a + LOCK], id, 'NX', 'PX', ARGV[a + LOCK_MS]) then
      redis.call('HSET', key, 'unique_key', ARGV[a + LOCK])
    end
    if ARGV[a + RECORD] ~= '' and state == 'scheduled' then
      local ends = math.max(0, ARGV[a + SCORE] - now[1]) + 604800
      if redis.call('SET', ARGV[a + RECORD], ARGV[a + FIRST] .. ' ' .. id, 'NX', 'EX',
          string.format('%.0f', ends)) then
        redis.call('HSET', key, 'gofer:key', ARGV[a + RECORD])
      end
    end
    for field, place in pairs(data) do
      if ARGV[a + place] ~= '' then redis.call('HSET', key, field, ARGV[a + place]) end
    end
    if zsets[state] then redis.call('ZADD', zsets[state], ARGV[a + SCORE], id)
    elseif state == 'aggregating' then
      redis.call('ZADD', front .. group, ARGV[a + SCORE], id)
      redis.call('SADD', groups, group)
    elseif ARGV[a + LANE] ~= '' then
      enline(prefix, id, ARGV[a + LANE], now)
      lined = true
    else redis.call('LPUSH', pending, id) end
    if ARGV[a + LANE] ~= '' then redis.call('HSET', key, 'gofer:lane', ARGV[a + LANE]) end
    if ARGV[a + LIMIT] ~= '' then
      redis.call('HSET', key, 'gofer:limit', ARGV[a + LIMIT])
      flag(limits)
    end
    out[i] = 1
  else
    local there = redis.pcall('HGET', key, 'msg')
    out[i] = type(there) == 'string' and there
  end
end
if lined then ring(prefix) end
return out
