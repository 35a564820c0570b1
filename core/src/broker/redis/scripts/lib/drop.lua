-- drop(prefix, id, how): deletes a task's hash, frees its lock, tells who waits for its end.
--@use free notify unhold end_turn
local function drop(prefix, id, how)
  free(prefix, id)
  local text = unhold(prefix, id)
  notify(prefix:sub(1, -3), id, how or 'deleted')
  local gone = redis.call('UNLINK', prefix .. id)
  end_turn(prefix, id, text)
  return gone
end
