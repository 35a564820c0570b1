// sql.c - every statement the broker runs, in one table.
//
// Statements that change many rows say OR ROLLBACK, or OR IGNORE: one that would be undone by
// itself when it fails half-way keeps a copy of each page that it changes, and here a failure
// undoes the whole transaction anyway.
//
// No string is ever built from input. A statement is prepared when a connection first needs it, and
// kept (conn.c). The order is sql.h's; EXPLAIN QUERY PLAN of a new one should show no scan of a
// table of tasks.
#include "broker/sqlite/db/sql.h"

// The states as broker.h numbers them: 2 scheduled, 3 retry, 4 completed, 5 archived, 6
// aggregating. They are literals here so that the partial indexes of `later` match.
#define QUEUE_COLUMNS \
    "qid, tail, paused_ms, ranked, limited, fair, max_length, age_ms, pending, active, " \
    "scheduled, retry, completed, archived, aggregating, name"

#define WORKER_COLUMNS \
    "wid, lease_until, id, host, pid, started_ms, state, concurrency, running, queues, " \
    "is_strict, children"
// As the key of its record on Redis.
#define WORKER_PLACE "host || ':' || pid || ':' || id"

// As GF_SQ_QID_MAX: a queue of another number is made by no gofer, and left alone. The + says that
// this is nothing to look queues up by: else all are, and sorted by name for each page.
#define QID_FITS(table) "+" table ".qid BETWEEN 1 AND 8388606"
// What another program wrote may be any number: bounded before it is added to, for a sum that
// overflows fails the whole transaction. So many days or queues as there are may be added up.
#define BOUNDED(column) "max(min(" column ", 1152921504606846), -1152921504606846)"
#define PLUS(column, change) column " = " BOUNDED(column) " + " change

// See GF_SQ_COL_SEQ and on.
#define PAGE_READY \
    "SELECT " GF_SQ_BODY ", seq, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, 0, NULL FROM ready "
#define PAGE_ACTIVE \
    "SELECT " GF_SQ_BODY ", seq, 1, 0, lease_until, NULL, 0, " \
    "(SELECT w.id FROM worker w WHERE w.wid = active.wid), started_ms, " \
    "done, total, note, EXISTS(SELECT 1 FROM cancel c WHERE c.seq = active.seq AND " \
    "c.token = active.token), NULL FROM active "
#define PAGE_LATER \
    "SELECT " GF_SQ_BODY \
    ", seq, state, sort_ms, expires_ms, result, rbid, NULL, 0, 0, 0, NULL, 0, " \
    "CASE state WHEN 6 THEN (SELECT g.name FROM member m JOIN task_group g ON g.gid = m.gid " \
    "WHERE m.seq = later.seq) END FROM later "

// The tasks of groups in the order of "page".
#define OF_PAGE \
    "SELECT " GF_SQ_BODY \
    ", later.seq, state, sort_ms, expires_ms, result, rbid, NULL, 0, 0, 0, NULL, 0, " \
    "(SELECT g.name FROM task_group g WHERE g.gid = page.gid), page.gid FROM page JOIN later " \
    "ON later.seq = page.seq ORDER BY page.gid, page.at_ms, page.seq"

// The values of a body from ?3 on, behind a seq and one more.
#define BODY_VALUES "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17"
// What belongs to no queue (doctor tells of it) can go nowhere, and must not stand before
// the others for ever.
#define HAS_QUEUE "AND EXISTS(SELECT 1 FROM queue q WHERE q.qid = later.seq >> 40) "
// The name of a queue that is being deleted: no name of a caller's has braces.
#define DOOMED "name >= '{deleted}' AND name < '{deleted~'"
#define FLOW_COLUMNS \
    "fid, state, on_dead, stop, total, remaining, failed, created_ms, ended_ms, deadline_ms, " \
    "retention_ms, wake_ms, cancel_from, id"
// The steps of a flow whose first and last numbers these are.
#define OF_FLOW "sid BETWEEN ?1 AND ?2"
#define MEMBERS "SELECT seq FROM member WHERE gid = ?1"
// Of a group or set g: how often its next set did not come back.
#define FIRST_CRASHES "SELECT " GF_SQ_CRASHES " FROM member m JOIN later l ON l.seq = m.seq " \
                      "WHERE m.gid = g.gid ORDER BY m.at_ms, m.seq LIMIT 1"
#define SETS_OF "FROM task_group g WHERE g.set_id IS NOT NULL AND g.made = 0 AND g.wid = ?1"

// The first of the plain line, and of each lane that has tasks: so many looks as there are lanes.
#define FIRST_READY "SELECT (SELECT min(r.seq) FROM ready r WHERE r.seq >= "
#define FIRST_LANE "(q.qid << 40) + (1 << 39)"
#define OLDEST_OF_LANES \
    "WITH RECURSIVE head(seq) AS (" \
    FIRST_READY "q.qid << 40 AND r.seq < " FIRST_LANE ") UNION ALL " \
    FIRST_READY FIRST_LANE " AND r.seq < (q.qid + 1) << 40) UNION ALL " \
    FIRST_READY "((head.seq >> 31) + 1) << 31 AND r.seq < (q.qid + 1) << 40) " \
    "FROM head WHERE head.seq & (1 << 39)) " \
    "SELECT min(r.since_ms) FROM ready r WHERE r.seq IN (SELECT seq FROM head)"

// A queue's own key is listed with its queue.
#define IS_QUEUES "k.key >= 'queue:' AND k.key < 'queue;'"
// Some of the keys, from one on: those that nothing runs or waits for, and whose times are past.
#define OLD_KEYS \
    "(SELECT lid, key, qid, tat_us, until_ms, wake_ms, occupant FROM limit_key WHERE lid >= ?2 " \
    "ORDER BY lid LIMIT 500) k WHERE k.tat_us < ?1 * 1000 AND k.until_ms < ?1 AND k.wake_ms = 0 " \
    "AND (k.occupant IS NULL OR NOT EXISTS(SELECT 1 FROM ids i WHERE i.qid = k.qid AND " \
    "i.id = k.occupant)) " \
    "AND NOT (" IS_QUEUES ") AND NOT EXISTS(SELECT 1 FROM held h WHERE h.lid = k.lid) " \
    "AND NOT EXISTS(SELECT 1 FROM holds r WHERE r.lid = k.lid)"

// Of a name n its weight, and how far it is ahead in its lines.
#define TENANT_COLUMNS \
    "n.name, coalesce((SELECT t.weight FROM tenant t WHERE t.qid = ?1 AND t.name = n.name), 1), " \
    "(SELECT sum(max(" BOUNDED("f.finish") " - coalesce(l.now, 0), 0)) FROM fair_tenant f " \
    "LEFT JOIN fair_line l USING(qid, lane) WHERE f.qid = ?1 AND f.name = n.name) "

// Those who are through, in one line after the other.
#define THROUGH \
    "fair_line l CROSS JOIN fair_tenant f ON f.qid = l.qid AND f.lane = l.lane " \
    "AND f.finish <= l.now"

// Nobody is ahead of the line's time any more.
#define LINES_AHEAD \
    "UPDATE fair_line SET now = max(now, coalesce((SELECT max(f.finish) FROM fair_tenant f " \
    "WHERE f.qid = fair_line.qid AND f.lane = fair_line.lane), 0)) WHERE qid = ?1"

