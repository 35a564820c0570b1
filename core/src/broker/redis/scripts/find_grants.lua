-- find_grants.lua - keys of a queue whose grants are to be looked at.
-- ARGV: the tasks' prefix, the name of a limit (empty: none).
-- Answer: keys that tasks of the queue wait for, 500 at most, and some of those that it has a grant
-- of; of a limit that is named all of these, 5,000 at most. Keys of limits that each queue counts
-- for by itself may be among them.
-- Cost: O(log n) for each key, and O(n) of the grants where a limit is named.

--@keys wakes=gofer:wakes grants=gofer:grants
local base, out, listed, name = string.sub(ARGV[1], 1, -3), {}, {}, ARGV[2]
local function add(key)
  if not listed[key] then
    listed[key], out[#out + 1] = true, key
  end
end
for _, wake in ipairs(redis.call('ZRANGE', wakes, 0, 499)) do
  local key = string.sub(wake, 2)
  local front = string.match(key, '^(%a+):') or ''
  local own = front == 'ordered' or front == 'queue' or front == 'type'
  if wake ~= 't' and not own and redis.call('EXISTS', base .. 'gofer:held:' .. key) == 1 then
    add(key)
  end
end
local front = string.sub(name, -1) == '*' and string.sub(name, 1, -2)
local function add_some(keys, step)
  for i = 1, #keys, step do
    local key = keys[i]
    if #out == 5000 then return end
    if name == '' or key == name or front and string.sub(key, 1, #front) == front then add(key) end
  end
end
if name == '' then add_some(redis.call('HRANDFIELD', grants, 100), 1)
else add_some(redis.call('HGETALL', grants), 2) end
return out
