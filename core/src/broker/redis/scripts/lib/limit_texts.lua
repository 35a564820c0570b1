-- Limits as the hash `limits` (a local) has them. is_ordered(key): of those that run one after the
-- other. add_names(names, key): adds the names of limits that would be the key's, the best first;
-- a queue's key and those of types that are shut are like no others.
-- read(text): a limit's numbers; most: nil: any number run.
local sizes
local function is_ordered(key) return string.sub(key, 1, 8) == 'ordered:' end
local function add_names(names, key)
  if not sizes then
    sizes = {}
    for size in string.gmatch(redis.call('HGET', limits, '') or '', ' (%d+):') do
      sizes[#sizes + 1] = tonumber(size)
    end
  end
  names[#names + 1] = key
  local alike = string.sub(key, 1, 6) ~= 'queue:' and string.sub(key, 1, 5) ~= 'type:' and
    not is_ordered(key)
  for i = 1, alike and math.min(#sizes, 255) or 0 do
    if sizes[i] <= #key then names[#names + 1] = string.sub(key, 1, sizes[i]) .. '*' end
  end
end
local function read(text)
  local cap, rate, per, burst, over, own = string.match(text or '',
    '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  rate, cap = tonumber(rate or 0), tonumber(cap or 0)
  return { none = not per, most = cap > 0 and cap or nil, over = over, own = own == '1',
    burst = tonumber(burst or 1),
    interval = rate > 0 and math.floor((per * 1000 + rate - 1) / rate) or 0 }
end
