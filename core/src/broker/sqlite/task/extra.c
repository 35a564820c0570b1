// extra.c - what few tasks have: a checkpoint, a history of attempts, kept log
// lines, the key of a lock.
//
// It is one row of `extra`, to which the task's row leads (xid), so that who has none of it pays
// for nothing; a checkpoint is a blob. The row goes with the task.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/record.h"

bool gf_sq_extra_read(gf_sq_conn *c, int64_t xid, gf_sq_extra *out)
{
    *out = (gf_sq_extra){ 0 };
    if (!xid)
        return false;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EXTRA_GET);
    gf_sq_bind_int(c, s, 1, xid);
    if (!gf_sq_row(c, s))
        return false;
    *out = (gf_sq_extra){
        .lock = sqlite3_column_blob(s, 0),
        .lock_size = (size_t)sqlite3_column_bytes(s, 0),
        .cbid = sqlite3_column_int64(s, 1),
        .csize = gf_sq_number(s, 2),
        .attempts = (const char *)sqlite3_column_text(s, 3),
        .attempts_size = (size_t)sqlite3_column_bytes(s, 3),
        .log = (const char *)sqlite3_column_text(s, 4),
        .log_size = (size_t)sqlite3_column_bytes(s, 4),
        .row = s,
    };
    return true;
}

int64_t gf_sq_extra_add(gf_sq_conn *c, const void *lock, size_t lock_size)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EXTRA_ADD);
    gf_sq_bind_blob(c, s, 1, lock, lock_size);
    gf_sq_run(c, s);
    return c->rc == SQLITE_OK ? sqlite3_last_insert_rowid(c->db) : 0;
}

// ---- lines ------------------------------------------------------------------------------

// Old lines and new ones, the latest GF_TASK_LOG_BYTES of them; NULL: no memory.
static char *joined(const char *old, size_t old_size, const char *more, size_t more_size)
{
    bool ends = old_size == 0 || old[old_size - 1] == '\n';
    size_t size = old_size + !ends + more_size;
    char *text = gf_alloc(size + 1), *from = text;
    if (!text)
        return NULL;
    if (old_size)
        memcpy(text, old, old_size);
    if (!ends)
        text[old_size] = '\n';
    memcpy(text + old_size + !ends, more, more_size);
    text[size] = '\0';
    // From the first whole line of what may stay; a line that is too long goes.
    if (size > GF_TASK_LOG_BYTES) {
        from = memchr(text + size - GF_TASK_LOG_BYTES - 1, '\n', GF_TASK_LOG_BYTES + 1);
        from = from ? from + 1 : text + size;
        memmove(text, from, (size_t)(text + size - from) + 1);
    }
    return text;
}

static void append(gf_sq_conn *c, int64_t xid, gf_sql set, const char *more)
{
    gf_sq_extra e;
    size_t size = strlen(more);
    if (!size || !gf_sq_extra_read(c, xid, &e))
        return;
    bool log = set == GF_SQL_EXTRA_SET_LOG;
    char *text = joined(log ? e.log : e.attempts, log ? e.log_size : e.attempts_size, more, size);
    gf_sq_done(e.row);
    if (!text) {
        gf_sq_conn_note(c, SQLITE_NOMEM);
        return;
    }
    sqlite3_stmt *s = gf_sq_stmt(c, set);
    gf_sq_bind_int(c, s, 1, xid);
    gf_sq_bind_text(c, s, 2, text);
    gf_sq_run(c, s);
    gf_free(text);
}

void gf_sq_extra_attempt(gf_sq_conn *c, int64_t xid, const char *record)
{
    append(c, xid, GF_SQL_EXTRA_SET_ATTEMPTS, record);
}

void gf_sq_extra_log(gf_sq_conn *c, int64_t xid, const char *lines)
{
    append(c, xid, GF_SQL_EXTRA_SET_LOG, lines);
}

static bool fits(const char *text)
{
    return !text || strlen(text) <= GF_TASK_LOG_BYTES;
}

