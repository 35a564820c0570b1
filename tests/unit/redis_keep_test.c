// redis_keep_test.c - housekeeping on Redis queues: what is due, what was lost, what is kept too
// long, and what others or accidents left there. Run by tests/redis/servers.py.
#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/clock.h"

// ---- making tasks as Asynq leaves them ----------------------------------------------------------

static const char *key_of(const char *queue, const char *rest)
{
    static gf_rd_key key;
    gf_rd_key_of(&key, queue, rest);
    return key.text;
}

static void set_message(const char *queue, const char *id)
{
    char rest[64];
    gf_message m = message(queue, id);
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    snprintf(rest, sizeof rest, "t:%s", id);
    raw_set_field(key_of(queue, rest), "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
}

static int64_t server_s(void)
{
    return raw_int("TIME");
}

static void make_later(const char *queue, const char *state, const char *id, int64_t score)
{
    set_message(queue, id);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state %s", queue, id, state);
    raw_run("ZADD asynq:{%s}:%s %lld %s", queue, state, (long long)score, id);
}

// As a Go worker takes it, so many seconds of its lease left.
static void make_active(const char *queue, const char *id, int64_t left_s)
{
    set_message(queue, id);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state active", queue, id);
    raw_run("LPUSH asynq:{%s}:active %s", queue, id);
    raw_run("ZADD asynq:{%s}:lease %lld %s", queue, (long long)(server_s() + left_s), id);
}

// The same by a worker of ours.
static void make_ours(const char *queue, const char *id, int64_t left_s)
{
    make_active(queue, id, left_s);
    raw_run("HSET asynq:{%s}:t:%s gofer:claim 00000000000000aa gofer:worker 1:w gofer:progress x",
        queue, id);
}

static const char *pending(const char *queue)
{
    const char *ids = raw_text("LRANGE asynq:{%s}:pending 0 -1", queue);
    return ids ? ids : "";
}

static size_t forward(gf_broker *b, size_t limit, int64_t *next_ms)
{
    size_t moved = 99999;
    int64_t next = -1;
    CHECK_OK(b->ops->upkeep->forward(b, limit, &moved, &next));
    if (next_ms)
        *next_ms = next;
    return moved;
}

static gf_recovered recover(gf_broker *b, size_t limit, int32_t crash_limit)
{
    gf_recovered r = { .requeued = 99, .archived = 99 };
    CHECK_OK(b->ops->upkeep->recover(b, limit, crash_limit, &r));
    return r;
}

static size_t purge(gf_broker *b, size_t limit)
{
    size_t count = 99999;
    CHECK_OK(b->ops->upkeep->purge(b, limit, &count));
    return count;
}

// ---- forward ------------------------------------------------------------------------------------

static void due_tasks_join_pending_in_the_order_of_their_times(void)
{
    gf_broker *b = raw_fresh();
    int64_t now = server_s(), next_ms;
    make_later("q", "scheduled", "d", now - 1);
    make_later("q", "scheduled", "b", now - 30);
    make_later("q", "retry", "a", now - 40);
    make_later("q", "retry", "c", now - 20);
    make_later("q", "scheduled", "far", now + 3600);
    raw_run("HSET asynq:{q}:t:c gofer:claim 00000000000000aa gofer:worker 1:w");
    CHECK_INT(forward(b, 3, &next_ms), 3);
    CHECK(next_ms <= gf_now_ms());                      // there is one more
    CHECK_STR(pending("q"), "c b a");
    CHECK_INT(forward(b, 3, NULL), 1);
    CHECK_INT(forward(b, 3, NULL), 0);
    CHECK_STR(pending("q"), "d c b a");
    CHECK_STR(raw_field("q", "c", "state"), "pending");
    CHECK_STR(raw_field("q", "c", "gofer:claim"), "");
    CHECK_INT(strlen(raw_field("q", "c", "pending_since")), 19);
    CHECK_STR(raw_text("ZRANGE asynq:{q}:scheduled 0 -1"), "far");
    CHECK_INT(raw_int("EXISTS asynq:{q}:retry"), 0);
    gf_broker_close(b);
}

static void due_ids_without_a_task_are_dropped(void)
{
    gf_broker *b = raw_fresh();
    int64_t now = server_s();
    make_later("q", "scheduled", "real", now - 5);
    raw_run("ZADD asynq:{q}:scheduled %lld gone", (long long)now - 9);
    raw_run("ZADD asynq:{q}:retry %lld stub", (long long)now - 9);
    raw_run("HSET asynq:{q}:t:stub state retry");
    raw_run("ZADD asynq:{q}:retry %lld odd", (long long)now - 9);
    raw_run("SET asynq:{q}:t:odd 1");
    CHECK_INT(forward(b, 100, NULL), 1);
    CHECK_STR(pending("q"), "real");
    CHECK_INT(raw_int(
                  "EXISTS asynq:{q}:scheduled asynq:{q}:retry asynq:{q}:t:gone asynq:{q}:t:stub"),
        0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:odd"), 1);    // not ours to delete
    gf_broker_close(b);
}

static void due_tasks_of_a_group_go_back_to_it(void)
{
    gf_broker *b = raw_fresh();
    int64_t now = server_s();
    make_later("q", "retry", "a", now);
    raw_run("HSET asynq:{q}:t:a group g1");
    make_later("q", "retry", "b", now);
    raw_set_field("asynq:{q}:t:b", "group", "", 0);
    CHECK_INT(forward(b, 100, NULL), 2);
    CHECK_STR(raw_field("q", "a", "state"), "aggregating");
    CHECK_STR(raw_field("q", "a", "pending_since"), "");
    CHECK_STR(raw_text("SMEMBERS asynq:{q}:groups"), "g1");
    CHECK(raw_int("ZSCORE asynq:{q}:g:g1 a") >= now);
    CHECK_STR(pending("q"), "b");
    gf_broker_close(b);
}

// Many at once, made by the server itself.
static void make_many(const char *queue, const char *zset, int from, int count, int64_t score,
    int step)
{
    char text[1024];
    set_message(queue, "model");
    snprintf(text, sizeof text,
        "local p = string.match(KEYS[1], '^(asynq:{.*}:)') local m = redis.call('HGET', p .. "
        "'t:model', 'msg') for i = %d, %d do local id = string.format('t%%06d', i) "
        "redis.call('HSET', p .. 't:' .. id, 'msg', m, 'state', '%s') redis.call('ZADD', p .. "
        "'%s', string.format('%%.0f', %lld + %d * i), id) end redis.call('DEL', p .. 't:model') "
        "return 1",
        from, from + count - 1, zset, zset, (long long)score, step);
    raw_script(text, key_of(queue, zset));
    raw_run("SADD asynq:queues %s", queue);
}

static void thousands_of_due_tasks_are_moved_in_bounded_steps(void)
{
    gf_broker *b = raw_fresh();
    make_many("q", "scheduled", 0, 3300, server_s() - 9999, 1);
    make_many("q", "retry", 5000, 200, server_s() - 99999, 0);
    CHECK_INT(forward(b, 1000, NULL), 1000);
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 1000);
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending -1"), "t005000");
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending 0"), "t000799");
    size_t total = 1000;
    for (size_t some; (some = forward(b, 1000, NULL)) > 0;)
        total += some;
    CHECK_INT(total, 3500);
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending 0"), "t003299");
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 3500);
    gf_broker_close(b);
}

