// host_test.c - Lua handlers in a real worker on a memory: broker: what they can do, what they
// cannot, and how they are stopped.
#include "host_fixture.h"

// ---- What handlers can do

static void a_table_or_string_returned_is_the_result(void)
{
    CHECK_STR(result_of("gofer.handle('t', function(task) return {got = task.payload.a} end)",
                  NULL),
        "{\"got\":1}");
    CHECK_STR(result_of("gofer.handle('t', function(task) return 'text' end)", NULL), "text");
    CHECK_STR(result_of("gofer.handle('t', function(task) return true end)", NULL), "");
    CHECK_STR(result_of("gofer.handle('t', function(task) end)", NULL), "");
    CHECK_STR(result_of("return { t = function(task) task:result{1, 2} end }", NULL), "[1,2]");
    CHECK_STR(result_of("#!/usr/bin/env gofer\ngofer.handle('*', function() return 'any' end)",
                  NULL),
        "any");
}

static void a_task_has_its_fields(void)
{
    CHECK_STR(result_of("gofer.handle('t', function(task)\n"
        "assert(task.id == 'x' and task.type == 't' and task.queue == 'default' and task.raw == "
        "'{\"a\":1}')\n"
        "assert(task.attempt == 1 and task.max_retry == 0 and math.type(task.attempt) == "
        "'integer')\n"
        "assert(task.last_error == nil and next(task.headers) == nil and task:header('x') == nil)\n"
        "assert(task.deadline > os.time() - 5 and task:remaining() <= 1 and task:cancelled() == "
        "false)\n"
        "assert(task.payload == task.payload and task.nonsense == nil)\n"
        "assert(not pcall(task.progress, task, -1))\n"
        "task:progress(1, 2, 'half') task:progress(2)\n"
        "return tostring(task) end)", NULL), "gofer task (t x)");
}

static void print_and_log_go_to_the_log_of_the_task(void)
{
    CHECK_STR(
        result_of(
            "gofer.handle('t', function(task) print('one', 2, nil) task:log('plainly')\n"
            "task:log('warn', 'beware') return tostring(pcall(task.log, task, 'loud', 'x')) end)",
            NULL),
        "false");
    CHECK(log_says("one\t2\tnil"));
    CHECK(log_says("plainly"));
    CHECK(log_says("beware"));
}

static void a_handler_enqueues(void)
{
    CHECK_STR(result_of("gofer.handle('t', function(task)\n"
        "assert(gofer.enqueue('next', {n = 7}, {id = 'follow', retention = '1h'}) == 'follow')\n"
        "local ids = gofer.enqueue_many{{type = 'next', id = 'm1', payload = {n = 8}}, {type = "
        "'next', payload = {n = 9}}}\n"
        "assert(#ids == 2 and ids[1] == 'm1')\n"
        "assert(not pcall(gofer.enqueue, 'next', '', {nonsense = 1}))\n"
        "end)\n"
        "gofer.handle('next', function(task) return {twice = 2 * task.payload.n} end)", NULL), "");
    CHECK_STR(look("follow", "result"), "{\"twice\":14}");
}

static void a_step_reads_what_its_parent_has_left(void)
{
    static const char *const after[] = { "a", NULL };
    gofer_flow_options options;
    gofer_flow_step steps[2];
    void *bytes;
    size_t size;
    with("gofer.handle('a', function() return {n = 7} end)\n"
         "gofer.handle('b', function(task)\n"
         "  local value, raw = task:parent('a')\n"
         "  local ok, why = pcall(task.parent, task, 'nobody')\n"
         "  assert(not ok and why:find('ENOTFOUND: ', 1, true) == 1, why)\n"
         "  assert(not pcall(task.parent, task))\n"
         "  return raw .. value.n end)\n"
         "gofer.handle('alone', function(t) return select(2, pcall(t.parent, t, 'a')) end)",
        NULL);
    gofer_flow_options_init(&options);
    options.flow_id = "f";
    for (int i = 0; i < 2; i++) {
        gofer_flow_step_init(&steps[i]);
        steps[i].name = steps[i].type = i ? "b" : "a";
        steps[i].after = i ? after : NULL;
    }
    const gofer_flow_step *const list[] = { &steps[0], &steps[1] };
    REQUIRE_OK(gofer_client_flow_start(f.client, 2, list, &options, NULL));
    put("x", "alone", "", GOFER_NO_RETRY);
    drain();
    REQUIRE_OK(gofer_client_flow_result(f.client, "f", "b", &bytes, &size));
    CHECK_MEM(bytes, size, "{\"n\":7}7", 8);
    gofer_free(bytes);
    CHECK_HAS(look("x", "result"), "ESTATE: ");
}

