-- listen_to_sums.lua - say that somebody listens to events, and that sums will do.
-- ARGV: what says so, how long it says so in seconds, milliseconds.
-- Whoever wants all writes the key anew each second, so that it has longer to live than these; if
-- it has not, he has gone.
-- Cost: O(1).

--@keys listening
local said = redis.call('GET', listening)
if said and said ~= ARGV[1] and redis.call('PTTL', listening) > tonumber(ARGV[3]) then return end
redis.call('SETEX', listening, ARGV[2], ARGV[1])