static void many_queues_are_served_in_one_call(void)
{
    gf_broker *b = raw_fresh();
    char queue[32];
    for (int i = 0; i < 300; i++) {
        snprintf(queue, sizeof queue, "q%d", i);
        make_many(queue, "scheduled", 0, i == 7 ? 50 : 1, server_s() - 10, 0);
    }
    CHECK_INT(forward(b, 100, NULL), 100);
    CHECK_INT(forward(b, 1000, NULL), 249);
    CHECK_INT(forward(b, 1000, NULL), 0);
    CHECK_INT(raw_int("LLEN asynq:{q7}:pending"), 50);
    CHECK_INT(raw_int("LLEN asynq:{q299}:pending"), 1);
    gf_broker_close(b);
}

// More than one call looks at: they take turns, and those we serve are always looked at.
static void very_many_queues_take_turns(void)
{
    gf_broker *b = raw_fresh();
    gf_weight served = { "served", 1 };
    gf_worker_entry entry = {
        .id = "w",
        .host = "here",
        .pid = 1,
        .started_ms = gf_now_ms(),
        .state = "active",
        .concurrency = 1,
        .queues = "served=1",
        .weights = &served,
        .weight_count = 1,
    };
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &entry, LEASE_MS));
    raw_script("for i = 1, 2500 do redis.call('SADD', KEYS[1], 'q' .. i) end return 1",
        "asynq:queues");
    for (int i = 1; i <= 2500; i += 500) {
        char queue[16];
        snprintf(queue, sizeof queue, "q%d", i);
        make_later(queue, "scheduled", "t", server_s() - 1);
    }
    size_t total = 0;
    for (int call = 0; call < 3; call++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", call);
        make_later("served", "scheduled", id, server_s() - 1);
        total += forward(b, 1000, NULL);
        CHECK_STR(raw_field("served", id, "state"), "pending");
    }
    CHECK_INT(total, 5 + 3);
    raw_run("SREM asynq:queues served");                // as Go's removal of a queue does
    make_many("served", "scheduled", 0, 2, server_s() - 1, 0);
    raw_run("SREM asynq:queues served");
    gf_sleep_us(1100000);
    CHECK_INT(forward(b, 1000, NULL), 2);
    b->ops->upkeep->worker_deregister(b, "w");
    gf_broker_close(b);
}

