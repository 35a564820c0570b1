// children_test.c - handlers in child processes, against a child that does what each payload says:
// this program itself, started with the argument "child".
#include "worker_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "child_side.h"

// ---- the child ----------------------------------------------------------------------------------

enum { ROOM = 1 << 20, SLOW_MAX = 64, SLOW_MS = 100, LATE_MS = 300 };

static uint8_t child_in[ROOM];
static size_t  child_size;
static struct { uint32_t ref; int64_t at_ms; } slow[SLOW_MAX];
static size_t slow_count;

static void misbehave(uint32_t ref, const char *what)
{
    uint8_t body[64] = { 0 };
    put_number(body, ref, 4);
    if (is(what, "bad:kind"))
        say_frame('z', body, 4);
    else if (is(what, "bad:short"))
        say_frame('e', body, 8);
    else if (is(what, "bad:long"))
        say_bytes("\x7f\xff\xff\xff" "e", 5), say_bytes(body, 4);
    else if (is(what, "bad:outcome"))
        say_end(ref, 77, -1, "", "");
    else if (is(what, "bad:again"))
        say_ref('b', ref);
    else if (is(what, "bad:hello"))
        say_frame('h', "protocol 1\n", 11);
    else if (is(what, "bad:ref"))
        say_ref('b', ref + 77);
    else if (is(what, "bad:text"))
        say_bytes("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n", 32);
    else if (is(what, "bad:cut"))
        say_bytes("\0\0\0\x40" "e\0\0", 7), _exit(0);
}

static void obey_more(uint32_t ref, const char *what)
{
    uint8_t body[64];
    size_t at = put_number(body, ref, 4);
    if (is(what, "progress")) {
        at += put_number(body + at, 3, 8);
        at += put_number(body + at, 4, 8);
        say_frame('p', body, at);
        say_end(ref, GOFER_RETRY, 100000, "half", "");
    } else if (is(what, "checkpoint")) {
        memcpy(body + at, "here", 4);
        say_frame('c', body, at + 4);
        say_end(ref, GOFER_RETRY, 0, "not yet", "");
    } else if (is(what, "log")) {
        body[at++] = GOFER_LOG_WARN;
        memcpy(body + at, "a line", 6);
        say_frame('l', body, at + 6);
        say_end(ref, GOFER_DONE, -1, "", "");
    } else if (is(what, "pid")) {
        char pid[32];
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        say_end(ref, GOFER_DONE, -1, "", pid);
    } else if (is(what, "slow")) {
        at += put_number(body + at, 1, 8);
        at += put_number(body + at, 2, 8);
        say_frame('p', body, at);
        slow[slow_count].ref = ref;
        slow[slow_count++].at_ms = gf_mono_ms() + SLOW_MS;
    } else if (is(what, "big")) {
        static char bytes[3 << 20];
        say_bytes("\0\x30\0\x12" "e", 5), say_bytes(body, 4);
        say_bytes("\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 13), say_bytes(bytes, sizeof bytes);
    } else {
        misbehave(ref, what);
    }
}

static void obey(uint32_t ref, const char *what, const char *checkpoint)
{
    static bool has_only;
    say_ref('b', ref);
    if (is(what, "only")) {        // the same, and there must not be another one,
        if (has_only)
            _exit(3);
        has_only = true;
        return;
    }
    if (is(what, "short")) {       //   nor one of these
        if (has_only)
            _exit(3);
        obey_more(ref, "slow");
        return;
    }
    if (is(what, "stay"))          // until it is told to stop, or its process ends
        return;
    if (is(what, "done"))
        say_end(ref, GOFER_DONE, -1, "", "");
    else if (*checkpoint)
        say_end(ref, GOFER_DONE, -1, "", checkpoint);
    else if (is(what, "retry"))
        say_end(ref, GOFER_RETRY, -1, "a reason", "");
    else if (is(what, "retry in"))
        say_end(ref, GOFER_RETRY, 100000, "later", "");
    else if (is(what, "skip"))
        say_end(ref, GOFER_SKIP_RETRY, -1, "never", "");
    else if (is(what, "revoke"))
        say_end(ref, GOFER_REVOKE, -1, "", "");
    else if (is(what, "snooze"))
        say_end(ref, GOFER_SNOOZE, 100000, "not now", "");
    else if (is(what, "kill"))
        kill(getpid(), SIGKILL);
    else if (is(what, "segv"))
        signal(SIGSEGV, SIG_DFL), kill(getpid(), SIGSEGV);
    else if (is(what, "exit"))
        _exit(3);
    else if (is(what, "close"))
        close(CHILD_FD), sleep(600);
    else if (is(what, "stubborn"))
        signal(SIGTERM, SIG_IGN), sleep(600), sleep(600);
    else if (is(what, "hang"))
        sleep(600);
    else
        obey_more(ref, what);
}

// Gives back what has not begun: the child of these tests begins a task as it reads it, but for
// "held".
static uint32_t held_refs[SLOW_MAX];
static size_t   held_count;

static void heed_task(const uint8_t *b, size_t size)
{
    enum { FIXED = 40 };
    char what[64] = "", checkpoint[64] = "";
    size_t names = (size_t)b[29] + b[30] + b[31], headers = number_at(b + 32),
           kept = number_at(b + 36);
    size_t at = FIXED + names + headers;
    memcpy(checkpoint, b + at, kept < 63 ? kept : 63);
    at += kept;
    memcpy(what, b + at, size - at < 63 ? size - at : 63);
    if (is(what, "held"))
        held_refs[held_count++] = number_at(b);
    else
        obey(number_at(b), what, checkpoint);
}

static void heed(uint8_t kind, const uint8_t *b, size_t size)
{
    if (kind == 'T')
        heed_task(b, size);
    else if (kind == 'C')
        say_end(number_at(b), GOFER_RETRY, -1, "told to stop", "");
    else if (kind == 'S' || kind == 'R')
        while (held_count)
            say_end(held_refs[--held_count], GOFER_REQUEUE, -1, "", "");
}

static void end_slow(void)
{
    for (size_t i = 0; i < slow_count;) {
        if (slow[i].at_ms > gf_mono_ms()) {
            i++;
            continue;
        }
        say_end(slow[i].ref, GOFER_DONE, -1, "", "");
        slow[i] = slow[--slow_count];
    }
}

static int be_a_child(void)
{
    for (;;) {
        struct pollfd look = { .fd = CHILD_FD, .events = POLLIN };
        (void)poll(&look, 1, slow_count ? 10 : -1);
        end_slow();
        if (!look.revents)
            continue;
        ssize_t n = read(CHILD_FD, child_in + child_size, ROOM - child_size);
        if (n <= 0)
            return 0;
        child_size += (size_t)n;
        size_t at = 0;
        while (child_size - at >= 5 && child_size - at >= 4 + (size_t)number_at(child_in + at)) {
            size_t whole = number_at(child_in + at);
            heed(child_in[at + 4], child_in + at + 5, whole - 1);
            at += 4 + whole;
        }
        memmove(child_in, child_in + at, child_size -= at);
    }
}

static int child_main(const char *hello)
{
    if (is(hello, "die"))
        return printf("cannot import shop\n"), 1;
    if (is(hello, "kill"))
        return kill(getpid(), SIGKILL);
    if (is(hello, "hang"))
        return (int)sleep(600);
    if (is(hello, "early"))
        return say_ref('b', 1), (int)sleep(600);
    if (is(hello, "half"))
        return say_bytes("\0\0\0\x40hproto", 10), 1;
    if (strncmp(hello, "once ", 5) == 0) {     // and the next one dies
        if (open(hello + 5, O_CREAT | O_EXCL | O_WRONLY, 0600) < 0)
            return strstr(hello, "/hangs") ? (int)sleep(600)
                                           : (printf("cannot import any more\n"), 1);
        hello = "protocol 1";
    }
    if (strstr(hello, "\nlate"))
        usleep(LATE_MS * 1000);
    say_frame('h', hello, strlen(hello));
    return be_a_child();
}

// ---- the tests' side ----------------------------------------------------------------------------

static const gofer_child_options *child_options;
static bool wrapped;                   // by a middleware that does nothing: all is as without it
static char own_path[4096];            // of this program; under valgrind the kernel names another

static int32_t pass_on(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_next(task);
}

static void add_child(const char *pattern, const char *hello)
{
    if (wrapped)
        REQUIRE_OK(gofer_worker_use(r.worker, pass_on, NULL, NULL));
    const char *argv[] = { own_path, "child", hello, NULL };
    REQUIRE_OK(gofer_worker_child(r.worker, pattern, argv, child_options));
    child_options = NULL;
}

static void put(const char *id, const char *what, int32_t max_retry)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = id;
    o.max_retry = max_retry;
    o.retention_ms = 3600000;
    REQUIRE_OK(gofer_client_enqueue(r.client, "t", what, strlen(what), &o, NULL));
}

