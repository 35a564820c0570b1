// act.c - acting on tasks and queues: run, archive, delete, pause, remove.
#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

enum { DELETE_STEP = 500 };              // tasks of a queue deleted in one transaction

static bool may_move(gf_state from, gf_state to)
{
    if (to == GF_PENDING)
        return from == GF_SCHEDULED || from == GF_RETRY || from == GF_ARCHIVED;
    if (to == GF_ARCHIVED)
        return from == GF_PENDING || from == GF_SCHEDULED || from == GF_RETRY;
    return to == GF_STATE_COUNT && from != GF_ACTIVE;
}

static const char *verb_of(gf_state to)
{
    return to == GF_PENDING ? "run" : to == GF_ARCHIVED ? "archived" : "deleted";
}

// ---- one row ---------------------------------------------------------------------------

static void to_tail(gf_sq_txn *t, gf_sq_queue *q, int64_t seq)
{
    int64_t at_tail = gf_sq_queue_next(q);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_TO_READY, seq, at_tail, t->now_ms);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_ID_MOVE, seq, at_tail);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, seq);
    t->ring |= q->bit;
}

static void to_archive(gf_sq_txn *t, gf_state from, int64_t seq)
{
    if (from != GF_PENDING) {
        GF_SQ_RUN(t->conn, GF_SQL_LATER_ARCHIVE, seq, t->now_ms);
        return;
    }
    GF_SQ_RUN(t->conn, GF_SQL_READY_ARCHIVE, seq, t->now_ms);
    GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
}

static void away(gf_sq_txn *t, gf_state from, int64_t seq)
{
    bool ready = from == GF_PENDING;
    GF_SQ_RUN(t->conn, ready ? GF_SQL_READY_ID_DROP : GF_SQL_LATER_ID_DROP, seq);
    GF_SQ_RUN(t->conn, ready ? GF_SQL_READY_BLOB_DROP : GF_SQL_LATER_BLOB_DROP, seq);
    if (ready)
        GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
    else
        GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, seq);
}

static void move_row(gf_sq_txn *t, gf_sq_queue *q, gf_state from, gf_state to, int64_t seq)
{
    if (to == GF_PENDING)
        to_tail(t, q, seq);
    else if (to == GF_ARCHIVED)
        to_archive(t, from, seq);
    else
        away(t, from, seq);
    gf_sq_queue_count(q, from, -1);
    if (to != GF_STATE_COUNT)
        gf_sq_queue_count(q, to, 1);
}

void gf_sq_row_delete(gf_sq_txn *t, gf_sq_queue *q, gf_state state, int64_t seq)
{
    move_row(t, q, state, GF_STATE_COUNT, seq);
}

// ---- one task -----------------------------------------------------------------------------

typedef struct moving {
    const char *queue, *id;
    gf_state    from, to;
    size_t      limit, done;
    int64_t    *seqs;                    // room for limit
} moving;

static gofer_status move_task(gf_sq_txn *t, void *arg)
{
    moving *m = arg;
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, m->queue);
    if (!q || !gf_sq_find(t->conn, q->qid, m->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", m->id, m->queue);
    if (!may_move(place.state, m->to))
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s and cannot be %s", m->id, gf_state_name(place.state),
            verb_of(m->to));
    move_row(t, q, place.state, m->to, place.seq);
    return GOFER_OK;
}

gofer_status gf_sq_task_move(gf_broker *b, const char *queue, const char *id, gf_state to)
{
    moving m = { .queue = queue, .id = id, .to = to };
    gf_sq_op op = { .run = move_task, .arg = &m, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- many -----------------------------------------------------------------------------------

// The first rows of a queue in one state, collected before any is changed.
static size_t collect(gf_sq_txn *t, const gf_sq_queue *q, gf_state state, int64_t *seqs, size_t limit)
{
    size_t count = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, state == GF_PENDING ? GF_SQL_READY_LIST : GF_SQL_LATER_LIST);
    gf_sq_bind_int(t->conn, s, 1, state == GF_PENDING ? gf_sq_first_seq(q->qid) : q->qid);
    gf_sq_bind_int(t->conn, s, 2, state == GF_PENDING ? gf_sq_first_seq(q->qid + 1) - 1 : (int64_t)state);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)limit);
    while (count < limit && gf_sq_row(t->conn, s))
        seqs[count++] = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    return count;
}

static gofer_status move_tasks(gf_sq_txn *t, void *arg)
{
    moving *m = arg;
    m->done = 0;
    gf_sq_queue *q = gf_sq_queue_named(t, m->queue);
    if (!q)
        return gf_fail(GOFER_ENOTFOUND, "no queue '%s'", m->queue);
    size_t count = collect(t, q, m->from, m->seqs, m->limit);
    for (; m->done < count && t->conn->rc == SQLITE_OK; m->done++)
        move_row(t, q, m->from, m->to, m->seqs[m->done]);
    return GOFER_OK;
}

gofer_status gf_sq_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to, size_t limit,
    size_t *done)
{
    if (!may_move(from, to))
        return gf_fail(GOFER_ESTATE, "%s tasks cannot be %s", gf_state_name(from), verb_of(to));
    moving m = { .queue = queue, .from = from, .to = to, .limit = limit };
    m.seqs = gf_calloc(limit ? limit : 1, sizeof *m.seqs);
    if (!m.seqs)
        return gf_fail_nomem("a bulk step");
    gf_sq_op op = { .run = move_tasks, .arg = &m, .flags = GF_SQ_DURABLE, .tasks = limit };
    gofer_status st = gf_sq_write((gf_sq_store *)b, &op);
    if (st == GOFER_OK)
        *done = m.done;
    gf_free(m.seqs);
    return st;
}

// ---- queues -----------------------------------------------------------------------------------

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

// One step. The first pauses the queue, so that no task of it is taken before the last.
static gofer_status delete_step(gf_sq_txn *t, void *arg)
{
    static const gf_state states[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_COMPLETED, GF_ARCHIVED };
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
        size_t some = collect(t, q, states[i], d->seqs, DELETE_STEP - count);
        for (size_t j = 0; j < some && t->conn->rc == SQLITE_OK; j++)
            move_row(t, q, states[i], GF_STATE_COUNT, d->seqs[j]);
        count += some;
    }
    if (count < DELETE_STEP) {
        int64_t qid = q->qid;
        gf_sq_tally_flush(t);            // before the rows go, and nothing of them is kept
        gf_sq_tally_forget(t->tally);
        GF_SQ_RUN(t->conn, GF_SQL_DAY_DROP, qid);
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
