// exec_test.c - external commands as handlers, by the public interface: what a task's command gets
// and what becomes of the task. The process itself is child_test.c's.
#include "gofer/gofer.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "open_files.h"

enum { WAIT_MS = 30000 };

typedef struct bench {
    gofer_client *client;
    gofer_worker *worker;
} bench;

static void nap(void)
{
    const struct timespec ten_ms = { 0, 10000000 };
    nanosleep(&ten_ms, NULL);
}

static bool bench_open_on(bench *b, const char *url, const gofer_client_options *opts)
{
    *b = (bench){ 0 };
    return CHECK_OK(gofer_client_open(&b->client, url, opts)) &&
           CHECK_OK(gofer_worker_new(&b->worker, b->client));
}

static bool bench_open(bench *b)
{
    return bench_open_on(b, "memory:", NULL);
}

static void bench_close(bench *b)
{
    gofer_worker_free(b->worker);
    gofer_client_close(b->client);
}

static bool handle_shell(bench *b, const char *pattern, const char *script)
{
    const char *argv[] = { "sh", "-c", script, NULL };
    return CHECK_OK(gofer_worker_exec(b->worker, pattern, argv));
}

static gofer_enqueue_options kept(void)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.retention_ms = 3600000;
    return opts;
}

static char *enqueue(bench *b, const char *type, const void *payload, size_t size,
    const gofer_enqueue_options *opts)
{
    char *id = NULL;
    CHECK_OK(gofer_client_enqueue(b->client, type, payload, size, opts, &id));
    return id;
}

// Is it so? NULL: an attempt of it is over.
static bool is_in(const char *now, const char *state)
{
    return state ? strcmp(now, state) == 0
                 : strcmp(now, "pending") != 0 && strcmp(now, "active") != 0;
}

// The task once it is in this state; NULL (and a failed check) when it does not come there.
static gofer_info *await_state(bench *b, const char *id, const char *state)
{
    gofer_info *info = NULL;
    for (int64_t until = check_now_ms() + WAIT_MS; check_now_ms() < until; nap()) {
        if (gofer_client_task(b->client, NULL, id, &info) != GOFER_OK)
            continue;
        if (is_in(gofer_info_text(info, "state"), state))
            return info;
        gofer_info_free(info);
    }
    if (CHECK_OK(gofer_client_task(b->client, NULL, id, &info))) {
        CHECK_STR(gofer_info_text(info, "state"), state);
        CHECK_STR(gofer_info_text(info, "last_error"), NULL);
        gofer_info_free(info);
    }
    return NULL;
}

// One task of a shell script from enqueue to its state.
static gofer_info *run_to(const char *script, const gofer_enqueue_options *opts, const char *state)
{
    bench b;
    gofer_info *info = NULL;
    char *id = NULL;
    if (bench_open(&b) && handle_shell(&b, "cmd", script) &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", "in", 2, opts)))
        info = await_state(&b, id, state);
    gofer_free(id);
    bench_close(&b);
    return info;
}

static void check_result(gofer_info *info, const void *want, size_t want_size)
{
    size_t size = 0;
    const void *result = info ? gofer_info_bytes(info, "result", &size) : NULL;
    CHECK_MEM(result, size, want, want_size);
    gofer_info_free(info);
}

static void the_exit_code_decides(void)
{
    static const struct {
        const char *script, *state, *words;
    } cases[] = {
        { "exit 0", "completed", NULL },
        { "echo busy >&2; exit 75", "retry", "exit code 75: busy" },
        { "echo broken >&2; exit 100", "archived", "exit code 100: broken" },
        { "exit 1", "retry", "exit code 1" },
        { "printf 'one\\ntwo\\n' >&2; exit 2", "retry", "exit code 2: one\ntwo" },
        { "exit 126", "retry", "could not be run" },
        { "no_such_command", "retry", "was not found" },
        { "kill -9 $$", "retry", "killed by signal 9 (KILL)" },
        { "echo oh >&2; kill -11 $$", "retry", "killed by signal 11 (SEGV)" },
    };
    gofer_enqueue_options opts = kept();
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_info *info = run_to(cases[i].script, &opts, cases[i].state);
        if (info && cases[i].words)
            CHECK_HAS(gofer_info_text(info, "last_error"), cases[i].words);
        gofer_info_free(info);
    }
}

