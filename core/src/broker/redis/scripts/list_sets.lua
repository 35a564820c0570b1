-- list_sets.lua - the groups and sets of a queue.
-- ARGV: "asynq:{q}:", how many.
-- The zsets of aggregating tasks by name, without "asynq:{q}:g:".
-- Cost: O(1) for each listed.

--@keys groups aggregation_sets
local out, prefix = redis.pcall('SRANDMEMBER', groups, ARGV[2]), ARGV[1] .. 'g:'
if out.err then out = {} end
for _, key in ipairs(redis.pcall('ZRANGE', aggregation_sets, 0, ARGV[2])) do
  if key:sub(1, #prefix) == prefix then out[#out + 1] = key:sub(#prefix + 1) end
end
return out