const char *const gf_sql_text[GF_SQL_COUNT] = {
    [GF_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [GF_SQL_BEGIN_READ] = "BEGIN",
    [GF_SQL_COMMIT] = "COMMIT",
    [GF_SQL_ROLLBACK] = "ROLLBACK",

    [GF_SQL_QUEUE_NAMED] =
        "SELECT " QUEUE_COLUMNS " FROM queue WHERE name = ?1 AND " QID_FITS("queue"),
    [GF_SQL_QUEUE_NUMBERED] =
        "SELECT " QUEUE_COLUMNS " FROM queue WHERE qid = ?1 AND " QID_FITS("queue"),
    [GF_SQL_QUEUE_ADD] = "INSERT INTO queue(name) VALUES(?1)",
    [GF_SQL_QUEUE_SAVE] = "UPDATE queue SET tail = ?2, " PLUS("pending", "?3") ", " PLUS(
        "active", "?4") ", " PLUS("scheduled", "?5") ", " PLUS("retry", "?6") ", " PLUS("completed",
        "?7") ", " PLUS("archived", "?8") ", " PLUS("processed", "?9") ", " PLUS("failed",
        "?10") ", " PLUS("aggregating", "?11") " WHERE qid = ?1",
    [GF_SQL_QUEUE_PAUSE] = "UPDATE queue SET paused_ms = ?2 WHERE qid = ?1",
    [GF_SQL_QUEUE_LENGTH] = "UPDATE queue SET max_length = ?2 WHERE qid = ?1",
    [GF_SQL_QUEUE_AGE] = "UPDATE queue SET age_ms = ?2 WHERE qid = ?1",
    [GF_SQL_QUEUE_RANKED] = "UPDATE queue SET ranked = 1 WHERE qid = ?1",
    [GF_SQL_QUEUE_LIMITED] = "UPDATE queue SET limited = 1 WHERE qid = ?1",
    [GF_SQL_QUEUE_FAIR] = "UPDATE queue SET ranked = 1, fair = ?2 WHERE qid = ?1",
    [GF_SQL_QUEUE_DROP] = "DELETE FROM queue WHERE qid = ?1",
    [GF_SQL_QUEUE_DOOM] =
        "UPDATE queue SET name = '{deleted}' || qid, paused_ms = 1 WHERE qid = ?1",
    [GF_SQL_QUEUE_DOOMED] = "SELECT qid FROM queue WHERE " DOOMED " LIMIT 1",
    [GF_SQL_QUEUE_IS_DOOMED] = "SELECT 1 FROM queue WHERE qid = ?1 AND " DOOMED,
    [GF_SQL_QUEUE_LIST] = "SELECT q.name, q.paused_ms, q.pending, q.active, q.scheduled, q.retry, "
                          "q.completed, q.archived, "
                          "q.processed, q.failed, d.processed, d.failed, "
                          "CASE WHEN q.ranked THEN (" OLDEST_OF_LANES ") ELSE "
                          "(SELECT r.since_ms FROM ready r WHERE r.seq >= q.qid << 40 AND r.seq < "
                          "(q.qid + 1) << 40 ORDER BY r.seq LIMIT 1) END, "
                          "q.aggregating, CASE WHEN q.aggregating THEN (SELECT count(*) FROM "
                          "task_group g WHERE g.qid = q.qid AND g.set_id IS NULL) "
                          "ELSE 0 END, "
                          // Nearly those that were taken first; no more are looked at.
                          "CASE WHEN q.active THEN (SELECT min(a.started_ms) FROM (SELECT "
                          "started_ms FROM active WHERE seq >= q.qid << 40 AND seq < (q.qid + 1) "
                          "<< 40 ORDER BY seq LIMIT 1000) a) END, q.max_length, q.age_ms "
                          "FROM queue q LEFT JOIN day d ON d.qid = q.qid AND d.day = ?1 "
                          "WHERE q.name >= ?2 AND q.name > ?3 AND " QID_FITS(
                              "q") " AND NOT (" DOOMED ") ORDER BY q.name",
    [GF_SQL_QUEUE_BACKLOG] =
        "SELECT pending + active + scheduled + retry FROM queue WHERE name = ?1 AND " QID_FITS(
            "queue"),
    // One pass over the table; what is found is sorted, for few are.
    [GF_SQL_QUEUES_FILLED] =
        "SELECT name FROM queue WHERE pending > 0 AND paused_ms = 0 ORDER BY +name",
    [GF_SQL_QUEUE_NAMES] =
        "SELECT name FROM queue WHERE " QID_FITS("queue") " AND NOT (" DOOMED ") ORDER BY name",
    [GF_SQL_QUEUES_WITH] = "SELECT name FROM queue q WHERE " QID_FITS(
        "q") " AND NOT (" DOOMED ") "
             "AND EXISTS(SELECT 1 FROM ids i WHERE i.qid = q.qid AND i.id = ?1) ORDER BY name",

    [GF_SQL_DAY_ADD] =
        "INSERT INTO day(qid, day, processed, failed) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(qid, day) "
        "DO UPDATE SET " PLUS("processed", "excluded.processed") ", " PLUS(
            "failed", "excluded.failed"),
    [GF_SQL_DAY_DROP] = "DELETE FROM day WHERE qid = ?1",
    [GF_SQL_DAY_OLD] = "SELECT 1 FROM day WHERE day < ?1 LIMIT 1",
    [GF_SQL_DAY_PURGE] = "DELETE FROM day WHERE day < ?1",
    [GF_SQL_DAY_LIST] = "SELECT day, sum(" BOUNDED("processed") "), sum(" BOUNDED(
        "failed") ") FROM day "
                  "WHERE ?1 IS NULL OR qid = (SELECT qid FROM queue WHERE name = ?1) "
                  "GROUP BY day ORDER BY day DESC LIMIT ?2",

    [GF_SQL_ID_ADD] = "INSERT INTO ids(qid, id, seq) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
    // ?2: a batch.
    [GF_SQL_ID_ADD_BATCH] =
        "INSERT OR IGNORE INTO ids(qid, id, seq) SELECT ?1, id, seq FROM gofer_batch(?2)",
    [GF_SQL_ID_TAKE_BACK] = "DELETE FROM ids WHERE qid = ?1 AND id = ?2 AND seq = ?3",
    [GF_SQL_ID_RENUMBER] = "UPDATE ids SET seq = ?3 WHERE qid = ?1 AND id = ?2",
    [GF_SQL_ID_DROP] = "DELETE FROM ids WHERE qid = ?1 AND id = ?2",
    // At most ?4 are looked at.
    [GF_SQL_ID_COUNT_RUN] =
        "SELECT count(*) FROM (SELECT 1 FROM ids WHERE qid = ?1 AND id BETWEEN ?2 AND ?3 LIMIT ?4)",
    [GF_SQL_ID_DROP_RUN] =
        "DELETE FROM ids WHERE qid = ?1 AND id BETWEEN ?2 AND ?3 AND seq BETWEEN ?4 AND ?5",
    [GF_SQL_ID_FIND] =
        "SELECT i.seq, CASE WHEN EXISTS(SELECT 1 FROM ready r WHERE r.seq = i.seq) THEN 0 "
        "WHEN EXISTS(SELECT 1 FROM active a WHERE a.seq = i.seq) THEN 1 "
        "ELSE (SELECT l.state FROM later l WHERE l.seq = i.seq) END FROM ids i WHERE i.qid = ?1 "
        "AND i.id = ?2",

    [GF_SQL_BLOB_ADD] = "INSERT INTO blob(data) VALUES(?1)",
    [GF_SQL_BLOB_GET] = "SELECT data FROM blob WHERE bid = ?1",
    [GF_SQL_BLOB_DROP] = "DELETE FROM blob WHERE bid = ?1",

    [GF_SQL_READY_ADD] = "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY_NEW ") "
                         "VALUES(?1, ?2, " BODY_VALUES ")",
    // ?2: a batch of what is inline and has not been run yet.
    [GF_SQL_READY_ADD_BATCH] =
        "INSERT OR ROLLBACK INTO ready(seq, since_ms, " GF_SQ_BODY_NEW ") SELECT seq, ?1, 0, size, "
        "enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry, 0, 0, 0, id, type, "
        "headers, payload, NULL FROM gofer_batch(?2)",
    [GF_SQL_READY_TAKE] =
        "SELECT " GF_SQ_BODY
        ", seq, since_ms FROM ready WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
    // One number for all tasks of a take and one of its own for each: a token no other claim has.
    [GF_SQL_READY_TO_ACTIVE] =
        "INSERT OR ROLLBACK INTO active(seq, token, wid, lease_until, started_ms, "
        "since_ms, " GF_SQ_BODY ") SELECT seq, ?3 + (seq & 1048575), ?4, ?5, ?6, "
        "since_ms, " GF_SQ_BODY " FROM ready WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_READY_DROP_RANGE] = "DELETE FROM ready WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_READY_LIST] = "SELECT seq FROM ready WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
    [GF_SQL_READY_ARCHIVE] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY ") "
        "SELECT seq, seq >> 40, 5, ?2, " GF_SQ_BODY " FROM ready WHERE seq = ?1",
    [GF_SQL_READY_ID_DROP] =
        "DELETE FROM ids WHERE qid = ?1 >> 40 AND id = (SELECT id FROM ready WHERE seq = ?1)",
    [GF_SQL_READY_BLOB_DROP] =
        "DELETE FROM blob WHERE bid = (SELECT bid FROM ready WHERE seq = ?1)",
    [GF_SQL_READY_BODY] = "SELECT " GF_SQ_BODY " FROM ready WHERE seq = ?1",
    [GF_SQL_READY_MORE] = "SELECT xid, id, bid FROM ready WHERE seq = ?1",
    [GF_SQL_READY_SET_XID] = "UPDATE ready SET xid = ?2 WHERE seq = ?1",
    [GF_SQL_READY_PAYLOAD] = "SELECT bid, payload FROM ready WHERE seq = ?1",
    [GF_SQL_READY_SET_PAYLOAD] =
        "UPDATE ready SET bid = ?2, size = ?3, payload = ?4 WHERE seq = ?1",
    // ?2: scheduled, or what else; ?3: when due
    [GF_SQL_READY_TO_LATER] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY ") "
        "SELECT seq, seq >> 40, ?2, ?3, " GF_SQ_BODY " FROM ready WHERE seq = ?1",
    [GF_SQL_READY_TO_TAIL] = "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY
                             ") SELECT ?2, ?3, " GF_SQ_BODY " FROM ready WHERE seq = ?1",
    [GF_SQL_READY_ID_MOVE] = "UPDATE ids SET seq = ?2 WHERE qid = ?1 >> 40 AND id = (SELECT id "
                             "FROM ready WHERE seq = ?1)",
    [GF_SQL_READY_HEADERS] = "SELECT headers FROM ready WHERE seq = ?1",
    [GF_SQL_READY_COUNT] = "SELECT count(*) FROM ready WHERE seq > ?1 AND seq < ?2",
    [GF_SQL_LANE_LAST] =
        "SELECT max(coalesce((SELECT max(seq) FROM ready WHERE seq BETWEEN ?1 AND ?2), ?1), "
        "coalesce((SELECT max(seq) FROM active WHERE seq BETWEEN ?1 AND ?2), ?1), "
        "coalesce((SELECT max(place) FROM held WHERE place BETWEEN ?1 AND ?2), ?1))",
    [GF_SQL_READY_RENUMBER] = "UPDATE ready SET seq = ?2 WHERE seq = ?1",

    [GF_SQL_ACTIVE_HAS] = "SELECT 1 FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_DROP] = "DELETE FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_DROP_ANY] = "DELETE FROM active WHERE seq = ?1",
    // ?3 as in READY_TO_ACTIVE: of those that one take has taken, how many are its still.
    [GF_SQL_ACTIVE_COUNT_RUN] =
        "SELECT count(*) FROM active WHERE seq BETWEEN ?1 AND ?2 AND token = ?3 + (seq & 1048575)",
    [GF_SQL_ACTIVE_DROP_RANGE] = "DELETE FROM active WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_ACTIVE_REQUEUE] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") "
        "SELECT seq, since_ms, " GF_SQ_BODY_FIXED ", failed_ms, retried, " GF_SQ_UNPROVEN
        ", " GF_SQ_BODY_TEXT ", error "
        "FROM active WHERE seq = ?1 AND token = ?2",
    // A suspect that comes to an end of its own is none any more. ?9: 1 if this is a failed
    // attempt, else 0; ?10: now. Archiving is no retry: as in Asynq the count stays.
    [GF_SQL_ACTIVE_TO_LATER] =
        "INSERT INTO later(seq, qid, state, sort_ms, expires_ms, result, rbid, " GF_SQ_BODY ") "
        "SELECT seq, seq >> 40, ?3, ?4, ?5, ?6, ?7, " GF_SQ_BODY_FIXED ", "
        "CASE ?9 WHEN 0 THEN failed_ms ELSE ?10 END, retried + (?9 AND ?3 = 3), " GF_SQ_CRASHES
        ", " GF_SQ_BODY_TEXT ", coalesce(?8, error) "
        "FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_EXTEND] = "UPDATE active SET lease_until = ?3 WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_PROGRESS] =
        "UPDATE active SET done = ?3, total = ?4, note = ?5 WHERE seq = ?1 AND token = ?2",
    // ?1: now; ?2: later than any lease can end, but for those from before a reboot
    [GF_SQL_ACTIVE_EXPIRED] =
        "SELECT seq, crashes, wid FROM active WHERE lease_until < ?1 OR lease_until > ?2 "
        "OR wid NOT IN (SELECT wid FROM worker) LIMIT ?3",
    [GF_SQL_ACTIVE_CRASHED] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") SELECT seq, since_ms, " GF_SQ_BODY_FIXED
        ", "
        "failed_ms, retried, ?2, " GF_SQ_BODY_TEXT ", error FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_CRASHED_OUT] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY
        ") SELECT seq, seq >> 40, 5, ?2, " GF_SQ_BODY_FIXED ", ?2, retried, ?4, " GF_SQ_BODY_TEXT
        ", ?3 FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_BODY] = "SELECT " GF_SQ_BODY " FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_XID] = "SELECT xid FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_SET_XID] = "UPDATE active SET xid = ?2 WHERE seq = ?1",
    [GF_SQL_ACTIVE_SET_HEADERS] = "UPDATE active SET headers = ?3 WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_OF] = "SELECT seq, crashes, wid FROM active WHERE wid = ?1 LIMIT ?3",
    [GF_SQL_ACTIVE_CANCELLED] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY
        ") SELECT seq, seq >> 40, 5, ?2, " GF_SQ_BODY_FIXED
        ", failed_ms, retried, ?4, " GF_SQ_BODY_TEXT ", ?3 FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_PROVEN] =
        "UPDATE active SET crashes = crashes | (1 << 48) WHERE seq = ?1 AND token = ?2",
    // Sets of groups count as tasks do: each may be the cause.
    [GF_SQL_ACTIVE_HELD] =
        "SELECT (SELECT count(*) FROM active WHERE wid = ?1) + (SELECT count(*) " SETS_OF "), "
        "(SELECT coalesce(sum(" GF_SQ_ON_TRIAL "), 0) FROM active WHERE wid = ?1) + "
        "(SELECT coalesce(sum((" FIRST_CRASHES ") > 0), 0) " SETS_OF ")",
    [GF_SQL_ACTIVE_RUN] = "SELECT a.xid, a.retried, a.started_ms, w.id, EXISTS(SELECT 1 FROM "
                          "cancel c WHERE c.seq = a.seq AND c.token = a.token), "
                          "a.id FROM active a LEFT JOIN worker w ON w.wid = a.wid WHERE a.seq = ?1",

    [GF_SQL_LATER_ADD] = "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY_NEW ") "
                         "VALUES(?1, ?1 >> 40, ?18, ?2, " BODY_VALUES ")",
    [GF_SQL_LATER_DUE] = "SELECT seq, state, sort_ms FROM later INDEXED BY later_due WHERE state "
                         "IN (2, 3) AND sort_ms <= ?1 " HAS_QUEUE "ORDER BY sort_ms, seq LIMIT ?2",
    [GF_SQL_LATER_NEXT] =
        "SELECT sort_ms FROM later INDEXED BY later_due WHERE state IN (2, 3) " HAS_QUEUE
        "ORDER BY sort_ms LIMIT 1",
    [GF_SQL_LATER_EXPIRED] = "SELECT seq FROM later INDEXED BY later_expiry WHERE state = 4 AND "
                             "expires_ms <= ?1 " HAS_QUEUE "ORDER BY expires_ms LIMIT ?2",
    [GF_SQL_LATER_TO_READY] = "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY
                              ") SELECT ?2, ?3, " GF_SQ_BODY " FROM later WHERE seq = ?1",
    [GF_SQL_LATER_HEADERS] = "SELECT headers FROM later WHERE seq = ?1",
    [GF_SQL_LATER_RENUMBER] = "UPDATE later SET seq = ?2 WHERE seq = ?1",
    [GF_SQL_LATER_ID_MOVE] = "UPDATE ids SET seq = ?2 WHERE qid = ?1 >> 40 AND id = (SELECT id "
                             "FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_ID_DROP] =
        "DELETE FROM ids WHERE qid = ?1 >> 40 AND id = (SELECT id FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_BLOB_DROP] =
        "DELETE FROM blob WHERE bid IN (SELECT bid FROM later WHERE seq = ?1 "
        "UNION ALL SELECT rbid FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_DROP] = "DELETE FROM later WHERE seq = ?1",
    [GF_SQL_LATER_LIST] =
        "SELECT seq FROM later WHERE qid = ?1 AND state = ?2 ORDER BY sort_ms, seq LIMIT ?3",
    [GF_SQL_LATER_ARCHIVE] =
        "UPDATE later SET state = 5, sort_ms = ?2, expires_ms = 0 WHERE seq = ?1",
    [GF_SQL_LATER_BODY] = "SELECT " GF_SQ_BODY " FROM later WHERE seq = ?1",
    [GF_SQL_LATER_MORE] = "SELECT xid, id, bid FROM later WHERE seq = ?1",
    [GF_SQL_LATER_SET_XID] = "UPDATE later SET xid = ?2 WHERE seq = ?1",
    [GF_SQL_LATER_PAYLOAD] = "SELECT bid, payload FROM later WHERE seq = ?1",
    [GF_SQL_LATER_SET_PAYLOAD] =
        "UPDATE later SET bid = ?2, size = ?3, payload = ?4 WHERE seq = ?1",
    [GF_SQL_LATER_RESULT] = "SELECT rbid, result FROM later WHERE seq = ?1",
    [GF_SQL_LATER_SET_RESULT] = "UPDATE later SET rbid = ?2, result = ?3 WHERE seq = ?1",
    [GF_SQL_LATER_SET_TIME] = "UPDATE later SET state = ?2, sort_ms = ?3 WHERE seq = ?1",
    [GF_SQL_LATER_UNCHARGED] = "UPDATE later SET crashes = 0 WHERE seq = ?1 AND crashes <> 0",
    [GF_SQL_LATER_SET_ERROR] = "UPDATE later SET error = ?2, failed_ms = ?3 WHERE seq = ?1",

    [GF_SQL_FILE_SIZE] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",

    [GF_SQL_READY_ENDS] =
        "SELECT (SELECT seq FROM ready WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT 1), "
        "(SELECT seq FROM ready WHERE seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1)",
    [GF_SQL_READY_FROM_END] = "SELECT 0, seq FROM ready WHERE seq > ?1 AND seq < ?2 "
                              "ORDER BY seq DESC LIMIT 1 OFFSET ?3",
    [GF_SQL_LATER_FROM_END] = "SELECT sort_ms, seq FROM later WHERE qid = ?1 AND state = ?2 "
                              "ORDER BY sort_ms DESC, seq DESC LIMIT 1 OFFSET ?3",
    [GF_SQL_PAGE_READY] = PAGE_READY "WHERE seq > ?1 AND seq < ?2 ORDER BY seq "
                                     "LIMIT ?3 OFFSET ?4",
    [GF_SQL_PAGE_ACTIVE] = PAGE_ACTIVE "WHERE seq > ?1 AND seq < ?2 ORDER BY seq "
                                       "LIMIT ?3 OFFSET ?4",
    [GF_SQL_PAGE_LATER] = PAGE_LATER "WHERE qid = ?1 AND state = ?2 AND (sort_ms, seq) > (?3, ?4) "
                                     "ORDER BY sort_ms, seq LIMIT ?5 OFFSET ?6",
    [GF_SQL_PAGE_GROUPS] =
        "WITH page AS (SELECT g.gid, m.at_ms, m.seq FROM task_group g JOIN member m ON m.gid = "
        "g.gid "
        "WHERE g.qid = ?1 AND g.gid >= ?2 AND (g.gid, m.at_ms, m.seq) > (?2, ?3, ?4) ORDER BY "
        "g.gid, m.at_ms, m.seq LIMIT ?5) " OF_PAGE,
    [GF_SQL_PAGE_GROUP] =
        "WITH page AS (SELECT g.gid, m.at_ms, m.seq FROM task_group g JOIN member m ON m.gid = "
        "g.gid "
        "WHERE g.qid = ?1 AND g.name = ?2 AND g.set_id IS NULL ORDER BY m.at_ms, m.seq LIMIT ?3 "
        "OFFSET ?4) " OF_PAGE,
    [GF_SQL_ONE_LATER] = PAGE_LATER "WHERE seq = ?1",

    [GF_SQL_ITEM_READY] = "SELECT " GF_SQ_BODY ", since_ms FROM ready WHERE seq = ?1",
    [GF_SQL_ITEM_LATER] =
        "SELECT " GF_SQ_BODY ", sort_ms, expires_ms, result, rbid FROM later WHERE seq = ?1",
    [GF_SQL_ITEM_ADD] =
        "INSERT INTO later(seq, qid, state, sort_ms, expires_ms, result, rbid, " GF_SQ_BODY_NEW
        ") VALUES(?1, ?1 >> 40, ?2, ?3, "
        "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",

    [GF_SQL_WORKER_SAVE] =
        "INSERT INTO worker(wid, id, host, pid, started_ms, state, concurrency, running, queues, "
        "is_strict, lease_until, children) "
        "VALUES(nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT(id) DO UPDATE SET host = excluded.host, pid = excluded.pid, "
        "started_ms = excluded.started_ms, state = excluded.state, "
        "concurrency = excluded.concurrency, running = excluded.running, "
        "queues = excluded.queues, is_strict = excluded.is_strict, "
        "lease_until = excluded.lease_until, children = excluded.children",
    // is_strict has what it held when it was found dead above its lowest bit: 31 bits of tasks,
    // then those on trial.
    [GF_SQL_WORKER_DEATH] =
        "SELECT (is_strict >> 1) & 2147483647, is_strict >> 32 FROM worker WHERE wid = ?1",
    [GF_SQL_WORKER_DIED] =
        "UPDATE worker SET is_strict = (is_strict & 1) | (?2 << 1) | (?3 << 32) WHERE wid = ?1",
    [GF_SQL_WORKER_WID] = "SELECT wid FROM worker WHERE id = ?1",
    [GF_SQL_WORKER_DROP] = "DELETE FROM worker WHERE wid = ?1",
    [GF_SQL_WORKER_LIST] = "SELECT " WORKER_COLUMNS " FROM worker ORDER BY started_ms, wid",
    [GF_SQL_WORKER_PAGE] = "SELECT " WORKER_COLUMNS ", " WORKER_PLACE " FROM worker "
                           "WHERE " WORKER_PLACE " > ?1 ORDER BY " WORKER_PLACE,

    [GF_SQL_CANCEL_ADD] =
        "INSERT OR REPLACE INTO cancel(seq, token) SELECT seq, token FROM active WHERE seq = ?1",
    [GF_SQL_CANCEL_PURGE] = "DELETE FROM cancel WHERE NOT EXISTS(SELECT 1 FROM active a WHERE "
                            "a.seq = cancel.seq AND a.token = cancel.token)",
    [GF_SQL_CANCEL_HAS] = "SELECT 1 FROM cancel WHERE seq = ?1 AND token = ?2",
    [GF_SQL_CANCEL_LIST] =
        "SELECT q.name, a.id FROM cancel c JOIN active a ON a.seq = c.seq AND a.token = c.token "
        "JOIN queue q ON q.qid = c.seq >> 40",

    [GF_SQL_EXTRA_ADD] = "INSERT INTO extra(lock) VALUES(?1)",
    [GF_SQL_EXTRA_BEGIN] = "INSERT INTO extra(attempts, log) VALUES(?1, ?2)",
    [GF_SQL_EXTRA_GET] = "SELECT lock, cbid, csize, attempts, log FROM extra WHERE xid = ?1",
    [GF_SQL_EXTRA_SET_LOCK] = "UPDATE extra SET lock = ?2 WHERE xid = ?1",
    [GF_SQL_EXTRA_SET_CHECKPOINT] = "UPDATE extra SET cbid = ?2, csize = ?3 WHERE xid = ?1",
    [GF_SQL_EXTRA_SET_ATTEMPTS] = "UPDATE extra SET attempts = ?2 WHERE xid = ?1",
    [GF_SQL_EXTRA_SET_LOG] = "UPDATE extra SET log = ?2 WHERE xid = ?1",
    [GF_SQL_EXTRA_DROP] = "DELETE FROM extra WHERE xid = ?1",
    [GF_SQL_BLOB_SET] = "UPDATE blob SET data = ?2 WHERE bid = ?1",

    [GF_SQL_LOCK_FIND] =
        "SELECT id, until_ms, life FROM lock WHERE qid = ?1 AND key = ?2 AND until_ms > ?3",
    [GF_SQL_LOCK_ADD] =
        "INSERT OR REPLACE INTO lock(qid, key, life, until_ms, id) VALUES(?1, ?2, ?3, ?4, ?5)",
    [GF_SQL_LOCK_DROP] = "DELETE FROM lock WHERE qid = ?1 AND key = ?2 AND id = ?3",
    [GF_SQL_LOCK_START] = "DELETE FROM lock WHERE qid = ?1 AND key = ?2 AND id = ?3 AND life = 1",
    [GF_SQL_LOCK_OLD] = "SELECT 1 FROM lock WHERE until_ms <= ?1 LIMIT 1",
    [GF_SQL_LOCK_PURGE] = "DELETE FROM lock WHERE (qid, key) IN (SELECT qid, key FROM lock WHERE "
                          "until_ms <= ?1 ORDER BY until_ms LIMIT ?2)",
    [GF_SQL_LOCK_DROP_QUEUE] = "DELETE FROM lock WHERE qid = ?1",

    [GF_SQL_DEBOUNCE_ADD] = "INSERT OR REPLACE INTO debounce(seq, qid, key, first_ms, until_ms) "
                            "VALUES(?1, ?1 >> 40, ?2, ?3, ?4)",
    [GF_SQL_DEBOUNCE_FIND] =
        "SELECT d.seq, d.first_ms, l.sort_ms, l.id FROM debounce d JOIN later l ON l.seq = d.seq "
        "AND l.state = 2 WHERE d.qid = ?1 AND d.key = ?2",
    [GF_SQL_DEBOUNCE_OF] = "SELECT key, first_ms FROM debounce WHERE seq = ?1",
    [GF_SQL_DEBOUNCE_KEEP] = "UPDATE debounce SET until_ms = ?2 WHERE seq = ?1",
    [GF_SQL_DEBOUNCE_OLD] = "SELECT 1 FROM debounce WHERE until_ms <= ?1 LIMIT 1",
    [GF_SQL_DEBOUNCE_PURGE] =
        "DELETE FROM debounce WHERE seq IN (SELECT d.seq FROM debounce d WHERE d.until_ms <= ?1 "
        "AND NOT EXISTS(SELECT 1 FROM later l WHERE l.seq = d.seq AND l.state = 2) "
        "ORDER BY d.until_ms LIMIT ?2)",
    // ?2: how many; ?3: until when from now on.
    [GF_SQL_DEBOUNCE_STANDS] =
        "UPDATE debounce SET until_ms = ?3 WHERE seq IN (SELECT d.seq FROM debounce d "
        "WHERE d.until_ms <= ?1 AND EXISTS(SELECT 1 FROM later l WHERE l.seq = d.seq AND "
        "l.state = 2) ORDER BY d.until_ms LIMIT ?2)",
    [GF_SQL_DEBOUNCE_DROP_QUEUE] = "DELETE FROM debounce WHERE qid = ?1",

    [GF_SQL_GROUP_FIND] =
        "SELECT gid FROM task_group WHERE qid = ?1 AND name = ?2 AND set_id IS NULL",
    [GF_SQL_GROUP_ADD] =
        "INSERT INTO task_group(qid, name, turn) VALUES(?1, ?2, "
        "(SELECT coalesce(max(turn), 0) + 1 FROM task_group WHERE qid = ?1 AND set_id IS NULL))",
    // ?2: how many make it ready, less one
    [GF_SQL_GROUP_TURNS] =
        "SELECT g.gid, g.name, (SELECT m.at_ms FROM member m WHERE m.gid = g.gid ORDER BY m.at_ms "
        "LIMIT 1), "
        "(SELECT m.at_ms FROM member m WHERE m.gid = g.gid ORDER BY m.at_ms DESC LIMIT 1), "
        "(SELECT 1 FROM member m WHERE m.gid = g.gid LIMIT 1 OFFSET ?2), "
        "(" FIRST_CRASHES ") "
        "FROM task_group g WHERE g.qid = ?1 AND g.set_id IS NULL ORDER BY g.turn",
    [GF_SQL_GROUP_LAST] = "UPDATE task_group SET turn = (SELECT max(t.turn) + 1 FROM task_group t "
                          "WHERE t.qid = ?2 AND t.set_id IS NULL) "
                          "WHERE gid = ?1",
    [GF_SQL_GROUP_DROP_EMPTY] = "DELETE FROM task_group WHERE gid = ?1 AND set_id IS NULL AND NOT "
                                "EXISTS(SELECT 1 FROM member m WHERE m.gid = ?1)",
    [GF_SQL_GROUP_DROP] = "DELETE FROM task_group WHERE gid = ?1",
    [GF_SQL_GROUP_DROP_QUEUE] = "DELETE FROM task_group WHERE qid = ?1",
    [GF_SQL_GROUP_LIST] = "SELECT g.name, (SELECT count(*) FROM member m WHERE m.gid = g.gid), "
                          "(SELECT min(m.at_ms) FROM member m WHERE m.gid = g.gid), "
                          "(SELECT max(m.at_ms) FROM member m WHERE m.gid = g.gid) "
                          "FROM task_group g WHERE g.qid = ?1 AND g.name > ?2 AND g.set_id IS NULL "
                          "AND EXISTS(SELECT 1 FROM member m WHERE m.gid = g.gid) ORDER BY g.name",
    // Those that may be moved: not the ones taken out to be made one.
    [GF_SQL_GROUP_ROWS] =
        "SELECT l.seq FROM later l JOIN member m ON m.seq = l.seq JOIN task_group g ON g.gid = "
        "m.gid "
        "WHERE l.qid = ?1 AND l.state = ?2 AND g.set_id IS NULL ORDER BY l.sort_ms, l.seq LIMIT ?3",
    [GF_SQL_SET_ADD] =
        "INSERT INTO task_group(qid, name, turn, set_id, wid, until) VALUES(?1, ?2, 0, ?3, ?4, ?5)",
    [GF_SQL_SET_FIND] = "SELECT gid, qid, name, made FROM task_group WHERE set_id = ?1",
    [GF_SQL_SET_GET] =
        "SELECT g.qid, g.name, g.made, g.wid, w.wid, w.lease_until FROM task_group g "
        "LEFT JOIN worker w ON w.wid = g.wid WHERE g.gid = ?1",
    [GF_SQL_SET_MADE] = "UPDATE task_group SET made = 1 WHERE gid = ?1",
    [GF_SQL_SET_LIST] =
        "SELECT g.gid, g.wid, g.until, g.made, g.wid, w.wid, w.lease_until FROM task_group g "
        "LEFT JOIN worker w ON w.wid = g.wid "
        "WHERE g.set_id IS NOT NULL ORDER BY g.gid",
    [GF_SQL_MEMBER_ADD] = "INSERT INTO member(seq, gid, at_ms) VALUES(?1, ?2, ?3)",
    [GF_SQL_MEMBER_OF] = "SELECT g.gid, g.name, g.set_id IS NOT NULL FROM member m JOIN task_group "
                         "g ON g.gid = m.gid WHERE m.seq = ?1",
    [GF_SQL_MEMBER_DROP] = "DELETE FROM member WHERE seq = ?1",
    [GF_SQL_MEMBER_TASKS] =
        "SELECT " GF_SQ_BODY ", l.seq, l.crashes FROM member m JOIN later l ON l.seq = m.seq "
        "WHERE m.gid = ?1 ORDER BY m.at_ms, m.seq LIMIT ?2",
    [GF_SQL_MEMBER_TO_SET] =
        "UPDATE member SET gid = ?2 WHERE seq IN (" MEMBERS " ORDER BY at_ms, seq LIMIT ?3)",
    [GF_SQL_MEMBER_TO_GROUP] = "UPDATE member SET gid = ?2 WHERE gid = ?1",
    // ?2: which set it was
    [GF_SQL_MEMBER_CRASHED] =
        "UPDATE later SET crashes = (min(" GF_SQ_CRASHES ", 2147483646) + 1) | (?2 << 49) "
        "WHERE seq IN (" MEMBERS ")",
    [GF_SQL_MEMBER_CLEARED] =
        "UPDATE later SET crashes = 0 WHERE seq IN (" MEMBERS ") AND crashes <> 0",
    [GF_SQL_MEMBER_LIST] = MEMBERS " ORDER BY at_ms, seq LIMIT ?2",
    [GF_SQL_MEMBER_MORE] = "SELECT l.xid, l.id FROM member m JOIN later l ON l.seq = m.seq WHERE "
                           "m.gid = ?1 AND (l.xid <> 0 OR ?2)",
    [GF_SQL_MEMBER_IDS_DROP] = "DELETE FROM ids WHERE (qid, id) IN (SELECT l.qid, l.id FROM member "
                               "m JOIN later l ON l.seq = m.seq WHERE m.gid = ?1)",
    [GF_SQL_MEMBER_BLOBS_DROP] = "DELETE FROM blob WHERE bid IN (SELECT l.bid FROM member m JOIN "
                                 "later l ON l.seq = m.seq WHERE m.gid = ?1 AND l.bid <> 0)",
    [GF_SQL_MEMBER_ROWS_DROP] = "DELETE FROM later WHERE seq IN (" MEMBERS ")",
    [GF_SQL_MEMBER_ALL_DROP] = "DELETE FROM member WHERE gid = ?1",

    [GF_SQL_AWAITED_ADD] = "INSERT INTO awaited(qid, id, until) VALUES(?1, ?2, ?3)",
    [GF_SQL_AWAITED_TELL] = "UPDATE awaited SET outcome = ?3, at_ms = ?4, error = ?5, result = ?6 "
                            "WHERE qid = ?1 AND id = ?2 AND outcome IS NULL",
    [GF_SQL_AWAITED_GET] =
        "SELECT outcome, at_ms, error, result, qid, id FROM awaited WHERE rid = ?1",
    [GF_SQL_AWAITED_TOLD] = "SELECT rid FROM awaited WHERE outcome IS NOT NULL",
    [GF_SQL_AWAITED_ENDED] =
        "SELECT outcome, at_ms, error, result FROM awaited WHERE qid = ?1 AND id = ?2 AND outcome "
        "IS NOT NULL "
        "AND at_ms >= ?3 AND at_ms <= ?4 ORDER BY at_ms DESC, rid DESC LIMIT 1",
    [GF_SQL_AWAITED_PAST] =
        "UPDATE awaited SET at_ms = -at_ms WHERE qid = ?1 AND id = ?2 AND at_ms > 0",
    [GF_SQL_AWAITED_LINGERING] = "SELECT rid FROM awaited WHERE qid = ?1 AND id = ?2 AND outcome "
                                 "IS NULL AND until <= ?3 LIMIT 1",
    [GF_SQL_AWAITED_KEEP] = "UPDATE awaited SET until = ?2 WHERE rid = ?1",
    [GF_SQL_AWAITED_DROP] = "DELETE FROM awaited WHERE rid = ?1",
    [GF_SQL_AWAITED_OLD] = "SELECT 1 FROM awaited WHERE until < ?1 OR until > ?2 LIMIT 1",
    [GF_SQL_AWAITED_PURGE] = "DELETE FROM awaited WHERE until < ?1 OR until > ?2",

    [GF_SQL_COMMAND_ADD] = "INSERT INTO command(wid, text) VALUES(?1, ?2)",
    [GF_SQL_COMMAND_HAS] = "SELECT 1 FROM command WHERE wid = ?1 LIMIT 1",
    [GF_SQL_COMMAND_LIST] = "SELECT cid, text FROM command WHERE wid = ?1 ORDER BY cid",
    [GF_SQL_COMMAND_DROP] = "DELETE FROM command WHERE wid = ?1",
    [GF_SQL_COMMAND_OLD] =
        "SELECT 1 FROM command WHERE wid NOT IN (SELECT wid FROM worker) LIMIT 1",
    [GF_SQL_COMMAND_PURGE] = "DELETE FROM command WHERE wid NOT IN (SELECT wid FROM worker)",
    [GF_SQL_WORKER_FIND] = "SELECT wid, lease_until FROM worker WHERE id = ?1",

    [GF_SQL_ENTRY_ADD] = "INSERT INTO entry(name, record) VALUES(?1, ?2) ON CONFLICT DO NOTHING",
    [GF_SQL_ENTRY_SET] = "UPDATE entry SET record = ?2 WHERE name = ?1",
    [GF_SQL_ENTRY_SWAP] = "UPDATE entry SET record = ?2 WHERE name = ?1 AND record = ?3",
    [GF_SQL_ENTRY_DROP] = "DELETE FROM entry WHERE name = ?1",
    [GF_SQL_ENTRY_LIST] = "SELECT name, record FROM entry ORDER BY name",
    [GF_SQL_NUMBER_GET] = "SELECT value FROM number WHERE name = ?1",
    [GF_SQL_NUMBER_SET] = "INSERT OR REPLACE INTO number(name, value) VALUES(?1, ?2)",
    [GF_SQL_TICK_GET] = "SELECT tick_ms, at_ms, id FROM tick WHERE entry = ?1 AND queue = ?2",
    [GF_SQL_TICK_SET] = "INSERT OR REPLACE INTO tick(entry, queue, tick_ms, at_ms, id, noted_ms) "
                        "VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [GF_SQL_TICK_OLD] =
        "SELECT 1 FROM tick WHERE noted_ms < ?1 AND entry NOT IN (SELECT name FROM entry) LIMIT 1",
    [GF_SQL_TICK_PURGE] =
        "DELETE FROM tick WHERE noted_ms < ?1 AND entry NOT IN (SELECT name FROM entry)",
    [GF_SQL_TICKED_ADD] = "INSERT INTO ticked(entry, tick_ms, at_ms, id) VALUES(?1, ?2, ?3, ?4)",
    [GF_SQL_TICKED_TRIM] = "DELETE FROM ticked WHERE n IN (SELECT n FROM ticked WHERE entry = ?1 "
                           "ORDER BY n DESC LIMIT -1 OFFSET ?2)",
    [GF_SQL_TICKED_LIST] =
        "SELECT id, tick_ms, at_ms FROM ticked WHERE entry = ?1 ORDER BY n DESC LIMIT ?2",
    [GF_SQL_TICKED_DROP] = "DELETE FROM ticked WHERE entry = ?1",

    [GF_SQL_EVENT_ADD] = "INSERT INTO event(record) VALUES(?1)",
    [GF_SQL_EVENT_TRIM] = "DELETE FROM event WHERE n <= (SELECT max(n) FROM event) - ?1",
    [GF_SQL_EVENT_LAST] = "SELECT max(n), min(n) FROM event",
    [GF_SQL_EVENT_OLD] = "SELECT 1 FROM event LIMIT 1 OFFSET ?1",
    [GF_SQL_EVENT_LIST] = "SELECT n, record FROM event WHERE n > ?1 ORDER BY n LIMIT ?2",

    [GF_SQL_STATS_GET] =
        "SELECT done, failed, wait, run FROM stat WHERE queue = ?1 AND type = ?2 AND hour = ?3",
    [GF_SQL_STATS_SET] = "INSERT OR REPLACE INTO stat(queue, type, hour, done, failed, wait, run) "
                         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [GF_SQL_STATS_LIST] = "SELECT queue, type, done, failed, wait, run FROM stat WHERE (?1 IS NULL "
                          "OR queue = ?1) AND hour >= ?2 "
                          "ORDER BY queue, type",
    [GF_SQL_STATS_HOURS] = "SELECT hour, done, failed, wait, run FROM stat WHERE (?1 IS NULL "
                           "OR queue = ?1) AND (?2 IS NULL OR type = ?2) AND hour >= ?3 "
                           "AND hour < ?4",
    [GF_SQL_STATS_OLD] = "SELECT 1 FROM stat WHERE hour < ?1 LIMIT 1",
    [GF_SQL_STATS_PURGE] = "DELETE FROM stat WHERE hour < ?1",
    [GF_SQL_STATS_DROP_QUEUE] = "DELETE FROM stat WHERE queue = ?1",

    [GF_SQL_MINUTE_GET] = "SELECT done, failed, wait, run FROM stat_minute "
                          "WHERE queue = ?1 AND type = ?2 AND minute = ?3",
    [GF_SQL_MINUTE_SET] = "INSERT OR REPLACE INTO stat_minute"
                          "(queue, type, minute, done, failed, wait, run) "
                          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [GF_SQL_MINUTE_LIST] = "SELECT minute, done, failed, wait, run FROM stat_minute "
                           "WHERE minute >= ?3 AND minute < ?4 AND (?1 IS NULL OR queue = ?1) "
                           "AND (?2 IS NULL OR type = ?2)",
    [GF_SQL_MINUTE_OLD] = "SELECT 1 FROM stat_minute WHERE minute < ?1 LIMIT 1",
    [GF_SQL_MINUTE_PURGE] = "DELETE FROM stat_minute WHERE minute < ?1",
    [GF_SQL_MINUTE_DROP_QUEUE] = "DELETE FROM stat_minute WHERE queue = ?1",

    [GF_SQL_AUDIT_ADD] = "INSERT INTO audit(at_ms, record) VALUES(?1, ?2)",
    [GF_SQL_AUDIT_TRIM] = "DELETE FROM audit WHERE n <= (SELECT max(n) FROM audit) - ?1",
    [GF_SQL_AUDIT_LIST] =
        "SELECT n, at_ms, record FROM audit WHERE n < ?1 ORDER BY n DESC LIMIT ?2",

    [GF_SQL_LIMIT_GET] =
        "SELECT concurrency, rate, per_ms, burst, over, per_queue FROM limits WHERE name = ?1",
    [GF_SQL_LIMIT_PREFIX] = "SELECT max(prefix) FROM limits WHERE prefix <= ?1",
    [GF_SQL_LIMIT_SET] =
        "INSERT OR REPLACE INTO limits(name, prefix, concurrency, rate, per_ms, burst, over, "
        "per_queue) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [GF_SQL_LIMIT_DROP] = "DELETE FROM limits WHERE name = ?1",
    [GF_SQL_LIMIT_LIST] = "SELECT concurrency, rate, per_ms, burst, over, per_queue, name "
                          "FROM limits WHERE name > ?1 ORDER BY name LIMIT ?2",
    [GF_SQL_KEY_GET] =
        "SELECT lid, tat_us, wake_ms, occupant FROM limit_key WHERE key = ?1 AND qid = ?2",
    [GF_SQL_KEY_UNTIL] = "SELECT until_ms FROM limit_key WHERE key = ?1 AND qid = 0",
    [GF_SQL_KEY_NUMBERED] = "SELECT key, qid, tat_us, wake_ms, occupant FROM limit_key "
                             "WHERE lid = ?1",
    [GF_SQL_KEY_OCCUPY] = "UPDATE limit_key SET occupant = ?2 WHERE lid = ?1",
    // Unless somebody waits for it.
    [GF_SQL_KEY_DROP] = "DELETE FROM limit_key WHERE lid = ?1 AND NOT EXISTS(SELECT 1 FROM held h "
                        "WHERE h.lid = ?1)",
    [GF_SQL_KEY_DROP_QUEUE] = "DELETE FROM limit_key WHERE qid = ?1",
    [GF_SQL_KEY_ADD] = "INSERT INTO limit_key(key, qid) VALUES(?1, ?2)",
    [GF_SQL_KEY_SET] = "UPDATE limit_key SET tat_us = ?2, wake_ms = ?3 WHERE lid = ?1",
    // ?2: 0: no longer
    [GF_SQL_KEY_PAUSE] =
        "INSERT INTO limit_key(key, qid, until_ms) VALUES(?1, 0, ?2) ON CONFLICT(key, qid) DO "
        "UPDATE SET until_ms = CASE ?2 WHEN 0 THEN 0 ELSE max(until_ms, ?2) END",
    // Of a key that is a type's tat_us says when it was paused.
    [GF_SQL_TYPE_PAUSE] =
        "INSERT INTO limit_key(key, qid, until_ms, tat_us) VALUES(?1, 0, ?2, ?3) "
        "ON CONFLICT(key, qid) DO UPDATE SET until_ms = ?2, "
        "tat_us = CASE WHEN until_ms = ?2 THEN tat_us ELSE ?3 END",
    [GF_SQL_TYPE_LIST] =
        "SELECT substr(key, 6), until_ms, tat_us, CASE qid WHEN -1 THEN occupant END "
        "FROM limit_key "
        "WHERE key > 'type:' AND key < 'type;' AND qid <= 0 AND until_ms > ?1 ORDER BY key",
    [GF_SQL_BREAKER_GET] = "SELECT occupant FROM limit_key WHERE key = ?1 AND qid = -1",
    [GF_SQL_BREAKER_SET] =
        "INSERT INTO limit_key(key, qid, until_ms, occupant) VALUES(?1, -1, ?3, ?2) "
        "ON CONFLICT(key, qid) DO UPDATE SET occupant = ?2",
    [GF_SQL_BREAKER_DROP] = "DELETE FROM limit_key WHERE key = ?1 AND qid = -1",
    // No task can name such keys (limit/hours.c).
    [GF_SQL_HOURS_LIST] = "SELECT substr(key, 8), occupant FROM limit_key "
                          "WHERE key > '\nhours:' AND key < '\nhours;' AND qid = 0 ORDER BY key",
    [GF_SQL_HOURS_PUT] =
        "INSERT INTO limit_key(key, qid, occupant, until_ms) VALUES(?1, 0, ?2, ?3) "
        "ON CONFLICT(key, qid) DO UPDATE SET occupant = ?2",
    [GF_SQL_HOURS_DROP] = "DELETE FROM limit_key WHERE key = ?1 AND qid = 0",
    // ?3: only those that somebody waits for
    [GF_SQL_KEY_PAGE] =
        "SELECT k.lid, k.key, k.qid, k.tat_us, (SELECT p.until_ms FROM limit_key p "
        "WHERE p.key = k.key AND p.qid = 0), (SELECT q.name FROM queue q WHERE q.qid = k.qid), "
        "k.occupant "
        "FROM limit_key k WHERE (k.key, k.qid) > (?1, ?2) AND k.qid >= 0 AND (" IS_QUEUES " OR "
        "EXISTS(SELECT 1 FROM held h WHERE h.lid = k.lid) OR (?3 = 0 AND (k.occupant IS NOT NULL "
        "OR EXISTS(SELECT 1 FROM holds r WHERE r.lid = k.lid)))) ORDER BY k.key, k.qid",
    [GF_SQL_KEYS_WAKE] =
        "UPDATE limit_key SET wake_ms = ?3 WHERE key >= ?1 AND key <= ?2 AND "
        "EXISTS(SELECT 1 FROM held h WHERE h.lid = limit_key.lid)",
    [GF_SQL_KEYS_DUE] = "SELECT lid FROM limit_key WHERE wake_ms > 0 AND wake_ms <= ?1 "
                        "ORDER BY wake_ms LIMIT ?2",
    [GF_SQL_KEY_NEXT] =
        "SELECT wake_ms FROM limit_key WHERE wake_ms > 0 ORDER BY wake_ms LIMIT 1",
    [GF_SQL_KEY_LAST] = "SELECT max(lid) FROM limit_key",
    // Nothing is known of it any more. ?1: now, ?2: from this one on a few are looked at.
    [GF_SQL_KEY_OLD] = "SELECT 1 FROM " OLD_KEYS " LIMIT 1",
    [GF_SQL_KEY_PURGE] = "DELETE FROM limit_key WHERE lid IN (SELECT lid FROM " OLD_KEYS ")",
    [GF_SQL_HOLDS_ADD] = "INSERT OR REPLACE INTO holds(lid, seq, token) VALUES(?1, ?2, ?3)",
    [GF_SQL_HOLDS_OF] = "SELECT lid FROM holds WHERE seq = ?1",
    [GF_SQL_HOLDS_DROP] = "DELETE FROM holds WHERE seq = ?1",
    [GF_SQL_HOLDS_COUNT] = "SELECT count(*) FROM holds h JOIN active a ON a.seq = h.seq "
                           "WHERE h.lid = ?1 AND a.token = h.token AND a.lease_until >= ?2",
    // Who has run longest and was not asked yet. So many as may run are sorted.
    [GF_SQL_HOLDS_OLDEST] =
        "SELECT a.seq FROM holds h JOIN active a ON a.seq = h.seq "
        "WHERE h.lid = ?1 AND a.token = h.token AND NOT EXISTS(SELECT 1 FROM cancel c "
        "WHERE c.seq = a.seq AND c.token = a.token) ORDER BY a.started_ms, a.seq LIMIT 1",
    [GF_SQL_HELD_ADD] =
        "INSERT INTO held(lid, lane, since_ms, place, seq) VALUES(?1, ?2, ?3, ?4, ?5)",
    [GF_SQL_HELD_FIRST] = "SELECT seq, place, since_ms FROM held WHERE lid = ?1 "
                          "ORDER BY lane, since_ms, place LIMIT 1",
    [GF_SQL_HELD_DROP] = "DELETE FROM held WHERE seq = ?1",
    [GF_SQL_HELD_LAST] =
        "SELECT max(coalesce((SELECT max(seq) FROM ready WHERE seq BETWEEN ?1 AND ?2), ?1), "
        "coalesce((SELECT max(seq) FROM held WHERE seq BETWEEN ?1 AND ?2), ?1))",
    [GF_SQL_HELD_COUNT] = "SELECT count(*) FROM held WHERE lid = ?1",
    [GF_SQL_HELD_KEY] =
        "SELECT k.key FROM held h JOIN limit_key k ON k.lid = h.lid WHERE h.seq = ?1",

    // ---- flows. The numbers of a step's states are gf_step_state's: 0 waiting, 1 ready, 2 put, 3
    // done, 4 to 8 failed, 9 skipped.
    [GF_SQL_FLOW_ADD] =
        "INSERT INTO flow(id, hash, state, on_dead, total, remaining, created_ms, deadline_ms, "
        "retention_ms) VALUES(?1, ?2, 0, ?3, ?4, ?4, ?5, ?6, ?7)",
    [GF_SQL_FLOW_FIND] = "SELECT " FLOW_COLUMNS ", hash FROM flow WHERE id = ?1",
    [GF_SQL_FLOW_GET] = "SELECT " FLOW_COLUMNS " FROM flow WHERE fid = ?1",
    [GF_SQL_FLOW_COUNT] =
        "UPDATE flow SET remaining = remaining - ?2, failed = failed + ?3 WHERE fid = ?1",
    [GF_SQL_FLOW_SET] =
        "UPDATE flow SET state = ?2, stop = ?3, remaining = ?4, failed = ?5, ended_ms = ?6, "
        "wake_ms = ?7, cancel_from = ?8 WHERE fid = ?1",
    [GF_SQL_FLOW_WAKE] = "UPDATE flow SET wake_ms = ?2 WHERE fid = ?1",
    [GF_SQL_FLOW_DUE] = "SELECT fid FROM flow WHERE wake_ms > 0 AND wake_ms <= ?1 "
                        "ORDER BY wake_ms LIMIT 1",
    [GF_SQL_FLOW_NEXT] = "SELECT wake_ms FROM flow WHERE wake_ms > 0 ORDER BY wake_ms LIMIT 1",
    // ?2: a state, or what is none of them: of any
    [GF_SQL_FLOW_LIST] = "SELECT " FLOW_COLUMNS " FROM flow WHERE fid < ?1 AND (state = ?2 OR "
                         "?2 = 6) ORDER BY fid DESC LIMIT ?3",
    [GF_SQL_FLOW_DROP] = "DELETE FROM flow WHERE fid = ?1",
    [GF_SQL_STEP_ADD] =
        "INSERT OR ROLLBACK INTO step(sid, open, " GF_SQ_BODY_NEW
        ", state, asks, run_at_ms, delay_ms, fid, name, queue) VALUES(?1, ?2, " BODY_VALUES
        ", ?2 = 0, ?18, ?19, ?20, ?1 >> 14, ?21, ?22)",
    [GF_SQL_STEP_BODY] =
        "SELECT " GF_SQ_BODY_FIRST ", 0, failed_ms, retried, crashes, " GF_SQ_BODY_TEXT
        ", error, run_at_ms, delay_ms, queue FROM step WHERE sid = ?1",
    [GF_SQL_STEP_PUT] = "UPDATE step SET state = 2 WHERE sid = ?1",
    // Of one that was put alone, so that each end counts once.
    [GF_SQL_STEP_END] = "UPDATE step SET state = ?2, ended_ms = ?3, result = ?4, why = ?5 "
                        "WHERE sid = ?1 AND state = 2",
    [GF_SQL_STEP_SKIP] = "UPDATE step SET state = 9, ended_ms = ?2 WHERE sid = ?1",
    [GF_SQL_STEP_NEXT] = "SELECT sid, broken, asks FROM step WHERE state = 1 AND " OF_FLOW
                         " ORDER BY sid LIMIT 1",
    [GF_SQL_STEP_AGAIN] = "UPDATE step SET state = ?2, ended_ms = 0, result = NULL, why = NULL "
                          "WHERE sid = ?1 AND state BETWEEN 4 AND 8",
    [GF_SQL_STEP_READY] = "UPDATE step SET state = 1 WHERE sid = ?1",
    [GF_SQL_STEP_RUNNING] =
        "SELECT sid, id, queue FROM step WHERE state = 2 AND " OF_FLOW " ORDER BY sid LIMIT 1",
    [GF_SQL_STEP_FAILED] = "SELECT sid, id, queue, name, asks FROM step WHERE state BETWEEN 4 AND "
                           "8 AND " OF_FLOW " ORDER BY sid LIMIT 1",
    [GF_SQL_STEP_NAMED] = "SELECT sid, state, result, asks FROM step WHERE fid = ?1 AND name = ?2",
    // Those that come after ?1. ?2: its end is a success, ?3: a failure.
    [GF_SQL_STEPS_ENDED] =
        "UPDATE step SET open = open - 1, broken = broken OR NOT (SELECT CASE rule WHEN 0 THEN ?2 "
        "WHEN 1 THEN ?3 WHEN 3 THEN ?2 ELSE 1 END FROM dep WHERE parent = ?1 AND child = step.sid)"
        ", "
        "state = CASE WHEN open <= 1 THEN 1 ELSE 0 END "
        "WHERE sid IN (SELECT child FROM dep WHERE parent = ?1) AND state = 0",
    // What has not begun; ?4: those too that ask for more than success.
    [GF_SQL_STEPS_SKIP] = "UPDATE step SET state = 9, ended_ms = ?3 WHERE " OF_FLOW
                          " AND state IN (0, 1) AND (asks IN (0, 4) OR ?4)",
    // And those with `each` of which some has failed: what was made of them is what runs again.
    [GF_SQL_STEPS_UNSKIP] = "UPDATE step SET state = 0, ended_ms = 0, why = NULL WHERE " OF_FLOW
                            " AND (state = 9 OR (asks = 2 AND state BETWEEN 4 AND 8))",
    [GF_SQL_STEPS_RECOUNT] =
        "UPDATE step SET open = (SELECT count(*) FROM dep d JOIN step p ON p.sid = d.parent "
        "WHERE d.child = step.sid AND p.state < 3), "
        "broken = EXISTS(SELECT 1 FROM dep d JOIN step p ON p.sid = d.parent "
        "WHERE d.child = step.sid AND p.state >= 3 AND NOT CASE d.rule WHEN 0 THEN p.state = 3 "
        "WHEN 1 THEN p.state BETWEEN 4 AND 8 WHEN 3 THEN p.state = 3 ELSE 1 END) WHERE "
        OF_FLOW " AND state IN (0, 1)",
    [GF_SQL_STEPS_READY] = "UPDATE step SET state = open = 0 WHERE " OF_FLOW
                           " AND state IN (0, 1)",
    [GF_SQL_STEPS_COUNT] = "SELECT count(*) FILTER (WHERE state < 3), count(*) FILTER "
                           "(WHERE state BETWEEN 4 AND 8) FROM step WHERE " OF_FLOW,
    [GF_SQL_STEPS_LIST] = "SELECT sid, state, ended_ms, length(result), name, queue, id, type, "
                          "why, asks, CASE asks WHEN 4 THEN (SELECT e.name FROM dep d JOIN step e "
                          "ON e.sid = d.child WHERE d.parent = step.sid) END "
                          "FROM step WHERE " OF_FLOW " ORDER BY sid",
    [GF_SQL_STEPS_FIRST] = "SELECT sid FROM step WHERE " OF_FLOW " ORDER BY sid LIMIT 1",
    [GF_SQL_STEPS_DROP] = "DELETE FROM step WHERE " OF_FLOW,
    [GF_SQL_DEP_ADD] = "INSERT OR ROLLBACK INTO dep(parent, child, rule) VALUES(?1, ?2, ?3)",
    [GF_SQL_DEP_LIST] = "SELECT p.name, d.rule FROM dep d JOIN step p ON p.sid = d.parent "
                        "WHERE d.child = ?1 AND p.asks <> 4 ORDER BY d.parent",
    [GF_SQL_DEPS_DROP] = "DELETE FROM dep WHERE parent BETWEEN ?1 AND ?2",
    [GF_SQL_EACH_OF] = "SELECT child FROM dep WHERE parent = ?1 AND rule = 3",
    [GF_SQL_EACH_MOLD] = "SELECT s.headers, s.name, f.id, f.stop FROM step s JOIN flow f ON f.fid "
                         "= s.fid WHERE s.sid = ?1",
    // Of what was made of ?1: all, ended, badly; what was skipped; the parts of its list so far.
    [GF_SQL_EACH_COUNT] =
        "SELECT count(*) FILTER (WHERE d.rule = 4), count(*) FILTER (WHERE d.rule = 4 AND p.state "
        ">= 3), count(*) FILTER (WHERE d.rule = 4 AND p.state BETWEEN 4 AND 8), count(*) FILTER "
        "(WHERE p.state = 9), count(*) FILTER (WHERE d.rule = 3) FROM dep d JOIN step p ON p.sid = "
        "d.parent WHERE d.child = ?1",
    [GF_SQL_EACH_GREW] = "UPDATE step SET open = open + ?2 WHERE sid = ?1",
    [GF_SQL_EACH_RESULTS] = "SELECT p.result FROM dep d JOIN step p ON p.sid = d.parent "
                            "WHERE d.child = ?1 AND d.rule = 4 ORDER BY d.parent",
    // ?2 with the name ?3 and the state ?4, as ?1 is but for its id, headers and payload.
    [GF_SQL_STEP_COPY] =
        "INSERT OR ROLLBACK INTO step(sid, fid, name, state, ended_ms, id, headers, payload, size, "
        "open, asks, run_at_ms, delay_ms, queue, type, enqueued_ms, timeout_ms, deadline_ms, "
        "retention_ms, max_retry, failed_ms, retried, crashes) SELECT ?2, fid, ?3, ?4, ?5, ?6, ?7, "
        "?8, ?9, 0, 4, run_at_ms, delay_ms, queue, type, enqueued_ms, timeout_ms, deadline_ms, "
        "retention_ms, max_retry, 0, 0, 0 FROM step WHERE sid = ?1",
    [GF_SQL_STEP_LAST] = "SELECT max(sid) FROM step WHERE " OF_FLOW,
    [GF_SQL_FLOW_GREW] =
        "UPDATE flow SET total = total + ?2, remaining = remaining + ?3 WHERE fid = ?1",
    [GF_SQL_EXTRA_ENSURE] = "INSERT OR IGNORE INTO extra(xid) VALUES(?1)",
    [GF_SQL_TENANT_SET] = "INSERT INTO tenant(qid, name, weight) VALUES(?1, ?2, ?3) "
                          "ON CONFLICT(qid, name) DO UPDATE SET weight = ?3",
    [GF_SQL_TENANT_DROP] = "DELETE FROM tenant WHERE qid = ?1 AND name = ?2",
    [GF_SQL_TENANT_WEIGHT] = "SELECT weight FROM tenant WHERE qid = ?1 AND name = ?2",
    [GF_SQL_TENANT_LIST] =
        "SELECT " TENANT_COLUMNS
        "FROM (SELECT name FROM tenant WHERE qid = ?1 AND name > ?2 UNION SELECT f.name "
        "FROM fair_tenant f LEFT JOIN fair_line l USING(qid, lane) WHERE f.qid = ?1 "
        "AND f.name > ?2 AND f.finish > coalesce(l.now, 0) ORDER BY 1 LIMIT ?3) n",
    [GF_SQL_TENANT_ONE] =
        "SELECT " TENANT_COLUMNS "FROM (SELECT ?2 AS name) n WHERE EXISTS(SELECT 1 FROM tenant t "
        "WHERE t.qid = ?1 AND t.name = ?2) OR EXISTS(SELECT 1 FROM fair_tenant f "
        "LEFT JOIN fair_line l USING(qid, lane) WHERE f.qid = ?1 AND f.name = ?2 "
        "AND f.finish > coalesce(l.now, 0))",
    [GF_SQL_TENANTS_DROP_QUEUE] = "DELETE FROM tenant WHERE qid = ?1",
    [GF_SQL_FAIR_CHARGE] =
        "INSERT INTO fair_tenant(qid, name, lane, finish) VALUES(?1, ?2, ?3, ?4 + ?5) "
        "ON CONFLICT(qid, name, lane) DO UPDATE SET finish = max(" BOUNDED("finish") ", ?4) + ?5 "
        "RETURNING finish",
    [GF_SQL_FAIR_FORGET] =
        "DELETE FROM fair_tenant WHERE (qid, name, lane) IN (SELECT qid, name, lane FROM "
        "fair_tenant WHERE qid = ?1 AND lane = ?2 AND finish <= ?3 ORDER BY finish LIMIT ?4)",
    [GF_SQL_FAIR_FINISHES_DROP_QUEUE] = "DELETE FROM fair_tenant WHERE qid = ?1",
    [GF_SQL_FAIR_LINE] = "SELECT now, plain FROM fair_line WHERE qid = ?1 AND lane = ?2",
    [GF_SQL_FAIR_LINE_SET] = "INSERT INTO fair_line(qid, lane, now, plain) VALUES(?1, ?2, ?3, ?4) "
                             "ON CONFLICT(qid, lane) DO UPDATE SET now = ?3, plain = ?4",
    [GF_SQL_FAIR_LINE_DROP] = "DELETE FROM fair_line WHERE qid = ?1 AND lane = ?2",
    [GF_SQL_FAIR_LINE_AHEAD] =
        "INSERT INTO fair_line(qid, lane, now, plain) SELECT ?1, ?2, max(finish), 0 "
        "FROM fair_tenant WHERE qid = ?1 AND lane = ?2 HAVING max(finish) IS NOT NULL "
        "ON CONFLICT(qid, lane) DO UPDATE SET now = max(now, excluded.now)",
    [GF_SQL_FAIR_OLD] = "SELECT 1 FROM " THROUGH " LIMIT 1",
    [GF_SQL_FAIR_PURGE] = "DELETE FROM fair_tenant WHERE (qid, name, lane) IN "
                          "(SELECT f.qid, f.name, f.lane FROM " THROUGH " LIMIT ?1)",
    [GF_SQL_FAIR_LINE_PURGE] =
        "DELETE FROM fair_line AS l WHERE NOT EXISTS(SELECT 1 FROM fair f WHERE f.qid = l.qid "
        "AND f.lane = l.lane) AND NOT EXISTS(SELECT 1 FROM fair_tenant f WHERE f.qid = l.qid "
        "AND f.lane = l.lane)",
    [GF_SQL_FAIR_LINES_AHEAD] = LINES_AHEAD,
    [GF_SQL_FAIR_LINES_DROP_QUEUE] = "DELETE FROM fair_line WHERE qid = ?1",
    [GF_SQL_FAIR_ADD] = "INSERT INTO fair(qid, lane, tag, seq) VALUES(?1, ?2, ?3, ?4)",
    [GF_SQL_FAIR_DROP] = "DELETE FROM fair WHERE seq = ?1",
    [GF_SQL_FAIR_DROP_HEADS] = "DELETE FROM fair WHERE qid = ?1 AND lane = ?2 "
                               "AND (tag, seq) <= (?3, ?4)",
    [GF_SQL_FAIR_DROP_QUEUE] = "DELETE FROM fair WHERE qid = ?1",
    [GF_SQL_FAIR_LANE] =
        "SELECT lane FROM fair WHERE qid = ?1 AND lane >= ?2 ORDER BY lane LIMIT 1",
    [GF_SQL_FAIR_HEADS] = "SELECT tag, seq FROM fair WHERE qid = ?1 AND lane = ?2 "
                          "ORDER BY tag, seq LIMIT ?3",
    [GF_SQL_FAIR_LAST] = "SELECT max(seq) FROM ready WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_READY_SINCE] =
        "SELECT seq, since_ms FROM ready WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
    [GF_SQL_READY_SOME] =
        "SELECT count(*) FROM (SELECT 1 FROM ready WHERE seq BETWEEN ?1 AND ?2 LIMIT ?3)",
};
