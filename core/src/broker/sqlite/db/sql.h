// sql.h - the names of all statements, and the columns that a task's row has in every table.
//
// A task's row sits in exactly one of three tables with the same body, and moves between them:
//   ready   pending, in the order of its key: seq = qid << 40 | number, so no second index; those
//           with a priority have numbers of their own (lane.c)
//   active  taken; keeps its seq, so that a requeued task is back at the head by itself
//   later   scheduled, retry, completed, archived, aggregating; a new seq when it becomes pending,
//           and never one of a lane
#ifndef GF_BROKER_SQLITE_SQL_H
#define GF_BROKER_SQLITE_SQL_H

// `crashes` is three in one (blame.h): its low 32 bits are the crashes, the next 16 the suspicions,
// and the one above says that a suspect was proven in this run. A gofer that knows only the first
// reads the low bits.
#define GF_SQ_CRASHES    "(crashes & 2147483647)"
#define GF_SQ_UNPROVEN   "(crashes & ~(1 << 48))"
#define GF_SQ_ON_TRIAL   "((crashes >> 32) BETWEEN 1 AND 65535)"

// Of an aggregating task it says instead how often its set did not come back, and, above all those,
// which set that was. It is 0 again when the task leaves its group.
enum { GF_SQ_SET_MASK = 0x3fff };      // from bit 49 on

// The body: numbers first, what may be long last. A larger payload is in blob (bid, size); what few
// tasks have in extra (xid).
#define GF_SQ_BODY_FIXED GF_SQ_BODY_FIRST ", xid"
#define GF_SQ_BODY_FIRST "bid, size, enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry"
#define GF_SQ_BODY_TEXT  "id, type, headers, payload"
#define GF_SQ_BODY GF_SQ_BODY_FIXED ", failed_ms, retried, crashes, " GF_SQ_BODY_TEXT ", error"
// Of a new row: its xid is 0.
#define GF_SQ_BODY_NEW GF_SQ_BODY_FIRST ", failed_ms, retried, crashes, " GF_SQ_BODY_TEXT ", error"

enum { GF_SQ_BODY_COUNT = 16, GF_SQ_BODY_NEW_COUNT = GF_SQ_BODY_COUNT - 1 };

// What inspection selects from each table (inspect/page.c): body, then these.
enum {
    GF_SQ_COL_SEQ = GF_SQ_BODY_COUNT,
    GF_SQ_COL_STATE,
    GF_SQ_COL_SORT,
    GF_SQ_COL_EXPIRES,
    GF_SQ_COL_RESULT,
    GF_SQ_COL_RBID,
    GF_SQ_COL_WORKER,
    GF_SQ_COL_STARTED,
    GF_SQ_COL_DONE,
    GF_SQ_COL_TOTAL,
    GF_SQ_COL_TEXT,
    GF_SQ_COL_ASKED,
    GF_SQ_COL_GROUP
};

// In GF_SQL_QUEUE_NAMED and _NUMBERED the first of the counts, which are in the
// order of the states.
enum { GF_SQ_QUEUE_COUNTS = 5 };

