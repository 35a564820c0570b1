-- notify(base, id, how, result): who waits for the end of this task (ends.c) hears of it, and the
-- flow that it is a step of; base: "asynq:{q}:", result: nil: none. Nothing may fail for it, as who
-- hears nothing looks again. So the right to announce is not asked for, as is that to a command
-- that is called by its name.
local announce = 'PUBLISH'
--@use tell_flow
local function notify(base, id, how, result)
  tell_flow(base, id, how)
  local noted = redis.pcall('ZSCORE', base .. 'gofer:waits', id)
  if type(noted) ~= 'string' then return end
  local t, key = redis.call('TIME'), base .. 'gofer:end:' .. id
  local at = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
  if tonumber(noted) <= tonumber(at) then return end
  redis.pcall('DEL', key)
  redis.pcall('RPUSH', key, how .. ' ' .. at .. (result and ' r' .. result or ' -'))
  redis.pcall('PEXPIRE', key, 30000)
  redis.pcall(announce, key, '')
end
