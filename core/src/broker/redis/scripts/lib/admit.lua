-- For take.lua, of a queue with limits. admit(amount, lined) looks at who is next in pending, at
-- most 4 * amount + 64 tasks: those that may start, in their order, and who has to wait for which
-- key (lined: others may be before those that come then). It reads only, and at once what take.lua
-- asks of each (fields). park() takes the latter out of the line, charge() counts those that were
-- taken, and pass_on() brings back others who wait for the other keys of those who were put aside.
-- Who waits stands in the line, in a lane behind all that may be taken, so that it is pending to
-- all who look; and in held:<key> in the order in which they are brought back: their priority, then
-- the time since which they are pending, in steps of 32 µs since 2025. Of one batch all have the
-- same time: each comes behind the one before.
-- Of those that run one after the other it is the turn of the one that is looked at first, from
-- then on, whatever else it waits for; they wait in the order in which they are looked at. Where it
-- is nobody's turn and some wait, for a Go program has ended the one before, these are first. So
-- they are where any key has room again, for its limit grew or its time has come: who was not
-- brought back waits behind them, and they are brought back.
-- A key that all queues of a Cluster count for may have room that this one was not granted: who
-- meets it waits until it is known to be full, and the answer says that one does (told).
-- full(it, cost, id): false: one of this cost may start; else when that is worth another look (ms),
-- and whether others have to end first.
-- shut: the types that are paused, as take.lua has them; who is of one waits for it. A breaker that
-- is half open has marked those that may pass (wake.lua): the mark is gone when one is taken.
--@use limits bring_back write_grant shut flag
local turns, passes = {}, {}
local function others_wait(it)
  if it.waited == nil then
    it.waited = redis.call('EXISTS', it.front .. 'held:' .. it.key) == 1
    if it.waited then passes[#passes + 1] = it end
  end
  return it.waited
end
local function full_of(it, id)
  local one = turn(it)
  if one == id then return false end
  return (one or others_wait(it)) and now_ms + 5000, true
end
local function full(it, cost, id)
  if it.paused > now_ms then return it.paused end
  if it.ordered then return full_of(it, id) end
  if it.most and running(it) >= it.most then return now_ms + 5000, true end
  local at = it.interval > 0 and room_at(it, cost)
  return at and at > now_us and (it.granted and now_ms + 5000 or math.ceil(at / 1000))
end
local function begin(it, cost)
  if it.running then it.running = it.running + 1 end
  if it.interval > 0 then it.tat = math.max(it.tat, now_us) + cost * it.interval end
end
local own_key = 'queue:' .. whose
local kept, aside, starts, refused, looked, last_rank = {}, {}, {}, {}, 0, nil
local known_wants, places, victims, fields, helds = {}, {}, {}, {}, {}
local lacks = false
local function wants(text)
  local w = known_wants[text]
  if w then return w end
  local cost, keys = string.match(text, '^(%d+)b? (.*)$')
  w = { cost = tonumber(cost or 1) }
  for key in string.gmatch(keys or '', '[^\n]+') do w[#w + 1] = look(key) end
  known_wants[text] = w
  return w
end
local function own_room(amount)
  local it = look(own_key)
  if it.paused > now_ms then return 0, it end
  if it.most then
    amount = math.min(amount, it.most - redis.call('ZCOUNT', lease, '(' .. now[1], '+inf'))
  end
  if it.interval > 0 then
    amount = math.min(amount, it.burst, it.burst + math.floor((now_us - it.tat) / it.interval))
  end
  return math.max(amount, 0), it
end
-- Its place among those that wait for the key: the one that it has, where Go has brought it to
-- pending before its turn. Those of one batch are more than its time has room for: they stand
-- beyond the beginning of the next one's, which comes behind them.
local function place_of(it, id, lane, since, held)
  local has = held == it.scope .. it.key and
    redis.call('ZSCORE', it.front .. 'held:' .. it.key, whose .. '\n' .. id)
  if has then return has end
  local raw = math.max(0, math.floor((tonumber(since or '') or now_us * 1000) / 32000) -
    54240300000000)
  local first = string.match(lane or '100', '^%d+') * 35184372088832
  local low, width, of_lane = first + raw, 8192, it.scope .. it.key .. ' ' .. first
  if held == '' then return low end
  if it.ordered then width = 35184372088831 else first = low end
  local name, latest = of_lane .. ' ' .. first, places[of_lane] or 0
  places[name] = places[name] or redis.call('ZREVRANGEBYSCORE', it.front .. 'held:' .. it.key,
    string.format('%.0f', first + width), string.format('%.0f', first), 'WITHSCORES', 'LIMIT', 0,
    1)[2]
  local last = math.max(places[name] or 0, latest <= first + width and latest or 0)
  places[name] = math.max(low, last + 1)
  places[of_lane] = places[name]
  return places[name]
end
-- Who runs longest of the key and has not been asked to stop.
local function oldest_of(it)
  if not it.oldest then
    it.oldest = {}
    for _, one in ipairs(redis.call('ZRANGE', it.front .. 'run:' .. it.key, 0, 999)) do
      local queue, id = string.match(one, '^([^\n]*)\n(.*)$')
      local task = 'asynq:{' .. (queue or whose) .. '}:t:' .. (id or '')
      local f = redis.pcall('HMGET', task, 'gofer:worker', 'gofer:claim', 'gofer:cancel')
      local since = tonumber(string.match(f[1] or '', '^%d+'))
      if since and f[2] and f[2] ~= f[3] then
        table.insert(it.oldest, { since = since, task = task, id = id, claim = f[2] })
      end
    end
    table.sort(it.oldest, function(a, b) return a.since < b.since end)
  end
  return table.remove(it.oldest, 1)
end
local function put_aside(id, it, next_ms, others, w, f)
  local rank = last_rank
  if not rank then
    rank = redis.call('ZREVRANGEBYSCORE', line, '+inf', '3536029394927616', 'WITHSCORES', 'LIMIT',
      0, 1)[2] or 3536029394927616
  end
  last_rank = rank + 1
  local is_full = not it.granted or it.full
  lacks = lacks or it.granted ~= nil
  if others and is_full and it.over == '2' then victims[#victims + 1] = oldest_of(it) end
  aside[#aside + 1] = { id = id, it = it, next_ms = next_ms, others = others, wants = w,
    rank = last_rank, held = f[5], place = place_of(it, id, f[6], f[2], f[5]) }
end
-- Of all of these at once, so that few questions are asked: what they count for, and whether
-- anything runs of it.
local function learn_turns(ordered)
  for from = 1, #ordered, 1000 do
    local to, free, held = math.min(from + 999, #ordered), {}, {}
    local ids = redis.call('HMGET', base .. 'gofer:turns', unpack(ordered, from, to))
    for i = from, to do
      local it, id = seen[ordered[i]], ids[i - from + 1]
      it.turn = id and has_turn(base, it.key, id) and id
      if not id then free[#free + 1], held[#held + 1] = it, it.front .. 'held:' .. it.key end
    end
    if #free > 0 and redis.call('EXISTS', unpack(held)) == 0 then
      for i = 1, #free do free[i].waited = false end
    end
  end
end
local function there_is_none(names)
  return #names > 0 and #names <= 3000 and redis.call('EXISTS', unpack(names)) == 0
end
local function learn(some)
  local new, keys, runs, held, ordered = {}, {}, {}, {}, {}
  for i = #some, 1, -1 do
    local f = redis.pcall('HMGET', prefix .. some[i], 'msg', 'pending_since', 'gofer:crashes',
      'gofer:limit', 'gofer:held', 'gofer:lane')
    if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end
    fields[some[i]] = f
    local text = f[4]
    if text and not known_wants[text] and not new[text] then
      new[text] = true
      for key in string.gmatch(string.match(text, ' (.*)$') or '', '[^\n]+') do
        if not seen[key] and not new[' ' .. key] then keys[#keys + 1] = key end
        new[' ' .. key] = true
      end
    end
  end
  make_all(keys)
  for i = 1, #keys do
    local it = look(keys[i])
    if it.ordered then ordered[#ordered + 1] = it.key
    else
      held[#held + 1] = it.front .. 'held:' .. it.key
      if it.most then runs[#runs + 1] = it.front .. 'run:' .. it.key end
    end
  end
  learn_turns(ordered)
  local free, idle = there_is_none(held), there_is_none(runs)
  for i = 1, free and #keys or 0 do
    local it = look(keys[i])
    if not it.ordered then it.waited = false end
  end
  for i = 1, idle and #keys or 0 do look(keys[i]).running = 0 end
end
local shut_until, shut_names, shut_episodes = shut_of(shut)
local gates, lets = {}, {}
local function type_of(m)
  local i = 1
  --@use varint
  while i <= #m do
    local tag = number()
    local kind, size = tag and tag % 8
    if kind == 0 then size = number() and 0
    elseif kind == 1 then size = 8
    elseif kind == 5 then size = 4
    elseif kind == 2 then size = number()
    else return '' end
    if not size then return '' end
    if tag == 10 then return string.sub(m, i, i + size - 1) end
    i = i + size
  end
  return ''
end
-- The gate that shuts its type; nil: none does. It is looked at soon once, for the process that
-- takes may not know yet that it is open.
local function shut_gate(m)
  local its = #shut_names > 0 and m and type_of(m)
  for i = 1, its and #shut_names or 0 do
    local name = shut_names[i]
    local star = string.sub(name, -1) == '*'
    if its == name or star and string.sub(its, 1, #name - 1) == string.sub(name, 1, -2) then
      gates[name] = gates[name] or { key = 'type:' .. name, scope = 'q', front = fronts.q,
        episode = shut_episodes[name], next_ms = shut_until[name] > now_ms and
          math.min(shut_until[name], now_ms + 1500) or now_ms + 500 }
      return gates[name]
    end
  end
end
local function admit_one(id)
  local f = fields[id]
  local shutter = not f.err and shut_gate(f[1])
  if shutter and shutter.episode and
      redis.call('HGET', prefix .. id, 'gofer:let') == shutter.episode then
    shutter, lets[id] = nil, true
  end
  if f.err or not (f[4] or shutter) then
    kept[#kept + 1] = id
    return
  end
  local w = f[4] and wants(f[4]) or { cost = 1 }
  for i = 1, #w do
    if shutter and not w[i].ordered then break end
    local next_ms, others = full(w[i], w.cost, id)
    local queues = not w[i].ordered and w[i].over ~= '1' and f[5] ~= ''
    if queues and not next_ms and others_wait(w[i]) then next_ms = now_ms end
    local waits = w[i].over ~= '1' or w[i].paused > now_ms or w[i].granted and not w[i].full
    if next_ms and waits then
      put_aside(id, w[i], next_ms, others, w, f)
      return
    elseif next_ms then
      kept[#kept + 1], refused[id] = id, true
      helds[id] = f[5]
      return
    elseif w[i].ordered and turn(w[i]) ~= id then
      w[i].turn = id
      turns[#turns + 1], turns[#turns + 2] = w[i].key, id
    end
  end
  if shutter then
    put_aside(id, shutter, shutter.next_ms, false, w, f)
    return
  end
  for i = 1, #w do begin(w[i], w.cost) end
  kept[#kept + 1], starts[id], helds[id] = id, w, f[5]
end
local function admit(amount, lined)
  local bound = lined and amount or 4 * amount + 64
  redis.call('ZCARD', scheduled)
  redis.call('ZCARD', line)
  while #kept < amount and looked < bound do
    local n = math.min(bound - looked, math.max(amount - #kept, 32))
    local some = redis.call('LRANGE', pending, -looked - n, -looked - 1)
    learn(some)
    for i = #some, 1, -1 do
      if #kept == amount then break end
      looked = looked + 1
      admit_one(some[i])
    end
    if #some < n then break end
  end
  for i = 1, #aside do
    redis.call('ZCARD', aside[i].it.front .. 'held:' .. aside[i].it.key)
  end
end
local function forget_held(id, held)
  if held and held ~= '' then
    redis.call('ZREM', fronts[string.sub(held, 1, 1)] .. 'held:' .. string.sub(held, 2),
      whose .. '\n' .. id)
    redis.call('ZREM', line, id)
  end
end
-- One look in so many minutes at who of them is at his end, and nobody has told.
local function write_turns()
  local keys = {}
  for i = 1, #turns, 2 do keys[i], keys[i + 1] = 0, turns[i] end
  for i = 1, #turns, 1000 do
    local last = math.min(i + 999, #turns)
    redis.call('HSET', base .. 'gofer:turns', unpack(turns, i, last))
    redis.call('ZADD', base .. 'gofer:keys', unpack(keys, i, last))
  end
  if #turns > 0 then
    redis.call('ZADD', base .. 'gofer:wakes', 'NX', string.format('%.0f', now_ms + 60000), 't')
  end
end
-- Pairs of numbers and words for the answer: a key had no room here, but may have it elsewhere.
local function told() return lacks and { 0, '' } or {} end
local announce = 'PUBLISH'
local function park()
  mend()
  write_turns()
  if #aside == 0 then return end
  redis.call('LTRIM', pending, '0', '-' .. looked + 1)
  local back = {}
  for i = #kept, 1, -1 do back[#back + 1] = kept[i] end
  if #back > 0 then redis.call('RPUSH', pending, unpack(back)) end
  if next(gates) then flag(limits) end
  local ranks, times, wakes = {}, {}, base .. 'gofer:wakes'
  local later = string.format('%.0f', now[1] + 3600)
  for i = 1, #aside do
    local a, it = aside[i], aside[i].it
    local rank, wake = string.format('%.0f', a.rank), it.scope .. it.key
    forget_held(a.id, a.held)
    ranks[2 * i - 1], ranks[2 * i], times[2 * i - 1], times[2 * i] = rank, a.id, later, a.id
    redis.call('HSET', prefix .. a.id, 'state', 'scheduled', 'gofer:rank', rank, 'gofer:held', wake)
    redis.call('ZADD', it.front .. 'held:' .. it.key, string.format('%.0f', a.place),
      whose .. '\n' .. a.id)
    if not it.waits then
      it.waits = true
      redis.call('ZADD', it.front .. 'keys', 0, it.key)
      if a.others then
        redis.call('ZADD', wakes, 'NX', string.format('%.0f', a.next_ms), wake)
      else
        redis.call('ZADD', wakes, string.format('%.0f', math.max(a.next_ms, now_ms + 10)), wake)
      end
    end
  end
  for i = 1, #ranks, 1000 do
    redis.call('ZADD', line, unpack(ranks, i, math.min(i + 999, #ranks)))
    redis.call('ZADD', scheduled, unpack(times, i, math.min(i + 999, #times)))
  end
  for i = 1, #victims do
    redis.call('HSET', victims[i].task, 'gofer:cancel', victims[i].claim)
    redis.pcall(announce, 'asynq:cancel', victims[i].id)
  end
end
-- All that were taken, with leases until then. What has no limit counts for its queue, too, in case
-- it gets one of that scope; who ends it when it has got one of the other does not know of that.
local function charge(taken, score, own)
  local runs, keys, names, free = {}, { s = {}, q = {} }, {}, {}
  local function run(front, it, id)
    local name = front .. 'run:' .. it.key
    if not runs[name] then runs[name], names[#names + 1] = {}, name end
    local members = runs[name]
    members[#members + 1], members[#members + 2] = score, whose .. '\n' .. id
  end
  for i = 1, #taken do
    local id = taken[i]
    local w = starts[id]
    if not refused[id] and own.interval > 0 then
      own.spent, own.charged = math.max(own.spent, now_us) + own.interval, true
    end
    if lets[id] then redis.call('HDEL', prefix .. id, 'gofer:let') end
    if helds[id] then
      redis.call('HDEL', prefix .. id, 'gofer:held')
      forget_held(id, helds[id])
    end
    for k = 1, w and #w or 0 do
      local it = w[k]
      if not it.lists and not it.ordered then
        it.lists = true
        table.insert(keys[it.scope], 0)
        table.insert(keys[it.scope], it.key)
      end
      if not it.ordered then run(it.front, it, id) end
      if it.none and alone and not it.ordered then
        run(fronts.q, it, id)
        free[fronts.q .. 'run:' .. it.key] = true
      end
      if it.interval > 0 then
        it.spent, it.charged = math.max(it.spent, now_us) + w.cost * it.interval, true
      end
    end
  end
  for _, name in ipairs(names) do
    local members = runs[name]
    local long = #members > 32 and string.rep('-', 65)
    if long then redis.call('ZADD', name, score, long) end
    for k = 1, #members, 1000 do
      redis.call('ZADD', name, unpack(members, k, math.min(k + 999, #members)))
    end
    if long then redis.call('ZREM', name, long) end
    if free[name] then redis.call('EXPIREAT', name, string.format('%.0f', score + 86400)) end
  end
  for scope, some in pairs(keys) do
    for k = 1, #some, 1000 do
      redis.call('ZADD', fronts[scope] .. 'keys', unpack(some, k, math.min(k + 999, #some)))
    end
  end
  for _, it in pairs(seen) do
    if it.granted and (it.charged or it.lists and now_ms - it.granted.given > 250) then
      if it.charged then it.granted.left = math.max(0, now_us + it.burst - it.spent) end
      it.granted.given = now_ms
      write_grant(it.key, it.granted)
    elseif it.charged then
      local rate = it.front .. 'rate:' .. it.key
      redis.call('HSET', rate, 'tat', string.format('%.0f', it.spent))
      redis.call('EXPIREAT', rate, string.format('%.0f', math.ceil(it.spent / 1000000) + 1))
    end
  end
end
local function pass_on()
  local rooms, others = {}, {}
  for i = 1, #aside do
    for _, it in ipairs(aside[i].wants) do
      if it ~= aside[i].it and not it.ordered then
        if not rooms[it] then others[#others + 1] = it end
        rooms[it] = (rooms[it] or 0) + 1
      end
    end
  end
  for _, it in ipairs(others) do
    if not full(it, 1) then bring_back(it, rooms[it], it.scope) end
  end
  for i = 1, #passes do
    local it = passes[i]
    bring_back(it, it.ordered and 1 or asked, it.scope)
  end
  mend()
end
