// act_queue.c - acting on queues: pause, bound, what they take, age, remove.
//
// Removing is one step that renames the queue out of sight, and many that delete its tasks, a
// bounded number in each transaction; housekeeping finishes what a client that died has begun. All
// of it runs in the leader's transactions.
#include "broker/sqlite/store.h"
#include "util/error.h"

enum { DELETE_STEP = 500 };              // tasks of a queue deleted in one transaction

// ---- pause ------------------------------------------------------------------------------------

typedef struct pausing {
    const char *queue;
    bool        paused;
} pausing;

static void set_paused(gf_sq_txn *t, gf_sq_queue *q, int64_t paused_ms)
{
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_PAUSE, q->qid, paused_ms);
    q->paused_ms = paused_ms;
}

static gofer_status pause_queue(gf_sq_txn *t, void *arg)
{
    pausing *p = arg;
    gf_sq_queue *q = gf_sq_queue_made(t, p->queue);
    if (!q || (q->paused_ms != 0) == p->paused)
        return GOFER_OK;                 // as it was, and since when
    set_paused(t, q, p->paused ? t->now_ms : 0);
    if (!p->paused)
        t->wakeups |= q->bit;
    return GOFER_OK;
}

gofer_status gf_sq_queue_pause(gf_broker *b, const char *queue, bool paused)
{
    pausing p = { queue, paused };
    gf_sq_op op = { .run = pause_queue, .arg = &p, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- what it takes, and how it ages -----------------------------------------------------------

typedef struct setting {
    const char *queue;
    int64_t     max_length, age_ms;      // -1: as it is
    int         closed;                  // -1: as it is
} setting;

static gofer_status set_queue(gf_sq_txn *t, void *arg)
{
    const setting *it = arg;
    gf_sq_queue *q = gf_sq_queue_made(t, it->queue);
    if (!q)
        return GOFER_OK;                 // SQL has failed: the status will not be seen
    q->max_length = it->max_length >= 0 ? it->max_length : q->max_length;
    q->closed = it->closed >= 0 ? it->closed : q->closed;
    q->age_ms = it->age_ms >= 0 ? it->age_ms : q->age_ms;
    if (it->age_ms >= 0)
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_AGE, q->qid, q->age_ms);
    else
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_LENGTH, q->qid,
            q->max_length | (q->closed ? GF_SQ_CLOSED : 0));
    return GOFER_OK;
}

static gofer_status set(gf_broker *b, setting it)
{
    gf_sq_op op = { .run = set_queue, .arg = &it, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

gofer_status gf_sq_queue_bound(gf_broker *b, const char *queue, int64_t max_length)
{
    return set(b, (setting){ queue, max_length, -1, -1 });
}

gofer_status gf_sq_queue_encrypt(gf_broker *b, const char *queue, bool required)
{
    return set(b, (setting){ queue, -1, -1, required });
}

gofer_status gf_sq_queue_age(gf_broker *b, const char *queue, int64_t age_ms)
{
    return set(b, (setting){ queue, -1, age_ms, -1 });
}

// ---- remove -----------------------------------------------------------------------------------
//
// The first transaction takes the queue's name away, and with that the queue is gone: who puts a
// task there makes a new one. What it held is deleted step by step; should whoever does that be
// killed, housekeeping goes on with it. The row is called after its number meanwhile, as no queue
// of a caller's can be.

typedef struct deleting {
    const char *queue;
    bool        force, begun, done;
    int64_t     qid;                     // once it is begun
    int64_t     seqs[DELETE_STEP];
} deleting;

static gofer_status may_delete(const gf_sq_queue *q, const deleting *d)
{
    int64_t tasks = 0;
    for (int i = 0; i < GF_STATE_COUNT; i++)
        tasks += q->count[i];
    if (q->count[GF_ACTIVE] > 0)
        return gf_fail(GOFER_ESTATE,
            "the queue '%s' has %lld active tasks: let them finish, or stop their workers", q->name,
            (long long)q->count[GF_ACTIVE]);
    if (tasks > 0 && !d->force)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld tasks: delete them, or use force",
            q->name, (long long)tasks);
    return GOFER_OK;
}

static void drop_by_name(gf_sq_txn *t, gf_sql which, const char *queue)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, which);
    gf_sq_bind_text(t->conn, s, 1, queue);
    gf_sq_run(t->conn, s);
}

