-- inspect_queues.lua - the numbers of queues.
-- KEYS: behind those of lib/counts those of each queue's paused, processed, failed, both of the
-- day, and what was trimmed.
-- ARGV: 1: whether the queue, then the only one, has any keys is asked too; then as lib/counts has
-- it.
-- Answer: of each queue the numbers Q_… of inspect.c, or false.
-- Cost: O(1) for each queue and each group.

--@use counts
local all, n = {}, #ARGV - 1
local now, values = redis.call('TIME')[1], redis.call('MGET', unpack(KEYS, 8 * n + 1))
for i = 1, n do
  local out, waiting, groups = counts(i)
  if out then
    for k = 1, 6 do out[6 + k] = values[6 * (i - 1) + k] end
    out[13], out[14], out[15], out[16], out[17], out[18] = waiting, groups, false, now, -1, false
    local oldest = out[1] > 0 and ask('LINDEX', KEYS[8 * (i - 1) + 1], -1)
    oldest = oldest and ARGV[i + 1] .. 't:' .. oldest
    if oldest then out[15] = ask('HGET', oldest, 'pending_since') end
    local first = out[2] > 0 and ask('LINDEX', KEYS[8 * (i - 1) + 2], -1)
    if first then out[18] = ask('HGET', ARGV[i + 1] .. 't:' .. first, 'gofer:worker') end
    if ARGV[1] == '1' then out[17] = redis.call('EXISTS', unpack(KEYS)) end
  end
  all[i] = out or false
end
return all
