// redis_act_test.c - acting on Redis queues: every move, what stays behind, beside running work.
// Run by tests/redis/servers.py.
#include <pthread.h>

#include "redis_make.h"
#include "util/clock.h"

// ---- moves --------------------------------------------------------------------------------------

static void every_move_leaves_asynqs_layout(void)
{
    static const char *const states[] = { "pending", "scheduled", "retry", "archived", "completed",
        "aggregating", "active" };
    static const gf_state targets[] = { GF_PENDING, GF_ARCHIVED, GF_STATE_COUNT };
    static const gf_act acts[] = { GF_ACT_RUN, GF_ACT_ARCHIVE, GF_ACT_DELETE };
    static const char may[COUNT(states)][4] = { "-xd", "pxd", "pxd", "p-d", "--d", "pxd", "---" };
    for (size_t i = 0; i < COUNT(states); i++)
        for (size_t j = 0; j < COUNT(targets); j++) {
            gf_broker *b = raw_fresh();
            if (strcmp(states[i], "aggregating") == 0)
                make_grouped("q", "g", "t", NULL);
            else
                make("q", states[i], "t", 1900000000);
            raw_run("HSET asynq:{q}:t:t gofer:claim 0123456789abcdef");
            bool ok = may[i][j] != '-';
            CHECK_STATUS(gf_act_one(b, "q", acts[j], "t"), ok ? GOFER_OK : GOFER_ESTATE);
            const char *want = !ok             ? states[i]
                : targets[j] == GF_STATE_COUNT ? NULL
                                               : gf_state_name(targets[j]);
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
    gf_broker *b = raw_fresh();
    make("q", "archived", "mine", 1900000000);
    raw_run("HSET asynq:{q}:t:mine unique_key %s", lock);
    raw_run("SET %s mine EX 1000", lock);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "mine"));
    CHECK_INT(raw_int("EXISTS %s", lock), 0);

    make("q", "archived", "other", 1900000000);             // somebody else's by now
    raw_run("HSET asynq:{q}:t:other unique_key %s", lock);
    raw_run("SET %s mine EX 1000", lock);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "other"));
    CHECK_INT(raw_int("EXISTS %s", lock), 1);

    make("q", "archived", "liar", 1900000000);              // names a key that is no lock
    raw_run("HSET asynq:{q}:t:liar unique_key asynq:{q}:x");
    raw_run("SET asynq:{q}:x liar");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "liar"));
    CHECK_INT(raw_int("EXISTS asynq:{q}:x"), 1);

    make_grouped("q", "g", "mine", lock);                   // the lock's name is in the message
                                                            //   only
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "mine"));
    CHECK_INT(raw_int("EXISTS %s", lock), 0);
    store_close(b);
}

static void the_archive_is_trimmed_with_hashes_and_locks(void)
{
    enum { FULL = 10100 };
    gf_broker *b = raw_fresh();
    raw_script("for i = 1, 10100 do local id = string.format('t%05d', i) "
        "redis.call('ZADD', 'asynq:{q}:archived', 1900000000, id) redis.call('HSET', "
        "'asynq:{q}:t:' .. id, 'state', 'archived') end "
        "return 1", "asynq:{q}:archived");
    raw_run("SADD asynq:queues q");
    raw_run("HSET asynq:{q}:t:t00001 unique_key asynq:{q}:unique:a:b");
    raw_run("SET asynq:{q}:unique:a:b t00001");
    make("q", "retry", "new", 1900000001);
    raw_run("ZADD asynq:{q}:archived 5 old");               // long ago
    raw_run("HSET asynq:{q}:t:old state archived");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "new"));
    make("q", "retry", "new2", 1900000001);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "new2"));
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:old asynq:{q}:t:t00001 asynq:{q}:unique:a:b"), 0);
    CHECK_INT(raw_int("GET asynq:{q}:gofer:trimmed"), 10100 + 3 - 9999);
    CHECK(raw_int("TTL asynq:{q}:gofer:trimmed") > 0);
    CHECK_INT(keys_of("q"), 9999 + 2);
    store_close(b);
}

