-- page_zset.lua - page of a sorted set.
-- KEYS: the sorted set; the line, whose members are left out (if this is the line: what waits no
-- more, else if it is the set itself: nothing).
-- ARGV: "asynq:{q}:t:", how many, the longest message, score and id to go on behind ('' both: from
-- the start; '@N': behind the first N), the scores to begin with and to end before ('': all). Bytes
-- are compared here as Redis does: Lua's < on text follows the server's locale. A hash that cannot
-- be had now (its slot is moving) leaves nobody out.
-- Cost: O(log n), with many equal scores O(log n) looks; and the page. Where a line stands: also
-- those that are left out before it, 100,000 at most.

--@use show
--@keys key line
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local n, first = tonumber(ARGV[2]), 0
if ARGV[6] ~= '' then first = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[6]) end
local from
if ARGV[4]:sub(1, 1) == '@' then
  from = first + tonumber(ARGV[4]:sub(2))
elseif ARGV[4] ~= '' then
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[4])
  local high = low + redis.call('ZCOUNT', key, ARGV[4], ARGV[4])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call('ZRANGE', key, middle, middle)[1]
    if less(ARGV[5], other) then high = middle else low = middle + 1 end
  end
  from = low
else
  from = first
end
local ids, scores = {}, {}
local is_line = ARGV[6] ~= '' or ARGV[7] ~= ''
local stands = line ~= key and redis.pcall('ZCARD', line)
local skip = is_line or type(stands) == 'number' and stands > 0
local function left_out(id)
  if not is_line then return redis.call('ZSCORE', line, id) end
  local state = redis.pcall('HGET', ARGV[1] .. id, 'state')
  if type(state) == 'table' then return string.find(state.err, 'WRONGTYPE', 1, true) end
  return state ~= 'scheduled' and state ~= 'pending'
end
local behind = 0
if skip and ARGV[4]:sub(1, 1) == '@' then from, behind = 0, from end
for at = from, skip and from + 99500 or from, 500 do
  local flat = redis.call('ZRANGE', key, at, at + (skip and 499 or n), 'WITHSCORES')
  for i = 1, #flat, 2 do
    if not (skip and left_out(flat[i])) then
      if behind > 0 then behind = behind - 1
      else ids[#ids + 1], scores[#scores + 1] = flat[i], flat[i + 1] end
    end
  end
  if #ids > n or #flat < 1000 then break end
end
if ARGV[7] ~= '' then
  for i = #ids, 1, -1 do
    if tonumber(scores[i]) >= tonumber(ARGV[7]) then ids[i] = nil end
  end
end
local rows, more = show(ids, scores, n)
return { more, rows, #rows > 0 and scores[#rows] or '' }
