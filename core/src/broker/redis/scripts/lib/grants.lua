-- What a queue of a Cluster may of a limit that all queues count for: its grant of each key, in
-- asynq:{q}:gofer:grants. read_grant(key): how many may run (goal), what is left of the starts that
-- it was given, the number of the latest look at it, when something of it was last given or used,
-- and when the whole limit was last full (ms). A queue without one has a goal of 0. With the
-- local base ("asynq:{q}:").
local function read_grant(key)
  local text = redis.call('HGET', base .. 'gofer:grants', key)
  local goal, left, number, given, full = string.match(text or '',
    '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  return { there = goal ~= nil, goal = tonumber(goal or 0), left = tonumber(left or 0),
    number = tonumber(number or 0), given = tonumber(given or 0), full = tonumber(full or 0) }
end
