// redis_roster_test.c - on a Redis: the records of workers, waiting for work, and requests to cancel.
//
// $GOFER_TEST_REDIS names it; tests/redis/servers.py starts one. Other peers, Go's among them, are
// played by plain commands (raw.h). What is asserted of speed is how many commands it took.
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "check.h"
#include "info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/poke.h"

static gf_broker *b;                     // of the running test
static gf_rd_store *s;

// ---- a store for each test -------------------------------------------------------------------

static gf_broker *open_broker(void)
{
    gf_url url;
    gf_broker *opened = NULL;
    const gf_broker_config config = { .timeout_ms = 10000, .max_payload = 1 << 24 };
    REQUIRE_OK(gf_url_parse(&url, suite_url));
    gofer_status st = gf_broker_open(&opened, &url, &config);
    gf_url_clear(&url);
    REQUIRE_OK(st);
    return opened;
}

static void set_up(void)
{
    raw_clean();
    b = open_broker();
    s = (gf_rd_store *)b;
}

static void tear_down(void)
{
    gf_broker_close(b);
}

static bool is_cluster(void)
{
    return gf_rd_net_server(s->net).is_cluster;
}

#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        int64_t end_ = gf_mono_ms() + PATIENCE_MS;                                 \
        while (!(condition) && gf_mono_ms() < end_)                                \
            gf_sleep_us(1000);                                                     \
        CHECK(condition);                                                          \
    } while (0)

// Calls of a command since statistics were reset; on a cluster of one node only, so do not ask there.
static int64_t calls_of(const char *command)
{
    char head[64];
    snprintf(head, sizeof head, "cmdstat_%s:calls=", command);
    const char *stats = raw_text("INFO commandstats");
    const char *at = stats ? strstr(stats, head) : NULL;
    return at ? strtoll(at + strlen(head), NULL, 10) : 0;
}

static int64_t info_number(const char *section, const char *field)
{
    const char *info = raw_text("INFO %s", section);
    const char *at = info ? strstr(info, field) : NULL;
    return at ? strtoll(at + strlen(field) + 1, NULL, 10) : -1;
}

// ---- presence ------------------------------------------------------------------------------------

static const gf_weight two_queues[] = { { "mail box", 3 }, { "low=1", 1 } };

static gf_worker_entry entry(const char *id)
{
    return (gf_worker_entry){
        .id = id, .host = "host-1", .pid = 4711, .started_ms = 1893553445678, .state = "active", .concurrency = 7,
        .running = 2, .queues = "mail box=3 low=1=1", .weights = two_queues, .weight_count = 2, .strict = true,
    };
}

static gf_running running_task(const char *id, const void *payload, size_t size)
{
    return (gf_running){ .id = id, .type = "email:welcome", .queue = "mail box", .payload = payload,
        .payload_size = size, .started_ms = 1893553446001, .deadline_ms = 1893553476000 };
}

// One command's reply; NULL if it failed.
static redisReply *ask(const char *word, const char *key)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(key, strlen(key)), .repeatable = true };
    redisReply *reply = NULL;
    gf_rd_add(&cmd.args, word);
    gf_rd_add(&cmd.args, key);
    return CHECK_OK(gf_rd_call(s, &cmd, &reply)) ? reply : NULL;
}

static gf_wire_server *server_record(const char *id)
{
    char key[256];
    gf_wire_server *server = NULL;
    snprintf(key, sizeof key, "asynq:servers:{host-1:4711:%s}", id);
    redisReply *r = ask("GET", key);
    if (r && CHECK_INT(r->type, REDIS_REPLY_STRING))
        CHECK_OK(gf_wire_server_decode(r->str, r->len, &server));
    if (r)
        freeReplyObject(r);
    return server;
}

