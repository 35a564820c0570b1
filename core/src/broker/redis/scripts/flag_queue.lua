-- flag_queue.lua - say that tasks of a queue count for limits.
-- ARGV: which hash the limits are in.
-- Cost: O(1).

--@keys limited=gofer:limited
--@use flag
flag(ARGV[1])
return 1
