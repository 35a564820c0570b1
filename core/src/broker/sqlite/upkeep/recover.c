// recover.c - tasks are taken back from workers that died, or that did not renew their leases.
//
// It looks first, by a query, for nearly always there is nothing to do; then the leader's
// transaction takes back what is still so. Who is to blame is decided in broker/blame.h. The
// callback for archived tasks is called after the commit, without a lock.
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

// A claim that nobody renews any more.
typedef struct stale {
    int64_t  seq, wid;
    gf_blame blame;
} stale;

typedef struct recovering {
    gf_sq_store  *store;
    size_t        limit;
    int32_t       crash_limit;
    gf_recovered  found;                 // what it did; its callback is the caller's
    int64_t       dead[DEAD_MAX];
    size_t        dead_count;
    bool          needed;
    stale        *claims;                // room for `limit`
    int64_t       wid;                   // whose death this is, the latest looked up:
    gf_death      death;
    gf_sq_claim **archived;              // copies for the callback; room for `limit`
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

    s = gf_sq_stmt(c, GF_SQL_ACTIVE_EXPIRED);
    gf_sq_bind_int(c, s, 1, mono_ms);
    gf_sq_bind_int(c, s, 2, mono_ms + GF_SQ_LEASE_HORIZON_MS);
    gf_sq_bind_int(c, s, 3, 1);
    r->needed = gf_sq_row(c, s) || r->dead_count > 0;
    gf_sq_done(s);
    return GOFER_OK;
}

// ---- one task ---------------------------------------------------------------------------------

// The run that ended with its claim: as the store knows it, and what it is recorded as.
typedef struct run {
    int64_t  seq, xid, retried, started_ms;
    bool     asked;                      // to stop
    char     worker[64], id[GF_ID_MAX + 1];
    gf_blame blame;                      // with this death
    char     text[120];
} run;

static bool read_run(gf_sq_conn *c, int64_t seq, run *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ACTIVE_RUN);
    gf_sq_bind_int(c, s, 1, seq);
    if (!gf_sq_row(c, s))
        return false;
    out->seq = seq;
    const char *worker = (const char *)sqlite3_column_text(s, 3),
               *id = (const char *)sqlite3_column_text(s, 5);
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

static void note_attempt(gf_sq_txn *t, const run *r)
{
    int64_t ran_ms = t->now_ms > r->started_ms ? t->now_ms - r->started_ms : 0;
    if (t->tight)
        return;
    char *record = gf_sq_attempt_record(t->now_ms, r->retried + 1,
        r->asked ? "cancelled" : "crashed", ran_ms, *r->worker ? r->worker : NULL, r->text);
    if (record)
        gf_sq_extra_keep(t, r->seq, r->xid, record, NULL);
    else
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    gf_free(record);
}

// A copy for the caller's callback, which is called when the transaction holds.
static void keep_copy(gf_sq_txn *t, recovering *r, int64_t seq, const gf_sq_queue *q)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ACTIVE_BODY);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (gf_sq_row(t->conn, s)) {
        gf_sq_claim *copy = gf_sq_claim_read(t->conn, s, 0, q->name, 0);
        gf_sq_done(s);
        if (copy)
            r->archived[r->found.archived] = copy;
        else
            gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    }
}

static void set_aside(gf_sq_txn *t, recovering *r, gf_sq_queue *q, const run *ended)
{
    bool asked = ended->asked;
    if (r->archived && !asked)
        keep_copy(t, r, ended->seq, q);
    gf_sq_lock_free(t->conn, q->qid, ended->id, ended->xid);
    if (q->limited)
        gf_sq_ordered_row_end(t, q, GF_ACTIVE, ended->seq, true);
    sqlite3_stmt *s =
        gf_sq_stmt(t->conn, asked ? GF_SQL_ACTIVE_CANCELLED : GF_SQL_ACTIVE_CRASHED_OUT);
    gf_sq_bind_int(t->conn, s, 1, ended->seq);
    gf_sq_bind_int(t->conn, s, 2, t->now_ms);
    gf_sq_bind_text(t->conn, s, 3, ended->text);
    gf_sq_bind_int(t->conn, s, 4, gf_sq_blame_pack(&ended->blame));
    gf_sq_run(t->conn, s);
    gf_sq_lane_leave(t, q, ended->seq);
    q->processed++;                      // its last attempt has ended, and not well
    q->failed += !asked;
    r->found.archived += !asked;
    if (t->awaited)
        gf_sq_ended(t, q->qid, ended->id,
            &(gf_sq_end){
                .how = asked ? GF_END_CANCELLED : GF_END_ARCHIVED, .error = ended->text });
    if (gf_sq_is_step(ended->xid))
        gf_sq_step_ended(t, ended->xid,
            &(gf_sq_end){
                .how = asked ? GF_END_CANCELLED : GF_END_ARCHIVED, .error = ended->text });
}

