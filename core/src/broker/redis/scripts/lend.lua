-- lend.lua - give leases to active tasks that have none.
-- ARGV: the tasks' prefix, where the window is, how wide. An active task without a lease is given a
-- short one. If somebody runs it, his heartbeats go on with it; if not, it is soon found like all
-- others, by whichever worker.
-- Answer: how many, ghosts, and those that only the list of active ones was wrong about.
-- Cost: O(n) of the window; for each task found O(n) of active.

--@use lone
--@keys pending active lease scheduled retry completed archived
--@use elsewhere
local ends, all = redis.call('TIME')[1] + 10, {}
for i, id in ipairs(lone(active, lease, tonumber(ARGV[2]), tonumber(ARGV[3]))) do
  local f = fields(ARGV[1] .. id)
  all[i] = { id, f, f[2] ~= 'active' and elsewhere(keys, f[2], id) }
end
local lent, ghosts, strays = 0, 0, 0
for _, it in ipairs(all) do
  local id, f = it[1], it[2]
  if not f[1] then
    redis.call('LREM', active, 0, id)
    if not f.err then redis.call('DEL', ARGV[1] .. id) end
    ghosts = ghosts + 1
  elseif it[3] then
    redis.call('LREM', active, 0, id)
    strays = strays + 1
  else
    redis.call('ZADD', lease, string.format('%.0f', ends), id)
    lent = lent + 1
  end
end
return { lent, ghosts, strays }
