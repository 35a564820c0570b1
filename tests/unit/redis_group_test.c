// redis_group_test.c - groups and the records of schedulers on Redis. Run by
// tests/redis/servers.py.
#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/cron/shown.h"
#include "util/alloc.h"
#include "util/clock.h"

static void set_message(const char *queue, const char *id)
{
    char rest[64];
    gf_rd_key key;
    gf_message m = message(queue, id);
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    snprintf(rest, sizeof rest, "t:%s", id);
    gf_rd_key_of(&key, queue, rest);
    raw_set_field(key.text, "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
}

static int64_t server_s(void)
{
    return raw_int("TIME");
}

// ---- groups -------------------------------------------------------------------------------------

static void make_grouped(const char *group, const char *id, int64_t age_s)
{
    set_message("q", id);
    raw_run("SADD asynq:queues q");
    raw_run("HSET asynq:{q}:t:%s state aggregating group %s", id, group);
    raw_run("ZADD asynq:{q}:g:%s %lld %s", group, (long long)(server_s() - age_s), id);
    raw_run("SADD asynq:{q}:groups %s", group);
}

// Many members, made by the server itself, with the message of one.
static void make_crowd(const char *group, int count, int64_t score)
{
    char text[1024], key[64];
    set_message("q", "model");
    snprintf(key, sizeof key, "asynq:{q}:g:%s", group);
    snprintf(text, sizeof text,
        "local m = redis.call('HGET', 'asynq:{q}:t:model', 'msg') redis.call('DEL', "
        "'asynq:{q}:t:model') for i = 0, %d do local id = string.format('t%%06d', i) "
        "redis.call('HSET', 'asynq:{q}:t:' .. id, 'msg', m, 'state', 'aggregating', 'group', "
        "'%s') redis.call('ZADD', KEYS[1], '%lld', id) end return 1",
        count - 1, group, (long long)score);
    raw_script(text, key);
}

static void groups_are_ready_by_size_delay_or_grace(void)
{
    static const struct {
        gf_rd_group_rule rule;
        int members;
        int64_t oldest_s, newest_s;
        int taken;
    } cases[] = {
        { { 0, 0, 60 }, 3, 30, 10, 0 },
        { { 4, 0, 60 }, 3, 30, 10, 0 },
        { { 3, 0, 60 }, 3, 30, 10, 3 },
        { { 2, 0, 60 }, 3, 30, 10, 2 }, // the oldest; the name stays
        { { 0, 40, 60 }, 3, 30, 10, 0 },
        { { 0, 30, 60 }, 3, 30, 10, 3 },
        { { 0, 0, 60 }, 3, 300, 61, 3 },
        { { 7, 20, 60 }, 3, 30, 10, 3 },
        { { 0, 0, 1 }, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = raw_fresh();
        char set_id[37] = "";
        for (int m = 0; m < cases[i].members; m++)
            make_grouped("g:1", (const char *[]){ "a", "b", "c" }[m],
                m == 0 ? cases[i].oldest_s : cases[i].newest_s);
        gofer_status st = gf_rd_group_check((gf_rd_store *)b, "q", "g:1", &cases[i].rule, set_id,
            NULL);
        CHECK_STATUS(st, cases[i].taken ? GOFER_OK : GOFER_EEMPTY);
        CHECK_INT(raw_int("ZCARD asynq:{q}:g:g:1"), cases[i].members - cases[i].taken);
        CHECK_INT(raw_int("SCARD asynq:{q}:groups"), cases[i].members > cases[i].taken);
        if (st == GOFER_OK) {
            CHECK_INT(raw_int("ZCARD asynq:{q}:g:g:1:%s", set_id), cases[i].taken);
            int64_t ends = raw_int("ZSCORE asynq:{q}:aggregation_sets asynq:{q}:g:g:1:%s", set_id);
            CHECK(ends > server_s() + 100 && ends <= server_s() + 120);
        }
        gf_broker_close(b);
    }
}

static void a_set_is_read_and_deleted(void)
{
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_group_rule rule = { 0, 0, 1 };
    gf_wire_task **tasks = NULL;
    size_t count = 0;
    int64_t until_ms = 0;
    char set_id[37];
    const gf_rd_set_name set = { "q", "g", set_id };
    make_grouped("g", "b", 100);
    make_grouped("g", "a", 90);
    make_grouped("g", "bad", 80);
    raw_set_field("asynq:{q}:t:bad", "msg", "\xff", 1);
    make_grouped("g", "gone", 70);
    raw_run("DEL asynq:{q}:t:gone");
    make_crowd("g", 900, server_s() - 60);
    REQUIRE_OK(gf_rd_group_check(s, "q", "g", &rule, set_id, NULL));
    raw_run("SET asynq:{q}:t:t000500 odd");
    REQUIRE_OK(gf_rd_group_read(s, &set, &tasks, &count, &until_ms));
    REQUIRE(count == 901);                              // 900 of them with the message of one model
    CHECK_STR(tasks[0]->message.id, "b");
    CHECK_STR(tasks[1]->message.id, "a");
    CHECK(until_ms > gf_now_ms() && until_ms <= gf_now_ms() + 121000);
    for (size_t i = 0; i < count; i++)
        gf_free(tasks[i]);
    gf_free(tasks);
    CHECK_STR(raw_field("q", "bad", "state"), "archived");
    CHECK_INT(raw_int("ZCARD asynq:{q}:g:g:%s", set_id), 901);
    CHECK_OK(gf_rd_group_delete(s, &set));
    CHECK_INT(
        raw_int(
            "EXISTS asynq:{q}:t:a asynq:{q}:t:t000899 asynq:{q}:aggregation_sets asynq:{q}:g:g:%s",
            set_id),
        0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:bad"), 1);
    CHECK_STATUS(gf_rd_group_read(s, &set, &tasks, &count, &until_ms), GOFER_ENOTFOUND);
    gf_broker_close(b);
}

static int64_t script_calls(void)
{
    const char *stats = raw_text("INFO commandstats");
    const char *digest = stats ? strstr(stats, "cmdstat_evalsha:calls=") : NULL;
    int64_t calls = digest ? strtoll(strchr(digest, '=') + 1, NULL, 10) : 0;
    const char *text = stats ? strstr(stats, "cmdstat_eval:calls=") : NULL;
    return calls + (text ? strtoll(strchr(text, '=') + 1, NULL, 10) : 0);
}

// Few members, but much in them: what comes in one reply is bounded by bytes. One that no reply
// may hold is set aside.
static void large_members_come_in_pages_of_their_own(void)
{
    enum { LARGE = 3 << 20, MEMBERS = 6 };
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_group_rule rule = { 0, 0, 1 };
    gf_wire_task **tasks = NULL;
    size_t count = 0;
    int64_t until_ms = 0;
    char set_id[37], id[16], *payload = gf_calloc(1, LARGE);
    const gf_rd_set_name set = { "q", "g", set_id };
    REQUIRE(payload != NULL);
    for (int i = 0; i < MEMBERS; i++) {
        snprintf(id, sizeof id, "t%d", i);
        make_grouped("g", id, 100 - i);
        gf_message m = message("q", id);
        gf_bytes bytes;
        char key[64];
        m.payload = payload;
        m.payload_size = LARGE;
        REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
        snprintf(key, sizeof key, "asynq:{q}:t:%s", id);
        raw_set_field(key, "msg", bytes.bytes, bytes.size);
        gf_bytes_clear(&bytes);
    }
    make_grouped("g", "huge", 50);
    raw_script("redis.call('HSET', KEYS[1], 'msg', string.rep('x', 67108865)) return 1",
        "asynq:{q}:t:huge");
    REQUIRE_OK(gf_rd_group_check(s, "q", "g", &rule, set_id, NULL));
    int64_t before = script_calls();
    REQUIRE_OK(gf_rd_group_read(s, &set, &tasks, &count, &until_ms));
    CHECK_INT(script_calls() - before, MEMBERS / 2 + 1 + 1);      // the last page sets one aside
    CHECK_INT(count, MEMBERS);
    for (size_t i = 0; i < count; i++)
        gf_free(tasks[i]);
    gf_free(tasks);
    gf_free(payload);
    CHECK_STR(raw_field("q", "huge", "state"), "archived");
    CHECK_HAS(raw_field("q", "huge", "gofer:error"), "67108865 bytes");
    gf_broker_close(b);
}

static void a_set_nobody_finished_goes_back(void)
{
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_group_rule rule = { 0, 0, 1 };
    char set_id[37];
    size_t sets = 9;
    make_grouped("g:1", "a", 100);
    make_grouped("g:1", "b", 50);
    REQUIRE_OK(gf_rd_group_check(s, "q", "g:1", &rule, set_id, NULL));
    make_grouped("g:1", "c", 0);
    CHECK_OK(gf_rd_group_reclaim(s, "q", &sets));
    CHECK_INT(sets, 0);
    raw_run("SREM asynq:{q}:groups g:1");
    raw_run("ZADD asynq:{q}:aggregation_sets %lld asynq:{q}:g:g:1:%s", (long long)server_s(),
        set_id);
    raw_run("ZADD asynq:{q}:aggregation_sets 5 elsewhere");
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));            // housekeeping does it
    CHECK_STR(raw_text("ZRANGE asynq:{q}:g:g:1 0 -1"), "a b c");
    CHECK_STR(raw_text("SMEMBERS asynq:{q}:groups"), "g:1");
    CHECK_INT(raw_int("EXISTS asynq:{q}:aggregation_sets asynq:{q}:g:g:1:%s", set_id), 0);
    gf_broker_close(b);
}

static void members_travel_with_their_lock_but_not_out_of_a_set(void)
{
    static const char *const ids[] = { "free", "held" };
    gf_broker *b = raw_fresh();
    gf_rd_group_rule rule = { 1, 0, 60 };
    gf_item items[2];
    char set_id[37];
    memset(items, 0, sizeof items);
    make_grouped("g", "held", 20);
    REQUIRE_OK(gf_rd_group_check((gf_rd_store *)b, "q", "g", &rule, set_id, NULL));
    make_grouped("g", "free", 10);
    raw_run("HSET asynq:{q}:t:free unique_key asynq:{q}:unique:x:1");
    raw_run("SET asynq:{q}:unique:x:1 free EX 1000");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 2, items));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_STR(items[0].group, "g");
    CHECK(items[0].unique_ms > 900000 && items[0].unique_ms <= 1000000);
    CHECK_INT(items[1].status, GOFER_ESTATE);
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, 1));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_STR(raw_text("ZRANGE asynq:{r}:g:g 0 -1"), "free");
    CHECK_STR(raw_text("SMEMBERS asynq:{r}:groups"), "g");
    const char *lock = raw_text("HGET asynq:{r}:t:free unique_key");
    CHECK_HAS(lock, "asynq:{r}:unique:email:welcome:");
    raw_run("HSET asynq:{r}:t:free lock %s", lock);
    CHECK(raw_int("PTTL %s", raw_text("HGET asynq:{r}:t:free lock")) > 900000);
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, 1));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_INT(raw_int(
                  "EXISTS asynq:{q}:t:free asynq:{q}:g:g asynq:{q}:groups asynq:{q}:unique:x:1"),
        0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:held"), 1);
    gf_item_clear(&items[0]);
    gf_item_clear(&items[1]);
    gf_broker_close(b);
}

