-- drop_tasks.lua - delete tasks that were moved elsewhere.
-- KEYS: pending, scheduled, retry, completed, archived, active, lease, groups, the line, the
-- steps of flows, then the hashes.
-- ARGV: the tasks' prefix, then the SHA-1 of each one's message. Answer of each: 1: it is gone, 0:
-- it is active, or being aggregated.
-- Cost: for each task O(n) of pending from its tail, O(log n) of the others.

--@use drop
--@keys pending scheduled retry completed archived active lease groups line=gofer:line
--@keys steps=gofer:steps ...
--@args prefix
--@each sha1
local out, found = {}, {}
local zsets = { scheduled, retry, completed, archived, line }
redis.call('HLEN', steps)
for i = 1, #KEYS - FIXED_KEYS do
  local f = redis.pcall('HMGET', KEYS[i + FIXED_KEYS], 'msg', 'state', 'group')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then return redis.error_reply(f.err) end
  found[i] = not f.err and f[1] and redis.sha1hex(f[1]) == ARGV[i + SHA1] and f
  local size = f[3] and f[3] ~= '' and redis.pcall('ZCARD', string.sub(prefix, 1, -3) .. 'g:' ..
      f[3])
  if type(size) == 'table' then
    if not string.find(size.err, 'WRONGTYPE', 1, true) then return size end
    f[3] = false
  end
end
for i = 1, #KEYS - FIXED_KEYS do
  local f, id = found[i], string.sub(KEYS[i + FIXED_KEYS], #prefix + 1)
  out[i] = 1
  local group = f and f[3] and f[3] ~= '' and string.sub(prefix, 1, -3) .. 'g:' .. f[3]
  if f and (f[2] == 'active' or redis.call('ZSCORE', lease, id) or
      f[2] == 'aggregating' and not (group and redis.call('ZSCORE', group, id))) then out[i] = 0
  elseif f then
    redis.call('LREM', pending, -1, id)
    for _, zset in ipairs(zsets) do redis.call('ZREM', zset, id) end
    if group then
      redis.call('ZREM', group, id)
      if redis.call('EXISTS', group) == 0 then redis.call('SREM', groups, f[3]) end
    end
    drop(prefix, id)
  end
end
return out
