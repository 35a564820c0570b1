-- queue_memory.lua - about how many bytes a queue takes.
-- ARGV: "asynq:{q}:". Of each state 20 tasks are weighed, and of five groups; the others count as
-- much as those do on average, which is how Asynq's inspector reckons. Keys of another type count
-- as nothing.
-- Cost: O(1), for each group O(1).

--@keys active pending scheduled retry archived completed groups
local SAMPLE, GROUPS = 20, 5
local function ask(...)
  local r = redis.pcall(...)
  if type(r) == 'table' and r.err then return false end
  return r
end
local function sum_of(ids)
  local sum = 0
  for _, id in ipairs(ids) do
    sum = sum + (ask('MEMORY', 'USAGE', ARGV[1] .. 't:' .. id) or 0)
  end
  return sum
end
local total = 0
local function add(key, range, length)
  local ids = ask(range, key, 0, SAMPLE - 1) or {}
  if #ids > 0 then total = total + sum_of(ids) / #ids * (ask(length, key) or 0) end
  total = total + (ask('MEMORY', 'USAGE', key) or 0)
end
add(active, 'LRANGE', 'LLEN')
add(pending, 'LRANGE', 'LLEN')
for _, key in ipairs({ scheduled, retry, archived, completed }) do add(key, 'ZRANGE', 'ZCARD') end
local sum, weighed, count = 0, 0, 0
for i, name in ipairs(ask('SMEMBERS', groups) or {}) do
  local key = ARGV[1] .. 'g:' .. name
  count = count + (ask('ZCARD', key) or 0)
  if i <= GROUPS then
    local ids = ask('ZRANGE', key, 0, SAMPLE - 1) or {}
    sum, weighed = sum + sum_of(ids), weighed + #ids
  end
end
if weighed > 0 then total = total + sum / weighed * count end
return math.floor(total)
