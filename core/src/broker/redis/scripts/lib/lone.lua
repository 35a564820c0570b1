-- lone(active, lease, from, width): ids in this window of active that have no lease.
local function lone(active, lease, from, width)
  local ids, out = redis.call('LRANGE', active, from, from + width - 1), {}
  local scores = #ids > 0 and redis.call('ZMSCORE', lease, unpack(ids))
  for i, id in ipairs(ids) do
    if not scores[i] then out[#out + 1] = id end
  end
  return out
end
