-- number(): the varint at place i of the bytes m, behind which i stands then; nil: there is none.
-- Within a function that has both as locals.
  local function number()
    local v, factor = 0, 1
    while factor < 1e19 do
      local b = m:byte(i)
      if not b then return end
      i, v = i + 1, v + b % 128 * factor
      if b < 128 then return v end
      factor = factor * 128
    end
  end
