// redis_hot_test.c - taking and finishing on Redis: batches, fences, what others left there, full
// memory. Run by tests/redis/servers.py.
#include <signal.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/task/exchange.h"
#include "util/alloc.h"
#include "util/clock.h"

// ---- take ---------------------------------------------------------------------------------------

static void a_claim_is_written_into_the_task(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    raw_run("HSET asynq:{q}:t:t gofer:crashes 2 pending_since 1700000000123456789");
    gf_claim *c = need_one(b, "q", "t");
    char token[17];
    gf_rd_token_text(c->token & ~UINT64_C(0xffff), token);
    CHECK_STR(raw_text("HGET asynq:{q}:t:t gofer:claim"), token);
    CHECK_HAS(raw_text("HGET asynq:{q}:t:t gofer:worker"), " w");
    CHECK_STR(raw_text("HGET asynq:{q}:t:t state"), "active");
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t pending_since"), 0);
    CHECK_INT(c->message.crashes, 2);
    CHECK_INT(c->message.enqueued_ms, 1700000000123);
    int64_t score = raw_int("ZSCORE asynq:{q}:lease t"), now_s = gf_now_ms() / 1000;
    CHECK(score > now_s + 25 && score <= now_s + 32);
    done(b, c);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:t"), 0);
    store_close(b);
}

static void an_id_of_version_7_tells_when_it_was_enqueued(void)
{
    CHECK_INT(gf_rd_enqueued_ms(NULL, "019a0000-0000-7000-8000-000000000001"), 0x019a00000000);
    CHECK_INT(gf_rd_enqueued_ms(NULL, "019a0000-0000-4000-8000-000000000001"), 0);
    CHECK_INT(gf_rd_enqueued_ms(NULL, "t"), 0);
}

static void ghosts_are_dropped_and_do_not_end_the_take(void)
{
    gf_broker *b = store_open();
    raw_run("RPUSH asynq:{q}:pending g1 g2");
    raw_run("HSET asynq:{q}:t:g2 state pending");       // Asynq's stub
    raw_run("SET asynq:{q}:t:g3 text");                 // no task at all
    raw_run("RPUSH asynq:{q}:pending g3");
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 0);
    CHECK_STR(raw_text("LRANGE asynq:{q}:active 0 -1"), "t");
    CHECK_STR(raw_text("ZRANGE asynq:{q}:lease 0 -1"), "t");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:g2"), 0);
    done(b, c);
    store_close(b);
}

static void an_unreadable_task_is_archived_as_it_is(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = { { "\x0a\x7f", 2 }, { "\x0a\x02\xff\xfe", 4 } };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(bad); i++) {
        put(b, "q", "bad");
        put(b, "q", "good");
        raw_set_field("asynq:{q}:t:bad", "msg", bad[i].bytes, bad[i].size);
        gf_claim *claims[4];
        CHECK_INT(take(b, "q", 4, claims), 1);
        CHECK_STR(claims[0]->message.id, "good");
        done(b, claims[0]);
        CHECK_STR(raw_text("ZRANGE asynq:{q}:archived 0 -1"), "bad");
        CHECK_STR(raw_text("HGET asynq:{q}:t:bad state"), "archived");
        CHECK_INT(raw_int("HEXISTS asynq:{q}:t:bad gofer:error"), 1);
        CHECK_INT(raw_int("HEXISTS asynq:{q}:t:bad gofer:claim"), 0);
        CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:bad msg"), bad[i].size);
        CHECK_INT(raw_int("LLEN asynq:{q}:active"), 0);
        raw_run("ZREM asynq:{q}:archived bad");
        raw_run("DEL asynq:{q}:t:bad");
    }
    store_close(b);
}

static void another_queue_in_the_message_does_not_count(void)
{
    gf_broker *b = store_open();
    gf_message m = message("elsewhere", "t");
    gf_bytes bytes = { 0 };
    put(b, "q", "t");
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    raw_set_field("asynq:{q}:t:t", "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    gf_claim *c = need_one(b, "q", "t");
    CHECK_STR(c->message.queue, "q");
    done(b, c);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 1);
    store_close(b);
}

static void a_key_of_a_wrong_type_loses_nothing(void)
{
    static const char *const keys[] = { "active", "lease" };
    for (size_t i = 0; i < COUNT(keys); i++) {
        gf_broker *b = store_open();
        put(b, "q", "t");
        raw_run("SET asynq:{q}:%s x", keys[i]);
        gf_share share = { "q", 1 };
        gf_claim *claim;
        gf_take t = { .worker = "w",
            .queues = &share,
            .queue_count = 1,
            .max = 1,
            .lease_ms = LEASE_MS,
            .claims = &claim };
        CHECK_STATUS(b->ops->tasks->exchange(b, NULL, 0, &t), GOFER_ECORRUPT);
        CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "t");
        raw_run("DEL asynq:{q}:%s", keys[i]);
        done(b, need_one(b, "q", "t"));
        store_close(b);
    }
}

// ---- bounded by bytes ---------------------------------------------------------------------------

enum { MIB = 1 << 20 };

static int64_t script_calls(void)
{
    const char *stats = raw_text("INFO commandstats");
    const char *digest = stats ? strstr(stats, "cmdstat_evalsha:calls=") : NULL;
    int64_t calls = digest ? strtoll(strchr(digest, '=') + 1, NULL, 10) : 0;
    const char *text = stats ? strstr(stats, "cmdstat_eval:calls=") : NULL;
    return calls + (text ? strtoll(strchr(text, '=') + 1, NULL, 10) : 0);
}

static void put_large(gf_broker *b, const char *queue, int count, size_t size, int64_t retention_ms)
{
    char *payload = gf_calloc(1, size), id[32];
    REQUIRE(payload != NULL);
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s%02d", queue, i);
        gf_message m = message(queue, id);
        m.payload = payload;
        m.payload_size = size;
        m.retention_ms = retention_ms;
        REQUIRE_OK(put_message(b, &m, 0));
    }
    gf_free(payload);
}

