-- wake.lua - bring back who waits for limit keys that have room.
-- ARGV: the tasks' prefix, how many keys to look at.
-- Answer: TIME's two words, how many were brought back, when to look again (Unix ms; empty: nobody
-- waits), 1: the queue needs its copy of the limits first.
-- What no step tells of is found here: a lease that ran out, a rate whose time has come, a pause
-- that is over, new numbers. Each key in wakes is one that tasks of this queue may wait for, with
-- the time of the next look.
-- Cost: O(log n) for each task brought back.

--@keys limited=gofer:limited wakes=gofer:wakes
local now, base, moved = redis.call('TIME'), string.sub(ARGV[1], 1, -3), 0
local limits = redis.call('GET', limited)
if not limits then
  redis.call('DEL', wakes)
  return { now[1], now[2], 0, '', 0 }
end
--@use bring_back
if not known then return { now[1], now[2], 0, '', 1 } end
local due = redis.call('ZRANGEBYSCORE', wakes, '-inf', string.format('%.0f', now_ms), 'LIMIT', 0,
  ARGV[2])
for i = 1, #due do
  local scope, it = string.sub(due[i], 1, 1), look(string.sub(due[i], 2))
  local n, next_ms = bring_back(it, 500 - math.min(moved, 490), scope)
  mend()
  moved = moved + n
  if redis.call('EXISTS', fronts[scope] .. 'held:' .. it.key) == 0 then
    redis.call('ZREM', wakes, due[i])
  else
    next_ms = math.max(next_ms or now_ms + 5000, now_ms + 10)
    redis.call('ZADD', wakes, string.format('%.0f', next_ms), due[i])
  end
  if moved >= 500 then break end
end
return { now[1], now[2], moved, redis.call('ZRANGE', wakes, 0, 0, 'WITHSCORES')[2] or '', 0 }