static void put_timed(const char *id, const char *what, int64_t timeout_ms)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = id;
    o.max_retry = GOFER_NO_RETRY;
    o.timeout_ms = timeout_ms;
    REQUIRE_OK(gofer_client_enqueue(r.client, "t", what, strlen(what), &o, NULL));
}

static bool has_result(const char *id, const char *want)
{
    gofer_info *info;
    size_t size = 0;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return false;
    const void *bytes = gofer_info_bytes(info, "result", &size);
    bool is_it = bytes && size == strlen(want) && memcmp(bytes, want, size) == 0;
    gofer_info_free(info);
    return is_it;
}

static void every_outcome_is_heard(void)
{
    static const struct { const char *what, *state, *error;
    } cases[] = {
        {"done",        "completed", NULL      },
        { "retry",      "retry",     "a reason"},
        { "retry in",   "retry",     "later"   },
        { "skip",       "archived",  "never"   },
        { "snooze",     "scheduled", NULL      },
        { "progress",   "retry",     "half"    },
        { "log",        "completed", NULL      },
        { "checkpoint", "completed", NULL      },
    };
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1\nwant 2");
    for (size_t i = 0; i < COUNT(cases); i++)
        put(cases[i].what, cases[i].what, 5);
    put("revoke", "revoke", 5);
    start();
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (is(cases[i].what, "snooze"))
            continue;
        WAIT_FOR(task_is(cases[i].what, "state", cases[i].state));
        if (cases[i].error)
            CHECK(task_is(cases[i].what, "last_error", cases[i].error));
    }
    WAIT_FOR(task_is("revoke", "state", NULL));
    WAIT_FOR(!task_is("snooze", "state", "pending") && !task_is("snooze", "state", "active"));
    CHECK_INT(task_int("snooze", "retried"), 0);
    CHECK(has_result("checkpoint", "here"));
    CHECK_INT(task_int("checkpoint", "retried"), 1);
    tear_down();
}

// Only the task that ran pays, and by the signal's name.
static void a_task_that_kills_its_child_is_named(void)
{
    static const struct { const char *what, *error; } cases[] = {
        { "kill", "killed by signal 9 (KILL)" }, { "segv", "killed by signal 11 (SEGV)" },
        { "exit", "exit code 3" }, { "close", "closed its socket" },
    };
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16];
        snprintf(id, sizeof id, "after %zu", i);
        put(cases[i].what, cases[i].what, GOFER_NO_RETRY);
        put(id, "done", GOFER_NO_RETRY);
    }
    start();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16];
        snprintf(id, sizeof id, "after %zu", i);
        WAIT_FOR(task_is(cases[i].what, "state", "archived"));
        CHECK(task_is(cases[i].what, "last_error", cases[i].error));
        WAIT_FOR(task_is(id, "state", "completed"));
        CHECK_INT(task_int(id, "retried"), 0);
        CHECK_INT(task_int(id, "crashes"), 0);
    }
    WAIT_FOR(stat_of("failed") == COUNT(cases));
    tear_down();
}

