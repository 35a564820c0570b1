// redis_look_test.c - looking at Redis queues: pages while tasks come and go, what others left
// there, no memory. Run by tests/redis/servers.py.
#include "redis_make.h"
#include "util/clock.h"

static bool count_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    CHECK(f->code && f->text && f->advice && f->count > 0);
    ++*(int *)arg;
    return true;
}

// ---- pages ------------------------------------------------------------------------------------

enum { MANY = 3000 };
static int seen[MANY * 2];

static gofer_info *page_of(gf_broker *b, gf_state state, const char *cursor, size_t limit)
{
    gofer_info *page = NULL;
    REQUIRE_OK(b->ops->inspect->tasks(b, "q", state, cursor, limit, &page));
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
    gf_broker *b = raw_fresh();
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
        if (last && taken % 300 == 0)                       // and now and then the very one the
                                                            //   page ended with
            raw_run("LREM asynq:{q}:pending 0 %s", last + 1);
    } while (*cursor && next < MANY * 2 - 40);
    CHECK_STR(cursor, "");
    int missed = 0, twice = 0;
    for (int i = 0; i < MANY; i++) {
        missed += seen[i] == 0;
        twice += seen[i] > 1;
    }
    CHECK_INT(missed, 0);                                   // pages are faster than the workers
                                                            //   here
    CHECK_INT(twice, 0);
    store_close(b);
}

static void a_page_goes_on_when_all_that_was_shown_is_taken(void)
{
    gf_broker *b = raw_fresh();
    char id[16], cursor[512];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "pending", id, 1900000000 + i / 500);     // two batches, each with a time of
                                                            //   its own
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
    gf_broker *b = raw_fresh();
    char id[16];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make("q", "active", id, 1900000000);
        raw_run("HSET asynq:{q}:t:%s gofer:progress 3", id);   // not what we write: passed over
    }
    gf_wire_worker worker = { .host = "go",
        .pid = 7,
        .server_id = "go-server",
        .task_id = "t3",
        .task_type = "x",
        .queue = "q",
        .started_ms = 1900000000000 };
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
    gf_broker *b = raw_fresh();
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
    gf_broker *b = raw_fresh();
    for (size_t i = 0; i < COUNT(ids); i++) {
        make("q", "retry", ids[i], 1900000000);
        make("q", "pending", ids[i], 1900000000 + (int64_t)i);
    }
    CHECK_STR(page_ids(b, "q", GF_PENDING, 1), "%41 a:b:c a%b q\"\\ \xc3\xa4 \xef\xbf\xbd z{}");
    CHECK_STR(page_ids(b, "q", GF_RETRY, 1), "%41 a%b a:b:c q\"\\ z{} \xc3\xa4 \xef\xbf\xbd");
    static const char *const wrong[] = { "x", "1:", ":a", "1:2:x:a", "-1:5:00000000:a", "1:%4:a",
        ":::", "1:2:3:%4" };
    gofer_info *page;
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_PENDING, wrong[i], 1, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_RETRY, "soon:a", 1, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_AGGREGATING, "1:a", 1, &page), GOFER_EINVAL);
    store_close(b);
}

static void large_payloads_stay_where_they_are(void)
{
    gf_broker *b = raw_fresh();
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
    REQUIRE_OK(b->ops->inspect->task(b, "q", "big", &task));
    CHECK(gofer_info_bytes(task, "payload", &size) != NULL);
    CHECK_INT(size, 3000000);
    gofer_info_free(task);
    store_close(b);
}