static _Atomic int told_lines;
static char told_count[32];

static void hear_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user;
    (void)time_ms;
    if (level != GOFER_LOG_WARN || !strstr(text, "the archive keeps"))
        return;
    told_lines++;
    const char *count = strstr(fields, "\"count\":");
    snprintf(told_count, sizeof told_count, "%ld", count ? strtol(count + 8, NULL, 10) : -1L);
}

// What the archive's limit deletes is in the log, whether an act brought too many or housekeeping
// finds them.
static void the_archives_limit_is_told(void)
{
    gf_broker *b = raw_fresh();
    size_t n = 0;
    b->config.log = (gf_log){ .fn = hear_log };        // called at once: no client stands between
    told_lines = 0;
    raw_script("for i = 1, 9990 do local id = string.format('t%05d', i) "
        "redis.call('ZADD', 'asynq:{q}:archived', 1900000000, id) redis.call('HSET', "
        "'asynq:{q}:t:' .. id, 'state', 'archived') end "
        "return 1", "asynq:{q}:archived");
    raw_run("SADD asynq:queues q");
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%02d", i);
        make("q", "retry", id, 1900000001);
    }
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_RETRY, GF_ARCHIVED, 100, &n));
    CHECK_INT(n, 12);
    CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
    CHECK_INT(told_lines, 1);
    CHECK_STR(told_count, "3");
    raw_run("ZADD asynq:{q}:archived 5 old1 5 old2");       // long ago
    CHECK_OK(b->ops->upkeep->purge(b, 100, &n));
    CHECK_INT(n, 2);
    CHECK_INT(told_lines, 1);                               // not another line so soon
    CHECK_INT(queue_number(b, "q", "archive_deleted"), 5);
    store_close(b);
    CHECK_INT(told_lines, 2);
    CHECK_STR(told_count, "2");
}

static gofer_status archive_one(gf_broker *b)
{
    return gf_act_one(b, "q", GF_ACT_ARCHIVE, "t");
}

static gofer_status cancel_one(gf_broker *b)
{
    return gf_act_one(b, "q", GF_ACT_CANCEL, "t");
}

static gofer_status fail_one(gf_broker *b)
{
    return finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "no" });
}

// Whatever brings a task into the archive, what had to go for it is told and counted.
static void each_way_into_the_archive_tells_of_its_limit(void)
{
    static gofer_status (*const ways[])(gf_broker *b) = { archive_one, cancel_one, fail_one };
    for (size_t i = 0; i < COUNT(ways); i++) {
        gf_broker *b = store_open();
        b->config.log = (gf_log){ .fn = hear_log };
        told_lines = 0;
        raw_script(
            "for i = 1, 9999 do redis.call('ZADD', KEYS[1], 1900000000, 'a' .. i) end return 1",
            "asynq:{q}:archived");
        put(b, "q", "t");
        CHECK_OK(ways[i](b));
        CHECK_INT(raw_int("ZCARD asynq:{q}:archived"), 9999);
        CHECK_INT(told_lines, 1);
        CHECK_STR(told_count, "1");
        CHECK_INT(queue_number(b, "q", "archive_deleted"), 1);
        store_close(b);
        CHECK_INT(told_lines, 1);
    }
}

