// recover.c - tasks are taken back from workers that died, or that did not renew their leases.
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    DEAD_MAX = 64,                       // workers found dead in one call; the rest in the next
    RECORD_BYTES = 512                   // of an attempt that was cut off
};

typedef struct orphan {
    int64_t seq, wid;
    gf_blame blame;
} orphan;

typedef struct recovering {
    gf_sq_store  *store;
    size_t        limit;
    int32_t       crash_limit;
    gf_recovered  found;                 // what it did; its callback is the caller's
    int64_t       dead[DEAD_MAX];
    size_t        dead_count;
    bool          needed;
    orphan       *lost;                  // room for `limit`
    int64_t       wid;                   // whose death this is, the latest looked up:
    gf_death      death;
    gf_sq_claim **archived;              // copies of what is to be told; room for `limit`
} recovering;

// Looks without writing: nearly always there is nothing to do, and that must cost nobody a lock.
static gofer_status look_for_dead(gf_sq_conn *c, void *arg)
{
    recovering *r = arg;
    int64_t mono_ms = gf_mono_ms();
    r->dead_count = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_WORKER_LIST);
    while (r->dead_count < DEAD_MAX && gf_sq_row(c, s))
        if (gf_sq_worker_dead(r->store, sqlite3_column_int64(s, 0), gf_sq_number(s, 1), mono_ms))
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

// ---- one task ---------------------------------------------------------------------------------

// The run that was lost, as the store knows it.
typedef struct run {
    int64_t xid, retried, started_ms;
    bool    asked;                       // to stop
    char    worker[64], id[GF_ID_MAX + 1];
} run;

static bool read_run(gf_sq_conn *c, int64_t seq, run *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ACTIVE_RUN);
    gf_sq_bind_int(c, s, 1, seq);
    if (!gf_sq_row(c, s))
        return false;
    const char *worker = (const char *)sqlite3_column_text(s, 3), *id = (const char *)sqlite3_column_text(s, 5);
    out->xid = sqlite3_column_int64(s, 0);
    out->retried = gf_sq_number(s, 1);
    out->started_ms = gf_sq_number(s, 2);
    out->asked = sqlite3_column_int(s, 4) != 0;
    snprintf(out->worker, sizeof out->worker, "%s", worker ? worker : "");
    snprintf(out->id, sizeof out->id, "%s", id ? id : "");
    gf_sq_done(s);
    return true;
}

static gf_death read_death(gf_sq_conn *c, gf_sql sql, int64_t wid)
{
    gf_death death = { 0 };
    sqlite3_stmt *s = gf_sq_stmt(c, sql);
    gf_sq_bind_int(c, s, 1, wid);
    if (gf_sq_row(c, s))
        death = (gf_death){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1) };
    gf_sq_done(s);
    return death;
}

// What the worker held when it died: noted beside it when the first of its tasks is taken back, for
// the others may have their turn in a later call. Heartbeats of one that only stood still overwrite
// it.
static void find_death(gf_sq_txn *t, recovering *r, int64_t wid)
{
    if (r->wid == wid)
        return;
    r->wid = wid;
    r->death = read_death(t->conn, GF_SQL_WORKER_DEATH, wid);
    if (r->death.held > 0)
        return;
    r->death = read_death(t->conn, GF_SQL_ACTIVE_HELD, wid);
    GF_SQ_RUN(t->conn, GF_SQL_WORKER_DIED, wid, r->death.held, r->death.on_trial);
}

static void note_attempt(gf_sq_txn *t, int64_t seq, const run *lost, const char *kind, const char *text)
{
    int64_t ran_ms = t->now_ms > lost->started_ms ? t->now_ms - lost->started_ms : 0;
    if (t->tight)
        return;
    char *record = gf_sq_attempt_record(t->now_ms, lost->retried + 1, kind, ran_ms, *lost->worker ? lost->worker : NULL, text);
    if (record)
        gf_sq_extra_keep(t, seq, lost->xid, record, NULL);
    else
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    gf_free(record);
}

// A copy for the caller's callback, told when the transaction holds.
static void keep_copy(gf_sq_txn *t, recovering *r, int64_t seq, const gf_sq_queue *q)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_BODY);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (gf_sq_row(t->conn, s)) {
        gf_sq_claim *copy = gf_sq_claim_read(t->conn, s, 0, q->name);
        gf_sq_done(s);
        if (copy)
            r->archived[r->found.archived] = copy;
        else
            gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    }
}

static void set_aside(gf_sq_txn *t, recovering *r, gf_sq_queue *q, int64_t seq, const run *lost,
    const gf_blame *blame,
    const char *text)
{
    if (r->archived && !lost->asked)
        keep_copy(t, r, seq, q);
    gf_sq_lock_free(t->conn, q->qid, lost->id, lost->xid);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, lost->asked ? GF_SQL_ACTIVE_CANCELLED : GF_SQL_ACTIVE_CRASHED_OUT);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_int(t->conn, s, 2, t->now_ms);
    gf_sq_bind_text(t->conn, s, 3, text);
    gf_sq_bind_int(t->conn, s, 4, gf_sq_blame_pack(blame));
    gf_sq_run(t->conn, s);
    q->processed++;                      // its last attempt has ended, and not well
    q->failed += !lost->asked;
    r->found.archived += !lost->asked;
    if (t->awaited)
        gf_sq_ended(t, q->qid, lost->id, lost->asked ? GF_END_CANCELLED : GF_END_ARCHIVED, text, NULL, 0);
}