// Around what one reply can hold. Whatever stands there, the tasks beside it are shown.
static void messages_that_are_too_long_hide_nothing(void)
{
    enum { LONGEST = 63 << 20, TOO_LONG = 70 << 20 };
    gf_broker *b = raw_fresh();
    gofer_info *task;
    size_t size = 0;
    char *bad = malloc(TOO_LONG), key[64];
    REQUIRE(bad != NULL);
    memset(bad, 0xff, TOO_LONG);
    for (int i = 0; i < 2; i++) {
        const char *queue = i ? "r" : "q", *list = i ? "retry" : "pending";
        gf_state state = i ? GF_RETRY : GF_PENDING;
        make(queue, list, "a", 1900000000);
        set_message(queue, "a", NULL, NULL, TOO_LONG);
        make(queue, list, "b", 1900000001);
        snprintf(key, sizeof key, "asynq:{%s}:t:b", queue);
        raw_set_field(key, "msg", bad, TOO_LONG);
        raw_set_field(key, "result", bad, TOO_LONG);
        make(queue, list, "c", 1900000002);
        make(queue, list, "d", 1900000003);
        set_message(queue, "d", NULL, NULL, LONGEST - 4096);
        make(queue, list, "e", 1900000004);
        CHECK_STR(page_ids(b, queue, state, 10), "a b c d e");
        gofer_info *page = NULL;
        REQUIRE_OK(b->ops->inspect->tasks(b, queue, state, NULL, 3, &page));
        REQUIRE(gofer_info_count(page) == 3);
        CHECK_HAS(gofer_info_text(gofer_info_at(page, 0), "last_error"), "its message has 7340");
        CHECK_HAS(gofer_info_text(gofer_info_at(page, 1), "last_error"), "its message has 7340");
        CHECK_STR(gofer_info_text(gofer_info_at(page, 2), "type"), "email:welcome");
        gofer_info_free(page);
    }
    free(bad);
    REQUIRE_OK(b->ops->inspect->task(b, "q", "d", &task));
    CHECK(gofer_info_bytes(task, "payload", &size) != NULL);
    CHECK_INT(size, LONGEST - 4096);
    gofer_info_free(task);
    REQUIRE_OK(b->ops->inspect->task(b, "q", "b", &task));
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    CHECK_HAS(gofer_info_text(task, "last_error"), "its message has 73400320 bytes");
    CHECK(!gofer_info_has(task, "result"));
    gofer_info_free(task);
    int found = 0;
    CHECK_OK(b->ops->check->store(b, true, count_finding, &found));
    CHECK_INT(raw_int("HSTRLEN asynq:{q}:t:b msg"), TOO_LONG);       // mending lost nothing
    store_close(b);
}

static void groups_are_paged_one_after_the_other(void)
{
    gf_broker *b = raw_fresh();
    make_grouped("q", "g1", "b", NULL);
    make_grouped("q", "g1", "a", NULL);
    make_grouped("q", "g3", "e", NULL);
    make_grouped("q", "g2", "d", NULL);
    make_grouped("q", "g2", "c", NULL);
    make_grouped("q", "g3", "f", NULL);
    raw_run("ZREM asynq:{q}:g:g3 f");                       // f is being aggregated
    raw_run("ZADD asynq:{q}:g:g3:01234567-89ab-cdef-0123-456789abcdef 1900000000 f");
    raw_run("ZADD asynq:{q}:aggregation_sets 1900000120 "
            "asynq:{q}:g:g3:01234567-89ab-cdef-0123-456789abcdef");
    for (size_t limit = 1; limit <= 7; limit++)
        CHECK_STR(page_ids(b, "q", GF_AGGREGATING, limit), "a b c d e f");
    CHECK_INT(queue_number(b, "q", "aggregating"), 6);
    CHECK_INT(queue_number(b, "q", "groups"), 3);
    CHECK_STR(task_text(b, "q", "c", "group"), "g2");
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_RUN, "f"), GOFER_ESTATE);
    store_close(b);
}

// ---- bad data -----------------------------------------------------------------------------------

static void what_cannot_be_read_is_shown_and_can_be_moved(void)
{
    gf_broker *b = raw_fresh();
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
    REQUIRE_OK(b->ops->inspect->task(b, "q", "bad", &task));
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    CHECK(!gofer_info_has(task, "payload"));
    gofer_info_free(task);
    CHECK_STATUS(b->ops->inspect->task(b, "q", "ghost", &task), GOFER_ENOTFOUND);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "bad"));
    CHECK_STR(raw_text("HGET asynq:{q}:t:bad msg"), "\xff\xff\xff");
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_ARCHIVE, "ghost"), GOFER_ENOTFOUND);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "ghost"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "odd"));
    CHECK_STR(page_ids(b, "q", GF_PENDING, 2), "good");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "bad"));
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:bad"), 0);
    store_close(b);
}

