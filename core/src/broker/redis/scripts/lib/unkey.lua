-- unkey(base, key, id): the record of a debounced task (put_debounced.lua) goes with it, if it is
-- still its; base: "asynq:{q}:", key: the task's gofer:key, or nothing. Nothing may fail for it, as
-- the record is never believed.
local function unkey(base, key, id)
  local front = base .. 'gofer:key:'
  if type(key) ~= 'string' or key:sub(1, #front) ~= front then return end
  local it = redis.pcall('GET', key)
  if type(it) == 'string' and it:match('^%d+ (.+)$') == id then redis.pcall('UNLINK', key) end
end
