-- changed(key, channel): the entries have another version, which is announced.
-- The version is a time, so that one that was lost with all entries does not come again.
local function changed(key, channel)
  local now, was = redis.call('TIME'), tonumber(redis.call('HGET', key, '') or 0)
  local new = math.max(now[1] * 1000000 + now[2], was + 1)
  redis.call('HSET', key, '', string.format('%.0f', new))
  redis.call('PUBLISH', channel, 'schedules')
end