static void a_wrong_state_word_hides_nothing(void)
{
    static const char *const lists[] = { "pending", "scheduled", "retry", "archived", "completed" };
    gf_broker *b = raw_fresh();
    for (size_t i = 0; i < COUNT(lists); i++) {
        char id[16];
        snprintf(id, sizeof id, "t%zu", i);
        make("q", lists[i], id, 1900000000);
        raw_run("HSET asynq:{q}:t:%s state %s", id, i % 2 ? "PENDING" : "retry");
        if (i != 2)
            CHECK_STR(task_state(b, "q", id), lists[i]);
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, id));
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    set_message("q", "lost", NULL, NULL, 8);                // in no list at all
    raw_run("HSET asynq:{q}:t:lost state active");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "lost"));
    CHECK_STR(task_state(b, "q", "lost"), "pending");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static void odd_keys_spoil_no_listing(void)
{
    gf_broker *b = raw_fresh();
    gofer_info *list;
    make("q", "pending", "t", gf_now_ms() / 1000 - 100);
    raw_run("SET asynq:{q}:processed many");
    raw_run("SET asynq:{q}:paused since-ever");
    raw_run("SADD asynq:{q}:retry x");
    raw_run("SADD asynq:queues plain");
    raw_run("LPUSH asynq:{unlisted}:pending x");
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
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

// ---- how much is asked ------------------------------------------------------------------------

// How often the server ran a command since CONFIG RESETSTAT, also inside scripts.
static long calls_of(const char *command)
{
    char word[64];
    snprintf(word, sizeof word, "cmdstat_%s:calls=", command);
    const char *at = strstr(raw_text("INFO commandstats"), word);
    return at ? atol(at + strlen(word)) : 0;
}

static void make_queues(int count)
{
    char queue[16];
    for (int i = 0; i < count; i++) {
        snprintf(queue, sizeof queue, "q%03d", i);
        make(queue, "pending", "t", 1900000000);
    }
}

// How often a script runs a command only to learn whether it may: before Redis 7
// once, EXISTS thrice.
static long tries(void)
{
    const char *at = strstr(raw_text("INFO server"), "redis_version:");
    return at && atoi(at + 14) < 7 ? 2 : 0;
}

// So that 100,000 queues can be looked at: of each little, and of what it has not, nothing.
static void a_queue_costs_few_commands(void)
{
    enum { QUEUES = 1100 };             // more than one pipeline has
    static const char *const inner[] = {
        "llen", "exists", "lindex", "hget", "zcard", "scard", "zrange", "smembers", "zrangebyscore",
    };
    gf_broker *b = raw_fresh();
    gofer_info *list;
    gf_type_stats *stats = NULL;
    size_t count = 0;
    long sum = 0;
    make_queues(QUEUES);
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), QUEUES);
    for (size_t i = 0; i < gofer_info_count(list); i++)
        CHECK_INT(gofer_info_int(gofer_info_at(list, i), "pending", 0), 1);
    gofer_info_free(list);
    for (size_t i = 0; i < COUNT(inner); i++)
        sum += calls_of(inner[i]);
    long scripts = calls_of("evalsha") + calls_of("eval");
    CHECK(sum <= 4 * QUEUES + 10 + tries() * scripts * (long)COUNT(inner));
    CHECK(calls_of("mget") <= QUEUES / 10);
    CHECK(scripts <= QUEUES / 10);

    raw_run("SET asynq:{q001}:processed 5");
    raw_run("SET asynq:{q001}:processed:2020-01-01 5");     // too long ago to be looked at
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(b->ops->inspect->history(b, NULL, 7, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    CHECK_INT(calls_of("mget"), (QUEUES + 63) / 64 + 1);
    CHECK_INT(calls_of("smembers"), 1);

    gf_type_stats one = { .queue = "q007", .type = "t", .done = 3 };
    REQUIRE_OK(b->ops->inspect->stats_add(b, &one, 1));
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(
        b->ops->inspect->stats(b, NULL, gf_now_ms() - 99 * INT64_C(3600000), &stats, &count));
    REQUIRE(count == 1);
    CHECK_STR(stats[0].queue, "q007");
    CHECK_INT(stats[0].done, 3);
    gf_free(stats);
    CHECK(calls_of("exists") <= QUEUES / 4);         // of 100 hours each
    CHECK(calls_of("hgetall") <= 101);
    store_close(b);
}

// One EXISTS tells that nothing is there.
static void an_empty_queue_costs_one_command(void)
{
    enum { QUEUES = 100 };
    static const char *const inner[] = { "exists", "llen", "zcard", "scard", "zrange", "lindex" };
    gf_broker *b = raw_fresh();
    gofer_info *list;
    long sum = 0;
    for (int i = 0; i < QUEUES; i++)
        raw_run("SADD asynq:queues q%03d", i);
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), QUEUES);
    gofer_info_free(list);
    for (size_t i = 0; i < COUNT(inner); i++)
        sum += calls_of(inner[i]);
    long scripts = calls_of("evalsha") + calls_of("eval");
    CHECK(sum <= QUEUES + 10 + tries() * scripts * (long)COUNT(inner));
    store_close(b);
}

