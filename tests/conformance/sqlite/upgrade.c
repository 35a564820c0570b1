// upgrade.c - files that older ones of gofer made, and files in which something
// is wrong: files only.
#include <sqlite3.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

// The tables as versions 1 to 10 made them.
#define BODY \
    "bid INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL, " \
    "timeout_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, retention_ms INTEGER NOT NULL, " \
    "max_retry INTEGER NOT NULL, failed_ms INTEGER NOT NULL, retried INTEGER NOT NULL, " \
    "crashes INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, headers BLOB, payload BLOB, " \
    "error TEXT"

static const char version_1[] =
    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
    "CREATE TABLE queue(qid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  paused_ms INTEGER NOT NULL DEFAULT 0, tail INTEGER NOT NULL DEFAULT 0,"
    "  pending INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL DEFAULT 0,"
    "  scheduled INTEGER NOT NULL DEFAULT 0, retry INTEGER NOT NULL DEFAULT 0,"
    "  completed INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0,"
    "  processed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE day(qid INTEGER NOT NULL, day INTEGER NOT NULL, processed INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL, PRIMARY KEY(qid, day)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE ids(qid INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,"
    "  PRIMARY KEY(qid, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE blob(bid INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE ready(seq INTEGER PRIMARY KEY, since_ms INTEGER NOT NULL, " BODY ") STRICT;"
    "CREATE TABLE active(seq INTEGER PRIMARY KEY, token INTEGER NOT NULL, wid INTEGER NOT NULL,"
    "  lease_until INTEGER NOT NULL, started_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
    "  done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, note TEXT, " BODY
    ") STRICT;"
    "CREATE TABLE later(seq INTEGER PRIMARY KEY, qid INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  sort_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL DEFAULT 0, result BLOB,"
    "  rbid INTEGER NOT NULL DEFAULT 0, " BODY ") STRICT;"
    "CREATE INDEX later_order ON later(qid, state, sort_ms);"
    "CREATE INDEX later_due ON later(sort_ms) WHERE state IN (2, 3);"
    "CREATE INDEX later_expiry ON later(expires_ms) WHERE state = 4;"
    "CREATE TABLE worker(wid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  host TEXT NOT NULL, pid INTEGER NOT NULL, started_ms INTEGER NOT NULL, state TEXT NOT NULL,"
    "  concurrency INTEGER NOT NULL, running INTEGER NOT NULL, queues TEXT NOT NULL,"
    "  is_strict INTEGER NOT NULL, lease_until INTEGER NOT NULL) STRICT;"
    "PRAGMA application_id = 0x676F6672; PRAGMA user_version = 1;";

static const char version_2[] =
    "CREATE TABLE cancel(seq INTEGER PRIMARY KEY, token INTEGER NOT NULL) STRICT; "
    "PRAGMA user_version = 2;";

static const char version_3[] =
    "ALTER TABLE ready ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE active ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE later ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE queue ADD COLUMN aggregating INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE extra(xid INTEGER PRIMARY KEY, lock BLOB, cbid INTEGER NOT NULL DEFAULT 0,"
    "  csize INTEGER NOT NULL DEFAULT 0, attempts TEXT, log TEXT) STRICT;"
    "CREATE TABLE lock(qid INTEGER NOT NULL, key BLOB NOT NULL, life INTEGER NOT NULL, "
    "until_ms INTEGER NOT NULL,"
    "  id TEXT NOT NULL, PRIMARY KEY(qid, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX lock_until ON lock(until_ms);"
    "CREATE TABLE task_group(gid INTEGER PRIMARY KEY, qid INTEGER NOT NULL, name TEXT NOT NULL, "
    "turn INTEGER NOT NULL,"
    "  set_id TEXT, wid INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0,"
    "  made INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX group_name ON task_group(qid, name) WHERE set_id IS NULL;"
    "CREATE INDEX group_turn ON task_group(qid, turn) WHERE set_id IS NULL;"
    "CREATE UNIQUE INDEX group_set ON task_group(set_id) WHERE set_id IS NOT NULL;"
    "CREATE INDEX group_queue ON task_group(qid);"
    "CREATE TABLE member(seq INTEGER PRIMARY KEY, gid INTEGER NOT NULL, "
    "at_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX member_order ON member(gid, at_ms);"
    "CREATE TABLE awaited(rid INTEGER PRIMARY KEY, qid INTEGER NOT NULL, id TEXT NOT NULL, "
    "until INTEGER NOT NULL,"
    "  outcome TEXT, at_ms INTEGER NOT NULL DEFAULT 0, error TEXT, result BLOB) STRICT;"
    "CREATE INDEX awaited_task ON awaited(qid, id);"
    "CREATE TABLE command(cid INTEGER PRIMARY KEY, wid INTEGER NOT NULL, "
    "text TEXT NOT NULL) STRICT;"
    "CREATE TABLE entry(name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;"
    "CREATE TABLE number(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tick(entry TEXT NOT NULL, qid INTEGER NOT NULL, tick_ms INTEGER NOT NULL, "
    "at_ms INTEGER NOT NULL,"
    "  id TEXT NOT NULL, noted_ms INTEGER NOT NULL, PRIMARY KEY(entry, qid)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE ticked(n INTEGER PRIMARY KEY, entry TEXT NOT NULL, tick_ms INTEGER NOT NULL, "
    "at_ms INTEGER NOT NULL,"
    "  id TEXT NOT NULL) STRICT;"
    "CREATE INDEX ticked_entry ON ticked(entry);"
    "CREATE TABLE event(n INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;"
    "CREATE TABLE stat(queue TEXT NOT NULL, type TEXT NOT NULL, hour INTEGER NOT NULL, "
    "done INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL, wait BLOB NOT NULL, run BLOB NOT NULL, PRIMARY KEY(queue, type, "
    "hour)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX stat_hour ON stat(hour); PRAGMA user_version = 3;";

