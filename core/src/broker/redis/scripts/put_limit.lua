-- put_limit.lua - put a limit, or drop it.
-- ARGV: its name, its numbers as text (empty: it is dropped).
-- Answer: 1, or 0: there was none to drop. Under the empty name stands a version, which is a time,
-- then how many limits there are with a prefix of which size, the longest first: "17 9:1 5:3".
-- Cost: O(log n), and O(n) of the sizes.

--@keys limits names
--@args name text
local now, was, sizes = redis.call('TIME'), redis.call('HGET', limits, '') or '0', {}
redis.call('ZCARD', names)
local there, star = redis.call('HEXISTS', limits, name), string.sub(name, -1) == '*'
if text == '' and there == 0 then return 0 end
for size, count in string.gmatch(was, ' (%d+):(%d+)') do sizes[tonumber(size)] = tonumber(count) end
if star and (text ~= '') == (there == 0) then
  sizes[#name - 1] = (sizes[#name - 1] or 0) + (text ~= '' and 1 or -1)
end
local out, order = {}, {}
out[1] = string.format('%.0f', math.max(now[1] * 1000000 + now[2],
  tonumber(string.match(was, '^%d+') or 0) + 1))
for size, count in pairs(sizes) do
  if count > 0 then order[#order + 1] = size end
end
table.sort(order, function(a, b) return a > b end)
for _, size in ipairs(order) do out[#out + 1] = size .. ':' .. sizes[size] end
if text == '' then
  redis.call('HDEL', limits, name)
  redis.call('ZREM', names, name)
else
  redis.call('HSET', limits, name, text)
  redis.call('ZADD', names, 0, name)
end
redis.call('HSET', limits, '', table.concat(out, ' '))
return 1
