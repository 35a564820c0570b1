-- A client: tasks in, queues looked at, and everything refused that has to be.
local gofer = require "gofer"
local check = require "check"

local tests = {}

local function open(folder)
  return gofer.open("sqlite:" .. folder .. "/tasks.db", { timeout = "5s" })
end

function tests.a_table_goes_in_as_json_and_a_string_as_it_is(folder)
  local app <close> = open(folder)
  local id = app:enqueue("email:welcome", { to = "a@b", n = 1 },
    { queue = "mail", headers = { trace = "t1" } })
  local task = app:task(id, "mail")
  check.equal(task.payload, '{"n":1,"to":"a@b"}')
  check.equal(task.type, "email:welcome")
  check.equal(task.queue, "mail")
  check.equal(task.state, "pending")
  check.equal(task.headers, { trace = "t1" })
  check.equal(math.type(task.max_retry), "integer")
  check.equal(task.max_retry, 25)

  local bytes = "\0\1\xff raw \0"
  check.equal(app:task(app:enqueue("raw", bytes)).payload, bytes)
  check.equal(app:task(app:enqueue("none")).payload, "")
end

function tests.payloads_are_encrypted_with_keys(folder)
  local keys = "k1:" .. ("AAAA"):rep(10) .. "AAA="
  local file <close> = assert(io.open(folder .. "/keys", "w"))
  assert(file:write(keys))
  file:close()
  assert(os.execute("chmod 600 '" .. folder .. "/keys'"))
  local url = "sqlite:" .. folder .. "/tasks.db"
  local app <close> = gofer.open(url, { keys = keys })
  local stranger <close> = gofer.open(url, { keys = "" })
  local by_file <close> = gofer.open(url, { keys = folder .. "/keys" })
  local id, open = app:enqueue("t", "secret"), app:enqueue("t", "open", { plain = true })
  check.equal(app:task(id).payload, "secret")
  check.equal(by_file:task(id).payload, "secret")
  check.equal(stranger:task(id).payload:sub(1, 6), "gfe1k1")
  check.equal(stranger:task(open).payload, "open")
  by_file:keys_reload()
  app:schedules_sync("file", {
    { name = "open", spec = "@daily", type = "t", payload = "x", task = { plain = true } },
    { name = "secret", spec = "@daily", type = "t", payload = "x" },
  })
  check.equal(stranger:schedule("open").payload, "x")
  check.equal(stranger:schedule("secret").payload:sub(1, 4), "gfe1")
  check.fails("EINVAL: ", app.enqueue, app, "t", "x", { plain = 1 })
  check.fails("EINVAL: ", gofer.open, url, { keys = "k1" })
end

