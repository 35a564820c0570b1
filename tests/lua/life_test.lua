-- The whole life of a task, seen from a client: locks, groups, schedules,
-- waiting, events, filters, acts.
local gofer = require "gofer"
local check = require "check"

local tests = {}

local function open(folder)
  return gofer.open("sqlite:" .. folder .. "/tasks.db", { timeout = "5s" })
end

-- ---- Options of a task

function tests.a_unique_task_is_there_once(folder)
  local app <close> = open(folder)
  local id = app:enqueue("t", "x", { unique = "1h" })
  local why = check.fails("EDUPLICATE: ", app.enqueue, app, "t", "x", { unique = 3600 })
  assert(why:find(id, 1, true), why)
  check.equal(app:enqueue("t", "x", { unique = "1h", return_existing = true }), id)
  assert(app:enqueue("t", "y", { unique = "1h" }) ~= id)

  local by_name = app:enqueue("t", "1", { unique = 60, unique_key = "import" })
  check.equal(app:enqueue("u", "2",
    { unique = 60, unique_key = "import", return_existing = true }), by_name)
  app:delete(by_name)
  assert(app:enqueue("u", "2", { unique = 60, unique_key = "import" }) ~= by_name)

  local until_start = app:enqueue("s", "", { unique = 60, unique_until = "start" })
  check.equal(app:task(until_start).unique, "start")
  local lasting = app:enqueue("l", "", { unique = 60, unique_until = "ttl" })
  app:delete(lasting)
  check.fails("EDUPLICATE: ", app.enqueue, app, "l", "", { unique = 60, unique_until = "ttl" })
end

