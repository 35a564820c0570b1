// items.c - tasks on their way from store to store: read whole, stored as they are, deleted.
#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

enum { ROW_BYTES = 512 };                // beside payload and result

// Behind the body's columns of GF_SQL_ITEM_READY and GF_SQL_ITEM_LATER.
enum { SORT = GF_SQ_BODY_COUNT, EXPIRES, RESULT, RBID };

typedef struct work {
    const char        *queue;
    const char *const *ids;              // of an export
    gf_item           *items;
    size_t             count;
} work;

// ---- export ---------------------------------------------------------------------------------

static bool copy_result(gf_sq_conn *c, sqlite3_stmt *row, gf_item *item)
{
    int64_t rbid = sqlite3_column_int64(row, RBID);
    sqlite3_stmt *s = row;
    int at = RESULT;
    if (rbid) {
        s = gf_sq_stmt(c, GF_SQL_BLOB_GET);
        at = 0;
        gf_sq_bind_int(c, s, 1, rbid);
        if (!gf_sq_row(c, s)) {
            gf_sq_conn_note(c, SQLITE_CORRUPT);
            return false;
        }
    }
    bool is_there = sqlite3_column_type(s, at) != SQLITE_NULL;
    const void *bytes = sqlite3_column_blob(s, at);
    item->result_size = (size_t)sqlite3_column_bytes(s, at);
    item->memory[1] = is_there ? gf_memdup(bytes ? bytes : "", item->result_size) : NULL;
    item->result = item->memory[1];
    if (rbid)
        gf_sq_done(s);
    return !is_there || item->result;
}

static gofer_status export_one(gf_sq_conn *c, const char *queue, int64_t qid, const char *id, gf_item *item)
{
    gf_sq_place place;
    if (!gf_sq_find(c, qid, id, &place))
        return GOFER_ENOTFOUND;
    if (place.state == GF_ACTIVE)
        return GOFER_ESTATE;
    bool ready = place.state == GF_PENDING, ok = false;
    sqlite3_stmt *s = gf_sq_stmt(c, ready ? GF_SQL_ITEM_READY : GF_SQL_ITEM_LATER);
    gf_sq_bind_int(c, s, 1, place.seq);
    if (gf_sq_row(c, s)) {
        gf_sq_claim *claim = gf_sq_claim_read(c, s, 0, queue);
        item->memory[0] = claim;
        item->state = place.state;
        item->at_ms = sqlite3_column_int64(s, SORT);
        if (claim)
            item->message = claim->base.message;
        if (!ready)
            item->expires_ms = sqlite3_column_int64(s, EXPIRES);
        ok = claim && (ready || copy_result(c, s, item));
    }
    gf_sq_done(s);
    return ok ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status export_all(gf_sq_conn *c, void *arg)
{
    const work *w = arg;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
    gf_sq_bind_text(c, s, 1, w->queue);
    int64_t qid = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    for (size_t i = 0; i < w->count && c->rc == SQLITE_OK; i++) {
        gf_item_clear(&w->items[i]);
        w->items[i].status = qid ? export_one(c, w->queue, qid, w->ids[i], &w->items[i]) : GOFER_ENOTFOUND;
        if (w->items[i].status == GOFER_ENOMEM && c->rc == SQLITE_OK)
            return gf_fail_nomem("tasks to be moved");
    }
    return GOFER_OK;
}

gofer_status gf_sq_export(gf_broker *b, const char *queue, const char *const *ids, size_t count, gf_item *items)
{
    work w = { .queue = queue, .ids = ids, .items = items, .count = count };
    return gf_sq_read((gf_sq_store *)b, export_all, &w);
}

// ---- import ---------------------------------------------------------------------------------

static void add_later(gf_sq_txn *t, int64_t seq, const gf_item *item, int64_t bid)
{
    bool outside = item->result_size > GF_SQ_INLINE;
    int64_t rbid = outside ? gf_sq_blob_put(t->conn, item->result, item->result_size) : 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ITEM_ADD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, item->state);
    gf_sq_bind_int(t->conn, s, 3, item->at_ms);
    gf_sq_bind_int(t->conn, s, 4, item->expires_ms);
    gf_sq_bind_blob(t->conn, s, 5, outside ? NULL : item->result, outside ? 0 : item->result_size);
    gf_sq_bind_int(t->conn, s, 6, rbid);
    gf_sq_bind_body(t->conn, s, 7, &item->message, bid);
    gf_sq_run(t->conn, s);
}

