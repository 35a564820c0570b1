// rewrite.c - other bytes for a part of a task that does not run, where it is still what was read:
// its payload, its result, its checkpoint.
//
// One transaction of the leader's. The parts are of the same kind: bytes in their row, or, of many,
// a blob that it names.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

typedef struct rewriting {
    const char       *queue, *id;
    const gf_rewrite *r;
} rewriting;

static bool is_same(const gf_rewrite *r, const void *bytes, size_t size)
{
    return bytes && size == r->was_size && memcmp(bytes, r->was, size) == 0;
}

static bool is_blob(gf_sq_txn *t, int64_t bid, const gf_rewrite *r)
{
    size_t size = 0;
    void *bytes = bid ? gf_sq_blob_get(t->conn, bid, &size) : NULL;
    bool same = is_same(r, bytes, size);
    gf_free(bytes);
    return same;
}

// Of a row that says in which blob it is (0: in none), or what it is. *bid: that blob.
static bool is_in_row(gf_sq_txn *t, gf_sql read, int64_t seq, const gf_rewrite *r, int64_t *bid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, read);
    gf_sq_bind_int(t->conn, s, 1, seq);
    bool found = gf_sq_row(t->conn, s), same = false;
    *bid = found ? sqlite3_column_int64(s, 0) : 0;
    if (found && !*bid)
        same = is_same(r, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    gf_sq_done(s);
    return *bid ? is_blob(t, *bid, r) : same;
}

static bool swap_payload(gf_sq_txn *t, const gf_sq_place *place, const gf_rewrite *r)
{
    int64_t bid;
    gf_sql read = place->state == GF_PENDING ? GF_SQL_READY_PAYLOAD : GF_SQL_LATER_PAYLOAD;
    if (!is_in_row(t, read, place->seq, r, &bid))
        return false;
    gf_sq_payload_set(t, place, r->bytes, r->size);
    return true;
}

static bool swap_result(gf_sq_txn *t, const gf_sq_place *place, const gf_rewrite *r)
{
    int64_t rbid;
    if (!is_in_row(t, GF_SQL_LATER_RESULT, place->seq, r, &rbid))
        return false;
    bool outside = r->size > GF_SQ_INLINE;
    if (rbid && !outside)
        GF_SQ_RUN(t->conn, GF_SQL_BLOB_DROP, rbid);
    rbid = outside ? gf_sq_blob_set(t->conn, rbid, r->bytes, r->size) : 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_SET_RESULT);
    gf_sq_bind_int(t->conn, s, 1, place->seq);
    gf_sq_bind_int(t->conn, s, 2, rbid);
    gf_sq_bind_blob(t->conn, s, 3, outside ? NULL : r->bytes, outside ? 0 : r->size);
    gf_sq_run(t->conn, s);
    return true;
}

static bool swap_checkpoint(gf_sq_txn *t, const gf_sq_place *place, const gf_rewrite *r)
{
    gf_sq_extra e;
    sqlite3_stmt *s = gf_sq_stmt(t->conn,
        place->state == GF_PENDING ? GF_SQL_READY_MORE : GF_SQL_LATER_MORE);
    gf_sq_bind_int(t->conn, s, 1, place->seq);
    int64_t xid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!gf_sq_extra_read(t->conn, xid, &e))
        return false;
    gf_sq_done(e.row);
    if (!is_blob(t, e.cbid, r))
        return false;
    gf_sq_extra_checkpoint(t->conn, xid, r->bytes, r->size);
    return true;
}

static gofer_status rewrite(gf_sq_txn *t, void *arg)
{
    static bool (*const swaps[])(gf_sq_txn *, const gf_sq_place *, const gf_rewrite *) = {
        [GF_PART_PAYLOAD] = swap_payload,
        [GF_PART_RESULT] = swap_result,
        [GF_PART_CHECKPOINT] = swap_checkpoint,
    };
    const rewriting *w = arg;
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, w->queue);
    if (!q || !gf_sq_find(t->conn, q->qid, w->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", w->id, w->queue);
    if (place.state == GF_ACTIVE ||
        (w->r->part == GF_PART_RESULT && place.state != GF_COMPLETED))
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s and cannot be rewritten", w->id,
            gf_state_name(place.state));
    if (gf_sq_is_in_set(t->conn, &place))
        return gf_fail(GOFER_ESTATE, "the task '%s' is being made one with others of its group",
            w->id);
    return swaps[w->r->part](t, &place, w->r)
        ? GOFER_OK
        : gf_fail(GOFER_ESTALE, "the task '%s' has changed by now", w->id);
}

gofer_status gf_sq_task_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r)
{
    rewriting w = { queue, id, r };
    gf_sq_op op = { .run = rewrite,
        .arg = &w,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = 1,
        .bytes = (int64_t)r->size };
    return gf_sq_write((gf_sq_store *)b, &op);
}
