-- keep(key, field, text): text at the end of what a field keeps, of which the latest 64 KiB
-- (GF_TASK_LOG_BYTES) stay, cut at a newline.
local function keep(key, field, text)
  local all = (redis.call('HGET', key, field) or '') .. text
  if #all > 65536 then
    local cut = string.find(all, '\n', #all - 65536, true)
    all = cut and string.sub(all, cut + 1) or ''
  end
  redis.call('HSET', key, field, all)
end
