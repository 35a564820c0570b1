// asynq.c - a queue shared with Go programs: what they, operators, bugs and
// full memory leave there.
#include "broker/redis/wire/wire.h"
#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/openssl.h"

static gf_recovered recover_until(gf_broker *b, size_t want)
{
    gf_recovered all = { 0 }, some = { 0 };
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         all.requeued + all.archived < want && gf_mono_ms() < end; gf_sleep_us(2000)) {
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &some));
        all.requeued += some.requeued;
        all.archived += some.archived;
    }
    return all;
}

// A task as a Go client writes it: without any field of ours.
static void go_put(const gf_message *m, const char *queue)
{
    gf_bytes bytes;
    char key[300];
    REQUIRE_OK(gf_wire_task_encode(m, NULL, NULL, &bytes));
    snprintf(key, sizeof key, "asynq:{%s}:t:%s", queue, m->id);
    raw_set_field(key, "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    raw_run("HSET %s state pending pending_since %lld000000", key, (long long)gf_now_ms());
    raw_run("LPUSH asynq:{%s}:pending %s", queue, m->id);
    raw_run("SADD asynq:queues %s", queue);
}

// What Asynq's dequeue script does.
static void go_take(const char *queue, const char *id, int64_t lease_s)
{
    CHECK_STR(raw_text("RPOPLPUSH asynq:{%s}:pending asynq:{%s}:active", queue, queue), id);
    raw_run("HSET asynq:{%s}:t:%s state active", queue, id);
    raw_run("HDEL asynq:{%s}:t:%s pending_since", queue, id);
    raw_run("ZADD asynq:{%s}:lease %lld %s", queue, (long long)lease_s, id);
}

static char *lock_key(const gf_message *m)
{
    char *key = NULL;
    gf_openssl lib;
    char why[512];
    REQUIRE_OK(gf_openssl_load(&lib, "a test", why, sizeof why));
    REQUIRE_OK(gf_wire_unique_key(&lib, m->queue, m->type, m->payload, m->payload_size, &key));
    return key;
}

static gofer_status put_unique(gf_broker *b, const gf_message *m, int64_t run_at_ms,
    int64_t unique_ms)
{
    gf_put item = { .message = m,
        .run_at_ms = run_at_ms,
        .unique_ms = unique_ms,
        .status = GOFER_EHANDLER };
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    return st == GOFER_OK ? item.status : st;
}

// ---- the layout -------------------------------------------------------------------------

static void what_is_put_lies_where_go_looks_for_it(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "later");
    int64_t at = gf_now_ms() + 3600001;
    put(b, "q", "a");
    put(b, "q", "b");
    CHECK_OK(put_message(b, &m, at));
    CHECK_STR(raw_text("SMEMBERS asynq:queues"), "q");
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "b a");        // the oldest on the right
    CHECK_STR(raw_text("HGET asynq:{q}:t:a state"), "pending");
    CHECK_INT(strlen(raw_text("HGET asynq:{q}:t:a pending_since")), 19);
    CHECK_STR(raw_text("HGET asynq:{q}:t:later state"), "scheduled");
    CHECK_STR(raw_text("HGET asynq:{q}:t:later pending_since"), NULL);
    CHECK_INT(raw_int("ZSCORE asynq:{q}:scheduled later"), store_up(at) / 1000);
    int64_t before = gf_now_ms() / 1000;
    gf_claim *c = need_one(b, "q", "a");
    CHECK_STR(raw_text("LRANGE asynq:{q}:active 0 -1"), "a");
    CHECK_STR(raw_text("HGET asynq:{q}:t:a state"), "active");
    CHECK_STR(raw_text("HGET asynq:{q}:t:a pending_since"), NULL);
    int64_t lease = raw_int("ZSCORE asynq:{q}:lease a");
    CHECK(lease >= before + LEASE_MS / 1000 && lease <= gf_now_ms() / 1000 + LEASE_MS / 1000 + 2);
    store_check_sound();
    done(b, c);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:a"), 0);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 1);
    store_check_sound();
    store_close(b);
}

static void a_task_of_a_go_client_lives_its_life_here(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "go");
    go_put(&m, "q");
    raw_run("HSET asynq:{q}:t:go theirs kept");
    gf_claim *c = need_one(b, "q", "go");
    CHECK_STR(c->message.type, m.type);
    CHECK_MEM(c->message.payload, c->message.payload_size, m.payload, m.payload_size);
    CHECK(c->message.enqueued_ms >= m.enqueued_ms && c->message.enqueued_ms <= gf_now_ms());
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = 1,
        .error = "e" }));
    CHECK_STR(raw_text("HGET asynq:{q}:t:go theirs"), "kept");
    CHECK_STR(raw_text("HGET asynq:{q}:t:go gofer:claim"), NULL);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "go"));
    c = need_one(b, "q", "go");
    CHECK_INT(c->message.retried, 1);
    done(b, c);
    store_check_sound();
    store_close(b);
}

