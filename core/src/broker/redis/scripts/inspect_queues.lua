-- inspect_queues.lua - the numbers of queues.
-- KEYS: those of lib/counts.
-- ARGV: 1: the day, as its keys end; 2: whether the queue, then the only one, has any keys is asked
-- too.
-- Answer: of each queue the numbers Q_… of queues.c, or false.
-- Cost: O(1) for each queue and each group; O(log n) for each lane of its line.

--@use counts
local all, names, now = {}, {}, redis.call('TIME')[1]
local kinds = { 'paused', 'processed', 'failed', 'processed:' .. ARGV[1], 'failed:' .. ARGV[1],
  'gofer:trimmed', 'gofer:length', 'gofer:age' }
for i = 1, #KEYS do
  local prefix = prefix_of(KEYS[i])
  for k = 1, 8 do names[8 * (i - 1) + k] = prefix .. kinds[k] end
end
local texts = redis.call('MGET', unpack(names))
for i = 1, #KEYS do
  local prefix = prefix_of(KEYS[i])
  local out, waiting, groups, has_line = counts(prefix, i == 1)
  if out then
    for k = 1, 6 do out[6 + k] = texts[8 * (i - 1) + k] end
    out[13], out[14], out[15], out[16], out[17], out[18] = waiting, groups, false, now, -1, false
    out[19], out[20] = texts[8 * i - 1], texts[8 * i]
    local oldest = out[1] > 0 and ask('LINDEX', KEYS[i], -1)
    oldest = oldest and prefix .. 't:' .. oldest
    if oldest then out[15] = ask('HGET', oldest, 'pending_since') end
    local lane, line = has_line and out[1] > 0 and 0, prefix .. 'gofer:line'
    while lane do
      local at = redis.pcall('ZRANGEBYSCORE', line, string.format('%.0f', lane), '+inf',
        'WITHSCORES', 'LIMIT', 0, 1)
      lane = at[2] and (math.floor(at[2] / 17592186044416) + 1) * 17592186044416
      local since = lane and ask('HGET', prefix .. 't:' .. at[1], 'pending_since')
      if since and (not out[15] or tonumber(since) < tonumber(out[15])) then out[15] = since end
    end
    local first = out[2] > 0 and ask('LINDEX', prefix .. 'active', -1)
    if first then out[18] = ask('HGET', prefix .. 't:' .. first, 'gofer:worker') end
    if ARGV[2] == '1' then
      out[17] = redis.call('EXISTS', KEYS[i], prefix .. 'active', prefix .. 'scheduled',
        prefix .. 'retry', prefix .. 'completed', prefix .. 'archived', prefix .. 'groups',
        prefix .. 'aggregation_sets', line, unpack(names))
    end
  end
  all[i] = out or false
end
return all