static void a_worker_is_recorded_as_asynq_does(void)
{
    set_up();
    gf_running tasks[] = { running_task("t1", "pay\0load", 8), running_task("t2", NULL, 0) };
    tasks[1].deadline_ms = 0;
    gf_worker_entry e = entry("id-1");
    e.tasks = tasks;
    e.task_count = 2;
    int64_t before_s = gf_now_ms() / 1000;
    CHECK(!gf_rd_registered(s, "id-1"));
    REQUIRE_OK(b->ops->worker_register(b, &e, LEASE_MS));
    int64_t after_s = gf_now_ms() / 1000;
    CHECK(gf_rd_registered(s, "id-1"));

    static const char *const sets[] = { "asynq:servers", "asynq:workers" };
    for (size_t i = 0; i < COUNT(sets); i++) {
        int64_t score = raw_int("ZSCORE %s %s:{host-1:4711:id-1}", sets[i], sets[i]);
        CHECK(score >= before_s + GF_RD_SERVER_TTL_S && score <= after_s + GF_RD_SERVER_TTL_S);
        int64_t ttl = raw_int("TTL %s:{host-1:4711:id-1}", sets[i]);
        CHECK(ttl > 0 && ttl <= GF_RD_SERVER_TTL_S);
    }
    gf_wire_server *server = server_record("id-1");
    if (server) {
        CHECK_STR(server->host, "host-1");
        CHECK_INT(server->pid, 4711);
        CHECK_STR(server->server_id, "id-1");
        CHECK_INT(server->concurrency, 7);
        CHECK_INT(server->queue_count, 2);
        for (size_t i = 0; i < server->queue_count; i++)
            CHECK_INT(server->queues[i].priority, strcmp(server->queues[i].queue, "mail box") == 0 ? 3 : 1);
        CHECK(server->strict);
        CHECK_STR(server->status, "active");
        CHECK_INT(server->started_ms, 1893553445678);
        CHECK_INT(server->active, 2);
        gf_free(server);
    }
    redisReply *hash = ask("HGETALL", "asynq:workers:{host-1:4711:id-1}");
    if (hash && CHECK_INT(hash->elements, 4))
        for (size_t i = 0; i < 4; i += 2) {
            gf_wire_worker *w;
            size_t which = strcmp(hash->element[i]->str, "t1") == 0 ? 0 : 1;
            if (!CHECK_OK(gf_wire_worker_decode(hash->element[i + 1]->str, hash->element[i + 1]->len, &w)))
                continue;
            CHECK_STR(w->task_id, tasks[which].id);
            CHECK_STR(w->host, "host-1");
            CHECK_INT(w->pid, 4711);
            CHECK_STR(w->server_id, "id-1");
            CHECK_STR(w->task_type, "email:welcome");
            CHECK_STR(w->queue, "mail box");
            CHECK_MEM(w->payload, w->payload_size, tasks[which].payload, tasks[which].payload_size);
            CHECK_INT(w->started_ms, 1893553446001);
            CHECK_INT(w->deadline_ms, tasks[which].deadline_ms);
            gf_free(w);
        }
    if (hash)
        freeReplyObject(hash);
    CHECK_INT(raw_int("EXISTS asynq:queues"), 0);       // nothing else is made
    tear_down();
}

static void each_heartbeat_replaces_the_one_before(void)
{
    static const struct { const char *state, *status; } cases[] = {
        { "active", "active" }, { "quiet", "stopped" }, { "stopping", "closed" },
    };
    set_up();
    gf_running task = running_task("t1", "x", 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_worker_entry e = entry("id-1");
        e.state = cases[i].state;
        e.tasks = &task;
        e.task_count = i == 2 ? 0 : 1;
        task.id = i == 0 ? "t1" : "t2";
        REQUIRE_OK(b->ops->worker_register(b, &e, LEASE_MS));
        gf_wire_server *server = server_record("id-1");
        CHECK_STR(server ? server->status : NULL, cases[i].status);
        gf_free(server);
        CHECK_INT(raw_int("HLEN asynq:workers:{host-1:4711:id-1}"), i == 2 ? 0 : 1);
        CHECK_INT(raw_int("HEXISTS asynq:workers:{host-1:4711:id-1} t2"), i == 1);
    }
    CHECK_INT(raw_int("EXISTS asynq:workers:{host-1:4711:id-1}"), 0);   // no key while nothing runs
    tear_down();
}

