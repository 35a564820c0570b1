-- count_held.lua - count held tasks.
-- ARGV: the tasks' prefix, how many to look at, then workers.
-- Answer: of each worker how many tasks of this queue it holds, how many of them are on trial, and
-- the latest end of a lease. Nothing if it holds none. A group's set counts as a task does: it may
-- be the cause as well.
-- Cost: O(1) for each active task looked at.

--@keys active lease aggregation_sets
local at, out, any = {}, {}, false
for w = 3, #ARGV do
  at[ARGV[w]] = #out
  for _ = 1, 3 do out[#out + 1] = 0 end
end
for _, id in ipairs(redis.call('LRANGE', active, 0, ARGV[2] - 1)) do
  local f = redis.pcall('HMGET', ARGV[1] .. id, 'gofer:worker', 'gofer:claim', 'gofer:crashes',
      'gofer:proven')
  local o = not f.err and f[1] and f[2] and at[string.match(f[1], ' (.+)$') or '']
  if o then
    any = true
    out[o + 1] = out[o + 1] + 1
    if f[3] and string.find(f[3], ' ', 1, true) and f[4] ~= f[2] then
      out[o + 2] = out[o + 2] + 1
    end
    out[o + 3] = math.max(out[o + 3], tonumber(redis.call('ZSCORE', lease, id) or 0))
  end
end
for _, set in ipairs(redis.call('ZRANGE', aggregation_sets, 0, 999)) do
  local id = redis.pcall('ZRANGE', set, 0, 0)[1]
  local begun = id and redis.pcall('HGET', ARGV[1] .. id, 'gofer:begun')
  begun = type(begun) == 'string' and begun or ''
  local n, its, worker = string.match(begun, '^(%d+) (%S+) (.+)$')
  local o = n and string.sub(set, -#its) == its and at[worker]
  if o then
    any = true
    out[o + 1] = out[o + 1] + 1
    if tonumber(n) > 1 then out[o + 2] = out[o + 2] + 1 end
  end
end
return any and out or {}
