-- pass_turn(home, key, time): if it is nobody's turn, it is that of the first who waits, who goes
-- to the head of the line; how many do. It is given right then, or a second one could be brought
-- back before that one has been taken, and stand before it. home: "asynq:{q}:", time: TIME's
-- answer.
--@use turns to_head
local function pass_turn(home, key, time)
  local turns, held = home .. 'gofer:turns', home .. 'gofer:held:' .. key
  local id = redis.call('HGET', turns, key)
  if id and has_turn(home, key, id) then return 0 end
  for _ = 1, 10 do
    local found = redis.call('ZRANGE', held, 0, 99)
    for i = 1, #found do
      local one = string.match(found[i], '\n(.*)$') or ''
      local f = redis.pcall('HMGET', home .. 't:' .. one, 'gofer:held', 'gofer:lane')
      redis.call('ZREM', held, found[i])
      if not f.err and f[1] == 'q' .. key then
        redis.call('ZREM', home .. 'gofer:line', one)
        if redis.call('ZREM', home .. 'scheduled', one) == 1 then
          to_head(home, one, f[2], time)
          redis.call('HSET', turns, key, one)
          return 1
        end
        redis.call('HSET', home .. 't:' .. one, 'gofer:held', '')
      end
    end
    if #found < 100 then
      redis.call('ZREM', home .. 'gofer:keys', key)
      break
    end
  end
  if id then redis.call('HDEL', turns, key) end
  return 0
end
