-- find_end.lua - find the end of a task.
-- While a wait is noted every end of a task of that id is told, the latest alone is kept; so what
-- was told is of the latest task as long as the note holds, and else may be of an earlier one.
-- KEYS: the task, waits, the list of its end, archived.
-- ARGV: id, for how long the wait is noted in ms (0: not), 1: the first look, to which an end
-- before it is none while the task is there.
-- Answer: { "told", what was pushed }, { "state", message, result, history, score }, or { "gone" }.
-- Cost: O(log n).

--@keys task waits=gofer:waits ending archived
local told = redis.call('LINDEX', ending, 0)
if told and ARGV[3] == '0' then return { 'told', told } end
local f = redis.pcall('HMGET', task, 'state', 'msg', 'result', 'gofer:attempts')
if f.err or not f[1] then
  local noted = told and redis.pcall('ZSCORE', waits, ARGV[1])
  local now = redis.call('TIME')
  if type(noted) == 'string' and tonumber(noted) > now[1] * 1000 + math.floor(now[2] / 1000) then
    return { 'told', told }
  end
  return { 'gone' }
end
local score = redis.call('ZSCORE', archived, ARGV[1])
if f[1] == 'completed' or f[1] == 'archived' then return { f[1], f[2], f[3], f[4], score } end
if ARGV[2] ~= '0' then
  local now = redis.call('TIME')
  local at = now[1] * 1000 + math.floor(now[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', waits, '-inf', string.format('%.0f', at))
  if told then redis.call('DEL', ending) end
  redis.call('ZADD', waits, string.format('%.0f', at + ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', waits, ARGV[2])
end
return { f[1] }
