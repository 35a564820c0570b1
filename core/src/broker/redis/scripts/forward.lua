-- forward.lua - bring due tasks to pending, or to their line. What waits there already, and whose
-- time in scheduled has come all the same, gets another.
-- ARGV: the tasks' prefix, how many ids to look at.
-- Answer: TIME's two words, how many were moved, ghosts, then the first scores that are left. Both
-- sets are merged by score. Everything is read before the first write, which frees memory; only an
-- answer that a key is no hash makes a ghost of an id, for in a Cluster there are others.
-- Cost: O(log n) for each task.

--@keys scheduled retry pending groups line=gofer:line
--@use enline ring unkey
local now, n, prefix = redis.call('TIME'), tonumber(ARGV[2]), ARGV[1]
local function due(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now[1], 'WITHSCORES', 'LIMIT', 0, n)
end
local a, b, i, j, all = due(scheduled), due(retry), 1, 1, {}
while #all < n and (a[i] or b[j]) do
  if a[i] and (not b[j] or tonumber(a[i + 1]) <= tonumber(b[j + 1])) then
    all[#all + 1] = { scheduled, a[i] }
    i = i + 2
  else
    all[#all + 1] = { retry, b[j] }
    j = j + 2
  end
end
local front = string.sub(prefix, 1, -3) .. 'g:'
for _, it in ipairs(all) do
  local f = redis.pcall('HMGET', prefix .. it[2], 'msg', 'group', 'gofer:claim',
    'gofer:lane', 'gofer:rank', 'gofer:key')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then return redis.error_reply(f.err) end
  it.fields = f
  it.waits = it[1] == scheduled and f[5] and redis.call('ZSCORE', line, it[2])
  if f[1] and f[2] and f[2] ~= '' then
    it.group = front .. f[2]
    redis.call('ZCARD', it.group)
  end
end
redis.call('LLEN', pending)
redis.call('SCARD', groups)
redis.call('ZCARD', line)
local since = now[1] .. string.format('%06d', now[2]) .. '000'
local later = string.format('%.0f', now[1] + 3600)
local gone, moved, ghosts, ready = { [scheduled] = {}, [retry] = {} }, 0, 0, {}
local lined
for _, it in ipairs(all) do
  local ids = gone[it[1]]
  if not it.waits then ids[#ids + 1] = it[2] end
end
for key, ids in pairs(gone) do
  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end
end
for _, it in ipairs(all) do
  local f, key = it.fields, prefix .. it[2]
  if it.waits then
    moved = moved + 1
    redis.call('ZADD', scheduled, later, it[2])
  elseif not f[1] then
    ghosts = ghosts + 1
    if not f.err then redis.call('DEL', key) end
  else
    moved = moved + 1
    if f[3] then
      redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel')
    end
    if f[6] then unkey(string.sub(prefix, 1, -3), f[6], it[2]) end
    if it.group then
      redis.call('ZADD', it.group, now[1], it[2])
      redis.call('SADD', groups, f[2])
      redis.call('HSET', key, 'state', 'aggregating')
    elseif f[4] then
      lined = true
      redis.call('HSET', key, 'pending_since', since)
      enline(prefix, it[2], f[4], now)
    else
      redis.call('HSET', key, 'state', 'pending', 'pending_since', since)
      ready[#ready + 1] = it[2]
    end
  end
end
if #ready > 0 then redis.call('LPUSH', pending, unpack(ready)) end
if lined or redis.call('EXISTS', line) == 1 then ring(prefix) end
local out = { now[1], now[2], tostring(moved), tostring(ghosts) }
for _, key in ipairs({ scheduled, retry }) do
  out[#out + 1] = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end
return out