static void a_message_for_another_queue_belongs_where_it_lies(void)
{
    gf_broker *b = store_open();
    gf_message m = message("other", "t");
    go_put(&m, "q");
    gf_claim *c = need_one(b, "q", "t");
    CHECK_STR(c->message.queue, "q");
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_REQUEUE }));
    drain_expecting(b, "q", "t");
    CHECK_STR(raw_text("SMEMBERS asynq:queues"), "q");
    store_check_sound();
    store_close(b);
}

static void pausing_is_one_thing_for_all(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    raw_run("SET asynq:{q}:paused %lld", (long long)(gf_now_ms() / 1000));
    CHECK_INT(queue_number(b, "q", "paused"), 1);
    CHECK(take_one(b, "q") == NULL);
    raw_run("DEL asynq:{q}:paused");
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    int64_t since = raw_int("GET asynq:{q}:paused");
    CHECK(since > gf_now_ms() / 1000 - 60 && since <= gf_now_ms() / 1000 + 1);
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_INT(raw_int("EXISTS asynq:{q}:paused"), 0);
    drain_expecting(b, "q", "t");
    store_close(b);
}

// ---- fences -------------------------------------------------------------------------------

static void a_task_that_a_go_worker_took_again_is_not_ours(void)
{
    static const gf_outcome_kind outcomes[] = { GF_DONE, GF_RETRY_AT, GF_ARCHIVE, GF_REQUEUE,
        GF_DROP };
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        gf_broker *b = store_open();
        put(b, "q", "t");
        gf_claim *c = need_one(b, "q", "t");
        // Recovered 30 s after our lease's end and taken for 30 s: the token is still in the hash.
        int64_t again = raw_int("ZSCORE asynq:{q}:lease t") + 60;
        raw_run("LREM asynq:{q}:active 0 t");
        raw_run("RPUSH asynq:{q}:pending t");
        go_take("q", "t", again);
        gf_lease lease = { .claim = c, .status = GOFER_EHANDLER };
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_STATUS(lease.status, GOFER_ESTALE);
        CHECK_INT(raw_int("ZSCORE asynq:{q}:lease t"), again);
        CHECK_STATUS(finish(b, c, (gf_finish){ .outcome = outcomes[i], .error = "late",
            .is_failure = true,
            .at_ms = gf_now_ms() }), GOFER_ESTALE);
        CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x0");
        CHECK_INT(raw_int("ZSCORE asynq:{q}:lease t"), again);
        CHECK_STR(task_text(b, "q", "t", "last_error"), "");
        store_close(b);
    }
}

static void a_lease_extended_by_us_is_still_ours(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    for (int i = 1; i <= 3; i++) {
        gf_lease lease = { .claim = c, .status = GOFER_EHANDLER };
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS * (1 + i % 2)));
        CHECK_OK(lease.status);
    }
    done(b, c);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_check_sound();
    store_close(b);
}

static void a_lost_claim_of_ours_is_recovered_soon_and_one_of_go_later(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "go");
    gf_recovered r = { 0 };
    go_put(&m, "q");
    go_take("q", "go", gf_now_ms() / 1000 - 10);        // over, but its clock is its own
    put(b, "q", "ours");
    gf_claim *c = need_one(b, "q", "ours");
    raw_run("ZADD asynq:{q}:lease %lld ours", (long long)(gf_now_ms() / 1000 - 10));
    CHECK_INT(recover_until(b, 1).requeued, 1);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "ours");
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued + r.archived, 0);
    raw_run("ZADD asynq:{q}:lease %lld go", (long long)(gf_now_ms() / 1000 - 40));
    CHECK_INT(recover_until(b, 1).requeued, 1);
    CHECK_STATUS(finish(b, c, (gf_finish){ .outcome = GF_DONE }), GOFER_ESTALE);
    drain_expecting(b, "q", "go ours");
    store_check_sound();
    store_close(b);
}

// ---- torn states ----------------------------------------------------------------------------