static void signing_off_leaves_nothing(void)
{
    set_up();
    gf_worker_entry e = entry("id-1"), other = entry("id-2");
    gf_running task = running_task("t1", "x", 1);
    e.tasks = &task;
    e.task_count = 1;
    REQUIRE_OK(b->ops->worker_register(b, &e, LEASE_MS));
    REQUIRE_OK(b->ops->worker_register(b, &other, LEASE_MS));
    CHECK_OK(b->ops->worker_deregister(b, "id-1"));
    CHECK(!gf_rd_registered(s, "id-1"));
    CHECK(gf_rd_registered(s, "id-2"));
    CHECK_INT(raw_int("EXISTS asynq:servers:{host-1:4711:id-1}"), 0);
    CHECK_INT(raw_int("EXISTS asynq:workers:{host-1:4711:id-1}"), 0);
    CHECK_INT(raw_int("ZCARD asynq:servers"), 1);
    CHECK_INT(raw_int("ZCARD asynq:workers"), 1);
    CHECK_OK(b->ops->worker_deregister(b, "id-1"));
    CHECK_OK(b->ops->worker_deregister(b, "never"));
    CHECK_OK(b->ops->worker_deregister(b, "id-2"));
    CHECK_INT(raw_int("EXISTS asynq:servers"), 0);
    CHECK_INT(raw_int("EXISTS asynq:workers"), 0);
    tear_down();
}

static void large_payloads_are_left_out(void)
{
    enum { SMALL = 64 * 1024, TASKS = 40 };
    set_up();
    char *bytes = calloc(1, SMALL + 1);
    static char ids[TASKS][8];
    gf_running tasks[TASKS];
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < TASKS; i++) {
        snprintf(ids[i], sizeof ids[i], "t%zu", i);
        tasks[i] = running_task(ids[i], bytes, i == 0 ? SMALL + 1 : SMALL);
    }
    gf_worker_entry e = entry("id-1");
    e.tasks = tasks;
    e.task_count = TASKS;
    REQUIRE_OK(b->ops->worker_register(b, &e, LEASE_MS));
    free(bytes);
    size_t shown = 0;
    redisReply *hash = ask("HGETALL", "asynq:workers:{host-1:4711:id-1}");
    if (hash && CHECK_INT(hash->elements, 2 * TASKS))
        for (size_t i = 0; i < hash->elements; i += 2) {
            gf_wire_worker *w;
            if (!CHECK_OK(gf_wire_worker_decode(hash->element[i + 1]->str, hash->element[i + 1]->len, &w)))
                continue;
            CHECK(w->payload_size == 0 || w->payload_size == SMALL);
            CHECK(strcmp(w->task_id, "t0") != 0 || w->payload_size == 0);
            shown += w->payload_size > 0;
            gf_free(w);
        }
    CHECK_INT(shown, 16);                // 1 MiB in all
    if (hash)
        freeReplyObject(hash);
    tear_down();
}

