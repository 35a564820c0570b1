-- recover.lua - take tasks back whose lease has ended.
-- ARGV: the tasks' prefix, then of each task nine: what (q back to the head of pending, a to
-- archived, x there as cancelled, g it has no message), id, score, claim and size of the message as
-- read, its crashes now, the message to write (empty: as it is), why it cannot be read (empty: it
-- can), the record of this attempt (or empty). One whose lease, claim or message has changed is
-- somebody else's by now.
-- Answer: how many were put back, archived, were ghosts, and strays: the lease was the only sign of
-- them; then the numbers of those archived. All is read before the first write. The archive's
-- limits are purge's.
-- Cost: for each task O(n) of active, O(log n) of the others.

--@use count free keep notify
--@keys pending active lease scheduled retry completed archived processed failed
--@keys line=gofer:line limited=gofer:limited steps=gofer:steps
--@use enline ring
--@use elsewhere
local now, all = redis.call('TIME'), {}
local limits, counted, texts = redis.call('GET', limited), {}, {}
redis.call('LLEN', active)
redis.call('ZCARD', line)
redis.call('HLEN', steps)
for a = 2, #ARGV, 9 do
  local id = ARGV[a + 1]
  if redis.call('ZSCORE', lease, id) == ARGV[a + 2] then
    local f = fields(ARGV[1] .. id)
    if (f[3] or '') == ARGV[a + 3] and #(f[1] or '') == tonumber(ARGV[a + 4]) then
      all[#all + 1] = { a, id, f, f[2] ~= 'active' and elsewhere(keys, f[2], id) }
    end
  end
end
local since = now[1] .. string.format('%06d', now[2]) .. '000'
local back, lined, aside, cancelled, ghosts, strays = {}, 0, {}, 0, 0, 0
for _, it in ipairs(all) do
  local a, id, f, key = it[1], it[2], it[3], ARGV[1] .. it[2]
  local was_active = redis.call('LREM', active, 0, id) > 0 or f[2] == 'active'
  redis.call('ZREM', lease, id)
  if limits and f[5] then counted[#counted + 1], texts[#texts + 1] = id, f[5] end
  if ARGV[a] == 'g' then
    if not f.err then redis.call('DEL', key) end
    ghosts = ghosts + 1
  elseif it[4] or not was_active then
    strays = strays + 1
  else
    redis.call('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:cancel',
        'gofer:proven')
    if ARGV[a] == 'q' then
      redis.call('HSET', key, 'state', 'pending', 'pending_since', since, 'gofer:crashes',
          ARGV[a + 5])
      if f[4] then
        enline(ARGV[1], id, f[4], now, true)
        lined = lined + 1
      else back[#back + 1] = id end
    else
      redis.call('ZADD', keys.archived, now[1], id)
      redis.call('HSET', key, 'state', 'archived', 'gofer:crashes', ARGV[a + 5])
      if ARGV[a + 6] ~= '' then redis.call('HSET', key, 'msg', ARGV[a + 6]) end
      if ARGV[a + 7] ~= '' then redis.call('HSET', key, 'gofer:error', ARGV[a + 7]) end
      free(ARGV[1], id)
      notify(string.sub(ARGV[1], 1, -3), id, ARGV[a] == 'x' and 'cancelled' or 'archived')
      aside[#aside + 1] = (a + 7) / 9
      if ARGV[a] == 'x' then cancelled = cancelled + 1 end
    end
    if ARGV[a + 8] ~= '' then keep(key, 'gofer:attempts', ARGV[a + 8]) end
  end
end
if #back > 0 then redis.call('RPUSH', pending, unpack(back)) end
if #counted > 0 then
  local base = string.sub(ARGV[1], 1, -3)
  --@use settle
  pcall(settle_all, counted, texts)
end
if lined > 0 then ring(ARGV[1]) end
if cancelled > 0 then count(now, cancelled, processed) end
if #aside > cancelled then count(now, #aside - cancelled, processed, failed) end
return { #back + lined, #aside, ghosts, strays, aside }
