-- thin(m) gives a message without its payload, and the payload's size; a small or unreadable
-- one as it is, and -1. So a page of large tasks costs what it shows.
local function thin(m)
  if type(m) ~= 'string' or #m < 4096 then return m, -1 end
  local i, from, size, parts = 1, 1, -1, {}
  --@use varint
  while i <= #m do
    local at, tag = i, number()
    local kind = tag and tag % 8
    if kind == 0 then if not number() then return m, -1 end
    elseif kind == 1 then i = i + 8
    elseif kind == 5 then i = i + 4
    elseif kind == 2 then
      local l = number()
      if not l or i + l - 1 > #m then return m, -1 end
      i = i + l
      if tag == 18 then
        parts[#parts + 1] = m:sub(from, at - 1)
        from, size = i, l
      end
    else return m, -1 end
  end
  if size < 0 then return m, -1 end
  parts[#parts + 1] = m:sub(from)
  return table.concat(parts), size
end