static void protected_calls_and_coroutines_work_as_in_stock_lua(void)
{
    CHECK_STR(result_of("gofer.handle('t', function()\n"
        "  local co = coroutine.wrap(function(a)\n"
        "    local ok, e = pcall(function() local x = coroutine.yield(a + 1) error({x}) end)\n"
        "    local ok2, n = xpcall(function(...) coroutine.yield('mid') return select('#', ...) "
        "end, print, 1, nil, nil)\n"
        "    return ok, e[1], ok2, n end)\n"
        "  assert(co(1) == 2) assert(co('v') == 'mid')\n"
        "  local a, b, c, d = co() assert(a == false and b == 'v' and c == true and d == 3)\n"
        "  local ok, e = pcall(co) assert(not ok and e:find('cannot resume dead coroutine'))\n"
        "  ok, e = xpcall(error, function(m) return m .. '!' end, 'x') assert(not ok and e == "
        "'x!')\n"
        "  ok, e = pcall(coroutine.wrap(function() error({code = 7}) end)) assert(not ok and "
        "e.code == 7)\n"
        "  assert(select('#', pcall(function() end)) == 1 and select('#', pcall(print)) == 1)\n"
        "  assert(not pcall(pcall) and not pcall(xpcall, print))\n"
        "  local closed = 0\n"
        "  local function holder() local _ <close> = setmetatable({}, {__close = function() closed "
        "= closed + 1 end})\n"
        "    coroutine.yield() error('never') end\n"
        "  co = coroutine.create(holder) coroutine.resume(co) assert(coroutine.close(co) and "
        "closed == 1)\n"
        "  assert(coroutine.status(co) == 'dead')\n"
        "  co = coroutine.wrap(holder) co() assert(not pcall(co) and closed == 2)\n"
        "  ok, e = coroutine.resume(coroutine.create(function(...) return select('#', ...) end), "
        "nil, nil)\n"
        "  assert(ok and e == 2)\n"
        "  assert(load('return ...')(5) == 5 and load('x = 1', 'n', 't', {}) and not load('x x'))\n"
        "  local env = {} load('y = 2', 'n', 't', env)() assert(env.y == 2 and y == nil)\n"
        "  local names = {} for name in pairs(math) do names[#names + 1] = name end assert(#names "
        "== 27)\n"
        "  return 'fine' end)", NULL), "fine");
}

static void errors_fail_the_task_with_their_place(void)
{
    CHECK_HAS(result_of("\n\ngofer.handle('t', function(task)\n  error('went wrong') end)", NULL),
        ":4: went wrong");
    CHECK_STR(look("x", "state"), "archived");
    CHECK(log_says("stack traceback"));
    CHECK_HAS(result_of("gofer.handle('t', function() return nil, 'no such user' end)", NULL),
        "no such user");
    CHECK_HAS(result_of("gofer.handle('t', function() return false end)", NULL), "returned false");
    CHECK_HAS(result_of("gofer.handle('t', function() return print end)", NULL),
        "returned a function");
    CHECK_HAS(result_of("gofer.handle('t', function() error() end)", NULL), "error(nil)");
    CHECK_HAS(
        result_of("gofer.handle('t', function() error(setmetatable({}, {__tostring = function() "
                  "return 'an object' end})) end)",
            NULL),
        "an object");
    CHECK_HAS(result_of("gofer.handle('t', function(task) return {print} end)", NULL),
        "cannot be JSON");
    CHECK_HAS(result_of("gofer.handle('t', function(task) local x = nil; x.y = 1 end)", NULL),
        "index a nil value");
}

static void a_payload_that_is_not_json_says_so_when_read(void)
{
    with("gofer.handle('t', function(task) return task.raw end)\n"
        "gofer.handle('p', function(task) return task.payload end)", NULL);
    put("raw", "t", "not json", GOFER_NO_RETRY);
    put("payload", "p", "not json", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("raw", "result"), "not json");
    CHECK_HAS(look("payload", "last_error"), "is not JSON");
}

