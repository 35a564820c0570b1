-- take_set.lua - take a set out of a group, if it is time.
-- ARGV: the tasks' prefix, the group's name, size, delay, grace, set's life, most, who takes it, 1:
-- no suspects.
-- Answer: 0: no set was made, -1: for it is a suspect; else one more than its tasks were in a set
-- before and did not come back. Those that were in one set then are in one now, without others:
-- they share the field's text. It is counted here, not when the set is taken back: others do that
-- too, and know nothing of it.
-- Cost: O(log n) for each member taken.

--@keys group set groups aggregation_sets
local now, size = redis.call('TIME')[1], redis.call('ZCARD', group)
local max, delay, grace, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]),
    tonumber(ARGV[7])
if size == 0 then return 0 end
local oldest = tonumber(redis.call('ZRANGE', group, 0, 0, 'WITHSCORES')[2])
local newest = tonumber(redis.call('ZRANGE', group, -1, -1, 'WITHSCORES')[2])
if not (max ~= 0 and size >= max) and not (delay ~= 0 and oldest <= now - delay) and
    newest > now - grace then
  return 0
end
redis.call('SCARD', groups)
redis.call('ZCARD', aggregation_sets)
if max ~= 0 and max < most then most = max end
local ids, tasks, first = redis.call('ZRANGE', group, 0, most - 1), {}, ''
for i, id in ipairs(ids) do
  local f = redis.pcall('HMGET', ARGV[1] .. id, 'state', 'gofer:begun')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then
    return redis.error_reply(f.err)
  end
  if not f.err and f[1] then
    local begun = f[2] or ''
    if #tasks == 0 then first = begun end
    if begun ~= first then
      most = i - 1
      break
    end
    tasks[#tasks + 1] = id
  end
end
local crashes = math.min(tonumber(string.match(first, '^(%d+) ')) or 0, 1000000)
if crashes > 0 and ARGV[9] == '1' then return -1 end
redis.call('ZRANGESTORE', set, group, 0, most - 1)
redis.call('ZREMRANGEBYRANK', group, 0, most - 1)
redis.call('ZADD', aggregation_sets, string.format('%.0f', now + ARGV[6]), set)
if size <= most then redis.call('SREM', groups, ARGV[2]) end
local its = string.match(set, '[^:]*$')
local begun = string.format('%.0f %s %s', crashes + 1, its, ARGV[8])
for _, id in ipairs(tasks) do
  redis.call('HSET', ARGV[1] .. id, 'gofer:begun', begun)
end
return 1 + crashes