static void an_active_task_without_a_lease_comes_back(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "go");
    go_put(&m, "q");
    go_take("q", "go", gf_now_ms() / 1000 + 30);
    raw_run("ZREM asynq:{q}:lease go");
    // It gets a lease first, in case somebody runs it after all.
    gf_recovered r = { 0 };
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         raw_int("ZCARD asynq:{q}:lease") == 0 && gf_mono_ms() < end;)
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK(raw_int("ZSCORE asynq:{q}:lease go") > gf_now_ms() / 1000);
    lease_ends("q", "go");
    CHECK_INT(recover_until(b, 1).requeued, 1);
    drain_expecting(b, "q", "go");
    store_check_sound();
    store_close(b);
}

static void a_lease_without_an_active_task_does_no_harm(void)
{
    gf_broker *b = store_open();
    gf_recovered r = { 0 };
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    raw_run("LREM asynq:{q}:active 0 t");               // torn: only the lease is left
    raw_run("ZADD asynq:{q}:lease 1 t");
    put(b, "q", "pending");
    raw_run("ZADD asynq:{q}:lease 1 pending");          // its place is another one
    raw_run("ZADD asynq:{q}:lease 1 nobody");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         raw_int("ZCARD asynq:{q}:lease") > 0 && gf_mono_ms() < end;)
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:nobody"), 0);
    drain_expecting(b, "q", "t pending");
    gf_claim_free(c);
    store_check_sound();
    store_close(b);
}

static void ids_without_a_task_are_dropped_wherever_they_are(void)
{
    gf_broker *b = store_open();
    size_t moved;
    int64_t next_ms;
    gf_recovered r = { 0 };
    put(b, "q", "a");
    raw_run("RPUSH asynq:{q}:pending ghost1 ghost2");   // first in line
    raw_run("HSET asynq:{q}:t:ghost2 state pending");   // a hash, but no message
    raw_run("ZADD asynq:{q}:scheduled 1 ghost3");
    raw_run("ZADD asynq:{q}:retry 1 ghost4");
    raw_run("ZADD asynq:{q}:lease 1 ghost5");
    raw_run("LPUSH asynq:{q}:active ghost5");
    put(b, "q", "b");
    gf_claim *claims[4];
    size_t count = 0;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; count < 2 && gf_mono_ms() < end;)
        count += take(b, "q", 4 - count, claims + count);
    REQUIRE(count == 2);
    CHECK_STR(claims[0]->message.id, "a");
    CHECK_STR(claims[1]->message.id, "b");
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         raw_int("LLEN asynq:{q}:active") > 2 && gf_mono_ms() < end;)
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    done(b, claims[0]);
    done(b, claims[1]);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:ghost2 asynq:{q}:t:ghost3 asynq:{q}:t:ghost4"), 0);
    store_check_sound();
    store_close(b);
}

static void a_message_that_nobody_can_read_stops_nobody(void)
{
    static const char garbage[] = "\xff\xff\x00 no protobuf";
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "bad");
    put(b, "q", "b");
    raw_set_field("asynq:{q}:t:bad", "msg", garbage, sizeof garbage - 1);
    gf_claim *claims[3];
    REQUIRE(take(b, "q", 3, claims) == 2);
    done(b, claims[0]);
    done(b, claims[1]);
    CHECK_STR(raw_text("HGET asynq:{q}:t:bad state"), "archived");
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:bad msg"), sizeof garbage - 1);
    CHECK(raw_int("HSTRLEN asynq:{q}:t:bad gofer:error") > 0);
    CHECK_STR(raw_text("ZRANGE asynq:{q}:archived 0 -1"), "bad");
    store_check_sound();

    // The same in the hands of a worker that died.
    put(b, "q", "c");
    put(b, "q", "bad2");
    put(b, "q", "d");
    REQUIRE(take(b, "q", 3, claims) == 3);
    raw_set_field("asynq:{q}:t:bad2", "msg", garbage, sizeof garbage - 1);
    leases_end("q");
    CHECK_INT(recover_until(b, 3).archived, 1);
    for (int i = 0; i < 3; i++)
        gf_claim_free(claims[i]);
    drain_expecting(b, "q", "c d");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x2");
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:bad2 msg"), sizeof garbage - 1);
    store_check_sound();
    store_close(b);
}

// ---- the archive ------------------------------------------------------------------------------

// KEYS[1]: archived. 500 tasks of long ago, and 9,900 of yesterday; the first of each with a lock.
static const char fill_archive[] =
    "local prefix, now = string.match(KEYS[1], '^(asynq:{.*}:)'), redis.call('TIME')[1]\n"
    "for i = 1, 10400 do\n"
    "  local id, old = string.format('old%05d', i), i <= 500\n"
    "  redis.call('HSET', prefix .. 't:' .. id, 'msg', '', 'state', 'archived')\n"
    "  redis.call('ZADD', KEYS[1], now - (old and 7776100 or 86400), id)\n"
    "  if i == 1 or i == 501 then\n"
    "    local lock = prefix .. 'unique:x:' .. id\n"
    "    redis.call('SET', lock, id)\n"
    "    redis.call('HSET', prefix .. 't:' .. id, 'unique_key', lock)\n"
    "  end\n"
    "end\n"
    "return 'filled'\n";

