-- inspect_queues.lua - the numbers of queues.
-- KEYS: behind those of lib/counts those of each queue's paused, processed, failed, both of the
-- day, and what was trimmed.
-- ARGV: 1: whether the queue, then the only one, has any keys is asked too; then as lib/counts has
-- it.
-- Answer: of each queue the numbers Q_… of queues.c, or false.
-- Cost: O(1) for each queue and each group; O(log n) for each lane of its line.

--@use counts
local all, n = {}, #ARGV - 1
local now, values = redis.call('TIME')[1], redis.call('MGET', unpack(KEYS, 9 * n + 1))
for i = 1, n do
  local out, waiting, groups, has_line = counts(i)
  if out then
    for k = 1, 6 do out[6 + k] = values[6 * (i - 1) + k] end
    out[13], out[14], out[15], out[16], out[17], out[18] = waiting, groups, false, now, -1, false
    local oldest = out[1] > 0 and ask('LINDEX', KEYS[9 * (i - 1) + 1], -1)
    oldest = oldest and ARGV[i + 1] .. 't:' .. oldest
    if oldest then out[15] = ask('HGET', oldest, 'pending_since') end
    local lane, line = has_line and out[1] > 0 and 0, KEYS[9 * (i - 1) + 9]
    while lane do
      local at = redis.pcall('ZRANGEBYSCORE', line, string.format('%.0f', lane), '+inf',
        'WITHSCORES', 'LIMIT', 0, 1)
      lane = at[2] and (math.floor(at[2] / 17592186044416) + 1) * 17592186044416
      local since = lane and ask('HGET', ARGV[i + 1] .. 't:' .. at[1], 'pending_since')
      if since and (not out[15] or tonumber(since) < tonumber(out[15])) then out[15] = since end
    end
    local first = out[2] > 0 and ask('LINDEX', KEYS[9 * (i - 1) + 2], -1)
    if first then out[18] = ask('HGET', ARGV[i + 1] .. 't:' .. first, 'gofer:worker') end
    if ARGV[1] == '1' then out[17] = redis.call('EXISTS', unpack(KEYS)) end
  end
  all[i] = out or false
end
return all