static void the_next_look_is_told_in_time(void)
{
    gf_broker *b = raw_fresh();
    int64_t next_ms, now_ms = gf_now_ms();
    forward(b, 10, &next_ms);
    CHECK(next_ms > now_ms && next_ms <= gf_now_ms() + 1100);   // others add tasks unseen
    make_later("q", "scheduled", "t", server_s() + 3600);
    now_ms = gf_now_ms();
    forward(b, 10, &next_ms);
    CHECK(next_ms > now_ms && next_ms <= gf_now_ms() + 1100);
    gf_broker_close(b);
}

static void a_broken_queue_stops_no_other(void)
{
    gf_broker *b = raw_fresh();
    make_later("q", "scheduled", "t", server_s() - 1);
    make_ours("q", "lost", -10);
    make_later("q", "completed", "old", server_s() - 1);
    raw_run("SADD asynq:queues bad worse");
    raw_run("SET asynq:{bad}:scheduled 1");
    raw_run("SET asynq:{bad}:lease 1");
    raw_run("SET asynq:{bad}:completed 1");
    make_ours("worse", "lost", -10);
    raw_run("SET asynq:{worse}:pending 1");
    CHECK_INT(forward(b, 10, NULL), 1);
    CHECK_INT(recover(b, 10, 3).requeued, 1);
    CHECK_INT(purge(b, 10), 1);
    CHECK_STR(pending("q"), "t lost");
    CHECK_STR(raw_field("worse", "lost", "state"), "active");      // all or nothing
    CHECK_STR(raw_field("worse", "lost", "gofer:claim"), "00000000000000aa");
    gf_broker_close(b);
}

// The leases of a dead worker end one after another: what it held is known until the last of them
// has ended, and longer.
static void a_death_is_remembered_beyond_the_latest_lease(void)
{
    static const struct { const char *id; int64_t left_s; } held[] = {
        { "lost", -10 }, { "next", 300 }, { "last", 900 }, { "soon", 5 },
    };
    static const char worker[] = "1 dead";
    gf_broker *b = raw_fresh();
    for (size_t i = 0; i < COUNT(held); i++) {
        char rest[16];
        snprintf(rest, sizeof rest, "t:%s", held[i].id);
        make_ours("q", held[i].id, held[i].left_s);
        raw_set_field(key_of("q", rest), "gofer:worker", worker, strlen(worker));
    }
    CHECK(recover(b, 10, 3).requeued >= 1);
    CHECK_STR(raw_text("GET asynq:gofer:{dead}:died"), "4 0");
    int64_t ttl = raw_int("TTL asynq:gofer:{dead}:died");
    CHECK(ttl > 900 && ttl <= 900 + 601);
    gf_broker_close(b);
}

static void full_memory_does_not_stop_housekeeping(void)
{
    gf_broker *b = raw_fresh();
    make_later("q", "scheduled", "t", server_s() - 1);
    make_ours("q", "lost", -10);
    make_later("q", "completed", "old", server_s() - 1);
    raw_everywhere("CONFIG SET maxmemory 1");
    CHECK_INT(forward(b, 10, NULL), 1);
    CHECK_INT(recover(b, 10, 3).requeued, 1);
    CHECK_INT(purge(b, 10), 1);
    raw_everywhere("CONFIG SET maxmemory 0");
    CHECK_STR(pending("q"), "t lost");
    gf_broker_close(b);
}