static void standard_output_is_the_result(void)
{
    gofer_enqueue_options opts = kept();
    check_result(run_to("echo report; echo chatter >&2", &opts, "completed"), "report\n", 7);
    check_result(run_to("printf 'a\\0b'; cat", &opts, "completed"), "a\0bin", 5);
}

// A result that somebody still adds to is none; the attempt ends as that of a
// command that runs too long.
static void helpers_that_write_past_the_deadline_fail_it(void)
{
    gofer_enqueue_options opts = kept();
    opts.timeout_ms = 1000;
    bool told = false;
    // A busy machine may silence even this one for 100 ms, though not every time: then it is done,
    // or its much output is a failure too.
    for (int i = 0; i < 20 && !told; i++) {
        gofer_info *info = run_to("yes & exit 0", &opts, NULL);
        REQUIRE(info != NULL);
        const char *error = gofer_info_text(info, "last_error");
        told = error && strstr(error, "what it left behind still wrote at the deadline");
        gofer_info_free(info);
    }
    CHECK(told);
}

static void its_headers_are_variables(void)
{
    gofer_enqueue_options opts = kept();
    const char *headers[] = { "trace-id", "7 f", "Trace_Id", "the second", "gr\xC3\xBC\xC3\x9F",
        "x=y\nz", "empty", "", NULL };
    opts.headers = headers;
    check_result(run_to("printf '%s|' \"$GOFER_HEADER_TRACE_ID\" \"$GOFER_HEADER_GR____\" "
                        "\"${GOFER_HEADER_EMPTY-unset}\"; "
                        "env | grep -c ^GOFER_HEADER_",
                     &opts, "completed"),
        "7 f|x=y\nz||3\n", 13);
}

// That of the task, whatever the worker itself was started within.
static void its_trace_context_is_in_its_environment(void)
{
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    static const struct { const char *headers[5], *want; } cases[] = {
        { { "traceparent", TRACE, "tracestate", "a=1", NULL }, TRACE "|a=1\n" },
        { { "tracestate", "a=1,b", "traceparent", TRACE, NULL }, TRACE "|unset\n" },
        { { "traceparent", "00-1-1-1", "tracestate", "a=1", NULL }, "unset|unset\n" },
        { { NULL }, "unset|unset\n" },
    };
    setenv("TRACEPARENT", "00-00000000000000000000000000000001-0000000000000001-01", 1);
    setenv("TRACESTATE", "worker=1", 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_enqueue_options opts = kept();
        opts.headers = cases[i].headers;
        check_result(
            run_to("echo \"${TRACEPARENT-unset}|${TRACESTATE-unset}\"", &opts, "completed"),
            cases[i].want, strlen(cases[i].want));
    }
    unsetenv("TRACEPARENT");
    unsetenv("TRACESTATE");
#undef TRACE
}

static void of_a_traceback_the_last_line_comes_first(void)
{
    static const struct { const char *script, *begins; } cases[] = {
        { "printf 'Traceback (most recent call last):\\n  File \"x\", line 1\\nValueError: bad\\n' "
          ">&2; exit 1",
          "exit code 1: ValueError: bad\nTraceback (most recent" },
        { "i=0; while [ $i -lt 60 ]; do echo '  File' >&2; i=$((i+1)); done; echo 'KeyError: 7' "
          ">&2; exit 1",
          "exit code 1: KeyError: 7\n  File" },
        { "printf 'one\\n  two\\n' >&2; exit 1", "exit code 1: one\n  two" },
        { "echo '  alone' >&2; exit 1", "exit code 1:   alone" },
    };
    gofer_enqueue_options opts = kept();
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_info *info = run_to(cases[i].script, &opts, "retry");
        if (info &&
            !CHECK(strncmp(gofer_info_text(info, "last_error"), cases[i].begins,
                       strlen(cases[i].begins)) == 0))
            fprintf(stderr, "    %s\n", gofer_info_text(info, "last_error"));
        gofer_info_free(info);
    }
}