static void verdicts_are_followed_returned_or_raised(void)
{
    with("gofer.handle('skip', function() return gofer.skip_retry('no use') end)\n"
         "gofer.handle('skip-raised', function() error(gofer.skip_retry('no use either')) end)\n"
         "gofer.handle('revoke', function() return gofer.revoke('gone') end)\n"
         "gofer.handle('caught', function() pcall(error, gofer.skip_retry('not caught')) return "
         "'caught' end)\n"
         "gofer.handle('xcaught', function() xpcall(error, print, gofer.skip_retry('not caught')) "
         "return 'caught' end)\n"
         "gofer.handle('in-coroutine', function()\n"
         "  local co = coroutine.create(function() coroutine.yield() error(gofer.skip_retry('not "
         "caught')) end)\n"
         "  assert(coroutine.resume(co)) coroutine.resume(co) return 'caught' end)\n"
         "gofer.handle('closed', function() local co = coroutine.create(function()\n"
         "  local _ <close> = setmetatable({}, {__close = function() error(gofer.skip_retry('not "
         "caught')) end})\n"
         "  coroutine.yield() end)\n"
         "  coroutine.resume(co) coroutine.close(co) return 'caught' end)\n"
         "gofer.handle('value', function() local ok, v = pcall(gofer.skip_retry, 'held') return "
         "tostring(v) end)",
        NULL);
    put("1", "skip", "", 5);
    put("2", "skip-raised", "", 5);
    put("4", "revoke", "", 5);
    static const char *const passing[] = { "caught", "xcaught", "in-coroutine", "closed" };
    for (size_t i = 0; i < COUNT(passing); i++)
        put(passing[i], passing[i], "", 5);
    put("5", "value", "", 5);
    drain();
    CHECK_STR(look("1", "state"), "archived");
    CHECK_HAS(look("1", "last_error"), "no use");
    CHECK_STR(look("2", "state"), "archived");
    CHECK_HAS(look("2", "last_error"), "no use either");
    CHECK_STR(look("4", "state"), "no such task");
    for (size_t i = 0; i < COUNT(passing); i++) {
        CHECK_STR(look(passing[i], "state"), "archived");
        CHECK_HAS(look(passing[i], "last_error"), "not caught");
    }
    CHECK_STR(look("5", "result"), "held");
}

static void retry_in_sets_the_delay(void)
{
    with("gofer.handle('t', function() return gofer.retry_in('5m', 'busy') end)", NULL);
    put("x", "t", "", 5);
    REQUIRE_OK(gofer_worker_start(f.worker));
    int64_t until = check_now_ms() + 20000;
    while (strcmp(look("x", "state"), "retry") != 0 && check_now_ms() < until)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    CHECK_STR(look("x", "state"), "retry");
    CHECK_HAS(look("x", "last_error"), "busy");
    int64_t wait = gofer_info_int(f.task, "next_run_at_ms", 0) - (int64_t)time(NULL) * 1000;
    CHECK(wait > 200000 && wait <= 305000);
}

// ---- One task and the next

static void globals_of_one_task_are_not_seen_by_the_next(void)
{
    with("shared = 'of the file'\n"
        "local count = 0\n"
        "gofer.handle('t', function(task)\n"
        "  local seen = tostring(leak) .. tostring(_G.leak2) .. tostring(rawget(_G, 'leak3')) .. "
        "shared\n"
        "  leak = 1; _G.leak2 = 2; rawset(_G, 'leak3', 3); load('leak4 = 4')(); shared = "
        "'changed'\n"
        "  seen = seen .. tostring(leak == 1 and leak2 == 2 and leak3 == 3 and leak4 == 4)\n"
        "  count = count + 1\n"
        "  return seen\n"
        "end)\n"
        "gofer.handle('count', function() return tostring(leak4) .. count end)", NULL);
    REQUIRE_OK(gofer_worker_set(f.worker, "concurrency", "1"));
    put("1", "t", "", GOFER_NO_RETRY);
    put("2", "t", "", GOFER_NO_RETRY);
    put("3", "count", "", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("1", "result"), "nilnilnilof the filetrue");
    CHECK_STR(look("2", "result"), "nilnilnilof the filetrue");
    CHECK_STR(look("3", "result"), "nil2");     // locals of the file are kept: a cache is possible
}

