-- run.lua - runs the tests of the Lua module in a plain Lua 5.4.
--
--   lua5.4 run.lua DIRECTORY-OF-GOFER.SO [PART-OF-A-NAME]
--
-- A test file returns a table from sentences to functions; each gets a fresh folder for its files.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
local module_directory, wanted = arg[1] or "build/lua", arg[2]
package.cpath = module_directory .. "/?.so"
package.path = here .. "/?.lua;" .. package.path

local files = { "json_test", "module_test", "client_test", "life_test" }

local function fresh_folder()
  local name = os.tmpname()
  assert(os.remove(name))
  assert(os.execute("mkdir -m 700 '" .. name .. "'"))
  return name
end

local ran, failed = 0, 0
local function run(name, test)
  local folder = fresh_folder()
  local ok, reason = xpcall(test, debug.traceback, folder)
  os.execute("rm -rf '" .. folder .. "'")
  ran = ran + 1
  if not ok then failed = failed + 1 end
  print((ok and "ok       " or "FAILED   ") .. name)
  if not ok then print("    " .. tostring(reason):gsub("\n", "\n    ")) end
end

for _, file in ipairs(files) do
  local names, tests = {}, require(file)
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not wanted or (file .. " " .. name):find(wanted, 1, true) then
      run(file .. ": " .. name, tests[name])
    end
  end
end
collectgarbage()   -- finalizers run here, where a sanitizer sees them
print(ran .. " tests, " .. failed .. " failed")
os.exit(ran > 0 and failed == 0, true)