static void put_back(gf_sq_txn *t, recovering *r, const stale *claim)
{
    run ended = { .blame = claim->blame };
    gf_blame *blame = &ended.blame;
    gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(claim->seq));
    if (!q || !read_run(t->conn, claim->seq, &ended))
        return;
    find_death(t, r, claim->wid);
    bool charged = gf_blame_death(blame, &r->death, t->now_ms - ended.started_ms);
    bool out = charged && blame->crashes > r->crash_limit;
    if (ended.asked)
        snprintf(ended.text, sizeof ended.text, "cancelled; its worker died meanwhile");
    else if (out)
        snprintf(ended.text, sizeof ended.text,
            "worker died %d times while running this task (crash limit %d)", (int)blame->crashes,
            (int)r->crash_limit);
    else
        snprintf(ended.text, sizeof ended.text, "%s", gf_blame_text(charged, blame, &r->death));
    note_attempt(t, &ended);
    if (out || ended.asked) {
        set_aside(t, r, q, &ended);
    } else {
        GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_CRASHED, ended.seq, gf_sq_blame_pack(blame));
        t->wakeups |= q->bit;
        r->found.requeued++;
    }
    GF_SQ_RUN(t->conn, GF_SQL_ACTIVE_DROP_ANY, ended.seq);
    if (q->limited)
        gf_sq_leave(t, q, ended.seq);
    gf_sq_queue_count(q, GF_ACTIVE, -1);
    gf_sq_queue_count(q, out || ended.asked ? GF_ARCHIVED : GF_PENDING, 1);
}

// ---- all ----------------------------------------------------------------------------------------

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
    // What the dead have is found by their numbers; their names, for the records, before they go. A
    // wid is never used again, so who was dead a moment ago is dead.
    for (int dead = (int)r->dead_count - 1; dead >= -1 && t->conn->rc == SQLITE_OK; dead--) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, dead >= 0 ? GF_SQL_ACTIVE_OF : GF_SQL_ACTIVE_EXPIRED);
        gf_sq_bind_int(t->conn, s, 1, dead >= 0 ? r->dead[dead] : t->mono_ms);
        gf_sq_bind_int(t->conn, s, 2, t->mono_ms + GF_SQ_LEASE_HORIZON_MS);
        gf_sq_bind_int(t->conn, s, 3, (int64_t)(r->limit - count));
        size_t first = count;
        for (; count < r->limit && gf_sq_row(t->conn, s); count++) {
            r->claims[count] = (stale){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 2),
                gf_sq_blame(sqlite3_column_int64(s, 1)) };
        }
        gf_sq_done(s);
        for (size_t i = first; i < count && t->conn->rc == SQLITE_OK; i++)
            put_back(t, r, &r->claims[i]);
        if (dead >= 0 && count < r->limit)
            GF_SQ_RUN(t->conn, GF_SQL_WORKER_DROP, r->dead[dead]);
    }
    return GOFER_OK;
}

static gofer_status write_recovered(recovering *r, gf_recovered *out)
{
    r->claims = gf_calloc(r->limit, sizeof *r->claims);
    r->archived = out->archived_one ? gf_calloc(r->limit, sizeof *r->archived) : NULL;
    gofer_status st = GOFER_OK;
    if (!r->claims || (out->archived_one && !r->archived))
        st = gf_fail_nomem("lost tasks");
    gf_sq_op op = { .run = recover,
        .arg = r,
        .flags = GF_SQ_KEEPS,
        .bytes = RECORD_BYTES,
        .tasks = r->limit };
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
    gf_free(r->claims);
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
