// redis_look_test.c - looking at Redis queues and acting on them: pages while tasks come and go, what
// others left there, every move, and what stays behind. Run by tests/redis/servers.py.
#include <pthread.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/wire/wire.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/text.h"

// ---- making tasks as Asynq leaves them ------------------------------------------------------

static void set_message(const char *queue, const char *id, const char *group, const char *lock, size_t payload_size)
{
    char key[512];
    gf_message m = message(queue, gf_utf8_valid(id, strlen(id)) ? id : "other");
    gf_bytes bytes;
    char *payload = gf_calloc(1, payload_size + 1);
    REQUIRE(payload != NULL);
    memset(payload, 'x', payload_size);
    m.payload = payload;
    m.payload_size = payload_size;
    REQUIRE_OK(gf_wire_task_encode(&m, lock, group, &bytes));
    snprintf(key, sizeof key, "asynq:{%s}:t:%s", queue, id);
    raw_set_field(key, "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    gf_free(payload);
}

// A hash with its state word, and the id in its list or zset.
static void make(const char *queue, const char *state, const char *id, int64_t score)
{
    set_message(queue, id, NULL, NULL, 8);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state %s", queue, id, state);
    if (strcmp(state, "pending") == 0) {
        raw_run("HSET asynq:{%s}:t:%s pending_since %lld", queue, id, (long long)score * 1000000000);
        raw_run("LPUSH asynq:{%s}:pending %s", queue, id);
    } else if (strcmp(state, "active") == 0) {
        raw_run("LPUSH asynq:{%s}:active %s", queue, id);
        raw_run("ZADD asynq:{%s}:lease %lld %s", queue, (long long)score, id);
    } else {
        raw_run("ZADD asynq:{%s}:%s %lld %s", queue, state, (long long)score, id);
    }
}

static void make_grouped(const char *queue, const char *group, const char *id, const char *lock)
{
    set_message(queue, id, group, lock, 8);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state aggregating group %s", queue, id, group);
    raw_run("ZADD asynq:{%s}:g:%s 1900000000 %s", queue, group, id);
    raw_run("SADD asynq:{%s}:groups %s", queue, group);
}

// Without a worker of ours, so that nothing but the test's keys is there.
static gf_broker *fresh(void)
{
    gf_broker *b = store_open();
    b->ops->worker_deregister(b, "w");
    raw_clean();
    return b;
}

static int64_t keys_of(const char *queue)
{
    char key[300];
    snprintf(key, sizeof key, "asynq:{%s}:any", queue);
    const char *said = raw_script(
        "local n, c, tag = 0, '0', KEYS[1]:match('{.*}') repeat local r = redis.call('SCAN', c, 'COUNT', 1000) c = r[1] "
        "for _, k in ipairs(r[2]) do if k:find(tag, 1, true) then n = n + 1 end end until c == '0' return n", key);
    return said ? strtoll(said, NULL, 10) : -1;
}

// ---- pages ------------------------------------------------------------------------------------

enum { MANY = 3000 };
static int seen[MANY * 2];

static gofer_info *page_of(gf_broker *b, gf_state state, const char *cursor, size_t limit)
{
    gofer_info *page = NULL;
    REQUIRE_OK(b->ops->tasks(b, "q", state, cursor, limit, &page));
    return page;
}

// Counts ids "t<number>"; the cursor of the next page, "" at the end.
static void count_page(gofer_info *page, char *cursor, size_t room)
{
    for (size_t i = 0; i < gofer_info_count(page); i++) {
        const char *id = gofer_info_text(gofer_info_at(page, i), "id");
        int number = id && *id == 't' ? atoi(id + 1) : -1;
        REQUIRE(number >= 0 && number < MANY * 2);
        seen[number]++;
    }
    const char *next = gofer_info_text(page, "next_cursor");
    snprintf(cursor, room, "%s", next ? next : "");
    gofer_info_free(page);
}

static void pages_of_pending_go_on_while_tasks_come_and_go(void)
{
    gf_broker *b = fresh();
    char id[16], cursor[512] = "";
    int next = MANY, taken = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "pending", id, 1900000000 + i);
    }
    do {
        count_page(page_of(b, GF_PENDING, *cursor ? cursor : NULL, 250), cursor, sizeof cursor);
        for (int i = 0; i < 40; i++) {                      // new ones come,
            snprintf(id, sizeof id, "t%d", next++);
            make("q", "pending", id, 1900000000 + next);
        }
        raw_run("LTRIM asynq:{q}:pending 0 -101");          // the oldest are taken,
        taken += 100;
        const char *last = strrchr(cursor, ':');
        if (last && taken % 300 == 0)                       // and now and then the very one the page ended with
            raw_run("LREM asynq:{q}:pending 0 %s", last + 1);
    } while (*cursor && next < MANY * 2 - 40);
    CHECK_STR(cursor, "");
    int missed = 0, twice = 0;
    for (int i = 0; i < MANY; i++) {
        missed += seen[i] == 0;
        twice += seen[i] > 1;
    }
    CHECK_INT(missed, 0);                                   // pages are faster than the workers here
    CHECK_INT(twice, 0);
    store_close(b);
}