// A take ends with the tasks that were enough, in their order; the next one goes on behind them.
// After an answer that was lost so many come no more.
static void a_take_is_bounded_by_bytes(void)
{
    enum { TASKS = 20 };
    gf_broker *b = store_open();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_claim *claims[TASKS];
    size_t taken = 0, times = 0;
    put_large(b, "q", TASKS, MIB, 0);
    for (size_t n = 1; n > 0 && taken < TASKS; times++) {
        n = take(b, "q", TASKS - taken, claims + taken);
        CHECK(n <= GF_RD_BURST / MIB + 1);
        taken += n;
    }
    CHECK_INT(taken, TASKS);
    CHECK(times >= TASKS / (GF_RD_BURST / MIB + 1));
    for (size_t i = 0; i < taken; i++) {
        char id[32];
        snprintf(id, sizeof id, "q%02zu", i);
        CHECK_STR(claims[i]->message.id, id);
        CHECK_OK(finish(b, claims[i], (gf_finish){ .outcome = GF_REQUEUE }));
    }
    atomic_store(&s->burst, GF_RD_BURST_LEAST);
    CHECK_INT(take(b, "q", TASKS, claims), 1);
    CHECK(atomic_load(&s->burst) > GF_RD_BURST_LEAST);          // it came
    done(b, claims[0]);
    put_large(b, "r", TASKS, MIB, 0);                           // two queues share what there is
                                                                //   room for
    gf_share shares[] = { { "q", TASKS }, { "r", TASKS } };
    gf_take t = { .worker = "w",
        .queues = shares,
        .queue_count = 2,
        .max = TASKS,
        .lease_ms = LEASE_MS,
        .claims = claims };
    atomic_store(&s->burst, 0);
    REQUIRE_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
    CHECK(t.count >= 2 && t.count <= GF_RD_BURST / MIB + 2);
    for (size_t i = 0; i < t.count; i++)
        gf_claim_free(claims[i]);
    store_close(b);
}

// What did not come in time is asked for in smaller pieces.
static void a_lost_answer_makes_the_next_one_smaller(void)
{
    gf_broker *b = store_open();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_share share = { "q", 4 };
    gf_claim *claims[4];
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 4,
        .lease_ms = LEASE_MS,
        .claims = claims };
    put(b, "q", "a");
    put(b, "q", "b");
    gofer_status st = GOFER_EBROKER;
    for (int tries = 0; tries < 20 && st == GOFER_EBROKER; tries++) {
        char *shut;                      // asked for now, or the answer to that may be the lost one
        b->config.timeout_ms = PATIENCE_MS;
        REQUIRE_OK(gf_rd_shut_types(s, true, &shut));
        b->config.timeout_ms = 200;
        raw_run("CLIENT PAUSE 1500");
        st = b->ops->tasks->exchange(b, NULL, 0, &t);
    }
    CHECK_STATUS(st, GOFER_EUNCERTAIN);
    CHECK_INT(atomic_load(&s->burst), GF_RD_BURST / 4);
    b->config.timeout_ms = PATIENCE_MS;
    drain_expecting(b, "q", "a b");
    CHECK_INT(atomic_load(&s->burst), GF_RD_BURST);
    store_close(b);
}

// Outcomes that are large go in several pipelines, and all arrive.
static void outcomes_are_bounded_by_bytes(void)
{
    enum { TASKS = 12 };
    gf_broker *b = store_open();
    gf_claim *claims[TASKS];
    gf_finish done_all[TASKS];
    char *result = gf_calloc(1, MIB);
    REQUIRE(result != NULL);
    for (int kept = 0; kept < 2; kept++) {
        put_large(b, kept ? "kept" : "gone", TASKS, 8, kept ? 3600000 : 0);
        REQUIRE(take(b, kept ? "kept" : "gone", TASKS, claims) == TASKS);
        for (int i = 0; i < TASKS; i++)
            done_all[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE, .result = result,
                .result_size = MIB,
                .status = GOFER_EHANDLER };
        int64_t before = script_calls();
        REQUIRE_OK(b->ops->tasks->exchange(b, done_all, TASKS, NULL));
        CHECK(script_calls() - before >= TASKS * MIB / GF_RD_BURST);
        for (int i = 0; i < TASKS; i++) {
            CHECK_INT(done_all[i].status, GOFER_OK);
            gf_claim_free(claims[i]);
        }
    }
    CHECK_INT(raw_int("ZCARD asynq:{kept}:completed"), TASKS);
    CHECK_INT(raw_int("HSTRLEN asynq:{kept}:t:kept11 result"), MIB);
    CHECK_INT(raw_int("EXISTS asynq:{gone}:active asynq:{gone}:lease"), 0);
    gf_free(result);
    store_close(b);
}

// Tasks on their way to another store, with results that are large, come and go in pieces; one that
// cannot be read is told.
static void tasks_travel_in_pieces(void)
{
    enum { TASKS = 24, HUGE = TASKS };
    gf_broker *b = store_open();
    static gf_item items[TASKS + 1];
    char texts[TASKS + 1][32], key[96];
    const char *ids[TASKS + 1];
    char *result = gf_calloc(1, MIB);
    REQUIRE(result != NULL);
    put_large(b, "q", TASKS, 8, 3600000);
    for (int i = 0; i <= TASKS; i++) {
        snprintf(texts[i], sizeof texts[i], i == HUGE ? "huge" : "q%02d", i);
        ids[i] = texts[i];
        if (i < TASKS) {
            gf_claim *claim = need_one(b, "q", ids[i]);
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = result,
                .result_size = MIB }));
        }
    }
    gf_free(result);
    put(b, "q", "huge");
    raw_script("redis.call('HSET', KEYS[1], 'msg', string.rep('x', 67108865)) return 1",
        "asynq:{q}:t:huge");
    memset(items, 0, sizeof items);
    int64_t before = script_calls();
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, TASKS + 1, items));
    CHECK(script_calls() - before >= 3);
    CHECK_INT(items[HUGE].status, GOFER_ETOOBIG);
    before = script_calls();
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, TASKS));
    CHECK(script_calls() - before >= 3);
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        snprintf(key, sizeof key, "HSTRLEN asynq:{r}:t:%s result", ids[i]);
        CHECK_INT(raw_int("%s", key), MIB);
    }
    CHECK_INT(raw_int("ZCARD asynq:{r}:completed"), TASKS);
    for (int i = 0; i <= TASKS; i++)
        gf_item_clear(&items[i]);
    store_close(b);
}

