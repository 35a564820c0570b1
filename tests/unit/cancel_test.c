// cancel_test.c - a running task is asked to stop, from the client's door to its handler and its
// outcome. On a private store, or on the one that GOFER_TEST_REDIS names.
#include "gofer/gofer.h"

#include <poll.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"

enum { PATIENCE_MS = 120000 };

typedef struct bench {
    gofer_client *client;
    gofer_worker *worker;
    char          queue[64];             // of this test alone, for stores that stay
} bench;

static _Atomic int running, seen, gate;

static bool set_up(bench *b)
{
    static int number;
    const char *url = getenv("GOFER_TEST_REDIS");
    *b = (bench){ 0 };
    running = seen = gate = 0;
    snprintf(b->queue, sizeof b->queue, "cancel-%ld-%d", (long)getpid(), ++number);
    return CHECK_OK(gofer_client_open(&b->client, url ? url : "memory:", NULL)) &&
           CHECK_OK(gofer_worker_new(&b->worker, b->client)) &&
           CHECK_OK(gofer_worker_queue(b->worker, b->queue, 1)) &&
           CHECK_OK(gofer_worker_set(b->worker, "concurrency", "2"));
}

static void tear_down(bench *b)
{
    gate = 1;
    gofer_worker_free(b->worker);
    if (b->client) {
        gofer_status st = gofer_client_queue_delete(b->client, b->queue, 1);
        CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
    }
    gofer_client_close(b->client);
}

static void enqueue(bench *b, const char *type, const char *id, int32_t max_retry)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = b->queue;
    opts.task_id = id;
    opts.max_retry = max_retry;
    opts.retention_ms = 3600000;
    CHECK_OK(gofer_client_enqueue(b->client, type, "x", 1, &opts, NULL));
}

// The record once the task is in this state; NULL (and a failed check) if it does not come there.
static gofer_info *await_state(bench *b, const char *id, const char *state)
{
    gofer_info *info = NULL;
    for (int64_t end = check_now_ms() + PATIENCE_MS; check_now_ms() < end; gf_sleep_us(2000)) {
        if (gofer_client_task(b->client, b->queue, id, &info) != GOFER_OK)
            continue;
        if (strcmp(gofer_info_text(info, "state"), state) == 0)
            return info;
        gofer_info_free(info);
    }
    CHECK_STR("never", state);
    return NULL;
}

static bool await(_Atomic int *value, int want)
{
    for (int64_t end = check_now_ms() + PATIENCE_MS; *value < want && check_now_ms() < end;)
        gf_sleep_us(1000);
    return CHECK(*value >= want);
}

static void check_end(bench *b, const char *id, const char *state, const char *error,
    int64_t retried)
{
    gofer_info *info = await_state(b, id, state);
    if (!info)
        return;
    CHECK_STR(gofer_info_text(info, "last_error"), error);
    CHECK_INT(gofer_info_int(info, "retried", -1), retried);
    gofer_info_free(info);
}

// ---- handlers -----------------------------------------------------------------------------------

static int32_t obey(gofer_task *task, void *user)
{
    (void)user;
    running++;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    seen = gofer_task_cancelled(task);
    return GOFER_RETRY;
}

static int32_t explain(gofer_task *task, void *user)
{
    obey(task, user);
    return gofer_task_fail(task, "half done");
}

static int32_t succeed(gofer_task *task, void *user)
{
    obey(task, user);
    return GOFER_DONE;
}

static int32_t stay(gofer_task *task, void *user)
{
    (void)user;
    running++;
    while (!gate)
        gf_sleep_us(500);
    CHECK_INT(gofer_task_cancelled(task), GOFER_CANCEL_NONE);
    return GOFER_DONE;
}

// ---- tests --------------------------------------------------------------------------------------

static void a_handler_is_told_and_its_task_set_aside(void)
{
    bench b;
    if (set_up(&b) && CHECK_OK(gofer_worker_handle(b.worker, "obey", obey, NULL, NULL)) &&
        CHECK_OK(gofer_worker_handle(b.worker, "explain", explain, NULL, NULL)) &&
        CHECK_OK(gofer_worker_start(b.worker))) {
        enqueue(&b, "obey", "one", 0);
        if (await(&running, 1))
            CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "one"));
        check_end(&b, "one", "archived", "cancelled", 0);
        CHECK_INT(seen, GOFER_CANCEL_REQUEST);

        enqueue(&b, "explain", "two", 0);
        if (await(&running, 2))
            CHECK_OK(gofer_client_task_cancel(b.client, NULL, "two"));
        check_end(&b, "two", "archived", "cancelled: half done", 0);

        enqueue(&b, "obey", "last", GOFER_NO_RETRY);
        if (await(&running, 3))
            CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "last"));
        check_end(&b, "last", "archived", "cancelled", 0);
    }
    tear_down(&b);
}

static void success_stays_success(void)
{
    bench b;
    if (set_up(&b) && CHECK_OK(gofer_worker_handle(b.worker, "*", succeed, NULL, NULL)) &&
        CHECK_OK(gofer_worker_start(b.worker))) {
        enqueue(&b, "t", "one", 0);
        if (await(&running, 1))
            CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "one"));
        check_end(&b, "one", "completed", NULL, 0);
    }
    tear_down(&b);
}

