-- wake.lua - bring back who waits for limit keys that have room.
-- ARGV: the tasks' prefix, how many keys to look at, the types that are paused (lib/shut.lua), how
-- many of those that a breaker holds are let through, and the type that it is of (empty: of none).
-- Answer: TIME's two words, how many were brought back, when to look again (Unix ms; empty: nobody
-- waits), 1: the queue needs its copy of the limits first; how many were let through.
-- What no step tells of is found here: a lease that ran out, a rate whose time has come, a pause
-- that is over, new numbers. Each key in wakes is one that tasks of this queue may wait for, with
-- the time of the next look; `t` among them: at those that run one after the other, of which it is
-- the turn of one that is at its end and that nobody waits behind. Some are looked at, and soon
-- again where many were so.
-- Cost: O(log n) for each task brought back.

--@keys limited=gofer:limited wakes=gofer:wakes
local now, base, moved = redis.call('TIME'), string.sub(ARGV[1], 1, -3), 0
local limits = redis.call('GET', limited)
if not limits then
  redis.call('DEL', wakes)
  return { now[1], now[2], 0, '', 0, 0 }
end
--@use bring_back shut
local shut_until, _, shut_episodes = shut_of(ARGV[3])
local let = 0
if not known then return { now[1], now[2], 0, '', 1, 0 } end
local function look_at_turns()
  local turns, n = base .. 'gofer:turns', 0
  local before = redis.call('HLEN', turns)
  for _, key in ipairs(redis.call('HRANDFIELD', turns, 100)) do
    n = n + pass_turn(base, key, now)
  end
  local after = redis.call('HLEN', turns)
  return n, after > 0, now_ms + (before - after >= 25 and 1000 or 60000)
end
-- Of those who wait the first get a mark, with which they are taken.
local function let_through(scope, it, most, episode)
  local held, n = fronts[scope] .. 'held:' .. it.key, 0
  for _, one in ipairs(redis.call('ZRANGE', held, 0, most - 1)) do
    local queue, id = string.match(one, '^([^\n]*)\n(.*)$')
    local task = 'asynq:{' .. (queue or whose) .. '}:t:' .. (id or '')
    if redis.pcall('HGET', task, 'gofer:held') == scope .. it.key then
      redis.call('HSET', task, 'gofer:let', episode)
      n = n + 1
    end
  end
  local back = bring_back(it, most, scope)
  mend()
  let = let + n
  return back, redis.call('EXISTS', held) == 1, now_ms + 500
end
local function look_at(scope, it)
  local its, amount = string.match(it.key, '^type:(.*)$') or '', 500 - moved
  local until_ms, most = shut_until[its], tonumber(ARGV[4]) - let
  if until_ms then
    if its == ARGV[5] and most > 0 and shut_episodes[its] then
      return let_through(scope, it, most, shut_episodes[its])
    end
    return 0, true, until_ms > now_ms and math.min(until_ms, now_ms + 60000) or now_ms + 500
  end
  local n, next_ms = bring_back(it, amount, scope)
  mend()
  if n == amount then next_ms = now_ms end
  return n, redis.call('EXISTS', fronts[scope] .. 'held:' .. it.key) == 1, next_ms
end
local due = redis.call('ZRANGEBYSCORE', wakes, '-inf', string.format('%.0f', now_ms), 'LIMIT', 0,
  ARGV[2])
for i = 1, #due do
  local n, waits, next_ms
  if due[i] == 't' then n, waits, next_ms = look_at_turns()
  else n, waits, next_ms = look_at(string.sub(due[i], 1, 1), look(string.sub(due[i], 2))) end
  moved = moved + n
  if not waits then redis.call('ZREM', wakes, due[i])
  else
    next_ms = math.max(next_ms or now_ms + 5000, now_ms + 10)
    redis.call('ZADD', wakes, string.format('%.0f', next_ms), due[i])
  end
  if moved >= 500 then break end
end
return { now[1], now[2], moved, redis.call('ZRANGE', wakes, 0, 0, 'WITHSCORES')[2] or '', 0, let }