// Somebody stored what no reply may hold: it is set aside, with the reason, and the others run.
static void a_message_that_is_too_long_stops_nobody(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "huge");
    put(b, "q", "b");
    raw_script("redis.call('HSET', KEYS[1], 'msg', string.rep('x', 67108865)) return 1",
        "asynq:{q}:t:huge");
    gf_claim *claims[3];
    REQUIRE(take(b, "q", 3, claims) == 2);
    CHECK_STR(claims[1]->message.id, "b");
    done(b, claims[0]);
    done(b, claims[1]);
    CHECK_STR(raw_text("HGET asynq:{q}:t:huge state"), "archived");
    CHECK_HAS(raw_text("HGET asynq:{q}:t:huge gofer:error"), "67108865 bytes");
    CHECK_STR(raw_text("ZRANGE asynq:{q}:archived 0 -1"), "huge");
    CHECK_INT(raw_int("EXISTS asynq:{q}:active asynq:{q}:lease"), 0);
    store_close(b);
}

// A queue whose key is something else: the others are taken from as if it were not there.
static void a_queue_that_refuses_is_left_alone(void)
{
    static const char *const keys[] = { "pending", "active", "lease" };
    for (size_t i = 0; i < COUNT(keys); i++) {
        gf_broker *b = store_open();
        gf_claim *claims[4];
        char id[32];
        raw_run("SET asynq:{odd}:%s x", keys[i]);
        gf_share shares[] = { { "odd", 2 }, { "q", 2 } };
        gf_take t = { .worker = "w",
            .queues = shares,
            .queue_count = 2,
            .max = 4,
            .lease_ms = LEASE_MS,
            .claims = claims };
        for (int k = 0; k < 10; k++) {
            snprintf(id, sizeof id, "t%d", k);
            put(b, "q", id);
            int64_t before = script_calls();
            CHECK_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
            if (!CHECK_INT(t.count, 1))
                break;
            if (k > 0)
                CHECK_INT(script_calls() - before, 1);          // it is not asked again so soon
            done(b, claims[0]);
        }
        t.queue_count = 1;                                      // alone, it is trouble
        CHECK_STATUS(b->ops->tasks->exchange(b, NULL, 0, &t), GOFER_ECORRUPT);
        raw_run("DEL asynq:{odd}:%s", keys[i]);
        store_close(b);
    }
}

// ---- a replica that is away ---------------------------------------------------------------------

enum { SHORT_MS = 1000 };

// The store of this test as one sees it whose URL waits for a replica: there is none.
static gf_broker *open_waiting(void)
{
    char text[1024];
    gf_broker *b = NULL;
    snprintf(text, sizeof text, "%s%cwait-replicas=1", store_url(),
        strchr(store_url(), '?') ? '&' : '?');
    REQUIRE_OK(store_try(text, &b));
    b->config.timeout_ms = SHORT_MS;       // three quarters of it pass with every WAIT
    worker_register(b, "w2");
    return b;
}

static gf_take take_of(const gf_share *share, size_t max, gf_claim **claims)
{
    return (gf_take){ .worker = "w2",
        .queues = share,
        .queue_count = 1,
        .max = max,
        .lease_ms = LEASE_MS,
        .claims = claims };
}

// Tasks are taken, leases renewed, the house is kept; what ends is uncertain, and the tasks taken
// in the same step are the worker's all the same.
static void work_goes_on_while_a_replica_is_away(void)
{
    enum { TASKS = 6 };
    gf_broker *b = store_open(), *w = open_waiting();
    gf_share share = { "q", TASKS };
    gf_claim *claims[TASKS];
    for (int i = 0; i < TASKS; i++)
        put(b, "q", (const char[]){ (char)('a' + i), '\0' });
    gf_message m = message("q", "g");
    CHECK_STATUS(put_message(w, &m, 0), GOFER_EUNCERTAIN);      // an enqueue counts only where a
                                                                //   replica has it

    gf_take t = take_of(&share, 3, claims);
    REQUIRE_OK(w->ops->tasks->exchange(w, NULL, 0, &t));
    CHECK_INT(t.count, 3);
    gf_lease lease = { .claim = claims[0] };
    CHECK_OK(w->ops->tasks->extend(w, &lease, 1, LEASE_MS));
    CHECK_INT(lease.status, GOFER_OK);
    size_t n;
    int64_t next_ms;
    gf_recovered r = { 0 };
    CHECK_OK(w->ops->upkeep->forward(w, 10, &n, &next_ms));
    CHECK_OK(w->ops->upkeep->recover(w, 10, 3, &r));
    CHECK_OK(w->ops->upkeep->purge(w, 10, &n));
    worker_register(w, "w2");

    gf_finish done_one = { .claim = claims[0], .outcome = GF_DONE, .status = GOFER_EHANDLER };
    gf_claim *more[TASKS];
    t = take_of(&share, 2, more);
    REQUIRE_OK(w->ops->tasks->exchange(w, &done_one, 1, &t));
    CHECK_INT(done_one.status, GOFER_EUNCERTAIN);
    CHECK_INT(t.count, 2);
    CHECK_STR(t.count == 2 ? more[1]->message.id : "", "e");
    CHECK_INT(((gf_rd_store *)w)->undelivered_count, 0);        // nothing to be put back
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:a"), 0);
    CHECK_OK(b->ops->tasks->exchange(b, &done_one, 1, NULL));          // what is handed in again
                                                                       //   is known
    CHECK_INT(done_one.status, GOFER_OK);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 1);
    CHECK_INT(raw_int("LLEN asynq:{q}:active"), 4);
    for (size_t i = 0; i < 3; i++)
        gf_claim_free(claims[i]);
    for (size_t i = 0; i < t.count; i++)
        gf_claim_free(more[i]);
    gf_broker_close(w);
    store_close(b);
}

