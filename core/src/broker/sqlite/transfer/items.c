// items.c - tasks on their way from store to store: read whole, stored as they are, deleted.
//
// Export reads in one read transaction; import and drop are transactions of the leader's. The stamp
// by which a task is known again is made of its row, so that another task of the same id is not
// deleted in its place.
#include <string.h>

#include "broker/sqlite/store.h"
#include "message/options.h"
#include "util/alloc.h"
#include "util/clock.h"
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

// Lock, history and checkpoint; its group, and what it is debounced by. All in one piece of memory.
static bool copy_extra(gf_sq_conn *c, const gf_sq_place *place, int64_t xid, gf_item *item)
{
    gf_sq_extra e = { 0 };
    gf_sq_debounced d = { 0 };
    sqlite3_stmt *group = NULL, *blob = NULL;
    const char *name = NULL, *key = NULL;
    size_t key_size = 0;
    int64_t now_ms = gf_now_ms(), until_ms = 0, qid = gf_sq_qid_of(place->seq);
    if (place->state == GF_SCHEDULED)
        gf_sq_debounce_of(c, place->seq, &d);
    if (place->state == GF_AGGREGATING) {
        group = gf_sq_stmt(c, GF_SQL_MEMBER_OF);
        gf_sq_bind_int(c, group, 1, place->seq);
        name = gf_sq_row(c, group) ? (const char *)sqlite3_column_text(group, 1) : NULL;
    }
    if (gf_sq_extra_read(c, xid, &e)) {
        until_ms = gf_sq_lock_until(c, qid, &e, item->message.id, now_ms);
        key = until_ms ? gf_sq_lock_name(e.lock, e.lock_size, &key_size) : NULL;
        if (e.cbid) {
            blob = gf_sq_stmt(c, GF_SQL_BLOB_GET);
            gf_sq_bind_int(c, blob, 1, e.cbid);
            if (!gf_sq_row(c, blob))
                gf_sq_conn_note(c, SQLITE_CORRUPT);
        }
    }
    const void *saved = blob && c->rc == SQLITE_OK ? sqlite3_column_blob(blob, 0) : NULL;
    size_t saved_size = saved ? (size_t)sqlite3_column_bytes(blob, 0) : 0,
           name_size = name ? strlen(name) : 0, by_size = d.key ? strlen(d.key) : 0;
    bool any = name || e.row || d.key, ok = true;
    char *to = NULL;
    if (any) {
        to = gf_alloc(name_size + key_size + by_size + e.attempts_size + e.log_size + saved_size +
            6);
        ok = to != NULL;
    }
    item->memory[2] = to;
    if (to) {
        item->group = gf_sq_pack(&to, name, name_size);
        item->unique_key = gf_sq_pack(&to, key, key_size);
        item->debounced = gf_sq_pack(&to, d.key, by_size);
        item->first_ms = d.first_ms;
        item->attempts = gf_sq_pack(&to, e.attempts, e.attempts_size);
        item->log = gf_sq_pack(&to, e.log, e.log_size);
        item->checkpoint = gf_sq_pack(&to, saved, saved_size);
        item->checkpoint_size = saved_size;
        item->unique_ms = until_ms ? until_ms - now_ms : 0;
    }
    gf_sq_done(blob);
    gf_sq_done(e.row);
    gf_sq_done(d.row);
    gf_sq_done(group);
    return ok && c->rc == SQLITE_OK;
}

static gofer_status export_one(gf_sq_conn *c, const char *queue, int64_t qid, const char *id,
    gf_item *item)
{
    gf_sq_place place;
    if (!gf_sq_find(c, qid, id, &place))
        return GOFER_ENOTFOUND;
    if (place.state == GF_ACTIVE)
        return GOFER_ESTATE;
    if (gf_sq_is_in_set(c, &place))
        return GOFER_ESTATE;             // being made one with others
    bool ready = place.state == GF_PENDING, ok = false;
    int64_t xid = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, ready ? GF_SQL_ITEM_READY : GF_SQL_ITEM_LATER);
    gf_sq_bind_int(c, s, 1, place.seq);
    if (gf_sq_row(c, s)) {
        gf_sq_claim *claim = gf_sq_claim_read(c, s, 0, queue, 0);
        item->memory[0] = claim;
        item->state = place.state;
        item->at_ms = gf_sq_number(s, SORT);
        xid = gf_sq_body_xid(s, 0);
        if (claim)
            item->message = claim->base.message;
        if (place.state == GF_AGGREGATING)
            item->message.crashes = 0;   // its sets', which do not travel
        if (!ready)
            item->expires_ms = gf_sq_number(s, EXPIRES);
        ok = claim && (ready || copy_result(c, s, item));
    }
    gf_sq_done(s);
    ok = ok && copy_extra(c, &place, xid, item);
    return ok ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status export_all(gf_sq_conn *c, void *arg)
{
    const work *w = arg;
    int64_t qid = gf_sq_find_qid(c, w->queue);
    for (size_t i = 0; i < w->count && c->rc == SQLITE_OK; i++) {
        gf_item_clear(&w->items[i]);
        w->items[i].status =
            qid ? export_one(c, w->queue, qid, w->ids[i], &w->items[i]) : GOFER_ENOTFOUND;
        if (w->items[i].status == GOFER_ENOMEM && c->rc == SQLITE_OK)
            return gf_fail_nomem("tasks to be moved");
    }
    return GOFER_OK;
}

