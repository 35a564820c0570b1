-- guard_queue.lua - what a queue takes: at most so many pending tasks, envelopes alone.
-- ARGV: which (length, encrypted), and how many, or e; empty: it does not mind. Both are in one
-- key, which the scripts that put tasks ask for (lib/room.lua).
-- Cost: O(1).

--@keys length=gofer:length
local most, closed = string.match(redis.call('GET', length) or '', '^(%d*)(e?)$')
if ARGV[1] == 'length' then most = ARGV[2] else closed = ARGV[2] end
local guard = (most or '') .. (closed or '')
if guard == '' then redis.call('DEL', length) else redis.call('SET', length, guard) end
return 1
