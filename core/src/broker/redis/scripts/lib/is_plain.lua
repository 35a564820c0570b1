-- is_plain(m): is the payload of the message m no envelope (message/seal.h: "gfe1", and at least 44
-- bytes)? It is the last field 2; who edits a message puts it behind all others.
local function is_plain(m)
  local i, plain = 1, true
  --@use varint
  while i <= #m do
    local tag = number()
    local kind = tag and tag % 8
    local size = kind == 2 and number() or kind == 1 and 8 or kind == 5 and 4 or 0
    if not kind or kind == 0 and not number() or kind > 5 then return true end
    if tag == 18 then plain = size < 44 or string.sub(m, i, i + 3) ~= 'gfe1' end
    i = i + size
  end
  return plain
end