static const char version_4[] =
    "CREATE TABLE latest(entry TEXT NOT NULL, queue TEXT NOT NULL, tick_ms INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL, id TEXT NOT NULL, noted_ms INTEGER NOT NULL,"
    "  PRIMARY KEY(entry, queue)) STRICT, WITHOUT ROWID;"
    "INSERT INTO latest SELECT t.entry, q.name, t.tick_ms, t.at_ms, t.id, t.noted_ms"
    "  FROM tick t JOIN queue q USING(qid);"
    "DROP TABLE tick; ALTER TABLE latest RENAME TO tick; PRAGMA user_version = 4;";

static const char version_5[] =
    "ALTER TABLE worker ADD COLUMN children TEXT; PRAGMA user_version = 5;";

static const char version_6[] =
    "CREATE TABLE audit(n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, record TEXT NOT NULL) "
    "STRICT; PRAGMA user_version = 6;";

static const char version_7[] =
    "CREATE TABLE stat_minute(minute INTEGER NOT NULL, queue TEXT NOT NULL, type TEXT NOT NULL,"
    "  done INTEGER NOT NULL, failed INTEGER NOT NULL, wait BLOB NOT NULL, run BLOB NOT NULL,"
    "  PRIMARY KEY(minute, queue, type)) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 7;";
static const char version_8[] =
    "ALTER TABLE queue ADD COLUMN ranked INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 8;";
static const char version_9[] =
    "ALTER TABLE queue ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE limits(name TEXT PRIMARY KEY, prefix INTEGER, concurrency INTEGER NOT NULL,"
    "  rate INTEGER NOT NULL, per_ms INTEGER NOT NULL, burst INTEGER NOT NULL, over INTEGER NOT "
    "NULL,"
    "  per_queue INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX limits_prefix ON limits(prefix) WHERE prefix IS NOT NULL;"
    "CREATE TABLE limit_key(lid INTEGER PRIMARY KEY, key TEXT NOT NULL, qid INTEGER NOT NULL,"
    "  tat_us INTEGER NOT NULL DEFAULT 0, until_ms INTEGER NOT NULL DEFAULT 0,"
    "  wake_ms INTEGER NOT NULL DEFAULT 0, occupant TEXT) STRICT;"
    "CREATE UNIQUE INDEX limit_key_name ON limit_key(key, qid);"
    "CREATE INDEX limit_key_wake ON limit_key(wake_ms) WHERE wake_ms > 0;"
    "CREATE TABLE holds(lid INTEGER NOT NULL, seq INTEGER NOT NULL, token INTEGER NOT NULL,"
    "  PRIMARY KEY(lid, seq)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX holds_seq ON holds(seq);"
    "CREATE TABLE held(lid INTEGER NOT NULL, lane INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
    "  place INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(lid, lane, since_ms, place))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX held_seq ON held(seq);"
    "CREATE UNIQUE INDEX held_place ON held(place);"
    "CREATE TABLE debounce(seq INTEGER PRIMARY KEY, qid INTEGER NOT NULL, key TEXT NOT NULL,"
    "  first_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX debounce_key ON debounce(qid, key);"
    "CREATE INDEX debounce_until ON debounce(until_ms);"
    "PRAGMA user_version = 9;";
static const char version_10[] =
    "CREATE TABLE flow(fid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  hash BLOB NOT NULL, state INTEGER NOT NULL, on_dead INTEGER NOT NULL,"
    "  stop INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL, remaining INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL DEFAULT 0, deadline_ms INTEGER NOT NULL,"
    "  retention_ms INTEGER NOT NULL, wake_ms INTEGER NOT NULL DEFAULT 0,"
    "  cancel_from INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX flow_wake ON flow(wake_ms) WHERE wake_ms > 0;"
    "CREATE TABLE step(sid INTEGER PRIMARY KEY, state INTEGER NOT NULL, open INTEGER NOT NULL,"
    "  broken INTEGER NOT NULL DEFAULT 0, asks INTEGER NOT NULL, run_at_ms INTEGER NOT NULL,"
    "  delay_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, fid INTEGER NOT NULL,"
    "  name TEXT NOT NULL, queue TEXT NOT NULL, why TEXT, " BODY ", result BLOB) STRICT;"
    "CREATE UNIQUE INDEX step_name ON step(fid, name);"
    "CREATE INDEX step_ready ON step(sid) WHERE state = 1;"
    "CREATE TABLE dep(parent INTEGER NOT NULL, child INTEGER NOT NULL, rule INTEGER NOT NULL,"
    "  PRIMARY KEY(parent, child)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX dep_child ON dep(child);"
    "PRAGMA user_version = 10;";

