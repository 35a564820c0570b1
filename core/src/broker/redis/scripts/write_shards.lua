-- write_shards.lua - declare what slots a queue has.
-- KEYS: the hash.
-- ARGV: the version that is known, the queue, its record (or none). The new version; 0: another is
-- there, and nothing is changed.
-- Cost: O(1).

--@keys shards
local call = redis.call
if (call('HGET', shards, '') or '0') ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  call('HDEL', shards, ARGV[2])
else
  call('HSET', shards, ARGV[2], ARGV[3])
end
return call('HINCRBY', shards, '', '1')
