-- client.lua - a task's life from a program in plain Lua: unique tasks, waiting,
-- events, schedules, acting on many.
--
--   LUA_CPATH='/usr/local/lib/lua/5.4/?.so;;' lua5.4 examples/lua/client.lua [URL]
local gofer = require "gofer"
local app <close> = gofer.open(arg[1])

-- At most one: a second one raises EDUPLICATE, or gives the id of the first.
local once = { unique = "1h", queue = "low" }
local id = app:enqueue("index:rebuild", { index = "books" }, once)
local ok, why = pcall(app.enqueue, app, "index:rebuild", { index = "books" }, once)
print("twice", ok, why:match("^%u+"))
once.return_existing = true
print("existing", app:enqueue("index:rebuild", { index = "books" }, once) == id)

-- A task that gives up when it is late, is tried again by a policy of its own, and
-- calls for help when it is archived.
app:enqueue("feed:fetch", "https://example.org/feed", {
  expires = "10m", retry = "fixed:30s;jitter=20%", max_retry = 5,
  on_dead = { type = "alarm", queue = "ops" },
})

-- A schedule, and what it means.
print("nightly", gofer.cron_check("30 2 * * *", { tz = "Europe/Berlin" }).text)
app:schedule {
  name = "nightly", spec = "30 2 * * *", type = "backup:all", payload = "/srv",
  tz = "Europe/Berlin", overlap = "skip", task = { queue = "low", retention = "7d" },
}
for _, entry in ipairs(app:schedules()) do print("entry", entry.name, entry.spec, entry.queue) end

-- Many at once, by what they are.
for n = 1, 5 do app:enqueue("mail:" .. n, { n = n }, { queue = "mail" }) end
app:edit(app:find("mail", "pending", { type = "mail:3" })[1].id, { n = 33 })
print("cancelled", app:act("cancel", "mail", "pending", { type = "mail:*" }, {
  progress = function(looked, done) print("looked at", looked, "cancelled", done) end,
}))

-- What happens, live. Here nothing else runs, so what comes is our own.
local next_event, listener <close> = app:events { timeout = "5s" }
local last = app:enqueue("report:daily")
for event in next_event, listener do
  print("event", event.event, event.type)
  break
end

-- The end of a task, told and not polled.
app:cancel(last)
print("ended", app:wait(last, { timeout = "10s" }).outcome)
