// put.c - adds tasks: to the end of pending, for later, into a group; one of a kind if asked.
//
// All items of a call are in one transaction of the leader's, which is synced before it returns.
// Keys of unique locks are made before, on the caller's thread: a digest of a large payload takes
// its time. Of a call's tasks those that are alike in what they need go in as a batch.
#include <string.h>

#include "broker/sqlite/store.h"
#include "message/options.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    ROW_BYTES = 512,                     // about, of a row beside its payload: both b-trees, and
                                         //   the pages they are on
    BATCH_LEAST = 4                      // in a row are worth to be put in as one
};

typedef struct putting {
    gf_put    *items;
    gf_sq_key *keys;                     // of the locks that are asked for; NULL: none is
    size_t     count;
} putting;

// The id is there: the same task again (the caller lost our answer), or another one.
static gofer_status compare(gf_sq_txn *t, int64_t qid, gf_put *item)
{
    gf_sq_place place;
    const gf_message *m = item->message;
    item->effect = GF_KEPT;
    if (!gf_sq_find(t->conn, qid, m->id, &place))
        return GOFER_EEXIST;             // SQL has failed: the status will not be seen
    return gf_sq_same(t->conn, &place, m) ? GOFER_OK : GOFER_EEXIST;
}

static bool is_there(gf_sq_txn *t, const gf_sq_queue *q, const gf_put *item)
{
    gf_sq_place unused;
    return !item->fresh && gf_sq_find(t->conn, q->qid, item->message->id, &unused);
}

// Is it plain, and the queue takes envelopes alone? A repeat is in already.
static bool is_refused(gf_sq_txn *t, const gf_sq_queue *q, const gf_put *item)
{
    const gf_message *m = item->message;
    return gf_sq_queue_refuses(q, m->payload, m->payload_size) && !item->unbounded &&
        (item->debounce || item->replaces || !is_there(t, q, item));
}

// OK: nobody holds the lock.
static gofer_status look_at_lock(gf_sq_txn *t, const gf_sq_queue *q, const gf_put *item,
    const gf_sq_key *key)
{
    if (is_there(t, q, item))
        return GOFER_OK;                 // a repeat is compared, whoever holds the lock
    return gf_sq_lock_held(t, q->qid, key, item->holder) ? GOFER_EDUPLICATE : GOFER_OK;
}

// Locks for whole seconds, and as Asynq does from the time the task may run. Its
// xid: it knows its lock.
static int64_t lock(gf_sq_txn *t, const gf_sq_queue *q, const gf_put *item, const gf_sq_key *key)
{
    int64_t start_ms = item->run_at_ms > t->now_ms ? item->run_at_ms : t->now_ms;
    gf_sq_lock_add(t, q->qid, key, item->unique_life,
        start_ms + gf_seconds_up(item->unique_ms) * 1000, item->message->id);
    return item->unique_life == GF_UNTIL_TTL ? 0 : gf_sq_extra_add(t->conn, key->bytes, key->size);
}

// The queue is as long as it may be.
static gofer_status refuse(const gf_sq_queue *q, gf_put *item)
{
    item->length = q->count[GF_PENDING];
    item->max_length = q->max_length;
    return GOFER_EFULL;
}