function tests.a_flow_is_started_looked_at_and_acted_on(folder)
  local app <close> = open(folder)
  local plan = {
    id = "f", on_dead = "continue", retention = "1h",
    steps = {
      { name = "fetch", type = "fetch", payload = { url = "x" }, queue = "net" },
      { name = "part-1", type = "count", payload = "1", after = "fetch" },
      { name = "part-2", type = "count", payload = "2", after = { "fetch" }, delay = 1 },
      { name = "join", type = "sum", after = { ["part-*"] = "always", fetch = "success" } },
    },
  }
  check.equal(app:flow_start(plan), "f")
  check.equal(app:flow_start(plan), "f")
  local flow = app:flow("f")
  check.equal({ flow.state, flow.on_dead, flow.total }, { "running", "continue", 4 })
  check.equal(flow.steps[1].queue, "net")
  check.equal(flow.steps[2].after, "fetch")
  local after = flow.steps[4].after
  assert(after:find("part-2:always", 1, true) and after:find("fetch", 1, true), after)
  check.equal(app:task("f:0").payload, '{"url":"x"}')
  check.equal(app:flows()[1].id, "f")
  check.equal(#app:flows("done"), 0)
  check.equal(app:flows("running", { limit = 1 })[1].id, "f")
  app:flow_pause("f")
  check.equal(app:flow("f").state, "paused")
  app:flow_resume("f")
  check.fails("ETIMEOUT: ", app.flow_wait, app, "f", 0)
  check.fails("ESTATE: ", app.flow_result, app, "f", "fetch")
  check.fails("ENOTFOUND: ", app.flow_result, app, "f", "nobody")
  app:flow_cancel("f")
  check.equal(app:flow_wait("f", "1m").state, "cancelled")
  app:flow_retry("f")
  check.equal(app:flow("f").state, "running")
  check.fails("EINVAL: ", app.flow_retry, app, "f", "")
  for _, wrong in ipairs {
    {}, { steps = {} }, { steps = 5 }, { steps = { { type = "t" } } },
    { steps = { { name = "a", type = "t", after = 5 } } },
    { steps = { { name = "a", type = "t", after = { b = "never" } } } },
    { steps = { { name = "a", type = "t", after = "b" } } },
    { steps = { { name = "a", type = "t", id = "x" } } },
    { steps = { { name = "a", type = "t" } }, on_dead = "go" },
    { steps = { { name = "a", type = "t", colour = 1 } } },
  } do check.fails("EINVAL: ", app.flow_start, app, wrong) end
end

function tests.of_many_calls_there_is_one_task(folder)
  local app <close> = open(folder)
  local asking = { debounce = "1h", max_wait = "2h", effect = true }
  local id, effect = app:enqueue("t", "one", asking)
  check.equal(effect, "created")
  local again, then_what = app:enqueue("t", "two", asking)
  check.equal(again, id)
  check.equal(then_what, "replaced")
  check.equal(app:task(id).payload, "two")
  local keep = { debounce = "1h", debounce_mode = "keep" }
  check.equal(select("#", app:enqueue("t", "three", keep)), 1)
  check.equal(app:task(id).payload, "two")
  assert(app:enqueue("t", "", { debounce = 60, debounce_key = "mine" }) ~= id)
  check.equal(select(2, app:enqueue("u", "x", { id = "mine", replace = true, effect = true })),
    "created")
  check.equal(select(2, app:enqueue("u", "y", { id = "mine", replace = true, effect = true })),
    "replaced")
  local ids, errors, effects = app:enqueue_many {
    { type = "t", payload = "4", debounce = "1h" }, { type = "plain" },
    { type = "u", payload = "z", id = "mine", replace = true }, { type = "u", id = "mine" },
  }
  check.equal(ids[1], id)
  check.equal(effects, { [1] = "replaced", [3] = "replaced" })
  assert(errors[4]:find("EEXIST", 1, true))
  for _, opts in ipairs {
    { debounce = "1h", debounce_mode = "last" }, { debounce = "1h", max_wait = 1 },
    { max_wait = 1 }, { debounce = "1h", delay = 1 }, { replace = true }, { effect = "yes" },
    { debounce = "1h", debounce_key = ("k"):rep(256) }, { debounce = "1h", debounce_key = "a\0" },
  } do check.fails("EINVAL: ", app.enqueue, app, "t", "", opts) end
end

function tests.the_new_options_reach_the_task(folder)
  local app <close> = open(folder)
  local now = os.time()
  local task = app:task(app:enqueue("t", "", {
    expires = "1h", retry = "fixed:5s;cap=1m", max_retry = 3,
    on_dead = { type = "alarm", queue = "ops" },
  }))
  check.equal(task.retry, "fixed:5s;cap=1m")
  check.equal(task.max_retry, 3)
  check.equal(task.on_dead, "alarm")
  check.equal(task.on_dead_queue, "ops")
  assert(math.abs(task.start_by_ms - (now + 3600) * 1000) < 60000)
  check.equal(app:task(app:enqueue("t", "", { expires_at = 4102444800 })).start_by_ms,
    4102444800000)
  check.equal(app:task(app:enqueue("t", "", { on_dead = "alarm" })).on_dead, "alarm")
  local hook = "webhook:https://example.org/@me"
  check.equal(app:task(app:enqueue("t", "", { on_done = hook })).on_done, hook)
  check.equal(app:task(app:enqueue("t", "", {
    on_done = { type = "next", queue = "q" },
  })).on_done_queue, "q")
  check.equal(app:task(app:enqueue("t", "", { max_retry = 0 })).max_retry, 0)
end

function tests.bad_options_are_refused(folder)
  local app <close> = open(folder)
  for _, opts in ipairs {
    { unique = -1 }, { unique = "soon" }, { unique = true },
    { unique_until = "never" }, { unique_until = 1 }, { return_existing = "yes" },
    { group = "" }, { group = 5 },
    { expires = -1 }, { expires_at = "soon" }, { expires = 5, expires_at = 4102444800 },
    { retry = "sometimes" }, { retry = "fixed" }, { max_retry = "fixed:5s" },
    { on_dead = 5 }, { on_dead = {} }, { on_dead = { queue = "q" } },
    { on_dead = { type = "t", colour = 1 } }, { on_dead = "" },
    { headers = { ["gofer-x"] = "1" } },
  } do
    check.fails("EINVAL: ", app.enqueue, app, "t", "", opts)
  end
  check.equal(app:queues(), {})
end

-- ---- Limits

function tests.limits_are_put_listed_and_removed(folder)
  local app <close> = open(folder)
  app:limit_put("smtp:*", { concurrency = 5, rate = 100, per = "1m", burst = 20 })
  app:limit_put("api", { rate = 10, over = "refuse", scope = "queue" })
  check.equal(app:limits(), {
    { name = "api", rate = 10, per_ms = 1000, burst = 1, over = "refuse", scope = "queue" },
    { name = "smtp:*", concurrency = 5, rate = 100, per_ms = 60000, burst = 20, over = "wait",
      scope = "store" },
  })
  check.equal(app:limits { limit = 1 }[1].name, "api")
  app:limit_pause("smtp:a", "1h")
  local key = app:limit_key("smtp:a")[1]
  check.equal(key.limit, "smtp:*")
  check.equal(key.waiting, 0)
  assert(key.paused_until_ms > (os.time() + 3000) * 1000)
  app:limit_pause("smtp:a", 0)
  check.equal(app:limit_key("smtp:a")[1].paused_until_ms, nil)
  check.equal(#app:limit_keys { blocked = true, limit = 10 }, 0)
  app:limit_remove("api")
  check.fails("ENOTFOUND: ", app.limit_remove, app, "api")
  check.fails("ENOTFOUND: ", app.limit_key, app, "nothing")
  for _, opts in ipairs {
    {}, { concurrency = -1 }, { concurrency = 1.5 }, { burst = 1 }, { rate = 1, over = "drop" },
    { rate = 1, scope = 1 }, { rate = 1, per = "soon" }, { rate = 1, colour = 1 },
  } do
    check.fails("EINVAL: ", app.limit_put, app, "k", opts)
  end
  check.fails("EINVAL: ", app.limit_put, app, "a*b", { rate = 1 })
  check.fails("EINVAL: ", app.limit_pause, app, "k", -1)
end

function tests.tasks_name_keys(folder)
  local app <close> = open(folder)
  local task = app:task(app:enqueue("t", "", {
    limits = { "b", "a" }, limit_cost = 3, headers = { x = "1" },
  }))
  check.equal(task.limits, "a\nb")
  check.equal(task.limit_cost, 3)
  check.equal(task.headers, { x = "1" })
  check.equal(app:task(app:enqueue("t", "", { limits = "one" })).limits, "one")
  local one = app:task(app:enqueue("t", "", { ordered = "k", ordered_dead = "block" }))
  check.equal(one.ordered, "k")
  check.equal(one.ordered_dead, "block")
  local ids = app:enqueue_many {
    { type = "t", limits = { "x" }, headers = { y = "2" } }, { type = "t" },
  }
  check.equal(app:task(ids[1]).limits, "x")
  check.equal(app:task(ids[2]).limits, nil)
  for _, opts in ipairs {
    { limits = 5 }, { limits = { 5 } }, { limits = { "1", "2", "3", "4", "5" } },
    { limits = "" }, { limits = { "a", "a" } }, { limits = "queue:a" }, { limit_cost = 2 },
    { limits = "a", limit_cost = -1 }, { ordered = 5 }, { ordered = "k", ordered_dead = "stop" },
    { ordered_dead = "block" },
  } do
    check.fails("EINVAL: ", app.enqueue, app, "t", "", opts)
  end
  local entry = {
    name = "n", spec = "@daily", type = "t",
    task = {
      limits = { "c", "d" }, limit_cost = 2, headers = { z = "3" },
      ordered = "k", ordered_dead = "block",
    },
  }
  app:schedule(entry)
  check.equal(app:schedule("n").limits, "c\nd")
  check.equal(app:schedule("n").headers, { z = "3" })
  app:schedule_remove("n")
  app:schedules_sync("file", { entry })
  check.equal(app:schedule("n").limits, "c\nd")
  check.equal(app:schedule("n").limit_cost, 2)
  check.equal(app:schedule("n").ordered, "k")
  check.equal(app:schedule("n").ordered_dead, "block")
end

-- ---- Tenants

function tests.tenants_have_weights_and_take_turns(folder)
  local app <close> = open(folder)
  app:tenant_put(nil, "a", 4)
  app:tenant_put("mail", "a", 7)
  local id = app:enqueue("t", "", { tenant = "b" })
  check.equal(app:task(id).tenant, "b")
  check.equal(app:tenants(), {
    { tenant = "a", queue = "default", weight = 4, waiting = 0 },
    { tenant = "b", queue = "default", weight = 1, waiting = 1 },
  })
  local page = app:tenants(nil, { limit = 1 })
  check.equal(#page, 1)
  check.equal(app:tenants(nil, { cursor = page.next_cursor })[1].tenant, "b")
  check.equal(app:tenant("mail", "a")[1].weight, 7)
  app:tenant_remove(nil, "a")
  check.fails("ENOTFOUND: ", app.tenant_remove, app, nil, "a")
  check.fails("ENOTFOUND: ", app.tenant, app, nil, "a")
  check.fails("ENOTFOUND: ", app.tenants, app, "no such queue")
  for _, weight in ipairs { 0, 101, 1.5, 2 ^ 40 } do
    check.fails("EINVAL: ", app.tenant_put, app, nil, "a", weight)
  end
  check.fails("EINVAL: ", app.tenant_put, app, nil, "", 1)
  check.fails("EINVAL: ", app.enqueue, app, "t", "", { tenant = "" })
  local entry = { name = "n", spec = "@daily", type = "t", task = { tenant = "c" } }
  app:schedule(entry)
  check.equal(app:schedule("n").tenant, "c")
  app:schedule_remove("n")
  app:schedules_sync("file", { entry })
  check.equal(app:schedule("n").tenant, "c")
end

-- ---- Groups

function tests.groups_are_listed(folder)
  local app <close> = open(folder)
  for i = 1, 3 do app:enqueue("t", "" .. i, { group = "a" }) end
  app:enqueue("t", "", { group = "b", queue = "other" })
  local groups = app:groups("default")
  check.equal(#groups, 1)
  check.equal(groups[1].group, "a")
  check.equal(groups[1].size, 3)
  assert(groups[1].oldest_at_ms <= groups[1].newest_at_ms)
  check.equal(#app:find("default", "aggregating", { group = "a" }), 3)
  check.fails("EINVAL: ", app.groups, app)
  for name in ("c b"):gmatch("%a") do app:enqueue("t", "", { group = name }) end
  local names, page = "", nil
  repeat
    page = app:groups_page("default", { limit = 2, cursor = page and page.next_cursor })
    assert(#page <= 2)
    for _, group in ipairs(page) do names = names .. group.group end
  until not page.next_cursor
  check.equal(names, "abc")
end

-- ---- Schedules

function tests.entries_are_made_changed_and_removed(folder)
  local app <close> = open(folder)
  app:schedule {
    name = "nightly", spec = "30 2 * * *", type = "backup", payload = { folder = "/srv" },
    tz = "Europe/Berlin", missed = "all", missed_max = 3, overlap = "skip", jitter = "10s",
    paused = true,
    task = {
      queue = "low", max_retry = 2, timeout = "1h", retention = "1d", headers = { trace = "x" },
    },
  }
  local entry = app:schedule("nightly")
  for field, value in pairs {
    spec = "30 2 * * *", type = "backup", payload = '{"folder":"/srv"}',
    tz = "Europe/Berlin", missed = "all", missed_max = 3, overlap = "skip", jitter_ms = 10000,
    paused = true, queue = "low", max_retry = 2, timeout_ms = 3600000, retention_ms = 86400000,
    headers = { trace = "x" }, source = "api", foreign = false,
  } do
    check.equal(entry[field], value)
  end
  app:schedule { name = "nightly", spec = "@daily", type = "backup" }
  check.equal(app:schedule("nightly").spec, "@daily")
  check.fails("EEXIST: ", app.schedule, app,
    { name = "nightly", spec = "@daily", type = "b", new = true })
  check.equal(#app:schedules(), 1)
  local page = app:schedules_page { limit = 1 }
  check.equal(page[1].name, "nightly")
  check.equal(page.next_cursor, nil)
  check.equal(app:workers_page(), {})

  app:schedule_pause("nightly")
  check.equal(app:schedule("nightly").paused, true)
  app:schedule_pause("nightly", false)
  check.equal(app:schedule("nightly").paused, false)
  check.equal(app:task(app:schedule_run("nightly")).type, "backup")
  check.equal(type(app:schedule_history("nightly", 5)), "table")

  app:schedule_remove("nightly")
  for _, method in ipairs { "schedule", "schedule_remove", "schedule_pause", "schedule_run" } do
    check.fails("ENOTFOUND: ", app[method], app, "nightly")
  end
end

function tests.bad_entries_are_refused(folder)
  local app <close> = open(folder)
  for _, entry in ipairs {
    {}, { name = "n" }, { name = "n", spec = "@daily" }, { spec = "@daily", type = "t" },
    { name = "n", spec = "0 0 31 2 *", type = "t" },
    { name = "n", spec = "@daily", type = "t", tz = "Mars/Base" },
    { name = "n", spec = "@daily", type = "t", missed = "never" },
    { name = "n", spec = "@daily", type = "t", overlap = 1 },
    { name = "n", spec = "@daily", type = "t", jitter = -1 },
    { name = "n", spec = "@daily", type = "t", paused = "no" },
    { name = "n", spec = "@daily", type = "t", task = 5 },
    { name = "n", spec = "@daily", type = "t", task = { id = "x" } },
    { name = "n", spec = "@daily", type = "t", task = { colour = 1 } },
    { name = "n", spec = "@daily", type = "t", when = 1 },
    { name = "n", spec = "@daily", type = "t", payload = print },
  } do
    check.fails("EINVAL: ", app.schedule, app, entry)
  end
  check.fails("EINVAL: ", app.schedule, app)
  check.fails("EINVAL: ", app.schedule_history, app, "n", 5000)
  check.equal(app:schedules(), {})
end

function tests.a_source_is_synchronized(folder)
  local app <close> = open(folder)
  local text = "text with \"quotes\"\nand a line"
  local told = app:schedules_sync("shop", {
    { name = "a", spec = "@hourly", type = "t", payload = { n = 1 } },
    { name = "b", spec = "@every 90s", type = "t", payload = "\0\1\255raw", tz = "UTC",
      missed = "skip",
      task = { timeout = false, max_retry = 0, retry = "fixed:5s", expires = "1m",
        on_dead = { type = "x", queue = "y" } } },
    { name = "c", spec = "@daily", type = "t", payload = text, task = { headers = { k = "v" } } },
  })
  check.equal(told, { added = 3, changed = 0, removed = 0, unchanged = 0 })
  check.equal(app:schedule("a").payload, '{"n":1}')
  check.equal(app:schedule("a").source, "shop")
  local b = app:schedule("b")
  check.equal(b.payload, "\0\1\255raw")
  check.equal(b.max_retry, 0)
  check.equal(b.retry, "fixed:5s")
  check.equal(b.on_dead_queue, "y")
  check.equal(app:schedule("c").payload, text)
  check.equal(app:schedule("c").headers, { k = "v" })

  told = app:schedules_sync("shop",
    '{"entries":[{"name":"a","spec":"@daily","type":"t","payload":{"n":1}}]}')
  check.equal(told, { added = 0, changed = 1, removed = 2, unchanged = 0 })
  check.fails("EEXIST: ", app.schedules_sync, app, "other",
    { { name = "a", spec = "@daily", type = "t" } })
  check.equal(app:schedules_sync("shop", {}).removed, 1)
  check.fails("EINVAL: ", app.schedules_sync, app, "shop", "not json")
  check.fails("EINVAL: ", app.schedules_sync, app, "shop", 5)
  check.fails("EINVAL: ", app.schedules_sync, app, "shop", { "a" })
  check.fails("EINVAL: ", app.schedules_sync, app, "shop",
    { { name = "a", spec = "bad", type = "t" } })
  local why = check.fails("EINVAL: ", app.schedules_sync, app, "shop",
    { { name = "a", spec = "@daily", type = "t", task = { unique = 5 } } })
  assert(why:find("unique", 1, true), why)
end

function tests.a_spec_is_explained()
  local told = gofer.cron_check("30 2 * * 1",
    { tz = "Europe/Berlin", from = "2026-11-23T18:00:00Z", count = 2 })
  check.equal(told.tz, "Europe/Berlin")
  check.equal(#told.ticks, 2)
  check.equal(told.ticks[1].local_, nil)
  check.equal(told.ticks[1]["local"], "2026-11-30T02:30:00+01:00")
  check.equal(told.ticks[1].at_ms, 1796002200000)
  check.equal(type(told.text), "string")
  check.equal(gofer.cron_check("@hourly").per_day, "24")
  local why = check.fails("EINVAL: ", gofer.cron_check, "0 0 31 2 *")
  assert(why:find("31 February", 1, true), why)
  check.fails("EINVAL: ", gofer.cron_check)
  check.fails("EINVAL: ", gofer.cron_check, "@daily", { count = 2000 })
  check.fails("EINVAL: ", gofer.cron_check, "@daily", { zone = "UTC" })
end

-- ---- Waiting and watching

function tests.a_wait_that_is_too_short_says_so(folder)
  local app <close> = open(folder)
  local id = app:enqueue("t", "", { queue = "q" })
  check.fails("ETIMEOUT: ", app.wait, app, id, { timeout = 0 })
  check.fails("ETIMEOUT: ", app.wait, app, id, { queue = "q", timeout = "10ms" })
  check.fails("ENOTFOUND: ", app.wait, app, "none", { timeout = 0 })
  check.fails("ENOTFOUND: ", app.wait, app, "none", { queue = "q", timeout = 0 })
  check.fails("EINVAL: ", app.wait, app)
  check.fails("EINVAL: ", app.wait, app, id, 5)
  check.fails("EINVAL: ", app.wait, app, id, { timeout = -1 })
  check.fails("EINVAL: ", app.wait, app, id, { patience = 1 })
  app:cancel(id)
  local told = app:wait(id, { queue = "q", timeout = "5s" })
  check.equal(told.outcome, "cancelled")
  check.equal(told.id, id)
end

function tests.events_are_iterated(folder)
  local app <close> = open(folder)
  local seen = {}
  local next_event, listener <close> = app:events { timeout = "20s" }
  app:enqueue("one", "", { queue = "q" })
  app:enqueue("two")
  for event in next_event, listener do
    check.equal(event.event, "enqueued")
    seen[#seen + 1] = event.type
    if #seen == 2 then break end
  end
  check.equal(seen, { "one", "two" })
  for _ in app:events { timeout = "10ms" } do error("nothing happens") end
  listener:close()
  listener:close()
  check.equal(listener:next(), nil)
  check.fails("EINVAL: ", app.events, app, { timeout = "soon" })
  check.fails("EINVAL: ", app.events, app, { colour = 1 })
end

function tests.who_is_content_with_sums_is_told_some_and_how_many_more(folder)
  local app <close> = open(folder)
  local next_event, listener <close> = app:events { timeout = "20s", sums = true }
  local tasks, told = {}, {}
  for i = 1, 20 do tasks[i] = { type = "t" } end
  app:enqueue_many(tasks)
  for event in next_event, listener do
    told[#told + 1] = event.more or 0
    if told[#told] > 0 then break end
  end
  check.equal(told, { 0, 0, 0, 0, 15 })
end

function tests.listeners_end_with_their_client(folder)
  local app = open(folder)
  local first, second = select(2, app:events()), select(2, app:events())
  first:close()
  app:close()
  check.equal(second:next(), nil)
  app = open(folder)
  local _, left_to_the_collector = app:events()   -- luacheck: ignore
  app, left_to_the_collector = nil, nil
  collectgarbage()
end

-- ---- Finding and acting

function tests.tasks_are_found_by_filter(folder)
  local app <close> = open(folder)
  for i = 1, 5 do app:enqueue("mail:" .. i, "", { queue = "mail" }) end
  app:enqueue("report", "", { queue = "reports", delay = "1h", id = "r-1" })
  check.equal(#app:find("mail", "pending", { type = "mail:*" }), 5)
  check.equal(#app:find(nil, nil, { id = "r-*" }), 1)
  check.equal(#app:find("*"), 6)
  check.equal(#app:find("mail", nil, { older = "1h" }), 0)
  check.equal(#app:find("mail", nil, { younger = "1h" }), 5)
  local seen, cursor = 0, nil
  repeat
    local page = app:find("mail", "pending", { type = "mail:*", limit = 2, cursor = cursor })
    seen, cursor = seen + #page, page.next_cursor
  until not cursor
  check.equal(seen, 5)
  check.fails("EINVAL: ", app.find, app, "mail", "pending", { colour = "red" })
  check.fails("EINVAL: ", app.find, app, "mail", "nonsense")
  check.fails("EINVAL: ", app.find, app, "mail", "pending", { older = "x" })
  check.fails("EINVAL: ", app.find, app, "mail", "pending", { limit = 5000 })
end

function tests.acts_tell_their_progress_and_can_be_stopped(folder)
  local app <close> = open(folder)
  for i = 1, 700 do app:enqueue("t", "" .. i) end
  check.equal(app:act("count", "default", "pending"), 700)
  local looked, done = 0, 0
  check.equal(app:act("archive", "default", "pending", { type = "t" }, {
    progress = function(l, d) looked, done = l, d end,
  }), 700)
  check.equal(looked, 700)
  check.equal(done, 700)
  local stopped = app:act("delete", "default", "archived", { type = "t" },
    { progress = function() return false end })
  assert(stopped > 0 and stopped < 700, stopped)
  check.equal(app:act("delete", "default", "archived"), 700 - stopped)

  app:enqueue("t")
  check.fails("mine", app.act, app, "count", nil, nil, nil,
    { progress = function() error("mine", 0) end })
  check.fails("ESTATE: the client is in use", app.act, app, "count", nil, nil, nil,
    { progress = function() app:close() end })
  check.fails("EINVAL: ", app.act, app, "explode")
  check.fails("EINVAL: ", app.act, app)
  check.fails("EINVAL: ", app.act, app, "count", nil, nil, nil, { progress = 5 })
  check.fails("EINVAL: ", app.act, app, "count", nil, nil, nil, print)
  check.fails("ESTATE: ", app.act, app, "archive", "default", "archived")
end

function tests.waiting_tasks_are_edited_and_moved_in_time(folder)
  local app <close> = open(folder)
  local id = app:enqueue("t", "old", { queue = "q" })
  app:edit(id, { new = true })
  check.equal(app:task(id).payload, '{"new":true}')
  app:edit(id, "bytes", "q")
  check.equal(app:task(id).payload, "bytes")
  app:reschedule(id, "2100-01-01T00:00:00Z")
  check.equal(app:task(id).next_run_at_ms, 4102444800000)
  app:reschedule(id, 0, "q")
  check.equal(app:task(id).state, "pending")
  app:delay(id, "1h")
  check.equal(app:task(id).state, "scheduled")
  app:delay(id, 0, "q")
  check.equal(app:task(id).state, "pending")
  check.fails("ENOTFOUND: ", app.delay, app, "none", 5)
  check.fails("EINVAL: ", app.delay, app, id)
  check.fails("EINVAL: ", app.delay, app, id, "soon")
  check.fails("ENOTFOUND: ", app.edit, app, "none", "")
  check.fails("ENOTFOUND: ", app.reschedule, app, id, 0, "elsewhere")
  check.fails("EINVAL: ", app.reschedule, app, id)
  check.fails("EINVAL: ", app.reschedule, app, id, "soon")
  check.fails("EINVAL: ", app.edit, app, id, 5)
end

function tests.figures_and_workers(folder)
  local app <close> = open(folder)
  check.equal(app:stats(), {})
  check.equal(app:stats("default", 24), {})
  check.equal(#app:stats_hours(), 24)
  check.equal(#app:stats_hours("default", "t", 192), 192)
  check.equal(#app:stats_minutes(), 60)
  check.equal(#app:stats_minutes("default", "t", 3), 3)
  check.fails("EINVAL: ", app.stats_minutes, app, nil, nil, 61)
  check.fails("EINVAL: ", app.stats, app, nil, 1000)
  check.equal(app:audit{actor = "ann*", act = "task.*", since = 0, limit = 5}, {})
  check.equal(app:audit(), {})
  check.fails("EINVAL: ", app.audit, app, {cursor = "x"})
  check.fails("EINVAL: ", app.audit, app, {actor = ""})
  check.fails("ENOTFOUND: ", app.set_worker, app, "nobody", "concurrency", 8)
  check.fails("ENOTFOUND: ", app.set_worker, app, "nobody", "state", "quiet")
  check.fails("EINVAL: ", app.set_worker, app, "nobody", "concurrency", {})
  check.fails("EINVAL: ", app.set_worker, app, "nobody")
end

return tests
