-- anew(key, msg, lane, limit): another task in a hash, with nothing of the one that was there but
-- where it is. A first write that needs memory has been made before.
local function anew(key, msg, lane, limit)
  redis.call('HDEL', key, 'unique_key', 'group', 'result', 'gofer:attempts', 'gofer:log',
    'gofer:ckpt', 'gofer:crashes', 'gofer:proven', 'gofer:progress', 'gofer:error', 'gofer:claim',
    'gofer:worker', 'gofer:cancel', 'gofer:begun', 'gofer:lane', 'gofer:limit')
  redis.call('HSET', key, 'msg', msg)
  if lane ~= '' then redis.call('HSET', key, 'gofer:lane', lane) end
  if limit ~= '' then redis.call('HSET', key, 'gofer:limit', limit) end
end