static void bulk_moves_drop_ids_without_tasks(void)
{
    gf_broker *b = raw_fresh();
    char id[16];
    size_t n = 99;
    for (int i = 0; i < 1300; i++) {
        snprintf(id, sizeof id, "t%04d", i);
        if (i % 100 == 7)
            raw_run("ZADD asynq:{q}:scheduled %d %s", 1900000000 + i, id);
        else
            make("q", "scheduled", id, 1900000000 + i);
    }
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_SCHEDULED, GF_PENDING, 600, &n));
    CHECK_INT(n, 600);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_SCHEDULED, GF_PENDING, 5000, &n));
    CHECK_INT(n, 1287 - 600);
    CHECK_STR(queue_counts(b, "q"), "p1287 a0 s0 r0 c0 x0");
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending -1"), "t0000");
    CHECK_STR(raw_text("LINDEX asynq:{q}:pending 0"), "t1299");
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 5000, &n));
    CHECK_INT(n, 1287);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_STATE_COUNT, 5000, &n));
    CHECK_INT(n, 1287);
    CHECK_INT(keys_of("q"), 0);
    make_grouped("q", "g1", "a", NULL);
    make_grouped("q", "g2", "b", NULL);
    raw_run("SADD asynq:{q}:groups empty");
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_AGGREGATING, GF_PENDING, 10, &n));
    CHECK_INT(n, 2);
    CHECK_INT(raw_int("EXISTS asynq:{q}:groups asynq:{q}:g:g1 asynq:{q}:g:g2"), 0);
    store_close(b);
}

// ---- what cannot be had, or put elsewhere -------------------------------------------------------

// A user who may not touch the hashes of some tasks, some groups and some locks: for a script that
// is as if their slot were moving and they were on the other side already.
static gf_broker *open_limited(void)
{
    static const char *const rests[] = { "pending", "active", "lease", "scheduled", "retry",
        "archived", "completed", "groups", "aggregation_sets", "paused", "processed*", "failed*",
        "gofer:*", "g:ok*", "t:ok*", "unique:gofer:ok*" };
    char rules[1024], text[1024];
    size_t at = 0;
    gf_broker *limited = NULL;
    const char *rest = strstr(suite_url, "://");
    for (size_t i = 0; i < COUNT(rests); i++)
        at += (size_t)snprintf(rules + at, sizeof rules - at, " ~asynq:{q}:%s", rests[i]);
    raw_run(
        "ACL SETUSER limited reset on >pw +@all &* ~asynq:queues ~asynq:gofer:* ~asynq:{[^q]*%s",
        rules);
    REQUIRE(rest != NULL);
    snprintf(text, sizeof text, "%.*s://limited:pw@%s", (int)(rest - suite_url), suite_url,
        rest + 3);
    REQUIRE_OK(store_try(text, &limited));
    return limited;
}

static const char *const three[] = { "ok1", "bad", "ok2" };

static void make_three(const char *state, int64_t score)
{
    for (size_t i = 0; i < COUNT(three); i++)
        if (strcmp(state, "aggregating") == 0)
            make_grouped("q", "ok", three[i], NULL);
        else
            make("q", state, three[i], score);
}

// All are where they were, and say so.
static bool three_are_in(const char *state)
{
    bool is_list = strcmp(state, "pending") == 0, grouped = strcmp(state, "aggregating") == 0;
    bool all =
        CHECK_INT(raw_int("%s asynq:{q}:%s", is_list ? "LLEN" : "ZCARD", grouped ? "g:ok" : state),
            COUNT(three));
    for (size_t i = 0; i < COUNT(three); i++)
        all &= CHECK_STR(raw_text("HGET asynq:{q}:t:%s state", three[i]), state);
    int64_t beside = raw_int("EXISTS asynq:{q}:paused asynq:{q}:gofer:removing");
    return all && CHECK_INT(keys_of("q"), 1 + grouped + (int64_t)COUNT(three) + beside);
}

