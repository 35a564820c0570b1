-- drop_notices.lua - notices of steps' ends that were carried to their flows go.
-- ARGV: the notices.
-- Answer: how many. They are near the head, so each is found at once.
-- Cost: O(n) of the list at the worst.

--@keys ended=gofer:flow:ended
local n = 0
for i = 1, #ARGV do n = n + redis.call('LREM', ended, 1, ARGV[i]) end
return n
