-- take.lua - end tasks, then take new ones: the hot path.
-- KEYS: pending, active, lease, processed, paused, the line, scheduled, which limits count, the
-- steps of flows, then the hashes of the tasks to end, then who waits for ends.
-- ARGV: the tasks' prefix, how far a lease's score may be above what is known, how many to take,
-- the lease in ms, the token, "<Unix ms> <worker>", 1: tell what is left (+ 2: a suspect may be
-- taken, alone), how many locks, the lowest and the highest score known of the tasks to end, how
-- many bytes of messages (and one more), the longest message that can be read, the types that
-- are paused (lib/shut.lua; empty: none); then of each lock its task's number and name; then of
-- each run of tasks to end that were taken together: token, the score as known, how many; then of
-- tasks that are not simply done their number, the end's word, and the result (or none).
-- Answer: numbers of the tasks whose claim was lost; the score of the new leases, how many are left
-- (-1: not asked, -2: a suspect is next, -3: the queue needs its copy of the limits), ghosts,
-- numbers of tasks and their crashes in turn (less than 0: it is refused; 0: a key lacks a grant);
-- then of each task taken id, message (a number: the size of one that is too long), pending_since.
-- What is ended is checked one by one and removed all at once. Where all leases of the queue are in
-- the range that is right for all, their scores need not be asked one by one. In the list of active
-- tasks it is near the tail, where the oldest are: the tail is cut off, and the few in it that are
-- not meant are put back in their order; where others' tasks are many, each is removed by itself.
-- LTRIM and LREM need no memory, so the script also runs in full memory before Redis 7, where only
-- the first write is looked at. pcall: a key of a wrong type where a hash should be is a ghost or a
-- lost claim, and must not end the script between two writes. What is taken is read before it is
-- moved: a hash that cannot be had now (its slot is moving) ends the taking with nothing taken.
-- Numbers are passed as text, which is faster; so are loops by number, and that pending_since goes
-- before the claim comes: most hashes need not grow then.
-- A sorted set of up to 128 short members is one string that every look walks through; a member of
-- over 64 bytes makes it a tree, which is faster from some ten tasks on. It is gone at the script's
-- end. What stands in the line comes to pending first, as many as may be taken, so all else is as
-- it is without. Of a queue with limits (lib/admit.lua) those who have to wait leave pending first,
-- so again all else is as it is without: what is left at its end is who may start. Rights are asked
-- for where a command would be refused after something was written, or by what goes on without it.
-- Cost: O(log n) for each task.