static void a_large_payload_comes_back_through_cat(void)
{
    enum { SIZE = 5 << 20 };
    bench b;
    char *bytes = malloc(SIZE), *id = NULL;
    const char *cat[] = { "cat", NULL };
    gofer_enqueue_options opts = kept();
    REQUIRE(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7 + i / 253);
    if (bench_open(&b) && CHECK_OK(gofer_worker_exec(b.worker, "cat", cat)) &&
        handle_shell(&b, "deaf", "exit 0") && CHECK_OK(gofer_worker_start(b.worker))) {
        if ((id = enqueue(&b, "cat", bytes, SIZE, &opts)))
            check_result(await_state(&b, id, "completed"), bytes, SIZE);
        gofer_free(id);
        if ((id = enqueue(&b, "deaf", bytes, SIZE, &opts)))
            gofer_info_free(await_state(&b, id, "completed"));
        gofer_free(id);
    }
    bench_close(&b);
    free(bytes);
}

static void a_result_over_the_limit_fails_unless_nobody_keeps_it(void)
{
    bench b;
    gofer_client_options limits;
    gofer_enqueue_options keep = kept(), drop;
    gofer_info *info = NULL;
    char *id = NULL;
    gofer_client_options_init(&limits);
    gofer_enqueue_options_init(&drop);
    drop.max_retry = GOFER_NO_RETRY;       // if it failed it would be archived
    drop.task_id = "dropped";
    limits.max_payload = 1000;
    if (bench_open_on(&b, "memory:", &limits) &&
        handle_shell(&b, "cmd", "head -c 200000 /dev/zero") &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &keep))) {
        if ((info = await_state(&b, id, "retry")))
            CHECK_HAS(gofer_info_text(info, "last_error"), "result over 1000 bytes");
        gofer_info_free(info);
        gofer_free(enqueue(&b, "cmd", NULL, 0, &drop));
        info = NULL;
        int64_t until = check_now_ms() + WAIT_MS;
        gofer_status st;
        while ((st = gofer_client_task(b.client, NULL, "dropped", &info)) == GOFER_OK &&
               check_now_ms() < until) {
            gofer_info_free(info);
            nap();
        }
        CHECK_STATUS(st, GOFER_ENOTFOUND);
    }
    gofer_free(id);
    bench_close(&b);
}

