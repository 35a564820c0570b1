-- life.lua - handlers that use more of a task's life: retry policies, snoozes,
-- checkpoints, groups, cron entries.
--
--   gofer worker --lua examples/lua/life.lua --group-grace 5s
--   gofer enqueue import:rows '{"rows": 40000000}' --retention 1h
--   gofer enqueue mail:part '{"text": "a receipt"}' --group ann
--   gofer events
--
-- What it uses is told in docs/lua.md, and what is promised in docs/tasks.md.

-- A long task that can be stopped at any time. Its checkpoint is kept with the task, so the next
-- start goes on from there: after a retry, a stop of the worker, a crash.
gofer.handle("import:*", { retry = "exponential:1s;cap=10m" }, function(task)
  local state = task:resume() or { row = 0, sum = 0 }
  local rows = task.payload.rows
  if state.row > 0 then task:log(("goes on at row %d of %d"):format(state.row, rows)) end
  while state.row < rows do
    local last = math.min(state.row + 100000, rows)
    for row = state.row + 1, last do state.sum = state.sum + row % 7 end
    state.row = last
    task:checkpoint(state)
    task:progress(state.row, rows, "rows")
    -- The worker is to stop: give the task back. It costs no attempt.
    if task:stopping() then return gofer.snooze(0, "the worker stops") end
  end
  return { rows = state.row, sum = state.sum }
end)

-- Not now is not a failure: a snooze uses no attempt. Raised, it ends the handler from any depth.
local function only_by_night()
  local hour = tonumber(os.date("!%H"))
  if hour >= 6 and hour < 22 then error(gofer.snooze("1h", "only by night")) end
end

gofer.handle("backup:*", function(task)
  if not task.headers.now then only_by_night() end
  return "saved " .. task.raw
end)

-- What was put into a group becomes one task.
gofer.aggregate("*", function(group, tasks)
  local texts = {}
  for i, part in ipairs(tasks) do texts[i] = part.payload.text end
  return "mail:digest", { to = group.name, texts = texts }, { retention = "1h" }
end)

gofer.handle("mail:digest", function(task)
  return task.payload.to .. ": " .. table.concat(task.payload.texts, ", ")
end)

-- Entries of the schedule that this file keeps: what is not written here any more
-- is gone when it is loaded next.
gofer.cron("nightly", "30 2 * * *", "backup:all", "/srv",
  { tz = "Europe/Berlin", overlap = "skip" })