// However many there are, and whatever the store says of one of them.
static void many_takes_unheard_are_all_put_back(void)
{
    enum { MANY = 40 };
    gf_broker *b = store_open();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_claim *claims[MANY];
    char id[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "t%02d", i);
        put(b, "q", id);
        claims[i] = need_one(b, "q", id);
    }
    raw_run("SET asynq:{odd}:active x");
    gf_rd_undelivered_note(s, "odd", 77 << 16);                 // the oldest: it cannot be put back
    for (int i = 0; i < MANY; i++)
        gf_rd_undelivered_note(s, "q", claims[i]->token & ~UINT64_C(0xffff));
    gf_rd_undelivered_return(s);
    CHECK_INT(s->undelivered_count, 0);
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), MANY);
    CHECK_INT(raw_int("EXISTS asynq:{q}:active asynq:{q}:lease"), 0);
    for (int i = 0; i < MANY; i++)
        gf_claim_free(claims[i]);
    raw_run("DEL asynq:{odd}:active");
    store_close(b);
}

static void what_was_taken_unheard_is_put_back(void)
{
    gf_broker *b = store_open();
    for (int i = 0; i < 5; i++) {
        char id[2] = { (char)('a' + i), '\0' };
        put(b, "q", id);
    }
    gf_claim *first = need_one(b, "q", "a"), *claims[3];
    CHECK_INT(take(b, "q", 3, claims), 3);
    // as if b c d had not arrived
    gf_rd_undelivered_note((gf_rd_store *)b, "q", claims[0]->token & ~UINT64_C(0xffff));
    gf_rd_undelivered_note((gf_rd_store *)b, "r", 77 << 16);
    drain_expecting(b, "q", "b c d e");
    done(b, first);
    CHECK_INT(((gf_rd_store *)b)->undelivered_count, 0);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(finish(b, claims[i], (gf_finish){ .outcome = GF_DONE }), GOFER_ESTALE);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 5);
    store_close(b);
}

// ---- fences -------------------------------------------------------------------------------------

static const gf_outcome_kind outcomes[] = { GF_DONE, GF_RETRY_AT, GF_ARCHIVE, GF_REQUEUE, GF_DROP };

static void check_refused(gf_broker *b, gf_claim *claim, gf_outcome_kind outcome)
{
    gf_lease lease = { .claim = claim };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_INT(lease.status, GOFER_ESTALE);
    CHECK_STATUS(finish(b, claim, (gf_finish){ .outcome = outcome, .is_failure = true,
        .error = "late", .result = "r", .result_size = 1 }), GOFER_ESTALE);
    CHECK_STR(raw_text("LRANGE asynq:{q}:active 0 -1"), "t");
    CHECK_INT(raw_int("EXISTS asynq:{q}:processed"), 0);
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t result"), 0);
}

static void a_task_that_go_took_again_is_not_ours(void)
{
    for (size_t i = 0; i < COUNT(outcomes) * 2; i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "t");
        m.retention_ms = i < COUNT(outcomes) ? 0 : 60000;
        CHECK_OK(put_message(b, &m, 0));
        gf_claim *c = need_one(b, "q", "t");
        raw_run("ZINCRBY asynq:{q}:lease 60 t");        // recovered and taken by a Go worker: our
                                                        //   token is still there
        check_refused(b, c, outcomes[i % COUNT(outcomes)]);
        store_close(b);
    }
}

static void another_token_is_not_ours(void)
{
    for (size_t i = 0; i < COUNT(outcomes) * 2; i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "t");
        m.retention_ms = i < COUNT(outcomes) ? 0 : 60000;
        CHECK_OK(put_message(b, &m, 0));
        gf_claim *c = need_one(b, "q", "t");
        raw_run("HSET asynq:{q}:t:t gofer:claim 0123456789abcdef");
        gf_progress progress = { .claim = c, .done = 1, .total = 2, .text = "half" };
        CHECK_OK(b->ops->tasks->progress(b, &progress, 1));
        CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t gofer:progress"), 0);
        check_refused(b, c, outcomes[i % COUNT(outcomes)]);
        store_close(b);
    }
}

static void a_finish_whose_answer_was_lost_may_be_said_again(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    gf_finish f = { .claim = c, .outcome = GF_DONE };
    CHECK_OK(b->ops->tasks->exchange(b, &f, 1, NULL));
    atomic_store(&((gf_rd_claim *)c)->maybe_finished, true);
    CHECK_OK(b->ops->tasks->exchange(b, &f, 1, NULL));
    CHECK_INT(f.status, GOFER_OK);
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 1);
    gf_claim_free(c);
    store_close(b);
}