// ---- recover ------------------------------------------------------------------------------------

static void leases_are_recovered_after_their_grace(void)
{
    static const struct { int64_t left_s; bool ours, recovered; } cases[] = {
        { 20, true, false }, { 0, true, false }, { -10, true, true }, { -40, true, true },
        { 20, false, false }, { -10, false, false }, { -20, false, false }, { -40, false, true },
    };
    gf_broker *b = raw_fresh();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16];
        snprintf(id, sizeof id, "t%zu", i);
        (cases[i].ours ? make_ours : make_active)("q", id, cases[i].left_s);
    }
    CHECK_INT(recover(b, 100, 3).requeued, 3);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16];
        snprintf(id, sizeof id, "t%zu", i);
        CHECK_STR(raw_field("q", id, "state"), cases[i].recovered ? "pending" : "active");
        CHECK_STR(raw_field("q", id, "gofer:crashes"), cases[i].recovered ? "1 1" : "");
        CHECK_STR(raw_field("q", id, "gofer:claim"),
            cases[i].ours && !cases[i].recovered ? "00000000000000aa" : "");
    }
    CHECK_INT(raw_int("LLEN asynq:{q}:active"), 5);
    CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 5);
    gf_broker_close(b);
}

static void recovered_tasks_are_next_in_the_order_of_their_taking(void)
{
    gf_broker *b = raw_fresh();
    for (int i = 0; i < 7; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        make_ours("q", id, -20 + i / 2);
    }
    raw_run("LPUSH asynq:{q}:pending next");
    for (int i = 0; i < 3; i++)
        CHECK_INT(recover(b, 2, 3).requeued, 2);
    CHECK_INT(recover(b, 2, 3).requeued, 1);
    CHECK_INT(recover(b, 2, 3).requeued, 0);
    CHECK_STR(pending("q"), "next t6 t5 t4 t3 t2 t1 t0");
    gf_broker_close(b);
}

static void crashes_over_the_limit_are_archived_with_the_reason(void)
{
    gf_broker *b = raw_fresh();
    make_active("q", "t", -40);
    raw_run("HSET asynq:{q}:t:t gofer:crashes 2 left alone");
    gf_recovered r = recover(b, 10, 2);
    CHECK_INT(r.requeued, 0);
    CHECK_INT(r.archived, 1);
    CHECK_STR(raw_field("q", "t", "state"), "archived");
    CHECK_STR(raw_field("q", "t", "left"), "alone");
    CHECK_HAS(raw_field("q", "t", "msg"),
        "worker died 3 times while running this task (crash limit 2)");
    CHECK(raw_int("ZSCORE asynq:{q}:archived t") >= server_s() - 30);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 1);
    CHECK_INT(raw_int("GET asynq:{q}:failed"), 1);
    CHECK_INT(raw_int("EXISTS asynq:{q}:active asynq:{q}:lease asynq:{q}:pending"), 0);
    gf_broker_close(b);
}

// Nobody could read it back: it must not keep the others of its queue from being put back.
static void a_lost_message_that_is_too_long_is_archived(void)
{
    enum { LONGEST = 63 << 20 };
    store_be_patient(true);
    gf_broker *b = raw_fresh();
    store_be_patient(false);
    char *text = calloc(1, LONGEST + 1);
    REQUIRE(text != NULL);
    make_active("q", "over", -40);
    raw_set_field(key_of("q", "t:over"), "msg", text, LONGEST + 1);
    make_active("q", "just", -41);                      // can be read, though it is nonsense
    raw_set_field(key_of("q", "t:just"), "msg", text, LONGEST);
    free(text);
    make_active("q", "good", -50);
    gf_recovered r = recover(b, 10, 3);
    CHECK_INT(r.requeued, 1);
    CHECK_INT(r.archived, 2);
    CHECK_STR(pending("q"), "good");
    CHECK_STR(raw_field("q", "over", "state"), "archived");
    CHECK_HAS(raw_field("q", "over", "gofer:error"), "its message has 66060289 bytes");
    CHECK(!strstr(raw_field("q", "just", "gofer:error"), "its message has"));
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:over msg"), LONGEST + 1);
    raw_run("DEL asynq:{q}:t:over asynq:{q}:t:just");
    gf_broker_close(b);
}

