// act.c - acting on tasks: run, archive, delete, cancel; those that are named, or all of a state.
//
// All of it runs in the leader's transaction. Whoever runs a task that is cancelled is asked by its
// watch (live/watch.c), and the request is stored with the claim, so that it is void as soon as the
// task is handed in or recovered.
#include <stdio.h>

#include "broker/moves.h"
#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

// ---- one row ---------------------------------------------------------------------------

static void to_tail(gf_sq_txn *t, gf_sq_queue *q, int64_t seq)
{
    gf_sq_standing standing;
    gf_sq_row_standing(t, q, GF_RETRY, seq, &standing);
    int64_t at_tail = gf_sq_line_next(t, q, &standing);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_TO_READY, seq, at_tail, t->now_ms);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_ID_MOVE, seq, at_tail);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, seq);
    t->wakeups |= q->bit;
}

static void to_archive(gf_sq_txn *t, gf_sq_queue *q, gf_state from, int64_t seq)
{
    if (from != GF_PENDING) {
        GF_SQ_RUN(t->conn, GF_SQL_LATER_ARCHIVE, seq, t->now_ms);
        return;
    }
    GF_SQ_RUN(t->conn, GF_SQL_READY_ARCHIVE, seq, t->now_ms);
    GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
    gf_sq_lane_leave(t, q, seq);
}

static void away(gf_sq_txn *t, gf_state from, int64_t seq)
{
    bool ready = from == GF_PENDING;
    GF_SQ_RUN(t->conn, ready ? GF_SQL_READY_ID_DROP : GF_SQL_LATER_ID_DROP, seq);
    GF_SQ_RUN(t->conn, ready ? GF_SQL_READY_BLOB_DROP : GF_SQL_LATER_BLOB_DROP, seq);
    if (ready && gf_sq_is_held(seq))
        gf_sq_unpark(t, seq);
    if (ready)
        GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
    else
        GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, seq);
}

// What it has beside its row, and who waits for it.
static void finish_extra(
    gf_sq_txn *t, const gf_sq_queue *q, gf_state from, gf_state to, int64_t seq, gf_end end)
{
    char id[GF_ID_MAX + 1] = "";
    int64_t xid = 0;
    sqlite3_stmt *s =
        gf_sq_stmt(t->conn, from == GF_PENDING ? GF_SQL_READY_MORE : GF_SQL_LATER_MORE);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (gf_sq_row(t->conn, s)) {
        const char *text = (const char *)sqlite3_column_text(s, 1);
        xid = sqlite3_column_int64(s, 0);
        sqlite3_snprintf(sizeof id, id, "%s", text ? text : "");
        gf_sq_done(s);
    }
    if (xid)
        gf_sq_lock_free(t->conn, q->qid, id, xid);
    if (xid && to == GF_STATE_COUNT)
        gf_sq_extra_drop(t->conn, xid);
    if (t->awaited && from != GF_ARCHIVED && from != GF_COMPLETED)
        gf_sq_ended(t, q->qid, id, &(gf_sq_end){ .how = end });
    if (gf_sq_is_step(xid) && from != GF_ARCHIVED && from != GF_COMPLETED)
        gf_sq_step_ended(t, xid, &(gf_sq_end){ .how = end });
}

// One that is archived is run again: so is its flow's step.
static void open_step(gf_sq_txn *t, int64_t seq)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_MORE);
    gf_sq_bind_int(t->conn, s, 1, seq);
    int64_t xid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (gf_sq_is_step(xid))
        gf_sq_step_again(t, xid);
}

void gf_sq_row_move(gf_sq_txn *t, gf_sq_queue *q, gf_state from, gf_state to, int64_t seq,
    gf_end end)
{
    if (to != GF_PENDING)
        finish_extra(t, q, from, to, seq, end);
    else if (from == GF_ARCHIVED)
        open_step(t, seq);
    if (from == GF_AGGREGATING)
        gf_sq_member_leave(t, seq);
    if (q->limited && to != GF_PENDING)
        gf_sq_ordered_row_end(t, q, from, seq, to == GF_ARCHIVED);
    if (to == GF_PENDING)
        to_tail(t, q, seq);
    else if (to == GF_ARCHIVED)
        to_archive(t, q, from, seq);
    else
        away(t, from, seq);
    gf_sq_queue_count(q, from, -1);
    if (to != GF_STATE_COUNT)
        gf_sq_queue_count(q, to, 1);
}

static gf_end end_of(gf_state to)
{
    return to == GF_ARCHIVED ? GF_END_ARCHIVED : GF_END_DELETED;
}

// The row's xid, for which a row of `extra` is made if need be.
static int64_t extra_of(gf_sq_txn *t, gf_state state, int64_t seq)
{
    bool ready = state == GF_PENDING;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, ready ? GF_SQL_READY_MORE : GF_SQL_LATER_MORE);
    gf_sq_bind_int(t->conn, s, 1, seq);
    int64_t xid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (gf_sq_is_step(xid))
        GF_SQ_RUN(t->conn, GF_SQL_EXTRA_ENSURE, xid);
    if (!xid && (xid = gf_sq_extra_add(t->conn, NULL, 0)) != 0)
        GF_SQ_RUN(t->conn, ready ? GF_SQL_READY_SET_XID : GF_SQL_LATER_SET_XID, seq, xid);
    return xid;
}

