// upkeep.c - housekeeping: tasks that are due, tasks past their retention, the file itself.
//
// Each duty looks through the reading connection first: when there is nothing to do, which is
// nearly always, nobody's writing is held up for it.
#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/minmax.h"

enum {
    HISTORY_DAYS = 90, TICKS_MS = 8 * 24 * 3600 * 1000,
    MINUTES_LATE = 10,                   // stats of so many minutes go at once, not each by itself
    OVERDUE_MS = 10 * 60 * 1000,         // a debounced task that nobody forwards is looked at again
    VACUUM_STEPS = 16                    // transactions of one upkeep that give pages back
};

// A duty on up to `limit` rows of `later`, whose keys are collected before any is changed.
typedef struct duty {
    size_t   limit;
    size_t   done;
    int64_t *keys;                       // seq, state, sort_ms of each; room for limit
    int64_t  next_ms;
    bool     needed;
    bool     quiet;                      // nobody listens to events
    int64_t  key_from;                   // keys of limits are looked at from this one on
} duty;

static int64_t column(sqlite3_stmt *s, int at)
{
    return at < sqlite3_column_count(s) ? sqlite3_column_int64(s, at) : 0;
}

static size_t collect(gf_sq_txn *t, duty *d, gf_sql which)
{
    size_t count = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, which);
    gf_sq_bind_int(t->conn, s, 1, t->now_ms);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)d->limit);
    for (; count < d->limit && gf_sq_row(t->conn, s); count++)
        for (int i = 0; i < 3; i++)
            d->keys[3 * count + (size_t)i] = column(s, i);
    gf_sq_done(s);
    return count;
}

static gofer_status perform(gf_broker *b, gf_sq_op *op, duty *d)
{
    d->keys = gf_calloc(d->limit, 3 * sizeof *d->keys);
    if (!d->keys)
        return gf_fail_nomem("a housekeeping step");
    op->arg = d;
    op->tasks = d->limit;
    gofer_status st = gf_sq_write((gf_sq_store *)b, op);
    gf_free(d->keys);
    return st;
}

// ---- forward -------------------------------------------------------------------------

static int64_t next_due(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_LATER_NEXT);
    int64_t next_ms = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : GF_NONE_DUE;
    gf_sq_done(s);
    return gf_min(next_ms, gf_sq_gates_next(c));
}

static gofer_status look_at_due(gf_sq_conn *c, void *arg)
{
    duty *d = arg;
    d->next_ms = next_due(c);
    return GOFER_OK;
}

static void forward_one(gf_sq_txn *t, int64_t seq, gf_state state, int64_t due_ms)
{
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(seq));
    if (!q || (state != GF_SCHEDULED && state != GF_RETRY))
        return;
    gf_sq_standing standing;
    gf_sq_row_standing(t, q, state, seq, &standing);
    int64_t at_tail = gf_sq_line_next(t, q, &standing);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_TO_READY, seq, at_tail, due_ms);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_ID_MOVE, seq, at_tail);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, seq);
    gf_sq_queue_count(q, state, -1);
    gf_sq_queue_count(q, GF_PENDING, 1);
    t->wakeups |= q->bit;
}

static gofer_status forward(gf_sq_txn *t, void *arg)
{
    duty *d = arg;
    d->done = collect(t, d, GF_SQL_LATER_DUE);
    for (size_t i = 0; i < d->done && t->conn->rc == SQLITE_OK; i++)
        forward_one(t, d->keys[3 * i], (gf_state)d->keys[3 * i + 1], d->keys[3 * i + 2]);
    if (d->done < d->limit)
        d->done += gf_sq_gates_look(t, d->limit - d->done);
    d->next_ms = next_due(t->conn);
    return GOFER_OK;
}

gofer_status gf_sq_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    duty d = { .limit = limit };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_at_due, &d);
    if (st == GOFER_OK && limit && d.next_ms <= gf_now_ms()) {
        gf_sq_op op = { .run = forward };
        st = perform(b, &op, &d);
    }
    if (st == GOFER_OK) {
        *done = d.done;
        *next_ms = d.next_ms;
    }
    return st;
}

// ---- purge -----------------------------------------------------------------------------

static int64_t first_day(int64_t now_ms)
{
    return gf_day_of(now_ms) - HISTORY_DAYS + 1;
}

static int64_t first_hour(int64_t now_ms)
{
    return now_ms / GF_STATS_HOUR_MS - GF_STATS_HOURS;
}

static int64_t first_minute(int64_t now_ms)
{
    return now_ms / GF_STATS_MINUTE_MS - GF_STATS_MINUTES;
}

static bool is_any(gf_sq_conn *c, gf_sql which, int64_t one, int64_t two)
{
    sqlite3_stmt *s = gf_sq_stmt(c, which);
    if (s && sqlite3_bind_parameter_count(s) > 0)
        gf_sq_bind_int(c, s, 1, one);
    if (s && sqlite3_bind_parameter_count(s) > 1)
        gf_sq_bind_int(c, s, 2, two);
    bool any = gf_sq_row(c, s);
    gf_sq_done(s);
    return any;
}

// Keys of limits are looked at from any one on, some at a time: all of them in the end.
static int64_t some_key(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_KEY_LAST);
    int64_t last = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return last > 0 ? (int64_t)(gf_random64() % (uint64_t)last) : 0;
}