static void what_cannot_be_read_is_archived_as_it_is(void)
{
    static const char bad[] = "\x0a\xff\x00nonsense";
    gf_broker *b = raw_fresh();
    make_active("q", "bad", -40);
    raw_set_field(key_of("q", "t:bad"), "msg", bad, sizeof bad - 1);
    make_active("q", "other", -40);                     // holds the message of another id
    set_message("q", "wrong");
    raw_script(
        "return redis.call('HSET', KEYS[1], 'msg', redis.call('HGET', 'asynq:{q}:t:wrong', 'msg'))",
        "asynq:{q}:t:other");
    raw_run("DEL asynq:{q}:t:wrong");
    make_active("q", "good", -50);
    gf_recovered r = recover(b, 10, 3);
    CHECK_INT(r.requeued, 1);
    CHECK_INT(r.archived, 2);
    CHECK_STR(pending("q"), "good");
    CHECK_STR(raw_field("q", "bad", "state"), "archived");
    CHECK(*raw_field("q", "bad", "gofer:error") != '\0');
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:bad msg"), sizeof bad - 1);
    CHECK_HAS(raw_field("q", "other", "gofer:error"), "another id");
    CHECK_INT(raw_int("EXISTS asynq:{q}:active asynq:{q}:lease"), 0);
    gf_broker_close(b);
}

// What cannot be asked for is no task without a message: the error is raised, by what came upon
// it, and the task stays.
static void what_may_not_be_read_is_not_taken_for_nothing(void)
{
    gf_broker *b = raw_fresh();
    make_active("q", "t", -40);
    raw_everywhere("ACL SETUSER default -hmget");
    gf_recovered r = { 0 };
    CHECK_STATUS(b->ops->upkeep->recover(b, 10, 3, &r), GOFER_EDENIED);
    CHECK_HAS(gofer_error_last(), "read lost tasks");
    raw_everywhere("ACL SETUSER default +hmget");
    CHECK_INT(r.requeued + r.archived, 0);
    CHECK_STR(raw_field("q", "t", "state"), "active");
    CHECK_INT(raw_int("LLEN asynq:{q}:active"), 1);
    CHECK_INT(recover(b, 10, 3).requeued, 1);
    CHECK_STR(pending("q"), "t");
    gf_broker_close(b);
}

static void an_active_task_without_a_lease_is_found(void)
{
    gf_broker *b = raw_fresh();
    make_active("q", "dead", 20);
    make_active("q", "alive", 20);
    raw_run("ZREM asynq:{q}:lease dead alive");
    CHECK_INT(recover(b, 10, 3).requeued, 0);           // they are given time to prove themselves
    CHECK_STR(raw_field("q", "dead", "state"), "active");
    CHECK(raw_int("ZSCORE asynq:{q}:lease dead") >= server_s());
    // a Go worker's heartbeat
    raw_run("ZADD asynq:{q}:lease XX %lld alive", (long long)server_s() + 30);
    lease_ends("q", "dead");
    CHECK_INT(recover(b, 10, 3).requeued, 1);
    CHECK_STR(raw_field("q", "dead", "state"), "pending");
    CHECK_STR(raw_field("q", "alive", "state"), "active");
    gf_broker_close(b);
}

static void many_active_ids_are_looked_through_in_time(void)
{
    gf_broker *b = raw_fresh();
    set_message("q", "model");
    raw_script("local m = redis.call('HGET', 'asynq:{q}:t:model', 'msg') redis.call('DEL', "
               "'asynq:{q}:t:model') "
               "for i = 1, 1000 do redis.call('LPUSH', KEYS[1], 't' .. i) redis.call('HSET', "
               "'asynq:{q}:t:t' .. i, 'msg', m, 'state', 'active') if i ~= 777 then "
               "redis.call('ZADD', 'asynq:{q}:lease', redis.call('TIME')[1] + 1000, 't' .. i) end "
               "end return 1",
        "asynq:{q}:active");
    raw_run("SADD asynq:queues q");
    int64_t end = gf_mono_ms() + PATIENCE_MS;
    while (raw_int("ZCARD asynq:{q}:lease") < 1000 && gf_mono_ms() < end) {
        recover(b, 10, 3);
        gf_sleep_us(200000);
    }
    CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 1000);
    gf_broker_close(b);
}

