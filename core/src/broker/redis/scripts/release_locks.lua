-- release_locks.lua - release locks.
-- KEYS: locks.
-- ARGV: the ids that hold them.
-- Cost: O(1) for each lock.

--@use unlock
for i, lock in ipairs(KEYS) do unlock(lock, ARGV[i]) end
return 1