// What a Go server and its heartbeat would have left.
static void put_go_server(const char *key_rest, const char *id, const char *status)
{
    const gf_wire_weight queues[] = { { "critical", 6 } };
    const gf_wire_server server = { .host = "go.example", .pid = 42, .server_id = id, .concurrency = 10,
        .queues = queues, .queue_count = 1, .status = status, .started_ms = 1700000000500, .active = 1 };
    const gf_wire_worker worker = { .host = "go.example", .pid = 42, .server_id = id, .task_id = "g1",
        .task_type = "img:resize", .payload = "{}", .payload_size = 2, .queue = "critical",
        .started_ms = 1700000001000 };
    gf_bytes bytes;
    char key[256];
    snprintf(key, sizeof key, "asynq:servers:{%s}", key_rest);
    gf_rd_cmd cmd = { .slot = gf_rd_slot(key, strlen(key)) };
    redisReply *reply = NULL;
    REQUIRE_OK(gf_wire_server_encode(&server, &bytes));
    gf_rd_add(&cmd.args, "SETEX");
    gf_rd_add(&cmd.args, key);
    gf_rd_add(&cmd.args, "3600");
    gf_rd_add_bytes(&cmd.args, bytes.bytes, bytes.size);
    if (CHECK_OK(gf_rd_call(s, &cmd, &reply)))
        freeReplyObject(reply);
    gf_bytes_clear(&bytes);
    raw_run("ZADD asynq:servers %lld %s", (long long)gf_now_ms() / 1000 + 10, key);
    REQUIRE_OK(gf_wire_worker_encode(&worker, &bytes));
    snprintf(key, sizeof key, "asynq:workers:{%s}", key_rest);
    raw_set_field(key, "g1", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    raw_run("ZADD asynq:workers %lld %s", (long long)gf_now_ms() / 1000 + 10, key);
}

static const gofer_info *find_worker(const gofer_info *list, const char *id)
{
    for (size_t i = 0; i < gofer_info_count(list); i++)
        if (strcmp(gofer_info_text(gofer_info_at(list, i), "worker"), id) == 0)
            return gofer_info_at(list, i);
    CHECK_STR(NULL, id);
    return NULL;
}

static void check_ours(const gofer_info *w)
{
    if (!w)
        return;
    CHECK_STR(gofer_info_text(w, "host"), "host-1");
    CHECK_INT(gofer_info_int(w, "pid", 0), 4711);
    CHECK_INT(gofer_info_int(w, "started_at_ms", 0), 1893553445678);
    CHECK_STR(gofer_info_text(w, "state"), "quiet");
    CHECK_INT(gofer_info_int(w, "concurrency", 0), 7);
    CHECK_INT(gofer_info_int(w, "running", 0), 2);
    CHECK_HAS(gofer_info_text(w, "queues"), "mail box=3");
    CHECK_HAS(gofer_info_text(w, "queues"), "low=1=1");
    CHECK_INT(gofer_info_int(w, "strict", 0), 1);
    CHECK_INT(gofer_info_count(gofer_info_child(w, "tasks")), 0);
}

static void check_gos(const gofer_info *w)
{
    if (!w)
        return;
    CHECK_STR(gofer_info_text(w, "host"), "go.example");
    CHECK_STR(gofer_info_text(w, "state"), "active");
    CHECK_STR(gofer_info_text(w, "queues"), "critical=6");
    CHECK_INT(gofer_info_int(w, "started_at_ms", 0), 1700000000500);
    CHECK_INT(gofer_info_int(w, "strict", 1), 0);
    const gofer_info *tasks = gofer_info_child(w, "tasks"), *task = gofer_info_at(tasks, 0);
    CHECK_INT(gofer_info_count(tasks), 1);
    CHECK_STR(gofer_info_text(task, "id"), "g1");
    CHECK_STR(gofer_info_text(task, "type"), "img:resize");
    CHECK_STR(gofer_info_text(task, "queue"), "critical");
    CHECK_INT(gofer_info_int(task, "started_at_ms", 0), 1700000001000);
    CHECK(!gofer_info_has(task, "deadline_ms"));
    size_t size;
    const void *payload = gofer_info_bytes(task, "payload", &size);
    CHECK_MEM(payload, size, "{}", 2);
}

static void the_list_shows_gos_workers_and_ours(void)
{
    set_up();
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->workers(b, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);

    gf_worker_entry e = entry("id-1");
    e.state = "quiet";
    REQUIRE_OK(b->ops->worker_register(b, &e, LEASE_MS));
    put_go_server("go.example:42:uuid-1", "uuid-1", "active");
    put_go_server("go.example:42:uuid-2", "uuid-2", "closed");
    put_go_server("go.example:42:uuid-3", "uuid-3", "active");
    raw_run("DEL asynq:servers:{go.example:42:uuid-3}");                 // expired
    long long now_s = (long long)gf_now_ms() / 1000;
    raw_run("ZADD asynq:servers %lld asynq:servers:{go.example:1:of-old}", now_s - 86400);
    raw_run("ZADD asynq:servers %lld asynq:servers:{go.example:1:damaged}", now_s + 10);
    raw_run("SET asynq:servers:{go.example:1:damaged} \x0a\xff");
    raw_run("ZADD asynq:servers %lld asynq:servers:{go.example:1:a-list}", now_s + 10);
    raw_run("LPUSH asynq:servers:{go.example:1:a-list} x");
    raw_run("ZADD asynq:servers %lld something-else", now_s + 10);

    gf_broker *other = open_broker();
    if (CHECK_OK(other->ops->workers(other, &list))) {
        CHECK_INT(gofer_info_count(list), 3);
        check_ours(find_worker(list, "id-1"));
        check_gos(find_worker(list, "uuid-1"));
        const gofer_info *closed = find_worker(list, "uuid-2");
        CHECK_STR(closed ? gofer_info_text(closed, "state") : NULL, "stopping");
        gofer_info_free(list);
    }
    gf_broker_close(other);
    // Long over: forgotten. Just over: perhaps by our clock only.
    CHECK_INT(raw_int("ZSCORE asynq:servers asynq:servers:{go.example:1:of-old}"), -1);
    CHECK(raw_int("ZSCORE asynq:servers asynq:servers:{go.example:42:uuid-3}") > 0);
    tear_down();
}

// ---- waiting --------------------------------------------------------------------------------------

static gf_waiter *open_waiter(const char *const *queues, size_t count)
{
    gf_waiter *w = NULL;
    REQUIRE_OK(b->ops->waiter_open(b, queues, count, &w));
    return w;
}

// What a worker does that finds nothing: one arming for each wait.
static gofer_status wait_in_vain(gf_waiter *w, int64_t timeout_ms)
{
    b->ops->waiter_arm(w);
    return b->ops->waiter_wait(w, timeout_ms);
}

typedef struct later {
    gf_waiter *waiter;
    pthread_t  thread;
    gofer_status status;
    _Atomic int  over;
} later;

static void *wait_in_thread(void *arg)
{
    later *l = arg;
    l->status = wait_in_vain(l->waiter, PATIENCE_MS);
    l->over = 1;
    return NULL;
}

// A thread that waits, and waits already: its commands are blocked at the server.
static void begin_waiting(later *l, gf_waiter *w, int64_t blocked)
{
    *l = (later){ .waiter = w };
    REQUIRE(pthread_create(&l->thread, NULL, wait_in_thread, l) == 0);
    if (!is_cluster())
        WAIT_FOR(info_number("clients", "blocked_clients") >= blocked);
}

static gofer_status end_waiting(later *l)
{
    pthread_join(l->thread, NULL);
    return l->status;
}

static const char *const q[] = { "q" };

static void a_push_by_anybody_wakes(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    later l;
    begin_waiting(&l, w, 1);
    CHECK(!l.over);
    raw_everywhere("CONFIG RESETSTAT");
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    // Told by the command that blocked, not by asking.
    CHECK_INT(calls_of("llen"), 0);
    CHECK(calls_of("blmove") <= 1);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "one");
    b->ops->waiter_close(w);
    tear_down();
}