static void a_new_child_is_there_in_time(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1");
    start();
    put("first", "done", 0);
    WAIT_FOR(task_is("first", "state", "completed"));
    int64_t begun_ms = gf_mono_ms();
    put("kill", "kill", GOFER_NO_RETRY);
    put("next", "done", 0);
    WAIT_FOR(task_is("next", "state", "completed"));
    CHECK(gf_mono_ms() - begun_ms < 20000);     // and not after the rest of who dies at each start
    tear_down();
}

static void a_bad_frame_ends_the_child_and_fails_its_task(void)
{
    static const char *const cases[] = { "bad:kind", "bad:short", "bad:long", "bad:outcome",
        "bad:again", "bad:hello", "bad:ref", "bad:text", "bad:cut" };
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        put(cases[i], cases[i], GOFER_NO_RETRY);
        char id[16];
        snprintf(id, sizeof id, "after %zu", i);
        put(id, "done", GOFER_NO_RETRY);
    }
    start();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16];
        snprintf(id, sizeof id, "after %zu", i);
        WAIT_FOR(task_is(cases[i], "state", "archived"));
        CHECK(task_is(cases[i], "last_error",
            is(cases[i], "bad:cut") ? "exit code 0" : "broke the protocol"));
        WAIT_FOR(task_is(id, "state", "completed"));
    }
    tear_down();
}

static void a_result_over_the_limit_is_the_tasks_failure(void)
{
    gofer_client_options o;
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER };
    gofer_client_options_init(&o);
    o.max_payload = 3000000;
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &o));
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    add_child("t", "protocol 1");
    put("big", "big", GOFER_NO_RETRY);
    put("next", "done", 0);
    start();
    WAIT_FOR(task_is("big", "state", "archived"));
    CHECK(task_is("big", "last_error", "a frame is too long"));
    WAIT_FOR(task_is("next", "state", "completed"));
    tear_down();
}

static void who_runs_several_at_a_time_runs_them_apart_after_a_death(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1\nwant 8");
    put("slow 1", "slow", GOFER_NO_RETRY);
    put("slow 2", "slow", GOFER_NO_RETRY);
    put("kill", "kill", GOFER_NO_RETRY);
    put("slow 3", "slow", GOFER_NO_RETRY);
    start();
    WAIT_FOR(task_is("kill", "state", "archived"));
    CHECK(task_is("kill", "last_error", "KILL"));
    WAIT_FOR(task_is("slow 1", "state", "completed") && task_is("slow 2", "state", "completed") &&
        task_is("slow 3", "state", "completed"));
    WAIT_FOR(stat_of("failed") == 1);
    tear_down();
}

// Meanwhile the worker gives tasks back to the store that no child is there for.
static void who_starts_slowly_after_a_death_runs_them_apart_too(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1\nwant 8\nlate");
    put("slow 1", "slow", GOFER_NO_RETRY);
    put("slow 2", "slow", GOFER_NO_RETRY);
    put("slow 3", "slow", GOFER_NO_RETRY);
    put("kill", "kill", GOFER_NO_RETRY);
    put("slow 4", "slow", GOFER_NO_RETRY);
    start();
    WAIT_FOR(task_is("kill", "state", "archived"));
    CHECK(task_is("kill", "last_error", "KILL"));
    WAIT_FOR(task_is("slow 1", "state", "completed") && task_is("slow 2", "state", "completed") &&
        task_is("slow 3", "state", "completed") && task_is("slow 4", "state", "completed"));
    WAIT_FOR(stat_of("failed") == 1);
    WAIT_FOR(stat_of("processed") == 5);
    tear_down();
}

static void a_task_past_its_deadline_is_told_and_then_its_child_ends(void)
{
    SET_UP("concurrency", "1", "lost_after", "200ms");
    add_child("t", "protocol 1");
    put_timed("slow", "slow", 100);            // heeds: it is an honest child
    put_timed("hang", "hang", 100);
    put_timed("stubborn", "stubborn", 100);
    put("next", "done", 0);
    start();
    WAIT_FOR(task_is("stubborn", "state", "archived"));
    CHECK(task_is("hang", "last_error",
        "timed out after 100ms: its child process died: it did not stop within 200ms"));
    CHECK(task_is("stubborn", "last_error", "timed out after 100ms"));
    CHECK(task_is("stubborn", "last_error", "signal 9 (KILL)"));
    WAIT_FOR(task_is("next", "state", "completed"));
    tear_down();
}

static void a_request_to_cancel_reaches_the_child(void)
{
    SET_UP("concurrency", "1", "lost_after", "100ms");
    add_child("t", "protocol 1");
    start();
    put("hang", "hang", 3);
    WAIT_FOR(stat_of("running") >= 1);
    CHECK_OK(gofer_client_task_cancel(r.client, "default", "hang"));
    WAIT_FOR(task_is("hang", "state", "archived"));
    CHECK(task_is("hang", "last_error", "cancelled"));
    tear_down();
}

// ---- starts that fail ---------------------------------------------------------------------------

