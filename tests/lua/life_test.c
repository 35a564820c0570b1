// life_test.c - what Lua files declare and handlers may say of a task's life: snoozes, checkpoints,
// retry policies, groups, cron entries.
#include "host_fixture.h"

static int64_t number(const char *id, const char *field)
{
    look(id, "state");
    return gofer_info_int(f.task, field, -1);
}

// ---- Snoozes, logs, checkpoints

static void a_snooze_costs_no_attempt(void)
{
    with("gofer.handle('t', function(task)\n"
        "  if not task:resume() then task:checkpoint('seen')\n"
        "    pcall(function() error(gofer.snooze('10ms', 'not yet')) end) end\n"
        "  return task.attempt .. ' ' .. task:resume() end)\n"
        "gofer.handle('bad', function() return gofer.snooze() end)", NULL);
    put("x", "t", "", GOFER_NO_RETRY);
    put("bad", "bad", "", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("x", "result"), "1 seen");
    CHECK_INT(number("x", "retried"), 0);
    CHECK_INT(number("x", "snoozes"), 1);
    CHECK_HAS(look("bad", "last_error"), "delay is missing");
}

static void a_task_pauses_its_limit_key(void)
{
    gofer_info *list = NULL;
    with("gofer.handle('t', function() error(gofer.limit_pause('api', '1h', 'busy')) end)\n"
        "gofer.handle('bad', function() return gofer.limit_pause('', 1) end)", NULL);
    put("x", "t", "", GOFER_NO_RETRY);
    put("bad", "bad", "", GOFER_NO_RETRY);
    REQUIRE_OK(gofer_worker_set(f.worker, "drain", "0"));
    REQUIRE_OK(gofer_worker_start(f.worker));
    for (int tries = 0; tries < 6000 && (number("x", "snoozes") < 1 || !*look("bad", "last_error"));
        tries++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    CHECK_STR(look("x", "last_error"), "busy");
    CHECK_STR(look("x", "state"), "retry");
    CHECK_INT(number("x", "snoozes"), 1);
    CHECK_HAS(look("bad", "last_error"), "key must be a string");
    REQUIRE_OK(gofer_client_limit_key(f.client, "api", &list));
    CHECK(gofer_info_has(gofer_info_at(list, 0), "paused_until_ms"));
    gofer_info_free(list);
}

static void a_checkpoint_comes_back_as_it_was(void)
{
    with("gofer.handle('table', function(task)\n"
        "  local state, bytes = task:resume()\n"
        "  if not state then assert(bytes == nil) task:checkpoint{next = 7, list = {1}} return "
        "gofer.retry_in('1ms', 'again') end\n"
        "  return bytes .. type(state) .. state.next .. state.list[1] end)\n"
        "gofer.handle('text', function(task)\n"
        "  local state, bytes = task:resume()\n"
        "  if not state then task:checkpoint('{not json\\0') return gofer.retry_in('1ms', 'again') "
        "end\n"
        "  return tostring(state == bytes) .. #state end)\n"
        "gofer.handle('gone', function(task)\n"
        "  if task.attempt == 1 then task:checkpoint('x') task:checkpoint(nil) return "
        "gofer.retry_in('1ms', 'again') end\n"
        "  return tostring(task:resume()) end)\n"
        "gofer.handle('big', function(task) task:checkpoint(('x'):rep((1 << 20) + 1)) end)\n"
        "gofer.handle('kind', function(task) task:checkpoint(5) end)", NULL);
    put("table", "table", "", 3);
    put("text", "text", "", 3);
    put("gone", "gone", "", 3);
    put("big", "big", "", GOFER_NO_RETRY);
    put("kind", "kind", "", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("table", "result"), "{\"list\":[1],\"next\":7}table71");
    CHECK_STR(look("text", "result"), "true10");
    CHECK_STR(look("gone", "result"), "nil");
    CHECK_HAS(look("big", "last_error"), "ETOOBIG: ");
    CHECK_HAS(look("kind", "last_error"), "EINVAL: ");
}

static void lines_are_kept_with_the_task(void)
{
    with("gofer.handle('t', function(task)\n"
        "  task:log('plainly') task:log('warn', 'beware') task:progress(1, 2, 'half')\n"
        "  return tostring(task:stopping()) end)", NULL);
    put("x", "t", "", GOFER_NO_RETRY);
    drain();
    CHECK_STR(look("x", "result"), "false");
    const gofer_info *lines = gofer_info_child(f.task, "log");
    REQUIRE(lines != NULL);
    CHECK_INT(gofer_info_count(lines), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(lines, 0), "text"), "plainly");
    CHECK_STR(gofer_info_text(gofer_info_at(lines, 1), "level"), "warn");
}

