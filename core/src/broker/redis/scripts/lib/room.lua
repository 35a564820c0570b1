-- room(home, bound): how many more may be pending in the queue "asynq:{q}:", how many at the most
-- (nil: any number), and whether it takes envelopes alone, as the key `bound` says: a number, "e",
-- or both. What waits in the line or for a limit key is pending, too; what `ring` brought from the
-- line to the list is in both, and counts once.
local function room(home, bound)
  local said = redis.pcall('GET', bound)
  local most, closed = string.match(type(said) == 'string' and said or '', '^(%d*)(e?)$')
  most, closed = tonumber(most), closed == 'e'
  if not most then return math.huge, nil, closed end
  local list, places = home .. 'pending', home .. 'gofer:line'
  local left, ranked = most - redis.call('LLEN', list), redis.call('ZCARD', places)
  local near = ranked > 0 and redis.call('LRANGE', list, -8, -1) or {}
  for _, rank in ipairs(#near > 0 and redis.call('ZMSCORE', places, unpack(near)) or {}) do
    if rank then left = left + 1 end
  end
  return left - ranked, most, closed
end