static const char version_11[] =
    "ALTER TABLE queue ADD COLUMN fair INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE tenant(qid INTEGER NOT NULL, name TEXT NOT NULL, weight INTEGER NOT NULL,"
    "  PRIMARY KEY(qid, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE fair_tenant(qid INTEGER NOT NULL, name TEXT NOT NULL, lane INTEGER NOT NULL,"
    "  finish INTEGER NOT NULL, PRIMARY KEY(qid, name, lane)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX fair_tenant_finish ON fair_tenant(qid, lane, finish);"
    "CREATE TABLE fair_line(qid INTEGER NOT NULL, lane INTEGER NOT NULL, now INTEGER NOT NULL,"
    "  plain INTEGER NOT NULL, PRIMARY KEY(qid, lane)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE fair(qid INTEGER NOT NULL, lane INTEGER NOT NULL, tag INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL, PRIMARY KEY(qid, lane, tag, seq)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX fair_seq ON fair(seq);"
    "PRAGMA user_version = 11;";

static const char version_12[] =
    "ALTER TABLE queue ADD COLUMN max_length INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 12;";

// Of queue 1, and of one that is gone.
static const char ticks[] =
    "INSERT INTO entry VALUES('e', 'spec=1');"
    "INSERT INTO tick VALUES('e', 1, 5000, 6000, 'cron:e:1970-01-01T00:00:05Z', 6000),"
    "  ('e', 9, 7000, 8000, 'cron:e:1970-01-01T00:00:07Z', 8000);";

// One task in each state, the retry's payload and the completed one's result in
// blobs. Queue 1 is "q".
#define TASK(id) "8, 1, 60000, 0, 3600000, 25, 0, 0, 0, '" id "', 'email:welcome'"
#define SMALL(id) "0, " TASK(id) ", NULL, x'7b22746f223a317d', NULL"
static const char tasks[] =
    "INSERT INTO queue VALUES(1, 'q', 0, 6, 1, 1, 1, 1, 1, 1, 7, 2);"
    "INSERT INTO day VALUES(1, 20000, 7, 2);"
    "INSERT INTO blob VALUES(1, zeroblob(3000)), (2, zeroblob(5000));"
    "INSERT INTO ready VALUES((1 << 40) + 1, 1, " SMALL(
        "pending") ");"
                   "INSERT INTO active VALUES((1 << 40) + 2, 77, 5, 0, 1, 1, 3, 4, 'note', " SMALL(
                       "active") ");"
                                 "INSERT INTO later VALUES((1 << 40) + 3, 1, 2, 4102444800000, 0, "
                                 "NULL, 0, " SMALL(
                                     "scheduled") ");"
                                                  "INSERT INTO later VALUES((1 << 40) + 4, 1, 3, "
                                                  "4102444800000, 0, NULL, 0, 1, 3000, 1, 60000, "
                                                  "0, 0, 25, 9, 3, 1, 'retry',"
                                                  "  'email:welcome', x'6b007600', NULL, 'bad');"
                                                  "INSERT INTO later VALUES((1 << 40) + 5, 1, 4, "
                                                  "5, 4102444800000, NULL, 2, " SMALL(
                                                      "completed") ");"
                                                                   "INSERT INTO later VALUES((1 << "
                                                                   "40) + 6, 1, 5, 5, 0, NULL, "
                                                                   "0, " SMALL(
                                                                       "archived") ");"
                                                                                   "INSERT INTO "
                                                                                   "ids SELECT 1, "
                                                                                   "id, seq FROM "
                                                                                   "ready UNION "
                                                                                   "ALL SELECT 1, "
                                                                                   "id, "
                                                                                   "seq FROM "
                                                                                   "active UNION "
                                                                                   "ALL SELECT 1, "
                                                                                   "id, seq FROM "
                                                                                   "later;";

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    if (!CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, &text), SQLITE_OK))
        fprintf(stderr, "    %s\n", text);
    sqlite3_free(text);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static void begin_with(int version)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-gofer", "-reserve" };
    store_close(store_open());                          // for the place
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", store_path(), suffixes[i]);
        unlink(name);
    }
    run_sql(version_1);
    if (version >= 2)
        run_sql(version_2);
    run_sql(tasks);
    if (version >= 3) {
        run_sql(version_3);
        run_sql(ticks);
    }
    if (version >= 4)
        run_sql(version_4);
    if (version >= 5)
        run_sql(version_5);
    if (version >= 6)
        run_sql(version_6);
    if (version >= 7)
        run_sql(version_7);
    if (version >= 8)
        run_sql(version_8);
    if (version >= 9)
        run_sql(version_9);
    if (version >= 10)
        run_sql(version_10);
    if (version >= 11)
        run_sql(version_11);
    if (version >= 12)
        run_sql(version_12);
}

