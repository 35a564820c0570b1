-- listen_to_sums.lua - say that somebody listens to events, and that sums will do.
-- ARGV: what says so, how long it says so in seconds, milliseconds.
-- Whoever wants all writes the key anew each second, so that it has longer to live than these; if
-- it has not, he has gone. How long that is matters only of another's word: most who listen listen
-- alone, and say so each second. A key of another type says nothing and is replaced.
-- Cost: O(1).

--@keys listening
local said = redis.pcall('GET', listening)
if type(said) == 'table' and not string.find(said.err, 'WRONGTYPE', 1, true) then return said end
local others = type(said) == 'string' and said ~= ARGV[1]
if others and redis.call('PTTL', listening) > tonumber(ARGV[3]) then return end
redis.call('SETEX', listening, ARGV[2], ARGV[1])
