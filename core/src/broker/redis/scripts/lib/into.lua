-- into(ids, to, ..., how): tasks that were taken out of their list go where they shall, whose type
-- has been seen before; how many are not mere ids, and how many the archive's limits have deleted
-- for it. gofer's fields of an earlier run go, so that no worker still takes the task for its own.
-- What has a priority goes to its line. What is set aside frees its lock, and who waits for its end
-- is told (how), and its flow, also of what is run by hand. The trim keeps up with a chunk.
--@use free trim tell_flow notify enline ring unhold end_turn
local function into(ids, to, prefix, how)
  local now, kept, lined, texts = redis.call('TIME'), {}, 0, {}
  local since = now[1] .. string.format('%06d', now[2]) .. '000'
  for _, id in ipairs(ids) do
    local key = prefix .. id
    if redis.call('EXISTS', key) == 1 then
      local text = unhold(prefix, id)
      redis.pcall('HDEL', key, 'gofer:claim', 'gofer:worker', 'gofer:progress', 'gofer:begun')
      if to == 'pending' then
        redis.pcall('HDEL', key, 'gofer:cancel', 'gofer:error')
        tell_flow(prefix:sub(1, -3), id, 'again')
        redis.pcall('HSET', key, 'state', to, 'pending_since', since)
        local lane = redis.pcall('HGET', key, 'gofer:lane')
        if type(lane) == 'string' then
          enline(prefix, id, lane, now)
          lined = lined + 1
        else kept[#kept + 1] = id end
      else
        redis.pcall('HSET', key, 'state', to)
        free(prefix, id)
        notify(prefix:sub(1, -3), id, how or 'archived')
        texts[id] = text
        kept[#kept + 1] = now[1]
        kept[#kept + 1] = id
      end
    end
  end
  if lined > 0 then ring(prefix) end
  if #kept == 0 then return lined end
  if to == 'pending' then
    redis.call('LPUSH', pending, unpack(kept))
    return #kept + lined
  end
  redis.call('ZADD', archived, unpack(kept))
  for id, text in pairs(texts) do end_turn(prefix, id, text) end
  return #kept / 2, trim(archived, prefix, now, 600)
end
