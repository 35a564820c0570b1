-- runaways.lua - code that would never end, run one a task by
-- host_test.c with a timeout of a second.
local runaways = {}

local function forever() while true do end end

runaways.loop = forever
function runaways.pcall_in_a_loop() while true do pcall(forever) end end
function runaways.pcall_nested() while true do pcall(pcall, pcall, forever) end end
function runaways.xpcall_with_a_handler() while true do xpcall(forever, forever) end end
function runaways.error_in_a_loop() while true do pcall(error, "x") end end
function runaways.coroutines() while true do coroutine.resume(coroutine.create(forever)) end end
function runaways.wrapped_coroutines() while true do pcall(coroutine.wrap(forever)) end end
function runaways.yields()
  local co = coroutine.wrap(function() while true do coroutine.yield() end end)
  while true do co() end
end
function runaways.close_of_a_dead_coroutine()
  coroutine.wrap(function()
    local _ <close> = setmetatable({}, { __close = forever })
    forever()
  end)()
end
function runaways.coroutine_close()
  local co = coroutine.create(function()
    local _ <close> = setmetatable({}, { __close = forever })
    coroutine.yield()
  end)
  coroutine.resume(co)
  coroutine.close(co)
end
function runaways.close_variable()
  local _ <close> = setmetatable({}, { __close = forever })
  forever()
end
function runaways.recursion() local function f() pcall(f) pcall(f) end f() end
function runaways.metamethods()
  return setmetatable({}, { __index = function() forever() end }).x
end
function runaways.tostring() return tostring(setmetatable({}, { __tostring = forever })) end
function runaways.error_object() error(setmetatable({}, { __tostring = forever })) end
function runaways.load() while true do load("return 1")() end end

function runaways.pattern() return ("a"):rep(100):find(("a*"):rep(6) .. "b") end
function runaways.pattern_in_pcall()
  while true do pcall(string.find, ("a"):rep(100), ("a*"):rep(6) .. "b") end
end
function runaways.lazy_pattern() return ("a"):rep(200):match((".-"):rep(8) .. "b") end
function runaways.gsub_pattern()
  return (("a"):rep(10000):gsub(("a*"):rep(3) .. ("a-"):rep(3) .. "b", ""))
end
function runaways.gmatch_pattern() for _ in ("a"):rep(10000):gmatch(("a*"):rep(6) .. "b") do end end
function runaways.again() return ("a"):rep(20000):find("(a*)(a*)%1%2b") end
function runaways.balance() return ("("):rep(1 << 22):find("%b()%b()") end

function runaways.concat()
  return table.concat(setmetatable({}, { __index = table.concat }), "", 1, math.maxinteger)
end
function runaways.insert()
  table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)
end
function runaways.remove()
  table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)
end
function runaways.move() table.move({}, 1, 1 << 60, 2) end
function runaways.sort()
  table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end }), rawequal)
end
function runaways.sort_comparator() table.sort({ 3, 2, 1 }, forever) end

function runaways.big_joins()
  local a = ("x"):rep(10000000)
  while true do pcall(function() return a .. a end) end
end
function runaways.big_copies()
  local a = ("x"):rep(10000000)
  while true do a:upper():reverse() end
end
function runaways.big_comparisons()
  local a, b = ("x"):rep(10000000) .. "a", ("x"):rep(10000000) .. "b"
  local less
  while true do less = a < b end
end
function runaways.json()
  local text = "[" .. ("1,"):rep(100000) .. "1]"
  while true do gofer.json.encode(gofer.json.decode(text)) end
end
function runaways.progress(task) while true do task:progress(1, 2, "on and on") end end

local names = {}
for name in pairs(runaways) do names[#names + 1] = name end
table.sort(names)

gofer.handle("names", function() return table.concat(names, "\n") end)
gofer.handle("runaway", function(task) return runaways[task.raw](task) end)