void gf_sq_row_cancel(gf_sq_txn *t, gf_sq_queue *q, gf_state from, int64_t seq)
{
    char *record =
        t->tight ? NULL : gf_sq_attempt_record(t->now_ms, 0, "cancelled", -1, NULL, NULL);
    if (record)
        gf_sq_extra_attempt(t->conn, extra_of(t, from, seq), record);
    else if (!t->tight)
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    gf_free(record);
    gf_sq_row_move(t, q, from, GF_ARCHIVED, seq, GF_END_CANCELLED);
}

// ---- tasks that are named ----------------------------------------------------------------------

typedef struct acting {
    const char        *queue;
    gf_act             act;
    const char *const *ids;
    size_t             count;
    gofer_status      *statuses;
    bool               asked;            // somebody is asked to stop
    gofer_status       refused;          // the last failure of a task,
    char               text[600];        //   and its words, from the leader's thread
} acting;

static gofer_status cancel_one(gf_sq_txn *t, acting *a, gf_sq_queue *q, const char *id,
    const gf_sq_place *place)
{
    if (place->state == GF_COMPLETED || place->state == GF_ARCHIVED)
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s: it has come to its end", id,
            gf_state_name(place->state));
    if (place->state == GF_ACTIVE) {
        GF_SQ_RUN(t->conn, GF_SQL_CANCEL_ADD, place->seq);
        a->asked = true;
        return GOFER_OK;
    }
    gf_sq_row_cancel(t, q, place->state, place->seq);
    return GOFER_OK;
}

static gofer_status act_on(gf_sq_txn *t, acting *a, gf_sq_queue *q, const char *id)
{
    gf_sq_place place;
    gf_state to = a->act == GF_ACT_RUN       ? GF_PENDING
                  : a->act == GF_ACT_ARCHIVE ? GF_ARCHIVED
                                             : GF_STATE_COUNT;
    if (!q || !gf_sq_find(t->conn, q->qid, id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", id, a->queue);
    if (gf_sq_is_in_set(t->conn, &place))
        return gf_fail(GOFER_ESTATE,
            "the task '%s' is being made one with others of its group", id);
    if (a->act == GF_ACT_CANCEL)
        return cancel_one(t, a, q, id, &place);
    if (!gf_move_allowed(place.state, to))
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s and cannot be %s", id,
            gf_state_name(place.state), gf_move_verb(to));
    gf_sq_row_move(t, q, place.state, to, place.seq, end_of(to));
    return GOFER_OK;
}

static gofer_status act_on_all(gf_sq_txn *t, void *arg)
{
    acting *a = arg;
    gf_sq_queue *q = gf_sq_queue_named(t, a->queue);
    a->asked = false;
    a->refused = GOFER_OK;
    if (a->act == GF_ACT_CANCEL)
        gf_sq_run(t->conn, gf_sq_stmt(t->conn, GF_SQL_CANCEL_PURGE));
    for (size_t i = 0; i < a->count && t->conn->rc == SQLITE_OK; i++) {
        a->statuses[i] = act_on(t, a, q, a->ids[i]);
        if (a->statuses[i] == GOFER_OK)
            continue;
        a->refused = a->statuses[i];
        snprintf(a->text, sizeof a->text, "%s", gofer_error_last());
    }
    return GOFER_OK;
}

gofer_status gf_sq_tasks_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses)
{
    gf_sq_store *s = (gf_sq_store *)b;
    acting a = { .queue = queue, .act = act, .ids = ids, .count = count, .statuses = statuses };
    gf_sq_op op = { .run = act_on_all, .arg = &a, .flags = GF_SQ_DURABLE, .tasks = count };
    gofer_status st = count ? gf_sq_write(s, &op) : GOFER_OK;
    if (st == GOFER_OK && a.asked)
        gf_sq_watches_wake(s->sidecar.page);
    if (st == GOFER_OK && a.refused != GOFER_OK)
        (void)gf_fail(a.refused, "%s", a.text);
    return st;
}

// ---- all of a state ----------------------------------------------------------------------------

typedef struct moving {
    const char *queue;
    gf_state    from, to;
    size_t      limit, done;
    int64_t    *seqs;                    // room for limit
} moving;


// Of aggregating ones those that are not being made one at the moment.
size_t gf_sq_rows(gf_sq_txn *t, const gf_sq_queue *q, gf_state state, bool in_sets, int64_t *seqs,
    size_t limit)
{
    size_t count = 0;
    bool ready = state == GF_PENDING;
    sqlite3_stmt *s = gf_sq_stmt(t->conn,
        ready                                     ? GF_SQL_READY_LIST
            : state == GF_AGGREGATING && !in_sets ? GF_SQL_GROUP_ROWS
                                                  : GF_SQL_LATER_LIST);
    gf_sq_bind_int(t->conn, s, 1, ready ? gf_sq_first_seq(q->qid) : q->qid);
    gf_sq_bind_int(t->conn, s, 2, ready ? gf_sq_first_seq(q->qid + 1) - 1 : (int64_t)state);
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
        return gf_sq_no_queue(m->queue);
    size_t count = gf_sq_rows(t, q, m->from, false, m->seqs, m->limit);
    for (; m->done < count && t->conn->rc == SQLITE_OK; m->done++)
        gf_sq_row_move(t, q, m->from, m->to, m->seqs[m->done], end_of(m->to));
    return GOFER_OK;
}

gofer_status gf_sq_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done)
{
    if (!gf_move_allowed(from, to))
        return gf_fail(GOFER_ESTATE, "%s tasks cannot be %s", gf_state_name(from),
            gf_move_verb(to));
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
