// lease.c - the claims of workers: extended, told about, and taken back from the dead.
#include <stdio.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
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
        int64_t rows = GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_EXTEND, lease->claim->ref, (int64_t)lease->claim->token, until);
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

typedef struct telling {
    const gf_progress *items;
    size_t             count;
} telling;

static gofer_status tell(gf_sq_txn *t, void *arg)
{
    telling *p = arg;
    for (size_t i = 0; i < p->count && t->conn->rc == SQLITE_OK; i++) {
        const gf_progress *item = &p->items[i];
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_PROGRESS);
        gf_sq_bind_int(t->conn, s, 1, item->claim->ref);
        gf_sq_bind_int(t->conn, s, 2, (int64_t)item->claim->token);
        gf_sq_bind_int(t->conn, s, 3, item->done);
        gf_sq_bind_int(t->conn, s, 4, item->total);
        gf_sq_bind_text(t->conn, s, 5, item->text);
        gf_sq_run(t->conn, s);           // of a lost claim: no row, and nobody to tell
    }
    return GOFER_OK;
}

gofer_status gf_sq_progress(gf_broker *b, const gf_progress *items, size_t count)
{
    telling p = { items, count };
    gf_sq_op op = { .run = tell, .arg = &p, .tasks = count };
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}

// ---- recovery ---------------------------------------------------------------------------

enum { DEAD_MAX = 64 };                  // workers found dead in one call; the rest in the next

typedef struct recovering {
    gf_sq_store  *store;
    size_t        limit;
    int32_t       crash_limit;
    gf_recovered *out;
    int64_t       dead[DEAD_MAX];
    size_t        dead_count;
    bool          needed;
    int64_t      *lost;                  // pairs of seq and crashes; room for `limit`
} recovering;

// Looks without writing: nearly always there is nothing to do, and that must cost nobody a lock.
static gofer_status look_for_dead(gf_sq_conn *c, void *arg)
{
    recovering *r = arg;
    int64_t mono_ms = gf_mono_ms();
    r->dead_count = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_WORKER_LIST);
    while (r->dead_count < DEAD_MAX && gf_sq_row(c, s))
        if (gf_sq_worker_dead(r->store, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), mono_ms))
            r->dead[r->dead_count++] = sqlite3_column_int64(s, 0);
    gf_sq_done(s);

    s = gf_sq_stmt(c, GF_SQL_ACTIVE_LOST);
    gf_sq_bind_int(c, s, 1, mono_ms);
    gf_sq_bind_int(c, s, 2, mono_ms + GF_SQ_LEASE_HORIZON_MS);
    gf_sq_bind_int(c, s, 3, 1);
    r->needed = gf_sq_row(c, s) || r->dead_count > 0;
    gf_sq_done(s);
    return GOFER_OK;
}

static void put_back(gf_sq_txn *t, recovering *r, int64_t seq, int64_t crashes)
{
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(seq));
    if (!q)
        return;
    bool out = crashes + 1 > r->crash_limit;
    if (out) {
        char text[120];
        snprintf(text, sizeof text, "worker died %lld times while running this task (crash limit %d)",
            (long long)crashes + 1, (int)r->crash_limit);
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_CRASHED_OUT);
        gf_sq_bind_int(t->conn, s, 1, seq);
        gf_sq_bind_int(t->conn, s, 2, t->now_ms);
        gf_sq_bind_text(t->conn, s, 3, text);
        gf_sq_run(t->conn, s);
        q->processed++;                  // its last attempt has ended, and not well
        q->failed++;
        r->out->archived++;
    } else {
        GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_CRASHED, seq);
        t->ring |= q->bit;
        r->out->requeued++;
    }
    GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_DROP_ANY, seq);
    gf_sq_queue_count(q, GF_ACTIVE, -1);
    gf_sq_queue_count(q, out ? GF_ARCHIVED : GF_PENDING, 1);
}

static gofer_status recover(gf_sq_txn *t, void *arg)
{
    recovering *r = arg;
    *r->out = (gf_recovered){ 0 };
    // A wid is never used again, so who was dead a moment ago is dead. Without their row all
    // that they had is found by the same query as what outlived its lease.
    for (size_t i = 0; i < r->dead_count; i++)
        GF_SQ_RUN(t->conn, GF_SQL_WORKER_DROP, r->dead[i]);

    size_t count = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_LOST);
    gf_sq_bind_int(t->conn, s, 1, t->mono_ms);
    gf_sq_bind_int(t->conn, s, 2, t->mono_ms + GF_SQ_LEASE_HORIZON_MS);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)r->limit);
    for (; count < r->limit && gf_sq_row(t->conn, s); count++) {
        r->lost[2 * count] = sqlite3_column_int64(s, 0);
        r->lost[2 * count + 1] = sqlite3_column_int64(s, 1);
    }
    gf_sq_done(s);
    for (size_t i = 0; i < count && t->conn->rc == SQLITE_OK; i++)
        put_back(t, r, r->lost[2 * i], r->lost[2 * i + 1]);
    return GOFER_OK;
}

gofer_status gf_sq_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    recovering r = { .store = (gf_sq_store *)b, .limit = limit, .crash_limit = crash_limit, .out = out };
    *out = (gf_recovered){ 0 };
    gofer_status st = gf_sq_read(r.store, look_for_dead, &r);
    if (st != GOFER_OK || !r.needed || limit == 0)
        return st;

    r.lost = gf_calloc(limit, 2 * sizeof *r.lost);
    if (!r.lost)
        return gf_fail_nomem("lost tasks");
    gf_sq_op op = { .run = recover, .arg = &r, .tasks = limit };
    st = gf_sq_write(r.store, &op);
    gf_free(r.lost);
    return st;
}