// Somebody deletes leases by hand, and recovery lends one where it sees that first: the next
// heartbeat puts both right.
static void a_lease_that_is_gone_is_put_right(void)
{
    static const char *const harms[] = { "ZREM asynq:{q}:lease t",
        "ZADD asynq:{q}:lease XX 1000000000 t" };
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    gf_lease lease = { .claim = claim };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_STATUS(lease.status, GOFER_OK);
    int64_t before = raw_int("ZSCORE asynq:{q}:lease t");
    for (size_t i = 0; i < COUNT(harms); i++) {
        raw_run("%s", harms[i]);
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_STATUS(lease.status, GOFER_OK);
        CHECK(raw_int("ZSCORE asynq:{q}:lease t") >= before);
    }
    // But not where the task is no longer active, or another has claimed it.
    static const char *const ends[] = { "HSET asynq:{q}:t:t state retry",
        "HSET asynq:{q}:t:t state active gofer:claim other" };
    for (size_t i = 0; i < COUNT(ends); i++) {
        raw_run("ZREM asynq:{q}:lease t");
        raw_run("%s", ends[i]);
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_STATUS(lease.status, GOFER_ESTALE);
        CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 0);
    }
    gf_claim_free(claim);
    store_close(b);
}

static void leases_are_extended_in_batches(void)
{
    static gf_claim *claims[600];
    static gf_lease leases[600];
    gf_broker *b = store_open();
    for (int i = 0; i < 600; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        put(b, i % 2 ? "q" : "r", id);
    }
    gf_share shares[] = { { "q", 300 }, { "r", 300 } };
    gf_take t = { .worker = "w",
        .queues = shares,
        .queue_count = 2,
        .max = 600,
        .lease_ms = 5000,
        .claims = claims };
    REQUIRE_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
    REQUIRE(t.count == 600);
    raw_run("HSET asynq:{r}:t:t4 gofer:claim 0123456789abcdef");
    raw_run("HSET asynq:{r}:t:t6 gofer:cancel %s", ((gf_rd_claim *)claims[303])->token_text);
    CHECK_STR(claims[303]->message.id, "t6");
    for (size_t i = 0; i < 600; i++)
        leases[i] = (gf_lease){ .claim = claims[i], .status = GOFER_EHANDLER };
    int64_t before = gf_mono_ms(), now_s = gf_now_ms() / 1000;
    CHECK_OK(b->ops->tasks->extend(b, leases, 600, 500000));
    for (size_t i = 0; i < 600; i++) {
        bool is_lost = strcmp(claims[i]->message.id, "t4") == 0;
        CHECK_INT(leases[i].status, is_lost ? GOFER_ESTALE : GOFER_OK);
        CHECK(is_lost ||
            (leases[i].lease_until_ms >= before + 500000 &&
                leases[i].lease_until_ms < before + 560000));
        CHECK_INT(leases[i].cancel, i == 303);
    }
    int64_t score = raw_int("ZSCORE asynq:{q}:lease t1");
    CHECK(score >= now_s + 500 && score < now_s + 560);
    static gf_finish all[600];
    for (size_t i = 0; i < 600; i++)
        all[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
    CHECK_OK(b->ops->tasks->exchange(b, all, 600, NULL));
    for (size_t i = 0; i < 600; i++) {
        CHECK_INT(all[i].status,
            strcmp(claims[i]->message.id, "t4") == 0 ? GOFER_ESTALE : GOFER_OK);
        gf_claim_free(claims[i]);
    }
    store_close(b);
}

static void an_extension_not_heard_of_loses_no_claim(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    raw_run("ZINCRBY asynq:{q}:lease 400 t");           // extended to 430 s, as we asked but did
                                                        //   not hear
    atomic_store(&((gf_rd_claim *)c)->reach, 502);
    gf_lease lease = { .claim = c };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_INT(lease.status, GOFER_OK);
    CHECK_INT(atomic_load(&((gf_rd_claim *)c)->reach), GF_RD_REACH_S);
    done(b, c);
    store_close(b);
}

static void progress_is_written_into_the_task(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    gf_progress progress = { .claim = c, .done = 1, .total = 2, .text = NULL };
    CHECK_OK(b->ops->tasks->progress(b, &progress, 1));
    CHECK_HAS(raw_text("HGET asynq:{q}:t:t gofer:progress"), "1 2");
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t gofer:progress"), 0);
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t gofer:claim"), 0);
    store_close(b);
}

// ---- finish -------------------------------------------------------------------------------------

static void all_outcomes_in_one_exchange(void)
{
    gf_broker *b = store_open();
    gf_claim *claims[6];
    gf_finish all[6];
    for (int i = 0; i < 6; i++) {
        char id[2] = { (char)('a' + i), '\0' };
        gf_message m = message("q", id);
        m.retention_ms = i == 1 ? 60000 : 0;
        CHECK_OK(put_message(b, &m, 0));
    }
    REQUIRE(take(b, "q", 6, claims) == 6);
    static const gf_outcome_kind what[6] = { GF_DONE, GF_DONE, GF_RETRY_AT, GF_ARCHIVE, GF_REQUEUE,
        GF_DROP };
    for (int i = 0; i < 6; i++)
        all[i] = (gf_finish){ .claim = claims[i], .outcome = what[i], .is_failure = true,
            .at_ms = gf_now_ms() + 90000,
            .error = "no route", .result = i == 1 ? "" : NULL };
    gf_claim *again;
    gf_share share = { "q", 1 };
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = LEASE_MS,
        .claims = &again };
    CHECK_OK(b->ops->tasks->exchange(b, all, 6, &t));
    for (int i = 0; i < 6; i++) {
        CHECK_INT(all[i].status, GOFER_OK);
        gf_claim_free(claims[i]);
    }
    REQUIRE(t.count == 1);
    CHECK_STR(again->message.id, "e");
    CHECK_INT(raw_int("GET asynq:{q}:processed"), 5);
    CHECK_INT(raw_int("GET asynq:{q}:failed"), 2);
    CHECK_STR(raw_text("ZRANGE asynq:{q}:completed 0 -1"), "b");
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:b result"), 1);      // an empty one is one
    int64_t score = raw_int("ZSCORE asynq:{q}:completed b"), now_s = gf_now_ms() / 1000;
    CHECK(score > now_s && score <= now_s + 61);
    CHECK_STR(raw_text("ZRANGE asynq:{q}:retry 0 -1"), "c");
    CHECK_STR(raw_text("ZRANGE asynq:{q}:archived 0 -1"), "d");
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:d gofer:worker"), 0);
    done(b, again);
    CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 0);
    store_close(b);
}

