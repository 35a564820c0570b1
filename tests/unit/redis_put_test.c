// redis_put_test.c - enqueuing on Redis: batches, locks, conflicts, the names of queues. Run by
// tests/redis/servers.py.
#include <pthread.h>
#include <signal.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "broker/redis/wire/wire.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { MANY = 1300, QUEUES = 3, THREADS = 16, EACH = 150 };

static gf_put put_of(const gf_message *m)
{
    return (gf_put){ .message = m, .status = GOFER_EHANDLER };
}

static gofer_status put_item(gf_broker *b, gf_put item)
{
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    return st == GOFER_OK ? item.status : st;
}

static void put_unique(gf_broker *b, const char *id, int64_t run_at_ms, int64_t unique_ms,
    gofer_status want)
{
    gf_message m = message("q", id);
    gf_put item = put_of(&m);
    item.run_at_ms = run_at_ms;
    item.unique_ms = unique_ms;
    CHECK_STATUS(put_item(b, item), want);
}

// The one lock there is; "" if there is none.
static const char *lock_name(void)
{
    static char name[256];
    const char *found = raw_text("KEYS asynq:{q}:unique:*");
    snprintf(name, sizeof name, "%s", found ? found : "");
    return name;
}

static void large_batches_keep_their_order(void)
{
    static gf_message messages[MANY];
    static gf_put items[MANY];
    static char ids[MANY][16];
    static const char *const queues[QUEUES] = { "a", "b", "c" };
    gf_broker *b = store_open();
    for (size_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "t%zu", i);
        messages[i] = message(queues[i % 7 % QUEUES], ids[i]);
        items[i] = put_of(&messages[i]);
    }
    REQUIRE_OK(b->ops->tasks->put(b, items, MANY));
    for (size_t i = 0; i < MANY; i++)
        CHECK_INT(items[i].status, GOFER_OK);

    static gf_claim *claims[MANY];
    gf_share shares[QUEUES] = { { "a", 400 }, { "b", 100 }, { "c", 700 } };
    gf_take t = { .worker = "w",
        .queues = shares,
        .queue_count = QUEUES,
        .max = MANY,
        .lease_ms = LEASE_MS,
        .claims = claims };
    REQUIRE_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
    CHECK_INT(t.count, MANY);
    long last[QUEUES] = { -1, -1, -1 };
    for (size_t i = 0; i < t.count; i++) {
        long number = strtol(claims[i]->message.id + 1, NULL, 10);
        long *before = &last[claims[i]->message.queue[0] - 'a'];
        CHECK(number > *before);
        *before = number;
    }
    static gf_finish done_all[MANY];
    for (size_t i = 0; i < t.count; i++)
        done_all[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE,
            .status = GOFER_EHANDLER };
    REQUIRE_OK(b->ops->tasks->exchange(b, done_all, t.count, NULL));
    for (size_t i = 0; i < t.count; i++) {
        CHECK_INT(done_all[i].status, GOFER_OK);
        gf_claim_free(claims[i]);
    }
    for (size_t i = 0; i < QUEUES; i++) {
        CHECK_INT(raw_int("LLEN asynq:{%s}:active", queues[i]), 0);
        CHECK_INT(raw_int("ZCARD asynq:{%s}:lease", queues[i]), 0);
    }
    CHECK_INT(raw_int("GET asynq:{a}:processed") + raw_int("GET asynq:{b}:processed") +
            raw_int("GET asynq:{c}:processed"),
        MANY);
    store_close(b);
}

static void a_put_task_looks_like_asynqs(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    CHECK_STR(raw_text("SMEMBERS asynq:queues"), "q");
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "t");
    CHECK_INT(raw_int("HLEN asynq:{q}:t:t"), 3);
    CHECK_STR(raw_text("HGET asynq:{q}:t:t state"), "pending");
    int64_t since_ms = raw_int("HGET asynq:{q}:t:t pending_since") / 1000000;
    CHECK(since_ms > gf_now_ms() - 60000 && since_ms < gf_now_ms() + 60000);
    gf_message m = message("q", "later");
    int64_t at_ms = gf_now_ms() / 1000 * 1000 + 60001;
    CHECK_OK(put_message(b, &m, at_ms));
    CHECK_INT(raw_int("ZSCORE asynq:{q}:scheduled later"), at_ms / 1000 + 1);   // never early
    CHECK_INT(raw_int("HLEN asynq:{q}:t:later"), 2);
    CHECK_STR(raw_text("HGET asynq:{q}:t:later state"), "scheduled");
    store_close(b);
}