static void the_archive_is_cut_to_asynqs_limits_with_all_that_belongs_to_it(void)
{
    gf_broker *b = store_open();
    size_t n = 0;
    put(b, "q", "t");
    CHECK_STR(raw_script(fill_archive, "asynq:{q}:archived"), "filled");
    for (int i = 0; i < 150; i++) {                     // 9,900 + 150: over the limit by number,
                                                        //   too
        char id[16];
        snprintf(id, sizeof id, "new%d", i);
        put(b, "q", id);
    }
    gf_claim *claims[151];
    gf_finish f[151];
    size_t count = take(b, "q", 151, claims);
    REQUIRE(count == 151);
    for (size_t i = 0; i < count; i++)
        f[i] = (gf_finish){ .claim = claims[i], .outcome = GF_ARCHIVE, .error = "e",
            .is_failure = true };
    CHECK_OK(b->ops->tasks->exchange(b, f, count, NULL));
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(f[i].status);
        gf_claim_free(claims[i]);
    }
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         raw_int("ZCARD asynq:{q}:archived") > 9999 && gf_mono_ms() < end;)
        CHECK_OK(b->ops->upkeep->purge(b, 500, &n));
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old00001 asynq:{q}:t:old00500 asynq:{q}:t:old00501"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:x:old00001 asynq:{q}:unique:x:old00501"), 0);
    CHECK_STR(task_state(b, "q", "t"), "archived");
    CHECK_STR(task_state(b, "q", "new149"), "archived");
    store_check_sound();
    store_close(b);
}

// ---- unique tasks -----------------------------------------------------------------------------

static void a_unique_lock_keeps_a_second_task_out_until_it_is_done(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "a"), second = message("q", "b");
    char *lock = lock_key(&m);
    CHECK_OK(put_unique(b, &m, 0, 59500));
    int64_t ttl = raw_int("TTL %s", lock);
    CHECK(ttl > 0 && ttl <= 60);
    CHECK_STR(raw_text("GET %s", lock), "a");
    CHECK_STR(raw_text("HGET asynq:{q}:t:a unique_key"), lock);
    CHECK_STATUS(put_unique(b, &second, 0, 60000), GOFER_EDUPLICATE);
    CHECK_OK(put_unique(b, &m, 0, 59500));              // the same again is no duplicate of itself
    second.payload = "{\"to\":2}";
    CHECK_OK(put_unique(b, &second, 0, 60000));
    drain_expecting(b, "q", "a b");
    CHECK_INT(raw_int("EXISTS %s", lock), 0);
    CHECK_OK(put_unique(b, &m, 0, 60000));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "a"));
    CHECK_INT(raw_int("EXISTS %s", lock), 0);           // a deleted task needs none
    store_check_sound();
    store_close(b);
    gf_free(lock);
}

static void a_conflict_of_ids_leaves_no_lock_behind(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t"), other = message("q", "t");
    other.payload = "{\"to\":2}";
    char *lock = lock_key(&other);
    CHECK_OK(put_message(b, &m, 0));
    CHECK_STATUS(put_unique(b, &other, 0, 60000), GOFER_EEXIST);
    CHECK_INT(raw_int("EXISTS %s", lock), 0);
    CHECK_STATUS(put_unique(b, &other, gf_now_ms() + 60000, 60000), GOFER_EEXIST);
    CHECK_INT(raw_int("EXISTS %s", lock), 0);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
    gf_free(lock);
}

static void somebody_elses_lock_stays(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "a");
    char *lock = lock_key(&m);
    CHECK_OK(put_unique(b, &m, 0, 60000));
    raw_run("SET %s b", lock);                          // a's ran out meanwhile, and b has its own
    done(b, need_one(b, "q", "a"));
    CHECK_STR(raw_text("GET %s", lock), "b");
    store_close(b);
    gf_free(lock);
}

// ---- the server -------------------------------------------------------------------------------