static void everything_is_there(gf_broker *b)
{
    static const char *const ids[] = { "pending", "active", "scheduled", "retry", "completed",
        "archived" };
    CHECK_STR(queue_counts(b, "q"), "p1 a1 s1 r1 c1 x1");
    CHECK_INT(queue_number(b, "q", "aggregating"), 0);
    CHECK_INT(queue_number(b, "q", "processed_total"), 7);
    for (size_t i = 0; i < COUNT(ids); i++)
        CHECK_STR(task_state(b, "q", ids[i]), ids[i]);
    CHECK_STR(task_text(b, "q", "retry", "last_error"), "bad");
    CHECK_INT(task_number(b, "q", "retry", "payload_size"), 3000);
    CHECK_INT(task_number(b, "q", "active", "progress_done"), 3);
    gofer_info *info;
    size_t size = 0;
    if (CHECK_OK(b->ops->inspect->task(b, "q", "completed", &info))) {
        CHECK(gofer_info_bytes(info, "result", &size) != NULL);
        CHECK_INT(size, 5000);
        gofer_info_free(info);
    }
}

static void an_older_file_is_brought_up_to_date(int version)
{
    begin_with(version);
    gf_broker *b = store_again();
    everything_is_there(b);
    worker_register(b, "w");

    // What is new, on what is old.
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued, 1);
    CHECK_STR(task_attempts(b, "q", "active"), "crashed");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "scheduled"));
    gf_finish f = { .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = gf_now_ms() + 3600000,
        .error = "e", .attempt = attempt("failed", 1),
        .checkpoint = "c", .checkpoint_size = 1 };
    CHECK_OK(finish(b, need_one(b, "q", "pending"), f));
    CHECK_INT(task_number(b, "q", "pending", "checkpoint_size"), 1);
    gf_message m = message("q", "grouped"), u = message("q", "unique");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "g" }));
    CHECK_OK(put_as(b, (gf_put){ .message = &u, .unique_ms = 60000 }));
    CHECK_INT(queue_number(b, "q", "aggregating"), 1);
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r2 c1 x2");
    store_close(b);
    b = store_again();
    worker_register(b, "w");
    drain_expecting(b, "q", "active unique");
    store_close(b);
    store_check_sound();
}

static void a_file_of_version_1_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(1);
}

static void a_file_of_version_2_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(2);
}

static void a_file_of_version_3_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(3);

    // The latest tick of an entry is found by the name of its queue.
    gf_message m = message("q", "cron:e:1970-01-01T00:00:05Z");
    gf_tick tick = { .entry = "e", .tick_ms = 5000, .message = &m };
    gf_tick_state state = { .entry = "e", .queue = "q" };
    gf_broker *b = store_again();
    CHECK_OK(b->ops->cron->tick_states(b, &state, 1));
    CHECK_INT(state.tick_ms, 5000);
    CHECK_INT(state.at_ms, 6000);
    CHECK_STR(state.id, m.id);
    CHECK_OK(b->ops->cron->tick(b, &tick, 1));
    CHECK_STATUS(tick.status, GOFER_EEXIST);
    tick.tick_ms = 6000;
    m.id = "cron:e:1970-01-01T00:00:06Z";
    CHECK_OK(b->ops->cron->tick(b, &tick, 1));
    CHECK_STATUS(tick.status, GOFER_OK);
    store_close(b);
    store_check_sound();
}

// Workers have children from then on.
static void a_file_of_version_4_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(4);
    gf_broker *b = store_again();
    const gf_children_entry children = { .children = 2, .want = 8 };
    const gf_worker_entry e = {
        .id = "w2", .host = "here", .pid = getpid(), .started_ms = gf_now_ms(), .state = "active",
        .concurrency = 4, .queues = "q=1", .children = &children,
    };
    CHECK_OK(b->ops->upkeep->worker_register(b, &e, LEASE_MS));
    gofer_info *list;
    REQUIRE_OK(b->ops->inspect->workers(b, NULL, &list));
    const gofer_info *last = gofer_info_at(list, gofer_info_count(list) - 1);
    CHECK_STR(gofer_info_text(last, "worker"), "w2");
    CHECK_INT(gofer_info_int(last, "children_want", -1), 8);
    gofer_info_free(list);
    store_close(b);
    store_check_sound();
}

// Acts are noted from then on.
static void a_file_of_version_5_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(5);
    gf_broker *b = store_again();
    gf_names lines = { 0 };
    CHECK_OK(b->ops->audit->page(b, 0, 10, &lines));
    CHECK_INT(lines.count, 0);
    CHECK_OK(b->ops->audit->add(b, "act=x", 0));
    CHECK_OK(b->ops->audit->page(b, 0, 10, &lines));
    CHECK_INT(lines.count, 1);
    gf_names_clear(&lines);
    gf_broker_close(b);
    store_check_sound();
}

// Tasks may have a priority from then on, and those that are there have none.
static void a_file_of_version_7_is_brought_up_to_date(void)
{
    char room[64];
    an_older_file_is_brought_up_to_date(7);
    gf_broker *b = store_again();
    worker_register(b, "w");
    put(b, "fresh", "plain");
    gf_message m = message("fresh", "first");
    set_priority(&m, 5, room);
    CHECK_OK(put_message(b, &m, 0));
    drain_expecting(b, "fresh", "first plain");
    gf_broker_close(b);
    store_check_sound();
}

