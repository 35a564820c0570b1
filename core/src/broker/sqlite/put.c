// put.c - adds tasks.
#include "broker/sqlite/store.h"

// A row costs about this beside its payload: both b-trees, and the pages they are on.
enum { ROW_BYTES = 512 };

typedef struct putting {
    gf_put *items;
    size_t  count;
} putting;

static void put_ready(gf_sq_txn *t, int64_t seq, const gf_message *m, int64_t bid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_ADD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, t->now_ms);
    gf_sq_bind_body(t->conn, s, 3, m, bid);
    gf_sq_run(t->conn, s);
}

static void put_later(gf_sq_txn *t, int64_t seq, const gf_message *m, int64_t bid, int64_t run_at_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_ADD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, run_at_ms);
    gf_sq_bind_body(t->conn, s, 3, m, bid);
    gf_sq_run(t->conn, s);
}

// The id is there: the same task again (the caller lost our answer), or another one.
static gofer_status compare(gf_sq_txn *t, int64_t qid, const gf_message *m)
{
    gf_sq_place place;
    if (!gf_sq_find(t->conn, qid, m->id, &place))
        return GOFER_EEXIST;             // SQL has failed: the status will not be seen
    return gf_sq_same(t->conn, &place, m) ? GOFER_OK : GOFER_EEXIST;
}

static gofer_status put_one(gf_sq_txn *t, const gf_put *item)
{
    const gf_message *m = item->message;
    if (item->unique_ms || item->group)
        return GOFER_EUNSUPPORTED;
    gf_sq_queue *q = gf_sq_queue_made(t, m->queue);
    if (!q)
        return GOFER_EBROKER;            // the same

    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_ADD);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, m->id);
    gf_sq_bind_int(t->conn, s, 3, gf_sq_first_seq(q->qid) + q->tail + 1);
    if (gf_sq_run(t->conn, s) == 0)
        return compare(t, q->qid, m);

    int64_t seq = gf_sq_queue_next(q);
    int64_t bid = m->payload_size > GF_SQ_INLINE ? gf_sq_blob_put(t->conn, m->payload, m->payload_size) : 0;
    bool now = item->run_at_ms <= t->now_ms;
    if (now)
        put_ready(t, seq, m, bid);
    else
        put_later(t, seq, m, bid, item->run_at_ms);
    gf_sq_queue_count(q, now ? GF_PENDING : GF_SCHEDULED, 1);
    t->ring |= q->bit;                   // also for a scheduled one: it may be the next that is due
    return GOFER_OK;
}

static gofer_status put_all(gf_sq_txn *t, void *arg)
{
    putting *p = arg;
    for (size_t i = 0; i < p->count && t->conn->rc == SQLITE_OK; i++)
        p->items[i].status = put_one(t, &p->items[i]);
    return GOFER_OK;
}

gofer_status gf_sq_put(gf_broker *b, gf_put *items, size_t count)
{
    putting p = { items, count };
    gf_sq_op op = { .run = put_all, .arg = &p, .flags = GF_SQ_DURABLE | GF_SQ_ADDS, .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes += (int64_t)(items[i].message->payload_size + items[i].message->headers_size) + ROW_BYTES;
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}