static void only_the_task_meant_is_cancelled(void)
{
    bench b;
    if (set_up(&b) && CHECK_OK(gofer_worker_handle(b.worker, "obey", obey, NULL, NULL)) &&
        CHECK_OK(gofer_worker_handle(b.worker, "stay", stay, NULL, NULL)) &&
        CHECK_OK(gofer_worker_start(b.worker))) {
        enqueue(&b, "stay", "one", 0);
        enqueue(&b, "obey", "two", 0);
        if (await(&running, 2))
            CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "two"));
        check_end(&b, "two", "archived", "cancelled", 0);
        gate = 1;
        check_end(&b, "one", "completed", NULL, 0);
    }
    tear_down(&b);
}

static void a_command_gets_term_then_kill(void)
{
    static const struct { const char *script, *error; } cases[] = {
        { "exec sleep 600", "cancelled: killed by signal 15 (TERM) when told to stop" },
        { "trap '' TERM; while :; do sleep 0.05; done",
            "cancelled: killed by signal 9 (KILL) when told to stop, after it had ignored TERM" },
        { "trap 'exit 3' TERM; while :; do sleep 0.05; done",
          "cancelled: exit code 3 when told to stop" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        // The trap must stand before we cancel: the script tells so by its progress, a file.
        char ready[] = "/tmp/gofer-cancel-XXXXXX", script[512];
        int fd = mkstemp(ready);
        REQUIRE(fd >= 0);
        close(fd);
        bool traps = strncmp(cases[i].script, "trap", 4) == 0;
        const char *rest = traps ? strchr(cases[i].script, ';') + 1 : cases[i].script;
        snprintf(script, sizeof script, "exec 2>/dev/null; %.*s rm '%s'; %s",
            (int)(rest - cases[i].script), cases[i].script, ready, rest);
        const char *argv[] = { "sh", "-c", script, NULL };
        bench b;
        if (set_up(&b) && CHECK_OK(gofer_worker_exec(b.worker, "cmd", argv)) &&
            CHECK_OK(gofer_worker_start(b.worker))) {
            enqueue(&b, "cmd", "one", 0);
            for (int64_t end = check_now_ms() + PATIENCE_MS;
                 access(ready, F_OK) == 0 && check_now_ms() < end;)
                gf_sleep_us(1000);
            CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "one"));
            check_end(&b, "one", "archived", cases[i].error, 0);
        }
        tear_down(&b);
        unlink(ready);
    }
}

static void a_pulled_task_says_so_to_its_host(void)
{
    bench b;
    if (set_up(&b) && CHECK_OK(gofer_worker_set(b.worker, "pull", "1")) &&
        CHECK_OK(gofer_worker_start(b.worker))) {
        enqueue(&b, "t", "one", 0);
        struct pollfd fd = { .fd = gofer_worker_fd(b.worker), .events = POLLIN };
        CHECK_INT(poll(&fd, 1, PATIENCE_MS), 1);
        // Taken by the worker, not by the host yet.
        CHECK_OK(gofer_client_task_cancel(b.client, b.queue, "one"));
        gofer_task *task;
        size_t count = 0;
        if (CHECK_OK(gofer_worker_take(b.worker, &task, 1, PATIENCE_MS, &count)) &&
            CHECK_INT(count, 1)) {
            for (int64_t end = check_now_ms() + PATIENCE_MS;
                 !gofer_task_cancelled(task) && check_now_ms() < end;)
                gf_sleep_us(1000);
            CHECK_INT(gofer_task_cancelled(task), GOFER_CANCEL_REQUEST);
            CHECK_OK(gofer_worker_finish(b.worker, &task, &(int32_t){ GOFER_RETRY }, 1));
        }
        check_end(&b, "one", "archived", "cancelled", 0);
    }
    tear_down(&b);
}

static void what_has_come_to_its_end_is_refused(void)
{
    bench b;
    if (set_up(&b)) {
        CHECK_STATUS(gofer_client_task_cancel(NULL, b.queue, "one"), GOFER_EINVAL);
        CHECK_STATUS(gofer_client_task_cancel(b.client, b.queue, NULL), GOFER_EINVAL);
        CHECK_STATUS(gofer_client_task_cancel(b.client, "{", "one"), GOFER_EINVAL);
        CHECK_STATUS(gofer_client_task_cancel(b.client, b.queue, "one"), GOFER_ENOTFOUND);
        CHECK_STATUS(gofer_client_task_cancel(b.client, NULL, "one"), GOFER_ENOTFOUND);
        enqueue(&b, "t", "one", 0);
        CHECK_OK(gofer_client_task_cancel(b.client, NULL, "one"));
        CHECK_STATUS(gofer_client_task_cancel(b.client, b.queue, "one"), GOFER_ESTATE);
    }
    tear_down(&b);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_handler_is_told_and_its_task_set_aside), TEST(success_stays_success),
        TEST(only_the_task_meant_is_cancelled), TEST(a_command_gets_term_then_kill),
        TEST(a_pulled_task_says_so_to_its_host), TEST(what_has_come_to_its_end_is_refused),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
