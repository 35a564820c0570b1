// act_queue.c - acting on queues: pause, remove.
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
        t->ring |= q->bit;
    return GOFER_OK;
}

gofer_status gf_sq_queue_pause(gf_broker *b, const char *queue, bool paused)
{
    pausing p = { queue, paused };
    gf_sq_op op = { .run = pause_queue, .arg = &p, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- remove -----------------------------------------------------------------------------------

typedef struct deleting {
    const char *queue;
    bool        force, begun, done;
    int64_t     seqs[DELETE_STEP];
} deleting;

static gofer_status may_delete(const gf_sq_queue *q, const deleting *d)
{
    int64_t tasks = 0;
    for (int i = 0; i < GF_STATE_COUNT; i++)
        tasks += q->count[i];
    if (q->count[GF_ACTIVE] > 0)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld active tasks: let them finish, or stop their workers",
            q->name, (long long)q->count[GF_ACTIVE]);
    if (tasks > 0 && !d->force)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld tasks: delete them, or use force", q->name,
            (long long)tasks);
    return GOFER_OK;
}

// What a queue has beside its tasks.
static void drop_rest(gf_sq_txn *t, const gf_sq_queue *q)
{
    GF_SQ_RUN(t->conn, GF_SQL_DAY_DROP, q->qid);
    GF_SQ_RUN(t->conn, GF_SQL_LOCK_DROP_QUEUE, q->qid);
    GF_SQ_RUN(t->conn, GF_SQL_GROUP_DROP_QUEUE, q->qid);
    GF_SQ_RUN(t->conn, GF_SQL_TICK_DROP_QUEUE, q->qid);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STAT_DROP_QUEUE);
    gf_sq_bind_text(t->conn, s, 1, q->name);
    gf_sq_run(t->conn, s);
}

// One step. The first pauses the queue, so that no task of it is taken before the last.
static gofer_status delete_step(gf_sq_txn *t, void *arg)
{
    static const gf_state states[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_COMPLETED, GF_ARCHIVED, GF_AGGREGATING };
    deleting *d = arg;
    gf_sq_queue *q = gf_sq_queue_named(t, d->queue);
    if (!q) {
        d->done = d->begun;              // somebody else was faster
        return d->begun ? GOFER_OK : gf_fail(GOFER_ENOTFOUND, "no queue '%s'", d->queue);
    }
    gofer_status st = may_delete(q, d);
    if (st != GOFER_OK)
        return st;

    if (!q->paused_ms)
        set_paused(t, q, t->now_ms);
    size_t count = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states && count < DELETE_STEP; i++) {
        size_t some = gf_sq_rows(t, q, states[i], true, d->seqs, DELETE_STEP - count);
        for (size_t j = 0; j < some && t->conn->rc == SQLITE_OK; j++)
            gf_sq_row_move(t, q, states[i], GF_STATE_COUNT, d->seqs[j], GF_END_DELETED);
        count += some;
    }
    if (count < DELETE_STEP) {
        int64_t qid = q->qid;
        drop_rest(t, q);
        gf_sq_tally_flush(t);            // before the rows go, and nothing of them is kept
        gf_sq_tally_forget(t->tally);
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_DROP, qid);
        d->done = true;
    }
    return GOFER_OK;
}

gofer_status gf_sq_queue_delete(gf_broker *b, const char *queue, bool force)
{
    deleting d = { .queue = queue, .force = force };
    gofer_status st = GOFER_OK;
    while (st == GOFER_OK && !d.done) {
        gf_sq_op op = { .run = delete_step, .arg = &d, .flags = GF_SQ_DURABLE, .tasks = DELETE_STEP };
        st = gf_sq_write((gf_sq_store *)b, &op);
        d.begun = true;
    }
    return st;
}