// While one hash of a chunk cannot be had, no list is cut: nothing is lost, and
// nothing is half done.
static void hashes_that_cannot_be_had_now_stay_in_their_lists(void)
{
    enum { PURGE, RUN, ARCHIVE, DELETE, REMOVE, ACTS };
    static const struct { const char *state; int64_t score; int act; } cases[] = {
        { "completed", 5, PURGE }, { "archived", 5, PURGE },
        { "archived", 1900000000, RUN }, { "scheduled", 1900000000, RUN },
        { "aggregating", 0, RUN },
        { "pending", 1700000000, ARCHIVE }, { "retry", 1900000000, ARCHIVE },
        { "aggregating", 0, ARCHIVE },
        { "pending", 1700000000, DELETE }, { "completed", 1900000000, DELETE },
        { "aggregating", 0, DELETE },
        { "pending", 1700000000, REMOVE }, { "archived", 1900000000, REMOVE },
        { "aggregating", 0, REMOVE },
    };
    static const gf_state
        targets[ACTS] = { [RUN] = GF_PENDING, [ARCHIVE] = GF_ARCHIVED, [DELETE] = GF_STATE_COUNT };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = raw_fresh(), *limited = open_limited();
        size_t n = 0;
        gf_state from;
        make_three(cases[i].state, cases[i].score);
        REQUIRE(gf_state_parse(cases[i].state, &from));
        gofer_status st = GOFER_OK;
        if (cases[i].act == PURGE)
            st = limited->ops->upkeep->purge(limited, 100, &n);
        else if (cases[i].act == REMOVE)
            st = limited->ops->act->queue_delete(limited, "q", true);
        else
            st = limited->ops->act->tasks_move(limited, "q", from, targets[cases[i].act], 100, &n);
        CHECK(st != GOFER_OK || n == 0);
        if (!three_are_in(cases[i].state))
            printf("    in case %zu\n", i);
        gf_broker_close(limited);
        raw_run("ACL DELUSER limited");
        store_close(b);
    }
}

// A batch whose second task's lock cannot be had is refused whole: the first is in no hash
// without being in a list.
static void a_put_is_not_half_done(void)
{
    gf_broker *b = raw_fresh(), *limited = open_limited();
    for (int grouped = 0; grouped < 2; grouped++) {
        gf_message first = message("q", "ok1"), second = message("q", "ok2");
        gf_put items[] = { { .message = &first }, { .message = &second } };
        items[1].unique_ms = grouped ? 0 : 60000;
        items[1].unique_key = grouped ? NULL : "bad";
        items[1].group = grouped ? "bad" : NULL;
        CHECK(
            limited->ops->tasks->put(limited, items, 2) != GOFER_OK || items[0].status != GOFER_OK);
        CHECK_INT(raw_int("EXISTS asynq:{q}:t:ok1"), raw_int("LLEN asynq:{q}:pending"));
    }
    gf_broker_close(limited);
    raw_run("ACL DELUSER limited");
    store_close(b);
}

// Where a task cannot go it is not taken out of its place.
static void a_target_of_a_wrong_type_loses_nothing(void)
{
    enum { ONE, MANY, EDIT, CANCEL };
    static const struct { const char *state; gf_state to; const char *odd; int act; } cases[] = {
        { "archived", GF_PENDING, "pending", MANY }, { "archived", GF_PENDING, "pending", ONE },
        { "aggregating", GF_PENDING, "pending", MANY },
        { "aggregating", GF_PENDING, "pending", ONE },
        { "pending", GF_ARCHIVED, "archived", MANY }, { "pending", GF_ARCHIVED, "archived", ONE },
        { "retry", GF_ARCHIVED, "archived", MANY }, { "retry", GF_ARCHIVED, "archived", CANCEL },
        { "retry", GF_PENDING, "pending", EDIT }, { "pending", GF_SCHEDULED, "scheduled", EDIT },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = raw_fresh();
        size_t n = 0;
        gf_state from;
        REQUIRE(gf_state_parse(cases[i].state, &from));
        make_three(cases[i].state, 1900000000);
        raw_run("SET asynq:{q}:%s odd", cases[i].odd);
        int64_t at_ms = cases[i].to == GF_PENDING ? 1 : gf_now_ms() + 3600000;
        gf_act act = cases[i].act == CANCEL     ? GF_ACT_CANCEL
                   : cases[i].to == GF_PENDING ? GF_ACT_RUN : GF_ACT_ARCHIVE;
        gofer_status st = cases[i].act == MANY
            ? b->ops->act->tasks_move(b, "q", from, cases[i].to, 100, &n)
            : cases[i].act == EDIT ? b->ops->act->task_edit(b, "q", "ok1", NULL, 0, at_ms)
                                   : gf_act_one(b, "q", act, "ok1");
        CHECK_INT(st, GOFER_ECORRUPT);
        raw_run("DEL asynq:{q}:%s", cases[i].odd);
        if (!three_are_in(cases[i].state))
            printf("    in case %zu\n", i);
        store_close(b);
    }
}