// Tasks may have limits, and be debounced, from then on.
static void a_file_of_version_8_is_brought_up_to_date(void)
{
    const gf_debounce how = { .delay_ms = 3600000 };
    char room[LIMIT_ROOM];
    an_older_file_is_brought_up_to_date(8);
    gf_broker *b = store_again();
    worker_register(b, "w");
    const gf_limit one = { .name = "k", .concurrency = 1 };
    CHECK_OK(b->ops->limits->put(b, &one));
    gf_message m = message("q", "first"), n = message("q", "second");
    set_limit_keys(&m, "k", 1, room);
    n.headers = m.headers;
    n.headers_size = m.headers_size;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_OK(put_message(b, &n, 0));
    gf_claim *claim = need_one(b, "q", "first");
    CHECK(take_one(b, "q") == NULL);
    done(b, claim);
    done(b, need_one(b, "q", "second"));
    m = message("fresh", "first");
    gf_put item = { .message = &m, .debounce = &how };
    CHECK_OK(b->ops->tasks->put(b, &item, 1));
    m.id = "second";
    CHECK_OK(b->ops->tasks->put(b, &item, 1));
    CHECK_INT(item.effect, GF_REPLACED);
    CHECK_STR(queue_counts(b, "fresh"), "p0 a0 s1 r0 c0 x0");
    gf_broker_close(b);
    store_check_sound();
}

// Flows may be started from then on.
static void a_file_of_version_9_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(9);
    gf_broker *b = store_again();
    worker_register(b, "w");
    gf_message m = message("fresh", "f:0"), n = message("fresh", "f:1");
    const gf_flow_dep after = { 0, GF_RULE_SUCCESS };
    const gf_flow_step steps[] = {
        { .name = "a", .message = &m },
        { .name = "b", .message = &n, .deps = &after, .dep_count = 1 },
    };
    const gf_flow_plan plan = { .id = "f", .steps = steps, .count = 2, .retention_ms = 60000 };
    CHECK_OK(b->ops->flows->start(b, &plan));
    drain_expecting(b, "fresh", "f:0 f:1");
    gf_broker_close(b);
    store_check_sound();
}

// Tenants share a queue from then on.
static void a_file_of_version_10_is_brought_up_to_date(void)
{
    static const char *const tenants[] = { "a", "a", "b" }, *const ids[] = { "a1", "a2", "b1" };
    an_older_file_is_brought_up_to_date(10);
    gf_broker *b = store_again();
    worker_register(b, "w");
    put(b, "fresh", "plain");
    for (size_t i = 0; i < COUNT(ids); i++) {
        char room[TENANT_ROOM];
        gf_message m = message("fresh", ids[i]);
        set_tenant(&m, tenants[i], room);
        CHECK_OK(put_message(b, &m, 0));
    }
    drain_expecting(b, "fresh", "plain a1 b1 a2");
    gf_broker_close(b);
    store_check_sound();
}

// Queues are bounded from then on.
static void a_file_of_version_11_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(11);
    gf_broker *b = store_again();
    gf_message m = message("q", "fits"), n = message("q", "over");
    CHECK_INT(queue_number(b, "q", "max_length"), -2);
    CHECK_OK(b->ops->act->queue_bound(b, "q", 1));
    CHECK_OK(put_message(b, &m, 0));
    CHECK_STATUS(put_message(b, &n, 0), GOFER_EFULL);
    gf_broker_close(b);
    store_check_sound();
}

// Priorities may grow from then on.
static void a_file_of_version_12_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(12);
    gf_broker *b = store_again();
    CHECK_INT(queue_number(b, "q", "age_ms"), -2);
    CHECK_OK(b->ops->act->queue_age(b, "q", 1000));
    CHECK_INT(queue_number(b, "q", "age_ms"), 1000);
    gf_broker_close(b);
    store_check_sound();
}

// Stats are kept by the minute, too, from then on.
static void a_file_of_version_6_is_brought_up_to_date(void)
{
    an_older_file_is_brought_up_to_date(6);
    gf_broker *b = store_again();
    const gf_type_stats one = { .queue = "q", .type = "t", .done = 1 };
    gf_stats_steps which = { NULL, NULL, GF_STATS_MINUTE_MS,
        gf_now_ms() / GF_STATS_MINUTE_MS - GF_STATS_MINUTES + 2, GF_STATS_MINUTES };
    static gf_type_stats sums[GF_STATS_MINUTES];
    int64_t done = 0;
    CHECK_OK(b->ops->inspect->stats_add(b, &one, 1));
    CHECK_OK(b->ops->inspect->stats_steps(b, &which, sums));
    for (size_t i = 0; i < COUNT(sums); i++)
        done += sums[i].done;
    CHECK_INT(done, 1);
    gf_broker_close(b);
    store_check_sound();
}

static int open_it(int in, int out)
{
    gf_broker *b;
    say(out, 'r');
    hear(in);
    REQUIRE_OK(store_try(store_url(), &b));
    everything_is_there(b);
    gf_broker_close(b);
    return 0;
}