static void a_page_goes_on_when_all_that_was_shown_is_taken(void)
{
    gf_broker *b = fresh();
    char id[16], cursor[512];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "pending", id, 1900000000 + i / 500);     // two batches, each with a time of its own
    }
    count_page(page_of(b, GF_PENDING, NULL, 700), cursor, sizeof cursor);
    raw_run("LTRIM asynq:{q}:pending 0 -801");              // more than was shown
    count_page(page_of(b, GF_PENDING, cursor, 1000), cursor, sizeof cursor);
    CHECK_STR(cursor, "");
    for (int i = 800; i < 1000; i++)
        CHECK_INT(seen[i], 1);
    store_close(b);
}

static void pages_of_active_tasks_show_who_runs_them(void)
{
    gf_broker *b = fresh();
    char id[16];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "active", id, 1900000000);
        raw_run("HSET asynq:{q}:t:%s gofer:progress 3", id);   // not what we write: passed over
    }
    gf_wire_worker worker = { .host = "go", .pid = 7, .server_id = "go-server", .task_id = "t3", .task_type = "x",
        .queue = "q", .started_ms = 1900000000000 };
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_worker_encode(&worker, &bytes));
    raw_set_field("asynq:workers:{go:7:go-server}", "t3", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    raw_run("ZADD asynq:workers 1900000000 asynq:workers:{go:7:go-server}");
    CHECK_STR(page_ids(b, "q", GF_ACTIVE, 2), "t0 t1 t2 t3 t4");
    gofer_info *page = page_of(b, GF_ACTIVE, NULL, 10);
    CHECK_STR(gofer_info_text(gofer_info_at(page, 3), "worker"), "go-server");
    CHECK_INT(gofer_info_int(gofer_info_at(page, 3), "started_at_ms", 0), 1900000000000);
    CHECK(!gofer_info_has(gofer_info_at(page, 2), "worker"));
    gofer_info_free(page);
    CHECK_STR(task_text(b, "q", "t3", "worker"), "go-server");
    store_close(b);
}

static void pages_of_a_sorted_set_are_exact(void)
{
    gf_broker *b = fresh();
    char id[16], cursor[512] = "";
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "archived", id, 1900000000 + i / 1000);   // a thousand share a second
    }
    do {
        count_page(page_of(b, GF_ARCHIVED, *cursor ? cursor : NULL, 97), cursor, sizeof cursor);
        const char *last = strrchr(cursor, ':');
        if (last)
            raw_run("ZREM asynq:{q}:archived %s", last + 1);
        raw_run("ZREMRANGEBYRANK asynq:{q}:archived 0 0");
    } while (*cursor);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(seen[i], 1);
    store_close(b);
}

