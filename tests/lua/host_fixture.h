// host_fixture.h - a real worker on a memory: broker that serves a Lua file, for the
// tests of Lua handlers.
//
// Each test writes a handler file, enqueues tasks, lets a worker drain the queue, and looks at what
// became of them.
#ifndef TESTS_LUA_HOST_FIXTURE_H
#define TESTS_LUA_HOST_FIXTURE_H

#include <pthread.h>
#include <unistd.h>

#include "lua_host.h"
#include "unit/check.h"

#define unused_ok __attribute__((unused))     // each test file needs some of these

enum { LOG_MAX = 1 << 20, SLOTS = 4 };

static struct {
    gofer_client *client;
    gofer_worker *worker;
    gofer_info   *task;         // what `look` found last
    char          path[64], error[1024];
    char          log[LOG_MAX];
    pthread_mutex_t lock;       // of log
} f = { .lock = PTHREAD_MUTEX_INITIALIZER };

// Lines come from a thread of the client's own, a moment after what they tell.
unused_ok static bool log_has(const char *words)
{
    pthread_mutex_lock(&f.lock);
    bool has = strstr(f.log, words) != NULL;
    pthread_mutex_unlock(&f.lock);
    return has;
}

unused_ok static bool log_says(const char *words)
{
    for (int64_t end_ms = check_now_ms() + 20000; !log_has(words) && check_now_ms() < end_ms;)
        usleep(2000);
    return log_has(words);
}

unused_ok static void keep_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user, (void)level, (void)time_ms;
    pthread_mutex_lock(&f.lock);
    size_t used = strlen(f.log);
    snprintf(f.log + used, sizeof f.log - used, "%s %s\n", text, fields);
    pthread_mutex_unlock(&f.lock);
}

unused_ok static void tear_down(void)
{
    gofer_info_free(f.task);
    gofer_worker_free(f.worker);
    gofer_client_close(f.client);
    f.task = NULL;
    f.worker = NULL;
    f.client = NULL;
    f.log[0] = '\0';
    if (f.path[0])
        unlink(f.path);
    f.path[0] = '\0';
}

unused_ok static void new_worker(void)
{
    char slots[8];
    snprintf(slots, sizeof slots, "%d", SLOTS);
    REQUIRE_OK(gofer_worker_new(&f.worker, f.client));
    REQUIRE_OK(gofer_worker_set(f.worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_set(f.worker, "log_level", "debug"));
    REQUIRE_OK(gofer_worker_set(f.worker, "concurrency", slots));
}

unused_ok static void set_up(void)
{
    tear_down();
    gofer_client_options opts;
    gofer_client_options_init(&opts);
    opts.log = keep_log;
    REQUIRE_OK(gofer_client_open(&f.client, "memory:", &opts));
    new_worker();
}

unused_ok static void write_file(const char *bytes, size_t size)
{
    snprintf(f.path, sizeof f.path, "/tmp/gofer-lua-test-XXXXXX");
    int fd = mkstemp(f.path);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, bytes, size) == (ssize_t)size);
    REQUIRE(close(fd) == 0);
}

unused_ok static gofer_status load(const char *path, const char *allow, size_t memory)
{
    gofer_lua_options opts = {
        .memory_limit = memory,
        .allow = allow,
        .error = f.error,
        .error_size = sizeof f.error,
        .client = f.client,
    };
    f.error[0] = '\0';
    gofer_status status = gofer_lua_load(f.worker, path, &opts);
    if (status != GOFER_OK && !f.error[0])
        CHECK(!"a failure has a reason");
    return status;
}

// A worker that serves the handlers in this text.
unused_ok static void with(const char *source, const char *allow)
{
    set_up();
    write_file(source, strlen(source));
    if (load(f.path, allow, 8 << 20) != GOFER_OK) {
        fprintf(stderr, "    %s\n", f.error);
        REQUIRE(!"the handlers load");
    }
}

unused_ok static void put(const char *id, const char *type, const char *payload, int32_t retry)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.task_id = id;
    opts.retention_ms = 60000;
    opts.timeout_ms = 1000;
    opts.max_retry = retry;
    REQUIRE_OK(gofer_client_enqueue(f.client, type, payload, strlen(payload), &opts, NULL));
}

unused_ok static void drain(void)
{
    REQUIRE_OK(gofer_worker_start(f.worker));
    REQUIRE_OK(gofer_worker_wait(f.worker, 120000));
}

// A field of a task as text; "" if it is not there.
unused_ok static const char *look(const char *id, const char *field)
{
    gofer_info_free(f.task);
    f.task = NULL;
    if (gofer_client_task(f.client, NULL, id, &f.task) != GOFER_OK)
        return "no such task";
    size_t size;
    const char *text = gofer_info_bytes(f.task, field, &size);
    return text ? text : "";
}

unused_ok static const char *result_of(const char *source, const char *allow)
{
    with(source, allow);
    put("x", "t", "{\"a\":1}", GOFER_NO_RETRY);
    drain();
    return strcmp(look("x", "state"), "completed") == 0 ? look("x", "result")
                                                        : look("x", "last_error");
}

#endif
