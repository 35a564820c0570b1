-- share_limits.lua - share out limits among the queues of a Cluster, at home: in the slot of the
-- limits.
-- ARGV: 1: all queues were looked at, how long leases last (ms), how many queues there are, then
-- of each its name and its time (µs; 0: it did not answer), then of each key its name, how many
-- queues said something of it, and of each its number among the queues and nine words of
-- look_at_grants.lua.
-- Answer: how many tasks wait, when to look again (ms), then of each queue that is told something
-- of a key six words: the numbers of the key and of the queue (from 1), the number of the look, how
-- many may run, how many more starts there are, letters (set_grants.lua).
-- What each queue may run of a key is noted here before it is told so, and is noted as less only
-- when a look at the queue has found it so. So the sum of what queues believe is never above the
-- sum of the notes, and that never grows above the limit.
-- Of a queue's note (asynq:gofer:{asynq:gofer:limits}:grants:<key>): how many it may run (may), the
-- number of the look that said so, of one that was lost how many run there unseen (unseen) until
-- when (until_ms), whose turn it is to have more than its share (extra, got_ms, had_ms), since when
-- it wants nothing (idle_ms), when it was last given a start (served), what is left of them (left),
-- and until when it gets nothing, since it does not use what it has (rest_ms). Under the empty
-- name: the time up to which starts are given away (µs).
-- Cost: O(q log q) for each key of q queues.

--@keys limits paused
--@args complete lease_ms queues
local now, waiting, soon_ms, out = redis.call('TIME'), 0, 5000, { 0, 0 }
local now_us = now[1] * 1000000 + now[2]
local now_ms, queue_names, times_of = math.floor(now_us / 1000), {}, {}
local GONE_MS, SLICE_MS, IDLE_MS, UNUSED_MS, REST_MS = 120000, 250, 5000, 1000, 3000
local PORTION_US = 125000
local NOTES = { 'may', 'number', 'unseen', 'until_ms', 'extra', 'got_ms', 'had_ms', 'idle_ms',
  'served', 'left', 'rest_ms' }
local WORDS = { 'fresh', 'number', 'goal', 'runs', 'waits', 'place', 'cost', 'left', 'age' }
--@use limit_texts
local function rule_of(key)
  local asked = {}
  add_names(asked, key)
  local found, at = redis.call('HMGET', limits, unpack(asked)), 1
  while at < #asked and not found[at] do at = at + 1 end
  local rule = found[at] and read(found[at])
  return rule and not rule.none and not rule.own and rule
end
local function read_notes(home)
  local all, notes, tat = redis.call('HGETALL', home), {}, 0
  for i = 1, #all, 2 do
    if all[i] == '' then tat = tonumber(all[i + 1])
    else
      local note, n = { queue = all[i] }, 0
      for word in string.gmatch(all[i + 1], '%S+') do
        n = n + 1
        if NOTES[n] then note[NOTES[n]] = tonumber(word) end
      end
      notes[all[i]] = note
    end
  end
  return notes, tat, #all > 0
end
local function write_notes(home, notes, tat)
  local any = false
  for queue, note in pairs(notes) do
    if note.gone then redis.call('HDEL', home, queue)
    else
      local words = {}
      for i = 1, #NOTES do words[i] = string.format('%.0f', note[NOTES[i]]) end
      redis.call('HSET', home, queue, table.concat(words, ' '))
      any = true
    end
  end
  if tat > now_us then
    redis.call('HSET', home, '', string.format('%.0f', tat))
    any = true
  end
  if any then redis.call('EXPIRE', home, 86400) else redis.call('DEL', home) end
end
-- What a look has found is so, unless one after it was heard of before. Of a queue that has lost
-- its grant, and with it what ran there, so many may run on as long as a lease lasts.
local function hear(note, said, rule)
  note.said = nil
  if said.number <= note.number then
    note.behind = true
    return
  end
  local has = math.max(said.runs, said.goal)
  if said.fresh == 1 and note.may > has and note.until_ms == 0 then
    note.unseen, note.until_ms = note.may - has, now_ms + (said.hold_ms or lease_ms)
  elseif note.until_ms > 0 and note.until_ms <= now_ms then
    note.unseen, note.until_ms = 0, 0
  end
  note.number, note.may, note.left, note.said = said.number, has + note.unseen, said.left, said
  note.has = has
  local unused = said.left > 0 or rule.interval == 0 and said.goal > said.runs
  if unused and said.waits > 0 and said.age >= UNUSED_MS then note.rest_ms = now_ms + REST_MS end
  note.rests = note.rest_ms > now_ms
  note.want = math.max(said.runs + (note.rests and 0 or said.waits),
    said.age < UNUSED_MS and said.goal or 0)
  if note.want > 0 then note.idle_ms = 0
  elseif note.idle_ms == 0 then note.idle_ms = now_ms end
