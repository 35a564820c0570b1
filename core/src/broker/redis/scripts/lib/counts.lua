-- KEYS: of each queue "asynq:{q}:pending", of which prefix_of gives what its other keys begin with:
-- to build them here costs less than to send them. counts(prefix, is_first): how many tasks there
-- are in the queue, in the order of the states but for those in groups; these, the number of
-- groups, and whether there is a line. A key of another type counts as empty (what stands in the
-- line is pending, and not scheduled): `gofer doctor` tells of it. The tasks in groups are counted
-- group by group: of over 5000 groups a sample is, and scaled; and no more than that in all of a
-- script, so nil of a queue with more that is not the first. Most keys of most queues do not exist,
-- which one EXISTS tells of all.
local left = 5000
local function ask(...)
  local r = redis.pcall(...)
  if type(r) == 'table' then return false end
  return r
end
local function prefix_of(pending) return pending:sub(1, -8) end
local function counts(prefix, is_first)
  local pending, active, line = prefix .. 'pending', prefix .. 'active', prefix .. 'gofer:line'
  local scheduled, retry = prefix .. 'scheduled', prefix .. 'retry'
  local completed, archived = prefix .. 'completed', prefix .. 'archived'
  local names, aggregated = prefix .. 'groups', prefix .. 'aggregation_sets'
  local out, there = { 0, 0, 0, 0, 0, 0 }, redis.call('EXISTS', pending, active, scheduled, retry,
    completed, archived, names, aggregated, line)
  if there == 0 then return out, 0, 0, false end
  out[1] = ask('LLEN', pending) or 0
  if there == 1 and out[1] > 0 then return out, 0, 0, false end
  out[2], out[3] = ask('LLEN', active) or 0, ask('ZCARD', scheduled) or 0
  out[4], out[5] = ask('ZCARD', retry) or 0, ask('ZCARD', completed) or 0
  out[6] = ask('ZCARD', archived) or 0
  local lined = ask('ZCARD', line) or 0
  local has_line = lined > 0
  if has_line then
    local near = redis.pcall('LRANGE', pending, -8, -1)
    for _, id in ipairs(near) do
      if ask('ZSCORE', line, id) then lined = lined - 1 end
    end
  end
  lined = math.max(0, math.min(lined, out[3]))
  out[1], out[3] = out[1] + lined, out[3] - lined
  local groups, some, waiting = ask('SCARD', names) or 0, {}, 0
  local sets = redis.pcall('ZRANGE', aggregated, 0, 999)
  if not is_first and groups + #sets > left then return end
  if groups > 5000 then some = redis.call('SRANDMEMBER', names, 5000)
  elseif groups > 0 then some = redis.call('SMEMBERS', names) end
  for _, name in ipairs(some) do
    waiting = waiting + (ask('ZCARD', prefix .. 'g:' .. name) or 0)
  end
  if groups > #some then waiting = math.floor(waiting * groups / #some) end
  for _, key in ipairs(sets) do
    if key:sub(1, #prefix) == prefix then waiting = waiting + (ask('ZCARD', key) or 0) end
  end
  left = left - #some - #sets
  return out, waiting, groups, has_line
end
