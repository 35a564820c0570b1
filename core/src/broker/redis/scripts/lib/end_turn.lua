-- end_turn(prefix, id, text): a task is gone or set aside, whose field gofer:limit was this text
-- (or nothing): if it was its turn of those that run one after the other, it is the next one's.
-- Nothing may fail for it: housekeeping looks for who waits.
--@use end_turns
local function end_turn(prefix, id, text)
  local key = text and string.match(text, '^%d+b? (ordered:[^\n]*)')
  if not key then return end
  pcall(end_turns, prefix:sub(1, -3), { [key] = { [id] = true } }, redis.call('TIME'))
end