static void ids_of_any_kind_make_good_cursors(void)
{
    static const char *const ids[] = { "%41", "a:b:c", "a%b", "q\"\\", "\xc3\xa4", "\xff", "z{}" };
    gf_broker *b = fresh();
    for (size_t i = 0; i < COUNT(ids); i++) {
        make("q", "retry", ids[i], 1900000000);
        make("q", "pending", ids[i], 1900000000 + (int64_t)i);
    }
    CHECK_STR(page_ids(b, "q", GF_PENDING, 1), "%41 a:b:c a%b q\"\\ \xc3\xa4 \xef\xbf\xbd z{}");
    CHECK_STR(page_ids(b, "q", GF_RETRY, 1), "%41 a%b a:b:c q\"\\ z{} \xc3\xa4 \xef\xbf\xbd");
    static const char *const wrong[] = { "x", "1:", ":a", "1:2:x:a", "-1:5:00000000:a", "1:%4:a", ":::", "1:2:3:%4" };
    gofer_info *page;
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK_STATUS(b->ops->tasks(b, "q", GF_PENDING, wrong[i], 1, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->tasks(b, "q", GF_RETRY, "soon:a", 1, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->tasks(b, "q", GF_AGGREGATING, "1:a", 1, &page), GOFER_EINVAL);
    store_close(b);
}

static void large_payloads_stay_where_they_are(void)
{
    gf_broker *b = fresh();
    make("q", "pending", "big", 1900000000);
    set_message("q", "big", NULL, NULL, 3000000);
    make("q", "pending", "small", 1900000001);
    gofer_info *page = page_of(b, GF_PENDING, NULL, 10);
    CHECK_INT(gofer_info_count(page), 2);
    CHECK_INT(gofer_info_int(gofer_info_at(page, 0), "payload_size", 0), 3000000);
    CHECK_STR(gofer_info_text(gofer_info_at(page, 0), "type"), "email:welcome");
    CHECK_INT(gofer_info_int(gofer_info_at(page, 0), "timeout_ms", 0), 60000);
    CHECK(!gofer_info_has(gofer_info_at(page, 0), "payload"));
    gofer_info_free(page);
    gofer_info *task;
    size_t size = 0;
    REQUIRE_OK(b->ops->task(b, "q", "big", &task));
    CHECK(gofer_info_bytes(task, "payload", &size) != NULL);
    CHECK_INT(size, 3000000);
    gofer_info_free(task);
    store_close(b);
}

static void groups_are_paged_one_after_the_other(void)
{
    gf_broker *b = fresh();
    make_grouped("q", "g1", "b", NULL);
    make_grouped("q", "g1", "a", NULL);
    make_grouped("q", "g3", "e", NULL);
    make_grouped("q", "g2", "d", NULL);
    make_grouped("q", "g2", "c", NULL);
    make_grouped("q", "g3", "f", NULL);
    raw_run("ZREM asynq:{q}:g:g3 f");                       // f is being aggregated
    raw_run("ZADD asynq:{q}:g:g3:01234567-89ab-cdef-0123-456789abcdef 1900000000 f");
    raw_run("ZADD asynq:{q}:aggregation_sets 1900000120 asynq:{q}:g:g3:01234567-89ab-cdef-0123-456789abcdef");
    for (size_t limit = 1; limit <= 7; limit++)
        CHECK_STR(page_ids(b, "q", GF_AGGREGATING, limit), "a b c d e f");
    CHECK_INT(queue_number(b, "q", "aggregating"), 6);
    CHECK_INT(queue_number(b, "q", "groups"), 3);
    CHECK_STR(task_text(b, "q", "c", "group"), "g2");
    CHECK_STATUS(b->ops->task_move(b, "q", "f", GF_PENDING), GOFER_ESTATE);
    store_close(b);
}

// ---- bad data ------------------------------------------------------------------------------------

static void what_cannot_be_read_is_shown_and_can_be_moved(void)
{
    gf_broker *b = fresh();
    make("q", "pending", "good", 1900000000);
    raw_run("HSET asynq:{q}:t:bad msg \xff\xff\xff state pending");
    raw_run("LPUSH asynq:{q}:pending bad");
    raw_run("LPUSH asynq:{q}:pending ghost");
    raw_run("SET asynq:{q}:t:odd text");
    raw_run("LPUSH asynq:{q}:pending odd");
    CHECK_STR(page_ids(b, "q", GF_PENDING, 2), "good bad ghost odd");
    gofer_info *page = page_of(b, GF_PENDING, NULL, 10);
    for (size_t i = 1; i < 4; i++) {
        CHECK_STR(gofer_info_text(gofer_info_at(page, i), "state"), "pending");
        CHECK(gofer_info_text(gofer_info_at(page, i), "last_error") != NULL);
        CHECK_STR(gofer_info_text(gofer_info_at(page, i), "type"), "");
    }
    CHECK_HAS(gofer_info_text(gofer_info_at(page, 1), "last_error"), "cannot be read");
    CHECK_HAS(gofer_info_text(gofer_info_at(page, 2), "last_error"), "is gone");
    gofer_info_free(page);

    gofer_info *task;
    REQUIRE_OK(b->ops->task(b, "q", "bad", &task));
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    CHECK(!gofer_info_has(task, "payload"));
    gofer_info_free(task);
    CHECK_STATUS(b->ops->task(b, "q", "ghost", &task), GOFER_ENOTFOUND);
    CHECK_OK(b->ops->task_move(b, "q", "bad", GF_ARCHIVED));
    CHECK_STR(raw_text("HGET asynq:{q}:t:bad msg"), "\xff\xff\xff");
    CHECK_STATUS(b->ops->task_move(b, "q", "ghost", GF_ARCHIVED), GOFER_ENOTFOUND);
    CHECK_OK(b->ops->task_move(b, "q", "ghost", GF_STATE_COUNT));
    CHECK_OK(b->ops->task_move(b, "q", "odd", GF_STATE_COUNT));
    CHECK_STR(page_ids(b, "q", GF_PENDING, 2), "good");
    CHECK_OK(b->ops->task_move(b, "q", "bad", GF_STATE_COUNT));
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:bad"), 0);
    store_close(b);
}

static void a_wrong_state_word_hides_nothing(void)
{
    static const char *const lists[] = { "pending", "scheduled", "retry", "archived", "completed" };
    gf_broker *b = fresh();
    for (size_t i = 0; i < COUNT(lists); i++) {
        char id[16];
        snprintf(id, sizeof id, "t%zu", i);
        make("q", lists[i], id, 1900000000);
        raw_run("HSET asynq:{q}:t:%s state %s", id, i % 2 ? "PENDING" : "retry");
        if (i != 2)
            CHECK_STR(task_state(b, "q", id), lists[i]);
        CHECK_OK(b->ops->task_move(b, "q", id, GF_STATE_COUNT));
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    set_message("q", "lost", NULL, NULL, 8);                // in no list at all
    raw_run("HSET asynq:{q}:t:lost state active");
    CHECK_OK(b->ops->task_move(b, "q", "lost", GF_PENDING));
    CHECK_STR(task_state(b, "q", "lost"), "pending");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static void odd_keys_spoil_no_listing(void)
{
    gf_broker *b = fresh();
    gofer_info *list;
    make("q", "pending", "t", gf_now_ms() / 1000 - 100);
    raw_run("SET asynq:{q}:processed many");
    raw_run("SET asynq:{q}:paused since-ever");
    raw_run("SADD asynq:{q}:retry x");
    raw_run("SADD asynq:queues plain");
    raw_run("LPUSH asynq:{unlisted}:pending x");
    REQUIRE_OK(b->ops->queues(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), 2);
    gofer_info_free(list);
    CHECK_INT(queue_number(b, "q", "processed_total"), 0);
    CHECK_INT(queue_number(b, "q", "paused"), 1);
    CHECK_INT(queue_number(b, "q", "paused_at_ms"), -2);
    CHECK_INT(queue_number(b, "q", "retry"), 0);
    CHECK(queue_number(b, "q", "latency_ms") >= 99000);
    CHECK_INT(queue_number(b, "plain", "size"), 0);
    CHECK_INT(queue_number(b, "unlisted", "pending"), 1);   // not in asynq:queues, but there
    CHECK_INT(queue_number(b, "nowhere", "pending"), -1);
    raw_run("HSET asynq:{q}:t:t pending_since soon");
    CHECK_INT(queue_number(b, "q", "latency_ms"), 0);
    store_close(b);
}

// ---- moves ------------------------------------------------------------------------------------------

static void every_move_leaves_asynqs_layout(void)
{
    static const char *const states[] = { "pending", "scheduled", "retry", "archived", "completed", "aggregating", "active" };
    static const gf_state targets[] = { GF_PENDING, GF_ARCHIVED, GF_STATE_COUNT };
    static const char may[COUNT(states)][4] = { "-xd", "pxd", "pxd", "p-d", "--d", "pxd", "---" };
    for (size_t i = 0; i < COUNT(states); i++)
        for (size_t j = 0; j < COUNT(targets); j++) {
            gf_broker *b = fresh();
            if (strcmp(states[i], "aggregating") == 0)
                make_grouped("q", "g", "t", NULL);
            else
                make("q", states[i], "t", 1900000000);
            raw_run("HSET asynq:{q}:t:t gofer:claim 0123456789abcdef");
            bool ok = may[i][j] != '-';
            CHECK_STATUS(b->ops->task_move(b, "q", "t", targets[j]), ok ? GOFER_OK : GOFER_ESTATE);
            const char *want = !ok ? states[i] : targets[j] == GF_STATE_COUNT ? NULL : gf_state_name(targets[j]);
            CHECK_STR(raw_text("HGET asynq:{q}:t:t state"), want);
            CHECK_INT(raw_int("HEXISTS asynq:{q}:t:t gofer:claim"), ok ? 0 : 1);
            if (ok) {
                CHECK_INT(raw_int("EXISTS asynq:{q}:groups"), 0);
                CHECK_INT(raw_int("LLEN asynq:{q}:pending"), targets[j] == GF_PENDING);
                CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), targets[j] == GF_ARCHIVED);
                for (size_t k = 1; k < 5; k++)
                    if (k != 3)
                        CHECK_INT(raw_int("EXISTS asynq:{q}:%s", states[k]), 0);
            }
            if (ok && targets[j] == GF_PENDING)
                CHECK_INT(strlen(raw_text("HGET asynq:{q}:t:t pending_since")), 19);
            store_close(b);
        }
}

static void locks_go_with_their_tasks_only(void)
{
    static const char lock[] = "asynq:{q}:unique:email:welcome:0";
    gf_broker *b = fresh();
    make("q", "archived", "mine", 1900000000);
    raw_run("HSET asynq:{q}:t:mine unique_key %s", lock);
    raw_run("SET %s mine EX 1000", lock);
    CHECK_OK(b->ops->task_move(b, "q", "mine", GF_STATE_COUNT));
    CHECK_INT(raw_int("EXISTS %s", lock), 0);

    make("q", "archived", "other", 1900000000);             // somebody else's by now
    raw_run("HSET asynq:{q}:t:other unique_key %s", lock);
    raw_run("SET %s mine EX 1000", lock);
    CHECK_OK(b->ops->task_move(b, "q", "other", GF_STATE_COUNT));
    CHECK_INT(raw_int("EXISTS %s", lock), 1);

    make("q", "archived", "liar", 1900000000);              // names a key that is no lock
    raw_run("HSET asynq:{q}:t:liar unique_key asynq:{q}:x");
    raw_run("SET asynq:{q}:x liar");
    CHECK_OK(b->ops->task_move(b, "q", "liar", GF_STATE_COUNT));
    CHECK_INT(raw_int("EXISTS asynq:{q}:x"), 1);

    make_grouped("q", "g", "mine", lock);                   // the lock's name is in the message only
    CHECK_OK(b->ops->task_move(b, "q", "mine", GF_STATE_COUNT));
    CHECK_INT(raw_int("EXISTS %s", lock), 0);
    store_close(b);
}

static void the_archive_is_trimmed_with_hashes_and_locks(void)
{
    enum { FULL = 10100 };
    gf_broker *b = fresh();
    raw_script("for i = 1, 10100 do local id = string.format('t%05d', i) "
        "redis.call('ZADD', 'asynq:{q}:archived', 1900000000, id) redis.call('HSET', 'asynq:{q}:t:' .. id, 'state', 'archived') end "
        "return 1", "asynq:{q}:archived");
    raw_run("SADD asynq:queues q");
    raw_run("HSET asynq:{q}:t:t00001 unique_key asynq:{q}:unique:a:b");
    raw_run("SET asynq:{q}:unique:a:b t00001");
    make("q", "retry", "new", 1900000001);
    raw_run("ZADD asynq:{q}:archived 5 old");               // long ago
    raw_run("HSET asynq:{q}:t:old state archived");
    CHECK_OK(b->ops->task_move(b, "q", "new", GF_ARCHIVED));
    make("q", "retry", "new2", 1900000001);
    CHECK_OK(b->ops->task_move(b, "q", "new2", GF_ARCHIVED));
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old asynq:{q}:t:t00001 asynq:{q}:unique:a:b"), 0);
    CHECK_INT(keys_of("q"), 9999 + 1);
    store_close(b);
}

static void bulk_moves_drop_ids_without_tasks(void)
{
    gf_broker *b = fresh();
    char id[16];
    size_t n = 99;
    for (int i = 0; i < 1300; i++) {
        snprintf(id, sizeof id, "t%04d", i);
        if (i % 100 == 7)
            raw_run("ZADD asynq:{q}:scheduled %d %s", 1900000000 + i, id);
        else
            make("q", "scheduled", id, 1900000000 + i);
    }
    CHECK_OK(b->ops->tasks_move(b, "q", GF_SCHEDULED, GF_PENDING, 600, &n));
    CHECK_INT(n, 600);
    CHECK_OK(b->ops->tasks_move(b, "q", GF_SCHEDULED, GF_PENDING, 5000, &n));
    CHECK_INT(n, 1287 - 600);
    CHECK_STR(queue_counts(b, "q"), "p1287 a0 s0 r0 c0 x0");
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending -1"), "t0000");
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending 0"), "t1299");
    CHECK_OK(b->ops->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 5000, &n));
    CHECK_INT(n, 1287);
    CHECK_OK(b->ops->tasks_move(b, "q", GF_ARCHIVED, GF_STATE_COUNT, 5000, &n));
    CHECK_INT(n, 1287);
    CHECK_INT(keys_of("q"), 0);
    make_grouped("q", "g1", "a", NULL);
    make_grouped("q", "g2", "b", NULL);
    raw_run("SADD asynq:{q}:groups empty");
    CHECK_OK(b->ops->tasks_move(b, "q", GF_AGGREGATING, GF_PENDING, 10, &n));
    CHECK_INT(n, 2);
    CHECK_INT(raw_int("EXISTS asynq:{q}:groups asynq:{q}:g:g1 asynq:{q}:g:g2"), 0);
    store_close(b);
}

// ---- queues ---------------------------------------------------------------------------------------------

static void pausing_is_what_asynq_does(void)
{
    gf_broker *b = fresh();
    int64_t now = gf_now_ms() / 1000;
    CHECK_OK(b->ops->queue_pause(b, "new", true));
    CHECK_INT(raw_int("SISMEMBER asynq:queues new"), 1);
    int64_t since = raw_int("GET asynq:{new}:paused");
    CHECK(since >= now - 5 && since <= now + 60);
    raw_run("SET asynq:{new}:paused 1900000000");
    CHECK_OK(b->ops->queue_pause(b, "new", true));
    CHECK_INT(raw_int("GET asynq:{new}:paused"), 1900000000);
    CHECK_INT(raw_int("TTL asynq:{new}:paused"), -1);
    CHECK_OK(b->ops->queue_pause(b, "new", false));
    CHECK_OK(b->ops->queue_pause(b, "new", false));
    CHECK_INT(raw_int("EXISTS asynq:{new}:paused"), 0);
    store_close(b);
}

static void fill(const char *queue)
{
    static const char *const states[] = { "pending", "scheduled", "retry", "archived", "completed" };
    char id[16];
    for (size_t i = 0; i < COUNT(states); i++)
        for (int j = 0; j < 120; j++) {
            snprintf(id, sizeof id, "%zu-%d", i, j);
            make(queue, states[i], id, 1900000000 + j);
            raw_run("HSET asynq:{%s}:t:%s unique_key asynq:{%s}:unique:%s", queue, id, queue, id);
            raw_run("SET asynq:{%s}:unique:%s %s", queue, id, id);
        }
    make_grouped(queue, "g1", "ga", NULL);
    make_grouped(queue, "g1", "gb", NULL);
    make_grouped(queue, "g2", "gc", NULL);
    raw_run("SREM asynq:{%s}:groups g2", queue);            // as Asynq's forward leaves it
    raw_run("HSET asynq:{%s}:t:gd state aggregating", queue);
    raw_run("ZADD asynq:{%s}:g:g1:set 1900000000 gd", queue);
    raw_run("ZADD asynq:{%s}:aggregation_sets 1900000000 asynq:{%s}:g:g1:set", queue, queue);
    raw_run("HSET asynq:{%s}:t:orphan state retry", queue);
    raw_run("LPUSH asynq:{%s}:pending ghost", queue);
    raw_run("ZADD asynq:{%s}:lease 1900000000 stale", queue);
    raw_run("SET asynq:{%s}:unique:free gone", queue);
    raw_run("SET asynq:{%s}:processed 7", queue);
    raw_run("SET asynq:{%s}:failed 7", queue);
    raw_run("SET asynq:{%s}:processed:2026-01-02 7", queue);
    raw_run("SET asynq:{%s}:failed:2001-01-02 7", queue);
    raw_run("SET asynq:{%s}:paused 7", queue);
    raw_run("SET asynq:{%s}:gofer:anything 7", queue);
}

static void a_deleted_queue_leaves_not_one_key(void)
{
    static const char *const names[] = { "q", "a*[b]?^\\" };
    for (size_t i = 0; i < COUNT(names); i++) {
        gf_broker *b = fresh();
        fill(names[i]);
        make("other", "pending", "t", 1900000000);
        make("aXb", "pending", "t", 1900000000);
        CHECK_STATUS(b->ops->queue_delete(b, names[i], false), GOFER_ESTATE);
        CHECK_OK(b->ops->queue_delete(b, names[i], true));
        CHECK_INT(keys_of(names[i]), 0);
        CHECK_INT(raw_int("SCARD asynq:queues"), 2);
        CHECK_INT(keys_of("other"), 2);
        CHECK_INT(keys_of("aXb"), 2);
        CHECK_STATUS(b->ops->queue_delete(b, names[i], true), GOFER_ENOTFOUND);
        store_close(b);
    }
}

static void a_queue_with_active_tasks_stays_as_it_is(void)
{
    gf_broker *b = fresh();
    fill("q");
    raw_run("DEL asynq:{q}:paused");
    make("q", "active", "busy", 1900000000);
    int64_t keys = keys_of("q");
    CHECK_STATUS(b->ops->queue_delete(b, "q", true), GOFER_ESTATE);
    CHECK_INT(keys_of("q"), keys);
    CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 1);
    CHECK_STATUS(b->ops->queue_delete(b, "nowhere", true), GOFER_ENOTFOUND);
    make("empty", "retry", "t", 1900000000);
    CHECK_OK(b->ops->task_move(b, "empty", "t", GF_STATE_COUNT));
    raw_run("SET asynq:{empty}:processed 7");
    CHECK_OK(b->ops->queue_delete(b, "empty", false));
    CHECK_INT(keys_of("empty"), 0);
    store_close(b);
}

