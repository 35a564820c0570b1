-- What there is of limit keys. With the locals base ("asynq:{q}:"), now (TIME) and limits: which
-- hash the limits are in, as the queue's flag says. On one server that is the same for all queues,
-- and those of the scope `store` count together in the slot {gofer-limits}; a Cluster has a copy
-- for each queue, and each queue counts by itself: of such limits up to its grant (lib/grants.lua).
-- look(key): its numbers. running(it): how many run. An entry of `run` whose time is over is looked
-- up in its queue's `lease`: a lease that was renewed is to be noted, all else dropped (late).
-- turn(it): of those that run one after the other, whose turn it is; false: nobody's.
--@use turns grants limit_texts
local fronts = { s = 'asynq:{gofer-limits}:', q = base .. 'gofer:' }
local alone, whose = limits == 'asynq:gofer:limits', string.sub(base, 8, -3)
local known = alone or redis.call('EXISTS', limits) == 1
local now_us, seen, late, pauses = now[1] * 1000000 + now[2], {}, {}, nil
local now_ms, rules = math.floor(now_us / 1000), {}
-- Of a rate the starts that are left are as one whose place is taken a microsecond after another.
local function use_grant(it)
  local grant = read_grant(it.key)
  it.granted, it.full = grant, now_ms - grant.full < 1000
  if it.most then it.most = math.min(it.most, grant.goal) end
  if it.interval > 0 then
    it.interval, it.burst, it.tat = 1, 1000000, now_us + 1000000 - grant.left
  end
end
local function make(key, text, name)
  local ordered = is_ordered(key)
  if ordered then text = nil end
  local r = text and rules[text] or read(text)
  if text then rules[text] = r end
  local scope = (not alone or r.own or ordered or string.sub(key, 1, 6) == 'queue:') and 'q' or 's'
  local it = { key = key, none = r.none, name = name, text = text, over = r.over,
    most = ordered and 1 or r.most, ordered = ordered, scope = scope, front = fronts[scope],
    burst = r.burst, interval = r.interval, paused = 0, tat = 0 }
  if not alone and text and not r.none and not r.own and
      string.sub(key, 1, 6) ~= 'queue:' then
    use_grant(it)
  elseif it.interval > 0 then
    it.tat = tonumber(redis.call('HGET', it.front .. 'rate:' .. key, 'tat') or 0)
  end
  local rests = (alone and fronts.s or fronts.q) .. 'paused'
  pauses = pauses or redis.call('ZCOUNT', rests, '(' .. string.format('%.0f', now_ms), '+inf')
  if pauses > 0 then it.paused = tonumber(redis.call('ZSCORE', rests, key) or 0) end
  it.spent, seen[key] = it.tat, it
end
-- The numbers of many keys with one question.
local function make_all(several)
  local names, places, first = {}, {}, 1
  for i = 1, #several do
    places[i] = #names + 1
    add_names(names, several[i])
    if i == #several or #names > 1000 then
      local found = redis.call('HMGET', limits, unpack(names))
      for k = first, i do
        local n, last = places[k], k < i and places[k + 1] - 1 or #names
        while n < last and not found[n] do n = n + 1 end
        make(several[k], found[n], names[n])
      end
      names, first = {}, i + 1
    end
  end
end
local function look(key)
  if not seen[key] then make_all({ key }) end
  return seen[key]
end
local function turn(it)
  if it.turn == nil then
    local id = redis.call('HGET', base .. 'gofer:turns', it.key)
    it.turn = id and has_turn(base, it.key, id) and id
  end
  return it.turn
end
local function running(it)
  if it.ordered then return turn(it) and 1 or 0 end
  if it.running then return it.running end
  local run = it.front .. 'run:' .. it.key
  it.running = redis.call('ZCARD', run)
  local over = it.running > 0 and
    redis.call('ZRANGEBYSCORE', run, '-inf', now[1], 'LIMIT', 0, 1000) or {}
  for i = 1, #over do
    local of, id = string.match(over[i], '^([^\n]*)\n(.*)$')
    local lasts = of and redis.call('ZSCORE', 'asynq:{' .. of .. '}:lease', id)
    lasts = lasts and tonumber(lasts) > tonumber(now[1]) and lasts
    if not lasts then it.running = it.running - 1 end
    late[#late + 1] = { run, lasts, over[i] }
  end
  return it.running
end