static void what_is_there_is_told_and_not_moved(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("LPUSH asynq:{q}:pending one two three");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "three two one");
    b->ops->waiter_close(w);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "three two one");
    tear_down();
}

static void every_waiter_is_woken(void)
{
    enum { WAITERS = 5 };
    set_up();
    gf_waiter *w[WAITERS];
    later l[WAITERS];
    for (size_t i = 0; i < WAITERS; i++) {
        w[i] = open_waiter(q, 1);
        begin_waiting(&l[i], w[i], (int64_t)i + 1);
    }
    raw_run("LPUSH asynq:{q}:pending one");
    for (size_t i = 0; i < WAITERS; i++) {
        CHECK_STATUS(end_waiting(&l[i]), GOFER_OK);
        b->ops->waiter_close(w[i]);
    }
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 1);
    tear_down();
}

static void idle_costs_next_to_nothing(void)
{
    set_up();
    if (is_cluster())
        SKIP("commands are counted on one server");
    gf_waiter *w = open_waiter(q, 1);
    CHECK_STATUS(wait_in_vain(w, 0), GOFER_ETIMEOUT);    // the line is open now
    raw_everywhere("CONFIG RESETSTAT");
    for (int i = 0; i < 30; i++)
        CHECK_STATUS(wait_in_vain(w, 100), GOFER_ETIMEOUT);
    // One that blocks for five seconds may end in these three: more only if it was slow here.
    CHECK(calls_of("blmove") <= 2);
    CHECK_INT(calls_of("exists") + calls_of("llen"), 0);
    b->ops->waiter_close(w);
    tear_down();
}

// Waits in vain until the time is over; how often it was woken.
static int wakes_within(gf_waiter *w, int64_t ms)
{
    int wakes = 0;
    for (int64_t end_ms = gf_mono_ms() + ms, left; (left = end_ms - gf_mono_ms()) > 0;)
        wakes += wait_in_vain(w, left) == GOFER_OK;
    return wakes;
}

