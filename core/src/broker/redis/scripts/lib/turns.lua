-- Tasks that run one after the other have a key ("ordered:KEY"), and gofer:turns says whose turn it
-- is of each: one task, from the take that looks at it first until it has come to its end.
-- has_turn(home, key, id): what is said there is so; home: "asynq:{q}:". A Go program ends tasks
-- and writes nothing there: so one is believed only that is there, has the key, is not at its end,
-- and is where its state word says. One that cannot be had now (its slot is moving) is believed.
local function has_turn(home, key, id)
  local f = redis.pcall('HMGET', home .. 't:' .. id, 'state', 'gofer:limit')
  if f.err then return not string.find(f.err, 'WRONGTYPE', 1, true) end
  local blocks, first = string.match(f[2] or '', '^%d+(b?) ([^\n]*)')
  local state = f[1]
  if first ~= key or not state or state == 'completed' or state == 'aggregating' or
      state == 'archived' and blocks == '' then
    return false
  end
  if state ~= 'archived' and state ~= 'retry' and state ~= 'scheduled' then return true end
  return type(redis.pcall('ZSCORE', home .. state, id)) == 'string'
end
