// edit.c - changes a task that does not run: its payload, and when it is to run.
//
// One transaction of the leader's. A task that is due goes to the end of pending, one that is put
// off to scheduled, or to retry where it was in retry.
#include "broker/sqlite/store.h"
#include "util/error.h"

typedef struct editing {
    const char *queue, *id;
    const void *payload;                 // NULL: as it is
    size_t      size;
    int64_t     run_at_ms;               // 0: as it is
} editing;

void gf_sq_payload_set(gf_sq_txn *t, const gf_sq_place *place, const void *bytes, size_t size)
{
    bool ready = place->state == GF_PENDING, outside = size > GF_SQ_INLINE;
    int64_t seq = place->seq;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, ready ? GF_SQL_READY_MORE : GF_SQL_LATER_MORE);
    gf_sq_bind_int(t->conn, s, 1, seq);
    int64_t bid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 2) : 0;
    gf_sq_done(s);
    if (bid && !outside)
        GF_SQ_RUN(t->conn, GF_SQL_BLOB_DROP, bid);
    bid = outside ? gf_sq_blob_set(t->conn, bid, bytes, size) : 0;
    s = gf_sq_stmt(t->conn, ready ? GF_SQL_READY_SET_PAYLOAD : GF_SQL_LATER_SET_PAYLOAD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, bid);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)size);
    gf_sq_bind_blob(t->conn, s, 4, outside ? NULL : bytes, outside ? 0 : size);
    gf_sq_run(t->conn, s);
}

static void to_tail(gf_sq_txn *t, gf_sq_queue *q, int64_t seq)
{
    gf_sq_standing standing;
    gf_sq_row_standing(t, q, GF_PENDING, seq, &standing);
    int64_t at_tail = gf_sq_line_next(t, q, &standing);
    GF_SQ_RUN(t->conn, GF_SQL_READY_TO_TAIL, seq, at_tail, t->now_ms);
    GF_SQ_RUN(t->conn, GF_SQL_READY_ID_MOVE, seq, at_tail);
    GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
    if (gf_sq_is_held(seq))
        gf_sq_unpark(t, seq);
    t->wakeups |= q->bit;
}

static void run_later(gf_sq_txn *t, gf_sq_queue *q, gf_state from, int64_t seq, int64_t run_at_ms)
{
    gf_state to = from == GF_RETRY ? GF_RETRY : GF_SCHEDULED;
    if (from == GF_PENDING) {
        GF_SQ_RUN(t->conn, GF_SQL_READY_TO_LATER, seq, to, run_at_ms);
        GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, seq, seq);
        gf_sq_lane_leave(t, q, seq);
    } else {
        GF_SQ_RUN(t->conn, GF_SQL_LATER_SET_TIME, seq, to, run_at_ms);
    }
    gf_sq_queue_count(q, from, -1);
    gf_sq_queue_count(q, to, 1);
    t->wakeups |= q->bit;                // it may be the next that is due
}

static gofer_status edit(gf_sq_txn *t, void *arg)
{
    const editing *e = arg;
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, e->queue);
    if (!q || !gf_sq_find(t->conn, q->qid, e->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", e->id, e->queue);
    if (place.state == GF_ACTIVE || place.state == GF_COMPLETED ||
        (place.state == GF_AGGREGATING && e->run_at_ms))
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s and cannot be changed so", e->id,
            gf_state_name(place.state));
    if (gf_sq_is_in_set(t->conn, &place))
        return gf_fail(GOFER_ESTATE, "the task '%s' is being made one with others of its group",
            e->id);
    if (e->payload && gf_sq_queue_refuses(q, e->payload, e->size))
        return gf_fail(GOFER_EDENIED, "the queue '%s' takes encrypted payloads alone", e->queue);
    if (e->payload)
        gf_sq_payload_set(t, &place, e->payload, e->size);
    if (e->run_at_ms > t->now_ms)
        run_later(t, q, place.state, place.seq, e->run_at_ms);
    else if (e->run_at_ms && place.state == GF_PENDING)
        to_tail(t, q, place.seq);
    else if (e->run_at_ms)
        gf_sq_row_move(t, q, place.state, GF_PENDING, place.seq, GF_END_DELETED);
    return GOFER_OK;
}

gofer_status gf_sq_task_edit(gf_broker *b, const char *queue, const char *id, const void *payload,
    size_t size, int64_t run_at_ms)
{
    editing e = { .queue = queue, .id = id, .payload = payload, .size = size,
        .run_at_ms = run_at_ms };
    gf_sq_op op = { .run = edit, .arg = &e, .flags = GF_SQ_DURABLE, .tasks = 1 };
    if (payload) {
        op.flags |= GF_SQ_ADDS;
        op.bytes = (int64_t)size;
    }
    return gf_sq_write((gf_sq_store *)b, &op);
}
