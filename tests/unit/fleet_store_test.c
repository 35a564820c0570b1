// fleet_store_test.c - commands, patterns, groups, events, waiting and stats, from the client's
// doors through a store to workers and back. On a file of its own, or on the store that
// GOFER_TEST_REDIS names.
#include "gofer/gofer.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"

enum { PATIENCE_MS = 300000 };

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        bool holds_;                                                               \
        int64_t end_ = check_now_ms() + PATIENCE_MS;                               \
        while (!(holds_ = (condition)) && check_now_ms() < end_)                   \
            gf_sleep_us(2000);                                                     \
        if (!check_true(holds_, #condition, __FILE__, __LINE__))                   \
            longjmp(check_state.leave, 1);                                         \
    } while (0)

typedef struct rig {
    gofer_client *client, *other;          // of the worker, and of who looks
    gofer_worker *worker;
    char          folder[64];              // "": on Redis
    char          queue[64], more[64], pattern[64];
    _Atomic int   runs, at_once, gate;
} rig;

static rig r;

static void set_up(void)
{
    static int number;
    const char *redis = getenv("GOFER_TEST_REDIS");
    char url[128];
    r = (rig){ .gate = 1 };
    number++;
    if (!redis) {
        snprintf(r.folder, sizeof r.folder, "/tmp/gofer-fleet-XXXXXX");
        REQUIRE(mkdtemp(r.folder) != NULL);
        snprintf(url, sizeof url, "sqlite:%s/tasks.db", r.folder);
    }
    snprintf(r.queue, sizeof r.queue, "fleet-%ld-%d:a", (long)getpid(), number);
    snprintf(r.more, sizeof r.more, "fleet-%ld-%d:b", (long)getpid(), number);
    snprintf(r.pattern, sizeof r.pattern, "fleet-%ld-%d:*", (long)getpid(), number);
    REQUIRE_OK(gofer_client_open(&r.client, redis ? redis : url, NULL));
    REQUIRE_OK(gofer_client_open(&r.other, redis ? redis : url, NULL));
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
}

static void drop_queue(const char *queue)
{
    gofer_status st = gofer_client_queue_delete(r.other, queue, 1);
    CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
}

static void tear_down(void)
{
    char command[96];
    atomic_store(&r.gate, 1);
    gofer_worker_free(r.worker);
    drop_queue(r.queue);
    drop_queue(r.more);
    gofer_client_close(r.other);
    gofer_client_close(r.client);
    snprintf(command, sizeof command, "rm -rf '%s'", r.folder);
    CHECK(!*r.folder || system(command) == 0);
}

static int32_t act(gofer_task *task, void *user)
{
    (void)user;
    atomic_fetch_add(&r.at_once, 1);
    while (!atomic_load(&r.gate) && gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(1000);
    atomic_fetch_sub(&r.at_once, 1);
    atomic_fetch_add(&r.runs, 1);
    if (strcmp(gofer_task_type(task), "dead") == 0)
        return gofer_task_skip_retry(task, "never");
    if (strcmp(gofer_task_type(task), "drop") == 0)
        return gofer_task_revoke(task, "not wanted");
    CHECK_OK(gofer_task_result(task, "42", 2));
    return GOFER_DONE;
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", act, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void enqueue(const char *queue, const char *type, const char *id, const char *group)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = queue;
    opts.task_id = id;
    opts.group = group;
    opts.retention_ms = 3600000;
    REQUIRE_OK(gofer_client_enqueue(r.other, type, id, id ? strlen(id) : 0, &opts, NULL));
}

// What is shown of our worker; the store may know others.
static bool shown_is(const char *field, const char *words)
{
    gofer_info *list;
    bool is = false;
    if (gofer_client_workers(r.other, &list) != GOFER_OK)
        return false;
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        const char *text = gofer_info_text(one, field);
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)gofer_info_int(one, field, -1));
        if (strcmp(gofer_info_text(one, "worker"), gofer_worker_id(r.worker)) == 0)
            is = strstr(text ? text : number, words) != NULL;
    }
    gofer_info_free(list);
    return is;
}

static gofer_status tell(const char *key, const char *value)
{
    return gofer_client_worker_set(r.other, gofer_worker_id(r.worker), key, value);
}

