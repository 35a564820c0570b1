-- settle(ended): of each task whose claim has ended, its id and what it counts for: that counts no
-- more, and who waits for one of its keys that has room is brought back, one for each. Nothing
-- fails for it: what is left out ends with the leases, and housekeeping looks for who waits.
--@use bring_back
local function settle_all(ended)
  local freed, names = {}, {}
  for i = 1, #ended do
    local member = whose .. '\n' .. ended[i][1]
    for key in string.gmatch(string.match(ended[i][2], ' (.*)$') or '', '[^\n]+') do
      if not freed[key] then freed[key], names[#names + 1] = {}, key end
      table.insert(freed[key], member)
    end
  end
  for i = 1, #names do
    local it, members = look(names[i]), freed[names[i]]
    for scope, front in pairs(fronts) do
      if scope == it.scope or alone then
        redis.call('ZREM', front .. 'run:' .. it.key, unpack(members))
      end
    end
  end
  for i = 1, #names do
    local it = look(names[i])
    bring_back(it, #freed[names[i]], it.scope)
    mend()
    if redis.call('EXISTS', it.front .. 'run:' .. it.key, it.front .. 'held:' .. it.key) == 0 then
      redis.call('ZREM', it.front .. 'keys', it.key)
    end
    it.tat, it.running = it.spent, nil
  end
end