static void a_state_is_made_anew_after_a_stop(void)
{
    with("local count = 0\n"
        "gofer.handle('t', function() count = count + 1 return tostring(count) end)\n"
        "gofer.handle('loop', function() while true do end end)", NULL);
    REQUIRE_OK(gofer_worker_set(f.worker, "concurrency", "1"));
    put("1", "t", "", GOFER_NO_RETRY);
    put("2", "loop", "", GOFER_NO_RETRY);
    put("3", "t", "", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("1", "result"), "1");
    CHECK_STR(look("3", "result"), "1");
}

static void many_tasks_run_in_many_slots(void)
{
    with("gofer.handle('t', function(task) local s = 0 for i = 1, 1000 do s = s + i end return "
         "tostring(s) end)",
        NULL);
    for (int i = 0; i < 500; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i);
        put(id, "t", "", GOFER_NO_RETRY);
    }
    drain();
    CHECK_STR(look("n0", "result"), "500500");
    CHECK_STR(look("n499", "result"), "500500");
}

// ---- Files

static void check_refused(const char *bytes, size_t size, gofer_status status, const char *words)
{
    set_up();
    write_file(bytes, size);
    CHECK_INT(load(f.path, NULL, 0), status);
    CHECK_HAS(f.error, words);
}

static void bad_files_are_refused_with_their_place(void)
{
    check_refused("\nx = = 1", 8, GOFER_EINVAL, ":2: unexpected symbol near '='");
    check_refused("\n\nerror('at load')", 18, GOFER_EINVAL, ":3: at load");
    check_refused("local x = 1", 11, GOFER_EINVAL, "no handlers");
    check_refused("", 0, GOFER_EINVAL, "no handlers");
    check_refused("\033Lua\x54", 5, GOFER_EINVAL, "bytecode");
    check_refused("return {t = 1}", 14, GOFER_EINVAL, "returns a table that is not");
    check_refused("gofer.handle('', print)", 23, GOFER_EINVAL, "");
    check_refused("gofer.handle('t', 1)", 20, GOFER_EINVAL, "function expected");
    check_refused("gofer.handle('t', print) gofer.handle('t', print)", 49, GOFER_EINVAL,
        "already a handler");
    check_refused("gofer.handle('t', print) return {t = print}", 43, GOFER_EINVAL, "two handlers");
    check_refused("gofer.enqueue('t')", 18, GOFER_EINVAL, "works within a task");
    check_refused("local t = {} while true do t[#t + 1] = #t end", 45, GOFER_EINVAL,
        "not enough memory");

    set_up();
    CHECK_INT(load("/nowhere/at/all.lua", NULL, 0), GOFER_ENOTFOUND);
    CHECK_HAS(f.error, "/nowhere/at/all.lua");
    CHECK_INT(load("/tmp", NULL, 0), GOFER_EINVAL);
    write_file("gofer.handle('t', print)", 24);
    CHECK_INT(load(f.path, "io,network", 0), GOFER_EINVAL);
    CHECK_HAS(f.error, "network");
    CHECK_INT(load(f.path, NULL, 1000), GOFER_EINVAL);
    CHECK_OK(load(f.path, NULL, 0));
    CHECK_INT(load(f.path, NULL, 0), GOFER_EEXIST);
}

// ---- Capabilities

static void io_is_granted_and_only_io(void)
{
    CHECK_STR(result_of("gofer.handle('t', function()\n"
        "  local file = assert(io.tmpfile()) file:write('a,b\\n1,2\\n') file:seek('set')\n"
        "  local lines = {} for line in file:lines() do lines[#lines + 1] = line end file:close()\n"
        "  return table.concat(lines, ';') .. tostring(io.popen) .. tostring(os.execute) .. "
        "type(gofer.open)\n"
        "end)", "io"), "a,b;1,2nilnilfunction");
    CHECK_STR(result_of("gofer.handle('t', function() return type(os.getenv) .. type(io) .. "
                        "tostring(os.setlocale)\n"
                        ".. tostring(pcall(os.exit)) end)",
                  "os"),
        "functionnilnilfalse");
    CHECK_STR(
        result_of(
            "local m = require 'gofer'\ngofer.handle('t', function() return tostring(m == gofer)\n"
            ".. tostring(pcall(require, '../x')) .. tostring(pcall(require, '.x')) .. "
            "tostring(pcall(require, 'no.such')) end)",
            "require"),
        "truefalsefalsefalse");
    CHECK_STR(result_of("gofer.handle('t', function() return type(debug.traceback) .. "
                        "type(package.path) .. type(io.popen) end)",
                  "all"),
        "functionstringfunction");
}

