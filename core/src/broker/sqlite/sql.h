// sql.h - the names of all statements, and the columns that a task's row has in every table.
//
// A task's row sits in exactly one of three tables with the same body, and moves between them:
//   ready   pending, in the order of its key: seq = qid << 40 | number, so no second index
//   active  taken; keeps its seq, so that a requeued task is back at the head by itself
//   later   scheduled, retry, completed, archived; a new seq when it becomes pending
#ifndef GF_BROKER_SQLITE_SQL_H
#define GF_BROKER_SQLITE_SQL_H

// The body: numbers first, what may be long last. A larger payload is in blob (bid, size).
#define GF_SQ_BODY_FIXED "bid, size, enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry"
#define GF_SQ_BODY_TEXT  "id, type, headers, payload"
#define GF_SQ_BODY       GF_SQ_BODY_FIXED ", failed_ms, retried, crashes, " GF_SQ_BODY_TEXT ", error"

enum { GF_SQ_BODY_COUNT = 15 };

// What inspection selects from each table (look.c): body, then these.
enum {
    GF_SQ_COL_SEQ = GF_SQ_BODY_COUNT, GF_SQ_COL_STATE, GF_SQ_COL_SORT, GF_SQ_COL_EXPIRES, GF_SQ_COL_RESULT,
    GF_SQ_COL_RBID, GF_SQ_COL_WORKER, GF_SQ_COL_STARTED, GF_SQ_COL_DONE, GF_SQ_COL_TOTAL, GF_SQ_COL_TEXT
};

typedef enum gf_sql {
    GF_SQL_BEGIN, GF_SQL_BEGIN_READ, GF_SQL_COMMIT,

    GF_SQL_QUEUE_NAMED, GF_SQL_QUEUE_NUMBERED, GF_SQL_QUEUE_ADD, GF_SQL_QUEUE_SAVE, GF_SQL_QUEUE_PAUSE,
    GF_SQL_QUEUE_DROP, GF_SQL_QUEUE_LIST, GF_SQL_QUEUE_BACKLOG,
    GF_SQL_DAY_ADD, GF_SQL_DAY_DROP, GF_SQL_DAY_OLD, GF_SQL_DAY_PURGE, GF_SQL_DAY_LIST,

    GF_SQL_ID_ADD, GF_SQL_ID_DROP, GF_SQL_ID_FIND,
    GF_SQL_BLOB_ADD, GF_SQL_BLOB_GET, GF_SQL_BLOB_DROP,

    GF_SQL_READY_ADD, GF_SQL_READY_TAKE, GF_SQL_READY_TO_ACTIVE, GF_SQL_READY_DROP_RANGE,
    GF_SQL_READY_LIST, GF_SQL_READY_ARCHIVE, GF_SQL_READY_ID_DROP, GF_SQL_READY_BLOB_DROP, GF_SQL_READY_BODY,

    GF_SQL_ACTIVE_HAS, GF_SQL_ACTIVE_DROP, GF_SQL_ACTIVE_DROP_ANY, GF_SQL_ACTIVE_REQUEUE, GF_SQL_ACTIVE_TO_LATER,
    GF_SQL_ACTIVE_EXTEND, GF_SQL_ACTIVE_PROGRESS, GF_SQL_ACTIVE_LOST, GF_SQL_ACTIVE_CRASHED,
    GF_SQL_ACTIVE_CRASHED_OUT, GF_SQL_ACTIVE_BODY,

    GF_SQL_LATER_ADD, GF_SQL_LATER_DUE, GF_SQL_LATER_NEXT, GF_SQL_LATER_EXPIRED, GF_SQL_LATER_TO_READY,
    GF_SQL_LATER_ID_MOVE, GF_SQL_LATER_ID_DROP, GF_SQL_LATER_BLOB_DROP, GF_SQL_LATER_DROP, GF_SQL_LATER_LIST,
    GF_SQL_LATER_ARCHIVE, GF_SQL_LATER_BODY,

    GF_SQL_PAGE_READY, GF_SQL_PAGE_ACTIVE, GF_SQL_PAGE_LATER, GF_SQL_ONE_LATER,

    GF_SQL_ITEM_READY, GF_SQL_ITEM_LATER, GF_SQL_ITEM_ADD,

    GF_SQL_WORKER_SAVE, GF_SQL_WORKER_WID, GF_SQL_WORKER_DROP, GF_SQL_WORKER_LIST,

    GF_SQL_CANCEL_ADD, GF_SQL_CANCEL_PURGE, GF_SQL_CANCEL_HAS, GF_SQL_CANCEL_LIST,

    GF_SQL_COUNT
} gf_sql;

extern const char *const gf_sql_text[GF_SQL_COUNT];

#endif
