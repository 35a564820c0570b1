-- page_zset.lua - page of a sorted set.
-- KEYS: the sorted set.
-- ARGV: "asynq:{q}:t:", how many, the longest message, score and id to go on behind ('' both: from
-- the start; '@N': behind the first N). Bytes are compared here as Redis does: Lua's < on text
-- follows the server's locale.
-- Cost: O(log n), with many equal scores O(log n) looks; and the page.

--@use show
--@keys key
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local n, from = tonumber(ARGV[2]), 0
if ARGV[4]:sub(1, 1) == '@' then
  from = tonumber(ARGV[4]:sub(2))
elseif ARGV[4] ~= '' then
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[4])
  local high = low + redis.call('ZCOUNT', key, ARGV[4], ARGV[4])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call('ZRANGE', key, middle, middle)[1]
    if less(ARGV[5], other) then high = middle else low = middle + 1 end
  end
  from = low
end
local ids, scores = {}, {}
local flat = redis.call('ZRANGE', key, from, from + n, 'WITHSCORES')
for i = 1, #flat, 2 do ids[#ids + 1], scores[#scores + 1] = flat[i], flat[i + 1] end
local rows, more = show(ids, scores, n)
return { more, rows, #rows > 0 and scores[#rows] or '' }
