// redis_roster_test.c - on a Redis: the records of workers, as Go writes and reads them.
#include "util/alloc.h"
#include "redis_stage.h"

static const gf_weight two_queues[] = { { "mail box", 3 }, { "low=1", 1 } };

static gf_worker_entry entry(const char *id)
{
    return (gf_worker_entry){
        .id = id,
        .host = "host-1",
        .pid = 4711,
        .started_ms = 1893553445678,
        .state = "active",
        .concurrency = 7,
        .running = 2,
        .queues = "mail box=3 low=1=1",
        .weights = two_queues,
        .weight_count = 2,
        .strict = true,
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
        gf_rd_reply_free(r);
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
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
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
            CHECK_INT(server->queues[i].priority,
                strcmp(server->queues[i].queue, "mail box") == 0 ? 3 : 1);
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
            if (!CHECK_OK(gf_wire_worker_decode(hash->element[i + 1]->str,
                    hash->element[i + 1]->len, &w)))
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
        gf_rd_reply_free(hash);
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
        REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
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
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &other, LEASE_MS));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "id-1"));
    CHECK(!gf_rd_registered(s, "id-1"));
    CHECK(gf_rd_registered(s, "id-2"));
    CHECK_INT(raw_int("EXISTS asynq:servers:{host-1:4711:id-1}"), 0);
    CHECK_INT(raw_int("EXISTS asynq:workers:{host-1:4711:id-1}"), 0);
    CHECK_INT(raw_int("ZCARD asynq:servers"), 1);
    CHECK_INT(raw_int("ZCARD asynq:workers"), 1);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "id-1"));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "never"));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "id-2"));
    CHECK_INT(raw_int("EXISTS asynq:servers"), 0);
    CHECK_INT(raw_int("EXISTS asynq:workers"), 0);
    tear_down();
}

// In the slot of the record, which Go's readers know, and as long as that.
static void children_are_a_key_beside_the_record(void)
{
    static const char key[] = "asynq:gofer:children:{host-1:4711:id-1}";
    static const gf_child_entry one = { "shop", "ready", 0, 4712, 1, 4, 9, 1 << 20, 1 };
    const gf_children_entry children = { 1, 1, 4, 0, &one, 1 };
    set_up();
    gf_worker_entry e = entry("id-1");
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    CHECK_INT(raw_int("EXISTS %s", key), 0);            // who has none writes none
    CHECK_INT(gf_rd_slot(key, sizeof key - 1),
        gf_rd_slot("asynq:servers:{host-1:4711:id-1}", 32));
    e.children = &children;
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    int64_t ttl = raw_int("TTL %s", key);
    CHECK(ttl > 0 && ttl <= GF_RD_SERVER_TTL_S);
    CHECK_INT(raw_int("ZCARD asynq:servers"), 1);
    gf_wire_server *server = server_record("id-1");     // Asynq's record is the same
    CHECK_INT(server ? server->concurrency : -1, 7);
    CHECK_INT(server ? server->active : -1, 2);
    gf_free(server);
    e.children = NULL;
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    CHECK_INT(raw_int("EXISTS %s", key), 0);
    e.children = &children;
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    CHECK_INT(raw_int("EXISTS %s", key), 1);

    gofer_info *list = NULL;
    raw_run("DEL %s", key);
    raw_run("LPUSH %s x", key);                         // of another type: passed over
    if (CHECK_OK(b->ops->inspect->workers(b, NULL, &list))) {
        CHECK_INT(gofer_info_count(list), 1);
        CHECK(!gofer_info_has(gofer_info_at(list, 0), "children"));
        gofer_info_free(list);
    }
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "id-1"));
    CHECK_INT(raw_int("EXISTS %s", key), 0);
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
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    free(bytes);
    size_t shown = 0;
    redisReply *hash = ask("HGETALL", "asynq:workers:{host-1:4711:id-1}");
    if (hash && CHECK_INT(hash->elements, 2 * TASKS))
        for (size_t i = 0; i < hash->elements; i += 2) {
            gf_wire_worker *w;
            if (!CHECK_OK(gf_wire_worker_decode(hash->element[i + 1]->str,
                    hash->element[i + 1]->len, &w)))
                continue;
            CHECK(w->payload_size == 0 || w->payload_size == SMALL);
            CHECK(strcmp(w->task_id, "t0") != 0 || w->payload_size == 0);
            shown += w->payload_size > 0;
            gf_free(w);
        }
    CHECK_INT(shown, 16);                // 1 MiB in all
    if (hash)
        gf_rd_reply_free(hash);
    tear_down();
}

// What a Go server and its heartbeat would have left.
static void put_go_server(const char *key_rest, const char *id, const char *status)
{
    const gf_wire_weight queues[] = { { "critical", 6 } };
    const gf_wire_server server = { .host = "go.example",
        .pid = 42,
        .server_id = id,
        .concurrency = 10,
        .queues = queues,
        .queue_count = 1,
        .status = status,
        .started_ms = 1700000000500,
        .active = 1 };
    const gf_wire_worker worker = { .host = "go.example",
        .pid = 42,
        .server_id = id,
        .task_id = "g1",
        .task_type = "img:resize",
        .payload = "{}",
        .payload_size = 2,
        .queue = "critical",
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
        gf_rd_reply_free(reply);
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
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);

    gf_worker_entry e = entry("id-1");
    e.state = "quiet";
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
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
    if (CHECK_OK(other->ops->inspect->workers(other, NULL, &list))) {
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

// A look at the workers costs two commands, and one more for each that runs something.
static void idle_workers_are_one_command_together(void)
{
    enum { WORKERS = 40, BUSY = 3 };
    gofer_info *list = NULL;
    char id[16];
    set_up();
    gf_running task = running_task("t1", "x", 1);
    for (int i = 0; i < WORKERS; i++) {
        gf_worker_entry e = entry(id);
        snprintf(id, sizeof id, "id-%d", i);
        e.running = i < BUSY;
        e.tasks = &task;
        e.task_count = i < BUSY;
        REQUIRE_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    }
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    CHECK_INT(calls_of("mget"), 1);
    CHECK_INT(calls_of("zrange"), 1);
    CHECK_INT(calls_of("hvals"), BUSY);
    CHECK_INT(calls_of("get") + calls_of("zremrangebyscore"), 0);
    CHECK_INT(gofer_info_count(list), WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        CHECK_INT(gofer_info_count(gofer_info_child(find_worker(list, id), "tasks")), i < BUSY);
    }
    gofer_info_free(list);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_worker_is_recorded_as_asynq_does),
        TEST(each_heartbeat_replaces_the_one_before),
        TEST(signing_off_leaves_nothing),
        TEST(children_are_a_key_beside_the_record),
        TEST(large_payloads_are_left_out),
        TEST(the_list_shows_gos_workers_and_ours),
        TEST(idle_workers_are_one_command_together),
    };
    return stage_main(argc, argv, tests, COUNT(tests));
}
