-- need(prefix, ids): the hashes can all be had now: an error else, before anything was written. One
-- that does not exist can be had, unless its slot is moving.
local function need(prefix, ids)
  for i = 1, #ids do redis.call('EXISTS', prefix .. ids[i]) end
end
