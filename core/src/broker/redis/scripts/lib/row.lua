-- row(key, longest): the fields of a task from GF_ROW_MSG to GF_ROW_CHECKPOINT_SIZE; all false
-- if it is no hash, and an error that says why if it cannot be had now. A message that is too long
-- for a reply is not even read.
local function row(key, longest)
  local size = redis.pcall('HSTRLEN', key, 'msg')
  if type(size) ~= 'number' then
    local away = not string.find(size.err, 'WRONGTYPE', 1, true) and
      "the task's data cannot be had now: its slot of the Cluster is moving; look again"
    return { false, false, false, false, false, away, false, false, false, false, 0 }
  end
  local f = redis.call('HMGET', key, size > longest and 'state' or 'msg', 'state',
    'pending_since', 'gofer:crashes', 'gofer:progress', 'gofer:error', 'gofer:worker',
    'gofer:claim', 'gofer:cancel', 'gofer:held')
  if size > longest then f[1] = size end
  f[11] = redis.call('HSTRLEN', key, 'gofer:ckpt')
  return f
end