// A new row that begins with these.
static int64_t begin(gf_sq_conn *c, const char *record, const char *lines)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EXTRA_BEGIN);
    gf_sq_bind_text(c, s, 1, record);
    gf_sq_bind_text(c, s, 2, lines);
    gf_sq_run(c, s);
    return c->rc == SQLITE_OK ? sqlite3_last_insert_rowid(c->db) : 0;
}

int64_t gf_sq_extra_keep(gf_sq_txn *t, int64_t seq, int64_t xid, const char *record,
    const char *lines)
{
    bool whole = !xid && fits(record) && fits(lines);
    if (gf_sq_is_step(xid))              // the task leads there, whether there is a row or not
        GF_SQ_RUN(t->conn, GF_SQL_EXTRA_ENSURE, xid);
    if (!xid) {
        xid = begin(t->conn, whole ? record : NULL, whole ? lines : NULL);
        if (xid)
            GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_SET_XID, seq, xid);
    }
    if (record && !whole)
        gf_sq_extra_attempt(t->conn, xid, record);
    if (lines && !whole)
        gf_sq_extra_log(t->conn, xid, lines);
    return xid;
}

char *gf_sq_attempt_record(int64_t at_ms, int64_t attempt, const char *kind, int64_t duration_ms,
    const char *worker, const char *error)
{
    gf_record r = { 0 };
    gf_record_int(&r, "at_ms", at_ms);
    if (attempt)
        gf_record_int(&r, "attempt", attempt);
    gf_record_text(&r, "kind", kind);
    if (duration_ms >= 0)
        gf_record_int(&r, "duration_ms", duration_ms);
    gf_record_text(&r, "worker", worker);
    gf_record_text(&r, "error", error);
    if (r.bad)
        gf_record_clear(&r);
    return r.text;
}

// ---- the checkpoint ---------------------------------------------------------------------

void gf_sq_extra_checkpoint(gf_sq_conn *c, int64_t xid, const void *bytes, size_t size)
{
    gf_sq_extra e;
    if (!gf_sq_extra_read(c, xid, &e))
        return;
    gf_sq_done(e.row);
    int64_t bid = size ? gf_sq_blob_set(c, e.cbid, bytes, size) : 0;
    if (!size && e.cbid)
        GF_SQ_RUN(c, GF_SQL_BLOB_DROP, e.cbid);
    if (bid != e.cbid || (int64_t)size != e.csize)
        GF_SQ_RUN(c, GF_SQL_EXTRA_SET_CHECKPOINT, xid, bid, (int64_t)size);
}

void gf_sq_extra_drop(gf_sq_conn *c, int64_t xid)
{
    gf_sq_extra_checkpoint(c, xid, NULL, 0);
    GF_SQ_RUN(c, GF_SQL_EXTRA_DROP, xid);
}

typedef struct fetching {
    const gf_claim *claim;
    void           *bytes;
    size_t          size;
} fetching;

static gofer_status fetch(gf_sq_conn *c, void *arg)
{
    fetching *f = arg;
    gf_sq_extra e;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ACTIVE_XID);
    gf_sq_bind_int(c, s, 1, f->claim->ref);
    gf_sq_bind_int(c, s, 2, (int64_t)f->claim->token);
    bool ours = gf_sq_row(c, s);
    int64_t xid = ours ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!ours)
        return gf_fail(GOFER_ESTALE, "the task '%s' is not ours any more", f->claim->message.id);
    if (!gf_sq_extra_read(c, xid, &e))
        return GOFER_OK;
    gf_sq_done(e.row);
    if (e.cbid && !(f->bytes = gf_sq_blob_get(c, e.cbid, &f->size)))
        return gf_fail_nomem("a checkpoint");
    return GOFER_OK;
}

gofer_status gf_sq_checkpoint(gf_broker *b, const gf_claim *claim, void **bytes, size_t *size)
{
    fetching f = { .claim = claim };
    gofer_status st = gf_sq_read((gf_sq_store *)b, fetch, &f);
    if (st != GOFER_OK) {
        gf_free(f.bytes);
        return st;
    }
    *bytes = f.bytes;
    *size = f.size;
    return GOFER_OK;
}
