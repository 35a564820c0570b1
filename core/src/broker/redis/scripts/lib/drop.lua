-- drop(prefix, id, how): deletes a task's hash, frees its lock, tells who waits for its end.
--@use free notify unhold
local function drop(prefix, id, how)
  free(prefix, id)
  unhold(prefix, id)
  notify(prefix:sub(1, -3), id, how or 'deleted')
  return redis.call('UNLINK', prefix .. id)
end