static void the_same_id_in_a_batch_is_looked_at(void)
{
    gf_broker *b = store_open();
    gf_message same = message("q", "t"), other = message("q", "t"), next = message("q", "u");
    other.payload = "2";
    other.payload_size = 1;
    gf_put items[] = { put_of(&same), put_of(&same), put_of(&other), put_of(&next) };
    REQUIRE_OK(b->ops->tasks->put(b, items, COUNT(items)));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_INT(items[1].status, GOFER_OK);
    CHECK_INT(items[2].status, GOFER_EEXIST);
    CHECK_INT(items[3].status, GOFER_OK);
    drain_expecting(b, "q", "t u");

    gf_message first = message("q", "a"), between = message("q", "b"), again = message("q", "a");
    again.type = "other";
    gf_put apart[] = { put_of(&first), put_of(&between), put_of(&again) };
    REQUIRE_OK(b->ops->tasks->put(b, apart, COUNT(apart)));
    CHECK_INT(apart[1].status, GOFER_OK);
    CHECK_INT(apart[2].status, GOFER_EEXIST);
    drain_expecting(b, "q", "a b");
    store_close(b);
}

static void a_repeat_is_known_after_a_retry(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = gf_now_ms() + 60000, .error = "e" }));
    put(b, "q", "t");                                   // the stored bytes are others now
    gf_message m = message("q", "t");
    m.type = "other";
    CHECK_STATUS(put_message(b, &m, 0), GOFER_EEXIST);
    raw_run("DEL asynq:{q}:t:t");
    raw_run("SET asynq:{q}:t:t x");                     // nothing we could compare
    CHECK_STATUS(put_message(b, &m, 0), GOFER_EEXIST);
    store_close(b);
}

static void a_unique_lock_refuses_the_second(void)
{
    gf_broker *b = store_open();
    put_unique(b, "t1", 0, 30500, GOFER_OK);
    CHECK_STR(raw_text("GET %s", lock_name()), "t1");
    int64_t ttl = raw_int("TTL %s", lock_name());
    CHECK(ttl > 20 && ttl <= 31);
    CHECK_STR(raw_text("HGET asynq:{q}:t:t1 unique_key"), lock_name());
    put_unique(b, "t2", 0, 30500, GOFER_EDUPLICATE);
    put_unique(b, "t1", 0, 30500, GOFER_OK);            // the same task again
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:t2"), 0);
    gf_message m = message("q", "t3");
    m.payload = "else";
    m.payload_size = 4;
    gf_put item = put_of(&m);
    item.unique_ms = 1000;
    CHECK_OK(put_item(b, item));
    done(b, need_one(b, "q", "t1"));
    put_unique(b, "t2", 0, 30500, GOFER_OK);            // freed with the first
    store_close(b);
}

static void a_lock_of_another_is_left_alone(void)
{
    gf_broker *b = store_open();
    put_unique(b, "t1", 0, 30000, GOFER_OK);
    char name[256];
    snprintf(name, sizeof name, "%s", lock_name());
    gf_claim *claim = need_one(b, "q", "t1");
    raw_run("SET %s t9", name);                         // ours ran out, another holds it
    done(b, claim);
    CHECK_STR(raw_text("GET %s", name), "t9");
    store_close(b);
}

static void a_lock_goes_with_completion_and_stays_with_retry(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t1");
    m.retention_ms = 60000;
    gf_put item = put_of(&m);
    item.unique_ms = 30000;
    CHECK_OK(put_item(b, item));
    CHECK_OK(finish(b, need_one(b, "q", "t1"), (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = 1,
        .error = "e" }));
    CHECK_INT(raw_int("EXISTS %s", lock_name()), 1);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "t1"));
    CHECK_OK(finish(b, need_one(b, "q", "t1"), (gf_finish){ .outcome = GF_DONE }));
    CHECK_STR(lock_name(), "");
    store_close(b);
}

static void a_scheduled_lock_outlasts_the_wait(void)
{
    gf_broker *b = store_open();
    put_unique(b, "t1", gf_now_ms() + 100000, 30000, GOFER_OK);
    int64_t ttl = raw_int("TTL %s", lock_name());
    CHECK(ttl > 100 && ttl <= 131);
    CHECK_STR(raw_text("HGET asynq:{q}:t:t1 state"), "scheduled");
    store_close(b);
}

static void an_id_conflict_leaves_no_lock(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t1");
    m.payload = "first";
    m.payload_size = 5;
    CHECK_OK(put_message(b, &m, 0));
    put_unique(b, "t1", 0, 30000, GOFER_EEXIST);
    CHECK_STR(lock_name(), "");
    store_close(b);
}

