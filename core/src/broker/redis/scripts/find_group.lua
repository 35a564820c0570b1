-- find_group.lua - look for a ready group.
-- ARGV: "asynq:{q}:g:", the latest group, size, delay, grace, how many to look at, how many
-- patterns, which (a name, or a prefix with a star; none: all), 1: no group whose next set is a
-- suspect, then the names of groups that are passed over.
-- Answer: the first group that is ready in the order of names, from behind the latest one around;
-- empty: none; 1: none but such as have a suspect.
-- Cost: O(1) for each group looked at.

--@keys groups
local max, delay, grace = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now, after, first = redis.call('TIME')[1], nil, nil
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local function score(key, at)
  return tonumber(redis.call('ZRANGE', key, at, at, 'WITHSCORES')[2])
end
local patterns, passed = tonumber(ARGV[7]), {}
for i = 9 + patterns, #ARGV do passed[ARGV[i]] = true end
local apart, suspects = ARGV[8 + patterns] == '1', false
local function meant(name)
  if passed[name] or #name > 255 then return false end
  for i = 8, 7 + patterns do
    local p = ARGV[i]
    if p == name or p:sub(-1) == '*' and name:sub(1, #p - 1) == p:sub(1, -2) then return true end
  end
  return patterns == 0
end
local function ready(key)
  local size = redis.pcall('ZCARD', key)
  if type(size) ~= 'number' or size == 0 then return false end
  return max ~= 0 and size >= max or delay ~= 0 and score(key, 0) <= now - delay or
    score(key, -1) <= now - grace
end
local function suspect(key)
  if not apart then return false end
  local id = redis.call('ZRANGE', key, 0, 0)[1]
  local begun = redis.pcall('HGET', ARGV[1]:sub(1, -3) .. 't:' .. id, 'gofer:begun')
  if type(begun) ~= 'string' then return false end
  suspects = true
  return true
end
for _, name in ipairs(redis.call('SRANDMEMBER', groups, ARGV[6])) do
  local behind = less(ARGV[2], name)
  local best = behind and after or not behind and first
  if meant(name) and (not best or less(name, best)) and ready(ARGV[1] .. name)
    and not suspect(ARGV[1] .. name) then
    if behind then after = name else first = name end
  end
end
return after or first or (suspects and 1 or '')