-- The rows of tests/local_times.txt, each zone in an interpreter of its own.
function tests.local_times_are_what_they_are_everywhere()
  local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
  local zones, count = {}, 0
  for line in io.lines(here .. "/../local_times.txt") do
    local zone, time, utc = line:match("^([^#]%S*)%s+(%S+)%s+(%S+)$")
    if zone then
      zones[zone] = zones[zone] or {}
      table.insert(zones[zone], { time = time, at = gofer.parse_time(utc) })
      count = count + 1
    end
  end
  assert(count > 20)
  for zone, rows in pairs(zones) do
    local program = { ("package.cpath = %q; local gofer = require 'gofer'"):format(package.cpath) }
    for _, row in ipairs(rows) do
      program[#program + 1] = ("print(gofer.parse_time(%q))"):format(row.time)
    end
    local script = os.tmpname()
    local file <close> = assert(io.open(script, "w"))
    file:write(table.concat(program, "\n"))
    file:close()
    local pipe <close> = assert(io.popen(("TZ='%s' '%s' '%s'"):format(zone, arg[-1], script)))
    for _, row in ipairs(rows) do
      local here = zone .. " " .. row.time .. " "
      check.equal(here .. tostring(pipe:read("n")), here .. tostring(row.at))
    end
    os.remove(script)
  end
end

function tests.options_reach_the_task(folder)
  local app <close> = open(folder)
  local now = os.time()
  local task = app:task(app:enqueue("t", "", {
    id = "my-id", delay = "1h", timeout = 90, deadline = now + 7200, retention = "1d", retry = 3,
  }))
  check.equal(task.id, "my-id")
  check.equal(task.state, "scheduled")
  check.equal(task.timeout_ms, 90000)
  check.equal(task.deadline_ms, (now + 7200) * 1000)
  check.equal(task.retention_ms, 86400000)
  check.equal(task.max_retry, 3)
  assert(math.abs(task.next_run_at_ms - (now + 3600) * 1000) < 60000)

  check.equal(app:task(app:enqueue("t", "", { priority = -7 })).priority, -7)
  check.fails("EINVAL: ", app.enqueue, app, "t", "", { priority = 101 })
  check.equal(app:task(app:enqueue("t", "", { retry = 0 })).max_retry, 0)
  check.equal(app:task(app:enqueue("t", "", { retry = false })).max_retry, 0)
  local at = app:task(app:enqueue("t", "", { at = "2100-01-01T00:00:00Z" }))
  check.equal(at.next_run_at_ms, 4102444800000)
  at = app:task(app:enqueue("t", "", { at = 4102444800.5 }))
  assert(at.next_run_at_ms >= 4102444800500)
end

function tests.bad_arguments_are_refused(folder)
  local app <close> = open(folder)
  local enqueue = app.enqueue
  check.fails("EINVAL: ", enqueue, app)
  check.fails("EINVAL: ", enqueue, app, "")
  check.fails("EINVAL: ", enqueue, app, 7)
  check.fails("EINVAL: ", enqueue, app, "a\0b")
  check.fails("EINVAL: ", enqueue, app, ("x"):rep(256))
  check.fails("EINVAL: ", enqueue, app, "t", 7)
  check.fails("EINVAL: ", enqueue, app, "t", print)
  check.fails("EINVAL: ", enqueue, app, "t", { 1, a = 2 })
  check.fails("EINVAL: ", enqueue, app, "t", "", "queue")
  check.fails("EINVAL: ", enqueue, app, "t", "", {}, "more")
  for _, opts in ipairs {
    { queu = "x" }, { "x" }, { queue = 5 }, { queue = "a{b}" }, { queue = "" },
    { delay = -1 }, { delay = "x" }, { delay = 0 / 0 }, { delay = math.huge }, { delay = 1e300 },
    { timeout = 0 }, { retry = -1 }, { retry = 1.5 }, { retry = "3" },
    { headers = 5 }, { headers = { a = 1 } }, { headers = { "x" } }, { headers = { a = "b\0c" } },
    { at = "soon" }, { at = 4102444800, delay = 5 }, { id = "" }, { retention = "200y" },
    { deadline = {} },
  } do
    check.fails("EINVAL: ", enqueue, app, "t", "", opts)
  end
  check.equal(app:queues(), {})
end

function tests.a_taken_id_is_refused_and_a_repeat_is_not(folder)
  local app <close> = open(folder)
  check.equal(app:enqueue("t", "one", { id = "x" }), "x")
  check.equal(app:enqueue("t", "one", { id = "x" }), "x")
  check.fails("EEXIST: ", app.enqueue, app, "t", "two", { id = "x" })
  check.equal(#app:tasks("default", "pending"), 1)
end

function tests.many_tasks_go_in_at_once_each_with_its_fate(folder)
  local app <close> = open(folder)
  app:enqueue("t", "other", { id = "taken" })
  local list = {}
  for i = 1, 100 do
    list[i] = { type = "bulk", payload = { i = i }, queue = "bulk", headers = { n = "v" .. i } }
  end
  local ids, errors = app:enqueue_many(list)
  check.equal(#ids, 100)
  check.equal(errors, nil)
  check.equal(app:task(ids[42], "bulk").payload, '{"i":42}')
  check.equal(app:task(ids[42], "bulk").headers, { n = "v42" })

  ids, errors = app:enqueue_many {
    { type = "t" }, { type = "t", id = "taken", payload = "mine" }, { type = "t", retry = 0 },
  }
  check.equal(type(ids[1]), "string")
  check.equal(ids[2], false)
  check.equal(type(ids[3]), "string")
  assert(errors[2]:find("^EEXIST: "), errors[2])
  check.equal(errors[1], nil)

  check.fails("EINVAL: task 2: ", app.enqueue_many, app, { { type = "a" }, { typ = "b" } })
  check.fails("EINVAL: task 1: type is missing", app.enqueue_many, app, { { payload = "b" } })
  check.fails("EINVAL: task 1: ", app.enqueue_many, app, { "a" })
  check.fails("EINVAL: ", app.enqueue_many, app, "a")
end

function tests.queues_are_counted_paused_and_deleted(folder)
  local app <close> = open(folder)
  app:enqueue("t", "", { queue = "a" })
  app:enqueue("t", "", { queue = "b", delay = "1h" })
  local queues = app:queues()
  check.equal(#queues, 2)
  check.equal(queues[1].queue, "a")
  check.equal(queues[1].pending, 1)
  check.equal(queues[2].scheduled, 1)
  check.equal(queues[1].paused, false)
  local page = app:queues_page(nil, { limit = 1 })
  check.equal(#page, 1)
  check.equal(page[1].queue, "a")
  page = app:queues_page("*", { limit = 1, cursor = page.next_cursor })
  check.equal(page[1].queue, "b")
  check.equal(page.next_cursor, nil)
  check.equal(#app:queues_page("none"), 0)
  app:bound("a", 1)
  check.equal(app:queue("a").max_length, 1)
  app:bound("a", 0)
  app:pause_type("mail:*")
  check.equal(app:paused_types()[1].type, "mail:*")
  app:unpause_type("mail:*")
  check.equal(#app:paused_types(), 0)
  app:put_hours("queue:night", "00:00-24:00")
  check.equal(app:hours()[1].name, "queue:night")
  check.equal(app:hours("queue:night")[1].closed, false)
  app:remove_hours("queue:night")
  check.equal(#app:hours(), 0)
  app:age("a", 60000)
  check.equal(app:queue("a").age_ms, 60000)
  app:age("a", 0)
  check.equal(app:queue("a").age_ms, nil)
  app:require_encrypted("a")
  check.equal(app:queue("a").encrypted_only, true)
  check.fails("EDENIED: the queue 'a' takes encrypted", app.enqueue, app, "t", "x", { queue = "a" })
  app:require_encrypted("a", false)
  app:pause("a")
  check.equal(app:queue("a").paused, true)
  app:unpause("a")
  check.equal(app:queue("a").paused, false)
  check.fails("ENOTFOUND: ", app.queue, app, "nowhere")
  check.fails("EINVAL: ", app.queue, app)
  check.fails("ESTATE: ", app.delete_queue, app, "a")
  app:delete_queue("a", true)
  check.fails("ENOTFOUND: ", app.queue, app, "a")
end

function tests.a_file_has_one_shard(folder)
  local app <close> = open(folder)
  app:enqueue("t", "", { queue = "a" })
  app:shard("a", 1)
  local shards = app:shards("a")
  check.equal(#shards, 1)
  check.equal(shards[1].queue, "a")
  check.equal(shards[1].shard, 0)
  check.fails("EUNSUPPORTED: ", app.shard, app, "a", 2)
  check.fails("EINVAL: ", app.shard, app, "a", 0)
  check.fails("ENOTFOUND: ", app.shards, app, "nowhere")
end

function tests.tasks_are_paged(folder)
  local app <close> = open(folder)
  for i = 1, 25 do app:enqueue("t", "" .. i) end
  local seen, cursor, pages = {}, nil, 0
  repeat
    local page = app:tasks("default", "pending", { limit = 10, cursor = cursor })
    for _, task in ipairs(page) do
      assert(not seen[task.id])
      seen[task.id] = true
      seen[#seen + 1] = task.id
      check.equal(task.payload, nil)
    end
    cursor, pages = page.next_cursor, pages + 1
  until not cursor
  check.equal(#seen, 25)
  check.equal(pages, 3)
  check.fails("EINVAL: ", app.tasks, app, "default", "nonsense")
  check.fails("EINVAL: ", app.tasks, app, "default", "pending", { limit = "10" })
  check.fails("EINVAL: ", app.tasks, app, "default", "pending", { page = 2 })
  check.fails("EINVAL: ", app.tasks, app, "default", "pending", { cursor = "not one" })
end

function tests.tasks_are_moved_and_deleted(folder)
  local app <close> = open(folder)
  local id = app:enqueue("t", "", { delay = "1h" })
  app:run(id, "default")
  check.equal(app:task(id).state, "pending")
  check.fails("ENOTFOUND: ", app.cancel, app, "none", "default")
  app:cancel(id)
  check.equal(app:task(id).state, "archived")
  check.fails("ESTATE: ", app.cancel, app, id)
  app:run(id)
  app:archive(id)
  check.equal(app:task(id, "default").state, "archived")
  app:delete(id, "default")
  check.fails("ENOTFOUND: ", app.task, app, id)
  check.fails("ENOTFOUND: ", app.run, app, id)

  for _ = 1, 7 do app:enqueue("t", "", { delay = "1h" }) end
  check.equal(app:run_all("default", "scheduled"), 7)
  check.equal(app:archive_all("default", "pending"), 7)
  check.equal(app:delete_all("default", "archived"), 7)
  check.equal(app:delete_all("default", "archived"), 0)
end

function tests.workers_and_history_are_lists(folder)
  local app <close> = open(folder)
  app:enqueue("t")
  check.equal(app:workers(), {})
  check.equal(type(app:history("default", 3)), "table")
  check.equal(type(app:history()), "table")
  check.fails("EINVAL: ", app.history, app, nil, 0)
end

function tests.a_closed_client_says_so(folder)
  local app = open(folder)
  check.equal(app:ping(), nil)
  assert(tostring(app):find("sqlite:", 1, true))
  assert(app:url():find("tasks.db", 1, true))
  app:close()
  app:close()
  check.fails("ESTATE: ", app.enqueue, app, "t")
  check.equal(tostring(app), "gofer client (closed)")
  do local other <close> = open(folder); app = other end
  check.fails("ESTATE: ", app.queues, app)
  open(folder)          -- left to the garbage collector
  collectgarbage()
end

function tests.methods_check_what_they_are_called_on(folder)
  local app <close> = open(folder)
  for _, wrong in ipairs { 5, "x", {}, io.stdout, gofer.null } do
    assert(not pcall(app.enqueue, wrong, "t"))
    assert(not pcall(app.close, wrong))
  end
  check.equal(getmetatable(app), "gofer.client")
end

return tests