// ---- beside running work ------------------------------------------------------------------------

static _Atomic bool ended;

// Puts, takes and finishes without a pause; a queue that is paused or gone is no failure.
static void *work(void *arg)
{
    gf_broker *b = arg;
    gf_claim *claims[20];
    gf_share share = { "q", 20 };
    for (unsigned round = 0; !atomic_load(&ended); round++) {
        gf_message m[10];
        gf_put items[10];
        char ids[10][24];
        for (unsigned i = 0; i < 10; i++) {
            snprintf(ids[i], sizeof ids[i], "r%u-%u", round, i);
            m[i] = message("q", ids[i]);
            items[i] = (gf_put){ .message = &m[i], .run_at_ms = i % 3 ? 0 : gf_now_ms() + 3600000 };
        }
        CHECK_OK(b->ops->put(b, items, 10));
        gf_take t = { .worker = "runner", .queues = &share, .queue_count = 1, .max = 20, .lease_ms = LEASE_MS, .claims = claims };
        CHECK_OK(b->ops->exchange(b, NULL, 0, &t));
        gf_finish done[20];
        for (size_t i = 0; i < t.count; i++)
            done[i] = (gf_finish){ .claim = claims[i], .verdict = i % 2 ? GF_DONE : GF_ARCHIVE, .error = "e" };
        if (t.count)
            CHECK_OK(b->ops->exchange(b, done, t.count, NULL));
        for (size_t i = 0; i < t.count; i++) {
            CHECK_OK(done[i].status);                       // a task that was taken is not deleted under its worker
            gf_claim_free(claims[i]);
        }
    }
    return NULL;
}

