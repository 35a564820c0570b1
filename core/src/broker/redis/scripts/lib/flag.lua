-- flag(hash): tasks of this queue count for limits, which are in this hash. Of one server the
-- queues of which that is so stand in a set; on a Cluster, whoever copies the limits says it.
local flagged = false
local function flag(hash)
  if flagged then return end
  flagged = true
  if redis.call('SET', limited, hash, 'NX') and hash == 'asynq:gofer:limits' then
    redis.call('SADD', 'asynq:gofer:limited', string.match(limited, '^asynq:{(.*)}:gofer:limited$'))
  end
end