static void children_that_do_not_come_up_fail_the_start(void)
{
    static const struct { const char *hello, *why; int64_t timeout_ms; } cases[] = {
        { "die", "3 times: exit code 1: cannot import shop", 0 },
        { "kill", "3 times: killed by signal 9 (KILL)", 0 },
        { "half", "3 times: exit code 1", 0 },
        { "hang", "no hello within 300ms", 300 },
        { "early", "something comes before its hello", 0 },
        { "protocol 2", "does not say 'protocol 1'", 0 },
        { "protocol 1\nwant x", "'want' is no number", 0 },
        { "protocol 1\ntype a*b", "'*' may only be its last character", 0 },
        { "protocol 1\ntype a\nretry never", "retry", 0 },
        { "protocol 1\ntype taken", "registered already", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SET_UP("concurrency", "1");
        gofer_child_options o;
        gofer_child_options_init(&o);
        o.start_timeout_ms = cases[i].timeout_ms;
        o.processes = 2;
        child_options = &o;
        handle("taken", count_run);
        add_child("t", cases[i].hello);
        gofer_status st = gofer_worker_start(r.worker);
        CHECK(st == GOFER_EHANDLER || st == GOFER_EINVAL || st == GOFER_EEXIST);
        CHECK_HAS(gofer_error_last(), cases[i].why);
        CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);     // no child is left
        tear_down();
    }
}

static void a_stop_ends_the_wait_for_the_first_hello(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "hang");
    gofer_worker_stop(r.worker);
    start();
    wait_end();
    tear_down();
}

static void what_cannot_be_a_child_is_refused_at_once(void)
{
    const char *none[] = { "/nonexistent/program", NULL }, *empty[] = { NULL };
    gofer_child_options o;
    gofer_child_options_init(&o);
    SET_UP("concurrency", "1");
    CHECK_STATUS(gofer_worker_child(r.worker, "t", none, NULL), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_worker_child(r.worker, "t", empty, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_child(r.worker, "a*b", none, NULL), GOFER_EINVAL);
    o.processes = 257;
    CHECK_STATUS(gofer_worker_child(r.worker, "t", none, &o), GOFER_EINVAL);
    o.size = 3;
    CHECK_STATUS(gofer_worker_child(r.worker, "t", none, &o), GOFER_EINVAL);
    handle("t", count_run);
    CHECK_STATUS(gofer_worker_child(r.worker, "t", none, NULL), GOFER_EEXIST);
    CHECK_STATUS(gofer_worker_child(NULL, "t", none, NULL), GOFER_EINVAL);
    tear_down();
}

// The first child is killed; those after it do as `name` says.
static void no_child_follows(const char *name, int64_t start_timeout_ms, const char *why)
{
    char once[64] = "/tmp/gofer-children-XXXXXX", hello[80];
    gofer_child_options o;
    SET_UP("concurrency", "1");
    gofer_child_options_init(&o);
    o.start_timeout_ms = start_timeout_ms;
    child_options = &o;
    REQUIRE(mkdtemp(once) != NULL);
    snprintf(hello, sizeof hello, "once %s/%s", once, name);
    add_child("t", hello);
    start();
    put("kill", "kill", 5);
    CHECK_STATUS(gofer_worker_wait(r.worker, PATIENCE_MS), GOFER_EHANDLER);
    CHECK_HAS(gofer_error_last(), why);
    CHECK_INT(task_int("kill", "retried"), 1);         // and may be due again by now
    snprintf(hello, sizeof hello, "%s/%s", once, name);
    unlink(hello);
    rmdir(once);
    tear_down();
}

static void a_worker_whose_children_die_early_ends_and_says_why(void)
{
    no_child_follows("dies", 0, "3 times: exit code 1: cannot import any more");
}

// Three such starts take longer than three deaths may be apart.
static void a_worker_whose_children_hang_at_their_start_ends_too(void)
{
    no_child_follows("hangs", 6000, "3 times: no hello within 6s");
}

// ---- figures ------------------------------------------------------------------------------------

static bool figures_are(int64_t children, int64_t restarts, int64_t want, int64_t busy)
{
    return stat_of("children") == children && stat_of("child_restarts") == restarts &&
        stat_of("children_want") == want && stat_of("children_busy") == busy;
}

// The worker's field, or that of one of its children by name; -1: not there.
static int64_t shown(const char *child, const char *field)
{
    gofer_info *list;
    if (gofer_client_workers(r.client, &list) != GOFER_OK)
        return -1;
    const gofer_info *worker = gofer_info_at(list, 0),
                     *children = gofer_info_child(worker, "child_processes");
    int64_t value = child ? -1 : gofer_info_int(worker, field, -1);
    for (size_t i = 0; child && i < gofer_info_count(children); i++)
        if (is(gofer_info_text(gofer_info_at(children, i), "name"), child))
            value = gofer_info_int(gofer_info_at(children, i), field, -1);
    gofer_info_free(list);
    return value;
}

static void children_are_counted(void)
{
    gofer_child_options o;
    gofer_child_options_init(&o);
    o.processes = 2;
    child_options = &o;
    SET_UP("concurrency", "1", "grace", "0s");
    add_child("t", "protocol 1\nwant 2\nname counted");
    add_child("u", "protocol 1\nwant 5");
    CHECK(figures_are(0, 0, 0, 0));            // not started
    start();
    WAIT_FOR(figures_are(3, 0, 9, 0));
    for (int i = 0; i < 4; i++)
        enqueue("t", NULL, NULL);              // "payload": no word of the child's, never answered
    WAIT_FOR(figures_are(3, 0, 9, 4));
    CHECK_INT(stat_of("running"), 4);          // and theirs are among all that run
    enqueue("u", NULL, NULL);
    WAIT_FOR(figures_are(3, 0, 9, 5));
    CHECK_INT(stat_of("processed"), 0);
    gofer_worker_stop(r.worker);
    wait_end();
    WAIT_FOR(figures_are(0, 0, 0, 0));
    tear_down();
}

// What was told to go and did is no restart; what died is one.
static void deaths_are_counted_and_goings_are_not(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1\nwant 1");
    start();
    WAIT_FOR(figures_are(1, 0, 1, 0));
    put("kill", "kill", GOFER_NO_RETRY);
    WAIT_FOR(figures_are(1, 1, 1, 0));
    put("exit", "exit", GOFER_NO_RETRY);
    WAIT_FOR(figures_are(1, 2, 1, 0));
    WAIT_FOR(shown(NULL, "child_restarts") == 2 && shown("t", "want") == 1);
    int64_t pid = shown("t", "pid");
    gofer_worker_reload(r.worker);
    WAIT_FOR(shown("t", "pid") != pid && shown(NULL, "children") == 1);
    WAIT_FOR(figures_are(1, 2, 1, 0));
    gofer_worker_stop(r.worker);
    wait_end();
    WAIT_FOR(figures_are(0, 2, 0, 0));
    tear_down();
}

static void others_see_the_children(void)
{
    SET_UP("concurrency", "3", "lease", "1s");
    add_child("t", "protocol 1\nwant 2\nname shop");
    add_child("u", "protocol 1");              // called by its types
    start();
    WAIT_FOR(shown(NULL, "children") == 2 && shown(NULL, "children_want") == 3);
    CHECK_INT(shown(NULL, "concurrency"), 3);
    CHECK_INT(shown("u", "want"), 1);
    put("done", "done", 0);
    enqueue("t", "stays", NULL);
    WAIT_FOR(shown("shop", "running") == 1 && shown("shop", "processed") == 1);
    CHECK_INT(shown("shop", "want"), 2);
    CHECK_INT(shown("shop", "number"), 0);
    CHECK(shown("shop", "pid") > 0);
    CHECK(shown("shop", "memory") > 10000);
    CHECK(shown("shop", "started_at_ms") > gf_now_ms() - PATIENCE_MS);
    CHECK_INT(shown(NULL, "children_busy"), 1);
    CHECK_INT(shown(NULL, "running"), 1);
    CHECK_INT(shown(NULL, "child_restarts"), 0);
    int64_t pid = shown("shop", "pid");
    kill((pid_t)pid, SIGKILL);
    WAIT_FOR(shown(NULL, "child_restarts") == 1 && shown("shop", "pid") != pid);
    tear_down();
}

// ---- types --------------------------------------------------------------------------------------

static void children_name_their_types(void)
{
    SET_UP("concurrency", "2");
    handle("other", count_other);
    add_child(NULL, "protocol 1\nname test\ntype t\nretry fixed:1h\ntype u:*");
    put("a", "done", 0);
    put("again", "retry", 5);
    enqueue("u:x", "u", NULL);                 // "payload": no word of the child's, never answered
    enqueue("other", "o", NULL);
    start();
    WAIT_FOR(task_is("a", "state", "completed"));
    WAIT_FOR(task_is("again", "state", "retry"));
    CHECK(task_int("again", "next_run_at_ms") > gf_now_ms() + 3000000);
    WAIT_FOR(atomic_load(&r.other) == 1);
    WAIT_FOR(task_is("u", "state", "active"));
    tear_down();
}

static void a_busy_child_does_not_keep_slots_from_their_tasks(void)
{
    SET_UP("concurrency", "2");
    handle("other", count_other);
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "second", 1));
    add_child("t", "protocol 1");
    put("hang", "hang", 0);
    for (int i = 0; i < 5; i++)
        put(NULL, "done", 0);
    start();
    WAIT_FOR(task_is("hang", "state", "active"));
    gf_sleep_us(300000);
    // What waits for the child went back to its queue: this worker does not sit on it.
    WAIT_FOR(queue_int("default", "active") <= 2);
    enqueue_many("other", "second", 20);
    WAIT_FOR(atomic_load(&r.other) == 20);
    CHECK(task_is("hang", "state", "active"));
    tear_down();
}