static void the_environment_tells_of_the_task(void)
{
    bench b;
    gofer_enqueue_options opts = kept();
    char want[256];
    CHECK(setenv("GOFER_TASK_ID", "of another", 1) == 0);      // as in a worker run by a task
    CHECK(setenv("GOFER_TASK_DEADLINE", "1", 1) == 0);
    CHECK(setenv("GOFER_URL", "sqlite:/of/another", 1) == 0);
    CHECK(setenv("GOFER_TEST_OWN", "kept", 1) == 0);
    if (bench_open(&b) &&
        handle_shell(&b, "a:*",
            "env | grep -E '^GOFER_(FD|TASK_.*|TEST_OWN|URL)=' | LC_ALL=C sort")) {
        CHECK(setenv("GOFER_TEST_OWN", "changed later", 1) == 0);
        opts.queue = "default";
        opts.task_id = "id-1";
        opts.timeout_ms = GOFER_NO_TIMEOUT;
        gofer_free(enqueue(&b, "a:b", NULL, 0, &opts));
        opts.task_id = "id-2";
        opts.timeout_ms = 0;
        opts.deadline_ms = INT64_C(4102444800999);   // 2100-01-01
        gofer_free(enqueue(&b, "a:c", NULL, 0, &opts));
        if (CHECK_OK(gofer_worker_start(b.worker))) {
            snprintf(want, sizeof want, "GOFER_FD=3\nGOFER_TASK_ATTEMPT=1\nGOFER_TASK_ID=id-1\n"
                "GOFER_TASK_QUEUE=default\nGOFER_TASK_TYPE=a:b\nGOFER_TEST_OWN=kept\n"
                "GOFER_URL=memory:\n");
            check_result(await_state(&b, "id-1", "completed"), want, strlen(want));
            snprintf(want, sizeof want,
                "GOFER_FD=3\nGOFER_TASK_ATTEMPT=1\nGOFER_TASK_DEADLINE=4102444800\n"
                "GOFER_TASK_ID=id-2\nGOFER_TASK_QUEUE=default\nGOFER_TASK_TYPE=a:c\n"
                "GOFER_TEST_OWN=kept\nGOFER_URL=memory:\n");
            check_result(await_state(&b, "id-2", "completed"), want, strlen(want));
        }
    }
    bench_close(&b);
    unsetenv("GOFER_TASK_ID");
    unsetenv("GOFER_TASK_DEADLINE");
    unsetenv("GOFER_URL");
    unsetenv("GOFER_TEST_OWN");
}

static void attempts_count_from_one(void)
{
    bench b;
    gofer_enqueue_options opts = kept();
    char *id = NULL;
    if (bench_open(&b) &&
        handle_shell(&b, "cmd", "echo $GOFER_TASK_ATTEMPT; [ $GOFER_TASK_ATTEMPT -ge 2 ]") &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
        gofer_info_free(await_state(&b, id, "retry"));
        CHECK_OK(gofer_client_task_run(b.client, NULL, id));
        check_result(await_state(&b, id, "completed"), "2\n", 2);
    }
    gofer_free(id);
    bench_close(&b);
}

// A command started from another folder than the file's must find the same store.
static void the_url_of_a_file_is_absolute(void)
{
    bench b;
    // an escape in a URL
    char folder[] = "/tmp/gofer-50%?-XXXXXX", here[1024], want[1200], command[128];
    gofer_enqueue_options opts = kept();
    char *id = NULL;
    REQUIRE(getcwd(here, sizeof here));
    REQUIRE(mkdtemp(folder));
    REQUIRE(chdir(folder) == 0);
    if (bench_open_on(&b, "sqlite:tasks.db", NULL) &&
        handle_shell(&b, "cmd", "printf %s \"$GOFER_URL\"") &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
        snprintf(want, sizeof want, "sqlite:/tmp/gofer-50%%25%%3F%s/tasks.db",
            strrchr(folder, '-'));
        check_result(await_state(&b, id, "completed"), want, strlen(want));
    }
    gofer_free(id);
    bench_close(&b);
    CHECK(chdir(here) == 0);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    CHECK(system(command) == 0);
}

// A shell that is slow to start does not get as far as these words of its error: then it is given
// more time.
static void check_late(const char *script, const char *words, const char *also)
{
    gofer_info *info = NULL;
    bool found = false;
    for (int64_t ms = 300; !found && ms < 60000; ms *= 4) {
        gofer_enqueue_options opts = kept();
        opts.timeout_ms = ms;
        gofer_info_free(info);
        info = run_to(script, &opts, "retry");
        const char *error = info ? gofer_info_text(info, "last_error") : NULL;
        found = !info || (error && strstr(error, words));
    }
    if (info) {
        CHECK_HAS(gofer_info_text(info, "last_error"), words);
        CHECK_HAS(gofer_info_text(info, "last_error"), also);
    }
    gofer_info_free(info);
}

static void at_the_deadline_it_is_ended_and_the_text_says_so(void)
{
    check_late("echo started >&2; sleep 60", "started", "killed by signal 15 (TERM)");
    // Told to stop, it answers with 0: that is not success.
    check_late(
        "trap 'exit 0' TERM; while :; do sleep 0.02; done", "exit code 0", "at the deadline");
}

