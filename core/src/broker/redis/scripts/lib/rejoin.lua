-- rejoin(tasks, one, rank, time): to this place in the line. In scripts with the keys scheduled and
-- line, and the same for all pieces about the line; tasks: their prefix, time: what TIME says.
-- Tasks with a priority wait in the line, whose scores say lane (100 less the priority) and place
-- in it, and meanwhile stand in scheduled at a time that never comes while there is a gofer: a Go
-- program alone would bring them to pending then. gofer:lane is the task's for good, gofer:rank its
-- place. A place that is another one, or whose task scheduled lacks, means nothing: it is that of
-- `ring`, or was left behind by somebody who knows of no line.
local function rejoin(tasks, one, rank, time)
  redis.call('ZADD', line, rank, one)
  redis.call('ZADD', scheduled, string.format('%.0f', time[1] + 3600), one)
  redis.call('HSET', tasks .. one, 'state', 'scheduled', 'gofer:rank', rank)
end
