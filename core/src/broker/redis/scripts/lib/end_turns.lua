-- end_turns(home, ended, time): of keys, and for each a set of tasks whose claims have ended: it is
-- the next ones' turn, where these tasks are at their end. home: "asynq:{q}:", time: TIME's answer.
--@use pass_turn
local function end_turns(home, ended, time)
  local turns, names, held = home .. 'gofer:turns', {}, {}
  for key in pairs(ended) do
    names[#names + 1], held[#held + 1] = key, home .. 'gofer:held:' .. key
  end
  for from = 1, #names, 1000 do
    local to, over, hashes = math.min(from + 999, #names), {}, {}
    local ids = redis.call('HMGET', turns, unpack(names, from, to))
    for i = from, to do
      local id = ids[i - from + 1]
      if id and ended[names[i]][id] then
        over[#over + 1], hashes[#hashes + 1] = names[i], home .. 't:' .. id
      end
    end
    if #over > 0 and redis.call('EXISTS', unpack(held, from, to)) == 0 and
        redis.call('EXISTS', unpack(hashes)) == 0 then
      redis.call('HDEL', turns, unpack(over))
      redis.call('ZREM', home .. 'gofer:keys', unpack(over))
    else
      for i = 1, #over do pass_turn(home, over[i], time) end
    end
  end
end