static void fail_on_finding(void *arg, const gf_finding *f)
{
    (void)arg;
    // Clients tell a queue's name every few seconds: until then one that was deleted is there, but not listed.
    if (f->queue && f->severity != GF_NOTE && strcmp(f->code, "queue-unlisted") != 0) {
        fprintf(stderr, "    %s: %s\n", f->code, f->examples ? f->examples : "");
        CHECK(!"nothing is wrong with the queue");
    }
}

static void a_queue_may_be_deleted_under_running_work(void)
{
    gf_broker *b = fresh(), *other = store_again();
    pthread_t thread;
    int deleted = 0;
    worker_register(other, "runner");
    atomic_store(&ended, false);
    REQUIRE(pthread_create(&thread, NULL, work, other) == 0);
    for (int64_t end = check_now_ms() + PATIENCE_MS; deleted < 10 && check_now_ms() < end;) {
        gofer_status st = b->ops->queue_delete(b, "q", true);
        CHECK(st == GOFER_OK || st == GOFER_ESTATE || st == GOFER_ENOTFOUND);
        deleted += st == GOFER_OK;
        CHECK_OK(b->ops->check(b, false, fail_on_finding, NULL));
    }
    atomic_store(&ended, true);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_INT(deleted, 10);
    CHECK_OK(b->ops->check(b, false, fail_on_finding, NULL));
    gofer_status st = b->ops->queue_delete(b, "q", true);
    CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
    CHECK_INT(keys_of("q"), 0);
    b->ops->worker_deregister(other, "runner");
    gf_broker_close(other);
    store_close(b);
}

