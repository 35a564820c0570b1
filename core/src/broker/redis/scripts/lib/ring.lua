-- ring(tasks): where nothing is pending the first of the line comes there, and keeps its place in
-- the line, too. So who waits for work wakes, whatever he knows of.
--@use stage
local function ring(tasks)
  if redis.call('EXISTS', pending) == 1 or redis.call('EXISTS', line) == 0 then return end
  stage(tasks, '-inf', '(3536029394927616', 1, 'ring')
end