// What a handler's io opens is closed in the programs that the worker runs; what it only
// names stays as it is.
static void files_of_io_are_not_for_children(void)
{
    const char *const seen =
        "gofer.handle('t', function(task)\n"
        "  local name = task.raw\n"
        "  local function open_in_child() local p = io.popen('ls -l /proc/self/fd') local s = "
        "p:read('a') p:close()\n"
        "    return s:find(name, 1, true) ~= nil end\n"
        "  local out = {}\n"
        "  io.output(name) io.write('x\\n') out[1] = open_in_child() io.output():close() "
        "io.output(io.stderr)\n"
        "  io.input(name) out[2] = open_in_child() io.input():close() io.input(io.stdin)\n"
        "  local file = io.open(name) out[3] = open_in_child() file:close()\n"
        "  local ok = pcall(io.lines, name) out[4] = open_in_child()\n"
        "  for i, v in ipairs(out) do out[i] = tostring(v) end\n"
        "  return table.concat(out, ' ') .. ' ' .. tostring(io.output() == io.stderr)\n"
        "end)";
    char name[] = "/tmp/gofer-lua-io-XXXXXX";
    int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    with(seen, "io,os");
    put("t1", "t", name, 0);
    drain();
    CHECK_STR(look("t1", "result"), "false false false false true");
    unlink(name);
}

// As a handler file: a byte order mark, a first line for the shell.
static void modules_may_begin_as_handler_files_do(void)
{
    static const struct { const char *name, *text; } modules[] = {
        { "plain", "return 'plain'" },
        { "marked", "\xEF\xBB\xBFreturn 'marked'" },
        { "script", "#!/usr/bin/env lua\nreturn 'script'" },
        { "both", "\xEF\xBB\xBF#!/usr/bin/env lua\nreturn 'both'" },
    };
    char folder[] = "/tmp/gofer-lua-modules-XXXXXX", path[96];
    REQUIRE(mkdtemp(folder));
    for (size_t i = 0; i < COUNT(modules); i++) {
        snprintf(path, sizeof path, "%s/%s.lua", folder, modules[i].name);
        FILE *file = fopen(path, "w");
        REQUIRE(file);
        CHECK(fputs(modules[i].text, file) >= 0 && fclose(file) == 0);
    }
    snprintf(path, sizeof path, "%s/handlers.lua", folder);
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    CHECK(fputs("local out = {} for _, n in ipairs { 'plain', 'marked', 'script', 'both' } do "
                "out[#out + 1] = require(n) end\n"
                "gofer.handle('t', function() return table.concat(out, ' ') end)",
              file) >= 0 &&
        fclose(file) == 0);
    set_up();
    CHECK_OK(load(path, "require", 0));
    put("t1", "t", "", 0);
    drain();
    CHECK_STR(look("t1", "result"), "plain marked script both");
    unlink(path);
    for (size_t i = 0; i < COUNT(modules); i++) {
        snprintf(path, sizeof path, "%s/%s.lua", folder, modules[i].name);
        unlink(path);
    }
    rmdir(folder);
}

// ---- The tutorial

static void the_example_makes_a_report(void)
{
    char path[512], payload[256], html[128];
    snprintf(path, sizeof path, "%s/../../examples/lua/handlers.lua", LUA_TESTS);
    set_up();
    static const char csv[] = "product,customer,amount\nLamp,Ada,12.5\r\n\"Desk, big\",\"O\"\"Neil "
                              "<x>\",240\nChair,Ada,89.9\n";
    write_file(csv, sizeof csv - 1);
    snprintf(html, sizeof html, "%s.html", f.path);
    snprintf(payload, sizeof payload, "{\"input\":\"%s\",\"output\":\"%s\"}", f.path, html);
    REQUIRE_OK(load(path, "io", 0));
    put("report", "report:sales", payload, GOFER_NO_RETRY);
    put("bad", "report:sales", "[]", 5);
    put("count", "text:count", "one two\nthree", GOFER_NO_RETRY);
    drain();
    CHECK_HAS(look("report", "result"), "\"sales\":3");
    CHECK_HAS(look("bad", "last_error"), "payload must be");
    CHECK_STR(look("count", "result"), "{\"words\":3}");
    char page[4096] = "";
    FILE *file = fopen(html, "r");
    REQUIRE(file != NULL);
    CHECK(fread(page, 1, sizeof page - 1, file) > 0);
    fclose(file);
    unlink(html);
    CHECK_HAS(page, "<td>Ada</td><td>2</td><td>102.40</td>");
    CHECK_HAS(page, "<td>O&quot;Neil &lt;x&gt;</td>");
}