static void a_paused_queue_is_looked_at_now_and_then(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("SET asynq:{q}:paused 1");
    raw_run("LPUSH asynq:{q}:pending one");
    raw_everywhere("CONFIG RESETSTAT");
    CHECK(wakes_within(w, 3000) <= 2);
    if (!is_cluster())
        CHECK(calls_of("blmove") + calls_of("exists") + calls_of("llen") <= 3 * 5);
    raw_run("DEL asynq:{q}:paused");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->waiter_close(w);
    tear_down();
}

// Pending, not paused, and yet nothing for this worker: it must not spin.
static void wakes_in_vain_become_rare(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_run("LPUSH asynq:{q}:pending one");
    wakes_within(w, 1000);
    CHECK(wakes_within(w, 2000) <= 60);
    // A wake that brought a task, for which the worker arms again, ends the back-off.
    b->ops->waiter_arm(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->waiter_close(w);
    tear_down();
}

static void wake_ends_a_wait_and_the_next(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    b->ops->waiter_wake(w);
    b->ops->waiter_wake(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    CHECK_STATUS(wait_in_vain(w, 20), GOFER_ETIMEOUT);
    later l;
    begin_waiting(&l, w, 1);
    b->ops->waiter_wake(w);
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    b->ops->waiter_close(w);
    w = open_waiter(NULL, 0);            // watches nothing, but must be woken
    CHECK_STATUS(wait_in_vain(w, 20), GOFER_ETIMEOUT);
    b->ops->waiter_wake(w);
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->waiter_close(w);
    tear_down();
}

static void many_queues_are_watched(void)
{
    static const char *const names[] = { "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11" };
    set_up();
    gf_waiter *w = open_waiter(names, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++) {
        later l;
        begin_waiting(&l, w, 8);
        raw_run("LPUSH asynq:{%s}:pending one", names[i]);
        CHECK_STATUS(end_waiting(&l), GOFER_OK);
        raw_run("RPOP asynq:{%s}:pending", names[i]);
    }
    if (!is_cluster()) {
        wakes_within(w, 1500);           // polling slows down
        raw_everywhere("CONFIG RESETSTAT");
        CHECK_INT(wakes_within(w, 2000), 0);
        CHECK(calls_of("llen") <= 4 * 2 * 6);
        CHECK(calls_of("blmove") <= 2 * 8);
    }
    b->ops->waiter_close(w);
    tear_down();
}

static void a_broken_line_is_opened_again(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    later l;
    begin_waiting(&l, w, 1);
    raw_everywhere("CLIENT KILL TYPE normal SKIPME yes");
    if (!is_cluster())
        WAIT_FOR(info_number("clients", "blocked_clients") >= 1);
    CHECK(!l.over || l.status == GOFER_OK);
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(end_waiting(&l), GOFER_OK);
    b->ops->waiter_close(w);
    tear_down();
}

static void full_memory_means_polling(void)
{
    set_up();
    gf_waiter *w = open_waiter(q, 1);
    raw_everywhere("CONFIG SET maxmemory 1");
    raw_everywhere("CONFIG RESETSTAT");
    CHECK_INT(wakes_within(w, 1500), 0);
    if (!is_cluster()) {
        CHECK(calls_of("llen") > 0);
        CHECK(calls_of("llen") <= 60);
    }
    raw_everywhere("CONFIG SET maxmemory 0");
    raw_run("LPUSH asynq:{q}:pending one");
    CHECK_STATUS(wait_in_vain(w, PATIENCE_MS), GOFER_OK);
    b->ops->waiter_close(w);
    tear_down();
}

// ---- cancelling -------------------------------------------------------------------------------------

static _Atomic int told_wanted, told_other;

static void note_told(void *arg, const char *queue, const char *id)
{
    (void)arg, (void)queue;
    if (strcmp(id, "wanted") == 0)
        told_wanted++;
    else
        told_other++;
}

static void gos_announcement_is_heard(void)
{
    set_up();
    gf_watch *w = NULL;
    told_wanted = told_other = 0;
    REQUIRE_OK(b->ops->watch_open(b, NULL, &(gf_told){ .cancel = note_told }, &w));
    raw_run("PUBLISH asynq:cancel wanted");
    WAIT_FOR(told_wanted == 1);
    raw_run("PUBLISH asynq:other wanted");
    raw_run("PUBLISH asynq:cancel another");
    WAIT_FOR(told_other == 1);
    CHECK_INT(told_wanted, 1);
    b->ops->watch_close(w);
    tear_down();
}

static void a_watch_subscribes_again(void)
{
    set_up();
    gf_watch *w = NULL;
    told_wanted = told_other = 0;
    REQUIRE_OK(b->ops->watch_open(b, NULL, &(gf_told){ .cancel = note_told }, &w));
    raw_everywhere("CLIENT KILL TYPE pubsub");
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; told_wanted == 0 && gf_mono_ms() < end_ms; gf_sleep_us(5000))
        raw_run("PUBLISH asynq:cancel wanted");
    CHECK(told_wanted > 0);
    b->ops->watch_close(w);
    tear_down();
}

static void our_request_is_announced_as_asynq_does(void)
{
    set_up();
    raw_run("HSET asynq:{q}:t:one msg x state active");
    gf_rd_line *line = NULL;
    gf_rd_args args = { 0 };
    redisReply *r = NULL;
    REQUIRE_OK(gf_rd_line_open(&line, s->net, GF_RD_ANY_SLOT, 10000));
    gf_rd_add(&args, "SUBSCRIBE");
    gf_rd_add(&args, "asynq:cancel");
    CHECK_OK(gf_rd_line_send(line, &args, 10000));
    gf_rd_args_clear(&args);
    WAIT_FOR(r || gf_rd_line_next(line, &r) == GOFER_OK);
    if (r)
        freeReplyObject(r);
    CHECK_OK(b->ops->cancel(b, "q", "one"));
    r = NULL;
    WAIT_FOR(r || gf_rd_line_next(line, &r) == GOFER_OK);
    if (r && CHECK_INT(r->elements, 3)) {
        CHECK_STR(r->element[0]->str, "message");
        CHECK_STR(r->element[2]->str, "one");
    }
    if (r)
        freeReplyObject(r);
    gf_rd_line_close(line);
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:one gofer:cancel"), 0);       // a Go worker's: nothing to note
    CHECK_STATUS(b->ops->cancel(b, "q", "none"), GOFER_ENOTFOUND);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:none"), 0);
    tear_down();
}

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
} rig;