static void a_full_redis_can_be_drained(void)
{
    static const gf_finish hows[] = {
        { .outcome = GF_DONE },
        { .outcome = GF_REQUEUE },
        { .outcome = GF_RETRY_AT, .is_failure = true, .error = "e" },
        { .outcome = GF_ARCHIVE, .is_failure = true, .error = "e" },
        { .outcome = GF_DONE, .result = "r", .result_size = 1 },
        { .outcome = GF_DROP },
    };
    gf_broker *b = store_open();
    gf_message keep = message("q", "t4");
    gf_claim *claims[COUNT(hows)];
    char id[16];
    keep.retention_ms = 60000;
    for (size_t i = 0; i < COUNT(hows); i++) {
        snprintf(id, sizeof id, "t%zu", i);
        if (i == 4)
            CHECK_OK(put_message(b, &keep, 0));
        else
            put(b, "q", id);
    }
    raw_servers_rest();
    raw_everywhere("CONFIG SET maxmemory 1");
    gf_message m = message("q", "no-room");
    CHECK_STATUS(put_message(b, &m, 0), GOFER_ENOSPACE);
    CHECK_STATUS(put_message(b, &m, gf_now_ms() + 60000), GOFER_ENOSPACE);
    REQUIRE(take(b, "q", COUNT(hows), claims) == COUNT(hows));
    for (size_t i = 0; i < COUNT(hows); i++) {
        gf_lease lease = { .claim = claims[i], .status = GOFER_EHANDLER };
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_OK(lease.status);
        gf_finish how = hows[i];
        how.at_ms = gf_now_ms() + 60000;
        CHECK_OK(finish(b, claims[i], how));
    }
    drain_expecting(b, "q", "t1");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r1 c1 x1");
    raw_everywhere("CONFIG SET maxmemory 0");
    raw_servers_move_on();
    CHECK_OK(put_message(b, &m, 0));
    store_check_sound();
    store_close(b);
}

static void scripts_that_the_server_forgot_are_told_again(void)
{
    gf_broker *b = store_open();
    size_t n;
    int64_t next_ms;
    gf_recovered r = { 0 };
    for (int round = 0; round < 2; round++) {
        raw_everywhere("SCRIPT FLUSH");
        put(b, "q", "t");
        raw_everywhere("SCRIPT FLUSH");
        gf_claim *c = need_one(b, "q", "t");
        raw_everywhere("SCRIPT FLUSH");
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = 1, .error = "e" }));
        raw_everywhere("SCRIPT FLUSH");
        CHECK_OK(b->ops->upkeep->forward(b, 10, &n, &next_ms));
        CHECK_INT(n, 1);
        raw_everywhere("SCRIPT FLUSH");
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
        raw_everywhere("SCRIPT FLUSH");
        CHECK_OK(b->ops->upkeep->purge(b, 10, &n));
        raw_everywhere("SCRIPT FLUSH");
        CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
        raw_everywhere("SCRIPT FLUSH");
        done(b, need_one(b, "q", "t"));
    }
    store_close(b);
}

static void what_is_never_due_is_moved_as_that(void)
{
    static const char *const ids[] = { "inf", "beyond", "zero" };
    static const char *const scores[] = { "inf", "9e18", "0" };
    gf_broker *b = store_open(), *elsewhere;
    gf_item items[3];
    size_t moved = 9;
    int64_t next_ms = 0;
    memset(items, 0, sizeof items);
    for (int i = 0; i < 3; i++) {
        gf_message m = message("q", ids[i]);
        CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
        raw_run("ZADD asynq:{q}:scheduled %s %s", scores[i], ids[i]);
    }
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 3, items));
    CHECK_INT(items[0].at_ms / 1000, INT64_C(253402300799));           // the end of the year 9999
    CHECK_INT(items[1].at_ms / 1000, INT64_C(253402300799));
    CHECK_INT(items[2].at_ms, 0);
    REQUIRE_OK(store_try("memory:", &elsewhere));
    REQUIRE_OK(elsewhere->ops->transfer->import_items(elsewhere, "q", items, 3));
    CHECK_OK(elsewhere->ops->upkeep->forward(elsewhere, 10, &moved, &next_ms));
    CHECK_INT(moved, 1);
    CHECK_STR(task_state(elsewhere, "q", "zero"), "pending");
    CHECK_STR(task_state(elsewhere, "q", "inf"), "scheduled");
    CHECK_STR(task_state(elsewhere, "q", "beyond"), "scheduled");
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, 3));                 // and back
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK_STR(task_state(b, "r", "inf"), "scheduled");
    CHECK_STR(task_state(b, "r", "zero"), "pending");
    for (int i = 0; i < 3; i++)
        gf_item_clear(&items[i]);
    gf_broker_close(elsewhere);
    store_close(b);
}

// ---- tasks with a priority ---------------------------------------------------------------------

