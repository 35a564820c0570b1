-- free(prefix, id): frees the unique lock of a task, if it holds one.
--@use lock_of
local function free(prefix, id)
  local locks = prefix:sub(1, -3) .. 'unique:'
  local f = redis.pcall('HMGET', prefix .. id, 'unique_key', 'group')
  if f.err or not (f[1] or f[2]) then return end
  if not f[1] then f[3] = redis.call('HGET', prefix .. id, 'msg') end
  local lock = lock_of(f)
  if lock and lock:sub(1, #locks) == locks and redis.pcall('GET', lock) == id then
    redis.call('DEL', lock)
  end
end
