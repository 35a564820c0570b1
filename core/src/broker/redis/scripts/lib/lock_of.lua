-- lock_of(f): the name of a task's unique lock, from its fields unique_key, group and message (of
-- HMGET key 'unique_key', 'group', 'msg'). One that was put into a group has it in its message only
-- (wire.md section 5): field 10 of it.
local function lock_of(f)
  local i, m = 1, f[2] and f[3]
  if f[1] or not m then return f[1] end
  --@use varint
  while i <= #m do
    local tag = number()
    local kind = tag and tag % 8
    if kind == 0 then if not number() then return end
    elseif kind == 1 then i = i + 8
    elseif kind == 5 then i = i + 4
    elseif kind == 2 then
      local l = number()
      if not l then return end
      if tag == 82 then return m:sub(i, i + l - 1) end
      i = i + l
    else return end
  end
end