static void put_ranked(gf_broker *b, const char *id, int priority)
{
    char room[64];
    gf_message m = message("q", id);
    set_priority(&m, priority, room);
    CHECK_OK(put_message(b, &m, 0));
}

static void forward(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
}

static void a_lost_line_is_made_anew_when_their_times_come(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "low", -5);              // for who waits for work it is in pending, too
    put(b, "q", "plain");
    put_ranked(b, "high", 5);
    put_ranked(b, "higher", 6);
    CHECK_INT(raw_int("ZCARD asynq:{q}:scheduled"), 2);
    CHECK(raw_int("ZSCORE asynq:{q}:scheduled high") > gf_now_ms() / 1000 + 3000);
    raw_run("DEL asynq:{q}:gofer:line");
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s2 r0 c0 x0");
    raw_run("ZADD asynq:{q}:scheduled 1 high 2 higher");
    forward(b);
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x0");
    store_check_sound();
    drain_expecting(b, "q", "higher high low plain");
    store_check_sound();
    store_close(b);
}

static void what_waits_is_not_brought_by_its_time(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "a", 5);
    put_ranked(b, "b", 5);
    put_ranked(b, "c", 5);
    raw_run("ZADD asynq:{q}:scheduled 1 c");
    forward(b);
    CHECK(raw_int("ZSCORE asynq:{q}:scheduled c") > gf_now_ms() / 1000 + 3000);
    drain_expecting(b, "q", "a b c");
    store_check_sound();
    store_close(b);
}

// Its inspector shows them as scheduled, and acts on them as that.
static void what_go_does_with_them_leaves_no_trace_in_the_line(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "a", 5);
    put_ranked(b, "gone", 5);
    put_ranked(b, "kept", 5);
    put_ranked(b, "run", 5);
    put(b, "q", "plain");
    raw_run("ZREM asynq:{q}:scheduled gone kept run");
    raw_run("DEL asynq:{q}:t:gone");
    raw_run("ZADD asynq:{q}:archived %lld kept", (long long)(gf_now_ms() / 1000));
    raw_run("HSET asynq:{q}:t:kept state archived");
    raw_run("LPUSH asynq:{q}:pending run");
    raw_run("HSET asynq:{q}:t:run state pending");
    CHECK_STR(page_ids(b, "q", GF_PENDING, 1), "a run plain");
    for (int i = 0; i < 2; i++)            // one by one: no plain task is before the last
        done(b, need_one(b, "q", i == 0 ? "a" : "run"));
    done(b, need_one(b, "q", "plain"));
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:line"), 0);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x1");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "kept"));
    drain_expecting(b, "q", "kept");
    store_check_sound();
    store_close(b);
}

static void a_go_worker_takes_what_is_to_wake_others(void)
{
    gf_broker *b = store_open();
    put_ranked(b, "a", 5);
    put_ranked(b, "b", 5);
    go_take("q", "a", gf_now_ms() / 1000 + 30);
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 0);
    CHECK_STR(page_ids(b, "q", GF_PENDING, 1), "b");
    forward(b);                            // housekeeping brings the next
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "b");
    // Its retry keeps the priority, and comes behind those that wait.
    raw_run("LREM asynq:{q}:active 0 a");
    raw_run("ZREM asynq:{q}:lease a");
    raw_run("ZADD asynq:{q}:retry 1 a");
    raw_run("HSET asynq:{q}:t:a state retry");
    put(b, "q", "plain");
    forward(b);
    drain_expecting(b, "q", "b a plain");
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:line"), 0);
    store_check_sound();
    store_close(b);
}

// More places that mean nothing than tasks are taken at a time.
static void places_without_a_task_stop_nobody(void)
{
    gf_broker *b = store_open();
    char id[16];
    put_ranked(b, "first", 9);
    for (int i = 0; i < 250; i++) {
        snprintf(id, sizeof id, "gone%d", i);
        put_ranked(b, id, 7);
        raw_run("ZREM asynq:{q}:scheduled %s", id);
        raw_run("DEL asynq:{q}:t:%s", id);
    }
    put_ranked(b, "high", 5);
    put(b, "q", "plain");
    done(b, need_one(b, "q", "first"));
    done(b, need_one(b, "q", "high"));
    drain_expecting(b, "q", "plain");
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:line"), 0);
    store_check_sound();
    store_close(b);
}

static void a_line_of_another_type_is_none(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "b");
    raw_run("SET asynq:{q}:gofer:line x");
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    CHECK_STR(page_ids(b, "q", GF_PENDING, 1), "a b");
    done(b, need_one(b, "q", "a"));
    drain_expecting(b, "q", "b");
    raw_run("DEL asynq:{q}:gofer:line");
    store_check_sound();
    store_close(b);
}

