-- inspect_task.lua - all about a task.
-- ARGV: id, the longest text that can be read. The row of the task and the place where it really
-- is, "" if in none. A state word that is none of Asynq's does not hide a task: it is looked for,
-- in lists not further than a bound. What is too long is left out; of a message its size is told.
-- The score of an active one is the end of its lease.
-- Cost: O(1), but for 10,000 places of each list at most.

--@use row
--@keys task scheduled retry archived completed lease active pending line=gofer:line
if redis.call('EXISTS', task) == 0 then return false end
local longest = tonumber(ARGV[2])
local f = row(task, longest)
for i, field in ipairs({ 'result', 'gofer:attempts', 'gofer:log' }) do
  local n = redis.pcall('HSTRLEN', task, field)
  local fits = type(n) == 'number' and n <= longest
  f[11 + i] = fits and redis.call('HGET', task, field)
end
local names, place, score = { 'scheduled', 'retry', 'archived', 'completed' }, '', false
local zsets = { scheduled, retry, archived, completed }
for i, name in ipairs(names) do
  if place == '' or f[2] == name then
    local at = redis.pcall('ZSCORE', zsets[i], ARGV[1])
    if type(at) == 'string' then place, score = name, at end
  end
end
local lined = place == 'scheduled' and redis.call('HEXISTS', task, 'gofer:rank') == 1 and
  redis.pcall('ZSCORE', line, ARGV[1])
if type(lined) == 'string' then place, score = 'pending', false end
if f[2] == 'pending' or f[2] == 'active' or f[2] == 'aggregating' then
  place, score = f[2], false
end
local function is_in(name, ...)
  if place ~= '' then return end
  local found = redis.pcall(...)
  if type(found) == 'string' or type(found) == 'number' then place = name end
end
is_in('active', 'ZSCORE', lease, ARGV[1])
is_in('active', 'LPOS', active, ARGV[1], 'MAXLEN', 10000)
is_in('pending', 'LPOS', pending, ARGV[1], 'MAXLEN', 10000)
if place == 'active' then
  local ends = redis.pcall('ZSCORE', lease, ARGV[1])
  score = type(ends) == 'string' and ends
end
return { { ARGV[1], score, -1, unpack(f) }, place }
