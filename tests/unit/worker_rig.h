// worker_rig.h - what the worker's tests share: a client, a worker on a private store, and what its
// handlers have seen. Nothing here waits for a fixed time where a condition can be waited for;
// faults by fake_broker.h.
#ifndef TESTS_UNIT_WORKER_RIG_H
#define TESTS_UNIT_WORKER_RIG_H

#include "gofer/gofer.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "fake_broker.h"

enum { PATIENCE_MS = 300000 };    // under valgrind on a busy machine all takes thirty times as long

// ---- a rig: one client, one worker, and what its handlers have seen --------------------------

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
    _Atomic int   runs, other, hooks, drops, gate, seen, fails_first;
    char          text[4096];                // guarded by lock
    pthread_mutex_t lock;
} rig;

static rig r;

__attribute__((unused)) static void say(const char *word)
{
    pthread_mutex_lock(&r.lock);
    size_t used = strlen(r.text);
    snprintf(r.text + used, sizeof r.text - used, "%s%s", used ? " " : "", word);
    pthread_mutex_unlock(&r.lock);
}

__attribute__((unused)) static void set_up(const char *const *settings)
{
    r = (rig){ .lock = PTHREAD_MUTEX_INITIALIZER };
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", NULL));
    fault_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    for (; settings && *settings; settings += 2)
        REQUIRE_OK(gofer_worker_set(r.worker, settings[0], settings[1]));
}

#define SET_UP(...) set_up((const char *const[]){ __VA_ARGS__, NULL })

__attribute__((unused)) static void tear_down(void)
{
    atomic_store(&r.gate, 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
}

__attribute__((unused)) static void handle(const char *pattern, gofer_handler handler)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, pattern, handler, &r, NULL));
}

__attribute__((unused)) static void enqueue(const char *type, const char *id,
    gofer_enqueue_options *opts)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    if (opts)
        o = *opts;
    o.size = sizeof o;
    o.task_id = id;
    REQUIRE_OK(gofer_client_enqueue(r.client, type, "payload", 7, &o, NULL));
}

__attribute__((unused)) static void enqueue_many(const char *type, const char *queue, size_t count)
{
    enum { BATCH = 500 };
    static const char *types[BATCH];
    static const gofer_enqueue_options *opts[BATCH];
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    for (size_t i = 0; i < BATCH; i++) {
        types[i] = type;
        opts[i] = &o;
    }
    for (size_t at = 0; at < count; at += BATCH)
        REQUIRE_OK(gofer_client_enqueue_many(r.client, count - at < BATCH ? count - at : BATCH,
            types, NULL, NULL, opts, NULL, NULL));
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        int64_t end_ = check_now_ms() + PATIENCE_MS;                               \
        while (!(condition) && check_now_ms() < end_)                              \
            gf_sleep_us(500);                                                      \
        REQUIRE(condition);                                                        \
    } while (0)

// One field of a task; -1 or "" when it is not there.
__attribute__((unused)) static int64_t task_int(const char *id, const char *field)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

__attribute__((unused)) static bool task_is(const char *id, const char *field, const char *want)
{
    gofer_info *info;
    if (gofer_client_task(r.client, NULL, id, &info) != GOFER_OK)
        return want == NULL;
    const char *text = gofer_info_text(info, field);
    bool is = want && text && strcmp(text, want) == 0;
    if (!is && want && text && strcmp(field, "last_error") == 0)
        is = strstr(text, want) != NULL;
    gofer_info_free(info);
    return is;
}

__attribute__((unused)) static int64_t stat_of(const char *field)
{
    gofer_info *info;
    if (gofer_worker_stats(r.worker, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

__attribute__((unused)) static int64_t queue_int(const char *queue, const char *field)
{
    gofer_info *info;
    if (gofer_client_queue(r.client, queue, &info) != GOFER_OK)
        return -1;
    int64_t value = gofer_info_int(info, field, -1);
    gofer_info_free(info);
    return value;
}

__attribute__((unused)) static void start(void)
{
    REQUIRE_OK(gofer_worker_start(r.worker));
}

__attribute__((unused)) static void wait_end(void)
{
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
}

// ---- handlers -----------------------------------------------------------------------------------

__attribute__((unused)) static int32_t count_run(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add(&((rig *)user)->runs, 1);
    return GOFER_DONE;
}

__attribute__((unused)) static int32_t count_other(gofer_task *task, void *user)
{
    (void)task;
    atomic_fetch_add(&((rig *)user)->other, 1);
    return GOFER_DONE;
}

__attribute__((unused)) static int32_t say_id(gofer_task *task, void *user)
{
    (void)user;
    say(gofer_task_id(task));
    atomic_fetch_add(&r.runs, 1);
    return GOFER_DONE;
}

// Until cancelled or the gate is opened; fails when cancelled.
__attribute__((unused)) static int32_t obedient(gofer_task *task, void *user)
{
    rig *rig_ = user;
    atomic_fetch_add(&rig_->runs, 1);
    while (!atomic_load(&rig_->gate) && !gofer_task_cancelled(task))
        gf_sleep_us(500);
    atomic_store(&rig_->seen, gofer_task_cancelled(task));
    return gofer_task_cancelled(task) ? gofer_task_fail(task, "broke off") : GOFER_DONE;
}

#endif