// ---- schedulers ---------------------------------------------------------------------------------

static void entries_of_schedulers_are_listed_while_they_live(void)
{
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    static const char *const options[] = { "Queue(\"low\")", "MaxRetry(3)" };
    gf_wire_entry entries[] = {
        { .id = "e1", .spec = "@every 30s", .task_type = "report", .payload = "x",
          .payload_size = 1,
          .options = options, .option_count = 2, .next_ms = 1900000000000 },
        { .id = "e2", .spec = "0 12 * * *", .task_type = "digest", .next_ms = 1900000001000,
          .prev_ms = 1800000000000 },
    };
    CHECK_OK(gf_rd_schedule_write(s, "host:1:uuid", entries, 2, 20));
    CHECK_OK(gf_rd_schedule_write(s, "host:1:uuid", entries, 2, 20));
    CHECK_INT(raw_int("LLEN asynq:schedulers:{host:1:uuid}"), 2);
    int64_t ttl = raw_int("TTL asynq:schedulers:{host:1:uuid}");
    CHECK(ttl > 0 && ttl <= 20);
    raw_run("ZADD asynq:schedulers 5 asynq:schedulers:{dead:1:x}");
    raw_run("ZADD asynq:schedulers 1999999999 nonsense");
    gofer_info *list;
    REQUIRE_OK(gf_rd_schedule_list(s, &list));
    REQUIRE(gofer_info_count(list) == 2);
    const gofer_info *first = gofer_info_at(list, 0), *second = gofer_info_at(list, 1);
    CHECK_STR(gofer_info_text(first, "entry"), "e1");
    CHECK_STR(gofer_info_text(first, "scheduler"), "host:1:uuid");
    CHECK_INT(gofer_info_int(first, "last_enqueued_at_ms", -1), -1);
    CHECK_INT(gofer_info_int(second, "last_enqueued_at_ms", -1), 1800000000000);
    CHECK_STR(gofer_info_text(second, "spec"), "0 12 * * *");
    gofer_info_free(list);
    CHECK_INT(raw_int("ZCARD asynq:schedulers"), 2);    // the dead are removed by those who look
    CHECK_OK(gf_rd_schedule_clear(s, "host:1:uuid"));
    REQUIRE_OK(gf_rd_schedule_list(s, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    gf_broker_close(b);
}

// Behind the own ones, by name; two schedulers may have an entry of one name.
static void pages_of_entries_go_on_with_those_of_others(void)
{
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_client *client = NULL;
    REQUIRE_OK(gofer_client_open(&client, suite_url, NULL));
    CHECK_OK(gofer_client_schedule_put(client, "own", "@daily", "t", NULL, 0, NULL, 0));
    CHECK_OK(gofer_client_schedule_put(client, "z", "@daily", "t", NULL, 0, NULL, 0));
    const gf_wire_entry some[] = {
        { .id = "same", .spec = "@daily", .task_type = "t", .next_ms = 1900000000000 },
        { .id = "b", .spec = "@daily", .task_type = "t", .next_ms = 1900000000000 },
    };
    CHECK_OK(gf_rd_schedule_write(s, "host:1:x", some, 2, 20));
    CHECK_OK(gf_rd_schedule_write(s, "host:2:y", some, 1, 20));
    CHECK_OK(gf_rd_schedule_write(s, "host:3:z", some, 1, 20));
    for (int32_t limit = 1; limit <= 7; limit++) {
        char names[64] = "", cursor[64] = "";
        for (int page = 0; page == 0 || *cursor; page++) {
            gofer_info *list;
            REQUIRE_OK(gofer_client_schedules_page(client, cursor, limit, &list));
            for (size_t i = 0; i < gofer_info_count(list); i++)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s ",
                    gofer_info_text(gofer_info_at(list, i), "name"));
            const char *next = gofer_info_text(list, "next_cursor");
            snprintf(cursor, sizeof cursor, "%s", next ? next : "");
            gofer_info_free(list);
        }
        CHECK_STR(names, "own z b same same same ");
    }
    gofer_client_close(client);
    gf_broker_close(b);
}

static void the_history_of_an_entry_keeps_the_latest_thousand(void)
{
    gf_broker *b = raw_fresh();
    gf_rd_store *s = (gf_rd_store *)b;
    char id[16];
    for (int i = 0; i < 1003; i++) {
        snprintf(id, sizeof id, "t%d", i);
        gf_wire_event event = { id, 1800000000000 + i * 1000 };
        REQUIRE_OK(gf_rd_schedule_record(s, "e", &event));
    }
    CHECK_INT(raw_int("ZCARD asynq:scheduler_history:e"), 1000);
    gofer_info *list;
    REQUIRE_OK(gf_rd_schedule_history(s, "e", 10, &list));
    REQUIRE(gofer_info_count(list) == 10);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "id"), "t1002");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 9), "enqueued_at_ms", 0),
        1800000000000 + 993 * 1000);
    gofer_info_free(list);
    CHECK_OK(gf_rd_schedule_forget(s, "e"));
    CHECK_INT(raw_int("EXISTS asynq:scheduler_history:e"), 0);
    gf_broker_close(b);
}

