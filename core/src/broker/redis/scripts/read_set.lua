-- read_set.lua - read a group's set.
-- ARGV: the tasks' prefix, from, how many, how many bytes, the longest message that can be read.
-- Answer: the set's end (nil: no such set), 1: there are more, then id and message of each (false:
-- none; a number: the size of one that is too long).
-- Cost: O(1) for each member read.

--@keys set aggregation_sets
local out, room, n = { redis.call('ZSCORE', aggregation_sets, set), 0 }, tonumber(ARGV[4]),
    tonumber(ARGV[3])
local ids = redis.call('ZRANGE', set, ARGV[2], ARGV[2] + n)
for i, id in ipairs(ids) do
  if i > n or room <= 0 then
    out[2] = 1
    break
  end
  local msg = redis.pcall('HSTRLEN', ARGV[1] .. id, 'msg')
  if type(msg) == 'table' then
    if not string.find(msg.err, 'WRONGTYPE', 1, true) then return redis.error_reply(msg.err) end
    msg = false
  elseif msg <= tonumber(ARGV[5]) then
    room = room - msg
    msg = redis.call('HGET', ARGV[1] .. id, 'msg')
  end
  out[#out + 1] = id
  out[#out + 1] = msg
end
return out
