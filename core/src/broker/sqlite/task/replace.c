// replace.c - a task put in the place of one that waits under its id.
//
// The id stays and, unless another time was asked for, the place: the row's number and its time.
// All else is the new task's: what the old one had beside its row goes, with its unique lock.
// Nobody who waits for the task's end is told anything, for it has not come to one.
#include <string.h>

#include "broker/sqlite/store.h"

// Behind the body's columns of GF_SQL_ITEM_READY and GF_SQL_ITEM_LATER.
enum { SORT = GF_SQ_BODY_COUNT };

// The row goes, with all that is beside it but the id. Since when it waited, or when it was due.
// *step: the flow's step that the task is, as it stays; 0.
static int64_t take_out(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_place *place, const char *id,
    int64_t *step)
{
    bool ready = place->state == GF_PENDING;
    gf_message m;
    int64_t bid = 0, xid = 0, sort_ms = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, ready ? GF_SQL_ITEM_READY : GF_SQL_ITEM_LATER);
    gf_sq_bind_int(t->conn, s, 1, place->seq);
    if (gf_sq_row(t->conn, s)) {
        gf_sq_read_body(s, 0, &m, &bid);
        xid = gf_sq_body_xid(s, 0);
        sort_ms = gf_sq_number(s, SORT);
    }
    gf_sq_done(s);
    *step = gf_sq_is_step(xid) ? xid : 0;
    if (xid) {
        gf_sq_lock_free(t->conn, q->qid, id, xid);
        gf_sq_extra_drop(t->conn, xid);
    }
    if (bid)
        GF_SQ_RUN(t->conn, GF_SQL_BLOB_DROP, bid);
    if (ready && gf_sq_is_held(place->seq))
        gf_sq_unpark(t, place->seq);
    if (ready)
        GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, place->seq, place->seq);
    else
        GF_SQ_RUN(t->conn, GF_SQL_LATER_DROP, place->seq);
    gf_sq_queue_count(q, place->state, -1);
    return sort_ms;
}

static void renumber(gf_sq_txn *t, int64_t qid, const char *id, int64_t seq)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_RENUMBER);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, id);
    gf_sq_bind_int(t->conn, s, 3, seq);
    gf_sq_run(t->conn, s);
}

// The row at its new place, whose number it has.
static void put_in(gf_sq_txn *t, gf_sq_queue *q, gf_sq_new_row *row, gf_state state,
    int64_t sort_ms)
{
    if (row->message->payload_size > GF_SQ_INLINE)
        row->bid = gf_sq_blob_put(t->conn, row->message->payload, row->message->payload_size);
    if (state == GF_PENDING)
        gf_sq_ready_add(t, row, sort_ms);
    else
        gf_sq_later_add(t, row, state, sort_ms);
    gf_sq_queue_count(q, state, 1);
    t->wakeups |= q->bit;                // it may be the next that is due
}

void gf_sq_row_replace(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_place *place, const gf_message *m,
    int64_t due_ms)
{
    gf_sq_new_row row = { .seq = place->seq, .message = m };
    gf_sq_standing standing;
    gf_sq_standing_of(m, &standing);
    gf_sq_lane_expect(t, q, &standing);
    gf_sq_limit_expect(t, q, m);
    int64_t was_ms = take_out(t, q, place, m->id, &row.xid);
    if (gf_sq_is_ranked(row.seq)) {
        row.seq = gf_sq_queue_next(q);
        renumber(t, q->qid, m->id, row.seq);
    }
    put_in(t, q, &row, GF_SCHEDULED, due_ms ? due_ms : was_ms);
}

// At its place, if it is in the right line and was not told to run now; else at the end of its
// line, as one that waits for a limit's key or for its tenant's turn.
static void replace_pending(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_place *place,
    const gf_message *m, bool stays)
{
    gf_sq_standing standing, was;
    gf_sq_new_row row = { .seq = place->seq, .message = m };
    gf_sq_standing_of(m, &standing);
    gf_sq_row_standing(t, q, place->state, place->seq, &was);
    stays = stays && !gf_sq_is_held(place->seq) && was.priority == standing.priority &&
        strcmp(was.tenant, standing.tenant) == 0;
    gf_sq_lane_expect(t, q, &standing);
    gf_sq_limit_expect(t, q, m);
    int64_t was_ms = take_out(t, q, place, m->id, &row.xid);
    if (!stays) {
        row.seq = gf_sq_line_next(t, q, &standing);
        renumber(t, q->qid, m->id, row.seq);
    }
    put_in(t, q, &row, GF_PENDING, stays ? was_ms : t->now_ms);
}

static bool waits(gf_state state)
{
    return state == GF_PENDING || state == GF_SCHEDULED || state == GF_RETRY;
}

gofer_status gf_sq_put_over(gf_sq_txn *t, gf_put *item)
{
    const gf_message *m = item->message;
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_made(t, m->queue);
    if (!q)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    if (!gf_sq_find(t->conn, q->qid, m->id, &place)) {
        gf_put new = { .message = m, .run_at_ms = item->run_at_ms, .unbounded = item->unbounded };
        gofer_status st = gf_sq_put_new(t, &new);
        item->length = new.length;
        item->max_length = new.max_length;
        return st;
    }
    if (waits(place.state)) {
        bool stays = item->run_at_ms == 0;
        if (stays ? place.state == GF_PENDING : item->run_at_ms <= t->now_ms)
            replace_pending(t, q, &place, m, stays);
        else
            gf_sq_row_replace(t, q, &place, m, item->run_at_ms);
        item->effect = GF_REPLACED;
        return GOFER_OK;
    }
    item->effect = GF_KEPT;
    return gf_sq_same(t->conn, &place, m) ? GOFER_OK : GOFER_ESTATE;
}