// ---- queues -------------------------------------------------------------------------------------

static void pausing_is_what_asynq_does(void)
{
    gf_broker *b = raw_fresh();
    int64_t now = gf_now_ms() / 1000;
    CHECK_OK(b->ops->act->queue_pause(b, "new", true));
    CHECK_INT(raw_int("SISMEMBER asynq:queues new"), 1);
    int64_t since = raw_int("GET asynq:{new}:paused");
    CHECK(since >= now - 5 && since <= now + 60);
    raw_run("SET asynq:{new}:paused 1900000000");
    CHECK_OK(b->ops->act->queue_pause(b, "new", true));
    CHECK_INT(raw_int("GET asynq:{new}:paused"), 1900000000);
    CHECK_INT(raw_int("TTL asynq:{new}:paused"), -1);
    CHECK_OK(b->ops->act->queue_pause(b, "new", false));
    CHECK_OK(b->ops->act->queue_pause(b, "new", false));
    CHECK_INT(raw_int("EXISTS asynq:{new}:paused"), 0);
    store_close(b);
}

static void fill(const char *queue)
{
    static const char *const states[] = { "pending", "scheduled", "retry", "archived",
        "completed" };
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

// The latest ticks of cron entries stay for some days: those who have yet to look at them shall not
// repeat them.
static void a_deleted_queue_leaves_not_one_key_but_of_ticks(void)
{
    static const char *const names[] = { "q", "a*[b]?^\\" };
    for (size_t i = 0; i < COUNT(names); i++) {
        gf_broker *b = raw_fresh();
        fill(names[i]);
        make("other", "pending", "t", 1900000000);
        make("aXb", "pending", "t", 1900000000);
        CHECK_STATUS(b->ops->act->queue_delete(b, names[i], false), GOFER_ESTATE);
        raw_run("HSET asynq:{%s}:gofer:cron:e tick 5000 at 6000 id i", names[i]);
        raw_run("HSET asynq:{%s}:gofer:cron:removed tick 5000 at 6000 id i", names[i]);
        raw_run("EXPIRE asynq:{%s}:gofer:cron:removed 600", names[i]);     // it has an end already
        raw_run("SET asynq:{%s}:gofer:cron:odd 7", names[i]);
        CHECK_OK(b->ops->act->queue_delete(b, names[i], true));
        CHECK_INT(keys_of(names[i]), 2);
        int64_t ttl = raw_int("TTL asynq:{%s}:gofer:cron:e", names[i]);
        CHECK(ttl > 7 * 86400 && ttl <= 8 * 86400);
        ttl = raw_int("TTL asynq:{%s}:gofer:cron:removed", names[i]);
        CHECK(ttl > 0 && ttl <= 600);
        CHECK_INT(raw_int("SCARD asynq:queues"), 2);
        CHECK_INT(keys_of("other"), 2);
        CHECK_INT(keys_of("aXb"), 2);
        CHECK_STATUS(b->ops->act->queue_delete(b, names[i], true), GOFER_ENOTFOUND);
        store_close(b);
    }
}

static void a_queue_with_active_tasks_stays_as_it_is(void)
{
    gf_broker *b = raw_fresh();
    fill("q");
    raw_run("DEL asynq:{q}:paused");
    make("q", "active", "busy", 1900000000);
    int64_t keys = keys_of("q");
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", true), GOFER_ESTATE);
    CHECK_INT(keys_of("q"), keys);
    CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 1);
    CHECK_STATUS(b->ops->act->queue_delete(b, "nowhere", true), GOFER_ENOTFOUND);
    make("empty", "retry", "t", 1900000000);
    CHECK_OK(gf_act_one(b, "empty", GF_ACT_DELETE, "t"));
    raw_run("SET asynq:{empty}:processed 7");
    CHECK_OK(b->ops->act->queue_delete(b, "empty", false));
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
        CHECK_OK(b->ops->tasks->put(b, items, 10));
        gf_take t = { .worker = "runner",
            .queues = &share,
            .queue_count = 1,
            .max = 20,
            .lease_ms = LEASE_MS,
            .claims = claims };
        CHECK_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
        gf_finish done[20];
        for (size_t i = 0; i < t.count; i++)
            done[i] = (gf_finish){ .claim = claims[i], .outcome = i % 2 ? GF_DONE : GF_ARCHIVE,
                .error = "e" };
        if (t.count)
            CHECK_OK(b->ops->tasks->exchange(b, done, t.count, NULL));
        for (size_t i = 0; i < t.count; i++) {
            CHECK_OK(done[i].status);                       // a task that was taken is not
                                                            //   deleted under its worker
            gf_claim_free(claims[i]);
        }
    }
    return NULL;
}