// ---- tasks of tenants -------------------------------------------------------------------------

static void put_of(gf_broker *b, const char *id)
{
    char room[TENANT_ROOM], tenant[2] = { *id, '\0' };
    gf_message m = message("q", id);
    set_tenant(&m, tenant, room);
    CHECK_OK(put_message(b, &m, 0));
}

// Go's forwarder brings them when their times come; what they had of turns is nobody's then.
static void gos_programs_alone_drain_what_tenants_have(void)
{
    static const char *const order[] = { "a1", "a2", "a3", "b1" };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(order); i++)
        put_of(b, order[i]);
    go_take("q", "a1", gf_now_ms() / 1000 + 30);
    for (size_t i = 1; i < COUNT(order); i++) {
        raw_run("ZREM asynq:{q}:scheduled %s", order[i]);
        raw_run("HSET asynq:{q}:t:%s state pending", order[i]);
        raw_run("LPUSH asynq:{q}:pending %s", order[i]);
        go_take("q", order[i], gf_now_ms() / 1000 + 30);
    }
    for (size_t i = 0; i < COUNT(order); i++) {
        raw_run("LREM asynq:{q}:active 0 %s", order[i]);
        raw_run("ZREM asynq:{q}:lease %s", order[i]);
        raw_run("DEL asynq:{q}:t:%s", order[i]);
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    put_of(b, "b2");
    drain_expecting(b, "q", "b2");
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:line"), 0);
    store_check_sound();
    store_close(b);
}

// Who waits keeps its place; who comes then begins beside the first.
static void a_lost_time_is_that_of_who_is_next(void)
{
    gf_broker *b = store_open();
    for (const char *const *id = (const char *const[]){ "a1", "a2", "a3", "a4", NULL }; *id; id++)
        put_of(b, *id);
    done(b, need_one(b, "q", "a1"));
    done(b, need_one(b, "q", "a2"));
    raw_run("DEL asynq:{q}:gofer:fair asynq:{q}:gofer:fair:100");
    for (const char *const *id = (const char *const[]){ "b1", "b2", NULL }; *id; id++)
        put_of(b, *id);
    drain_expecting(b, "q", "a3 b1 a4 b2");
    store_check_sound();
    store_close(b);
}

// ---- debounced tasks --------------------------------------------------------------------

#define RECORD "asynq:{q}:gofer:key:t:email:welcome"

static gf_effect debounce(gf_broker *b, const char *id, char holder[GF_ID_MAX + 1])
{
    const gf_debounce how = { .delay_ms = 3600000 };
    gf_message m = message("q", id);
    *holder = '\0';
    gf_put item = { .message = &m, .debounce = &how, .holder = holder, .status = GOFER_EHANDLER };
    CHECK_OK(b->ops->tasks->put(b, &item, 1));
    CHECK_STATUS(item.status, GOFER_OK);
    return item.effect;
}

static void a_debounced_task_is_a_plain_one_for_go(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1];
    const char *id = "an-id-whose-length-is-another-than-that-of-the-next-one";
    gf_message want = message("q", id);
    CHECK_STR(want.type, "email:welcome");
    CHECK_INT(debounce(b, id, holder), GF_CREATED);
    CHECK_INT(debounce(b, "short", holder), GF_REPLACED);
    CHECK_STR(holder, id);
    // The message is that of the last call, byte by byte, but for the id.
    gf_bytes bytes;
    want.enqueued_ms = 0;
    REQUIRE_OK(gf_wire_task_encode(&want, NULL, NULL, &bytes));
    const char *stored = raw_field("q", id, "msg");
    CHECK_MEM(stored, bytes.size, bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    CHECK_STR(raw_field("q", id, "state"), "scheduled");
    CHECK_INT(raw_int("ZCARD asynq:{q}:scheduled"), 1);
    CHECK(raw_int("TTL " RECORD) > 7 * 86400);
    store_check_sound();
    store_close(b);
}

// What Asynq's forward script does.
static void go_forward(const char *id)
{
    CHECK_INT(raw_int("ZREM asynq:{q}:scheduled %s", id), 1);
    raw_run("LPUSH asynq:{q}:pending %s", id);
    raw_run("HSET asynq:{q}:t:%s state pending pending_since %lld000000", id,
        (long long)gf_now_ms());
}