// What is known by the queue's name, and the name itself.
static gofer_status take_name(gf_sq_txn *t, deleting *d)
{
    gf_sq_queue *q = gf_sq_queue_named(t, d->queue);
    if (!q)
        return gf_sq_no_queue(d->queue);
    gofer_status st = may_delete(q, d);
    if (st != GOFER_OK)
        return st;
    d->qid = q->qid;
    drop_by_name(t, GF_SQL_STATS_DROP_QUEUE, q->name);
    drop_by_name(t, GF_SQL_MINUTE_DROP_QUEUE, q->name);
    gf_sq_counts_flush(t);               // nothing of the old name is kept
    gf_sq_counts_forget(t->counts);
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_DOOM, d->qid);
    return GOFER_OK;
}

// What a queue has beside its tasks. The latest ticks of cron entries stay: a worker that has yet
// to look at the tick of this minute shall not put it a second time.
static void drop_rest(gf_sq_txn *t, int64_t qid)
{
    GF_SQ_RUN(t->conn, GF_SQL_DAY_DROP, qid);
    GF_SQ_RUN(t->conn, GF_SQL_LOCK_DROP_QUEUE, qid);
    GF_SQ_RUN(t->conn, GF_SQL_DEBOUNCE_DROP_QUEUE, qid);
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP_QUEUE, qid);
    gf_sq_gates_flush(t);
    gf_sq_gates_forget(t->gates);
    GF_SQ_RUN(t->conn, GF_SQL_KEY_DROP_QUEUE, qid);
    gf_sq_tenants_drop(t, qid);
    gf_sq_counts_flush(t);               // before the row goes, and nothing of it is kept
    gf_sq_counts_forget(t->counts);
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_DROP, qid);
}

size_t gf_sq_doomed_step(gf_sq_txn *t, int64_t qid, int64_t *seqs, size_t limit)
{
    static const gf_state states[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_COMPLETED,
        GF_ARCHIVED, GF_AGGREGATING };
    gf_sq_queue *q = gf_sq_queue_numbered(t, qid);
    size_t count = 0;
    for (size_t i = 0; q && i < sizeof states / sizeof *states && count < limit; i++) {
        size_t some = gf_sq_rows(t, q, states[i], true, seqs, limit - count);
        for (size_t j = 0; j < some && t->conn->rc == SQLITE_OK; j++)
            gf_sq_row_move(t, q, states[i], GF_STATE_COUNT, seqs[j], GF_END_DELETED);
        count += some;
    }
    if (q && count < limit)
        drop_rest(t, qid);
    return count;
}

static gofer_status delete_step(gf_sq_txn *t, void *arg)
{
    deleting *d = arg;
    if (!d->begun)
        return take_name(t, d);
    // Somebody else may have been faster, and the number may be that of another queue since.
    if (gf_sq_is_doomed(t->conn, d->qid))
        d->done = gf_sq_doomed_step(t, d->qid, d->seqs, DELETE_STEP) < DELETE_STEP;
    else
        d->done = true;
    return GOFER_OK;
}

bool gf_sq_is_doomed(gf_sq_conn *c, int64_t qid)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_IS_DOOMED);
    gf_sq_bind_int(c, s, 1, qid);
    bool doomed = gf_sq_row(c, s);
    gf_sq_done(s);
    return doomed;
}

int64_t gf_sq_first_doomed(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_DOOMED);
    int64_t qid = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return qid;
}

gofer_status gf_sq_queue_delete(gf_broker *b, const char *queue, bool force)
{
    deleting d = { .queue = queue, .force = force };
    gofer_status st = GOFER_OK;
    while (st == GOFER_OK && !d.done) {
        gf_sq_op op = { .run = delete_step,
            .arg = &d,
            .flags = GF_SQ_DURABLE,
            .tasks = DELETE_STEP };
        st = gf_sq_write((gf_sq_store *)b, &op);
        d.begun = true;
    }
    return st;
}