static gofer_status look_at_expired(gf_sq_conn *c, void *arg)
{
    duty *d = arg;
    int64_t now_ms = gf_now_ms(), mono_ms = gf_mono_ms();
    d->needed = gf_sq_first_doomed(c) || is_any(c, GF_SQL_LATER_EXPIRED, now_ms, 1) ||
        is_any(c, GF_SQL_DAY_OLD, first_day(now_ms), 0) || is_any(c, GF_SQL_LOCK_OLD, now_ms, 0) ||
        is_any(c, GF_SQL_DEBOUNCE_OLD, now_ms, 0) ||
        is_any(c, GF_SQL_STATS_OLD, first_hour(now_ms), 0) ||
        is_any(c, GF_SQL_MINUTE_OLD, first_minute(now_ms) - MINUTES_LATE, 0) ||
        is_any(c, GF_SQL_AWAITED_OLD, mono_ms, mono_ms + GF_SQ_LEASE_HORIZON_MS) ||
        is_any(c, GF_SQL_TICK_OLD, now_ms - TICKS_MS, 0) || is_any(c, GF_SQL_COMMAND_OLD, 0, 0) ||
        is_any(c, GF_SQL_KEY_OLD, now_ms, d->key_from = some_key(c)) ||
        is_any(c, GF_SQL_FAIR_OLD, 0, 0) ||
        (d->quiet && is_any(c, GF_SQL_EVENT_OLD, 1, 0));
    return GOFER_OK;
}

static void purge_one(gf_sq_txn *t, int64_t seq)
{
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(seq));
    if (!q)
        return;
    gf_sq_row_move(t, q, GF_COMPLETED, GF_STATE_COUNT, seq, GF_END_DELETED);
}

static gofer_status purge(gf_sq_txn *t, void *arg)
{
    duty *d = arg;
    d->done = collect(t, d, GF_SQL_LATER_EXPIRED);
    for (size_t i = 0; i < d->done && t->conn->rc == SQLITE_OK; i++)
        purge_one(t, d->keys[3 * i]);
    int64_t doomed = d->done < d->limit ? gf_sq_first_doomed(t->conn) : 0;
    if (doomed)                          // who deleted it was killed, or is at it
        d->done += gf_sq_doomed_step(t, doomed, d->keys, d->limit - d->done);
    GF_SQ_RUN(t->conn, GF_SQL_DAY_PURGE, first_day(t->now_ms));
    GF_SQ_RUN(t->conn, GF_SQL_LOCK_PURGE, t->now_ms, (int64_t)d->limit);
    GF_SQ_RUN(t->conn, GF_SQL_DEBOUNCE_PURGE, t->now_ms, (int64_t)d->limit);
    GF_SQ_RUN(t->conn, GF_SQL_DEBOUNCE_STANDS, t->now_ms, (int64_t)d->limit,
        t->now_ms + OVERDUE_MS);
    GF_SQ_RUN(t->conn, GF_SQL_STATS_PURGE, first_hour(t->now_ms));
    GF_SQ_RUN(t->conn, GF_SQL_MINUTE_PURGE, first_minute(t->now_ms));
    GF_SQ_RUN(t->conn, GF_SQL_AWAITED_PURGE, t->mono_ms, t->mono_ms + GF_SQ_LEASE_HORIZON_MS);
    GF_SQ_RUN(t->conn, GF_SQL_TICK_PURGE, t->now_ms - TICKS_MS);
    gf_sq_run(t->conn, gf_sq_stmt(t->conn, GF_SQL_COMMAND_PURGE));
    GF_SQ_RUN(t->conn, GF_SQL_KEY_PURGE, t->now_ms, d->key_from);
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_PURGE, (int64_t)d->limit);
    gf_sq_run(t->conn, gf_sq_stmt(t->conn, GF_SQL_FAIR_LINE_PURGE));
    if (d->quiet)                        // the last one stays, so that numbers go on
        GF_SQ_RUN(t->conn, GF_SQL_EVENT_TRIM, 1);
    return GOFER_OK;
}

gofer_status gf_sq_purge(gf_broker *b, size_t limit, size_t *done)
{
    duty d = { .limit = limit, .quiet = gf_sq_events_wanted(b) == GF_EVENTS_NONE };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_at_expired, &d);
    if (st == GOFER_OK && limit && d.needed) {
        gf_sq_op op = { .run = purge };
        st = perform(b, &op, &d);
    }
    if (st == GOFER_OK)
        *done = d.done;
    return st;
}

// ---- upkeep -------------------------------------------------------------------------------

typedef struct spare {
    int64_t limit;                       // pages
    bool    much;
} spare;

static gofer_status look_at_spare(gf_sq_conn *c, void *arg)
{
    spare *sp = arg;
    int64_t free_pages = gf_sq_conn_number(c, "PRAGMA freelist_count");
    sp->much = free_pages > sp->limit && 2 * free_pages > gf_sq_conn_number(c, "PRAGMA page_count");
    return GOFER_OK;
}

static gofer_status do_nothing(gf_sq_txn *t, void *arg)
{
    (void)t, (void)arg;
    return GOFER_OK;
}

gofer_status gf_sq_upkeep(gf_broker *b)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK || !s->path)
        return st;

    // Who asks to add a byte is let in when the reserve is whole, and free pages are given up for
    // it. If there is no room, there will be another time.
    gf_sq_op ask = { .run = do_nothing,
        .flags = GF_SQ_ADDS | GF_SQ_TIDIES,
        .bytes = 1,
        .tasks = 1 };
    st = gf_sq_write(s, &ask);
    spare sp = { .limit = s->space.spare_pages };
    for (int i = 0; i < VACUUM_STEPS && st == GOFER_OK; i++) {
        st = gf_sq_read(s, look_at_spare, &sp);
        if (st != GOFER_OK || !sp.much)
            break;
        // ADDS: on a full disk it fails rather than use up the reserve.
        gf_sq_op op = { .run = gf_sq_vacuum_step, .flags = GF_SQ_ADDS | GF_SQ_TIDIES, .tasks = 1 };
        st = gf_sq_write(s, &op);
    }
    return st == GOFER_ENOSPACE ? GOFER_OK : st;
}