// ---- what Asynq's tools are shown ---------------------------------------------------------------

static void options_are_spelled_as_by_asynq(void)
{
    static const struct {
        int64_t timeout_ms, retention_ms, deadline_ms;
        const char *queue, *want[5];
    } cases[] = {
        { 90000, 86400000, INT64_C(1893553445000), "low",
            { "Queue(\"low\")", "MaxRetry(3)", "Timeout(1m30s)",
                "Deadline(Wed Jan  2 03:04:05 UTC 2030)", "Retention(24h0m0s)" } },
        { 1500, 250, 0, "a\"b\\",
            { "Queue(\"a\\\"b\\\\\")", "MaxRetry(3)", "Timeout(1.5s)", "Retention(250ms)" } },
        { 129600000, 3600000, 0, "\xC3\xBC)",
            { "Queue(\"\xC3\xBC)\")", "MaxRetry(3)", "Timeout(36h0m0s)", "Retention(1h0m0s)" } },
        { 0, 0, 0, "q", { "Queue(\"q\")", "MaxRetry(3)" } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_rd_option got[GF_RD_OPTIONS_MAX];
        gf_message m = message(cases[i].queue, "t");
        m.max_retry = 3;
        m.timeout_ms = cases[i].timeout_ms;
        m.deadline_ms = cases[i].deadline_ms;
        m.retention_ms = cases[i].retention_ms;
        size_t count = gf_rd_options_of(&m, got);
        for (size_t k = 0; k < 5; k++)
            CHECK_STR(k < count ? got[k].text : NULL, cases[i].want[k]);
    }
}

static size_t foreign_count(gf_broker *b)
{
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->peers->foreign(b, &list));
    size_t count = gofer_info_count(list);
    gofer_info_free(list);
    return count;
}

