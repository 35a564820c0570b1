-- page_list.lua - page of a list.
-- KEYS: the list; the line, whose members are left out (the list itself, or no sorted set: none
-- are).
-- ARGV: "asynq:{q}:t:", how many, the longest message, the hash field that orders it; then of the
-- last one shown: its position from the right, its time, the sign of the one before it, its id; or
-- '@N': go on behind the first N.
-- Positions count from the right end, where the oldest is. at(i): the id there. time_of(i): when it
-- came, looked for a little to the left if it does not say.
-- Cost: O(n) of the list where the page begins deep in it; and the page.

--@use show
--@keys key line
local n, field = tonumber(ARGV[2]), ARGV[4]
local length = redis.call('LLEN', key)
local function at(i) return redis.call('LINDEX', key, -1 - i) end
local function time_of(i)
  for j = i, math.min(i + 8, length - 1) do
    local t = redis.pcall('HGET', ARGV[1] .. at(j), field)
    t = type(t) == 'string' and t:match('^%d+')
    if t then return tonumber(t) end
  end
end
local function sign(id) return redis.sha1hex(id):sub(1, 8) end
local function behind(hint, time, before, id)
  local low = math.max(0, hint - 128)
  local near = redis.call('LRANGE', key, -1 - hint - 64, -1 - low)
  for i = #near, 1, -1 do
    if near[i] == id then return low + #near - i + 1 end
  end
  if length > 0 then
    local most = math.min(hint + 1000, 100000)
    local found = redis.call('LPOS', key, id, 'RANK', -1, 'MAXLEN', most)
    if found then return length - found end
  end
  if before ~= '' then
    for i = #near, 1, -1 do
      if sign(near[i]) == before then return low + #near - i + 1 end
    end
  end
  time = tonumber(time)
  if not time then return math.min(hint, length) end
  local a, b = 0, length
  while a < b do
    local middle = math.floor((a + b) / 2)
    local t = time_of(middle)
    if t and t < time then a = middle + 1 else b = middle end
  end
  return a
end
local stands = line ~= key and redis.pcall('ZCARD', line)
local lined = type(stands) == 'number' and stands > 0
local from = 0
if ARGV[5] and ARGV[5]:sub(1, 1) == '@' then
  from = tonumber(ARGV[5]:sub(2))
  for i = 0, lined and math.min(7, length - 1) or -1 do
    if i <= from and redis.call('ZSCORE', line, at(i)) then from = from + 1 end
  end
elseif ARGV[5] then
  from = behind(tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8])
end
local ids, found = {}, {}
if from < length then found = redis.call('LRANGE', key, -1 - from - n, -1 - from) end
local places = {}
for i = #found, 1, -1 do
  if not (lined and redis.call('ZSCORE', line, found[i])) then
    ids[#ids + 1], places[#ids + 1] = found[i], from + #found - i
  end
end
local rows, more = show(ids, false, n)
if more == 0 and #found > n then more = 1 end
if #rows == 0 then return { 0, rows, '' } end
local last = places[#rows]
local time = redis.pcall('HGET', ARGV[1] .. ids[#rows], field)
time = type(time) == 'string' and time:match('^%d+') or ''
local before = last > 0 and sign(ids[#rows - 1] or at(last - 1)) or ''
return { more, rows, string.format('%d', last) .. ':' .. time .. ':' .. before }