static void when_the_worker_stops_the_task_goes_back(void)
{
    bench b;
    gofer_enqueue_options opts = kept();
    gofer_info *info = NULL;
    char *id = NULL;
    if (bench_open(&b) && handle_shell(&b, "cmd", "sleep 60") &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
        gofer_info_free(await_state(&b, id, "active"));
        gofer_worker_stop(b.worker);
        gofer_worker_stop(b.worker);
        CHECK_OK(gofer_worker_wait(b.worker, WAIT_MS));
        if ((info = await_state(&b, id, "pending")))
            CHECK_INT(gofer_info_int(info, "retried", -1), 0);
        gofer_info_free(info);
    }
    gofer_free(id);
    bench_close(&b);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

// ---- what a command says on descriptor 3 ----------------------------------------------------

static const gofer_info *last_of(const gofer_info *info, const char *list)
{
    const gofer_info *items = gofer_info_child(info, list);
    size_t count = gofer_info_count(items);
    return count ? gofer_info_at(items, count - 1) : NULL;
}

static void a_command_tells_progress_and_log_lines(void)
{
    gofer_enqueue_options opts = kept();
    gofer_info *info = run_to(
        "{ echo 'progress 3 10 third'; echo 'log warn half done'; echo nonsense; } >&$GOFER_FD",
        &opts, "completed");
    if (!info)
        return;
    const gofer_info *log = gofer_info_child(info, "log"), *line = gofer_info_at(log, 0),
                     *bad = gofer_info_at(log, 1);
    CHECK_INT(gofer_info_count(log), 2);
    CHECK_STR(gofer_info_text(line, "text"), "half done");
    CHECK_STR(gofer_info_text(line, "level"), "warn");
    CHECK_HAS(gofer_info_text(bad, "text"), "there is no 'nonsense'");
    CHECK_STR(gofer_info_text(last_of(info, "attempts"), "kind"), "done");
    gofer_info_free(info);
}

static void a_command_snoozes_by_a_line_and_exit_code_75(void)
{
    static const struct { const char *script, *kind, *error; int64_t snoozes, retried; } cases[] = {
        { "echo 'snooze 1h rate limit' >&3; exit 75", "snoozed", "rate limit", 1, 0 },
        { "echo 'snooze 1h' >&3; exit 75", "snoozed", "snoozed", 1, 0 },
        { "echo 'snooze 1h' >&3; exit 1", "failed", "exit code 1", 0, 1 },
        { "echo 'limit-pause api 1h busy' >&3; exit 75", "snoozed", "busy", 1, 0 },
        { "echo 'limit-pause api 1h' >&3; exit 1", "failed", "exit code 1", 0, 1 },
        { "exit 75", "failed", "exit code 75", 0, 1 },
    };
    gofer_enqueue_options opts = kept();
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_info *info = run_to(cases[i].script, &opts, "retry");
        if (!info)
            continue;
        CHECK_STR(gofer_info_text(last_of(info, "attempts"), "kind"), cases[i].kind);
        CHECK_STR(gofer_info_text(info, "last_error"), cases[i].error);
        CHECK_INT(gofer_info_int(info, "snoozes", 0), cases[i].snoozes);
        CHECK_INT(gofer_info_int(info, "retried", -1), cases[i].retried);
        gofer_info_free(info);
    }
}

// The first start leaves a checkpoint and fails, the second one hands back what it was given.
static void resumes(const char *leaves, const char *hands_back, const void *want, size_t size)
{
    bench b;
    gofer_enqueue_options opts = kept();
    char *id = NULL, script[512];
    snprintf(script, sizeof script,
        "if [ $GOFER_TASK_ATTEMPT = 1 ]; then { %s; } >&3; exit 1; fi; %s", leaves, hands_back);
    if (bench_open(&b) && handle_shell(&b, "cmd", script) &&
        CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
        gofer_info_free(await_state(&b, id, "retry"));
        CHECK_OK(gofer_client_task_run(b.client, NULL, id));
        check_result(await_state(&b, id, "completed"), want, size);
    }
    gofer_free(id);
    bench_close(&b);
}