static void traces_of_tasks_that_are_not_active_are_swept(void)
{
    gf_broker *b = raw_fresh();
    make_active("q", "gone", -40);                      // id and lease, no hash
    raw_run("DEL asynq:{q}:t:gone");
    make_active("q", "stub", -40);                      // Asynq's ghost
    raw_run("HDEL asynq:{q}:t:stub msg");
    make_later("q", "retry", "waits", server_s() + 99); // a lease left behind
    raw_run("ZADD asynq:{q}:lease 5 waits");
    make_later("q", "retry", "twice", server_s() + 99); // and an active id too
    raw_run("ZADD asynq:{q}:lease 5 twice");
    raw_run("LPUSH asynq:{q}:active twice");
    raw_run("ZADD asynq:{q}:lease 5 nothing");          // a lease alone
    raw_run("LPUSH asynq:{q}:active bare");             // an active id alone
    make_active("q", "half", -40);                      // active says its hash, but not the list
    raw_run("LREM asynq:{q}:active 0 half");
    for (int i = 0; i < 3; i++) {
        gf_recovered r = recover(b, 100, 3);
        CHECK_INT(r.requeued, i == 0);
        CHECK_INT(r.archived, 0);
    }
    CHECK_STR(pending("q"), "half");
    CHECK_STR(raw_field("q", "waits", "state"), "retry");
    CHECK_INT(raw_int("ZCARD asynq:{q}:retry"), 2);
    CHECK_INT(raw_int(
                  "EXISTS asynq:{q}:active asynq:{q}:lease asynq:{q}:t:stub asynq:{q}:archived"),
        0);
    gf_broker_close(b);
}

// While the store is away no worker can renew its leases: all are over when it comes back, and who
// asks first must not take the others' tasks.
static void after_an_outage_workers_may_renew_their_leases_first(void)
{
    gf_broker *b = raw_fresh();
    gf_recovered r = { 0 };
    gofer_status st = GOFER_OK;
    make_ours("q", "t", -60);
    make_ours("q", "ours", -60);
    raw_everywhere("CLIENT PAUSE 8000 ALL");
    CHECK(b->ops->upkeep->recover(b, 10, 3, &r) != GOFER_OK);
    int64_t end = gf_mono_ms() + PATIENCE_MS;
    do {
        st = b->ops->upkeep->recover(b, 10, 3, &r);
    } while (st != GOFER_OK && gf_mono_ms() < end);
    CHECK_INT(r.requeued, 0);
    raw_run("ZADD asynq:{q}:lease %lld ours", (long long)server_s() + 30);
    for (end = gf_mono_ms() + PATIENCE_MS; r.requeued == 0 && gf_mono_ms() < end;
         gf_sleep_us(50000))
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_STR(pending("q"), "t");
    CHECK_STR(raw_field("q", "ours", "state"), "active");
    gf_broker_close(b);
}

// ---- purge --------------------------------------------------------------------------------------

static void expired_tasks_go_in_bounded_steps(void)
{
    gf_broker *b = raw_fresh();
    make_many("q", "completed", 0, 1300, server_s() - 1400, 1);
    make_many("r", "completed", 0, 3, server_s() - 10, 0);
    make_many("r", "completed", 5, 1, server_s() + 3600, 0);
    CHECK_INT(purge(b, 1), 1);
    CHECK_INT(purge(b, 900), 900);
    CHECK_INT(purge(b, 900), 402);
    CHECK_INT(purge(b, 900), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:completed asynq:{q}:t:t000000 asynq:{q}:t:t001299"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{r}:t:t000005"), 1);
    gf_broker_close(b);
}

static void the_archive_is_trimmed_in_chunks(void)
{
    gf_broker *b = raw_fresh();
    make_many("q", "archived", 0, 10050, server_s() - 20000, 1);
    raw_run("HSET asynq:{q}:t:t000000 unique_key asynq:{q}:unique:a:1");
    raw_run("SET asynq:{q}:unique:a:1 t000000");
    raw_run("HSET asynq:{q}:t:t000001 unique_key asynq:{q}:unique:a:2");
    raw_run("SET asynq:{q}:unique:a:2 somebody");
    raw_run("HSET asynq:{q}:t:t000002 unique_key {q}elsewhere");
    raw_run("SET {q}elsewhere t000002");
    CHECK_INT(purge(b, 20), 20);
    CHECK_INT(purge(b, 1000), 31);
    CHECK_INT(purge(b, 1000), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:t000050 asynq:{q}:unique:a:1"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:t000051 asynq:{q}:unique:a:2 {q}elsewhere"), 3);
    raw_script("local t = redis.call('TIME')[1] - 7776000 for _, id in ipairs(redis.call('ZRANGE', "
               "KEYS[1], 0, 8499)) do "
               "redis.call('ZADD', KEYS[1], t, id) end return 1",
        "asynq:{q}:archived");
    size_t total = 0;
    for (size_t some; (some = purge(b, 3000)) > 0;)
        total += some;
    CHECK_INT(total, 8500);
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 1499);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:t000100"), 0);
    gf_broker_close(b);
}