// ---- stopping -----------------------------------------------------------------------------------

// What the worker puts back is there in the order in which it was put in.
static void a_stop_puts_back_in_order(void)
{
    SET_UP("concurrency", "1", "grace", "0s");
    add_child("t", "protocol 1\nwant 4");
    put("1", "hang", 5);
    for (char id[2] = "2"; *id <= '9'; ++*id)
        put(id, "held", 5);
    start();
    WAIT_FOR(stat_of("running") >= 1 && queue_int("default", "active") >= 4);
    gf_sleep_us(20000);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(queue_int("default", "pending"), 9);
    CHECK_INT(task_int("1", "retried"), 0);
    gofer_worker_free(r.worker);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    REQUIRE_OK(gofer_worker_set(r.worker, "drain", "1"));
    handle("t", say_id);
    start();
    wait_end();
    CHECK_STR(r.text, "1 2 3 4 5 6 7 8 9");
    tear_down();
}

static void a_stop_ends_a_child_that_does_not_heed_it(void)
{
    SET_UP("concurrency", "1", "grace", "0s");
    add_child("t", "protocol 1\nwant 2");
    put("held", "held", 5);
    put("stubborn", "stubborn", 5);
    start();
    WAIT_FOR(stat_of("running") >= 1 && task_is("held", "state", "active"));
    gf_sleep_us(50000);            // it has heard of TERM
    int64_t begun_ms = gf_mono_ms();
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK(gf_mono_ms() - begun_ms < 10000);
    CHECK(task_is("stubborn", "state", "pending") && task_is("held", "state", "pending"));
    CHECK_INT(task_int("stubborn", "retried"), 0);
    CHECK_INT(stat_of("outcomes_lost"), 0);
    tear_down();
}

static void a_stop_lets_running_tasks_end(void)
{
    SET_UP("concurrency", "1", "grace", "60s");
    add_child("t", "protocol 1\nwant 4");
    put("slow", "slow", 5);
    put("held", "held", 5);
    start();
    WAIT_FOR(task_is("held", "state", "active"));
    WAIT_FOR(task_int("slow", "progress_done") == 1 || !task_is("slow", "state", "active"));
    gofer_worker_stop(r.worker);
    int64_t begun_ms = gf_mono_ms();
    wait_end();
    CHECK(gf_mono_ms() - begun_ms < 30000);
    WAIT_FOR(task_is("slow", "state", "completed"));
    CHECK(task_is("held", "state", "pending"));
    CHECK_INT(task_int("held", "retried"), 0);
    tear_down();
}