static void entries_are_shown_by_one_scheduler_at_a_time(void)
{
    gf_broker *b = raw_fresh();
    gf_message m = message("q", "");
    gf_shown_entry e = { .name = "nightly",
        .spec = "0 3 * * *",
        .message = &m,
        .next_ms = gf_now_ms() + 1000 };
    CHECK_OK(b->ops->peers->show(b, "one", &e, 1, 20000));
    CHECK_OK(b->ops->peers->show(b, "two", &e, 1, 20000));
    CHECK_INT(raw_int("ZCARD asynq:schedulers"), 1);
    CHECK_INT(raw_int("LLEN asynq:schedulers:{gofer:one}"), 1);
    CHECK(raw_int("PTTL asynq:schedulers:{gofer:one}") > 0);
    CHECK_INT(foreign_count(b), 0);                      // ours are no foreign ones
    CHECK_OK(b->ops->peers->hide(b, "two"));            // the lock is not its
    CHECK_OK(b->ops->peers->show(b, "two", &e, 1, 20000));
    CHECK_INT(raw_int("EXISTS asynq:schedulers:{gofer:two}"), 0);
    CHECK_OK(b->ops->peers->hide(b, "one"));
    CHECK_INT(raw_int("ZCARD asynq:schedulers"), 0);
    CHECK_OK(b->ops->peers->show(b, "two", &e, 1, 20000));
    CHECK_INT(raw_int("LLEN asynq:schedulers:{gofer:two}"), 1);

    const char *options[] = { "Queue(\"theirs\")", "MaxRetry(3)", "Timeout(1m30s)" };
    gf_wire_entry go = { .id = "uuid",
        .spec = "@every 5s",
        .task_type = "t",
        .payload = "p",
        .payload_size = 1,
        .options = options,
        .option_count = COUNT(options),
        .next_ms = 5000 };
    CHECK_OK(gf_rd_schedule_write((gf_rd_store *)b, "host:1:id", &go, 1, 20));
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->peers->foreign(b, &list));
    REQUIRE(gofer_info_count(list) == 1);
    const gofer_info *theirs = gofer_info_at(list, 0);
    CHECK_STR(gofer_info_text(theirs, "name"), "uuid");
    CHECK_STR(gofer_info_text(theirs, "queue"), "theirs");
    CHECK_INT(gofer_info_int(theirs, "max_retry", 0), 3);
    CHECK_INT(gofer_info_int(theirs, "timeout_ms", 0), 90000);
    CHECK_INT(gofer_info_int(theirs, "foreign", 0), 1);
    CHECK_INT(gofer_info_int(theirs, "next_run_at_ms", 0), 5000);
    gofer_info_free(list);
    store_close(b);
}

