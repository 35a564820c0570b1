-- export_tasks.lua - read tasks to be moved elsewhere.
-- KEYS: -.
-- ARGV: the tasks' prefix, how many bytes, the longest that can be read, ids. Of each, as far as
-- there is room (the first always): a number (the size of what cannot be read), or message (nil:
-- none), its SHA-1, state word (of one that stands in the line: pending), score where it is,
-- pending_since, crashes, result, group, how long its unique lock holds, in ms, if it holds one,
-- the lock's name, history, log, checkpoint, the record of the key that it is debounced by, and
-- what that says.
-- Cost: O(log n) for each task.

--@use lock_of
local prefix, out, room, longest = ARGV[1], {}, tonumber(ARGV[2]), tonumber(ARGV[3])
local base = string.sub(prefix, 1, -3)
local function size(id, field)
  local n = redis.pcall('HSTRLEN', prefix .. id, field)
  return type(n) == 'number' and n or 0
end
for i = 4, #ARGV do
  local id = ARGV[i]
  local msg, result = size(id, 'msg'), size(id, 'result')
  if i > 4 and room <= 0 then break end
  room = room - msg - result
  local f = math.max(msg, result) > longest and { err = 'WRONGTYPE' }
  local large = f and math.max(msg, result)
  f = f or redis.pcall('HMGET', prefix .. id, 'msg', 'state', 'pending_since', 'gofer:crashes',
      'result', 'group',
    'unique_key', 'gofer:attempts', 'gofer:log', 'gofer:ckpt', 'gofer:rank', 'gofer:key')
  if f.err and not string.find(f.err, 'WRONGTYPE', 1, true) then return redis.error_reply(f.err) end
  if large then out[i - 3] = { large }
  elseif f.err or not f[1] then out[i - 3] = { false }
  else
    local state, lock, score, left = f[2] or '', lock_of({ f[7], f[6], f[1] }), false, 0
    if state == 'scheduled' and f[11] and redis.call('ZSCORE', base .. 'gofer:line', id) then
      state = 'pending'
    end
    if state == 'aggregating' then score = redis.call('ZSCORE', base .. 'g:' .. (f[6] or ''), id)
    elseif state ~= 'pending' and state ~= 'active' then
      score = redis.pcall('ZSCORE', base .. state, id) end
    if type(score) == 'table' then score = false end
    if lock and string.sub(lock, 1, #base + 7) == base .. 'unique:' and redis.pcall('GET',
        lock) == id then
      left = redis.call('PTTL', lock)
    end
    local record = state == 'scheduled' and f[12]
    if record and string.sub(record, 1, #base + 10) ~= base .. 'gofer:key:' then record = false end
    local said = record and redis.pcall('GET', record)
    out[i - 3] = { f[1], redis.sha1hex(f[1]), state, score, f[3], f[4], f[5], f[6], left, lock or
        false,
      f[8], f[9], f[10], record or false, type(said) == 'string' and said }
  end
end
return out