static void history_shows_the_days_that_are_there(void)
{
    gf_broker *b = fresh();
    gofer_info *list;
    char date[11], text[256] = "";
    raw_run("SADD asynq:queues q r");
    int32_t today = gf_day_of(gf_now_ms());
    for (int32_t i = 0; i < 100; i += 30) {
        gf_date_text(today - i, date);
        raw_run("SET asynq:{q}:processed:%s %d", date, 10 + i);
        raw_run("SET asynq:{r}:failed:%s %d", date, 1);
    }
    gf_date_text(today - 1, date);
    raw_run("SET asynq:{q}:processed:%s nonsense", date);
    REQUIRE_OK(b->ops->history(b, "q", 3, &list));
    for (size_t i = 0; i < gofer_info_count(list); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d/%d ",
            (int)gofer_info_int(gofer_info_at(list, i), "processed", -1),
            (int)gofer_info_int(gofer_info_at(list, i), "failed", -1));
    CHECK_STR(text, "10/0 0/0 40/0 ");
    gofer_info_free(list);
    REQUIRE_OK(b->ops->history(b, NULL, 90, &list));
    CHECK_INT(gofer_info_count(list), 4);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "failed", 0), 1);
    gofer_info_free(list);
    REQUIRE_OK(b->ops->history(b, "plain", 90, &list) == GOFER_ENOTFOUND ? GOFER_OK : GOFER_EHANDLER);
    store_close(b);
}

