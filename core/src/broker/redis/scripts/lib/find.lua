-- Where a task is: the word for it in place, or lost. One that is pending may stand in the line.
--@use one_task
local prefix, id = ARGV[1], ARGV[2]
local zsets = { scheduled = scheduled, retry = retry, completed = completed, archived = archived }
local names = { 'scheduled', 'retry', 'completed', 'archived', 'active', 'pending' }
local here = redis.call('EXISTS', task) == 1
local f = here and redis.pcall('HMGET', task, 'state', 'group', 'gofer:rank') or {}
local word, group, base = f[1], f[2], prefix:sub(1, -3) .. 'g:'
local function is_in(name)
  if zsets[name] then return redis.call('ZSCORE', zsets[name], id) end
  if name == 'active' then
    return redis.call('ZSCORE', lease, id) or redis.call('LPOS', active, id)
  end
  if name == 'pending' then return redis.call('LPOS', pending, id, 'RANK', -1) end
  return name == 'aggregating' and group and redis.call('ZSCORE', base .. group, id)
end
local place = word and is_in(word) and word or 'lost'
if place == 'lost' and word == 'aggregating' then
  for _, key in ipairs(redis.call('ZRANGE', aggregation_sets, 0, 999)) do
    if key:sub(1, #base) == base and redis.call('ZSCORE', key, id) then return { 0, 'held' } end
  end
end
for i = 1, 6 do if place == 'lost' and is_in(names[i]) then place = names[i] end end
local lined = place == 'scheduled' and f[3] and redis.call('ZSCORE', line, id)
if lined then place = 'pending' end
