-- page_limits.lua - page of limits.
-- ARGV: the name to go on behind (empty: from the start), how many.
-- Answer: of each its name and its numbers as text.
-- Cost: O(log n), and the page.

--@keys limits names
local from, out = ARGV[1] == '' and '-' or '(' .. ARGV[1], {}
for _, name in ipairs(redis.call('ZRANGE', names, from, '+', 'BYLEX', 'LIMIT', 0,
    ARGV[2])) do
  out[#out + 1] = name
  out[#out + 1] = redis.call('HGET', limits, name) or ''
end
return out
