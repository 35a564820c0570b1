-- For scripts with the keys pending, scheduled, retry, completed and archived, whose types it
-- tests.
-- fields(key): message, state word, claim, lane and limit keys; only an answer that the key is no
-- hash is not the end, for in a Cluster there are others.
-- elsewhere(keys, state, id): is it where its state word says, other than active? Of pending both
-- ends are looked at.
local function elsewhere(keys, state, id)
  if state == 'pending' then
    return redis.call('LPOS', keys.pending, id, 'MAXLEN', 1000) or
      redis.call('LPOS', keys.pending, id, 'RANK', -1, 'MAXLEN', 1000)
  end
  return keys[state] and redis.call('ZSCORE', keys[state], id)
end
local function fields(key)
  local f = redis.pcall('HMGET', key, 'msg', 'state', 'gofer:claim', 'gofer:lane',
    'gofer:limit')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then error(f.err) end
  return f
end
local keys = { pending = pending, scheduled = scheduled, retry = retry, completed = completed,
    archived = archived }
for _, zset in ipairs({ scheduled, retry, completed, archived }) do redis.call('ZCARD', zset) end
redis.call('LLEN', pending)
