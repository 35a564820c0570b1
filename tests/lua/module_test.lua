-- The module as such: what is in it, how it parses, how it refuses.
local gofer = require "gofer"
local check = require "check"

local tests = {}

function tests.the_module_has_this_and_no_more()
  local names = {}
  for name in pairs(gofer) do names[#names + 1] = name end
  table.sort(names)
  check.equal(table.concat(names, " "),
    "cron_check json null open parse_duration parse_time version version_number")
  check.equal(rawget(_G, "gofer"), nil)
  check.equal(rawget(_G, "swig_type"), nil)
end

function tests.the_version_is_text_and_a_number()
  local major, minor, patch = gofer.version:match("^(%d+)%.(%d+)%.(%d+)$")
  check.equal(gofer.version_number(), major * 10000 + minor * 100 + math.tointeger(patch))
end

function tests.durations_are_seconds()
  for text, seconds in pairs {
    ["5m"] = 300.0, ["250ms"] = 0.25, ["1h30m"] = 5400.0, ["1.5"] = 1.5, ["2d"] = 172800.0,
  } do
    check.equal(gofer.parse_duration(text), seconds)
  end
  check.fails("EINVAL: ", gofer.parse_duration, "5 parsecs")
  check.fails("EINVAL: ", gofer.parse_duration, 5)
  check.fails("EINVAL: ", gofer.parse_duration)
  check.fails("EINVAL: ", gofer.parse_duration, "5m\0")
  check.fails("EINVAL: ", gofer.parse_duration, "5m", "more")
end

function tests.times_are_unix_seconds()
  check.equal(gofer.parse_time("2026-11-23T18:00:00Z"), 1795456800.0)
  check.equal(gofer.parse_time("2026-11-23T19:00:00+01:00"), 1795456800.0)
  check.equal(gofer.parse_time("@1795456800"), 1795456800.0)
  check.fails("EINVAL: ", gofer.parse_time, "yesterday")
end

function tests.unknown_urls_are_refused()
  check.fails("EUNSUPPORTED: ", gofer.open, "gopher://x")
  check.fails("EINVAL: ", gofer.open, 5)
  check.fails("EINVAL: ", gofer.open, "memory:", "5s")
  local reason = check.fails("EINVAL: ", gofer.open, "memory:", { timeuot = "5s" })
  assert(reason:find("timeuot", 1, true) and reason:find("timeout", 1, true), reason)
end

return tests
