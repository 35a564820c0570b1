-- escapes.lua - attempts to leave the sandbox, run one a task by host_test.c. An attempt returns a
-- true value if it got out; an error, nil or false is the sandbox holding.
local attempts = {}

-- ---- Reaching the system

function attempts.io_is_there() return io end
function attempts.os_execute() return os.execute end
function attempts.os_exit() return os.exit end
function attempts.os_remove() return os.remove or os.rename or os.tmpname end
function attempts.os_getenv() return os.getenv or os.setlocale end
function attempts.package_is_there() return package or require end
function attempts.dofile_is_there() return dofile or loadfile end
function attempts.debug_is_there() return debug end
function attempts.opening_a_client() return gofer.open or gofer.client end
function attempts.warn_writes_to_stderr() return warn end
function attempts.string_dump() return string.dump or ("").dump end

-- ---- Bytecode

function attempts.load_of_bytecode() return load("\27Lua\x54\0\x19\x93\r\n\x1a\n") end
function attempts.load_of_bytecode_by_mode()
  return load("\27Lua", "x", "b") or load("\27Lua", "x", "bt")
end
function attempts.load_of_bytecode_in_pieces()
  local parts = { "\27", "Lua" }
  return load(function() return table.remove(parts, 1) end)
end
function attempts.load_of_a_huge_chunk() return load(("x = 1 "):rep(1 << 18)) end

-- ---- Loaded code has no more than we have

function attempts.load_sees_other_globals()
  return load("return io or debug or package or os.execute")()
end
function attempts.load_with_an_environment_sees_ours()
  return load("return print or string", "x", "t", {})()
end
function attempts.env_of_load_is_not_the_real_one() return load("return _ENV.io or _G.io")() end
function attempts.global_table_has_more()
  local G = _G
  return G.io or G.debug or G._G.package or rawget(G, "io")
end

-- ---- Shared tables

function attempts.replacing_a_string_function() string.format = print return true end
function attempts.replacing_by_rawset()
  rawset(string, "format", print)
  return string.format == print
end
function attempts.replacing_by_table_insert() table.insert(string, print) return string[1] end
function attempts.replacing_by_table_move()
  table.move({ print }, 1, 1, 1, string)
  return string[1]
end
function attempts.replacing_in_gofer() gofer.json.encode = print return true end
function attempts.replacing_gofer() gofer.enqueue = print return true end
function attempts.string_metatable_index()
  local meta = getmetatable("")
  if type(meta) ~= "table" then return nil end
  meta.__index = function() end
  return true
end
function attempts.new_string_metatable() return setmetatable("", {}) end
function attempts.library_metatable() return type(getmetatable(string)) == "table" end
function attempts.new_library_metatable() return setmetatable(string, {}) end
function attempts.table_behind_by_pairs()
  local _, behind = pairs(string)
  if type(behind) == "table" then behind.format = print end
  return string.format == print
end
function attempts.table_behind_by_next() return next(string) end
function attempts.globals_metatable()
  return type(getmetatable(_G)) == "table" or type(getmetatable(_ENV)) == "table"
end
function attempts.new_globals_metatable() return setmetatable(_G, { __index = {} }) end
function attempts.task_metatable(task) return type(getmetatable(task)) == "table" end
function attempts.task_fields(task) task.id = "other" return task.id == "other" end
function attempts.null_metatable() return type(getmetatable(gofer.null)) == "table" end
function attempts.array_metatable() return type(getmetatable(gofer.json.array())) == "table" end
function attempts.verdict_metatable()
  return type(getmetatable(gofer.skip_retry("x"))) == "table"
end
function attempts.coroutine_table() coroutine.resume = print return true end

-- ---- Finalizers and the collector

function attempts.gc_metamethod() return setmetatable({}, { __gc = function() end }) end
function attempts.gc_metamethod_hidden()
  return setmetatable({}, setmetatable({ __gc = true }, { __index = function() end }))
end
function attempts.stopping_the_collector() return collectgarbage("stop") end
function attempts.collecting() return collectgarbage("collect") or collectgarbage() end
function attempts.tuning_the_collector()
  return collectgarbage("generational") or collectgarbage("incremental")
end

-- ---- Handles

local kept_task
function attempts.a_task_kept_1(task) kept_task = task end
function attempts.a_task_kept_2(task) return kept_task and kept_task.id end
function attempts.handling_at_run_time() gofer.handle("late", print) return true end
function attempts.methods_on_something_else(task)
  local ok = pcall(task.log, gofer.null, "x") or pcall(task.progress, {}, 1, 2)
    or pcall(task.result, "x", "y")
  return ok
end

-- ---- Memory and sizes

function attempts.huge_rep() return #("x"):rep(1 << 40) end
function attempts.huge_rep_of_pairs() return #("x"):rep(1 << 20, ("y"):rep(1 << 20)) end
function attempts.huge_format() return #string.format("%99999d", 1) end
function attempts.huge_unpack() return select("#", table.unpack({}, 1, 1 << 30)) end
function attempts.huge_char() return #string.char(string.byte(("x"):rep(1 << 24), 1, -1)) end
function attempts.huge_pack() return #string.pack("!16" .. ("i16"):rep(1 << 23), 1) end
function attempts.deep_json()
  local t = {}
  for _ = 1, 100000 do t = { t } end
  return gofer.json.encode(t)
end
function attempts.deep_json_text() return gofer.json.decode(("["):rep(1 << 20)) end
function attempts.exploding_json()
  local t = { "x" }
  for _ = 1, 60 do t = { t, t } end
  return gofer.json.encode(t)
end
function attempts.deep_recursion() local function f() return 1 + f() end return f() end
function attempts.deep_pcall() local function f() return pcall(f) end return not f() end
function attempts.deep_coroutines() local function f() return coroutine.wrap(f)() end return f() end
function attempts.deep_gsub() local function f() return (("x"):gsub("x", f)) end return f() end
function attempts.deep_sort() local function f() table.sort({ 2, 1 }, f) end f() return true end
function attempts.deep_format()
  local t
  t = setmetatable({}, { __tostring = function() return string.format("%s", t) end })
  return tostring(t)
end
function attempts.deep_syntax() return load(("("):rep(10000) .. "1" .. (")"):rep(10000)) end
function attempts.deep_pattern() return ("x"):rep(1000):find(("x?"):rep(1000) .. "$y") end

local names = {}
for name in pairs(attempts) do names[#names + 1] = name end
table.sort(names)

gofer.handle("names", function() return table.concat(names, "\n") end)
gofer.handle("escape", function(task)
  local ok, result = pcall(attempts[task.raw], task)
  return ok and result and "ESCAPED: " .. tostring(result) or "held"
end)