--@use lease_end count unlock
--@keys pending active lease processed paused line=gofer:line scheduled limited=gofer:limited
--@keys steps=gofer:steps ...
--@args prefix reach want lease_ms claim worker flags locks lowest highest bytes longest
--@args shut
local try, K, A, call, pcall = pcall, KEYS, ARGV, redis.call, redis.pcall
local now, most, ends, lost = call('TIME'), tonumber(want), #K - FIXED_KEYS - 1, {}
local asked = most
local either, waited = call('EXISTS', paused, line, limited, steps, K[#K]) > 0, false
local of_flow = {}
local limits, gate = either and pcall('GET', limited), nil
if shut ~= '' and type(limits) ~= 'string' then
  limits = string.byte(shut) == 99 and string.sub(prefix, 1, -3) .. 'gofer:limits' or
    'asynq:gofer:limits'
end
if type(limits) == 'string' then
  local base = string.sub(prefix, 1, -3)
  --@use limits bring_back settle admit
  gate = { settle_all = settle_all, known = known, own_room = own_room, admit = admit, park = park,
    charge = charge, pass_on = pass_on, told = told, kept = kept, refused = refused,
    fields = fields }
end
if ends > 0 then
  local ids, mine, held, from, sub = {}, {}, 0, #prefix + 1, string.sub
  local above, lock_words = tonumber(reach), 2 * locks
  for i = 1, ends do ids[i] = sub(K[FIXED_KEYS + i], from) end
  if either then
    waited, of_flow = pcall('ZMSCORE', K[#K], unpack(ids)), pcall('HMGET', steps, unpack(ids))
    for i = 1, #waited do
      if waited[i] then call('EXISTS', sub(prefix, 1, -3) .. 'gofer:end:' .. ids[i]) end
    end
  end
  local right = call('ZCOUNT', lease, highest, '(' .. lowest + above) == call('ZCARD', lease)
  local scores = not right and call('ZMSCORE', lease, unpack(ids))
  local a, left, token, known, counts = FIXED_ARGS - 2 + lock_words, 0, nil, nil, {}
  for i = 1, ends do
    local id, ours = ids[i], right
    if left == 0 then
      a = a + 3
      token, known, left = A[a], tonumber(A[a + 1]), tonumber(A[a + 2])
    end
    left = left - 1
    if scores and scores[i] then
      local score = tonumber(scores[i])
      ours = score >= known and score < known + above
    end
    local was
    if gate then
      local f = pcall('HMGET', K[FIXED_KEYS + i], 'gofer:claim', 'gofer:limit')
      was, counts[i] = f[1], f[2]
    elseif ours then was = pcall('HGET', K[FIXED_KEYS + i], 'gofer:claim') end
    if ours and not mine[id] and was == token then
      mine[id], held = i, held + 1
    else
      lost[#lost + 1] = i
    end
  end
  local ended, others, gone, hashes, n = {}, {}, {}, {}, 0
  local tail = held > 4 and call('LRANGE', active, '-' .. held + 16, '-1') or {}
  for at = 1, #tail do
    local id = tail[at]
    local i = mine[id]
    if not i then
      others[#others + 1] = id
    elseif not ended[i] then
      n = n + 1
      ended[i], gone[n], hashes[n] = true, id, K[FIXED_KEYS + i]
    end
  end
  if n > #others then
    call('LTRIM', active, '0', '-' .. #tail + 1)
    if #others > 0 then call('RPUSH', active, unpack(others)) end
  else
    ended, gone, hashes, n = {}, {}, {}, 0
  end
  for i = 1, n < held and ends or 0 do
    local id = ids[i]
    if mine[id] == i and not ended[i] then
      if call('LREM', active, '-1', id) == 1 then
        n = n + 1
        ended[i], gone[n], hashes[n] = true, id, K[FIXED_KEYS + i]
      else
        lost[#lost + 1] = i
      end
    end
  end
  local counted, texts = {}, {}
  for i = 1, gate and ends or 0 do
    if ended[i] and counts[i] then
      counted[#counted + 1], texts[#texts + 1] = ids[i], counts[i]
    end
  end
  if n > 0 then
    call('ZREM', lease, unpack(gone))
    call('UNLINK', unpack(hashes))
    count(now, n, processed)
    for l = FIXED_ARGS + 1, FIXED_ARGS - 1 + lock_words, 2 do
      local i = tonumber(A[l])
      if ended[i] then unlock(A[l + 1], ids[i]) end
    end
    if waited then
      --@use notify
      local how, results, base = {}, {}, sub(prefix, 1, -3)
      for e = a + 3, #A, 3 do
        local i = tonumber(A[e])
        how[i], results[i] = A[e + 1], A[e + 1] == 'done' and A[e + 2]
      end
      for i = 1, ends do
        if ended[i] and (waited[i] or of_flow[i]) then
          notify(base, ids[i], how[i] or 'done', results[i])
        end
      end
    end
    if #counted > 0 then try(gate.settle_all, counted, texts) end
  end
elseif most > 0 then
  call('LLEN', active)
  call('ZCARD', lease)
end
if most == 0 then return {lost} end
if either and call('EXISTS', paused) == 1 then return {lost, 0, 0, 0, {}} end
local rung, stand, own, room_of_own = nil, either and pcall('ZCOUNT', line, '-inf',
  '(3536029394927616'), nil, nil
if gate then
  if not gate.known then return {lost, 0, -3, 0, {}} end
  local fine
  fine, room_of_own, own = try(gate.own_room, most)
  if not fine or room_of_own == 0 then return {lost, 0, 0, 0, {}} end
  most, want = room_of_own, tostring(room_of_own)
end
if type(stand) == 'number' and stand > 0 then
  --@use draw ring
  draw(prefix, most, now)
  rung = ring
end
if gate then
  if not try(gate.admit, most, rung) then return {lost, 0, 0, 0, {}} end
  gate.park()
  want = tostring(#gate.kept)
  if #gate.kept == 0 then
    gate.pass_on()
    if rung then rung(prefix) end
    return {lost, 0, call('LLEN', pending), 0, gate.told()}
  end
end
local popped, tasks, keys = call('LRANGE', pending, '-' .. want, '-1'), {}, {}
local size, first, room, readable = #popped, #popped, tonumber(bytes), tonumber(longest)
local how, rest = tonumber(flags), nil
if size == 0 then return {lost, 0, 0, 0, {}} end
for i = size, 1, -1 do
  local key = prefix .. popped[i]
  local task = gate and gate.fields[popped[i]] or
    pcall('HMGET', key, 'msg', 'pending_since', 'gofer:crashes')
  if task.err and not string.find(task.err, 'WRONGTYPE', 1, true) then
    return {lost, 0, 0, 0, {}}
  end
  if task[3] and string.find(task[3], ' ', 1, true) then
    if i < size then rest = -2 break end
    if how < 2 then
      if gate then gate.pass_on() end
      return {lost, 0, -2, 0, {}}
    end
    room, rest = 0, 0
  end
  first, keys[i], tasks[i] = i, key, task
  room = room - (task[1] and #task[1] or 0)
  if room <= 0 then break end
end
local cut = size - first + 1
call('LTRIM', pending, '0', '-' .. cut + 1)
local score = lease_end(now, lease_ms)
local n, taken, members, crashes = 0, {}, {}, gate and gate.told() or {}
local out = {lost, score, -1, 0, crashes}
local long = cut >= 16 and string.rep('-', 65)
if long then members[1], members[2] = score, long end
local m = #members
for i = size, first, -1 do
  local id, key, task = popped[i], keys[i], tasks[i]
  local msg, since = task[1], task[2]
  if msg then
    n = n + 1
    if since then call('HDEL', key, 'pending_since') end
    call('HSET', key, 'state', 'active', 'gofer:claim', claim, 'gofer:worker', worker)
    taken[n], members[m + 1], members[m + 2], m = id, score, id, m + 2
    out[3 * n + 3], out[3 * n + 4], out[3 * n + 5] = id, #msg <= readable and msg or #msg, since
    if task[3] then crashes[#crashes + 1], crashes[#crashes + 2] = n, task[3] end
    if gate and gate.refused[id] then crashes[#crashes + 1], crashes[#crashes + 2] = -n, '' end
  elseif not task.err then
    call('DEL', key)
  end
end
if n > 0 then
  call('LPUSH', active, unpack(taken))
  call('ZADD', lease, unpack(members))
  if long then call('ZREM', lease, long) end
  if gate then gate.charge(taken, score, own) end
end
if gate then gate.pass_on() end
if rung then rung(prefix) end
if rest then out[3] = rest
elseif gate and n == room_of_own and n < asked then out[3] = 0
elseif rung then out[3] = call('LLEN', pending) + call('ZCOUNT', line, '-inf', '(3536029394927616')
elseif gate then out[3] = call('LLEN', pending)
elseif size < most and cut == size then out[3] = 0
elseif n < most or how % 2 == 1 then out[3] = call('LLEN', pending) end
out[4] = cut - n
return out
