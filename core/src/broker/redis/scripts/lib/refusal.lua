-- refusal(e, name, ...): what a command was refused with, and its name, which Redis 7.0 does not
-- tell where the user lacks the right. All else is raised as the server does it.
local function refusal(e, name, ...)
  local denied = string.find(e.err, 'executing the script', 1, true) or string.find(e.err,
      'ACL failure', 1, true) or
    string.find(e.err, 'NOPERM', 1, true)
  return denied and redis.error_reply("NOPERM the user may not run '" .. string.lower(name) ..
      "': " .. e.err) or
    redis.call(name, ...)
end
