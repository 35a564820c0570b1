-- check_twice.lua - look for an id in all lists.
-- ARGV: "asynq:{q}:t:", id, "1": mend.
-- Returns how often the id stands in all of them, and 1 if it now stands in one.
-- Cost: O(n) of both lists.

--@keys scheduled retry completed archived pending active lease
local id, key, names, at, n = ARGV[2], ARGV[1] .. ARGV[2], { 'scheduled', 'retry', 'completed',
    'archived' }, {}, 0
local zsets = { scheduled, retry, completed, archived }
for i, name in ipairs(names) do
  if redis.call('ZSCORE', zsets[i], id) then at[name], n = 1, n + 1 end
end
local p, a = #redis.call('LPOS', pending, id, 'COUNT', 0), #redis.call('LPOS', active, id, 'COUNT',
    0)
n = n + p + a
if n < 2 or ARGV[3] ~= '1' then return { n, 0 } end
if p > 0 then at.pending = p end
if a > 0 then at.active = a end
local keep = redis.call('HGET', key, 'state')
if not keep or not at[keep] then
  keep = a > 0 and 'active' or p > 0 and 'pending'
  for _, name in ipairs(names) do if not keep and at[name] then keep = name end end
end
for i, name in ipairs(names) do
  if at[name] and name ~= keep then redis.call('ZREM', zsets[i], id) end
end
if p > 0 and keep ~= 'pending' then redis.call('LREM', pending, 0, id)
elseif p > 1 then redis.call('LREM', pending, p - 1, id) end
if a > 0 and keep ~= 'active' then
  redis.call('LREM', active, 0, id)
  redis.call('ZREM', lease, id)
elseif a > 1 then redis.call('LREM', active, a - 1, id) end
if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', keep) end
return { n, 1 }
