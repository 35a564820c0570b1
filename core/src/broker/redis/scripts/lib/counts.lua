-- KEYS: of each queue the nine of GF_RD_COUNTED_KEYS (inspect.h), then whatever else;
-- ARGV: -, then each "asynq:{q}:". counts(i): of the i-th queue how many tasks there are, in the
-- order of the states but for those in groups; these, the number of groups, and whether there is a
-- line. A key of another type counts as empty (what stands in the line is pending, and not
-- scheduled): `gofer doctor` tells of it. The tasks in groups are counted group by group: of over
-- 5000 groups a sample is, and scaled; and no more than that in all of a script, so nil of a queue
-- with more that is not the first. Most keys of most queues do not exist, which one EXISTS tells of
-- all.
local left = 5000
local function ask(...)
  local r = redis.pcall(...)
  if type(r) == 'table' then return false end
  return r
end
local function counts(i)
  local at, prefix = 9 * (i - 1), ARGV[i + 1]
  local there, out = redis.call('EXISTS', unpack(KEYS, at + 1, at + 9)), { 0, 0, 0, 0, 0, 0 }
  if there == 0 then return out, 0, 0, false end
  out[1] = ask('LLEN', KEYS[at + 1]) or 0
  if there == 1 and out[1] > 0 then return out, 0, 0, false end
  out[2] = ask('LLEN', KEYS[at + 2]) or 0
  for k = 3, 6 do out[k] = ask('ZCARD', KEYS[at + k]) or 0 end
  local lined = ask('ZCARD', KEYS[at + 9]) or 0
  local has_line = lined > 0
  if has_line then
    local near = redis.pcall('LRANGE', KEYS[at + 1], -8, -1)
    for _, id in ipairs(near) do
      if ask('ZSCORE', KEYS[at + 9], id) then lined = lined - 1 end
    end
  end
  lined = math.max(0, math.min(lined, out[3]))
  out[1], out[3] = out[1] + lined, out[3] - lined
  local groups, some, waiting = ask('SCARD', KEYS[at + 7]) or 0, {}, 0
  local sets = redis.pcall('ZRANGE', KEYS[at + 8], 0, 999)
  if i > 1 and groups + #sets > left then return end
  if groups > 5000 then some = redis.call('SRANDMEMBER', KEYS[at + 7], 5000)
  elseif groups > 0 then some = redis.call('SMEMBERS', KEYS[at + 7]) end
  for _, name in ipairs(some) do
    waiting = waiting + (ask('ZCARD', prefix .. 'g:' .. name) or 0)
  end
  if groups > #some then waiting = math.floor(waiting * groups / #some) end
  for _, key in ipairs(sets) do
    if key:sub(1, #prefix) == prefix then waiting = waiting + (ask('ZCARD', key) or 0) end
  end
  left = left - #some - #sets
  return out, waiting, groups, has_line
end