// ---- rooms --------------------------------------------------------------------------------------

static void put_rooms(const char *type, const char *queue, const char *what, int count)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    o.max_retry = GOFER_NO_RETRY;
    for (int i = 0; i < count; i++)
        REQUIRE_OK(gofer_client_enqueue(r.client, type, what, strlen(what), &o, NULL));
}

static void set_up_rooms(const char *hello, int32_t processes)
{
    static gofer_child_options o;
    set_up((const char *const[]){ "concurrency", "1", "grace", "0s", NULL });
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "second", 1));
    gofer_child_options_init(&o);
    o.processes = processes;
    child_options = &o;
    add_child(NULL, hello);
}

// One of each room at a time in each child, whatever else the child would run; what there is no
// room for takes no room from others.
static void a_room_has_no_more_tasks_than_it_runs(void)
{
    set_up_rooms("protocol 1\nwant 4\ntype one\nroom a 1\ntype uno\nroom a 1\n"
        "type many\nroom b 3", 2);
    put_rooms("one", "default", "only", 2);
    put_rooms("uno", "default", "only", 4);
    put_rooms("many", "second", "stay", 9);
    start();
    WAIT_FOR(stat_of("running") == 8);
    gf_sleep_us(200000);
    CHECK_INT(stat_of("running"), 8);
    CHECK_INT(stat_of("failed"), 0);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(queue_int("default", "pending"), 6);
    CHECK_INT(queue_int("second", "pending"), 9);
    tear_down();
}

// Nothing is given ahead to a room with a long task, though the child is at work on others at a
// fast pace, and the room's own was fast before.
static void no_task_is_given_ahead_behind_a_long_one_of_its_room(void)
{
    set_up_rooms("protocol 1\nwant 6\ntype one\nroom a 1\ntype many\nroom b 5", 1);
    put_rooms("one", "default", "done", 50);
    put_rooms("many", "second", "done", 50);
    start();
    WAIT_FOR(stat_of("processed") == 100);
    put_rooms("one", "default", "only", 1);
    WAIT_FOR(stat_of("running") == 1);
    gf_sleep_us(20000);
    put_rooms("one", "default", "short", 3);
    for (int i = 0; i < 20; i++)
        put_rooms("many", "second", "done", 50);
    WAIT_FOR(stat_of("processed") >= 1100);
    CHECK_INT(stat_of("processed"), 1100);
    CHECK_INT(stat_of("failed"), 0);
    tear_down();
}

// ---- a slow store -------------------------------------------------------------------------------

static void put_many(const char *what, int count)
{
    for (int i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "%s %d", what, i);
        put(id, what, GOFER_NO_RETRY);
    }
}

// The one that has to be asked about waits in one of the child's two places; the other goes on. (Of
// one place it depends on the pace whether more is taken ahead.)
static void a_checkpoint_that_is_slow_to_come_stops_nobody_else(void)
{
    SET_UP("concurrency", "1");
    atomic_store(&fault.hold_asks, 1);
    add_child("t", "protocol 1\nwant 2");
    put("checkpoint", "checkpoint", 5);        // fails at first, and is tried again at once
    start();
    WAIT_FOR(atomic_load(&fault.asks) == 1);
    put_many("done", 200);
    WAIT_FOR(queue_int("default", "completed") == 200);
    CHECK(task_is("checkpoint", "state", "active"));
    atomic_store(&fault.hold_asks, 0);
    WAIT_FOR(task_is("checkpoint", "state", "completed"));
    CHECK(has_result("checkpoint", "here"));
    tear_down();
}

// Whether a request to cancel stands is the store's to say.
static void a_decision_that_waits_for_the_store_stops_nobody_else(void)
{
    SET_UP("concurrency", "1");
    add_child("t", "protocol 1\nwant 2");
    put("stay", "stay", 5);
    start();
    WAIT_FOR(stat_of("running") == 1);
    atomic_store(&fault.hold_asks, 1);
    CHECK_OK(gofer_client_task_cancel(r.client, "default", "stay"));
    WAIT_FOR(atomic_load(&fault.asks) >= 1);
    put_many("done", 200);
    WAIT_FOR(queue_int("default", "completed") == 200);
    CHECK(task_is("stay", "state", "active"));
    atomic_store(&fault.hold_asks, 0);
    WAIT_FOR(task_is("stay", "state", "archived"));
    CHECK(task_is("stay", "last_error", "cancelled"));
    tear_down();
}

// Nothing is lost of what waits there: the task goes back, and its checkpoint stays.
static void a_stop_while_the_store_is_asked_loses_nothing(void)
{
    SET_UP("concurrency", "1", "grace", "0s");
    atomic_store(&fault.hold_asks, 1);
    add_child("t", "protocol 1\nwant 2");
    put("checkpoint", "checkpoint", 5);
    start();
    WAIT_FOR(atomic_load(&fault.asks) == 1);
    put("again", "checkpoint", 5);
    WAIT_FOR(atomic_load(&fault.asks) == 2);
    gofer_worker_stop(r.worker);
    gf_sleep_us(50000);
    atomic_store(&fault.hold_asks, 0);
    wait_end();
    CHECK(task_is("checkpoint", "state", "pending") && task_is("again", "state", "pending"));
    CHECK_INT(task_int("checkpoint", "retried"), 1);
    gofer_worker_free(r.worker);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    add_child("t", "protocol 1");
    start();
    WAIT_FOR(has_result("checkpoint", "here") && has_result("again", "here"));
    tear_down();
}

// ---- many ---------------------------------------------------------------------------------------