gofer_status gf_sq_export(gf_broker *b, const char *queue, const char *const *ids, size_t count,
    gf_item *items)
{
    work w = { .queue = queue, .ids = ids, .items = items, .count = count };
    return gf_sq_read((gf_sq_store *)b, export_all, &w);
}

// ---- import ---------------------------------------------------------------------------------

static void add_later(gf_sq_txn *t, const gf_sq_new_row *row, const gf_item *item)
{
    bool outside = item->result_size > GF_SQ_INLINE;
    int64_t rbid = outside ? gf_sq_blob_put(t->conn, item->result, item->result_size) : 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ITEM_ADD);
    gf_sq_bind_int(t->conn, s, 1, row->seq);
    gf_sq_bind_int(t->conn, s, 2, item->state);
    gf_sq_bind_int(t->conn, s, 3, item->at_ms);
    gf_sq_bind_int(t->conn, s, 4, item->expires_ms);
    gf_sq_bind_blob(t->conn, s, 5, outside ? NULL : item->result, outside ? 0 : item->result_size);
    gf_sq_bind_int(t->conn, s, 6, rbid);
    gf_sq_bind_body(t->conn, s, 7, row->message, row->bid);
    gf_sq_run(t->conn, s);
    if (row->xid)
        GF_SQ_RUN(t->conn, GF_SQL_LATER_SET_XID, row->seq, row->xid);
}

// If nobody has it here.
static bool take_lock(gf_sq_txn *t, int64_t qid, const gf_item *item, gf_sq_key *key)
{
    gf_task_options o;
    if (item->unique_ms <= 0)
        return false;
    if (!gf_sq_lock_key(key, item->unique_key, &item->message)) {
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
        return false;
    }
    if (gf_sq_lock_held(t, qid, key, NULL))
        return false;
    gf_task_options_read(&item->message, &o);
    gf_sq_lock_add(t, qid, key,
        o.unique && strcmp(o.unique, "start") == 0 ? GF_UNTIL_START : GF_UNTIL_DONE,
        t->now_ms + item->unique_ms, item->message.id);
    return true;
}

static int64_t add_extra(gf_sq_txn *t, int64_t qid, const gf_item *item)
{
    gf_sq_key key = { 0 };
    bool locked = take_lock(t, qid, item, &key);
    int64_t xid = 0;
    if (locked || item->attempts || item->log || item->checkpoint_size) {
        xid = gf_sq_extra_add(t->conn, locked ? key.bytes : NULL, locked ? key.size : 0);
        if (item->attempts)
            gf_sq_extra_attempt(t->conn, xid, item->attempts);
        if (item->log)
            gf_sq_extra_log(t->conn, xid, item->log);
        if (item->checkpoint_size)
            gf_sq_extra_checkpoint(t->conn, xid, item->checkpoint, item->checkpoint_size);
    }
    gf_free(key.bytes);
    return xid;
}

static gofer_status import_one(gf_sq_txn *t, gf_sq_queue *q, gf_item *item)
{
    gf_message m = item->message;
    gf_sq_place place;
    m.queue = q->name;
    if (item->state == GF_AGGREGATING && !item->group)
        return GOFER_EINVAL;
    if (gf_sq_find(t->conn, q->qid, m.id, &place)) {
        item->repeated = gf_sq_same(t->conn, &place, &m);
        return item->repeated ? GOFER_OK : GOFER_EEXIST;
    }
    gf_sq_standing standing;
    gf_sq_standing_of(&item->message, &standing);
    gf_sq_lane_expect(t, q, &standing);
    gf_sq_limit_expect(t, q, &item->message);
    int64_t seq = gf_sq_line_next(t, q, item->state == GF_PENDING ? &standing : &gf_sq_plain);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_ADD);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, m.id);
    gf_sq_bind_int(t->conn, s, 3, seq);
    gf_sq_run(t->conn, s);
    gf_sq_new_row row = { .seq = seq, .message = &item->message };
    if (m.payload_size > GF_SQ_INLINE)
        row.bid = gf_sq_blob_put(t->conn, m.payload, m.payload_size);
    row.xid = add_extra(t, q->qid, item);
    if (item->state == GF_PENDING)
        gf_sq_ready_add(t, &row, item->at_ms ? item->at_ms : t->now_ms);
    else
        add_later(t, &row, item);
    if (item->state == GF_AGGREGATING)
        gf_sq_member_add(t, q->qid, item->group, seq, item->at_ms);
    if (item->state == GF_SCHEDULED && item->debounced &&
        !gf_sq_debounce_stands(t, q->qid, item->debounced))
        gf_sq_debounce_add(t, item->debounced, seq, item->first_ms, item->at_ms);
    gf_sq_queue_count(q, item->state, 1);
    t->wakeups |= q->bit;
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
    gf_sq_op op = { .run = import_all,
        .arg = &w,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes += (int64_t)(items[i].message.payload_size + items[i].message.headers_size +
                        items[i].result_size + items[i].checkpoint_size) +
            ROW_BYTES;
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
    if (!gf_sq_same(t->conn, &place, &m))
        return GOFER_OK;
    if (gf_sq_is_in_set(t->conn, &place))
        return GOFER_ESTATE;
    gf_sq_row_move(t, q, place.state, GF_STATE_COUNT, place.seq, GF_END_DELETED);
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
