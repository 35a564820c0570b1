// sql.c - every statement the broker runs, in one table. No strings are ever built from input.
#include "broker/sqlite/sql.h"

// The states as broker.h numbers them: 2 scheduled, 3 retry, 4 completed, 5 archived. They are
// literals here so that the partial indexes of `later` match.
#define QUEUE_COLUMNS "qid, tail, paused_ms, pending, active, scheduled, retry, completed, archived, name"

// See GF_SQ_COL_SEQ and on.
#define PAGE_READY  "SELECT " GF_SQ_BODY ", seq, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL FROM ready "
#define PAGE_ACTIVE "SELECT " GF_SQ_BODY ", seq, 1, 0, 0, NULL, 0, " \
                    "(SELECT w.id FROM worker w WHERE w.wid = active.wid), started_ms, " \
                    "done, total, note FROM active "
#define PAGE_LATER  "SELECT " GF_SQ_BODY ", seq, state, sort_ms, expires_ms, result, rbid, NULL, 0, 0, 0, NULL " \
                    "FROM later "

const char *const gf_sql_text[GF_SQL_COUNT] = {
    [GF_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [GF_SQL_BEGIN_READ] = "BEGIN",
    [GF_SQL_COMMIT] = "COMMIT",

    [GF_SQL_QUEUE_NAMED] = "SELECT " QUEUE_COLUMNS " FROM queue WHERE name = ?1",
    [GF_SQL_QUEUE_NUMBERED] = "SELECT " QUEUE_COLUMNS " FROM queue WHERE qid = ?1",
    [GF_SQL_QUEUE_ADD] = "INSERT INTO queue(name) VALUES(?1)",
    [GF_SQL_QUEUE_SAVE] =
        "UPDATE queue SET tail = ?2, pending = pending + ?3, active = active + ?4, scheduled = scheduled + ?5, "
        "retry = retry + ?6, completed = completed + ?7, archived = archived + ?8, processed = processed + ?9, "
        "failed = failed + ?10 WHERE qid = ?1",
    [GF_SQL_QUEUE_PAUSE] = "UPDATE queue SET paused_ms = ?2 WHERE qid = ?1",
    [GF_SQL_QUEUE_DROP] = "DELETE FROM queue WHERE qid = ?1",
    [GF_SQL_QUEUE_LIST] =
        "SELECT q.name, q.paused_ms, q.pending, q.active, q.scheduled, q.retry, q.completed, q.archived, "
        "q.processed, q.failed, d.processed, d.failed, "
        "(SELECT r.since_ms FROM ready r WHERE r.seq >= q.qid << 40 AND r.seq < (q.qid + 1) << 40 ORDER BY r.seq LIMIT 1) "
        "FROM queue q LEFT JOIN day d ON d.qid = q.qid AND d.day = ?1 "
        "WHERE ?2 IS NULL OR q.name = ?2 ORDER BY q.name",
    [GF_SQL_QUEUE_BACKLOG] = "SELECT pending + active + scheduled + retry FROM queue WHERE name = ?1",

    [GF_SQL_DAY_ADD] =
        "INSERT INTO day(qid, day, processed, failed) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(qid, day) "
        "DO UPDATE SET processed = processed + excluded.processed, failed = failed + excluded.failed",
    [GF_SQL_DAY_DROP] = "DELETE FROM day WHERE qid = ?1",
    [GF_SQL_DAY_OLD] = "SELECT 1 FROM day WHERE day < ?1 LIMIT 1",
    [GF_SQL_DAY_PURGE] = "DELETE FROM day WHERE day < ?1",
    [GF_SQL_DAY_LIST] =
        "SELECT day, sum(processed), sum(failed) FROM day "
        "WHERE ?1 IS NULL OR qid = (SELECT qid FROM queue WHERE name = ?1) "
        "GROUP BY day ORDER BY day DESC LIMIT ?2",

    [GF_SQL_ID_ADD] = "INSERT INTO ids(qid, id, seq) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [GF_SQL_ID_DROP] = "DELETE FROM ids WHERE qid = ?1 AND id = ?2",
    [GF_SQL_ID_FIND] =
        "SELECT i.seq, CASE WHEN EXISTS(SELECT 1 FROM ready r WHERE r.seq = i.seq) THEN 0 "
        "WHEN EXISTS(SELECT 1 FROM active a WHERE a.seq = i.seq) THEN 1 "
        "ELSE (SELECT l.state FROM later l WHERE l.seq = i.seq) END FROM ids i WHERE i.qid = ?1 AND i.id = ?2",

    [GF_SQL_BLOB_ADD] = "INSERT INTO blob(data) VALUES(?1)",
    [GF_SQL_BLOB_GET] = "SELECT data FROM blob WHERE bid = ?1",
    [GF_SQL_BLOB_DROP] = "DELETE FROM blob WHERE bid = ?1",

    [GF_SQL_READY_ADD] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    [GF_SQL_READY_TAKE] = "SELECT " GF_SQ_BODY ", seq, since_ms FROM ready WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
    // One number for all tasks of a take and one of its own for each: a token no other claim has.
    [GF_SQL_READY_TO_ACTIVE] =
        "INSERT INTO active(seq, token, wid, lease_until, started_ms, since_ms, " GF_SQ_BODY ") "
        "SELECT seq, ?3 + (seq & 1048575), ?4, ?5, ?6, since_ms, " GF_SQ_BODY " FROM ready WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_READY_DROP_RANGE] = "DELETE FROM ready WHERE seq BETWEEN ?1 AND ?2",
    [GF_SQL_READY_LIST] = "SELECT seq FROM ready WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
    [GF_SQL_READY_ARCHIVE] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY ") "
        "SELECT seq, seq >> 40, 5, ?2, " GF_SQ_BODY " FROM ready WHERE seq = ?1",
    [GF_SQL_READY_ID_DROP] = "DELETE FROM ids WHERE qid = ?1 >> 40 AND id = (SELECT id FROM ready WHERE seq = ?1)",
    [GF_SQL_READY_BLOB_DROP] = "DELETE FROM blob WHERE bid = (SELECT bid FROM ready WHERE seq = ?1)",
    [GF_SQL_READY_BODY] = "SELECT " GF_SQ_BODY " FROM ready WHERE seq = ?1",

    [GF_SQL_ACTIVE_HAS] = "SELECT 1 FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_DROP] = "DELETE FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_DROP_ANY] = "DELETE FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_REQUEUE] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") "
        "SELECT seq, since_ms, " GF_SQ_BODY " FROM active WHERE seq = ?1 AND token = ?2",
    // ?9: 1 if this is a failed attempt, else 0; ?10: now. Archiving is no retry: as in Asynq the count stays.
    [GF_SQL_ACTIVE_TO_LATER] =
        "INSERT INTO later(seq, qid, state, sort_ms, expires_ms, result, rbid, " GF_SQ_BODY ") "
        "SELECT seq, seq >> 40, ?3, ?4, ?5, ?6, ?7, " GF_SQ_BODY_FIXED ", "
        "CASE ?9 WHEN 0 THEN failed_ms ELSE ?10 END, retried + (?9 AND ?3 = 3), crashes, " GF_SQ_BODY_TEXT ", coalesce(?8, error) "
        "FROM active WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_EXTEND] = "UPDATE active SET lease_until = ?3 WHERE seq = ?1 AND token = ?2",
    [GF_SQL_ACTIVE_PROGRESS] = "UPDATE active SET done = ?3, total = ?4, note = ?5 WHERE seq = ?1 AND token = ?2",
    // ?1: now; ?2: later than any lease can end, but for those from before a reboot
    [GF_SQL_ACTIVE_LOST] =
        "SELECT seq, crashes FROM active WHERE lease_until < ?1 OR lease_until > ?2 "
        "OR wid NOT IN (SELECT wid FROM worker) LIMIT ?3",
    [GF_SQL_ACTIVE_CRASHED] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") SELECT seq, since_ms, " GF_SQ_BODY_FIXED ", "
        "failed_ms, retried, crashes + 1, " GF_SQ_BODY_TEXT ", error FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_CRASHED_OUT] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY ") SELECT seq, seq >> 40, 5, ?2, "
        GF_SQ_BODY_FIXED ", ?2, retried, crashes + 1, " GF_SQ_BODY_TEXT ", ?3 FROM active WHERE seq = ?1",
    [GF_SQL_ACTIVE_BODY] = "SELECT " GF_SQ_BODY " FROM active WHERE seq = ?1",

    [GF_SQL_LATER_ADD] =
        "INSERT INTO later(seq, qid, state, sort_ms, " GF_SQ_BODY ") "
        "VALUES(?1, ?1 >> 40, 2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    [GF_SQL_LATER_DUE] =
        "SELECT seq, state, sort_ms FROM later INDEXED BY later_due WHERE state IN (2, 3) AND sort_ms <= ?1 "
        "ORDER BY sort_ms, seq LIMIT ?2",
    [GF_SQL_LATER_NEXT] =
        "SELECT sort_ms FROM later INDEXED BY later_due WHERE state IN (2, 3) ORDER BY sort_ms LIMIT 1",
    [GF_SQL_LATER_EXPIRED] =
        "SELECT seq FROM later INDEXED BY later_expiry WHERE state = 4 AND expires_ms <= ?1 "
        "ORDER BY expires_ms LIMIT ?2",
    [GF_SQL_LATER_TO_READY] =
        "INSERT INTO ready(seq, since_ms, " GF_SQ_BODY ") SELECT ?2, ?3, " GF_SQ_BODY " FROM later WHERE seq = ?1",
    [GF_SQL_LATER_ID_MOVE] =
        "UPDATE ids SET seq = ?2 WHERE qid = ?1 >> 40 AND id = (SELECT id FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_ID_DROP] = "DELETE FROM ids WHERE qid = ?1 >> 40 AND id = (SELECT id FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_BLOB_DROP] =
        "DELETE FROM blob WHERE bid IN (SELECT bid FROM later WHERE seq = ?1 "
        "UNION ALL SELECT rbid FROM later WHERE seq = ?1)",
    [GF_SQL_LATER_DROP] = "DELETE FROM later WHERE seq = ?1",
    [GF_SQL_LATER_LIST] = "SELECT seq FROM later WHERE qid = ?1 AND state = ?2 ORDER BY sort_ms, seq LIMIT ?3",
    [GF_SQL_LATER_ARCHIVE] = "UPDATE later SET state = 5, sort_ms = ?2, expires_ms = 0 WHERE seq = ?1",
    [GF_SQL_LATER_BODY] = "SELECT " GF_SQ_BODY " FROM later WHERE seq = ?1",

    [GF_SQL_PAGE_READY] = PAGE_READY "WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3",
    [GF_SQL_PAGE_ACTIVE] = PAGE_ACTIVE "WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3",
    [GF_SQL_PAGE_LATER] = PAGE_LATER "WHERE qid = ?1 AND state = ?2 AND (sort_ms, seq) > (?3, ?4) "
                                     "ORDER BY sort_ms, seq LIMIT ?5",
    [GF_SQL_ONE_LATER] = PAGE_LATER "WHERE seq = ?1",

    [GF_SQL_ITEM_READY] = "SELECT " GF_SQ_BODY ", since_ms FROM ready WHERE seq = ?1",
    [GF_SQL_ITEM_LATER] = "SELECT " GF_SQ_BODY ", sort_ms, expires_ms, result, rbid FROM later WHERE seq = ?1",
    [GF_SQL_ITEM_ADD] =
        "INSERT INTO later(seq, qid, state, sort_ms, expires_ms, result, rbid, " GF_SQ_BODY ") VALUES(?1, ?1 >> 40, ?2, ?3, "
        "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",

    [GF_SQL_WORKER_SAVE] =
        "INSERT INTO worker(wid, id, host, pid, started_ms, state, concurrency, running, queues, is_strict, lease_until) "
        "VALUES(nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT(id) DO UPDATE SET "
        "host = excluded.host, pid = excluded.pid, started_ms = excluded.started_ms, state = excluded.state, "
        "concurrency = excluded.concurrency, running = excluded.running, queues = excluded.queues, "
        "is_strict = excluded.is_strict, lease_until = excluded.lease_until",
    [GF_SQL_WORKER_WID] = "SELECT wid FROM worker WHERE id = ?1",
    [GF_SQL_WORKER_DROP] = "DELETE FROM worker WHERE wid = ?1",
    [GF_SQL_WORKER_LIST] =
        "SELECT wid, lease_until, id, host, pid, started_ms, state, concurrency, running, queues, is_strict "
        "FROM worker ORDER BY started_ms, wid",

    [GF_SQL_CANCEL_ADD] = "INSERT OR REPLACE INTO cancel(seq, token) SELECT seq, token FROM active WHERE seq = ?1",
    [GF_SQL_CANCEL_PURGE] =
        "DELETE FROM cancel WHERE NOT EXISTS(SELECT 1 FROM active a WHERE a.seq = cancel.seq AND a.token = cancel.token)",
    [GF_SQL_CANCEL_HAS] = "SELECT 1 FROM cancel WHERE seq = ?1 AND token = ?2",
    [GF_SQL_CANCEL_LIST] =
        "SELECT q.name, a.id FROM cancel c JOIN active a ON a.seq = c.seq AND a.token = c.token "
        "JOIN queue q ON q.qid = c.seq >> 40",
};