typedef enum gf_sql {
    GF_SQL_BEGIN,
    GF_SQL_BEGIN_READ,
    GF_SQL_COMMIT,
    GF_SQL_ROLLBACK,

    GF_SQL_QUEUE_NAMED,
    GF_SQL_QUEUE_NUMBERED,
    GF_SQL_QUEUE_ADD,
    GF_SQL_QUEUE_SAVE,
    GF_SQL_QUEUE_PAUSE,
    GF_SQL_QUEUE_RANKED,
    GF_SQL_QUEUE_LIMITED,
    GF_SQL_QUEUE_DROP,
    GF_SQL_QUEUE_DOOM,
    GF_SQL_QUEUE_DOOMED,
    GF_SQL_QUEUE_IS_DOOMED,
    GF_SQL_QUEUE_LIST,
    GF_SQL_QUEUE_BACKLOG,
    GF_SQL_QUEUE_NAMES,
    GF_SQL_QUEUES_FILLED,
    GF_SQL_QUEUES_WITH,
    GF_SQL_DAY_ADD,
    GF_SQL_DAY_DROP,
    GF_SQL_DAY_OLD,
    GF_SQL_DAY_PURGE,
    GF_SQL_DAY_LIST,

    GF_SQL_ID_ADD,
    GF_SQL_ID_ADD_BATCH,
    GF_SQL_ID_TAKE_BACK,
    GF_SQL_ID_DROP,
    GF_SQL_ID_COUNT_RUN,
    GF_SQL_ID_DROP_RUN,
    GF_SQL_ID_FIND,
    GF_SQL_BLOB_ADD,
    GF_SQL_BLOB_GET,
    GF_SQL_BLOB_DROP,

    GF_SQL_READY_ADD,
    GF_SQL_READY_ADD_BATCH,
    GF_SQL_READY_TAKE,
    GF_SQL_READY_TO_ACTIVE,
    GF_SQL_READY_DROP_RANGE,
    GF_SQL_READY_LIST,
    GF_SQL_READY_ARCHIVE,
    GF_SQL_READY_ID_DROP,
    GF_SQL_READY_BLOB_DROP,
    GF_SQL_READY_BODY,
    GF_SQL_READY_MORE,
    GF_SQL_READY_SET_XID,
    GF_SQL_READY_SET_PAYLOAD,
    GF_SQL_READY_TO_LATER,
    GF_SQL_READY_TO_TAIL,
    GF_SQL_READY_ID_MOVE,
    GF_SQL_READY_HEADERS,
    GF_SQL_READY_COUNT,
    GF_SQL_READY_RENUMBER,
    GF_SQL_LANE_LAST,

    GF_SQL_ACTIVE_HAS,
    GF_SQL_ACTIVE_DROP,
    GF_SQL_ACTIVE_DROP_ANY,
    GF_SQL_ACTIVE_COUNT_RUN,
    GF_SQL_ACTIVE_DROP_RANGE,
    GF_SQL_ACTIVE_REQUEUE,
    GF_SQL_ACTIVE_TO_LATER,
    GF_SQL_ACTIVE_EXTEND,
    GF_SQL_ACTIVE_PROGRESS,
    GF_SQL_ACTIVE_EXPIRED,
    GF_SQL_ACTIVE_CRASHED,
    GF_SQL_ACTIVE_CRASHED_OUT,
    GF_SQL_ACTIVE_BODY,
    GF_SQL_ACTIVE_XID,
    GF_SQL_ACTIVE_SET_XID,
    GF_SQL_ACTIVE_SET_HEADERS,
    GF_SQL_ACTIVE_RUN,
    GF_SQL_ACTIVE_OF,
    GF_SQL_ACTIVE_CANCELLED,
    GF_SQL_ACTIVE_PROVEN,
    GF_SQL_ACTIVE_HELD,

    GF_SQL_LATER_ADD,
    GF_SQL_LATER_DUE,
    GF_SQL_LATER_NEXT,
    GF_SQL_LATER_EXPIRED,
    GF_SQL_LATER_TO_READY,
    GF_SQL_LATER_HEADERS,
    GF_SQL_LATER_RENUMBER,
    GF_SQL_LATER_ID_MOVE,
    GF_SQL_LATER_ID_DROP,
    GF_SQL_LATER_BLOB_DROP,
    GF_SQL_LATER_DROP,
    GF_SQL_LATER_LIST,
    GF_SQL_LATER_ARCHIVE,
    GF_SQL_LATER_BODY,
    GF_SQL_LATER_MORE,
    GF_SQL_LATER_SET_XID,
    GF_SQL_LATER_SET_PAYLOAD,
    GF_SQL_LATER_SET_TIME,
    GF_SQL_LATER_UNCHARGED,
    GF_SQL_LATER_SET_ERROR,

    GF_SQL_FILE_SIZE,

    GF_SQL_READY_ENDS,
    GF_SQL_READY_FROM_END,
    GF_SQL_LATER_FROM_END,
    GF_SQL_PAGE_READY,
    GF_SQL_PAGE_ACTIVE,
    GF_SQL_PAGE_LATER,
    GF_SQL_PAGE_GROUPS,
    GF_SQL_PAGE_GROUP,
    GF_SQL_ONE_LATER,

    GF_SQL_ITEM_READY,
    GF_SQL_ITEM_LATER,
    GF_SQL_ITEM_ADD,

    GF_SQL_WORKER_SAVE,
    GF_SQL_WORKER_WID,
    GF_SQL_WORKER_DROP,
    GF_SQL_WORKER_LIST,
    GF_SQL_WORKER_PAGE,
    GF_SQL_WORKER_DEATH,
    GF_SQL_WORKER_DIED,

    GF_SQL_CANCEL_ADD,
    GF_SQL_CANCEL_PURGE,
    GF_SQL_CANCEL_HAS,
    GF_SQL_CANCEL_LIST,

    GF_SQL_EXTRA_ADD,
    GF_SQL_EXTRA_BEGIN,
    GF_SQL_EXTRA_GET,
    GF_SQL_EXTRA_SET_LOCK,
    GF_SQL_EXTRA_SET_CHECKPOINT,
    GF_SQL_EXTRA_SET_ATTEMPTS,
    GF_SQL_EXTRA_SET_LOG,
    GF_SQL_EXTRA_DROP,
    GF_SQL_BLOB_SET,
    GF_SQL_LOCK_FIND,
    GF_SQL_LOCK_ADD,
    GF_SQL_LOCK_DROP,
    GF_SQL_LOCK_START,
    GF_SQL_LOCK_OLD,
    GF_SQL_LOCK_PURGE,
    GF_SQL_LOCK_DROP_QUEUE,

    GF_SQL_GROUP_FIND,
    GF_SQL_GROUP_ADD,
    GF_SQL_GROUP_TURNS,
    GF_SQL_GROUP_LAST,
    GF_SQL_GROUP_DROP_EMPTY,
    GF_SQL_GROUP_DROP,
    GF_SQL_GROUP_DROP_QUEUE,
    GF_SQL_GROUP_LIST,
    GF_SQL_GROUP_ROWS,
    GF_SQL_SET_ADD,
    GF_SQL_SET_GET,
    GF_SQL_SET_FIND,
    GF_SQL_SET_MADE,
    GF_SQL_SET_LIST,
    GF_SQL_MEMBER_ADD,
    GF_SQL_MEMBER_OF,
    GF_SQL_MEMBER_DROP,
    GF_SQL_MEMBER_TASKS,
    GF_SQL_MEMBER_TO_SET,
    GF_SQL_MEMBER_TO_GROUP,
    GF_SQL_MEMBER_CRASHED,
    GF_SQL_MEMBER_CLEARED,
    GF_SQL_MEMBER_LIST,
    GF_SQL_MEMBER_MORE,
    GF_SQL_MEMBER_IDS_DROP,
    GF_SQL_MEMBER_BLOBS_DROP,
    GF_SQL_MEMBER_ROWS_DROP,
    GF_SQL_MEMBER_ALL_DROP,

    GF_SQL_AWAITED_ADD,
    GF_SQL_AWAITED_TELL,
    GF_SQL_AWAITED_GET,
    GF_SQL_AWAITED_TOLD,
    GF_SQL_AWAITED_ENDED,
    GF_SQL_AWAITED_PAST,
    GF_SQL_AWAITED_LINGERING,
    GF_SQL_AWAITED_KEEP,
    GF_SQL_AWAITED_DROP,
    GF_SQL_AWAITED_OLD,
    GF_SQL_AWAITED_PURGE,

    GF_SQL_COMMAND_ADD,
    GF_SQL_COMMAND_HAS,
    GF_SQL_COMMAND_LIST,
    GF_SQL_COMMAND_DROP,
    GF_SQL_COMMAND_OLD,
    GF_SQL_COMMAND_PURGE,
    GF_SQL_WORKER_FIND,

    GF_SQL_ENTRY_ADD,
    GF_SQL_ENTRY_SET,
    GF_SQL_ENTRY_DROP,
    GF_SQL_ENTRY_LIST,
    GF_SQL_NUMBER_GET,
    GF_SQL_NUMBER_SET,
    GF_SQL_TICK_GET,
    GF_SQL_TICK_SET,
    GF_SQL_TICK_OLD,
    GF_SQL_TICK_PURGE,
    GF_SQL_TICKED_ADD,
    GF_SQL_TICKED_TRIM,
    GF_SQL_TICKED_LIST,
    GF_SQL_TICKED_DROP,

    GF_SQL_EVENT_ADD,
    GF_SQL_EVENT_TRIM,
    GF_SQL_EVENT_LAST,
    GF_SQL_EVENT_OLD,
    GF_SQL_EVENT_LIST,

    GF_SQL_STATS_GET,
    GF_SQL_STATS_SET,
    GF_SQL_STATS_LIST,
    GF_SQL_STATS_HOURS,
    GF_SQL_STATS_OLD,
    GF_SQL_STATS_PURGE,
    GF_SQL_STATS_DROP_QUEUE,
    GF_SQL_MINUTE_GET,
    GF_SQL_MINUTE_SET,
    GF_SQL_MINUTE_LIST,
    GF_SQL_MINUTE_OLD,
    GF_SQL_MINUTE_PURGE,
    GF_SQL_MINUTE_DROP_QUEUE,

    GF_SQL_AUDIT_ADD,
    GF_SQL_AUDIT_TRIM,
    GF_SQL_AUDIT_LIST,

    GF_SQL_LIMIT_GET,
    GF_SQL_LIMIT_PREFIX,
    GF_SQL_LIMIT_SET,
    GF_SQL_LIMIT_DROP,
    GF_SQL_LIMIT_LIST,
    GF_SQL_KEY_GET,
    GF_SQL_KEY_UNTIL,
    GF_SQL_KEY_NUMBERED,
    GF_SQL_KEY_ADD,
    GF_SQL_KEY_SET,
    GF_SQL_KEY_OCCUPY,
    GF_SQL_KEY_DROP,
    GF_SQL_KEY_DROP_QUEUE,
    GF_SQL_KEY_PAUSE,
    GF_SQL_KEY_PAGE,
    GF_SQL_KEYS_WAKE,
    GF_SQL_KEYS_DUE,
    GF_SQL_KEY_NEXT,
    GF_SQL_KEY_LAST,
    GF_SQL_KEY_OLD,
    GF_SQL_KEY_PURGE,
    GF_SQL_HOLDS_ADD,
    GF_SQL_HOLDS_OF,
    GF_SQL_HOLDS_DROP,
    GF_SQL_HOLDS_COUNT,
    GF_SQL_HOLDS_OLDEST,
    GF_SQL_HELD_ADD,
    GF_SQL_HELD_FIRST,
    GF_SQL_HELD_DROP,
    GF_SQL_HELD_LAST,
    GF_SQL_HELD_COUNT,
    GF_SQL_HELD_KEY,

    GF_SQL_COUNT
} gf_sql;

extern const char *const gf_sql_text[GF_SQL_COUNT];

#endif
