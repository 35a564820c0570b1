-- settle_all(done, wants_of): of tasks whose claim has ended, and what each counts for: that counts
-- no more, and who waits for one of its keys that has room is brought back, one for each. Nothing
-- fails for it: what is left out ends with the leases, and housekeeping looks for who waits. What
-- its key's limit is need not be known to find where a task is counted; one question for all keys
-- tells mostly that nobody waits, and that nothing is left of them. Whose turn it was of those that
-- run one after the other, and has come to its end, passes that on.
--@use bring_back end_turns
local function settle_all(done, wants_of)
  local of_text, freed, names, ended = {}, {}, {}, {}
  for i = 1, #done do
    local members = of_text[wants_of[i]]
    if not members then
      members = {}
      of_text[wants_of[i]] = members
    end
    members[#members + 1] = whose .. '\n' .. done[i]
  end
  for text, members in pairs(of_text) do
    for key in string.gmatch(string.match(text, ' (.*)$') or '', '[^\n]+') do
      if is_ordered(key) then
        ended[key] = ended[key] or {}
        for i = 1, #members do ended[key][string.sub(members[i], #whose + 2)] = true end
      else
        if not freed[key] then freed[key], names[#names + 1] = {}, key end
        for i = 1, #members do table.insert(freed[key], members[i]) end
      end
    end
  end
  end_turns(base, ended, now)
  local held, left, indexes = {}, {}, {}
  for i = 1, #names do
    local members, scope = freed[names[i]], alone and 's' or 'q'
    for from = 1, #members, 500 do
      local some = math.min(500, #members - from + 1)
      local n = redis.call('ZREM', fronts[scope] .. 'run:' .. names[i],
        unpack(members, from, from + some - 1))
      if n < some and alone and redis.call('ZREM', fronts.q .. 'run:' .. names[i],
          unpack(members, from, from + some - 1)) > 0 then
        scope = 'q'
      end
    end
    held[i], left[i], indexes[i] = fronts[scope] .. 'held:' .. names[i],
      fronts[scope] .. 'run:' .. names[i], fronts[scope] .. 'keys'
  end
  local function how_many(of)
    local n = 0
    for i = 1, #of, 1000 do
      n = n + redis.call('EXISTS', unpack(of, i, math.min(i + 999, #of)))
    end
    return n
  end
  local waiting = how_many(held)
  for i = 1, waiting > 0 and #names or 0 do
    if redis.call('EXISTS', held[i]) == 1 then
      local it = look(names[i])
      bring_back(it, #freed[names[i]], it.scope)
      mend()
      it.tat, it.running = it.spent, nil
    end
  end
  local gone = waiting == 0 and how_many(left) == 0
  local unused = {}
  for i = 1, #names do
    if gone or redis.call('EXISTS', held[i], left[i]) == 0 then
      unused[indexes[i]] = unused[indexes[i]] or {}
      table.insert(unused[indexes[i]], names[i])
    end
  end
  for index, some in pairs(unused) do
    for i = 1, #some, 1000 do
      redis.call('ZREM', index, unpack(some, i, math.min(i + 999, #some)))
    end
  end
end