// ---- sets behind the door -----------------------------------------------------------------------

static gf_group_set *take_set(gf_broker *b, int64_t most)
{
    gf_group_set *set = NULL;
    gf_group_rule rule = { .grace_ms = 1000, .max_size = most };
    REQUIRE_OK(b->ops->groups->take(b, "w", "q", &rule, &set));
    return set;
}

static void a_set_becomes_one_task_in_one_step(void)
{
    gf_broker *b = raw_fresh();
    make_grouped("g", "a", 60);
    make_grouped("g", "b", 50);
    gf_group_set *set = take_set(b, 0);
    REQUIRE(set->count == 2);
    CHECK_STR(set->tasks[0].id, "a");
    gf_message all = message("q", "combined");
    CHECK_OK(b->ops->groups->put(b, set, &all, 0));
    CHECK_INT(raw_int(
                  "EXISTS asynq:{q}:t:a asynq:{q}:t:b asynq:{q}:aggregation_sets asynq:{q}:groups"),
        0);
    CHECK_STR(raw_field("q", "combined", "state"), "pending");
    // Once more, as after an answer that was lost: also when the task has come and gone.
    CHECK_OK(b->ops->groups->put(b, set, &all, 0));
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 1);
    raw_run("DEL asynq:{q}:t:combined asynq:{q}:pending");
    CHECK_OK(b->ops->groups->put(b, set, &all, 0));
    CHECK_INT(raw_int("LLEN asynq:{q}:pending"), 0);
    gf_group_set_free(set);

    make_grouped("g", "c", 60);
    set = take_set(b, 0);
    all.id = "late";
    raw_run("ZINCRBY asynq:{q}:aggregation_sets -200 asynq:{q}:g:g:%s", set->id);
    size_t done = 0;
    CHECK_OK(b->ops->groups->reclaim(b, 10, &done));
    CHECK_INT(done, 1);
    CHECK_STATUS(b->ops->groups->put(b, set, &all, 0), GOFER_ESTALE);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:late"), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:g:g"), 1);
    CHECK_OK(b->ops->groups->back(b, set));                // it is back already
    gf_group_set_free(set);
    set = take_set(b, 0);
    CHECK_OK(b->ops->groups->back(b, set));
    CHECK_INT(raw_int("ZCARD asynq:{q}:g:g"), 1);
    CHECK_INT(raw_int("SISMEMBER asynq:{q}:groups g"), 1);
    CHECK_INT(raw_int("EXISTS asynq:{q}:aggregation_sets"), 0);
    gf_group_set_free(set);
    store_close(b);
}