end
-- Queues that have nothing of the key; and, where all have answered, those that are not there any
-- more. If only the list of them is lost it is soon made anew.
local function hear_silent(notes, spoken, rule)
  local absent = { fresh = 1, goal = 0, runs = 0, waits = 0, place = 0, cost = 1, left = 0,
    age = 0, absent = true }
  for queue, note in pairs(notes) do
    if not spoken[queue] then
      local said = {}
      for word, value in pairs(absent) do said[word] = value end
      said.number = times_of[queue]
      if not said.number and complete == '1' then
        said.number, said.hold_ms = note.number + 1, GONE_MS
      end
      note.more = 0
      if said.number then hear(note, said, rule) end
    end
  end
end
local function is_before(a, b, word)
  if a[word] ~= b[word] then return a[word] < b[word] end
  if a.said.place ~= b.said.place then return a.said.place < b.said.place end
  return a.queue < b.queue
end
-- What does not come out even goes to some, in turn: who has it keeps it for a while.
local function give_extras(some, count)
  for i = 1, #some do
    local one = some[i]
    one.keeps = one.extra == 1 and (one.got_ms == 0 or now_ms - one.got_ms < SLICE_MS)
  end
  table.sort(some, function(a, b)
    if a.keeps ~= b.keeps then return a.keeps end
    return is_before(a, b, 'had_ms')
  end)
  for i = 1, #some do
    local one = some[i]
    if i <= count then
      one.to = one.to + 1
      if one.extra == 0 then one.extra, one.got_ms = 1, 0 end
      if one.got_ms == 0 and one.has >= one.to then one.got_ms = now_ms end
    elseif one.extra == 1 then one.extra, one.got_ms, one.had_ms = 0, 0, now_ms end
  end
