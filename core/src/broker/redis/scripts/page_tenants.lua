-- page_tenants.lua - page of a queue's tenants.
-- ARGV: the name to go on behind (empty: from the start), how many, 1: only the tenant of exactly
-- this name.
-- Answer: of each that has a weight, or a finish that is ahead in a lane: name, weight (or empty),
-- how far it is ahead in all lanes.
-- Cost: O(n log n) of the queue's tenants; O(1) for one.

--@keys weights=gofer:weights fair=gofer:fair
--@args after limit only
local ahead, weight, names, out = {}, {}, {}, {}
local function add(name)
  if ahead[name] then return end
  ahead[name] = 0
  names[#names + 1] = name
end
local one = only == '1'
local flat = one and { after, redis.call('HGET', weights, after) or nil } or
  redis.call('HGETALL', weights)
for i = 1, #flat - 1, 2 do
  add(flat[i])
  weight[flat[i]] = flat[i + 1]
end
local times = redis.call('HGETALL', fair)
for i = 1, #times, 2 do
  local finishes, now = fair .. ':' .. times[i], tonumber(times[i + 1])
  local found = {}
  if one then
    local finish = redis.call('ZSCORE', finishes, after)
    if finish and tonumber(finish) > now then found = { after, finish } end
  elseif times[i] ~= 'plain' then
    found = redis.call('ZRANGEBYSCORE', finishes, '(' .. times[i + 1], '+inf', 'WITHSCORES')
  end
  for k = 1, #found, 2 do
    if found[k] ~= '' then
      add(found[k])
      ahead[found[k]] = ahead[found[k]] + found[k + 1] - now
    end
  end
end
table.sort(names)
for _, name in ipairs(names) do
  if (one or name > after) and #out < 3 * limit then
    out[#out + 1], out[#out + 2] = name, weight[name] or ''
    out[#out + 1] = string.format('%.0f', ahead[name])
  end
end
return out