static void add_ready(gf_sq_txn *t, int64_t seq, const gf_item *item, int64_t bid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_ADD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, item->at_ms ? item->at_ms : t->now_ms);
    gf_sq_bind_body(t->conn, s, 3, &item->message, bid);
    gf_sq_run(t->conn, s);
}

static gofer_status import_one(gf_sq_txn *t, gf_sq_queue *q, gf_item *item)
{
    gf_message m = item->message;
    gf_sq_place place;
    m.queue = q->name;
    if (item->group || item->state == GF_AGGREGATING)
        return GOFER_EUNSUPPORTED;
    if (gf_sq_find(t->conn, q->qid, m.id, &place)) {
        item->repeated = gf_sq_same(t->conn, &place, &m);
        return item->repeated ? GOFER_OK : GOFER_EEXIST;
    }
    int64_t seq = gf_sq_queue_next(q);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_ADD);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, m.id);
    gf_sq_bind_int(t->conn, s, 3, seq);
    gf_sq_run(t->conn, s);
    int64_t bid = m.payload_size > GF_SQ_INLINE ? gf_sq_blob_put(t->conn, m.payload, m.payload_size) : 0;
    if (item->state == GF_PENDING)
        add_ready(t, seq, item, bid);
    else
        add_later(t, seq, item, bid);
    gf_sq_queue_count(q, item->state, 1);
    t->ring |= q->bit;
    return GOFER_OK;
}

static gofer_status import_all(gf_sq_txn *t, void *arg)
{
    const work *w = arg;
    gf_sq_queue *q = gf_sq_queue_made(t, w->queue);
    for (size_t i = 0; q && i < w->count && t->conn->rc == SQLITE_OK; i++) {
        w->items[i].repeated = false;
        w->items[i].status = import_one(t, q, &w->items[i]);
    }
    return GOFER_OK;
}

gofer_status gf_sq_import(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    work w = { .queue = queue, .items = items, .count = count };
    gf_sq_op op = { .run = import_all, .arg = &w, .flags = GF_SQ_DURABLE | GF_SQ_ADDS, .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes += (int64_t)(items[i].message.payload_size + items[i].message.headers_size + items[i].result_size) + ROW_BYTES;
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}

// ---- drop -----------------------------------------------------------------------------------

static gofer_status drop_one(gf_sq_txn *t, gf_sq_queue *q, const gf_item *item)
{
    gf_message m = item->message;
    gf_sq_place place;
    m.queue = q->name;
    if (!gf_sq_find(t->conn, q->qid, m.id, &place))
        return GOFER_OK;
    if (place.state == GF_ACTIVE)
        return GOFER_ESTATE;
    if (gf_sq_same(t->conn, &place, &m))
        gf_sq_row_delete(t, q, place.state, place.seq);
    return GOFER_OK;
}

static gofer_status drop_all(gf_sq_txn *t, void *arg)
{
    const work *w = arg;
    gf_sq_queue *q = gf_sq_queue_named(t, w->queue);
    for (size_t i = 0; i < w->count && t->conn->rc == SQLITE_OK; i++)
        w->items[i].status = q ? drop_one(t, q, &w->items[i]) : GOFER_OK;
    return GOFER_OK;
}

gofer_status gf_sq_drop(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    work w = { .queue = queue, .items = items, .count = count };
    gf_sq_op op = { .run = drop_all, .arg = &w, .flags = GF_SQ_DURABLE, .tasks = count };
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}