static void several_may_bring_it_up_to_date_at_once(void)
{
    enum { OPENERS = 4 };
    child c[OPENERS];
    begin_with(1);
    for (int i = 0; i < OPENERS; i++) {
        c[i] = child_start(open_it);
        CHECK_INT(hear(c[i].in), 'r');
    }
    for (int i = 0; i < OPENERS; i++)
        say(c[i].out, 'g');
    for (int i = 0; i < OPENERS; i++)
        CHECK_INT(child_end(&c[i]), 0);
    store_check_sound();
}

// What VACUUM INTO makes of a store: the same tables, in a file that has no WAL yet.
static void a_copy_without_a_wal_is_opened(void)
{
    gf_broker *b = store_open();
    put(b, "q", "kept");
    store_close(b);
    run_sql("PRAGMA journal_mode = DELETE");
    b = store_again();
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    put(b, "q", "new");
    worker_register(b, "w");
    drain_expecting(b, "q", "kept new");
    store_close(b);
    store_check_sound();
}

// ---- what doctor finds --------------------------------------------------------------------------

typedef struct findings {
    char    codes[512];
    char    queues[512];                 // for each code the finding's, "-": none
    int64_t repaired;
} findings;

static bool note(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    findings *all = arg;
    if (f->severity == GF_NOTE && strcmp(f->code, "sqlite-wal-race") == 0)
        return true;
    if (strcmp(f->code, "disk-full") == 0 || strcmp(f->code, "permissions") == 0)
        return true;                          // of the machine
    snprintf(all->codes + strlen(all->codes), sizeof all->codes - strlen(all->codes), "%s%s",
        *all->codes ? " " : "", f->code);
    snprintf(all->queues + strlen(all->queues), sizeof all->queues - strlen(all->queues), "%s%s",
        *all->queues ? " " : "", f->queue ? f->queue : "-");
    all->repaired += f->repaired;
    CHECK(f->text && *f->text && f->advice && *f->advice);
    return true;
}

static findings *check_all(gf_broker *b, bool repair)
{
    static findings all;
    memset(&all, 0, sizeof all);
    CHECK_OK(b->ops->check->store(b, repair, note, &all));
    return &all;
}

static const char *check_codes(gf_broker *b, bool repair, int64_t *repaired)
{
    findings *all = check_all(b, repair);
    if (repaired)
        *repaired = all->repaired;
    return all->codes;
}

