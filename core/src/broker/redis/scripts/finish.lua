-- finish.lua - outcomes that write a task again.
-- KEYS: pending, active, lease, processed, failed, retry, archived, completed, who waits for ends,
-- scheduled, the line, which limits count, the steps of flows.
-- ARGV: the tasks' prefix, how many to trim; then of each item eleven: what (completed c, with a
-- result C, r, a, cancelled x, put back q), id, token, the lease's score as known and how far it
-- may be above, the new score or the retention, 1: a failure, the message (empty: as it is), the
-- result (of C) or an error to stand beside the message (of a; else empty), the unique lock to be
-- freed (of c, C, a, x; else empty), and how many pairs follow of what is kept beside the task: b
-- the blame of a suspect, h history, l log, k checkpoint, d none any more (of an empty text). How
-- many to trim is negative where a full memory is to refuse it: then the first write is one that
-- needs memory.
-- Answer: numbers of items whose claim was lost, and negative ones of those that were to run again
-- although somebody has asked for their end; then how many tasks the archive had no room for. The
-- types of all keys are looked at, and all claims read, before the first write, which then finds
-- nothing to stumble over: not even a slot that is moving away.
-- Cost: for each item O(log n), and O(n) of active from its tail.

--@use count unlock free trim keep notify
--@keys pending active lease processed failed retry archived completed waits=gofer:waits
--@keys scheduled line=gofer:line limited=gofer:limited steps=gofer:steps
--@use enline ring
local now, base = redis.call('TIME'), string.sub(ARGV[1], 1, -3)
local lost, successes, cancelled, failures, archives = {}, 0, 0, 0, 0
local ends = { c = 'done', C = 'done', a = 'archived', x = 'cancelled' }
redis.call('LLEN', pending)
redis.call('ZCARD', retry)
redis.call('ZCARD', archived)
redis.call('ZCARD', completed)
redis.call('ZCARD', scheduled)
redis.call('ZCARD', line)
local claims, asked, lanes, keys, items, at = {}, {}, {}, {}, {}, 3
local limits, counted, texts = redis.call('GET', limited), {}, {}
local waited, lined = redis.call('EXISTS', waits, steps) > 0, false
while at < #ARGV do
  local task = redis.pcall('HMGET', ARGV[1] .. ARGV[at + 1], 'gofer:claim', 'gofer:cancel',
    'gofer:lane', 'gofer:limit')
  if task.err and not string.find(task.err, 'WRONGTYPE', 1, true) then return task end
  if waited and ends[ARGV[at]] then redis.call('EXISTS', base .. 'gofer:end:' .. ARGV[at + 1]) end
  claims[at], asked[at], lanes[at], items[#items + 1] = task[1], task[2], task[3], at
  keys[at] = limits and task[4]
  at = at + 11 + 2 * ARGV[at + 10]
end
for _, a in ipairs(items) do
  if tonumber(ARGV[2]) < 0 and claims[a] == ARGV[a + 2] then
    redis.call('HSET', ARGV[1] .. ARGV[a + 1], 'gofer:claim', claims[a])
    break
  end
end
for number, a in ipairs(items) do
  local what, id, known, score = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 3]), ARGV[a + 5]
  local key, msg, extra = ARGV[1] .. id, ARGV[a + 7], ARGV[a + 8]
  local completes = what == 'c' or what == 'C'
  local lasts = tonumber(redis.call('ZSCORE', lease, id) or nil)
  local ours = lasts and lasts >= known and lasts < known + ARGV[a + 4] and claims[a] == ARGV[a + 2]
  if ours and asked[a] == ARGV[a + 2] and (what == 'r' or what == 'q') then
    lost[#lost + 1] = -number
  elseif ours and redis.call('LREM', active, -1, id) == 1 then
    redis.call('ZREM', lease, id)
    if keys[a] then counted[#counted + 1], texts[#texts + 1] = id, keys[a] end
    redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel',
      completes and 'gofer:ckpt' or 'gofer:claim')
    if what == 'q' then
      if lanes[a] then
        enline(ARGV[1], id, lanes[a], now, true)
        lined = true
      else
        redis.call('RPUSH', pending, id)
        redis.call('HSET', key, 'state', 'pending')
      end
      if msg ~= '' then redis.call('HSET', key, 'msg', msg) end
    else
      local to, state
      if completes then
        to, state, score = completed, 'completed', string.format('%.0f', now[1] + score)
      elseif what == 'r' then to, state = retry, 'retry'
      else to, state, score, archives = archived, 'archived', now[1], archives + 1 end
      redis.call('ZADD', to, score, id)
      if msg == '' then redis.call('HSET', key, 'state', state)
      else redis.call('HSET', key, 'state', state, 'msg', msg) end
      if what == 'C' then redis.call('HSET', key, 'result', extra)
      elseif extra ~= '' then redis.call('HSET', key, 'gofer:error', extra) end
      if completes then successes = successes + 1
      elseif what == 'x' then cancelled = cancelled + 1
      elseif ARGV[a + 6] == '1' then failures = failures + 1 end
      if ARGV[a + 9] ~= '' then unlock(ARGV[a + 9], id) end
    end
    for p = a + 11, a + 9 + 2 * ARGV[a + 10], 2 do
      local kind, text = ARGV[p], ARGV[p + 1]
      if kind == 'h' then keep(key, 'gofer:attempts', text)
      elseif kind == 'l' then keep(key, 'gofer:log', text)
      elseif kind == 'b' then
        redis.call('HDEL', key, 'gofer:proven')
        redis.call('HSET', key, 'gofer:crashes', text)
      elseif kind == 'k' then redis.call('HSET', key, 'gofer:ckpt', text)
      else redis.call('HDEL', key, 'gofer:ckpt') end
    end
    if waited and ends[what] then notify(base, id, ends[what], what == 'C' and extra) end
  else
    lost[#lost + 1] = number
  end
end
if #counted > 0 then
  --@use settle
  pcall(settle_all, counted, texts)
end
if lined then ring(ARGV[1]) end
if successes + cancelled > 0 then count(now, successes + cancelled, processed) end
if failures > 0 then count(now, failures, processed, failed) end
return { lost, archives > 0 and trim(archived, ARGV[1], now, math.abs(ARGV[2])) or 0 }