end
-- Evenly, but none more than it wants; what nobody wants stays for a while where it is.
local function divide(heard, room)
  table.sort(heard, function(a, b) return a.want < b.want end)
  local left, at = math.max(0, room), 1
  while at <= #heard and heard[at].want <= math.floor(left / (#heard - at + 1)) do
    local one = heard[at]
    one.to, left, at = one.want, left - one.want, at + 1
    if one.extra == 1 then one.extra, one.got_ms, one.had_ms = 0, 0, now_ms end
  end
  local share, some = math.floor(left / math.max(1, #heard - at + 1)), {}
  for i = at, #heard do
    heard[i].to, left, some[#some + 1] = share, left - share, heard[i]
  end
  if #some > 0 then give_extras(some, left) return end
  for i = 1, #heard do
    local one = heard[i]
    if one.said.goal > one.to and now_ms - one.idle_ms < IDLE_MS or one.want > 0 then
      local more = math.max(0, math.min(one.said.goal - one.to, left))
      one.to, left = one.to + more, left - more
    end
  end
end
local function share_places(rule, notes, heard)
  local room, free, running = rule.most, rule.most, 0
  for _, note in pairs(notes) do
    free = free - note.may
    room = room - (note.said and note.unseen or note.may)
    running = running + (note.said and note.said.runs + note.unseen or note.may)
  end
  -- Of a limit that was lowered: a place that is free is nobody's before all together are below it.
  local over = -free
  divide(heard, room)
  table.sort(heard, function(a, b) return is_before(a, b, 'had_ms') end)
  for i = 1, #heard do
    local one = heard[i]
    local more = math.max(0, math.min(one.to - one.has, free))
    free = free - more
    one.goal = math.min(one.to, one.has + more)
    if over > 0 then one.goal = math.max(0, math.min(one.to, one.said.goal, one.has - over)) end
    one.may = one.may + more
    if one.goal ~= one.said.goal then soon_ms = math.min(soon_ms, 25)
    elseif one.has > one.goal or one.goal < one.to then soon_ms = math.min(soon_ms, 100) end
  end
  return running >= rule.most
end
-- Starts of a rate, a task at a time in turn: what may start soon, and never much that is unused.
local function share_starts(rule, notes, heard, tat)
  local most, unused = math.max(1, math.floor(PORTION_US / rule.interval)), 0
  for _, note in pairs(notes) do unused = unused + note.left end
  local function avail()
    return math.floor((now_us + PORTION_US - math.max(tat, now_us)) / rule.interval) + rule.burst
  end
  table.sort(heard, function(a, b) return is_before(a, b, 'served') end)
  local gave = true
  for i = 1, #heard do
    local one = heard[i]
    one.places = rule.most and one.goal - one.said.runs or one.said.waits
    one.places = math.min(one.places, one.rests and 0 or one.said.waits) -
      math.ceil(one.left / one.said.cost)
  end
  while gave and unused < most do
    gave = false
    for i = 1, #heard do
      local one, cost = heard[i], heard[i].said.cost
      if one.places > 0 and unused < most and avail() >= math.min(cost, rule.burst) then
        tat = math.max(tat, now_us) + cost * rule.interval
        one.places, one.more, one.left = one.places - 1, one.more + cost, one.left + cost
        unused, one.served, gave, soon_ms = unused + cost, now_us, true,
          math.min(soon_ms, 25)
      end
    end
  end
  for i = 1, #heard do
    local one = heard[i]
    one.starved = one.more == 0 and one.left == 0 and avail() < math.min(one.said.cost, rule.burst)
    if one.places > 0 then soon_ms = math.min(soon_ms, 100) end
  end
  return tat
end
local function tell(key, queue, number, goal, more, letters)
  for _, word in ipairs({ key, queue, string.format('%.0f', number), goal, more, letters }) do
    out[#out + 1] = word
  end
end
local function tell_one(at, one, rule, full)
  local said, letters = one.said, ''
  if said.absent then
    one.gone = one.may == 0
    return
  end
  full = said.waits > 0 and rule.over ~= '0' and (rule.most and full or one.starved)
  if full then letters = letters .. 'f' end
  if said.left > 0 and said.age >= UNUSED_MS then
    letters, one.left = letters .. 'v', 0
  end
  if one.want + one.goal + one.has + one.left + said.left + one.unseen == 0 then
    one.gone, letters = true, 'd'
  end
  if letters ~= '' or one.goal ~= said.goal or one.more > 0 then
    tell(at, one.at, one.number, one.goal, one.more, letters)
  end
end
local function share(at, key, saids)
  local home, rule = 'asynq:gofer:{asynq:gofer:limits}:grants:' .. key, rule_of(key)
  if not rule then
    for i = 1, #saids do tell(at, saids[i].at, saids[i].number, 0, 0, 'd') end
    redis.call('DEL', home)
    return
  end
  local notes, tat, there = read_notes(home)
  local until_ms = tonumber(redis.call('ZSCORE', paused, key) or 0)
  local heard, spoken = {}, {}
  for i = 1, #saids do
    local said, queue = saids[i], queue_names[saids[i].at]
    local note = notes[queue]
    if not note then
      note = { queue = queue }
      for k = 1, #NOTES do note[NOTES[k]] = 0 end
      notes[queue] = note
    end
    spoken[queue], note.at, note.more = true, said.at, 0
    if said.waits > 0 and until_ms > now_ms then
      soon_ms = math.min(soon_ms, until_ms - now_ms + 1)
    elseif said.waits > 0 then waiting, soon_ms = waiting + said.waits, math.min(soon_ms, 250) end
    hear(note, said, rule)
    if note.said then heard[#heard + 1] = note
    else tell(at, said.at, note.number, 0, 0, 'n') end
  end
  hear_silent(notes, spoken, rule)
  if not there and complete ~= '1' then return end
  local full = false
  if rule.most then full = share_places(rule, notes, heard)
  else for i = 1, #heard do heard[i].goal = heard[i].said.goal end end
  if rule.interval > 0 and until_ms <= now_ms then tat = share_starts(rule, notes, heard, tat) end
  for _, note in pairs(notes) do
    if note.said then tell_one(at, note, rule, full) end
  end
  write_notes(home, notes, tat)
end
local a = FIXED_ARGS + 1
for i = 1, tonumber(queues) do
  queue_names[i], times_of[ARGV[a]] = ARGV[a], tonumber(ARGV[a + 1])
  a = a + 2
end
local at = 0
lease_ms = tonumber(lease_ms)
while a < #ARGV do
  local key, saids = ARGV[a], {}
  at = at + 1
  for i = 1, tonumber(ARGV[a + 1]) do
    local first = a + 2 + (i - 1) * 10
    local said = { at = tonumber(ARGV[first]) }
    for k = 1, #WORDS do said[WORDS[k]] = tonumber(ARGV[first + k]) end
    saids[i] = said
  end
  a = a + 2 + #saids * 10
  share(at, key, saids)
end
out[1], out[2] = waiting, soon_ms
return out
