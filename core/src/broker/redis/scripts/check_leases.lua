-- check_leases.lua - look at leases.
-- Ids that are active without a lease, leases without an active one, and leases that ended over 90
-- seconds ago: Asynq recovers within 30 and a minute. Of the first 10,000; with more active ones
-- nothing is told.
-- Cost: O(n) of both, up to 10,000.

--@keys active lease
local running, out = redis.call('LRANGE', active, 0, 10000), { {}, {}, {} }
local leases, set, seen = redis.call('ZRANGE', lease, 0, 10000, 'WITHSCORES'), {}, {}
if #running > 10000 or #leases > 20000 then return out end
local late = redis.call('TIME')[1] - 90
for _, id in ipairs(running) do set[id] = true end
for i = 1, #leases, 2 do
  local id = leases[i]
  seen[id] = true
  if not set[id] then table.insert(out[2], id)
  elseif tonumber(leases[i + 1]) <= late then table.insert(out[3], id) end
end
for _, id in ipairs(running) do
  if not seen[id] then table.insert(out[1], id) end
end
return out
