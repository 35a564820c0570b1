-- read_expired.lua - read lost tasks.
-- ARGV: the tasks' prefix, grace of our claims, of others, how many, how many bytes, the longest
-- message that can be read.
-- Answer: of each expired one id, score, claim, crashes, whose it was, for which claim it was asked
-- to stop, in which it was proven, message ('' and false: none; a number: the size of one that is
-- too long). The latest come first: put back one by one, the oldest is then next in line.
-- Cost: O(log n) and what is read.

--@keys lease
local now, prefix, out = redis.call('TIME')[1], ARGV[1], {}
local left, room, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local ours, others = string.format('%.0f', now - ARGV[2]), string.format('%.0f', now - ARGV[3])
local function read(found, claimed)
  for i = 1, #found, 2 do
    if left == 0 or room <= 0 then return end
    local key = prefix .. found[i]
    local f = redis.pcall('HMGET', key, 'gofer:claim', 'gofer:crashes', 'gofer:worker',
      'gofer:cancel', 'gofer:proven')
    if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end
    if f[1] or not claimed then
      local size = f.err and 0 or redis.call('HSTRLEN', key, 'msg')
      local msg = size > longest and size
      if not msg then msg = not f.err and redis.call('HGET', key, 'msg') end
      out[#out + 1] = { found[i], found[i + 1], f[1] or '', f[2] or '0', f[3] or '', f[4] or '',
          f[5] or '',
        msg }
      left, room = left - 1, room - (size <= longest and size or 0)
    end
  end
end
read(redis.call('ZREVRANGEBYSCORE', lease, ours, '(' .. others, 'WITHSCORES', 'LIMIT', 0, 1000),
    true)
read(redis.call('ZREVRANGEBYSCORE', lease, others, '-inf', 'WITHSCORES', 'LIMIT', 0, left), false)
return out