static void put_back(gf_sq_txn *t, recovering *r, const orphan *l)
{
    run lost;
    char text[120];
    int64_t seq = l->seq;
    gf_blame blame = l->blame;
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(seq));
    if (!q || !read_run(t->conn, seq, &lost))
        return;
    find_death(t, r, l->wid);
    bool charged = gf_blame_death(&blame, &r->death, t->now_ms - lost.started_ms);
    bool out = charged && blame.crashes > r->crash_limit;
    if (lost.asked)
        snprintf(text, sizeof text, "cancelled; its worker died meanwhile");
    else if (out)
        snprintf(text, sizeof text, "worker died %d times while running this task (crash limit %d)",
            (int)blame.crashes,
            (int)r->crash_limit);
    else
        snprintf(text, sizeof text, "%s", gf_blame_text(charged, &blame, &r->death));
    note_attempt(t, seq, &lost, lost.asked ? "cancelled" : "crashed", text);
    if (out || lost.asked) {
        set_aside(t, r, q, seq, &lost, &blame, text);
    } else {
        GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_CRASHED, seq, gf_sq_blame_pack(&blame));
        t->wakeups |= q->bit;
        r->found.requeued++;
    }
    GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_DROP_ANY, seq);
    gf_sq_queue_count(q, GF_ACTIVE, -1);
    gf_sq_queue_count(q, out || lost.asked ? GF_ARCHIVED : GF_PENDING, 1);
}

// ---- all -----------------------------------------------------------------------------------------

static void forget_copies(recovering *r)
{
    for (size_t i = 0; r->archived && i < r->limit; i++) {
        gf_free(r->archived[i]);
        r->archived[i] = NULL;
    }
}

static gofer_status recover(gf_sq_txn *t, void *arg)
{
    recovering *r = arg;
    size_t count = 0;
    forget_copies(r);
    r->found = (gf_recovered){ 0 };
    r->wid = -1;
    // What the dead have is found by their numbers; their names, for the records, before they go. A wid is never used
    // again, so who was dead a moment ago is dead.
    for (int dead = (int)r->dead_count - 1; dead >= -1 && t->conn->rc == SQLITE_OK; dead--) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, dead >= 0 ? GF_SQL_ACTIVE_OF : GF_SQL_ACTIVE_LOST);
        gf_sq_bind_int(t->conn, s, 1, dead >= 0 ? r->dead[dead] : t->mono_ms);
        gf_sq_bind_int(t->conn, s, 2, t->mono_ms + GF_SQ_LEASE_HORIZON_MS);
        gf_sq_bind_int(t->conn, s, 3, (int64_t)(r->limit - count));
        size_t first = count;
        for (; count < r->limit && gf_sq_row(t->conn, s); count++) {
            r->lost[count] = (orphan){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 2),
                gf_sq_blame(sqlite3_column_int64(s, 1)) };
        }
        gf_sq_done(s);
        for (size_t i = first; i < count && t->conn->rc == SQLITE_OK; i++)
            put_back(t, r, &r->lost[i]);
        if (dead >= 0 && count < r->limit)
            GF_SQ_RUN(t->conn, GF_SQL_WORKER_DROP, r->dead[dead]);
    }
    return GOFER_OK;
}

static gofer_status write_recovered(recovering *r, gf_recovered *out)
{
    r->lost = gf_calloc(r->limit, sizeof *r->lost);
    r->archived = out->archived_one ? gf_calloc(r->limit, sizeof *r->archived) : NULL;
    gofer_status st = GOFER_OK;
    if (!r->lost || (out->archived_one && !r->archived))
        st = gf_fail_nomem("lost tasks");
    gf_sq_op op = { .run = recover, .arg = r, .flags = GF_SQ_KEEPS, .bytes = RECORD_BYTES, .tasks = r->limit };
    if (st == GOFER_OK)
        st = gf_sq_write(r->store, &op);
    if (st == GOFER_OK) {
        out->requeued = r->found.requeued;
        out->archived = r->found.archived;
        for (size_t i = 0; r->archived && i < r->found.archived; i++)
            out->archived_one(out->arg, &r->archived[i]->base.message);
    }
    forget_copies(r);
    gf_free(r->archived);
    gf_free(r->lost);
    return st;
}

gofer_status gf_sq_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    recovering r = { .store = (gf_sq_store *)b, .limit = limit, .crash_limit = crash_limit };
    size_t sets;
    out->requeued = out->archived = 0;
    gofer_status st = gf_sq_read(r.store, look_for_dead, &r);
    if (st == GOFER_OK && r.needed && limit > 0)
        st = write_recovered(&r, out);
    // What the dead had taken out of groups.
    return st == GOFER_OK && limit > 0 ? gf_sq_group_reclaim(b, limit, &sets) : st;
}