// Whatever is finished, the others stay in the list of active tasks in their order.
static void ending_some_keeps_the_order_of_the_others(void)
{
    enum { COUNT_OF = 40 };
    static const struct { int from, to, step; } cases[] = {
        { 0, 40, 2 }, { 20, 40, 1 }, { 0, 20, 1 }, { 0, 40, 1 }, { 3, 37, 1 }, { 0, 30, 3 },
        { 39, 40, 1 },
    };
    for (size_t c = 0; c < COUNT(cases); c++) {
        gf_broker *b = store_open();
        gf_claim *claims[COUNT_OF];
        gf_finish some[COUNT_OF + 1];
        bool ends[COUNT_OF] = { false };
        size_t count = 0;
        for (int i = 0; i < COUNT_OF; i++) {
            char id[16];
            snprintf(id, sizeof id, "t%d", i);
            put(b, "q", id);
        }
        REQUIRE(take(b, "q", COUNT_OF / 2, claims) == COUNT_OF / 2);
        REQUIRE(take(b, "q", COUNT_OF / 2, claims + COUNT_OF / 2) == COUNT_OF / 2);
        for (int i = cases[c].from; i < cases[c].to; i += cases[c].step) {
            some[count++] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
            ends[i] = true;
        }
        some[count] = some[0];                           // twice in one call
        CHECK_OK(b->ops->tasks->exchange(b, some, count + 1, NULL));
        for (size_t i = 0; i < count; i++)
            CHECK_INT(some[i].status, GOFER_OK);
        CHECK_INT(some[count].status, GOFER_ESTALE);
        char want[512] = "";
        for (int i = COUNT_OF - 1; i >= 0; i--)          // the newest first
            if (!ends[i])
                snprintf(want + strlen(want), sizeof want - strlen(want), "%st%d", *want ? " " : "",
                    i);
        const char *left = raw_text("LRANGE asynq:{q}:active 0 -1");
        CHECK_STR(left ? left : "", want);
        CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), COUNT_OF - (int)count);
        CHECK_INT(raw_int("GET asynq:{q}:processed"), count);
        for (int i = 0; i < COUNT_OF; i++)
            gf_claim_free(claims[i]);
        store_close(b);
    }
}

// Tasks of two takes and of two lease ends in one call, in runs and one by one: each is
// held to its own token.
static void each_end_is_held_to_its_own_claim(void)
{
    enum { OF_EACH = 6, ALL = 2 * OF_EACH };
    static const int orders[][ALL] = {
        { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 },
        { 0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11 },
        { 11, 10, 0, 1, 9, 8, 2, 3, 4, 5, 6, 7 },
    };
    for (size_t o = 0; o < COUNT(orders); o++)
        for (int lost = 0; lost < ALL; lost++) {
            gf_broker *b = store_open();
            gf_claim *claims[ALL];
            gf_finish all[ALL];
            for (int i = 0; i < ALL; i++) {
                char id[16];
                snprintf(id, sizeof id, "t%d", i);
                put(b, "q", id);
            }
            REQUIRE(take(b, "q", OF_EACH, claims) == OF_EACH);
            REQUIRE(take(b, "q", OF_EACH, claims + OF_EACH) == OF_EACH);
            gf_lease longer = { .claim = claims[4], .status = GOFER_EHANDLER };
            REQUIRE_OK(b->ops->tasks->extend(b, &longer, 1, 500000));
            // Another take's token: as if the task had been recovered and taken again.
            raw_run("HSET asynq:{q}:t:t%d gofer:claim %s", lost,
                ((gf_rd_claim *)claims[(lost + OF_EACH) % ALL])->token_text);
            for (int i = 0; i < ALL; i++)
                all[i] = (gf_finish){ .claim = claims[orders[o][i]], .outcome = GF_DONE };
            CHECK_OK(b->ops->tasks->exchange(b, all, ALL, NULL));
            for (int i = 0; i < ALL; i++)
                CHECK_INT(all[i].status, orders[o][i] == lost ? GOFER_ESTALE : GOFER_OK);
            CHECK_INT(raw_int("EXISTS asynq:{q}:t:t%d", lost), 1);
            CHECK_INT(raw_int("LLEN asynq:{q}:active"), 1);
            CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 1);
            for (int i = 0; i < ALL; i++)
                gf_claim_free(claims[i]);
            store_close(b);
        }
}

