-- set_grants.lua - give a queue what it is granted of limits, or take it away.
-- ARGV: the tasks' prefix, then of each key five words: the key, the number of the look by which it
-- was decided, how many may run, how many more starts there are, letters: d: it has no grant any
-- more; v: what is left of its starts is void; f: the whole limit is full; n: nothing is given, but
-- the next look must have a number above this one.
-- Answer: how many tasks were brought back, 1: the queue needs its copy of the limits first.
-- Nothing is given by a look after which there was another. Those who may start now are brought
-- back; where the whole limit is full, those who are to be refused, or for whom others are asked to
-- stop, too: the take that meets them does that.
-- Cost: O(log n) for each task brought back.

--@keys limited=gofer:limited grants=gofer:grants wakes=gofer:wakes
local now, base, moved = redis.call('TIME'), string.sub(ARGV[1], 1, -3), 0
local limits = redis.call('GET', limited) or base .. 'gofer:limits'
redis.call('HLEN', grants)
redis.call('ZCARD', wakes)
--@use bring_back write_grant
local function wake(key, grant, amount, now_full)
  if not known then
    redis.call('ZADD', wakes, 'XX', 0, 'q' .. key)
    return
  end
  local it = look(key)
  if now_full and grant.there and (it.over == '1' or it.over == '2') then
    it.most, it.interval, amount = nil, 0, 500
  end
  if amount > 0 then
    moved = moved + bring_back(it, math.min(amount, 500), 'q')
    mend()
  end
end
local function set(key, number, goal, more, letters)
  local function has(letter) return string.find(letters, letter, 1, true) end
  local grant = read_grant(key)
  if has('n') then
    grant.number = math.max(grant.number, number)
    write_grant(key, grant)
  elseif grant.number ~= number then return
  elseif has('d') then redis.call('HDEL', grants, key)
  else
    local amount = math.max(0, goal - grant.goal) + more
    local now_full = has('f') and now_ms - grant.full >= 1000
    grant.goal, grant.left = goal, (has('v') and 0 or grant.left) + more
    if amount > 0 then grant.given = now_ms end
    if has('f') then grant.full = now_ms end
    write_grant(key, grant)
    if amount > 0 or now_full then wake(key, grant, amount, now_full) end
  end
end
for i = 2, #ARGV, 5 do
  set(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), ARGV[i + 4])
end
return { moved, known and 0 or 1 }