static void children_are_recycled_by_their_tasks(void)
{
    enum { TASKS = 2000 };
    gofer_child_options o;
    gofer_child_options_init(&o);
    o.max_tasks = 10;
    child_options = &o;
    SET_UP("concurrency", "1", "drain", "1");
    add_child("t", "protocol 1");
    for (int i = 0; i < TASKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        put(id, "pid", GOFER_NO_RETRY);
    }
    start();
    wait_end();
    CHECK_INT(stat_of("failed"), 0);
    CHECK_INT(queue_int("default", "completed"), TASKS);
    char pid[32], last[32] = "";
    int others = 0;
    for (int i = 0; i < TASKS; i++) {
        char id[16];
        gofer_info *info;
        size_t size = 0;
        snprintf(id, sizeof id, "%d", i);
        REQUIRE_OK(gofer_client_task(r.client, NULL, id, &info));
        const void *bytes = gofer_info_bytes(info, "result", &size);
        snprintf(pid, sizeof pid, "%.*s", (int)size, bytes ? (const char *)bytes : "");
        gofer_info_free(info);
        others += strcmp(pid, last) != 0;
        memcpy(last, pid, sizeof last);
    }
    CHECK(others >= 3);
    tear_down();
}

static void many_tasks_pass_through_several_children(void)
{
    enum { TASKS = 20000 };
    gofer_child_options o;
    gofer_child_options_init(&o);
    o.processes = 2;
    child_options = &o;
    SET_UP("concurrency", "1", "drain", "1");
    add_child("t", "protocol 1\nwant 4");
    const char *types[500];
    const void *payloads[500];
    size_t sizes[500];
    for (size_t i = 0; i < 500; i++)
        types[i] = "t", payloads[i] = "done", sizes[i] = 4;
    for (int i = 0; i < TASKS; i += 500)
        REQUIRE_OK(
            gofer_client_enqueue_many(r.client, 500, types, payloads, sizes, NULL, NULL, NULL));
    int64_t begun_ms = gf_mono_ms();
    start();
    wait_end();
    printf("  %lld tasks a second\n", (long long)(TASKS * 1000LL / (gf_mono_ms() - begun_ms + 1)));
    CHECK_INT(stat_of("processed"), TASKS);
    CHECK_INT(stat_of("failed"), 0);
    tear_down();
}

// ---- middleware ---------------------------------------------------------------------------------

// Says of each task what it was and what became of it.
static int32_t say_end_of(gofer_task *task, void *user)
{
    char word[256];
    (void)user;
    int32_t outcome = gofer_task_next(task);
    const char *error = gofer_task_error(task);
    snprintf(word, sizeof word, "[%s %s %d %s]", gofer_task_type(task), gofer_task_id(task),
        (int)outcome, error ? error : "-");
    say(word);
    return outcome;
}

static void middleware_sees_what_becomes_of_childrens_tasks(void)
{
    static const struct { const char *what, *said; } cases[] = {
        { "done", "[t done 0 -]" },
        { "retry", "[t retry 1 a reason]" },
        { "skip", "[t skip 2 never]" },
        { "revoke", "[t revoke 3 -]" },
        { "snooze", "[t snooze 5 not now]" },
        { "kill", "[t kill 1 its child process died: killed by signal 9 (KILL)]" },
        { "bad:kind", "[t bad:kind 1 its child process died: the child broke the protocol" },
    };
    SET_UP("concurrency", "1");
    REQUIRE_OK(gofer_worker_use(r.worker, say_end_of, NULL, NULL));
    add_child("t", "protocol 1");
    for (size_t i = 0; i < COUNT(cases); i++)
        put(cases[i].what, cases[i].what, 1);
    start();
    for (size_t i = 0; i < COUNT(cases); i++) {
        pthread_mutex_lock(&r.lock);
        bool there = strstr(r.text, cases[i].said) != NULL;
        pthread_mutex_unlock(&r.lock);
        if (!there)
            gf_sleep_us(1000), i--;
    }
    WAIT_FOR(task_is("kill", "last_error", "killed by signal 9 (KILL)"));
    tear_down();
}

// Refuses one, takes another's failure for none, and asks a third time where it failed twice.
static int32_t meddle(gofer_task *task, void *user)
{
    const char *id = gofer_task_id(task);
    atomic_fetch_add(&((rig *)user)->runs, 1);
    if (strcmp(id, "refused") == 0)
        return gofer_task_skip_retry(task, "not here");
    int32_t outcome = gofer_task_next(task);
    if (strcmp(id, "crash") == 0)
        return outcome == GOFER_RETRY ? GOFER_DONE : GOFER_RETRY;
    if (strcmp(id, "checked") == 0)
        return gofer_task_fail(task, "its result is of no use");
    for (int i = 0; strcmp(id, "thrice") == 0 && outcome == GOFER_RETRY && i < 2; i++)
        outcome = gofer_task_next(task);
    return outcome;
}

static void middleware_may_decide_otherwise(void)
{
    SET_UP("concurrency", "1");
    REQUIRE_OK(gofer_worker_use(r.worker, meddle, &r, NULL));
    add_child("t", "protocol 1");
    put("refused", "kill", 5);
    put("crash", "kill", 5);
    put("checked", "done", GOFER_NO_RETRY);
    put("thrice", "kill", GOFER_NO_RETRY);
    put("last", "done", 5);
    start();
    WAIT_FOR(task_is("last", "state", "completed"));
    WAIT_FOR(task_is("refused", "state", "archived") && task_is("crash", "state", "completed"));
    WAIT_FOR(task_is("checked", "state", "archived") && task_is("thrice", "state", "archived"));
    CHECK(task_is("refused", "last_error", "not here"));
    CHECK(task_is("checked", "last_error", "its result is of no use"));
    CHECK(task_is("thrice", "last_error", "killed by signal 9"));
    CHECK_INT(atomic_load(&r.runs), 5);
    tear_down();
}

