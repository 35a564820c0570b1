// schema.c - the tables of a gofer database, whose database a file is, and how older ones are
// brought up to date.
//
// The file says who it is by application_id ("gofr") and which schema it has by user_version.
#include "broker/sqlite/store.h"
#include "util/error.h"

enum { APPLICATION_ID = 0x676F6672, SCHEMA_VERSION = 13 };

#define BODY \
    "bid INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL, " \
    "timeout_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, retention_ms INTEGER NOT NULL, " \
    "max_retry INTEGER NOT NULL, failed_ms INTEGER NOT NULL, retried INTEGER NOT NULL, " \
    "crashes INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, headers BLOB, payload BLOB, " \
    "error TEXT"

static const char version_1[] =
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

    // AUTOINCREMENT: a wid is never used twice, for it is also the byte of the worker's life lock.
    "CREATE TABLE worker(wid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  host TEXT NOT NULL, pid INTEGER NOT NULL, started_ms INTEGER NOT NULL, state TEXT NOT NULL,"
    "  concurrency INTEGER NOT NULL, running INTEGER NOT NULL, queues TEXT NOT NULL,"
    "  is_strict INTEGER NOT NULL, lease_until INTEGER NOT NULL) STRICT;"

    "PRAGMA application_id = 0x676F6672;";

// Claims whose run was asked to stop.
static const char version_2[] =
    "CREATE TABLE cancel(seq INTEGER PRIMARY KEY, token INTEGER NOT NULL) STRICT;";

// The whole life of a task: what few tasks have is in tables of its own, to which xid leads (0: the
// task has none of it).
static const char version_3[] =
    "ALTER TABLE ready ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE active ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE later ADD COLUMN xid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE queue ADD COLUMN aggregating INTEGER NOT NULL DEFAULT 0;"
    // attempts, log: lines of records. lock: the key of the unique lock it holds.
    "CREATE TABLE extra(xid INTEGER PRIMARY KEY, lock BLOB, cbid INTEGER NOT NULL DEFAULT 0,"
    "  csize INTEGER NOT NULL DEFAULT 0, attempts TEXT, log TEXT) STRICT;"
    "CREATE TABLE lock(qid INTEGER NOT NULL, key BLOB NOT NULL, life INTEGER NOT NULL, "
    "until_ms INTEGER NOT NULL,"
    "  id TEXT NOT NULL, PRIMARY KEY(qid, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX lock_until ON lock(until_ms);"

    // A group; with set_id: tasks taken out of it to be made one, `made` when that was done.
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

    // Who waits for the end of a task, and what he is told. until: monotonic.
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
    "CREATE INDEX stat_hour ON stat(hour);";

// The latest tick of an entry outlives the queue of its tasks, so it goes by the name of that.
static const char version_4[] =
    "CREATE TABLE latest(entry TEXT NOT NULL, queue TEXT NOT NULL, tick_ms INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL, id TEXT NOT NULL, noted_ms INTEGER NOT NULL,"
    "  PRIMARY KEY(entry, queue)) STRICT, WITHOUT ROWID;"
    "INSERT INTO latest SELECT t.entry, q.name, t.tick_ms, t.at_ms, t.id, t.noted_ms"
    "  FROM tick t JOIN queue q USING(qid);"
    "DROP TABLE tick;"
    "ALTER TABLE latest RENAME TO tick;";

// Of a worker that has any (broker/children.h).
static const char version_5[] = "ALTER TABLE worker ADD COLUMN children TEXT;";

// Who did what (broker/audit.h).
static const char version_6[] =
    "CREATE TABLE audit(n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, record TEXT NOT NULL) "
    "STRICT;";

// Of the last hour. By the minute first, for most that is read or removed is of a few minutes.
static const char version_7[] =
    "CREATE TABLE stat_minute(minute INTEGER NOT NULL, queue TEXT NOT NULL, type TEXT NOT NULL,"
    "  done INTEGER NOT NULL, failed INTEGER NOT NULL, wait BLOB NOT NULL, run BLOB NOT NULL,"
    "  PRIMARY KEY(minute, queue, type)) STRICT, WITHOUT ROWID;";