static void counters_follow_asynqs_rules(void)
{
    gf_broker *b = store_open();
    char day[32];
    for (int i = 0; i < 5; i++) {
        char id[2] = { (char)('a' + i), '\0' };
        put(b, "q", id);
    }
    gf_date_text(gf_day_of(gf_now_ms()), day);
    done(b, need_one(b, "q", "a"));
    int64_t ttl = raw_int("TTL asynq:{q}:processed:%s", day);
    CHECK(ttl > 7775000 && ttl <= 7776000);
    raw_run("EXPIRE asynq:{q}:processed:%s 1000", day);     // only a new one is given its time
    done(b, need_one(b, "q", "b"));
    CHECK(raw_int("TTL asynq:{q}:processed:%s", day) <= 1000);
    CHECK_INT(raw_int("GET asynq:{q}:processed:%s", day), 2);

    raw_run("SET asynq:{q}:processed 9223372036854775806");
    done(b, need_one(b, "q", "c"));
    CHECK_STR(raw_text("GET asynq:{q}:processed"), "9223372036854775807");
    gf_claim *claims[2];
    gf_finish both[2];
    CHECK_INT(take(b, "q", 2, claims), 2);
    for (int i = 0; i < 2; i++)
        both[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
    CHECK_OK(b->ops->tasks->exchange(b, both, 2, NULL));
    CHECK_STR(raw_text("GET asynq:{q}:processed"), "2");
    gf_claim_free(claims[0]);
    gf_claim_free(claims[1]);

    put(b, "q", "f");
    raw_run("SET asynq:{q}:processed many");                // is not touched, and stops nothing
    raw_run("SET asynq:{q}:processed:%s many", day);
    done(b, need_one(b, "q", "f"));
    CHECK_STR(raw_text("GET asynq:{q}:processed"), "many");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:f"), 0);
    store_close(b);
}

// The days as the script computes them, against the library's calendar, for the next four centuries
// (keys of the past would be gone at once).
static void days_are_right_in_every_year(void)
{
    gf_broker *b = store_open();
    int32_t today = gf_day_of(gf_now_ms());
    char text[4096], piece[2560], date[11];
    FILE *file = fopen(SCRIPTS "/lib/count.lua", "r");
    REQUIRE(file != NULL);
    size_t size = fread(piece, 1, sizeof piece - 1, file);
    REQUIRE(feof(file));
    fclose(file);
    piece[size] = '\0';
    snprintf(text, sizeof text, "%sfor day = %d, %d, 83 do for i = 0, 2 do "
        "count({string.format('%%.0f', (day + i) * 86400 + i * 43199), '0'}, 1, KEYS[1]) end end "
        "return 1",
        piece, (int)today, (int)today + 150000);
    CHECK_STR(raw_script(text, "asynq:{q}:processed"), "1");
    for (int32_t day = today; day <= today + 150000; day += 83)
        for (int32_t i = 0; i < 3; i++) {
            gf_date_text(day + i, date);
            if (!CHECK_INT(raw_int("EXISTS asynq:{q}:processed:%s", date), 1))
                return;
        }
    store_close(b);
}

static void the_archive_is_trimmed_in_steps(void)
{
    static const char fill[] =
        "for i = 1, 10050 do redis.call('ZADD', KEYS[1], %lld + i, 'old' .. i) redis.call('HSET', "
        "'asynq:{q}:t:old' .. i, 'msg', '', 'unique_key', 'asynq:{q}:unique:x:' .. i) end "
        "redis.call('SET', 'asynq:{q}:unique:x:1', 'old1') redis.call('SET', "
        "'asynq:{q}:unique:x:2', 'other') return 1";
    char text[1024];
    gf_broker *b = store_open();
    snprintf(text, sizeof text, fill, (long long)(gf_now_ms() / 1000 - 20000));
    CHECK_STR(raw_script(text, "asynq:{q}:archived"), "1");
    put(b, "q", "t");
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_ARCHIVE,
        .is_failure = true, .error = "e" }));
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old1"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:x:1"), 0);
    CHECK_STR(raw_text("GET asynq:{q}:unique:x:2"), "other");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old53"), 1);
    CHECK_STR(raw_text("HGET asynq:{q}:t:t state"), "archived");
    store_close(b);
}

static void old_archived_tasks_go(void)
{
    gf_broker *b = store_open();
    raw_run("ZADD asynq:{q}:archived 1000 old %lld young",
        (long long)(gf_now_ms() / 1000 - 7776000 + 600));
    raw_run("HSET asynq:{q}:t:old msg x");
    put(b, "q", "t");
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_ARCHIVE,
        .is_failure = true, .error = "e" }));
    CHECK_STR(raw_text("ZRANGE asynq:{q}:archived 0 -1"), "young t");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old"), 0);
    store_close(b);
}

// ---- the server ---------------------------------------------------------------------------------

static void full_memory_stops_only_putting(void)
{
    gf_broker *b = store_open();
    for (int i = 0; i < 6; i++) {
        char id[2] = { (char)('a' + i), '\0' };
        put(b, "q", id);
    }
    raw_everywhere("CONFIG SET maxmemory-policy noeviction");
    gf_claim *first = need_one(b, "q", "a"), *second = need_one(b, "q", "b");
    raw_everywhere("CONFIG SET maxmemory 1");
    gf_message m = message("q", "x");
    CHECK_STATUS(put_message(b, &m, 0), GOFER_ENOSPACE);
    gf_message u = message("q", "y");
    gf_put item = { .message = &u, .unique_ms = 1000 };
    CHECK_STATUS(b->ops->tasks->put(b, &item, 1), GOFER_ENOSPACE);
    gf_lease lease = { .claim = first };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_INT(lease.status, GOFER_OK);
    done(b, first);
    CHECK_OK(finish(b, second, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = gf_now_ms() + 90000, .error = "e" }));
    gf_claim *third = need_one(b, "q", "c");
    CHECK_OK(finish(b, third, (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "e" }));
    CHECK_OK(finish(b, need_one(b, "q", "d"), (gf_finish){ .outcome = GF_REQUEUE }));
    done(b, need_one(b, "q", "d"));
    raw_everywhere("CONFIG SET maxmemory 0");
    CHECK_OK(put_message(b, &m, 0));
    store_close(b);
}