// As many as the children want, beside the slots' own.
static void children_run_as_many_under_middleware(void)
{
    SET_UP("concurrency", "1", "grace", "0s");
    gofer_child_options o;
    gofer_child_options_init(&o);
    o.processes = 2;
    child_options = &o;
    wrapped = true;
    handle("other", obedient);
    add_child("t", "protocol 1\nwant 4");
    for (int i = 0; i < 9; i++)
        put(NULL, "stay", 5);
    REQUIRE_OK(gofer_worker_queue(r.worker, "default", 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, "second", 1));
    enqueue_many("other", "second", 2);
    start();
    WAIT_FOR(stat_of("running") == 9);
    gf_sleep_us(300000);           // no more of either
    CHECK_INT(stat_of("running"), 9);
    CHECK_INT(atomic_load(&r.runs), 1);
    gofer_worker_stop(r.worker);
    wait_end();
    CHECK_INT(queue_int("default", "pending") + queue_int("second", "pending"), 11);
    CHECK_INT(stat_of("lost_slots"), 0);
    wrapped = false;
    tear_down();
}

// Of several that ran when their child died nobody pays but the one that does it again.
static void guests_that_ran_beside_a_crash_run_again(void)
{
    SET_UP("concurrency", "1");
    REQUIRE_OK(gofer_worker_use(r.worker, say_end_of, NULL, NULL));
    add_child("t", "protocol 1\nwant 8");
    put("slow 1", "slow", GOFER_NO_RETRY);
    put("kill", "kill", GOFER_NO_RETRY);
    put("slow 2", "slow", GOFER_NO_RETRY);
    start();
    WAIT_FOR(task_is("slow 1", "state", "completed") && task_is("slow 2", "state", "completed") &&
        task_is("kill", "state", "archived"));
    CHECK_INT(task_int("slow 1", "retried") + task_int("slow 2", "retried"), 0);
    WAIT_FOR(stat_of("failed") == 1);
    // Each went through the middleware once, whatever happened below it.
    CHECK_HAS(r.text, "[t slow 1 0 -]");
    CHECK(strstr(strstr(r.text, "[t kill") + 1, "[t kill") == NULL);
    tear_down();
}

// The clock is the child's: what waits for one does not run out of time, and who does not stop is
// waited for before its slot is given up.
static void deadlines_hold_under_middleware(void)
{
    SET_UP("concurrency", "1", "lost_after", "100ms");
    REQUIRE_OK(gofer_worker_use(r.worker, say_end_of, NULL, NULL));
    add_child("t", "protocol 1");
    put_timed("stubborn", "stubborn", 100);
    put_timed("slow", "slow", 60000);
    start();
    WAIT_FOR(task_is("stubborn", "state", "archived"));
    CHECK(task_is("stubborn", "last_error", "timed out after 100ms: its child process died"));
    CHECK(task_is("stubborn", "last_error", "signal 9 (KILL)"));
    WAIT_FOR(task_is("slow", "state", "completed") || task_is("slow", "state", NULL));
    CHECK_INT(stat_of("lost_slots"), 0);
    tear_down();
}

static const check_test tests[] = {
    TEST(every_outcome_is_heard),
    TEST(a_task_that_kills_its_child_is_named),
    TEST(a_new_child_is_there_in_time),
    TEST(a_bad_frame_ends_the_child_and_fails_its_task),
    TEST(a_result_over_the_limit_is_the_tasks_failure),
    TEST(who_runs_several_at_a_time_runs_them_apart_after_a_death),
    TEST(who_starts_slowly_after_a_death_runs_them_apart_too),
    TEST(a_task_past_its_deadline_is_told_and_then_its_child_ends),
    TEST(a_request_to_cancel_reaches_the_child),
    TEST(children_that_do_not_come_up_fail_the_start),
    TEST(a_stop_ends_the_wait_for_the_first_hello),
    TEST(what_cannot_be_a_child_is_refused_at_once),
    TEST(a_worker_whose_children_die_early_ends_and_says_why),
    TEST(a_worker_whose_children_hang_at_their_start_ends_too),
    TEST(children_are_counted),
    TEST(deaths_are_counted_and_goings_are_not),
    TEST(others_see_the_children),
    TEST(children_name_their_types),
    TEST(a_busy_child_does_not_keep_slots_from_their_tasks),
    TEST(a_stop_puts_back_in_order),
    TEST(a_stop_ends_a_child_that_does_not_heed_it),
    TEST(a_stop_lets_running_tasks_end),
    TEST(a_room_has_no_more_tasks_than_it_runs),
    TEST(no_task_is_given_ahead_behind_a_long_one_of_its_room),
    TEST(a_checkpoint_that_is_slow_to_come_stops_nobody_else),
    TEST(a_decision_that_waits_for_the_store_stops_nobody_else),
    TEST(a_stop_while_the_store_is_asked_loses_nothing),
    TEST(children_are_recycled_by_their_tasks),
    TEST(many_tasks_pass_through_several_children),
    TEST(middleware_sees_what_becomes_of_childrens_tasks),
    TEST(middleware_may_decide_otherwise),
    TEST(children_run_as_many_under_middleware),
    TEST(guests_that_ran_beside_a_crash_run_again),
    TEST(deadlines_hold_under_middleware),
};

// All that was so before is so behind a middleware, too.
static void under_middleware(void)
{
    wrapped = true;
    for (size_t i = 0; i < COUNT(tests); i++) {
        printf("    %s\n", tests[i].name);
        fflush(stdout);
        tests[i].run();
    }
    wrapped = false;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "child") == 0)
        return child_main(argv[2]);
    if (readlink("/proc/self/exe", own_path, sizeof own_path - 1) < 0)
        return 2;
    check_test all[COUNT(tests) + 1];
    memcpy(all, tests, sizeof tests);
    all[COUNT(tests)] = (check_test)TEST(under_middleware);
    return check_main(argc, argv, all, COUNT(all));
}
