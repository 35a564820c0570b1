-- show(ids, scores, n): the rows of the first n ids, fewer when they grow past 8 MiB or when so
-- much was read for them as the longest message may have (ARGV[3]); and whether there are more.
--@use thin row
local function show(ids, scores, n)
  local rows, room, longest = {}, 8388608, tonumber(ARGV[3])
  local reads = longest
  for i, id in ipairs(ids) do
    if i > n or reads <= 0 then return rows, 1 end
    local f = row(ARGV[1] .. id, longest)
    reads = reads - (type(f[1]) == 'string' and #f[1] or 0)
    local m, size = thin(f[1])
    room = room - (type(m) == 'string' and #m or 0)
    if room < 0 and i > 1 then return rows, 1 end
    f[1] = m
    rows[i] = { id, scores and scores[i] or false, size, unpack(f) }
  end
  return rows, 0
end