// Who listens alone says so without asking how long another has said so.
static void a_lone_listener_costs_few_commands(void)
{
    gf_broker *b = raw_fresh();
    gf_listener *listener = NULL;
    raw_run("DEL asynq:gofer:listening");
    raw_run("SET asynq:gofer:listening sums");
    raw_run("CONFIG RESETSTAT");
    REQUIRE_OK(b->ops->live->listener_open(b, true, &listener));
    long scripts = calls_of("evalsha") + calls_of("eval");
    CHECK(calls_of("setex") >= 1);
    CHECK(calls_of("pttl") <= tries() * scripts);
    b->ops->live->listener_close(listener);
    store_close(b);
}

// What stands there may be anything: that it is no word of a listener's stops none.
static void a_listener_replaces_a_key_of_another_type(void)
{
    gf_broker *b = raw_fresh();
    gf_listener *listener = NULL;
    raw_run("DEL asynq:gofer:listening");
    raw_run("RPUSH asynq:gofer:listening x");
    raw_run("PEXPIRE asynq:gofer:listening 3600000");
    REQUIRE_OK(b->ops->live->listener_open(b, true, &listener));
    CHECK_STR(raw_text("GET asynq:gofer:listening"), "sums");
    b->ops->live->listener_close(listener);
    store_close(b);
}

static void history_of_long_ago_is_found(void)
{
    char date[11];
    gf_broker *b = raw_fresh();
    gofer_info *list;
    gf_date_text(gf_day_of(gf_now_ms()) - 40, date);
    make_queues(3);
    raw_run("SET asynq:{q001}:processed 5");
    raw_run("SET asynq:{q001}:processed:%s 5", date);
    raw_run("SET asynq:{q002}:failed:%s 2", date);          // of before there were sums
    REQUIRE_OK(b->ops->inspect->history(b, NULL, 7, &list));
    REQUIRE(gofer_info_count(list) == 1);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "date"), date);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "processed", 0), 5);
    gofer_info_free(list);
    REQUIRE_OK(b->ops->inspect->history(b, "q002", 7, &list));
    REQUIRE(gofer_info_count(list) == 1);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "failed", 0), 2);
    gofer_info_free(list);
    store_close(b);
}