// A store with something of everything.
static gf_broker *a_full_store(void)
{
    gf_broker *b = store_open();
    gf_message u = message("q", "unique"), one = message("q", "one"), two = message("q", "two");
    CHECK_OK(put_as(b, (gf_put){ .message = &u, .unique_ms = 3600000 }));
    CHECK_OK(put_as(b, (gf_put){ .message = &one, .group = "g" }));
    CHECK_OK(put_as(b, (gf_put){ .message = &two, .group = "h" }));
    put(b, "q", "tried");
    gf_claim *claims[2];
    REQUIRE(take(b, "q", 2, claims) == 2);
    CHECK_OK(finish(b, claims[0], (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_OK(finish(b, claims[1], (gf_finish){ .outcome = GF_REQUEUE,
        .attempt = attempt("interrupted", 1), .checkpoint = "c", .checkpoint_size = 1 }));
    return b;
}

static void a_sound_store_has_nothing_to_tell(void)
{
    gf_broker *b = a_full_store();
    CHECK_STR(check_codes(b, false, NULL), "");
    CHECK_STR(check_codes(b, true, NULL), "");
    store_close(b);
    store_check_sound();
}

static void defects_are_found_and_mended(void)
{
    static const struct { const char *sql, *codes; int repaired; bool sound; } cases[] = {
        { "UPDATE queue SET aggregating = 7", "counts", 1, true },
        { "INSERT INTO extra(attempts) VALUES('at_ms:1')", "extra-orphan", 1, true },
        { "DELETE FROM extra WHERE cbid = 0", "extra-gone", 1, true },
        { "DELETE FROM blob", "checkpoint-gone", 1, true },
        { "INSERT INTO lock VALUES(1, x'6b', 0, 9223372036854775807, 'gone')", "lock-left", 1,
          true },
        { "INSERT INTO lock VALUES(1, x'6b', 2, 9223372036854775807, 'gone')", "", 0, true },
        { "INSERT INTO member VALUES(99, 1, 1)", "member-left", 1, true },
        { "INSERT INTO task_group(qid, name, turn) VALUES(1, 'empty', 9)", "group-empty", 1, true },
        { "INSERT INTO task_group(qid, name, turn, set_id, wid, until) VALUES(1, 'h', 0, 'set', "
          "99, 1); "
          "UPDATE member SET gid = (SELECT gid FROM task_group WHERE set_id = 'set') WHERE gid = "
          "2; DELETE FROM task_group WHERE gid = 2",
            "set-over", 1, true },
        { "DELETE FROM member WHERE gid = 1; DELETE FROM task_group WHERE gid = 1", "group-lost", 0,
          false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = a_full_store();
        int64_t repaired = -1;
        run_sql(cases[i].sql);
        CHECK_STR(check_codes(b, false, NULL), cases[i].codes);
        check_codes(b, true, &repaired);
        CHECK_INT(repaired, cases[i].repaired);
        if (cases[i].sound) {
            CHECK_STR(check_codes(b, false, NULL), "");
            store_close(b);
            store_check_sound();
        } else {
            store_close(b);
        }
        store_remove();
    }
}

// Of limits: mended, whoever waits runs.
static void those_who_wait_for_a_key_are_not_lost(void)
{
    static const struct { const char *sql, *codes; } cases[] = {
        { "DELETE FROM held", "waiter-lost" },
        { "DELETE FROM limit_key", "waiter-left" },
        { "UPDATE queue SET limited = 0; DELETE FROM held", "waiter-lost" },
        { "INSERT INTO held VALUES(1, 100, 5, (1 << 40) + 7777, (1 << 40) + 7777)",
            "waiter-left" },
        { "INSERT INTO holds VALUES(1, (1 << 40) + 7777, 5)", "hold-left" },
    };
    const gf_limit one = { .name = "k", .concurrency = 1 };
    const gf_limit own = { .name = "queue:q", .concurrency = 100 };
    char room[LIMIT_ROOM], id[16];
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        CHECK_OK(b->ops->limits->put(b, &own));          // the queue is limited before it has any
        CHECK_OK(b->ops->limits->put(b, &one));
        for (int n = 0; n < 5; n++) {
            snprintf(id, sizeof id, "%d", n);
            gf_message m = message("q", id);
            set_limit_keys(&m, "k", 1, room);
            CHECK_OK(put_message(b, &m, 0));
        }
        gf_claim *claim = need_one(b, "q", "0");
        CHECK(take_one(b, "q") == NULL);
        CHECK_STR(check_codes(b, false, NULL), "");
        run_sql(cases[i].sql);
        CHECK_STR(check_codes(b, false, NULL), cases[i].codes);
        check_codes(b, true, NULL);
        CHECK_STR(check_codes(b, false, NULL), "");
        size_t moved;
        int64_t next_ms;
        CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
        int all = 0;
        done(b, claim);
        for (gf_claim *next; (next = take_one(b, "q")) != NULL; all++)
            done(b, next);
        CHECK_INT(all, 4);
        store_close(b);
        store_check_sound();
        store_remove();
    }
}

// Of tenants: mended, each has its turn.
static void tenants_turns_are_not_lost(void)
{
    static const struct { const char *sql, *codes; } cases[] = {
        { "DELETE FROM fair", "turn-lost" },
        { "DELETE FROM fair; UPDATE queue SET fair = 0", "turn-lost" },
        { "UPDATE queue SET fair = 0", "turns-unknown" },
        { "INSERT INTO fair VALUES(1, 100, 5, (1 << 40) + 7777)", "turn-left" },
        { "DELETE FROM fair_line", "" },
        { "DELETE FROM fair_tenant", "" },
    };
    char room[TENANT_ROOM], id[16];
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        for (int n = 0; n < 4; n++) {
            snprintf(id, sizeof id, "%d", n);
            gf_message m = message("q", id);
            set_tenant(&m, n % 2 ? "a" : "b", room);
            CHECK_OK(put_message(b, &m, 0));
        }
        CHECK_STR(check_codes(b, false, NULL), "");
        run_sql(cases[i].sql);
        CHECK_STR(check_codes(b, false, NULL), cases[i].codes);
        check_codes(b, true, NULL);
        CHECK_STR(check_codes(b, false, NULL), "");
        int all = 0;
        for (gf_claim *next; (next = take_one(b, "q")) != NULL; all++)
            done(b, next);
        CHECK_INT(all, 4);
        store_close(b);
        store_check_sound();
        store_remove();
    }
}

static int64_t count_rows(const char *table)
{
    char sql[100];
    sqlite3 *db;
    sqlite3_stmt *s;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_step(s) == SQLITE_ROW);
    int64_t count = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    return count;
}

// More than a take forgets at a time, by housekeeping.
static void tenants_that_are_through_are_forgotten(void)
{
    enum { TENANTS = 1500 };
    char room[TENANT_ROOM], name[16];
    gf_broker *b = store_open();
    for (int n = 0; n < TENANTS; n++) {
        snprintf(name, sizeof name, "%d", n);
        gf_message m = message("q", name);
        set_tenant(&m, name, room);
        CHECK_OK(put_message(b, &m, 0));
    }
    done(b, need_one(b, "q", "0"));
    for (int n = 1; n < TENANTS; n++) {
        snprintf(name, sizeof name, "%d", n);
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, name));
    }
    CHECK(take_one(b, "q") == NULL);
    CHECK(count_rows("fair_tenant") > 1000);
    for (int i = 0; i < 3; i++) {
        size_t purged;
        CHECK_OK(b->ops->upkeep->purge(b, 1000, &purged));
    }
    CHECK_INT(count_rows("fair_tenant"), 0);
    CHECK_INT(count_rows("fair_line"), 0);
    store_close(b);
    store_check_sound();
}