static void a_command_goes_on_from_its_checkpoint(void)
{
    enum { SIZE = 300000 };
    resumes("echo 'checkpoint-text page 7'", "printf %s \"$GOFER_CHECKPOINT\" | base64 -d",
        "page 7", 6);
    resumes("echo 'checkpoint AAEC'", "printf %s \"$GOFER_CHECKPOINT\"", "AAEC", 4);
    resumes("echo 'checkpoint AAEC'; echo checkpoint", "printf %s \"${GOFER_CHECKPOINT-none}\"",
        "none", 4);
    resumes(":", "printf %s \"${GOFER_CHECKPOINT-none}\"", "none", 4);
    // Too large for the environment: a file of its own, that is gone afterwards.
    char *zeros = calloc(1, SIZE);
    REQUIRE(zeros);
    resumes("printf 'checkpoint '; head -c 300000 /dev/zero | base64 -w0; echo",
        "cat \"$GOFER_CHECKPOINT_FILE\"", zeros, SIZE);
    resumes("printf 'checkpoint '; head -c 300000 /dev/zero | base64 -w0; echo",
        "stat -c '%a %s' \"$GOFER_CHECKPOINT_FILE\"", "600 300000\n", 11);
    free(zeros);
    CHECK(system("ls /tmp/gofer-checkpoint-* 2>/dev/null") != 0);
}

static void a_line_that_is_too_long_is_passed_over(void)
{
    gofer_enqueue_options opts = kept();
    gofer_info *info =
        run_to("{ head -c 3000000 /dev/zero | tr '\\0' x; echo; echo 'log info later'; } >&3",
            &opts, "completed");
    if (!info)
        return;
    CHECK_HAS(gofer_info_text(gofer_info_at(gofer_info_child(info, "log"), 0), "text"), "too long");
    CHECK_STR(gofer_info_text(last_of(info, "log"), "text"), "later");
    gofer_info_free(info);
}

