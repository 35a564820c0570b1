// lease.c - the claims of workers: extended, with the requests to cancel that stand, and their
// progress kept.
//
// Each item is found by key and token, so a stale claim changes nothing. Both are single
// transactions of the leader's and are not synced: what they write is renewed, or told again, soon.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

typedef struct extending {
    gf_lease *leases;
    size_t    count;
    int64_t   lease_ms;
} extending;

// A watch is told at once, but perhaps before its worker knew that it has the task.
static bool asked_to_stop(gf_sq_conn *c, const gf_claim *claim)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_CANCEL_HAS);
    gf_sq_bind_int(c, s, 1, claim->ref);
    gf_sq_bind_int(c, s, 2, (int64_t)claim->token);
    bool asked = gf_sq_row(c, s);
    gf_sq_done(s);
    return asked;
}

static gofer_status extend(gf_sq_txn *t, void *arg)
{
    extending *e = arg;
    for (size_t i = 0; i < e->count && t->conn->rc == SQLITE_OK; i++) {
        gf_lease *lease = &e->leases[i];
        int64_t until = t->mono_ms + e->lease_ms;
        int64_t rows = GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_EXTEND, lease->claim->ref,
            (int64_t)lease->claim->token, until);
        if (lease->proven && rows == 1)
            GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_PROVEN, lease->claim->ref,
                (int64_t)lease->claim->token);
        lease->status = rows == 1 ? GOFER_OK : GOFER_ESTALE;
        lease->lease_until_ms = rows == 1 ? until : 0;
        lease->cancel = rows == 1 && asked_to_stop(t->conn, lease->claim);
    }
    return GOFER_OK;
}

gofer_status gf_sq_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms)
{
    extending e = { leases, count, lease_ms };
    gf_sq_op op = { .run = extend, .arg = &e, .tasks = count };
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}

// ---- progress -----------------------------------------------------------------------------

enum { ROW_BYTES = 512 };                // of what is kept beside a task

typedef struct progressing {
    const gf_progress *items;
    size_t             count;
} progressing;

static bool adds(const gf_progress *item)
{
    return item->log || item->checkpoint;
}

// Log and checkpoint. What the claim knows of its task may be so no more, which it is told before:
// a commit that fails leaves it with a look too many.
static void keep(gf_sq_txn *t, const gf_progress *item)
{
    const gf_claim *claim = item->claim;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_XID);
    gf_sq_bind_int(t->conn, s, 1, claim->ref);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
    bool ours = gf_sq_row(t->conn, s);
    int64_t xid = ours ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!ours || (!xid && !item->log && !item->checkpoint_size))
        return;
    atomic_store(&((gf_sq_claim *)claim)->touched, true);
    xid = gf_sq_extra_keep(t, claim->ref, xid, NULL, item->log);
    if (item->checkpoint)
        gf_sq_extra_checkpoint(t->conn, xid, item->checkpoint, item->checkpoint_size);
}

static gofer_status keep_progress(gf_sq_txn *t, void *arg)
{
    progressing *p = arg;
    for (size_t i = 0; i < p->count && t->conn->rc == SQLITE_OK; i++) {
        const gf_progress *item = &p->items[i];
        if (adds(item))
            keep(t, item);
        if (item->done < 0)
            continue;
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_PROGRESS);
        gf_sq_bind_int(t->conn, s, 1, item->claim->ref);
        gf_sq_bind_int(t->conn, s, 2, (int64_t)item->claim->token);
        gf_sq_bind_int(t->conn, s, 3, item->done);
        gf_sq_bind_int(t->conn, s, 4, item->total);
        gf_sq_bind_text(t->conn, s, 5, item->text);
        gf_sq_run(t->conn, s);           // of a stale claim: no row, and nobody to notify
    }
    return GOFER_OK;
}

gofer_status gf_sq_progress(gf_broker *b, const gf_progress *items, size_t count)
{
    progressing p = { items, count };
    gf_sq_op op = { .run = keep_progress, .arg = &p, .tasks = count };
    for (size_t i = 0; i < count; i++)
        if (adds(&items[i])) {           // refused when the disk is full: it comes
                                         //   again with the outcome
            op.flags = GF_SQ_ADDS;
            op.bytes += (int64_t)(items[i].checkpoint ? items[i].checkpoint_size : 0) + ROW_BYTES;
            op.bytes += items[i].log ? (int64_t)strlen(items[i].log) : 0;
        }
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}