static bool fail_on_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg;
    // Clients tell a queue's name every few seconds: until then one that was deleted is
    // there, but not listed.
    if (f->queue && f->severity != GF_NOTE && strcmp(f->code, "queue-unlisted") != 0) {
        fprintf(stderr, "    %s: %s\n", f->code, f->examples ? f->examples : "");
        CHECK(!"nothing is wrong with the queue");
    }
    return true;
}

static void a_queue_may_be_deleted_under_running_work(void)
{
    gf_broker *b = raw_fresh(), *other = store_again();
    pthread_t thread;
    int deleted = 0;
    worker_register(other, "runner");
    atomic_store(&ended, false);
    REQUIRE(pthread_create(&thread, NULL, work, other) == 0);
    for (int64_t end = check_now_ms() + PATIENCE_MS; deleted < 10 && check_now_ms() < end;) {
        gofer_status st = b->ops->act->queue_delete(b, "q", true);
        CHECK(st == GOFER_OK || st == GOFER_ESTATE || st == GOFER_ENOTFOUND);
        deleted += st == GOFER_OK;
        CHECK_OK(b->ops->check->store(b, false, fail_on_finding, NULL));
    }
    atomic_store(&ended, true);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_INT(deleted, 10);
    CHECK_OK(b->ops->check->store(b, false, fail_on_finding, NULL));
    gofer_status st = b->ops->act->queue_delete(b, "q", true);
    CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
    CHECK_INT(keys_of("q"), 0);
    b->ops->upkeep->worker_deregister(other, "runner");
    gf_broker_close(other);
    store_close(b);
}

static int remove_slowly(int in, int out)
{
    gf_broker *b = store_again();
    (void)in;
    say(out, 'b');
    return b->ops->act->queue_delete(b, "q", true) == GOFER_OK ? 0 : 1;
}

static int removals;

static bool note_removal(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg;
    removals += strcmp(f->code, "removal") == 0 && f->queue && strcmp(f->queue, "q") == 0;
    return true;
}

static int removals_found(gf_broker *b)
{
    removals = 0;
    CHECK_OK(b->ops->check->store(b, false, note_removal, NULL));
    return removals;
}

static void many_waiting(void)
{
    raw_clean();
    raw_script("for i = 1, 40000 do redis.call('HSET', 'asynq:{q}:t:t' .. i, 'msg', 'x', 'state', "
               "'scheduled') "
               "redis.call('ZADD', KEYS[1], 1900000000, 't' .. i) end return 1",
        "asynq:{q}:scheduled");
    raw_run("SADD asynq:queues q");
}