static void groups_take_turns(void)
{
    gf_broker *b = raw_fresh();
    static const char *const want[] = { "a", "b", "c", "a", "b" };
    for (int i = 0; i < 3; i++)
        for (const char *g = "abc"; *g; g++) {
            char group[2] = { *g, '\0' }, id[16];
            snprintf(id, sizeof id, "%c%d", *g, i);
            make_grouped(group, id, 100);
        }
    for (size_t i = 0; i < COUNT(want); i++) {
        gf_group_set *set = take_set(b, 1);
        CHECK_STR(set->group, want[i]);
        CHECK_INT(set->count, 1);
        gf_group_set_free(set);
    }
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->inspect->groups(b, "q", NULL, &list));
    REQUIRE(gofer_info_count(list) == 3);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 2), "group"), "c");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 2), "size", 0), 2);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "size", 0), 1);
    gofer_info_free(list);
    store_close(b);
}

// A Go program's names may be any bytes: each is shown, and each once.
static void names_of_any_bytes_come_by_pages(void)
{
    static const struct { const char *bytes, *shown; } names[] = {
        { "a\001b", "a\001b" }, { "a\xff", "a\xef\xbf\xbd" },
        { "a\xff\xfe", "a\xef\xbf\xbd\xef\xbf\xbd" }, { "\xfe", "\xef\xbf\xbd" },
        { "\xff", "\xef\xbf\xbd" },
    };
    gf_broker *b = raw_fresh();
    raw_run("SADD asynq:queues q");
    for (size_t i = 0; i < COUNT(names); i++) {
        raw_run("SADD asynq:{q}:groups %s", names[i].bytes);
        raw_run("ZADD asynq:{q}:g:%s 5 t", names[i].bytes);
    }
    raw_run("SADD asynq:{q}:groups hollow");
    raw_run("SADD asynq:{q}:groups other");
    raw_run("HSET asynq:{q}:g:other k v");
    char cursor[64] = "";
    size_t found = 0;
    for (int page = 0; page == 0 || *cursor; page++) {
        gofer_info *list = NULL;
        REQUIRE_OK(b->ops->inspect->groups(b, "q",
            &(gf_page){ .cursor = *cursor ? cursor : NULL, .limit = 1 }, &list));
        if (gofer_info_count(list)) {
            REQUIRE(found < COUNT(names));
            CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "group"), names[found++].shown);
            CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "oldest_at_ms", 0), 5000);
        }
        const char *next = gofer_info_text(list, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(list);
    }
    CHECK_INT(found, COUNT(names));
    gofer_info *list = NULL;
    CHECK_STATUS(b->ops->inspect->groups(b, "q", &(gf_page){ "%zz", 1 }, &list), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->groups(b, "q", &(gf_page){ "%4", 1 }, &list), GOFER_EINVAL);
    store_close(b);
}