static void a_finding_of_one_queue_names_it(void)
{
    static const struct { const char *sql, *codes, *queues; } cases[] = {
        { "UPDATE queue SET aggregating = 7 WHERE name = 'other'", "counts", "other" },
        { "UPDATE queue SET aggregating = 7", "counts", "-" },
        { "UPDATE queue SET tail = 0 WHERE name = 'q'", "tail", "q" },
        { "DELETE FROM ids WHERE qid = 2", "row-unlisted", "other" },
        { "DELETE FROM ids", "row-unlisted lock-left", "- q" },
        { "INSERT INTO ids(qid, id, seq) VALUES(2, 'gone', 5)", "id-left", "other" },
        { "UPDATE ready SET bid = 7 WHERE id = 'b'", "blob-gone", "other" },
        { "UPDATE ready SET xid = 77 WHERE id = 'b'", "extra-gone", "other" },
        { "INSERT INTO lock VALUES(2, x'6b', 0, 9223372036854775807, 'gone')", "lock-left",
            "other" },
        { "INSERT INTO member VALUES((2 << 40) + 99, 1, 1)", "member-left", "other" },
        { "INSERT INTO task_group(qid, name, turn) VALUES(2, 'e', 9)", "group-empty", "other" },
        { "INSERT INTO task_group(qid, name, turn) VALUES(2, 'e', 9), (1, 'f', 9)", "group-empty",
            "-" },
        { "INSERT INTO extra(attempts) VALUES('at_ms:1')", "extra-orphan", "-" },
        { "UPDATE queue SET name = '', aggregating = 7 WHERE qid = 2", "counts queue-name", "- -" },
        { "INSERT INTO task_group(qid, name, turn, set_id, wid, until) "
          "VALUES(1, 'h', 0, 'set', 99, 1); UPDATE member SET gid = (SELECT gid FROM task_group "
          "WHERE set_id = 'set') WHERE gid = 2; DELETE FROM task_group WHERE gid = 2",
            "set-over", "q" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = a_full_store();
        put(b, "other", "b");
        run_sql(cases[i].sql);
        const findings *all = check_all(b, false);
        CHECK_STR(all->codes, cases[i].codes);
        CHECK_STR(all->queues, cases[i].queues);
        store_close(b);
        store_remove();
    }
    // Of a worker that has died, with a task of one queue.
    gf_broker *b = a_full_store();
    gf_claim_free(need_one(b, "q", "unique"));
    run_sql("DELETE FROM worker");
    const findings *all = check_all(b, false);
    CHECK_STR(all->codes, "lease-over");
    CHECK_STR(all->queues, "q");
    gf_broker_close(b);
}

// Made by no gofer, but if it is there it stands first in the order of what is due.
static void tasks_of_no_queue_hold_up_no_other(void)
{
    enum { LOST = 4, LIMIT = 2 };
    gf_broker *b = store_open();
    int64_t next_ms = 0;
    size_t count = 0;
    char id[16];
    for (int i = 0; i < LOST; i++) {
        snprintf(id, sizeof id, "t%d", i);
        gf_message m = message("lost", id);
        m.retention_ms = 1;
        CHECK_OK(put_message(b, &m, 0));
        gf_finish how = { .outcome = i % 2 ? GF_DONE : GF_RETRY_AT, .at_ms = 5, .error = "e" };
        CHECK_OK(finish(b, need_one(b, "lost", id), how));
    }
    gf_message kept = message("q", "kept");
    kept.retention_ms = 5;
    CHECK_OK(put_message(b, &kept, 0));
    CHECK_OK(finish(b, need_one(b, "q", "kept"), (gf_finish){ .outcome = GF_DONE }));
    put(b, "q", "due");
    CHECK_OK(finish(b, need_one(b, "q", "due"), (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = 10,
        .error = "e" }));
    run_sql("DELETE FROM queue WHERE name = 'lost'");
    gf_sleep_us(20000);
    CHECK_OK(b->ops->upkeep->forward(b, LIMIT, &count, &next_ms));
    CHECK_INT(count, 1);
    CHECK(next_ms == GF_NONE_DUE);
    CHECK_OK(b->ops->upkeep->purge(b, LIMIT / 2, &count));
    CHECK_INT(count, 1);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static const check_test tests[] = {
    TEST(a_file_of_version_1_is_brought_up_to_date),
    TEST(a_file_of_version_2_is_brought_up_to_date),
    TEST(a_file_of_version_3_is_brought_up_to_date),
    TEST(a_file_of_version_4_is_brought_up_to_date),
    TEST(a_file_of_version_5_is_brought_up_to_date),
    TEST(a_file_of_version_6_is_brought_up_to_date),
    TEST(a_file_of_version_7_is_brought_up_to_date),
    TEST(a_file_of_version_8_is_brought_up_to_date),
    TEST(a_file_of_version_9_is_brought_up_to_date),
    TEST(a_file_of_version_10_is_brought_up_to_date),
    TEST(a_file_of_version_11_is_brought_up_to_date),
    TEST(a_file_of_version_12_is_brought_up_to_date),
    TEST(several_may_bring_it_up_to_date_at_once),
    TEST(a_copy_without_a_wal_is_opened),
    TEST(a_sound_store_has_nothing_to_tell),
    TEST(defects_are_found_and_mended),
    TEST(those_who_wait_for_a_key_are_not_lost),
    TEST(tenants_turns_are_not_lost),
    TEST(tenants_that_are_through_are_forgotten),
    TEST(a_finding_of_one_queue_names_it),
    TEST(tasks_of_no_queue_hold_up_no_other),
};

suite suite_upgrade(void)
{
    return (suite){ tests, COUNT(tests) };
}