// Stopped in the middle, a task goes on from its checkpoint in the next worker.
static void a_stopped_task_resumes(void)
{
    static const char source[] = "gofer.handle('t', function(task)\n"
        "  local state = task:resume()\n"
        "  if state then return 'resumed at ' .. state.at .. ' attempt ' .. task.attempt end\n"
        "  task:checkpoint{at = 3} task:progress(3, 10)\n"
        "  while not task:stopping() do end\n"
        "  return gofer.snooze(0, 'the worker stops') end)";
    with(source, NULL);
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.task_id = "x";
    opts.retention_ms = 60000;
    REQUIRE_OK(gofer_client_enqueue(f.client, "t", "", 0, &opts, NULL));
    REQUIRE_OK(gofer_worker_start(f.worker));
    for (int64_t seen = -1, tries = 0; seen != 3 && tries < 6000; tries++) {
        seen = number("x", "progress_done");
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    gofer_worker_stop(f.worker);
    REQUIRE_OK(gofer_worker_wait(f.worker, 60000));
    gofer_worker_free(f.worker);
    f.worker = NULL;
    new_worker();
    REQUIRE_OK(load(f.path, NULL, 8 << 20));
    drain();
    CHECK_STR(look("x", "result"), "resumed at 3 attempt 1");
}

// ---- Retry policies

static void a_handler_has_a_retry_policy(void)
{
    with("gofer.handle('t:*', {retry = 'list:1ms,5m'}, function(task) error('attempt ' .. "
         "task.attempt) end)",
        NULL);
    put("x", "t:x", "", 5);
    REQUIRE_OK(gofer_worker_set(f.worker, "drain", "0"));
    REQUIRE_OK(gofer_worker_start(f.worker));
    for (int tries = 0; tries < 6000 && number("x", "retried") < 2; tries++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    CHECK_STR(look("x", "state"), "retry");
    CHECK_HAS(look("x", "last_error"), "attempt 2");
    int64_t wait = number("x", "next_run_at_ms") - (int64_t)time(NULL) * 1000;
    CHECK(wait > 200000 && wait <= 305000);
}

// ---- Groups

static void put_grouped(const char *payload)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.group = "news";
    opts.queue = "q";
    static const char *const headers[] = { "from", "test", NULL };
    opts.headers = headers;
    REQUIRE_OK(gofer_client_enqueue(f.client, "news", payload, strlen(payload), &opts, NULL));
}

static void serve_groups(void)
{
    REQUIRE_OK(gofer_worker_queue(f.worker, "q", 1));
    REQUIRE_OK(gofer_worker_set(f.worker, "group_max_size", "3"));
    REQUIRE_OK(gofer_worker_set(f.worker, "drain", "0"));
    put_grouped("{\"n\":1}");
    put_grouped("{\"n\":2}");
    put_grouped("not json");
    REQUIRE_OK(gofer_worker_start(f.worker));
}

static void a_group_becomes_one_task(void)
{
    with("gofer.aggregate('new*', function(group, tasks)\n"
        "  assert(group.name == 'news' and group.queue == 'q' and #tasks == 3)\n"
        "  assert(tasks[1].type == 'news' and tasks[1].headers.from == 'test' and #tasks[1].id > "
        "0)\n"
        "  assert(tasks[1].payload.n == 1 and tasks[2].payload.n == 2 and tasks[3].payload == "
        "nil)\n"
        "  return 'digest', {count = #tasks, last = tasks[3].raw}, {retention = '1h', headers = {a "
        "= 'b'}}\n"
        "end)\n"
        "gofer.handle('digest', function(task) return task.raw .. task.headers.a end)", NULL);
    serve_groups();
    gofer_info *page = NULL;
    for (int tries = 0; tries < 3000; tries++) {
        gofer_info_free(page);
        page = NULL;
        if (gofer_client_tasks(f.client, "q", "completed", NULL, 0, &page) == GOFER_OK &&
            gofer_info_count(page) == 1)
            break;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    REQUIRE(gofer_info_count(page) == 1);
    CHECK_STR(look(gofer_info_text(gofer_info_at(page, 0), "id"), "result"),
        "{\"count\":3,\"last\":\"not json\"}b");
    gofer_info_free(page);
}

// The tasks of a group that an aggregator cannot make one of stay, and the log says why.
static void check_not_aggregated(const char *source, const char *why)
{
    with(source, NULL);
    serve_groups();
    bool said = log_says(why);
    if (!said)
        fprintf(stderr, "    not said: %s\n%s", why, f.log);
    CHECK(said);
    gofer_worker_free(f.worker);
    f.worker = NULL;
    gofer_info *groups = NULL;
    REQUIRE_OK(gofer_client_groups(f.client, "q", &groups));
    CHECK_INT(gofer_info_int(gofer_info_at(groups, 0), "size", -1), 3);
    gofer_info_free(groups);
}

static void a_group_that_fails_is_put_back(void)
{
    check_not_aggregated("gofer.aggregate('*', function() error('no template') end)",
        "no template");
    check_not_aggregated("gofer.aggregate('*', function() return nil, 'not today' end)",
        "not today");
    check_not_aggregated("gofer.aggregate('*', function() return {} end)", "returned a table");
    check_not_aggregated(
        "gofer.aggregate('*', function() return 'digest', 'x', {queue = 'elsewhere'} end)",
        "has no queue");
    check_not_aggregated("gofer.aggregate('*', function() return 'digest', 'x', {colour = 1} end)",
        "colour");
    check_not_aggregated("gofer.aggregate('*', function() gofer.enqueue('x') end)",
        "works within a task");
    check_not_aggregated(
        "gofer.aggregate('*', function() local t = {} while true do t[#t + 1] = #t end end)",
        "not enough memory");
}

// ---- Cron entries

static int64_t entries(gofer_info **out)
{
    gofer_info_free(*out);
    *out = NULL;
    REQUIRE_OK(gofer_client_schedules(f.client, out));
    return (int64_t)gofer_info_count(*out);
}

// What a file declares is what there is, each time it is loaded.
static void entries_follow_the_file(void)
{
    gofer_info *list = NULL;
    with("gofer.cron('nightly', '30 2 * * *', 'backup', {folder = '/srv'}, {tz = 'Europe/Berlin', "
         "overlap = 'skip',\n"
         "  task = {queue = 'low', max_retry = 2}})\n"
         "gofer.cron('often', '@every 90s', 'ping')",
        NULL);
    REQUIRE(entries(&list) == 2);
    const gofer_info *nightly = gofer_info_at(list, 0);
    CHECK_STR(gofer_info_text(nightly, "name"), "nightly");
    CHECK_STR(gofer_info_text(nightly, "tz"), "Europe/Berlin");
    CHECK_STR(gofer_info_text(nightly, "overlap"), "skip");
    CHECK_STR(gofer_info_text(nightly, "queue"), "low");
    CHECK_INT(gofer_info_int(nightly, "max_retry", -1), 2);
    char source[5000], whole[4096];
    REQUIRE(realpath(f.path, whole) != NULL);
    snprintf(source, sizeof source, "lua:%s", whole);
    CHECK_STR(gofer_info_text(nightly, "source"), source);
    gofer_info *one = NULL;
    REQUIRE_OK(gofer_client_schedule(f.client, "nightly", &one));
    CHECK_STR(gofer_info_bytes(one, "payload", NULL), "{\"folder\":\"/srv\"}");
    gofer_info_free(one);

    static const char *const later[] = {
        "gofer.cron('often', '@every 2m', 'ping') gofer.handle('t', print)",
        "gofer.handle('t', print)",
    };
    for (size_t i = 0; i < COUNT(later); i++) {
        FILE *file = fopen(f.path, "w");
        REQUIRE(file && fputs(later[i], file) >= 0 && fclose(file) == 0);
        gofer_worker_free(f.worker);
        f.worker = NULL;
        new_worker();
        REQUIRE_OK(load(f.path, NULL, 8 << 20));
        CHECK_INT(entries(&list), i == 0 ? 1 : 0);
    }
    gofer_info_free(list);
}

static void an_entry_runs_its_handler(void)
{
    with("gofer.cron('tick', '@every 1s', 'tick', 'tock', {task = {retention = '1h'}})\n"
        "gofer.handle('tick', function(task) return task.raw end)", NULL);
    REQUIRE_OK(gofer_worker_set(f.worker, "drain", "0"));
    REQUIRE_OK(gofer_worker_start(f.worker));
    gofer_info *page = NULL;
    for (int tries = 0; tries < 3000 && gofer_info_count(page) == 0; tries++) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        gofer_info_free(page);
        page = NULL;
        (void)gofer_client_tasks(f.client, "default", "completed", NULL, 0, &page);
    }
    REQUIRE(gofer_info_count(page) > 0);
    const char *id = gofer_info_text(gofer_info_at(page, 0), "id");
    CHECK_STR(look(id, "result"), "tock");
    CHECK(strncmp(id, "cron:tick:", 10) == 0);
    gofer_info_free(page);
}

static void bad_declarations_are_refused(void)
{
    static const struct { const char *source, *words; } cases[] = {
        { "gofer.handle('t', {retry = 'sometimes'}, print)", "sometimes" },
        { "gofer.handle('t', {retry = 5}, print)", "must be a policy" },
        { "gofer.handle('t', {colour = 'red'}, print)", "can have retry alone" },
        { "gofer.handle('t', {retry = 'fixed:5s'})", "function expected" },
        { "gofer.aggregate('g')", "function expected" },
        { "gofer.aggregate('', print)", "" },
        { "gofer.aggregate('g', print) gofer.aggregate('g', print)", "already an aggregator" },
        { "gofer.cron('n', '0 0 31 2 *', 't')", "31 February" },
        { "gofer.cron('n', '@daily')", "string expected" },
        { "gofer.cron('n', '@daily', 't', print)", "payload" },
        { "gofer.cron('n', '@daily', 't', '', {colour = 1})", "colour" },
        { "gofer.cron('n', '@daily', 't', '', {task = {id = 'x'}})", "cannot have the option id" },
        { "gofer.cron('n', '@daily', 't') gofer.cron('n', '@daily', 't')", "'n'" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        set_up();
        write_file(cases[i].source, strlen(cases[i].source));
        CHECK(load(f.path, NULL, 0) != GOFER_OK);
        CHECK_HAS(f.error, cases[i].words);
    }
    static const char late[] =
        "gofer.handle('t', function()\n"
        "return tostring(pcall(gofer.cron, 'n', '@daily', 't')) .. "
        "tostring(pcall(gofer.aggregate, 'g', print)) end)";
    CHECK_STR(result_of(late, NULL), "falsefalse");
}

static void a_host_without_a_client_keeps_no_entries(void)
{
    static const char source[] = "gofer.cron('n', '@daily', 't')";
    set_up();
    write_file(source, sizeof source - 1);
    gofer_lua_options opts = { .error = f.error, .error_size = sizeof f.error };
    CHECK_INT(gofer_lua_load(f.worker, f.path, &opts), GOFER_EUNSUPPORTED);
    CHECK_HAS(f.error, "no cron entries");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_snooze_costs_no_attempt),
        TEST(a_task_pauses_its_limit_key),
        TEST(a_checkpoint_comes_back_as_it_was),
        TEST(lines_are_kept_with_the_task),
        TEST(a_stopped_task_resumes),
        TEST(a_handler_has_a_retry_policy),
        TEST(a_group_becomes_one_task),
        TEST(a_group_that_fails_is_put_back),
        TEST(entries_follow_the_file),
        TEST(an_entry_runs_its_handler),
        TEST(bad_declarations_are_refused),
        TEST(a_host_without_a_client_keeps_no_entries),
    };
    int status = check_main(argc, argv, tests, COUNT(tests));
    tear_down();
    return status;
}
