-- purge.lua - delete what has been kept long enough.
-- ARGV: the tasks' prefix, how many. How many went, and how many of these from the archive. Ids are
-- cut from a list only when their hashes can be had.
-- Cost: O(log n) for each task.

--@use need free trim
--@keys completed archived
local now, prefix, n = redis.call('TIME'), ARGV[1], tonumber(ARGV[2])
local ids = redis.call('ZRANGEBYSCORE', completed, '-inf', now[1], 'LIMIT', 0, n)
redis.call('ZCARD', archived)
if #ids > 0 then
  need(prefix, ids)
  local hashes = {}
  for i, id in ipairs(ids) do hashes[i] = prefix .. id end
  redis.call('ZREM', completed, unpack(ids))
  redis.call('UNLINK', unpack(hashes))
end
if #ids == n then return { n, 0 } end
local trimmed = trim(archived, prefix, now, n - #ids)
return { #ids + trimmed, trimmed }
