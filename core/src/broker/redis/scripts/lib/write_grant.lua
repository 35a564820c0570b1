-- write_grant(key, it): see lib/grants.lua.
local function write_grant(key, it)
  redis.call('HSET', base .. 'gofer:grants', key, string.format('%.0f %.0f %.0f %.0f %.0f',
    it.goal, it.left, it.number, it.given, it.full))
end
