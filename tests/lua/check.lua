-- check.lua - what the test files compare with.
local check = {}

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  if (depth or 0) > 4 then return "{...}" end
  local keys, out = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    out[#out + 1] = tostring(key) .. "=" .. show(value[key], (depth or 0) + 1)
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for key in pairs(a) do if not same(a[key], b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

function check.equal(got, want)
  if not same(got, want) then error("got " .. show(got) .. ", not " .. show(want), 2) end
end

-- The call fails, with an error text that begins so.
function check.fails(begins, call, ...)
  local ok, reason = pcall(call, ...)
  if ok then error("should have failed with " .. begins, 2) end
  if type(reason) ~= "string" or reason:sub(1, #begins) ~= begins then
    error("failed with " .. show(reason) .. ", not " .. begins, 2)
  end
  return reason
end

return check
