-- lease_end(t, ms): the score of a lease from TIME's answer on, rounded up so that no lease is
-- short.
local function lease_end(t, ms)
  return string.format('%.0f', math.ceil((t[1] * 1000 + math.floor(t[2] / 1000) + ms) / 1000))
end