// ---- who of many does it ------------------------------------------------------------------------

static void enlist_workers(int count)
{
    for (int i = 0; i < count; i++)
        raw_run("ZADD asynq:servers %lld w%d", (long long)server_s() + 3600, i);
}

// Somebody else is elected until the key is removed, for good.
static void of_many_workers_one_looks(void)
{
    gf_broker *b = raw_fresh();
    enlist_workers(6);
    raw_run("SET asynq:gofer:housekeeper somebody");
    make_later("q", "scheduled", "a", server_s() - 5);
    make_ours("q", "lost", -60);
    CHECK_INT(forward(b, 10, NULL), 1);              // who never looked does all the same
    make_later("q", "scheduled", "b", server_s() - 5);
    CHECK_INT(forward(b, 10, NULL), 0);
    CHECK_INT(recover(b, 10, 3).requeued, 0);
    CHECK_STR(raw_text("ZRANGE asynq:{q}:scheduled 0 -1"), "b");

    raw_run("DEL asynq:gofer:housekeeper");
    size_t moved = 0;
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; !moved && gf_mono_ms() < end_ms;) {
        moved = forward(b, 10, NULL);
        gf_sleep_us(10000);
    }
    CHECK_INT(moved, 1);
    CHECK_INT(recover(b, 10, 3).requeued, 1);
    CHECK_INT(raw_int("EXISTS asynq:gofer:housekeeper"), 1);
    gf_broker_close(b);
}

static void of_few_workers_each_looks(void)
{
    gf_broker *b = raw_fresh();
    enlist_workers(4);
    raw_run("SET asynq:gofer:housekeeper somebody");
    for (int i = 0; i < 3; i++) {
        make_later("q", "scheduled", "a", server_s() - 5);
        CHECK_INT(forward(b, 10, NULL), 1);
    }
    gf_broker_close(b);
}

static void where_no_answer_can_be_had_everybody_looks(void)
{
    gf_broker *b = raw_fresh();
    raw_run("SET asynq:servers 1");
    for (int i = 0; i < 3; i++) {
        make_later("q", "scheduled", "a", server_s() - 5);
        CHECK_INT(forward(b, 10, NULL), 1);
    }
    gf_broker_close(b);
}

static const check_test tests[] = {
    TEST(due_tasks_join_pending_in_the_order_of_their_times),
    TEST(due_ids_without_a_task_are_dropped),
    TEST(due_tasks_of_a_group_go_back_to_it),
    TEST(thousands_of_due_tasks_are_moved_in_bounded_steps),
    TEST(many_queues_are_served_in_one_call),
    TEST(very_many_queues_take_turns),
    TEST(the_next_look_is_told_in_time),
    TEST(a_broken_queue_stops_no_other),
    TEST(a_death_is_remembered_beyond_the_latest_lease),
    TEST(full_memory_does_not_stop_housekeeping),
    TEST(leases_are_recovered_after_their_grace),
    TEST(recovered_tasks_are_next_in_the_order_of_their_taking),
    TEST(crashes_over_the_limit_are_archived_with_the_reason),
    TEST(what_cannot_be_read_is_archived_as_it_is),
    TEST(a_lost_message_that_is_too_long_is_archived),
    TEST(what_may_not_be_read_is_not_taken_for_nothing),
    TEST(an_active_task_without_a_lease_is_found),
    TEST(many_active_ids_are_looked_through_in_time),
    TEST(traces_of_tasks_that_are_not_active_are_swept),
    TEST(after_an_outage_workers_may_renew_their_leases_first),
    TEST(expired_tasks_go_in_bounded_steps),
    TEST(the_archive_is_trimmed_in_chunks),
    TEST(of_many_workers_one_looks),
    TEST(of_few_workers_each_looks),
    TEST(where_no_answer_can_be_had_everybody_looks),
};

int main(int argc, char **argv)
{
    return raw_main(argc, argv, tests, COUNT(tests));
}
