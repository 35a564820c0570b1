-- count(t, n, processed, failed): n tasks more are processed, by the rules of wire.md section 5: a
-- key of each UTC day that lives 90 days, and totals that begin anew when they are full. failed:
-- nil, or its key when all n failed too. A counter that is no number is left as it is: nothing else
-- may fail for it. The day is computed as the calendar does, since scripts have no date function.
local function count(t, n, processed, failed)
  local f = math.floor
  local z = f(t[1] / 86400) + 719468
  local doe = z % 146097
  local yoe = f((doe - f(doe / 1460) + f(doe / 36524) - f(doe / 146096)) / 365)
  local doy = doe - 365 * yoe - f(yoe / 4) + f(yoe / 100)
  local m = f((5 * doy + 2) / 153)
  local day = string.format(':%04d-%02d-%02d', f(z / 146097) * 400 + yoe + (m > 9 and 1 or 0),
    (m + 2) % 12 + 1, doy - f((153 * m + 2) / 5) + 1)
  for _, key in ipairs({processed, failed}) do
    if redis.pcall('INCRBY', key .. day, n) == n then
      redis.call('EXPIREAT', key .. day, t[1] + 7776000)
    end
    local r = redis.pcall('INCRBY', key, n)
    if type(r) == 'table' and string.find(r.err, 'overflow', 1, true) then
      for _ = 1, n do
        if redis.pcall('GET', key) == '9223372036854775807' then redis.pcall('SET', key, 1)
        else redis.pcall('INCR', key) end
      end
    end
  end
end
