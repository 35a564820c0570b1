-- mend_tasks.lua - mend tasks.
-- KEYS: the list, archived, lease.
-- ARGV: what, "asynq:{q}:t:", the list's state; then ids, or for a score id, score as seen, score
-- to be. Each is tested again.
-- Returns how many were mended.
-- Cost: for each id O(n) of a list, O(log n) of a sorted set.

--@keys from archived lease
local kind, prefix, word, n = ARGV[1], ARGV[2], ARGV[3], 0
local list = redis.call('TYPE', from).ok == 'list'
local function out(id)
  if list then return redis.call('LREM', from, 0, id) > 0 end
  return redis.call('ZREM', from, id) == 1
end
local function is_in(id)
  if list then return redis.call('LPOS', from, id) end
  return redis.call('ZSCORE', from, id)
end
local i = 4
while i <= #ARGV do
  local id, key, done = ARGV[i], prefix .. ARGV[i], false
  local has = redis.pcall('HEXISTS', key, 'msg')
  local state = type(has) == 'number' and redis.call('HGET', key, 'state')
  if kind == 'ghost' then
    if has == 0 and out(id) then
      if word == 'active' then redis.call('ZREM', lease, id) end
      if redis.call('HEXISTS', key, 'result') == 0 then redis.call('DEL', key) end
      done = true
    end
  elseif kind == 'word' then
    if has == 1 and state ~= word and is_in(id) then
      redis.call('HSET', key, 'state', word)
      done = true
    end
  elseif kind == 'score' then
    if redis.call('ZSCORE', from, id) == ARGV[i + 1] then
      redis.call('ZADD', from, 'XX', ARGV[i + 2], id)
      done = true
    end
    i = i + 2
  elseif kind == 'claim' then
    if has == 1 and state ~= 'active' then
      redis.call('HDEL', key, 'gofer:claim', 'gofer:worker')
      done = true
    end
  elseif kind == 'unreadable' then
    if has == 1 and out(id) then
      redis.call('ZADD', archived, redis.call('TIME')[1], id)
      redis.call('HSET', key, 'state', 'archived', 'gofer:error',
          'the message of the task cannot be read')
      done = true
    end
  end
  if done then n = n + 1 end
  i = i + 1
end
return n
