-- check_keys.lua - look at keys.
-- KEYS: keys of one queue.
-- ARGV: "asynq:{q}:", "1": mend. A letter for each key: t what may be a task in no list (p: said to
-- be pending), l lock, c counter, g group that nobody knows, n ticks of a cron entry, r that it is
-- being removed, w the line, in which some wait for a limit key that nobody looks at, v turns of
-- tasks at their end, y wrong type, f unknown; '-' nothing; a capital: mended. Of the latter two
-- 1,000 are looked at.
-- Cost: O(log n) for each key.

local base, mend, out = ARGV[1], ARGV[2] == '1', {}
local types = { pending = 'list', active = 'list', lease = 'zset', scheduled = 'zset',
    retry = 'zset',
  archived = 'zset', completed = 'zset', groups = 'set', aggregation_sets = 'zset',
      paused = 'string',
  processed = 'string', failed = 'string' }
local function task(key, id)
  local f = redis.call('HMGET', key, 'state', 'group')
  local word, group = f[1], f[2]
  if types[word] == 'zset' and word ~= 'lease' and redis.pcall('ZSCORE', base .. word, id) then
    return '-'
  end
  if word == 'active' and type(redis.pcall('ZSCORE', base .. 'lease', id)) == 'string' then
    return '-'
  end
  if word == 'aggregating' and group and type(redis.pcall('ZSCORE', base .. 'g:' .. group,
      id)) == 'string' then
    return '-'
  end
  return word == 'pending' and 'p' or 't'
end
local function counter(key)
  local v = redis.call('GET', key)
  if not v or (v:match('^%-?%d+$') and #v < 20) then return '-' end
  if not mend then return 'c' end
  redis.call('SET', key, 0, 'KEEPTTL')
  return 'C'
end
local function lock(key)
  local id = redis.call('GET', key)
  if id:sub(1, 4) == 'ttl\t' or redis.call('EXISTS', base .. 't:' .. id) == 1 then return '-' end
  if not mend then return 'l' end
  redis.call('DEL', key)
  return 'L'
end
local function group(key, name)
  if redis.call('SISMEMBER', base .. 'groups', name) == 1 or redis.call('ZSCORE', base ..
      'aggregation_sets', key) then
    return '-'
  end
  if not mend then return 'g' end
  local id = name:sub(-37)
  if id:match('^:%x+%-%x+%-%x+%-%x+%-%x+$') then
    redis.call('ZADD', base .. 'aggregation_sets', redis.call('TIME')[1], key)
  else redis.call('SADD', base .. 'groups', name) end
  return 'G'
end
local function waiting(key)
  local ids = redis.call('ZRANGEBYSCORE', key, '3536029394927616', '+inf', 'LIMIT', 0, 1000)
  local unseen, wakes = false, base .. 'gofer:wakes'
  for _, id in ipairs(ids) do
    local held = redis.pcall('HGET', base .. 't:' .. id, 'gofer:held')
    if type(held) == 'string' and held ~= '' and not redis.pcall('ZSCORE', wakes, held) then
      unseen = true
      if mend then redis.call('ZADD', wakes, 0, held) end
    end
  end
  return unseen and (mend and 'W' or 'w') or '-'
end
--@use pass_turn
local function turns(key)
  local some, over = redis.call('HRANDFIELD', key, 1000, 'WITHVALUES'), false
  for i = 1, #some, 2 do
    if not has_turn(base, some[i], some[i + 1]) then
      over = true
      if mend then pass_turn(base, some[i], redis.call('TIME')) end
    end
  end
  return over and (mend and 'V' or 'v') or '-'
end
local ours = { ['gofer:waits'] = 'zset', ['gofer:serving'] = 'zset', ['gofer:end:'] = 'list',
  ['gofer:cron:'] = 'hash', ['gofer:set:'] = 'string', ['gofer:key:'] = 'string',
  ['gofer:stats:'] = 'hash', ['gofer:trimmed'] = 'string', ['gofer:removing'] = 'string',
  ['gofer:line'] = 'zset', ['gofer:limited'] = 'string', ['gofer:length'] = 'string',
  ['gofer:age'] = 'string',
  ['gofer:limits'] = 'hash', ['gofer:limits:'] = 'hash', ['gofer:run:'] = 'zset',
  ['gofer:held:'] = 'zset', ['gofer:rate:'] = 'hash', ['gofer:keys'] = 'zset',
  ['gofer:paused'] = 'zset', ['gofer:wakes'] = 'zset', ['gofer:turns'] = 'hash',
  ['gofer:steps'] = 'hash', ['gofer:flow:'] = 'list', ['gofer:fair'] = 'hash',
  ['gofer:fair:'] = 'zset', ['gofer:weights'] = 'hash', ['gofer:grants'] = 'hash' }
for i, key in ipairs(KEYS) do
  local rest, kind = key:sub(#base + 1), redis.call('TYPE', key).ok
  local front = rest:match('^%a+:') or ''
  local want = types[rest] or front == 't:' and 'hash' or front == 'g:' and 'zset' or
    (front == 'unique:' or front == 'processed:' or front == 'failed:') and 'string' or
    ours[rest:match('^gofer:%a+:') or rest]
  if kind == 'none' then out[i] = '-'
  elseif not want then out[i] = 'f'
  elseif kind ~= want then out[i] = 'y'
  elseif front == 't:' then out[i] = task(key, rest:sub(3))
  elseif front == 'g:' then out[i] = group(key, rest:sub(3))
  elseif front == 'unique:' then out[i] = lock(key)
  elseif rest:match('^gofer:cron:') then out[i] = redis.call('PTTL', key) == -1 and 'n' or '-'
  elseif rest == 'gofer:removing' then out[i] = 'r'
  elseif rest == 'gofer:line' then out[i] = waiting(key)
  elseif rest == 'gofer:turns' then out[i] = turns(key)
  elseif rest:match('^processed') or rest:match('^failed') then out[i] = counter(key)
  else out[i] = '-' end
end
return table.concat(out)
