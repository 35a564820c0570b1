-- count_lines.lua - count what is pending: in the line before the plain tasks, in the list, and in
-- the line as a whole. What `ring` brought to the list is counted in the line.
-- Answer: the three; 0 for what is of another type.
-- Cost: O(log n).

--@keys pending line=gofer:line
local function ask(...)
  local r = redis.pcall(...)
  return type(r) == 'number' and r or 0
end
local length, all = ask('LLEN', pending), ask('ZCARD', line)
if all == 0 then return { 0, length, 0 } end
if length > 0 then
  local near = redis.call('LRANGE', pending, -8, -1)
  for _, rank in ipairs(redis.call('ZMSCORE', line, unpack(near))) do
    if rank then length = length - 1 end
  end
end
return { ask('ZCOUNT', line, '-inf', '(1759218604441600'), length, all }