// xid: of a flow's step; 0.
static gofer_status put_one(gf_sq_txn *t, gf_put *item, const gf_sq_key *key, int64_t xid)
{
    const gf_message *m = item->message;
    gf_sq_queue *q = gf_sq_queue_made(t, m->queue);
    item->effect = GF_CREATED;
    if (!q)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    item->closed = is_refused(t, q, item);
    if (item->closed)
        return GOFER_EDENIED;
    if (item->debounce)
        return gf_sq_put_debounced(t, item);
    if (item->replaces)
        return gf_sq_put_over(t, item);
    gofer_status st = item->unique_ms > 0 ? look_at_lock(t, q, item, key) : GOFER_OK;
    if (st != GOFER_OK)
        return st;

    bool now = item->run_at_ms <= t->now_ms, grouped = now && item->group;
    if (now && !grouped && !item->unbounded && !gf_sq_queue_admits(q) && !is_there(t, q, item))
        return refuse(q, item);
    gf_sq_standing standing;
    gf_sq_standing_of(m, &standing);
    gf_sq_lane_expect(t, q, &standing);
    gf_sq_limit_expect(t, q, m);
    bool ranked = now && !grouped && !gf_sq_stands_plain(&standing);
    if (ranked && is_there(t, q, item))        // nobody is charged for a repeat
        return compare(t, q->qid, item);
    int64_t seq = ranked ? gf_sq_line_next(t, q, &standing)
                         : gf_sq_first_seq(q->qid) + q->tail + 1;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_ADD);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, m->id);
    gf_sq_bind_int(t->conn, s, 3, seq);
    if (gf_sq_run(t->conn, s) == 0)
        return compare(t, q->qid, item);
    gf_sq_begun(t, q->qid, m->id);

    gf_sq_new_row row = { .seq = ranked ? seq : gf_sq_queue_next(q), .message = m, .xid = xid };
    if (m->payload_size > GF_SQ_INLINE)
        row.bid = gf_sq_blob_put(t->conn, m->payload, m->payload_size);
    if (item->unique_ms > 0)
        row.xid = lock(t, q, item, key);
    if (grouped) {
        gf_sq_later_add(t, &row, GF_AGGREGATING, t->now_ms);
        gf_sq_member_add(t, q->qid, item->group, row.seq, t->now_ms);
    } else if (now) {
        gf_sq_ready_add(t, &row, t->now_ms);
    } else {
        gf_sq_later_add(t, &row, GF_SCHEDULED, item->run_at_ms);
    }
    gf_sq_queue_count(q, grouped ? GF_AGGREGATING : now ? GF_PENDING : GF_SCHEDULED, 1);
    if (!grouped)
        t->wakeups |= q->bit;            // also for a scheduled one: it may be the next that is due
    return GOFER_OK;
}

gofer_status gf_sq_put_message(gf_sq_txn *t, const gf_message *m, int64_t run_at_ms)
{
    gf_put item = { .message = m, .run_at_ms = run_at_ms, .unbounded = true };
    return put_one(t, &item, NULL, 0);
}

gofer_status gf_sq_put_new(gf_sq_txn *t, gf_put *item)
{
    return put_one(t, item, NULL, 0);
}

gofer_status gf_sq_put_step(gf_sq_txn *t, const gf_message *m, int64_t run_at_ms, int64_t sid)
{
    gf_put item = { .message = m, .run_at_ms = run_at_ms, .unbounded = true };
    gofer_status st = put_one(t, &item, NULL, -sid);
    return st == GOFER_OK && item.effect != GF_CREATED ? GOFER_EEXIST : st;
}

// ---- many that only wait to be run --------------------------------------------------------------

static bool is_plain(const gf_sq_txn *t, const gf_put *item)
{
    const gf_message *m = item->message;
    return item->unique_ms <= 0 && !item->group && !item->debounce && !item->replaces &&
           item->run_at_ms <= t->now_ms &&
           m->payload_size <= GF_SQ_INLINE && !m->last_error && !m->last_failed_ms &&
           (m->retried | m->crashes | m->suspect) == 0 &&
           (!m->headers_size || gf_is_plain(m));
}

// How many from the first on are for its queue, and plain.
static size_t plain_run(const gf_sq_txn *t, const gf_put *items, size_t count)
{
    size_t n = 0;
    while (n < count && is_plain(t, &items[n]) &&
        strcmp(items[n].message->queue, items[0].message->queue) == 0)
        n++;
    return n;
}