// ---- memory ---------------------------------------------------------------------------------------------

static void count_finding(void *arg, const gf_finding *f)
{
    CHECK(f->code && f->text && f->advice && f->count > 0);
    ++*(int *)arg;
}

static gofer_status call(gf_broker *b, int which)
{
    gofer_info *info = NULL;
    size_t n;
    int found = 0;
    int64_t sum;
    gofer_status st = GOFER_OK;
    switch (which) {
    case 0: st = b->ops->queues(b, NULL, &info); break;
    case 1: st = b->ops->queues(b, "q", &info); break;
    case 2: st = b->ops->tasks(b, "q", GF_PENDING, NULL, 2, &info); break;
    case 3: st = b->ops->tasks(b, "q", GF_ACTIVE, NULL, 2, &info); break;
    case 4: st = b->ops->tasks(b, "q", GF_AGGREGATING, "g:1900000000:a", 1, &info); break;
    case 5: st = b->ops->task(b, "q", "t", &info); break;
    case 6: st = b->ops->history(b, NULL, 9, &info); break;
    case 7: st = b->ops->backlog(b, (const char *[]){ "q" }, 1, &sum); break;
    case 8: st = b->ops->task_move(b, "q", "t", GF_ARCHIVED); break;
    case 9: st = b->ops->tasks_move(b, "q", GF_RETRY, GF_PENDING, 1, &n); break;
    case 10: st = b->ops->queue_pause(b, "q", true); break;
    case 11: st = b->ops->check(b, false, count_finding, &found); break;
    case 12: st = b->ops->check(b, true, count_finding, &found); break;
    case 13: st = b->ops->queue_delete(b, "r", true); break;
    default: return GOFER_EINVAL;
    }
    if (st == GOFER_OK)
        gofer_info_free(info);
    return st;
}