// Groups are counted one by one, so many in a script that it does not last: queues that have many
// are looked at alone.
static void queues_of_many_groups_are_counted_like_others(void)
{
    static const char fill[] =
        "for i = 1, 3000 do redis.call('SADD', KEYS[1], 'n' .. i) end return 1";
    gf_broker *b = raw_fresh();
    gofer_info *list;
    gf_counts counts[5];
    make_queues(5);
    for (int i = 1; i < 4; i++) {
        char key[64];
        snprintf(key, sizeof key, "asynq:{q%03d}:groups", i);
        raw_script(fill, key);
        raw_run("ZADD asynq:{q%03d}:g:n7 1900000000 a 1900000000 b", i);
    }
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
    REQUIRE(gofer_info_count(list) == 5);
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "q%03zu", i);
        const gofer_info *queue = gofer_info_at(list, i);
        CHECK_STR(gofer_info_text(queue, "queue"), name);
        CHECK_INT(gofer_info_int(queue, "groups", -1), i > 0 && i < 4 ? 3000 : 0);
        CHECK_INT(gofer_info_int(queue, "aggregating", -1), i > 0 && i < 4 ? 2 : 0);
    }
    gofer_info_free(list);
    gf_names names;
    REQUIRE_OK(b->ops->inspect->names(b, &names));
    REQUIRE(names.count == 5);
    REQUIRE_OK(b->ops->inspect->counts(b, names.names, 5, counts));
    gf_names_clear(&names);
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(counts[i].of[GF_PENDING], 1);
        CHECK_INT(counts[i].of[GF_AGGREGATING], i > 0 && i < 4 ? 2 : 0);
    }
    store_close(b);
}

// ---- memory -------------------------------------------------------------------------------------

static gofer_status call(gf_broker *b, int which)
{
    gofer_info *info = NULL;
    size_t n;
    int found = 0;
    int64_t sum;
    gofer_status st = GOFER_OK;
    switch (which) {
    case 0: st = b->ops->inspect->queues(b, NULL, &info); break;
    case 1: st = b->ops->inspect->queues(b, "q", &info); break;
    case 2: st = b->ops->inspect->tasks(b, "q", GF_PENDING, NULL, 2, &info); break;
    case 3: st = b->ops->inspect->tasks(b, "q", GF_ACTIVE, NULL, 2, &info); break;
    case 4: st = b->ops->inspect->tasks(b, "q", GF_AGGREGATING, "g:1900000000:a", 1, &info); break;
    case 5: st = b->ops->inspect->task(b, "q", "t", &info); break;
    case 6: st = b->ops->inspect->history(b, NULL, 9, &info); break;
    case 7: st = b->ops->inspect->backlog(b, (const char *[]){ "q" }, 1, &sum); break;
    case 8: st = gf_act_one(b, "q", GF_ACT_ARCHIVE, "t"); break;
    case 9: st = b->ops->act->tasks_move(b, "q", GF_RETRY, GF_PENDING, 1, &n); break;
    case 10: st = b->ops->act->queue_pause(b, "q", true); break;
    case 11: st = b->ops->check->store(b, false, count_finding, &found); break;
    case 12: st = b->ops->check->store(b, true, count_finding, &found); break;
    case 13: st = b->ops->act->queue_delete(b, "r", true); break;
    default: return GOFER_EINVAL;
    }
    if (st == GOFER_OK)
        gofer_info_free(info);
    return st;
}

static void no_memory_breaks_nothing(void)
{
    gf_broker *b = raw_fresh();
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
    TEST(messages_that_are_too_long_hide_nothing),
    TEST(groups_are_paged_one_after_the_other),
    TEST(what_cannot_be_read_is_shown_and_can_be_moved),
    TEST(a_wrong_state_word_hides_nothing),
    TEST(odd_keys_spoil_no_listing),
    TEST(a_queue_costs_few_commands),
    TEST(an_empty_queue_costs_one_command),
    TEST(a_lone_listener_costs_few_commands),
    TEST(a_listener_replaces_a_key_of_another_type),
    TEST(history_of_long_ago_is_found),
    TEST(queues_of_many_groups_are_counted_like_others),
};

int main(int argc, char **argv)
{
    store_be_patient(true);
    if (gofer_set_allocator(memory_alloc, memory_realloc, free) != GOFER_OK)
        return 1;
    return raw_main(argc, argv, tests, COUNT(tests));
}