// False: an id of them is there already, and each is looked at by itself.
static bool add_ids(gf_sq_txn *t, int64_t qid, gf_sq_batch *batch)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ID_ADD_BATCH);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_batch(t->conn, s, 2, batch);
    if (gf_sq_run(t->conn, s) == (int64_t)batch->count)
        return true;
    for (size_t i = 0; i < batch->count && t->conn->rc == SQLITE_OK; i++) {
        s = gf_sq_stmt(t->conn, GF_SQL_ID_TAKE_BACK);
        gf_sq_bind_int(t->conn, s, 1, qid);
        gf_sq_bind_text(t->conn, s, 2, batch->items[i].message->id);
        gf_sq_bind_int(t->conn, s, 3, batch->first_seq + (int64_t)i);
        gf_sq_run(t->conn, s);
    }
    return false;
}

// False: each is to be put in by itself.
static bool put_batch(gf_sq_txn *t, gf_put *items, size_t count)
{
    if (count < BATCH_LEAST)
        return false;
    gf_sq_queue *q = gf_sq_queue_made(t, items[0].message->queue);
    if (!q || !gf_sq_queue_has_room(q, count) || gf_sq_queue_admits(q) < (int64_t)count)
        return false;
    for (size_t i = 0; q->closed && i < count; i++)
        if (is_refused(t, q, &items[i]))
            return false;
    gf_sq_batch batch = {
        .items = items, .count = count, .first_seq = gf_sq_first_seq(q->qid) + q->tail + 1
    };
    if (!add_ids(t, q->qid, &batch))
        return false;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_ADD_BATCH);
    gf_sq_bind_int(t->conn, s, 1, t->now_ms);
    gf_sq_bind_batch(t->conn, s, 2, &batch);
    if (gf_sq_run(t->conn, s) != (int64_t)count)
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);      // the table is another's
    for (size_t i = 0; i < count; i++) {
        gf_sq_begun(t, q->qid, items[i].message->id);
        gf_sq_queue_next(q);
        items[i].status = GOFER_OK;
        items[i].effect = GF_CREATED;
    }
    gf_sq_queue_count(q, GF_PENDING, (int64_t)count);
    t->wakeups |= q->bit;
    return true;
}

static gofer_status put_all(gf_sq_txn *t, void *arg)
{
    putting *p = arg;
    for (size_t i = 0, end; i < p->count && t->conn->rc == SQLITE_OK;) {
        size_t run = plain_run(t, &p->items[i], p->count - i);
        end = i + (run ? run : 1);
        if (put_batch(t, &p->items[i], run))
            i = end;
        for (; i < end && t->conn->rc == SQLITE_OK; i++)
            p->items[i].status = put_one(t, &p->items[i], p->keys ? &p->keys[i] : NULL, 0);
    }
    return GOFER_OK;
}

static void free_keys(putting *p)
{
    for (size_t i = 0; p->keys && i < p->count; i++)
        gf_free(p->keys[i].bytes);
    gf_free(p->keys);
}

// Before the store is held up: a digest of a large payload takes its time.
static gofer_status make_keys(putting *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const gf_put *item = &p->items[i];
        if (item->unique_ms <= 0)
            continue;
        if (!p->keys)
            p->keys = gf_calloc(p->count, sizeof *p->keys);
        if (!p->keys || !gf_sq_lock_key(&p->keys[i], item->unique_key, item->message))
            return gf_fail_nomem("unique locks");
    }
    return GOFER_OK;
}

gofer_status gf_sq_put(gf_broker *b, gf_put *items, size_t count)
{
    putting p = { .items = items, .count = count };
    gf_sq_op op = { .run = put_all,
        .arg = &p,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes +=
            (int64_t)(items[i].message->payload_size + items[i].message->headers_size) + ROW_BYTES;
    gofer_status st = make_keys(&p);
    if (st == GOFER_OK && count)
        st = gf_sq_write((gf_sq_store *)b, &op);
    free_keys(&p);
    return st;
}
