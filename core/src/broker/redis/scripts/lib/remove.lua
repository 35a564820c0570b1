-- Takes it out of its place. Whether it can be put where it shall go has been seen before; here
-- nothing fails any more once the first list has been changed.
if place == 'aggregating' then redis.call('SCARD', groups)
elseif place == 'active' then redis.call('ZCARD', lease) end
redis.call('ZREM', line, id)
if lined then redis.call('ZREM', scheduled, id)
elseif place == 'pending' then redis.call('LREM', pending, -1, id)
elseif zsets[place] then redis.call('ZREM', zsets[place], id)
elseif place == 'aggregating' then
  redis.call('ZREM', base .. group, id)
  if redis.call('ZCARD', base .. group) == 0 then redis.call('SREM', groups, group) end
elseif place == 'active' then
  redis.call('LREM', active, 0, id)
  redis.call('ZREM', lease, id)
end
