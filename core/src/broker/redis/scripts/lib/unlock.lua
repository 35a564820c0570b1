-- unlock(lock, id): frees a unique lock if this task holds it.
local function unlock(lock, id)
  if redis.pcall('GET', lock) == id then redis.call('DEL', lock) end
end