// Kept results do not fill a server beyond its limit: the large ones are left out with a word. All
// else ends as ever, in the same exchange.
static void full_memory_leaves_large_results_out(void)
{
    enum { LARGE = 100000 };
    static const size_t sizes[] = { LARGE, 100, LARGE, 0 };
    gf_broker *b = store_open();
    gf_claim *claims[5];
    gf_finish done_all[5];
    char *result = gf_calloc(1, LARGE);
    REQUIRE(result != NULL);
    put_large(b, "q", 5, 8, 3600000);
    REQUIRE(take(b, "q", 5, claims) == 5);
    raw_everywhere("CONFIG SET maxmemory-policy noeviction");
    raw_everywhere("CONFIG SET maxmemory 1");
    for (size_t i = 0; i < 5; i++)
        done_all[i] = (gf_finish){ .claim = claims[i],
            .outcome = i == 4 ? GF_ARCHIVE : GF_DONE,
            .error = i == 4 ? "e" : NULL,
            .result = i < 4 && sizes[i] ? result : NULL,
            .result_size = i < 4 ? sizes[i] : 0,
            .status = GOFER_EHANDLER };
    CHECK_OK(b->ops->tasks->exchange(b, done_all, 5, NULL));
    raw_everywhere("CONFIG SET maxmemory 0");
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(done_all[i].status, GOFER_OK);
    CHECK_INT(raw_int("ZCARD asynq:{q}:completed"), 4);
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 1);
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:q00 result"), 0);
    CHECK_HAS(raw_text("HGET asynq:{q}:t:q00 gofer:error"), "result of 100000 bytes was left out");
    CHECK_HAS(task_text(b, "q", "q02", "last_error"), "memory is full");
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:q01 result"), 100);
    CHECK_INT(raw_int("EXISTS asynq:{q}:active asynq:{q}:lease"), 0);
    for (size_t i = 0; i < 5; i++)
        gf_claim_free(claims[i]);
    put_large(b, "r", 1, 8, 3600000);                           // with room again, it stays
    CHECK_OK(finish(b, need_one(b, "r", "r00"), (gf_finish){ .outcome = GF_DONE, .result = result,
        .result_size = LARGE }));
    CHECK_INT(raw_int("HSTRLEN asynq:{r}:t:r00 result"), LARGE);
    gf_free(result);
    store_close(b);
}

static void a_server_that_forgot_the_scripts_is_told_again(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    raw_everywhere("SCRIPT FLUSH");
    put(b, "q", "b");
    raw_everywhere("SCRIPT FLUSH");
    gf_claim *c = need_one(b, "q", "a");
    raw_everywhere("SCRIPT FLUSH");
    gf_lease lease = { .claim = c };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    raw_everywhere("SCRIPT FLUSH");
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = 1, .error = "e" }));
    store_close(b);
}

// ---- disorder is told --------------------------------------------------------------

static char heard[4000];

static void hear_line(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    size_t used = strlen(heard);
    (void)user, (void)time_ms;
    if (level >= GOFER_LOG_WARN)
        snprintf(heard + used, sizeof heard - used, "%s %s\n", text, fields);
}

// Whoever drops what nobody could have run says so, where and how many.
static void what_is_dropped_is_told(void)
{
    gf_broker *b = store_open();
    size_t moved;
    int64_t next_ms;
    gf_recovered r = { 0 };
    *heard = '\0';
    b->config.log = (gf_log){ .fn = hear_line };            // called at once: no client stands
                                                            //   between
    put(b, "q", "held");
    put(b, "q", "lone");
    raw_run("RPUSH asynq:{q}:pending ghost1 ghost2");
    raw_run("ZADD asynq:{q}:scheduled 1 ghost3");
    gf_claim *claims[4];
    REQUIRE(take(b, "q", 4, claims) == 2);
    CHECK_HAS(heard, "ids without a task were dropped from a queue {\"queue\":\"q\",\"count\":2}");
    CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    CHECK_HAS(heard, "due ids without a task were dropped {\"queue\":\"q\",\"count\":1}");
    put(b, "q", "stray");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "stray"));
    raw_run("ZREM asynq:{q}:lease lone");
    raw_run("LPUSH asynq:{q}:active ghost4 ghost5 ghost6 stray stray");
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_HAS(heard, "active tasks without a lease were given one {\"queue\":\"q\",\"count\":1}");
    CHECK_HAS(heard, "active ids without a task were dropped {\"queue\":\"q\",\"count\":3}");
    CHECK_HAS(heard,
        "had left an active id or a lease: it was dropped {\"queue\":\"q\",\"count\":2}");
    CHECK_STR(queue_counts(b, "q"), "p0 a2 s0 r0 c0 x1");
    done(b, claims[0]);
    gf_claim_free(claims[1]);
    store_close(b);
}

static const check_test tests[] = {
    TEST(a_claim_is_written_into_the_task),
    TEST(an_id_of_version_7_tells_when_it_was_enqueued),
    TEST(ghosts_are_dropped_and_do_not_end_the_take),
    TEST(an_unreadable_task_is_archived_as_it_is),
    TEST(another_queue_in_the_message_does_not_count),
    TEST(a_key_of_a_wrong_type_loses_nothing),
    TEST(what_was_taken_unheard_is_put_back),
    TEST(a_take_is_bounded_by_bytes),
    TEST(a_lost_answer_makes_the_next_one_smaller),
    TEST(outcomes_are_bounded_by_bytes),
    TEST(tasks_travel_in_pieces),
    TEST(a_message_that_is_too_long_stops_nobody),
    TEST(a_queue_that_refuses_is_left_alone),
    TEST(work_goes_on_while_a_replica_is_away),
    TEST(many_takes_unheard_are_all_put_back),
    TEST(a_task_that_go_took_again_is_not_ours),
    TEST(another_token_is_not_ours),
    TEST(a_finish_whose_answer_was_lost_may_be_said_again),
    TEST(a_lease_that_is_gone_is_put_right), TEST(leases_are_extended_in_batches),
    TEST(an_extension_not_heard_of_loses_no_claim),
    TEST(progress_is_written_into_the_task),
    TEST(all_outcomes_in_one_exchange),
    TEST(ending_some_keeps_the_order_of_the_others),
    TEST(each_end_is_held_to_its_own_claim),
    TEST(counters_follow_asynqs_rules),
    TEST(days_are_right_in_every_year),
    TEST(the_archive_is_trimmed_in_steps),
    TEST(old_archived_tasks_go),
    TEST(full_memory_stops_only_putting),
    TEST(full_memory_leaves_large_results_out),
    TEST(a_server_that_forgot_the_scripts_is_told_again),
    TEST(what_is_dropped_is_told),
};

int main(int argc, char **argv)
{
    store_be_patient(true);
    signal(SIGPIPE, SIG_IGN);
    return raw_main(argc, argv, tests, COUNT(tests));
}
