-- fetch_commands.lua - fetch commands.
-- KEYS: the list. All of it, once.
-- Cost: O(n) of the commands.

--@keys commands
local all = redis.call('LRANGE', commands, 0, -1)
redis.call('DEL', commands)
return all
