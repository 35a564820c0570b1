-- free(prefix, id): frees the unique lock of a task, if it holds one, and what it is debounced by.
--@use lock_of unkey
local function free(prefix, id)
  local locks = prefix:sub(1, -3) .. 'unique:'
  local f = redis.pcall('HMGET', prefix .. id, 'unique_key', 'group', 'gofer:key')
  if f.err then return end
  if f[3] then unkey(prefix:sub(1, -3), f[3], id) end
  if not (f[1] or f[2]) then return end
  f[3] = not f[1] and redis.call('HGET', prefix .. id, 'msg')
  local lock = lock_of(f)
  if lock and lock:sub(1, #locks) == locks and redis.pcall('GET', lock) == id then
    redis.call('DEL', lock)
  end
end