static void a_task_waits_in_its_group(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t1"), now = message("q", "t2");
    gf_put items[] = { put_of(&m), put_of(&now) };
    items[0].group = "g1";
    REQUIRE_OK(b->ops->tasks->put(b, items, 2));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_INT(items[1].status, GOFER_OK);
    CHECK_STR(raw_text("SMEMBERS asynq:{q}:groups"), "g1");
    CHECK_STR(raw_text("ZRANGE asynq:{q}:g:g1 0 -1"), "t1");
    CHECK_STR(raw_text("HMGET asynq:{q}:t:t1 state group"), "aggregating g1");
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "t2");
    raw_run("DEL asynq:{q}:g:g2");
    raw_run("SET asynq:{q}:g:g2 x");                    // nothing is lost for a key that is
                                                        //   something else
    gf_message last = message("q", "t3"), bad = message("q", "t4");
    gf_put more[] = { put_of(&last), put_of(&bad) };
    more[1].group = "g2";
    REQUIRE_OK(b->ops->tasks->put(b, more, 2));
    CHECK_INT(more[0].status, GOFER_OK);
    CHECK_INT(more[1].status, GOFER_ECORRUPT);
    CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), "t3 t2");
    store_close(b);
}

static void *put_each(void *arg)
{
    gf_broker *b = arg;
    for (int i = 0; i < EACH; i++) {
        char id[64];
        snprintf(id, sizeof id, "%lu-%d", (unsigned long)pthread_self(), i);
        gf_message m = message(i % 3 ? "q" : "r", id);
        gf_put item = put_of(&m);
        CHECK_OK(b->ops->tasks->put(b, &item, 1));
        CHECK_INT(item.status, GOFER_OK);
        item.status = GOFER_EHANDLER;
        if (i % 50 == 0) {                              // statuses find their callers
            gf_message other = m;
            other.type = "other";
            item.message = &other;
            CHECK_OK(b->ops->tasks->put(b, &item, 1));
            CHECK_INT(item.status, GOFER_EEXIST);
        }
    }
    return NULL;
}

static void many_threads_put_at_once(void)
{
    gf_broker *b = store_open();
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, put_each, b) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(raw_int("LLEN asynq:{q}:pending") + raw_int("LLEN asynq:{r}:pending"),
        THREADS * EACH);
    store_close(b);
}

// ---- sizes --------------------------------------------------------------------------------------

enum { MIB = 1 << 20, PIECE = 8 << 20, SIZES = 5, BIG_THREADS = 8 };

static char big[PIECE + 100];              // payloads of all sizes begin here

static gf_message sized(const char *queue, const char *id, size_t size)
{
    gf_message m = message(queue, id);
    m.payload = big;
    m.payload_size = size;
    return m;
}

// What a task's message adds to its payload.
static size_t around(void)
{
    gf_message m = sized("q", "0-0", PIECE - 200);
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    size_t more = bytes.size - m.payload_size;
    gf_bytes_clear(&bytes);
    return more;
}

// Payloads just below, at and above what one script is given, alone and in every mixture of two, in
// one call: neighbours that do not fit together need a script each.
static void payloads_around_every_limit_go_in_one_call(void)
{
    size_t head = around();
    const size_t sizes[] = { 8, MIB, PIECE / 2 - head, PIECE / 2 - head + 1, 5000000, PIECE - head,
        PIECE };
    memset(big, 'x', sizeof big);
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < i; j++) {
            gf_message messages[SIZES];
            gf_put items[SIZES];
            char ids[SIZES][48];
            for (size_t k = 0; k < SIZES; k++) {
                snprintf(ids[k], sizeof ids[k], "%zu-%zu", j, k);
                messages[k] = sized(i % 2 && k % 3 == 2 ? "r" : "q", ids[k], sizes[k % 2 ? i : j]);
                items[k] = put_of(&messages[k]);
            }
            REQUIRE_OK(b->ops->tasks->put(b, items, SIZES));
            for (size_t k = 0; k < SIZES; k++)
                CHECK_INT(items[k].status, GOFER_OK);
            bool two = i % 2;
            char want[400];
            size_t at = 0;
            for (size_t k = SIZES; k-- > 0;)
                if (!two || k % 3 != 2)
                    at += (size_t)snprintf(want + at, sizeof want - at, "%s%s", at ? " " : "",
                        ids[k]);
            CHECK_STR(raw_text("LRANGE asynq:{q}:pending 0 -1"), want);
            CHECK_INT(raw_int("LLEN asynq:{r}:pending"), two ? 1 : 0);
            raw_everywhere("FLUSHALL");
        }
    store_close(b);
}