static void no_memory_breaks_nothing(void)
{
    gf_broker *b = fresh();
    for (int which = 0; which < 14; which++)
        for (int n = 1; n < 2000; n++) {
            if (n % 20 == 1) {
                raw_clean();
                make("q", "pending", "t", 1900000000);
                make("q", "pending", "u", 1900000000);
                make("q", "active", "v", 4000000000);
                make("q", "retry", "w", 4000000000);
                make("r", "retry", "x", 4000000000);
                make_grouped("q", "g", "a", NULL);
                make_grouped("q", "g", "b", NULL);
                raw_run("LPUSH asynq:{q}:pending ghost");
                raw_run("SET asynq:{q}:processed many");
            }
            memory_fail_at(n);
            gofer_status st = call(b, which);
            bool failed = memory_failed();
            memory_fail_at(0);
            if (!failed) {
                CHECK(st == GOFER_OK || st == GOFER_ESTATE || st == GOFER_ENOTFOUND);
                break;
            }
        }
    CHECK_OK(b->ops->ping(b));
    store_close(b);
}

static const check_test tests[] = {
    TEST(no_memory_breaks_nothing),
    TEST(pages_of_pending_go_on_while_tasks_come_and_go),
    TEST(a_page_goes_on_when_all_that_was_shown_is_taken),
    TEST(pages_of_active_tasks_show_who_runs_them),
    TEST(pages_of_a_sorted_set_are_exact),
    TEST(ids_of_any_kind_make_good_cursors),
    TEST(large_payloads_stay_where_they_are),
    TEST(groups_are_paged_one_after_the_other),
    TEST(what_cannot_be_read_is_shown_and_can_be_moved),
    TEST(a_wrong_state_word_hides_nothing),
    TEST(odd_keys_spoil_no_listing),
    TEST(every_move_leaves_asynqs_layout),
    TEST(locks_go_with_their_tasks_only),
    TEST(the_archive_is_trimmed_with_hashes_and_locks),
    TEST(bulk_moves_drop_ids_without_tasks),
    TEST(pausing_is_what_asynq_does),
    TEST(a_deleted_queue_leaves_not_one_key),
    TEST(a_queue_with_active_tasks_stays_as_it_is),
    TEST(a_queue_may_be_deleted_under_running_work),
    TEST(history_shows_the_days_that_are_there),
};

int main(int argc, char **argv)
{
    suite_url = getenv("GOFER_TEST_REDIS");
    if (!suite_url) {
        fprintf(stderr, "redis_look_test: run it by tests/redis/servers.py, which sets GOFER_TEST_REDIS\n");
        return 1;
    }
    if (gofer_set_allocator(memory_alloc, memory_realloc, free) != GOFER_OK)
        return 1;
    int code = check_main(argc, argv, tests, COUNT(tests));
    raw_close();
    return code;
}