// More than a piece, and more than a page: what a page takes of memory goes by the page.
static void very_many_groups_come_by_pages(void)
{
    enum { MANY = 7000, LIMIT = 700 };
    gf_broker *b = raw_fresh();
    raw_run("SADD asynq:queues q");
    raw_script("for i = 1, 7000 do local n = string.format('%04d', i) "
               "redis.call('SADD', KEYS[1], n) "
               "redis.call('ZADD', 'asynq:{q}:g:' .. n, i, 't') end return 'OK'",
        "asynq:{q}:groups");
    char cursor[64] = "";
    int64_t next_size = 1;
    for (int page = 0; page == 0 || *cursor; page++) {
        gofer_info *list = NULL;
        REQUIRE_OK(b->ops->inspect->groups(b, "q",
            &(gf_page){ .cursor = *cursor ? cursor : NULL, .limit = LIMIT }, &list));
        CHECK(gofer_info_count(list) <= LIMIT);
        for (size_t i = 0; i < gofer_info_count(list); i++) {
            int64_t at_ms = gofer_info_int(gofer_info_at(list, i), "oldest_at_ms", 0);
            if (!CHECK_INT(at_ms, next_size++ * 1000))
                break;
        }
        const char *next = gofer_info_text(list, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(list);
    }
    CHECK_INT(next_size, MANY + 1);
    gofer_info *all = NULL;
    REQUIRE_OK(b->ops->inspect->groups(b, "q", NULL, &all));
    CHECK_INT(gofer_info_count(all), MANY);
    gofer_info_free(all);
    store_close(b);
}

static const check_test tests[] = {
    TEST(groups_are_ready_by_size_delay_or_grace),
    TEST(a_set_is_read_and_deleted),
    TEST(large_members_come_in_pages_of_their_own),
    TEST(a_set_nobody_finished_goes_back),
    TEST(members_travel_with_their_lock_but_not_out_of_a_set),
    TEST(entries_of_schedulers_are_listed_while_they_live),
    TEST(pages_of_entries_go_on_with_those_of_others),
    TEST(the_history_of_an_entry_keeps_the_latest_thousand),
    TEST(options_are_spelled_as_by_asynq),
    TEST(entries_are_shown_by_one_scheduler_at_a_time),
    TEST(a_set_becomes_one_task_in_one_step),
    TEST(groups_take_turns),
    TEST(names_of_any_bytes_come_by_pages),
    TEST(very_many_groups_come_by_pages),
};

int main(int argc, char **argv)
{
    store_be_patient(true);
    return raw_main(argc, argv, tests, COUNT(tests));
}