static void *put_big(void *arg)
{
    gf_broker *b = arg;
    for (size_t i = 0; i < SIZES; i++) {
        char id[64];
        snprintf(id, sizeof id, "%lu-%zu", (unsigned long)pthread_self(), i);
        gf_message m = sized("q", id, i % 2 ? MIB : PIECE);
        gf_put item = put_of(&m);
        CHECK_OK(b->ops->tasks->put(b, &item, 1));
        CHECK_INT(item.status, GOFER_OK);
    }
    return NULL;
}

// The same from threads, whose tasks share pipelines.
static void threads_put_payloads_of_all_sizes(void)
{
    gf_broker *b = store_open();
    pthread_t threads[BIG_THREADS];
    for (size_t i = 0; i < BIG_THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, put_big, b) == 0);
    for (size_t i = 0; i < BIG_THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), BIG_THREADS * SIZES);
    store_close(b);
}

// What could not be read back is refused, alone; an edit to such a size, too.
static void what_could_not_be_read_back_is_refused(void)
{
    enum { LIMIT = 64 << 20 };
    gf_broker *b = store_open();
    char *payload = gf_calloc(1, LIMIT);
    REQUIRE(payload != NULL);
    gf_message first = message("q", "a"), large = message("q", "huge"), last = message("q", "b");
    large.payload = payload;
    large.payload_size = LIMIT;
    gf_put items[] = { put_of(&first), put_of(&large), put_of(&last) };
    REQUIRE_OK(b->ops->tasks->put(b, items, COUNT(items)));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_INT(items[1].status, GOFER_ETOOBIG);
    CHECK_INT(items[2].status, GOFER_OK);
    CHECK_STATUS(put_message(b, &large, 0), GOFER_ETOOBIG);
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "a", payload, LIMIT, 0), GOFER_ETOOBIG);
    drain_expecting(b, "q", "a b");

#ifndef __SANITIZE_THREAD__                            // which needs longer for so much than a
                                                       //   call may take
    large.payload_size = LIMIT - (2 << 20);            // the largest ones come back
    CHECK_OK(put_message(b, &large, 0));
    gf_claim *claim = need_one(b, "q", "huge");
    CHECK_INT(claim->message.payload_size, LIMIT - (2 << 20));
    done(b, claim);
#endif
    gf_free(payload);
    store_close(b);
}

// Somebody else removes the queue while this client goes on: its next task makes the queue seen
// again, whatever its kind.
static void a_queue_that_was_removed_is_told_again(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    for (int i = 0; i < 4; i++) {
        const char *ids[] = { "now", "later", "group", "unique" };
        gf_message m = message("q", ids[i]);
        gf_put item = put_of(&m);
        item.run_at_ms = i == 1 ? gf_now_ms() + 3600000 : 0;
        item.group = i == 2 ? "g" : NULL;
        item.unique_ms = i == 3 ? 1000 : 0;
        raw_everywhere("FLUSHALL");
        gf_sleep_us(60000);                        // names are not told with every task, but
                                                   //   every 50 ms
        CHECK_OK(put_item(b, item));
        CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 1);
    }
    CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 1);
    gofer_status st = GOFER_OK;
    CHECK(gf_rd_queue_exists((gf_rd_store *)b, "q", &st));
    CHECK(!gf_rd_queue_exists((gf_rd_store *)b, "nowhere", &st));
    gf_rd_names names;
    raw_run("SADD asynq:queues {odd}");
    CHECK_OK(gf_rd_queues_get((gf_rd_store *)b, 0, &names));
    CHECK_INT(names.count, 2);
    gf_rd_names_free(&names);
    store_close(b);
}

static const check_test tests[] = {
    TEST(large_batches_keep_their_order),
    TEST(a_put_task_looks_like_asynqs),
    TEST(the_same_id_in_a_batch_is_looked_at),
    TEST(a_repeat_is_known_after_a_retry),
    TEST(a_unique_lock_refuses_the_second),
    TEST(a_lock_of_another_is_left_alone),
    TEST(a_lock_goes_with_completion_and_stays_with_retry),
    TEST(a_scheduled_lock_outlasts_the_wait),
    TEST(an_id_conflict_leaves_no_lock),
    TEST(a_task_waits_in_its_group),
    TEST(many_threads_put_at_once),
    TEST(payloads_around_every_limit_go_in_one_call),
    TEST(threads_put_payloads_of_all_sizes),
    TEST(what_could_not_be_read_back_is_refused),
    TEST(a_queue_that_was_removed_is_told_again),
};

int main(int argc, char **argv)
{
    store_be_patient(true);
    signal(SIGPIPE, SIG_IGN);
    return raw_main(argc, argv, tests, COUNT(tests));
}
