-- handlers.lua - two task handlers in Lua, as a tutorial. The whole story is in docs/lua.md.
--
-- Run them, from the top of the repository:
--
--   gofer worker --lua examples/lua/handlers.lua --lua-allow io
--
-- and give them work from another terminal:
--
--   printf 'customer,product,amount\nAda,Lamp,12.50\nAda,Desk,240\n' > /tmp/sales.csv
--   gofer enqueue report:sales '{"input":"/tmp/sales.csv","output":"/tmp/sales.html"}' \
--     --retention 1h
--   gofer enqueue text:count 'how many words are these' --retention 1h
--
-- The file runs once in each slot of the worker, in a Lua state of its own. Its locals live as long
-- as the worker; globals that a task sets are gone when the task is over.

local escapes = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

local function html(text)
  return (text:gsub("[&<>\"']", escapes))
end

-- One line of CSV as a list of fields. A field in quotes may hold commas, and quotes when doubled.
local function fields_of(line)
  local fields, at = {}, 1
  repeat
    local field, behind = line:match('^"([^"]*)"()', at)
    while field and line:sub(behind, behind) == '"' do      -- a doubled quote: the field goes on
      local more
      more, behind = line:match('^"([^"]*)"()', behind)
      field = more and field .. '"' .. more
    end
    if not field then field, behind = line:match("^([^,]*)()", at) end
    fields[#fields + 1], at = field, behind + 1
  until at > #line + 1
  return fields
end

-- The sums of a CSV file with the columns customer and amount: a list of { customer, sum, count },
-- largest first. A report can be long, so it tells how far it is, once in a thousand lines.
local function sums_of(task, path)
  local file = assert(io.open(path))      -- a missing file raises: the task fails, and is retried
  local columns = {}
  for i, name in ipairs(fields_of((file:read("l") or ""):gsub("\r$", ""))) do columns[name] = i end
  if not (columns.customer and columns.amount) then
    -- No retry will mend the file: set the task aside at once, with the reason.
    error(gofer.skip_retry(path .. ": the first line must name the columns customer and amount"))
  end

  local by_customer, list, count = {}, {}, 0
  for line in file:lines() do
    count = count + 1
    local fields = fields_of((line:gsub("\r$", "")))
    local customer, amount = fields[columns.customer], tonumber(fields[columns.amount])
    if not (customer and amount) then
      error(gofer.skip_retry(("%s:%d: not a sale: %s"):format(path, count + 1, line)))
    end
    local entry = by_customer[customer]
    if not entry then
      entry = { customer = customer, sum = 0, count = 0 }
      by_customer[customer], list[#list + 1] = entry, entry
    end
    entry.sum, entry.count = entry.sum + amount, entry.count + 1
    if count % 1000 == 0 then task:progress(count, 0, "reading " .. path) end
  end
  file:close()
  table.sort(list, function(a, b)
    return a.sum > b.sum or (a.sum == b.sum and a.customer < b.customer)
  end)
  return list, count
end

local page = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sales</title>
<h1>Sales by customer</h1>
<table>
<tr><th>Customer</th><th>Sales</th><th>Sum</th></tr>
%s
</table>
]]

-- A report: CSV in, HTML out. The payload is {"input": path, "output": path}.
--
-- A task may run twice (its worker can die after the work and before the report of it), so a
-- handler must bear that: this one writes the same page again.
gofer.handle("report:*", function(task)
  local paths = task.payload              -- the JSON payload as a table; task.raw has the bytes
  if type(paths) ~= "table" or not (paths.input and paths.output) then
    return gofer.skip_retry('the payload must be {"input": path, "output": path}')
  end
  -- Whoever may enqueue chooses these paths, and io reaches every file of the worker's user. So be
  -- narrow about them.
  if not paths.output:find("%.html$") then
    return gofer.skip_retry("the output must be an .html file")
  end

  local list, count = sums_of(task, paths.input)
  local rows = {}
  for i, entry in ipairs(list) do
    rows[i] = ("<tr><td>%s</td><td>%d</td><td>%.2f</td></tr>"):format(
      html(entry.customer), entry.count, entry.sum)
  end
  local file = assert(io.open(paths.output, "w"))
  assert(file:write((page:gsub("%%s", { ["%s"] = table.concat(rows, "\n") }))))
  assert(file:close())

  task:log(("%d sales of %d customers"):format(count, #list))
  -- The result, kept for the retention.
  return { sales = count, customers = #list, output = paths.output }
end)

-- Words in a text. The payload is the text itself; it needs no capability. Large texts are shared
-- out: a handler can enqueue tasks too.
gofer.handle("text:count", function(task)
  local words = 0
  for _ in task.raw:gmatch("%S+") do words = words + 1 end
  if words > 10000 then
    gofer.enqueue("text:large", { words = words, of = task.id }, { queue = "low" })
  end
  return { words = words }
end)
