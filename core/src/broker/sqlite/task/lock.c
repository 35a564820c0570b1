// lock.c - unique locks: who may be put, and what lets the next one in.
//
// A lock is a row of a queue and a key: 'k' and the caller's name for it, or 't' and the digest of
// type and payload. A task that knows its lock has the key beside it (extra.c), so that finishing a
// task without one asks for nothing. A lock whose time is over is none; purge removes it.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/sha256.h"

bool gf_sq_lock_key(gf_sq_key *out, const char *name, const gf_message *m)
{
    size_t name_size = name ? strlen(name) : 0;
    out->size = 1 + (name ? name_size : GF_SHA256_SIZE);
    out->bytes = gf_alloc(out->size);
    if (!out->bytes)
        return false;
    out->bytes[0] = name ? 'k' : 't';
    if (name) {
        memcpy(out->bytes + 1, name, name_size);
        return true;
    }
    gf_sha256 h;
    gf_sha256_begin(&h);
    gf_sha256_add(&h, m->type, strlen(m->type) + 1);
    gf_sha256_add(&h, m->payload, m->payload_size);
    gf_sha256_end(&h, (unsigned char *)out->bytes + 1);
    return true;
}

const char *gf_sq_lock_name(const void *key, size_t size, size_t *name_size)
{
    const char *bytes = key;
    if (!bytes || size < 2 || bytes[0] != 'k')
        return NULL;
    *name_size = size - 1;
    return bytes + 1;
}

static sqlite3_stmt *found(gf_sq_conn *c, int64_t qid, const void *key, size_t size, int64_t now_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_LOCK_FIND);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_blob(c, s, 2, key, size);
    gf_sq_bind_int(c, s, 3, now_ms);
    return gf_sq_row(c, s) ? s : NULL;
}

bool gf_sq_lock_held(gf_sq_txn *t, int64_t qid, const gf_sq_key *key, char *holder)
{
    sqlite3_stmt *s = found(t->conn, qid, key->bytes, key->size, t->now_ms);
    if (!s)
        return false;
    const char *id = (const char *)sqlite3_column_text(s, 0);
    if (holder)
        sqlite3_snprintf(GF_ID_MAX + 1, holder, "%s", id ? id : "");
    gf_sq_done(s);
    return true;
}

int64_t gf_sq_lock_until(gf_sq_conn *c, int64_t qid, const gf_sq_extra *e, const char *id,
    int64_t now_ms)
{
    sqlite3_stmt *s = e->lock ? found(c, qid, e->lock, e->lock_size, now_ms) : NULL;
    if (!s)
        return 0;
    const char *holder = (const char *)sqlite3_column_text(s, 0);
    int64_t until_ms = holder && strcmp(holder, id) == 0 ? gf_sq_number(s, 1) : 0;
    gf_sq_done(s);
    return until_ms;
}

void gf_sq_lock_add(gf_sq_txn *t, int64_t qid, const gf_sq_key *key, gf_unique_life life,
    int64_t until_ms, const char *id)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LOCK_ADD);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_blob(t->conn, s, 2, key->bytes, key->size);
    gf_sq_bind_int(t->conn, s, 3, life);
    gf_sq_bind_int(t->conn, s, 4, until_ms);
    gf_sq_bind_text(t->conn, s, 5, id);
    gf_sq_run(t->conn, s);
}

// By `which`; true: the task has no lock now that it would have to know.
static bool drop(gf_sq_conn *c, gf_sql which, int64_t qid, const char *id, const gf_sq_extra *e)
{
    sqlite3_stmt *s = gf_sq_stmt(c, which);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_blob(c, s, 2, e->lock, e->lock_size);
    gf_sq_bind_text(c, s, 3, id);        // another task's that came when this one's
                                         //   time was over stays
    return gf_sq_run(c, s) == 1 || which == GF_SQL_LOCK_DROP;
}

static void free_by(gf_sq_conn *c, gf_sql which, int64_t qid, const char *id, int64_t xid)
{
    gf_sq_extra e;
    if (!gf_sq_extra_read(c, xid, &e))
        return;
    bool forget = e.lock && drop(c, which, qid, id, &e);
    gf_sq_done(e.row);
    if (!forget)
        return;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EXTRA_SET_LOCK);
    gf_sq_bind_int(c, s, 1, xid);
    gf_sq_bind_blob(c, s, 2, NULL, 0);
    gf_sq_run(c, s);
}

void gf_sq_lock_free(gf_sq_conn *c, int64_t qid, const char *id, int64_t xid)
{
    free_by(c, GF_SQL_LOCK_DROP, qid, id, xid);
}

// ---- release ----------------------------------------------------------------------------------

typedef struct releasing {
    gf_claim *const *claims;
    size_t           count;
} releasing;

static gofer_status release(gf_sq_txn *t, void *arg)
{
    const releasing *r = arg;
    for (size_t i = 0; i < r->count && t->conn->rc == SQLITE_OK; i++) {
        const gf_claim *claim = r->claims[i];
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_XID);
        gf_sq_bind_int(t->conn, s, 1, claim->ref);
        gf_sq_bind_int(t->conn, s, 2, (int64_t)claim->token);
        int64_t xid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
        gf_sq_done(s);
        free_by(t->conn, GF_SQL_LOCK_START, gf_sq_qid_of(claim->ref), claim->message.id, xid);
    }
    return GOFER_OK;
}

gofer_status gf_sq_release(gf_broker *b, gf_claim *const *claims, size_t count)
{
    releasing r = { claims, count };
    gf_sq_op op = { .run = release, .arg = &r, .tasks = count };
    bool any = false;
    for (size_t i = 0; i < count; i++)   // a lock is known since the task was put
        any |= ((const gf_sq_claim *)claims[i])->xid != 0;
    return any ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}