static void commands_reach_a_worker(void)
{
    char queues[160];
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.more, 1));
    REQUIRE_OK(gofer_worker_set(r.worker, "concurrency", "1"));
    atomic_store(&r.gate, 0);
    start();
    for (int i = 0; i < 4; i++)
        enqueue(r.queue, "t", NULL, NULL);
    snprintf(queues, sizeof queues, "%s=7", r.pattern);
    CHECK_OK(tell("concurrency", "3"));
    CHECK_OK(tell("queues", queues));
    WAIT_FOR(atomic_load(&r.at_once) == 3);
    WAIT_FOR(shown_is("concurrency", "3"));
    snprintf(queues, sizeof queues, "%s=7", r.queue);
    WAIT_FOR(shown_is("queues", queues));
    CHECK_OK(tell("state", "quiet"));
    WAIT_FOR(shown_is("state", "quiet"));
    CHECK_OK(tell("state", "active"));
    WAIT_FOR(shown_is("state", "active"));
    CHECK_STATUS(gofer_client_worker_set(r.other, "00000000-0000-7000-8000-000000000000", "state",
                     "stop"),
        GOFER_ENOTFOUND);
    atomic_store(&r.gate, 1);
    WAIT_FOR(atomic_load(&r.runs) == 4);
    CHECK_OK(tell("state", "stop"));
    CHECK_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    CHECK_STATUS(tell("state", "stop"), GOFER_ENOTFOUND);
    tear_down();
}

static void a_pattern_serves_queues_that_come_later(void)
{
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.pattern, 2));
    start();
    enqueue(r.queue, "t", NULL, NULL);
    WAIT_FOR(atomic_load(&r.runs) == 1);
    enqueue(r.more, "t", NULL, NULL);
    WAIT_FOR(atomic_load(&r.runs) == 2);
    tear_down();
}

static int32_t count_them(gofer_group *group, void *user)
{
    char text[32];
    (void)user;
    snprintf(text, sizeof text, "%zu", gofer_group_count(group));
    CHECK_STR(gofer_task_id(gofer_group_at(group, 0)), "a");
    return gofer_group_combine(group, "whole", text, strlen(text), NULL);
}

static void a_full_group_becomes_one_task(void)
{
    gofer_info *list;
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mail*", count_them, NULL, NULL));
    REQUIRE_OK(gofer_worker_set(r.worker, "group_max_size", "2"));
    enqueue(r.queue, "part", "a", "mail");
    enqueue(r.queue, "part", "c", "post");
    REQUIRE_OK(gofer_client_groups(r.other, r.queue, &list));
    CHECK_INT(gofer_info_count(list), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "group"), "mail");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "size", -1), 1);
    gofer_info_free(list);
    enqueue(r.queue, "part", "b", "mail");
    enqueue(r.queue, "part", "d", "post");         // full too, but nobody's
    start();
    WAIT_FOR(atomic_load(&r.runs) == 1);
    REQUIRE_OK(gofer_client_groups(r.other, r.queue, &list));
    CHECK_INT(gofer_info_count(list), 1);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "group"), "post");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "size", -1), 2);
    gofer_info_free(list);
    CHECK_STATUS(gofer_client_groups(r.other, NULL, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_groups(r.other, r.queue, NULL), GOFER_EINVAL);
    tear_down();
}

// Until each of these was told of the task. Who puts a task and who runs it may be two: what they
// tell comes in any order.
static void all_are_told(gofer_events *events, const char *id, const char *const *names,
    size_t count)
{
    uint32_t left = (1u << count) - 1;
    while (left) {
        gofer_info *info;
        REQUIRE_OK(gofer_events_next(events, PATIENCE_MS, &info));
        const char *event = gofer_info_text(info, "event");
        bool ours = strcmp(gofer_info_text(info, "id"), id) == 0;
        for (size_t i = 0; i < count && ours; i++)
            if (strcmp(event, names[i]) == 0)
                left &= ~(1u << i);
        if (ours) {
            CHECK(gofer_info_int(info, "at_ms", 0) > 0);
            CHECK_STR(gofer_info_text(info, "queue"), r.queue);
        }
        gofer_info_free(info);
    }
}

// Until nothing comes for a while.
static bool hears_worker(gofer_events *events)
{
    gofer_info *info;
    bool heard = false;
    while (!heard && gofer_events_next(events, 200, &info) == GOFER_OK) {
        heard = gofer_info_has(info, "worker");
        gofer_info_free(info);
    }
    return heard;
}

static void a_listener_hears_a_tasks_life(void)
{
    static const char *const life[] = { "enqueued", "started", "archived" };
    gofer_events *events;
    gofer_info *info;
    char id[32];
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    start();
    REQUIRE_OK(gofer_events_open(&events, r.other));
    // Live from within a second on: until the worker has seen that somebody listens.
    for (int i = 0; i < 1000 && !hears_worker(events); i++) {
        snprintf(id, sizeof id, "try-%d", i);
        enqueue(r.queue, "t", id, NULL);
    }
    enqueue(r.queue, "dead", "one", NULL);
    all_are_told(events, "one", life, COUNT(life));
    int32_t away = 7;
    CHECK_STATUS(gofer_events_next(NULL, 0, &info), GOFER_EINVAL);
    CHECK_INT(gofer_events_breaks(NULL, &away), 0);
    CHECK_INT(away, 0);
    CHECK_INT(gofer_events_breaks(events, NULL), 0);
    CHECK_STATUS(gofer_events_next(events, 0, NULL), GOFER_EINVAL);
    gofer_events_close(events);
    gofer_events_close(NULL);
    tear_down();
}