// Killed between its steps: the check names the queue, and the same command goes on with it.
static void a_removal_that_was_killed_goes_on(void)
{
    gf_broker *b = raw_fresh();
    int64_t left = 0;
    for (int tries = 0; tries < 20 && left == 0; tries++) {
        many_waiting();
        child c = child_start(remove_slowly);
        CHECK_INT(hear(c.in), 'b');
        for (int64_t end = check_now_ms() + PATIENCE_MS;
             raw_int("ZCARD asynq:{q}:scheduled") == 40000 && check_now_ms() < end;)
            gf_sleep_us(100);
        child_kill(&c);
        left = raw_int("ZCARD asynq:{q}:scheduled");
    }
    CHECK(left > 0 && left < 40000);
    CHECK_INT(raw_int("EXISTS asynq:{q}:paused"), 1);
    CHECK_INT(removals_found(b), 1);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_INT(keys_of("q"), 0);
    CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 0);
    CHECK_INT(removals_found(b), 0);

    raw_run("SADD asynq:queues q");                        // killed before its last step
    CHECK_OK(b->ops->act->queue_delete(b, "q", false));
    CHECK_INT(raw_int("SISMEMBER asynq:queues q"), 0);

    make("q", "scheduled", "t", 1900000000);               // whoever resumes it wants it to stay
    raw_run("SET asynq:{q}:gofer:removing 1");
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_INT(removals_found(b), 0);
    store_close(b);
}

static void history_shows_the_days_that_are_there(void)
{
    gf_broker *b = raw_fresh();
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
    REQUIRE_OK(b->ops->inspect->history(b, "q", 3, &list));
    for (size_t i = 0; i < gofer_info_count(list); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d/%d ",
            (int)gofer_info_int(gofer_info_at(list, i), "processed", -1),
            (int)gofer_info_int(gofer_info_at(list, i), "failed", -1));
    CHECK_STR(text, "10/0 0/0 40/0 ");
    gofer_info_free(list);
    REQUIRE_OK(b->ops->inspect->history(b, NULL, 90, &list));
    CHECK_INT(gofer_info_count(list), 4);
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "failed", 0), 1);
    gofer_info_free(list);
    REQUIRE_OK(b->ops->inspect->history(b, "plain", 90, &list) == GOFER_ENOTFOUND ? GOFER_OK
                                                                                  : GOFER_EHANDLER);
    store_close(b);
}

// What is in the way of a removal are tasks, not the groups they wait in; a group's name
// alone is not in the way.
static void a_removal_that_is_refused_counts_tasks(void)
{
    gf_broker *b = raw_fresh();
    raw_run("SADD asynq:queues q");
    raw_run("SADD asynq:{q}:groups g empty");
    raw_run("ZADD asynq:{q}:g:g 1 a 1 b 1 c");
    raw_run("ZADD asynq:{q}:aggregation_sets 9000000000 asynq:{q}:g:g:set");
    raw_run("ZADD asynq:{q}:g:g:set 1 d");
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", false), GOFER_ESTATE);
    CHECK_HAS(gofer_error_last(), "4 tasks");
    raw_run("DEL asynq:{q}:g:g asynq:{q}:g:g:set asynq:{q}:aggregation_sets");
    CHECK_OK(b->ops->act->queue_delete(b, "q", false));
    store_close(b);
}

static const check_test tests[] = {
    TEST(a_removal_that_is_refused_counts_tasks),
    TEST(every_move_leaves_asynqs_layout),
    TEST(locks_go_with_their_tasks_only),
    TEST(the_archive_is_trimmed_with_hashes_and_locks),
    TEST(the_archives_limit_is_told),
    TEST(each_way_into_the_archive_tells_of_its_limit),
    TEST(bulk_moves_drop_ids_without_tasks),
    TEST(hashes_that_cannot_be_had_now_stay_in_their_lists),
    TEST(a_put_is_not_half_done),
    TEST(a_target_of_a_wrong_type_loses_nothing),
    TEST(pausing_is_what_asynq_does),
    TEST(a_deleted_queue_leaves_not_one_key_but_of_ticks),
    TEST(a_queue_with_active_tasks_stays_as_it_is),
    TEST(a_queue_may_be_deleted_under_running_work),
    TEST(a_removal_that_was_killed_goes_on),
    TEST(history_shows_the_days_that_are_there),
};

int main(int argc, char **argv)
{
    return raw_main(argc, argv, tests, COUNT(tests));
}