static _Atomic int runs;

static int32_t obey(gofer_task *task, void *user)
{
    (void)user;
    runs++;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    return gofer_task_cancelled(task) == GOFER_CANCEL_REQUEST ? GOFER_RETRY : GOFER_SKIP_RETRY;
}

static void start_rig(rig *r)
{
    const char *argv[] = { "sleep", "600", NULL };
    *r = (rig){ 0 };
    runs = 0;
    REQUIRE_OK(gofer_client_open(&r->client, suite_url, NULL));
    REQUIRE_OK(gofer_worker_new(&r->worker, r->client));
    REQUIRE_OK(gofer_worker_set(r->worker, "lease", "3s"));
    REQUIRE_OK(gofer_worker_handle(r->worker, "obey", obey, NULL, NULL));
    REQUIRE_OK(gofer_worker_exec(r->worker, "sleep", argv));
    REQUIRE_OK(gofer_worker_start(r->worker));
}

static void enqueue(rig *r, const char *type, const char *id)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.task_id = id;
    CHECK_OK(gofer_client_enqueue(r->client, type, NULL, 0, &opts, NULL));
}

static bool task_is(const char *id, const char *state)
{
    const char *text = raw_text("HGET asynq:{default}:t:%s state", id);
    return text && strcmp(text, state) == 0;
}

static void check_error(rig *r, const char *id, const char *want, int64_t retried)
{
    gofer_info *info;
    if (!CHECK_OK(gofer_client_task(r->client, NULL, id, &info)))
        return;
    CHECK_HAS(gofer_info_text(info, "last_error"), want);
    CHECK_INT(gofer_info_int(info, "retried", -1), retried);
    gofer_info_free(info);
}

