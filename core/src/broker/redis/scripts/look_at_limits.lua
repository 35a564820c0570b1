-- look_at_limits.lua - look at limit keys.
-- ARGV: the queue (empty: those that count for all), which hash the limits are in, a key (empty: a
-- page of those that tasks run or wait for), the key to go on behind (empty: from the start), 1: or
-- at, 1: only those that some wait for, how many.
-- Answer: where to go on (empty: at the end), then of each: the key, the name of its limit and its
-- numbers as text (both empty: it has none), how many run and wait, its rate's time (µs), until
-- when it is paused (ms), and of those that run one after the other whose turn it is (empty:
-- nobody's).
-- Cost: O(log n) for each key, of 5,000 at most.

--@keys index
--@args queue limits key_arg after inclusive waiting_only most
local now, base, out = redis.call('TIME'), 'asynq:{' .. queue .. '}:', { '' }
--@use limits
if not known then return out end
local scope = queue == '' and 's' or 'q'
local function row(one)
  local it, waits = look(one), redis.call('ZCARD', fronts[scope] .. 'held:' .. one)
  if it.ordered and scope == 's' then return end
  local runs = one == 'queue:' .. whose and
    redis.call('ZCOUNT', base .. 'lease', '(' .. now[1], '+inf') or
    running(it.ordered and it or { key = one, front = fronts[scope] })
  if key_arg == '' and (runs + waits == 0 or waiting_only == '1' and waits == 0) then return end
  for _, word in ipairs({ one, it.text and it.name or '', it.text or '', runs, waits,
    string.format('%.0f', it.granted and 0 or it.tat), string.format('%.0f', it.paused),
    it.ordered and turn(it) or '' }) do
    out[#out + 1] = word
  end
end
if key_arg ~= '' then
  row(key_arg)
  return out
end
local from = after == '' and '-' or (inclusive == '1' and '[' or '(') .. after
for _ = 1, 10 do
  local some = redis.call('ZRANGE', index, from, '+', 'BYLEX', 'LIMIT', 0, 500)
  for _, one in ipairs(some) do
    if #out > 8 * most then return out end
    row(one)
  end
  out[1] = some[500] or ''
  if #some < 500 then break end
  from = '(' .. some[500]
end
return out
