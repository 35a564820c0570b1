-- tell_flow(home, one, how): a task that is a step of a flow has come to its end, or is run again
-- after one ("again"): its flow is elsewhere, and a relay carries the notice there. home:
-- "asynq:{q}:". gofer:steps has the ids of steps, each with the number of its latest notice.
-- Nothing may fail for it: a notice that is missing is made up for by a look at the task
-- (flow/change.c).
local function tell_flow(home, one, how)
  local numbered = home .. 'gofer:steps'
  if type(redis.pcall('HGET', numbered, one)) ~= 'string' then return end
  local number = redis.pcall('HINCRBY', numbered, one, 1)
  if type(number) ~= 'number' then return end
  redis.pcall('RPUSH', home .. 'gofer:flow:ended', number .. ' ' .. how .. ' ' .. one)
end