// ---- The sandbox

// Run every case that the file's "names" handler lists, as tasks of the type;
// their ids are the names.
static void run_cases(const char *file, const char *type, char names[], size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", LUA_TESTS, file);
    set_up();
    REQUIRE_OK(load(path, NULL, 16 << 20));
    put("names", "names", "", GOFER_NO_RETRY);
    drain();
    snprintf(names, size, "%s\n", look("names", "result"));
    gofer_worker_free(f.worker);
    f.worker = NULL;

    new_worker();
    REQUIRE_OK(load(path, NULL, 16 << 20));
    for (char *name = names; *name; name += strlen(name) + 1) {
        *strchr(name, '\n') = '\0';
        put(name, type, name, GOFER_NO_RETRY);
    }
    drain();
}

static void nothing_leaves_the_sandbox(void)
{
    char names[8192] = "";
    size_t count = 0;
    run_cases("escapes.lua", "escape", names, sizeof names);
    for (const char *name = names; *name; name += strlen(name) + 1, count++) {
        // Out of memory or of time, an attempt ends as a failed task, which is as good as held.
        bool held = strcmp(look(name, "state"), "completed") == 0
            ? strcmp(look(name, "result"), "held") == 0
            : strcmp(look(name, "state"), "archived") == 0;
        if (!held)
            fprintf(stderr, "    %s: %s\n", name, look(name, "result"));
        CHECK(held);
    }
    CHECK(count >= 60);
}

static void everything_that_runs_away_is_stopped(void)
{
    char names[8192] = "";
    size_t count = 0;
    run_cases("runaways.lua", "runaway", names, sizeof names);
    for (const char *name = names; *name; name += strlen(name) + 1, count++) {
        const char *error = look(name, "last_error");
        bool stopped =
            strstr(error, "deadline") || strstr(error, "memory") || strstr(error, "timed out");
        if (!stopped)
            fprintf(stderr, "    %s: '%s'\n", name, error);
        CHECK(stopped);
    }
    CHECK(count >= 30);
    CHECK(log_says("worker stopped"));      // the last line: all others are there
    CHECK(!log_has("slot lost"));
}

static void memory_is_bounded(void)
{
    CHECK_HAS(
        result_of("gofer.handle('t', function() local t = {} for i = 1, 1e9 do t[i] = {} end end)",
            NULL),
        "not enough memory");
    CHECK_HAS(
        result_of("gofer.handle('t', function() local s = 'x' while true do s = s .. s end end)",
            NULL),
        "not enough memory");
    CHECK_STR(
        result_of(
            "gofer.handle('t', function() return tostring(pcall(string.rep, 'x', 1 << 28)) end)",
            NULL),
        "false");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_table_or_string_returned_is_the_result),
        TEST(a_task_has_its_fields),
        TEST(print_and_log_go_to_the_log_of_the_task),
        TEST(a_handler_enqueues),
        TEST(a_step_reads_what_its_parent_has_left),
        TEST(protected_calls_and_coroutines_work_as_in_stock_lua),
        TEST(errors_fail_the_task_with_their_place),
        TEST(a_payload_that_is_not_json_says_so_when_read),
        TEST(verdicts_are_followed_returned_or_raised),
        TEST(retry_in_sets_the_delay),
        TEST(globals_of_one_task_are_not_seen_by_the_next),
        TEST(a_state_is_made_anew_after_a_stop),
        TEST(many_tasks_run_in_many_slots),
        TEST(bad_files_are_refused_with_their_place),
        TEST(io_is_granted_and_only_io), TEST(files_of_io_are_not_for_children),
        TEST(modules_may_begin_as_handler_files_do),
        TEST(the_example_makes_a_report),
        TEST(nothing_leaves_the_sandbox),
        TEST(everything_that_runs_away_is_stopped),
        TEST(memory_is_bounded),
    };
    int status = check_main(argc, argv, tests, COUNT(tests));
    tear_down();
    return status;
}