// ---- new tasks, whoever puts them ---------------------------------------------------------------

static gofer_events *listen_from_now(void)
{
    gofer_events *events;
    char id[32];
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    REQUIRE_OK(gofer_worker_queue(r.worker, r.more, 1));
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mail*", count_them, NULL, NULL));
    REQUIRE_OK(gofer_worker_set(r.worker, "group_max_size", "2"));
    start();
    REQUIRE_OK(gofer_events_open(&events, r.other));
    for (int i = 0; i < 1000 && !hears_worker(events); i++) {
        snprintf(id, sizeof id, "try-%d", i);
        enqueue(r.queue, "t", id, NULL);
    }
    return events;
}

static void enqueued_once(gofer_events *events, const char *start, const char *type,
    const char *queue)
{
    gofer_info *info;
    char id[160] = "";                     // of the first task whose id begins so
    int told = 0;
    int64_t end_ms = check_now_ms() + PATIENCE_MS;     // for an entry's ticks never end
    for (bool done = false, asked = false, over = false; !over;) {
        REQUIRE(check_now_ms() < end_ms);
        REQUIRE_OK(gofer_events_next(events, PATIENCE_MS, &info));
        const char *event = gofer_info_text(info, "event"), *of = gofer_info_text(info, "id");
        if (!*id && strncmp(of, start, strlen(start)) == 0)
            snprintf(id, sizeof id, "%s", of);
        bool ours = *id && strcmp(of, id) == 0;
        if (ours && strcmp(event, "enqueued") == 0) {
            told++;
            CHECK_STR(gofer_info_text(info, "type"), type);
            CHECK_STR(gofer_info_text(info, "queue"), queue);
            CHECK(gofer_info_int(info, "at_ms", 0) > 0);
        }
        done = done || (ours && strcmp(event, "done") == 0);
        over = strcmp(of, "last") == 0 && strcmp(event, "done") == 0;
        gofer_info_free(info);
        if (told && done && !asked) {
            enqueue(r.queue, "t", "last", NULL);       // a second one would come before it
            asked = true;
        }
    }
    CHECK_INT(told, 1);
}

static void put_entry(const char *name, const char *spec, int32_t paused)
{
    gofer_enqueue_options task;
    gofer_schedule_options opts;
    gofer_enqueue_options_init(&task);
    gofer_schedule_options_init(&opts);
    task.queue = r.queue;
    opts.task = &task;
    opts.paused = paused;
    REQUIRE_OK(gofer_client_schedule_put(r.other, name, spec, "tick", "x", 1, &opts, 0));
}

static void a_cron_entry_that_is_run_is_told_as_enqueued(void)
{
    char name[96], *id;
    set_up();
    gofer_events *events = listen_from_now();
    snprintf(name, sizeof name, "run-%s", r.queue);
    put_entry(name, "@yearly", 1);
    REQUIRE_OK(gofer_client_schedule_run(r.other, name, &id));
    enqueued_once(events, id, "tick", r.queue);
    gofer_free(id);
    CHECK_OK(gofer_client_schedule_remove(r.other, name));
    gofer_events_close(events);
    tear_down();
}

static void a_tick_is_told_as_enqueued(void)
{
    char name[96], start_of_id[128];
    set_up();
    gofer_events *events = listen_from_now();
    snprintf(name, sizeof name, "tick-%s", r.queue);
    snprintf(start_of_id, sizeof start_of_id, "cron:%s:", name);
    put_entry(name, "@every 2s", 0);
    enqueued_once(events, start_of_id, "tick", r.queue);
    CHECK_OK(gofer_client_schedule_remove(r.other, name));
    gofer_events_close(events);
    tear_down();
}

static void an_on_dead_task_is_told_as_enqueued(void)
{
    gofer_enqueue_options opts;
    set_up();
    gofer_events *events = listen_from_now();
    gofer_enqueue_options_init(&opts);
    opts.queue = r.queue;
    opts.task_id = "one";
    opts.on_dead = "notify";
    opts.on_dead_queue = r.more;
    REQUIRE_OK(gofer_client_enqueue(r.other, "dead", "x", 1, &opts, NULL));
    enqueued_once(events, "dead:one:", "notify", r.more);
    gofer_events_close(events);
    tear_down();
}