// Queues that have had a task with a priority (lane.c).
static const char version_8[] =
    "ALTER TABLE queue ADD COLUMN ranked INTEGER NOT NULL DEFAULT 0;";

// Limits (limit/): the limits themselves, the keys that tasks count for, which claims count for
// which (token: the claim's), and who waits for a key (place: its number in the line).
// occupant: of a key of tasks that run one after the other, the id of the one whose turn it is.
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
    // Tasks that wait for their key to come to rest (task/debounce.c).
    "CREATE TABLE debounce(seq INTEGER PRIMARY KEY, qid INTEGER NOT NULL, key TEXT NOT NULL,"
    "  first_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX debounce_key ON debounce(qid, key);"
    "CREATE INDEX debounce_until ON debounce(until_ms);";

// Flows (flow/). A step is numbered in its flow: sid = fid << 14 | n; a task that is a step's has
// the xid -sid. open: of those it comes after, so many have not ended; broken: one has, not as its
// rule wants; asks: a rule of it is not `success`, or what else it is (GF_SQ_ASKS_ in
// store.h). A number of a flow is never used twice, for archived tasks of its steps may outlive it.
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
    "CREATE INDEX dep_child ON dep(child);";

// Tenants that share a queue's lines (limit/fair.c): their weights, when each line's tenants are
// through, what the time of each line is, and of the tasks that wait the tags.
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
    "CREATE UNIQUE INDEX fair_seq ON fair(seq);";

// Queues that are bounded.
static const char version_12[] =
    "ALTER TABLE queue ADD COLUMN max_length INTEGER NOT NULL DEFAULT 0;";

// Queues in which priorities grow.
static const char version_13[] =
    "ALTER TABLE queue ADD COLUMN age_ms INTEGER NOT NULL DEFAULT 0;";

// steps[n] turns version n into n + 1. The first makes everything.
static const char *const steps[SCHEMA_VERSION] = {
    version_1, version_2, version_3, version_4, version_5, version_6, version_7,
    version_8, version_9, version_10, version_11, version_12, version_13,
};

gofer_status gf_sq_schema_check(gf_sq_conn *c, const char *path, bool *is_new)
{
    // In one transaction: another process may be making the schema now.
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_BEGIN_READ));
    int64_t owner = gf_sq_conn_number(c, "PRAGMA application_id");
    int64_t version = gf_sq_conn_number(c, "PRAGMA user_version");
    int64_t objects = gf_sq_conn_number(c, "SELECT count(*) FROM sqlite_schema");
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_COMMIT));
    if (c->rc != SQLITE_OK)
        return gf_sq_conn_status(c, path);

    *is_new = owner == 0 && version == 0 && objects == 0;
    if (*is_new)
        return GOFER_OK;
    if (owner != APPLICATION_ID)
        return gf_fail(GOFER_ECORRUPT,
            "'%s' is an SQLite database, but not one of gofer's; choose another file",
            path ? path : "memory:");
    if (version > SCHEMA_VERSION)
        return gf_fail(GOFER_EVERSION,
            "'%s' was made by a newer gofer (schema %lld, this one knows %d); upgrade",
            path ? path : "memory:", (long long)version, SCHEMA_VERSION);
    if (version < 1 || objects == 0)
        return gf_fail(GOFER_ECORRUPT, "'%s' says it is gofer's but has no schema",
            path ? path : "memory:");
    *is_new = version < SCHEMA_VERSION;
    return GOFER_OK;
}

gofer_status gf_sq_schema_make(gf_sq_conn *c, const char *path)
{
    for (int64_t at = gf_sq_conn_number(c, "PRAGMA user_version");
         at < SCHEMA_VERSION && c->rc == SQLITE_OK; at++) {
        char version[48];
        sqlite3_snprintf(sizeof version, version, "PRAGMA user_version = %d", (int)at + 1);
        gf_sq_conn_exec(c, steps[at]);
        gf_sq_conn_exec(c, version);
    }
    return c->rc == SQLITE_OK ? GOFER_OK : gf_sq_conn_status(c, path);
}