static void gos_announcement_stops_handlers_and_commands(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "obey", "one");
    enqueue(&r, "sleep", "two");
    WAIT_FOR(runs == 1 && task_is("two", "active"));
    // Repeated as an operator would: an announcement that comes before the worker has its task is lost.
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; gf_mono_ms() < end_ms; gf_sleep_us(20000)) {
        if (task_is("one", "retry") && task_is("two", "retry"))
            break;
        raw_run("PUBLISH asynq:cancel one");
        raw_run("PUBLISH asynq:cancel two");
    }
    CHECK(task_is("one", "retry"));
    CHECK(task_is("two", "retry"));
    check_error(&r, "one", "context canceled", 1);
    check_error(&r, "two", "context canceled", 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    tear_down();
}

static void a_lost_announcement_is_found_by_the_heartbeat(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "obey", "one");
    WAIT_FOR(runs == 1);
    const char *claim = raw_text("HGET asynq:{default}:t:one gofer:claim");
    char token[64];
    REQUIRE(claim && strlen(claim) < sizeof token);
    strcpy(token, claim);
    raw_run("HSET asynq:{default}:t:one gofer:cancel of-an-earlier-run");
    gf_sleep_us(1200000);                // a heartbeat goes by, every second
    CHECK(task_is("one", "active"));
    raw_run("HSET asynq:{default}:t:one gofer:cancel %s", token);
    WAIT_FOR(task_is("one", "archived"));      // gofer's own request: set aside
    check_error(&r, "one", "cancelled", 0);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    tear_down();
}

static void a_worker_shows_what_it_runs(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "sleep", "two");
    gofer_info *list = NULL;
    size_t tasks = 0;
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; tasks == 0 && gf_mono_ms() < end_ms; gf_sleep_us(20000)) {
        gofer_info_free(list);
        list = NULL;
        REQUIRE_OK(gofer_client_workers(r.client, &list));
        REQUIRE(gofer_info_count(list) == 1);
        tasks = gofer_info_count(gofer_info_child(gofer_info_at(list, 0), "tasks"));
    }
    const gofer_info *worker = gofer_info_at(list, 0), *task = gofer_info_at(gofer_info_child(worker, "tasks"), 0);
    CHECK_STR(gofer_info_text(worker, "worker"), gofer_worker_id(r.worker));
    CHECK_STR(gofer_info_text(worker, "queues"), "default=1");
    CHECK_INT(gofer_info_int(worker, "running", 0), 1);
    CHECK_STR(gofer_info_text(task, "id"), "two");
    CHECK_STR(gofer_info_text(task, "type"), "sleep");
    CHECK(gofer_info_int(task, "deadline_ms", 0) > gofer_info_int(task, "started_at_ms", 0));
    gofer_info_free(list);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    CHECK_INT(raw_int("EXISTS asynq:servers"), 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_worker_is_recorded_as_asynq_does), TEST(each_heartbeat_replaces_the_one_before),
        TEST(signing_off_leaves_nothing), TEST(large_payloads_are_left_out), TEST(the_list_shows_gos_workers_and_ours),
        TEST(a_push_by_anybody_wakes), TEST(what_is_there_is_told_and_not_moved), TEST(every_waiter_is_woken),
        TEST(idle_costs_next_to_nothing), TEST(a_paused_queue_is_looked_at_now_and_then),
        TEST(wakes_in_vain_become_rare), TEST(wake_ends_a_wait_and_the_next), TEST(many_queues_are_watched),
        TEST(a_broken_line_is_opened_again), TEST(full_memory_means_polling),
        TEST(gos_announcement_is_heard), TEST(a_watch_subscribes_again), TEST(our_request_is_announced_as_asynq_does),
        TEST(gos_announcement_stops_handlers_and_commands), TEST(a_lost_announcement_is_found_by_the_heartbeat),
        TEST(a_worker_shows_what_it_runs),
    };
    suite_url = getenv("GOFER_TEST_REDIS");
    if (!suite_url) {
        printf("SKIPPED: no GOFER_TEST_REDIS; run me by tests/redis/servers.py single -- %s\n", argv[0]);
        return 77;
    }
    int code = check_main(argc, argv, tests, COUNT(tests));
    raw_close();
    return code;
}