static void a_combined_task_is_told_as_enqueued(void)
{
    set_up();
    gofer_events *events = listen_from_now();
    enqueue(r.queue, "part", "a", "mail");
    enqueue(r.queue, "part", "b", "mail");
    enqueued_once(events, "group:", "whole", r.queue);
    gofer_events_close(events);
    tear_down();
}

static void *open_gate(void *arg)
{
    (void)arg;
    gf_sleep_us(20000);
    atomic_store(&r.gate, 1);
    return NULL;
}

static bool ends_as(const char *queue, const char *id, const char *want)
{
    gofer_info *info;
    size_t size = 0;
    if (!CHECK_OK(gofer_client_wait(r.other, queue, id, PATIENCE_MS, &info)))
        return false;
    bool is = CHECK_STR(gofer_info_text(info, "outcome"), want) &&
        CHECK_STR(gofer_info_text(info, "id"), id);
    const void *result = gofer_info_bytes(info, "result", &size);
    if (strcmp(want, "done") == 0)
        is = CHECK_MEM(result, size, "42", 2) && is;
    gofer_info_free(info);
    return is;
}

static void a_wait_ends_with_the_task(void)
{
    pthread_t thread;
    gofer_info *info;
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    atomic_store(&r.gate, 0);
    start();
    enqueue(r.queue, "t", "one", NULL);
    enqueue(r.queue, "dead", "two", NULL);
    CHECK_STATUS(gofer_client_wait(r.other, NULL, "one", 0, &info), GOFER_ETIMEOUT);
    CHECK_HAS(gofer_error_last(), "one");
    CHECK_STATUS(gofer_client_wait(r.other, r.queue, "one", 10, &info), GOFER_ETIMEOUT);
    REQUIRE(pthread_create(&thread, NULL, open_gate, NULL) == 0);
    CHECK(ends_as(NULL, "one", "done"));
    pthread_join(thread, NULL);
    CHECK(ends_as(r.queue, "two", "archived"));
    CHECK_STATUS(gofer_client_wait(r.other, NULL, "nobody", 0, &info), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_wait(r.other, r.queue, "nobody", 0, &info), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_wait(r.other, NULL, "", 0, &info), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_wait(r.other, "a{b", "x", 0, &info), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_wait(r.other, NULL, "one", 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_wait(NULL, NULL, "one", 0, &info), GOFER_EINVAL);
    tear_down();
}

static void stats_come_back_as_percentiles(void)
{
    static const char *const types[] = { "good", "good", "dead", "good" };
    gofer_info *list;
    set_up();
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    REQUIRE_OK(gofer_worker_set(r.worker, "drain", "1"));
    for (size_t i = 0; i < COUNT(types); i++)
        enqueue(r.queue, types[i], NULL, NULL);
    start();
    REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
    REQUIRE_OK(gofer_client_stats(r.other, r.queue, 0, &list));
    CHECK_INT(gofer_info_count(list), 2);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        bool good = strcmp(gofer_info_text(one, "type"), "good") == 0;
        CHECK_STR(gofer_info_text(one, "queue"), r.queue);
        CHECK_INT(gofer_info_int(one, "done", -1), good ? 3 : 0);
        CHECK_INT(gofer_info_int(one, "failed", -1), good ? 0 : 1);
        CHECK(gofer_info_int(one, "run_p50_ms", -1) >= 0);
        CHECK(gofer_info_int(one, "run_max_ms", -1) < PATIENCE_MS);
        CHECK(gofer_info_int(one, "wait_max_ms", -1) >= gofer_info_int(one, "wait_p50_ms", -1));
        CHECK(gofer_info_int(one, "wait_max_ms", -1) < PATIENCE_MS);       // not since 1970
        CHECK(gofer_info_has(one, "run_p90_ms") && gofer_info_has(one, "wait_p99_ms"));
    }
    gofer_info_free(list);
    REQUIRE_OK(gofer_client_stats(r.other, "fleet-nothing", 24, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    CHECK_STATUS(gofer_client_stats(r.other, NULL, 169, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_stats(r.other, NULL, -1, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_stats(r.other, NULL, 1, NULL), GOFER_EINVAL);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(commands_reach_a_worker),
        TEST(a_pattern_serves_queues_that_come_later),
        TEST(a_full_group_becomes_one_task),
        TEST(a_listener_hears_a_tasks_life),
        TEST(a_cron_entry_that_is_run_is_told_as_enqueued),
        TEST(a_tick_is_told_as_enqueued),
        TEST(an_on_dead_task_is_told_as_enqueued),
        TEST(a_combined_task_is_told_as_enqueued),
        TEST(a_wait_ends_with_the_task),
        TEST(stats_come_back_as_percentiles),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
