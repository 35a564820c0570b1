-- draw(tasks, limit, time): so many that are next are in pending, if there are so many. What `ring`
-- brought there goes back first, since others may be before it by now. 100 lanes are before the
-- plain tasks, 100 behind them; what stands in the one behind those waits for a limit key
-- (lib/admit.lua), and is none of them.
--@use rejoin stage
local function draw(tasks, limit, time)
  local near = redis.call('LRANGE', pending, -8, -1)
  local ranks = #near > 0 and redis.call('ZMSCORE', line, unpack(near))
  for i, one in ipairs(near) do
    if ranks[i] and redis.call('LREM', pending, -1, one) == 1 then
      rejoin(tasks, one, string.format('%.0f', ranks[i]), time)
    end
  end
  stage(tasks, '-inf', '(1759218604441600', limit, 'head')
  local short = limit - redis.call('LLEN', pending)
  if short > 0 then stage(tasks, '1759218604441600', '(3536029394927616', short, 'end') end
end