static void a_record_is_not_believed_once_go_has_moved_its_task(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1];
    CHECK_INT(debounce(b, "a", holder), GF_CREATED);
    go_forward("a");
    CHECK_INT(debounce(b, "b", holder), GF_CREATED);
    CHECK_INT(debounce(b, "c", holder), GF_REPLACED);
    CHECK_STR(holder, "b");
    done(b, need_one(b, "q", "a"));
    CHECK_INT(debounce(b, "c", holder), GF_REPLACED);
    // Deleted by Go, and then another task under that id.
    raw_run("ZREM asynq:{q}:scheduled b");
    raw_run("DEL asynq:{q}:t:b");
    gf_message m = message("q", "b");
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
    CHECK_INT(debounce(b, "d", holder), GF_CREATED);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s2 r0 c0 x0");
    store_check_sound();
    store_close(b);
}

static void a_record_goes_with_its_task(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1];
    size_t moved;
    int64_t next_ms;
    debounce(b, "a", holder);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "a"));
    CHECK_INT(raw_int("EXISTS " RECORD), 0);
    debounce(b, "b", holder);
    raw_run("ZADD asynq:{q}:scheduled 1 b");
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK_STR(task_state(b, "q", "b"), "pending");
    CHECK_INT(raw_int("EXISTS " RECORD), 0);
    debounce(b, "c", holder);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "b"));          // the record is another's
    CHECK_INT(raw_int("EXISTS " RECORD), 1);
    store_check_sound();
    store_close(b);
}

static void a_record_that_makes_no_sense_is_none(void)
{
    static const char *const junk[] = { "SET %s x", "SET %s -5_a", "RPUSH %s 1", "HSET %s a b",
        "SET %s 99999999999999999999" };
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1], command[128];
    for (size_t i = 0; i < COUNT(junk); i++) {
        char id[8];
        snprintf(id, sizeof id, "t%zu", i);
        snprintf(command, sizeof command, junk[i], RECORD);
        raw_run("DEL " RECORD);
        raw_run("%s", command);
        CHECK_INT(debounce(b, id, holder), GF_CREATED);
        CHECK_INT(debounce(b, "next", holder), GF_REPLACED);
        CHECK_STR(holder, id);
    }
    // A task whose hash is something else is none, either.
    raw_run("DEL asynq:{q}:t:t4");
    raw_run("SET asynq:{q}:t:t4 x");
    CHECK_INT(debounce(b, "last", holder), GF_CREATED);
    raw_run("DEL asynq:{q}:t:t4");
    raw_run("ZREM asynq:{q}:scheduled t4");
    store_check_sound();
    store_close(b);
}

static const check_test tests[] = {
    TEST(what_is_put_lies_where_go_looks_for_it),
    TEST(a_task_of_a_go_client_lives_its_life_here),
    TEST(a_message_for_another_queue_belongs_where_it_lies),
    TEST(pausing_is_one_thing_for_all),
    TEST(a_task_that_a_go_worker_took_again_is_not_ours),
    TEST(a_lease_extended_by_us_is_still_ours),
    TEST(a_lost_claim_of_ours_is_recovered_soon_and_one_of_go_later),
    TEST(an_active_task_without_a_lease_comes_back),
    TEST(a_lease_without_an_active_task_does_no_harm),
    TEST(ids_without_a_task_are_dropped_wherever_they_are),
    TEST(a_message_that_nobody_can_read_stops_nobody),
    TEST(the_archive_is_cut_to_asynqs_limits_with_all_that_belongs_to_it),
    TEST(a_unique_lock_keeps_a_second_task_out_until_it_is_done),
    TEST(a_conflict_of_ids_leaves_no_lock_behind),
    TEST(somebody_elses_lock_stays),
    TEST(a_full_redis_can_be_drained),
    TEST(scripts_that_the_server_forgot_are_told_again),
    TEST(what_is_never_due_is_moved_as_that),
    TEST(a_lost_line_is_made_anew_when_their_times_come),
    TEST(what_waits_is_not_brought_by_its_time),
    TEST(what_go_does_with_them_leaves_no_trace_in_the_line),
    TEST(a_go_worker_takes_what_is_to_wake_others),
    TEST(places_without_a_task_stop_nobody),
    TEST(a_line_of_another_type_is_none),
    TEST(gos_programs_alone_drain_what_tenants_have),
    TEST(a_lost_time_is_that_of_who_is_next),
    TEST(a_debounced_task_is_a_plain_one_for_go),
    TEST(a_record_is_not_believed_once_go_has_moved_its_task),
    TEST(a_record_goes_with_its_task),
    TEST(a_record_that_makes_no_sense_is_none),
};

suite suite_asynq(void)
{
    return (suite){ tests, COUNT(tests) };
}
