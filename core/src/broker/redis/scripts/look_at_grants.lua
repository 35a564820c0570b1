-- look_at_grants.lua - what a queue has and wants of limits that all queues of a Cluster count for.
-- ARGV: the tasks' prefix, then keys.
-- Answer: the time (µs), then of each key of which the queue has anything ten numbers: which it
-- is (from 1), 1: no grant was there, the number of this look, how many may run, run and wait, the
-- place of the first who waits and its cost, starts that are left, and for how long nothing was
-- given or used (ms).
-- Each look has a number above the one before, and what is given goes by it (set_grants.lua): so
-- nothing is given that was decided by an older look.
-- Cost: O(log n) for each key.

--@keys limited=gofer:limited grants=gofer:grants
local now, base = redis.call('TIME'), string.sub(ARGV[1], 1, -3)
local limits = redis.call('GET', limited) or base .. 'gofer:limits'
redis.call('HLEN', grants)
--@use limits write_grant
local out = { string.format('%.0f', now_us) }
local function first_of(held)
  local first = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')
  local id = first[1] and string.sub(first[1], #whose + 2)
  local text = id and redis.pcall('HGET', base .. 't:' .. id, 'gofer:limit')
  local cost = type(text) == 'string' and string.match(text, '^%d+') or '1'
  return tonumber(first[2] or 0), tonumber(cost)
end
for i = 2, #ARGV do
  local key, held = ARGV[i], base .. 'gofer:held:' .. ARGV[i]
  local grant, runs = read_grant(key),
    running(known and look(key) or { key = key, front = fronts.q })
  local waits = redis.call('ZCARD', held)
  if grant.there or runs > 0 or waits > 0 then
    local place, cost = first_of(held)
    grant.number = math.max(grant.number + 1, now_us)
    write_grant(key, grant)
    for _, number in ipairs({ i - 1, grant.there and 0 or 1, grant.number, grant.goal, runs, waits,
      place, cost, grant.left, now_ms - grant.given }) do
      out[#out + 1] = string.format('%.0f', number)
    end
  end
end
return out