// Asked for by its line, TERM comes as soon as the worker stops; the grace would be an hour.
static void a_resumable_command_is_told_when_the_worker_stops(void)
{
    static const struct { const char *script, *state, *kind; } cases[] = {
        { "trap 'echo checkpoint-text later >&3; exit 75' TERM; echo resumable >&3; while :; do "
          "sleep 0.02; done",
            "pending", "interrupted" },
        { "echo resumable >&3; exec sleep 600", "pending", "interrupted" },
        { "trap 'exit 0' TERM; echo resumable >&3; while :; do sleep 0.02; done", "completed",
          "done" },
        { "trap 'exit 3' TERM; echo resumable >&3; while :; do sleep 0.02; done", "retry",
          "failed" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench b;
        gofer_enqueue_options opts = kept();
        gofer_info *info = NULL;
        char *id = NULL, script[256];
        snprintf(script, sizeof script, "echo 'progress 1' >&3; %s", cases[i].script);
        if (bench_open(&b) && handle_shell(&b, "cmd", script) &&
            CHECK_OK(gofer_worker_set(b.worker, "grace", "1h")) &&
            CHECK_OK(gofer_worker_start(b.worker)) && (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
            // Once its progress is there it has asked.
            for (int64_t until = check_now_ms() + WAIT_MS; check_now_ms() < until; nap()) {
                if (gofer_client_task(b.client, NULL, id, &info) != GOFER_OK)
                    continue;
                int64_t done = gofer_info_int(info, "progress_done", -1);
                gofer_info_free(info);
                info = NULL;
                if (done == 1)
                    break;
            }
            gofer_worker_stop(b.worker);
            CHECK_OK(gofer_worker_wait(b.worker, WAIT_MS));
            if ((info = await_state(&b, id, cases[i].state))) {
                CHECK_STR(gofer_info_text(last_of(info, "attempts"), "kind"), cases[i].kind);
                CHECK_INT(gofer_info_int(info, "retried", -1),
                    strcmp(cases[i].state, "retry") == 0);
                CHECK_INT(gofer_info_int(info, "checkpoint_size", 0), i == 0 ? 5 : 0);
                if (i == 3)
                    CHECK_HAS(gofer_info_text(info, "last_error"),
                        "exit code 3 when the worker began to stop");
            }
            gofer_info_free(info);
        }
        gofer_free(id);
        bench_close(&b);
    }
}

static void a_command_is_looked_up_at_registration(void)
{
    char file[] = "/tmp/gofer-exec-XXXXXX";
    int fd = mkstemp(file);
    REQUIRE(fd >= 0);
    close(fd);
    const struct {
        const char  *name;
        gofer_status want;
        const char  *words;
    } cases[] = {
        { "sh", GOFER_OK, NULL },
        { "/bin/sh", GOFER_OK, NULL },
        { "no-such-command-here", GOFER_ENOTFOUND, "in PATH" },
        { "./no-such-command-here", GOFER_ENOTFOUND, "./no-such-command-here" },
        { "/etc/passwd/x", GOFER_ENOTFOUND, "/etc/passwd/x" },
        { "/tmp", GOFER_EDENIED, "folder" },
        { file, GOFER_EDENIED, "chmod +x" },
        { "", GOFER_EINVAL, "no command" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench b;
        const char *argv[] = { cases[i].name, NULL };
        if (bench_open(&b)) {
            CHECK_STATUS(gofer_worker_exec(b.worker, "cmd", argv), cases[i].want);
            if (cases[i].words)
                CHECK_HAS(gofer_error_last(), cases[i].words);
        }
        bench_close(&b);
    }
    unlink(file);
}

static void wrong_arguments_are_refused(void)
{
    bench b;
    const char *sh[] = { "sh", NULL }, *none[] = { NULL };
    REQUIRE(bench_open(&b));
    CHECK_STATUS(gofer_worker_exec(NULL, "cmd", sh), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_exec(b.worker, NULL, sh), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_exec(b.worker, "", sh), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_exec(b.worker, "cmd", NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_exec(b.worker, "cmd", none), GOFER_EINVAL);
    CHECK_OK(gofer_worker_exec(b.worker, "cmd", sh));
    CHECK_STATUS(gofer_worker_exec(b.worker, "cmd", sh), GOFER_EEXIST);
    CHECK_OK(gofer_worker_start(b.worker));
    CHECK_STATUS(gofer_worker_exec(b.worker, "other", sh), GOFER_ESTATE);
    bench_close(&b);
}

// Where posix_spawn cannot tell that a program did not start: see child_test.c.
static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}

// A relative command stays the one it was, and one that has gone is a failure with words.
static void a_relative_command_is_kept_by_its_place(void)
{
    bench b;
    char folder[] = "/tmp/gofer-exec-XXXXXX", here[1024], path[64];
    const char *argv[] = { "./job", NULL };
    gofer_enqueue_options opts = kept();
    gofer_info *info = NULL;
    char *id = NULL;
    REQUIRE(getcwd(here, sizeof here));
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/job", folder);
    FILE *job = fopen(path, "w");
    REQUIRE(job);
    fputs("#!/bin/sh\necho done\n", job);
    fclose(job);
    CHECK(chmod(path, 0755) == 0 && chdir(folder) == 0);
    bool opened = bench_open(&b) && CHECK_OK(gofer_worker_exec(b.worker, "cmd", argv));
    CHECK(chdir(here) == 0);
    if (opened && CHECK_OK(gofer_worker_start(b.worker)) &&
        (id = enqueue(&b, "cmd", NULL, 0, &opts))) {
        check_result(await_state(&b, id, "completed"), "done\n", 5);
        gofer_free(id);
        id = NULL;
        CHECK(unlink(path) == 0);
        if (!under_valgrind() && (id = enqueue(&b, "cmd", NULL, 0, &opts)) &&
            (info = await_state(&b, id, "retry")))
            CHECK_HAS(gofer_info_text(info, "last_error"), "does not exist");
        gofer_info_free(info);
    }
    gofer_free(id);
    bench_close(&b);
    rmdir(folder);
}

typedef struct heard {
    pthread_mutex_t lock;
    int             first, second;
} heard;

static void hear(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    heard *h = user;
    (void)time_ms;
    pthread_mutex_lock(&h->lock);
    h->first +=
        level == GOFER_LOG_INFO && strcmp(text, "first line") == 0 && strstr(fields, "id-9");
    h->second += level == GOFER_LOG_INFO && strcmp(text, "second") == 0 && strstr(fields, "id-9");
    pthread_mutex_unlock(&h->lock);
}

static void lines_of_standard_error_are_logged(void)
{
    bench b;
    heard h = { .lock = PTHREAD_MUTEX_INITIALIZER };
    gofer_client_options log;
    gofer_enqueue_options opts = kept();
    gofer_client_options_init(&log);
    log.log = hear;
    log.log_user = &h;
    opts.task_id = "id-9";
    if (bench_open_on(&b, "memory:", &log) &&
        handle_shell(&b, "cmd", "printf 'first line\\nsecond' >&2") &&
        CHECK_OK(gofer_worker_start(b.worker))) {
        gofer_free(enqueue(&b, "cmd", NULL, 0, &opts));
        gofer_info_free(await_state(&b, "id-9", "completed"));
    }
    bench_close(&b);
    CHECK_INT(h.first, 1);
    CHECK_INT(h.second, 1);
}

static void two_hundred_tasks_leave_no_zombie_and_no_file(void)
{
    bench b;
    size_t before = open_files();
    const char *cat[] = { "cat", NULL };
    gofer_enqueue_options opts = kept();
    gofer_info *info = NULL;
    if (bench_open(&b) && CHECK_OK(gofer_worker_exec(b.worker, "cat", cat))) {
        for (int i = 0; i < 200; i++)
            gofer_free(enqueue(&b, "cat", "x", 1, &opts));
        CHECK_OK(gofer_worker_set(b.worker, "drain", "1"));
        CHECK_OK(gofer_worker_run(b.worker));
        if (CHECK_OK(gofer_client_queue(b.client, "default", &info)))
            CHECK_INT(gofer_info_int(info, "completed", -1), 200);
        gofer_info_free(info);
    }
    bench_close(&b);
    CHECK_INT(open_files(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(the_exit_code_decides),
        TEST(standard_output_is_the_result),
        TEST(helpers_that_write_past_the_deadline_fail_it),
        TEST(its_headers_are_variables),
        TEST(its_trace_context_is_in_its_environment),
        TEST(of_a_traceback_the_last_line_comes_first),
        TEST(a_large_payload_comes_back_through_cat),
        TEST(a_result_over_the_limit_fails_unless_nobody_keeps_it),
        TEST(the_environment_tells_of_the_task),
        TEST(attempts_count_from_one),
        TEST(the_url_of_a_file_is_absolute),
        TEST(at_the_deadline_it_is_ended_and_the_text_says_so),
        TEST(when_the_worker_stops_the_task_goes_back),
        TEST(a_command_tells_progress_and_log_lines),
        TEST(a_command_snoozes_by_a_line_and_exit_code_75),
        TEST(a_command_goes_on_from_its_checkpoint),
        TEST(a_line_that_is_too_long_is_passed_over),
        TEST(a_resumable_command_is_told_when_the_worker_stops),
        TEST(a_command_is_looked_up_at_registration),
        TEST(wrong_arguments_are_refused),
        TEST(a_relative_command_is_kept_by_its_place),
        TEST(lines_of_standard_error_are_logged),
        TEST(two_hundred_tasks_leave_no_zombie_and_no_file),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
