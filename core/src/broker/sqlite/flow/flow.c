// flow.c - how a flow goes on: ends of steps, what is put or skipped then, and its own end.
//
// All of it is in the transaction that ends a step's task, so there is nothing between the two that
// a crash could lose. Whoever ends a task only notes it, for what follows may put, move and cancel
// other tasks: that is done when the operation is over. What would be too much for one transaction
// (many steps that may run now, many to be cancelled) is left to relay, by the time in wake_ms.
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

enum { AT_ONCE = 256 };                  // steps in the transaction that ends one

// ---- the row ------------------------------------------------------------------------------------

void gf_sq_flow_read(sqlite3_stmt *s, gf_sq_flow_row *out)
{
    *out = (gf_sq_flow_row){
        .look = { .state = (gf_flow_state)sqlite3_column_int(s, 1),
            .on_dead = (gf_flow_on_dead)sqlite3_column_int(s, 2),
            .total = gf_sq_number(s, 4),
            .left = gf_sq_number(s, 5),
            .failed = gf_sq_number(s, 6),
            .created_ms = gf_sq_number(s, 7),
            .ended_ms = gf_sq_number(s, 8),
            .deadline_ms = gf_sq_number(s, 9) },
        .fid = sqlite3_column_int64(s, 0),
        .stop = sqlite3_column_int(s, 3),
        .retention_ms = gf_sq_number(s, 10),
        .wake_ms = gf_sq_number(s, 11),
        .cancel_from = sqlite3_column_int64(s, 12),
    };
    const char *id = gf_sq_name(s, 13);
    sqlite3_snprintf(sizeof out->id, out->id, "%s", id ? id : "");
    if (out->look.ended_ms)
        out->look.expires_ms = out->look.ended_ms + out->retention_ms;
}

bool gf_sq_flow_named(gf_sq_conn *c, const char *id, gf_sq_flow_row *out, unsigned char *hash)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_FLOW_FIND);
    gf_sq_bind_text(c, s, 1, id);
    bool found = gf_sq_row(c, s);
    if (found) {
        gf_sq_flow_read(s, out);
        const void *bytes = sqlite3_column_blob(s, 14);
        if (hash && bytes && sqlite3_column_bytes(s, 14) == GF_SHA256_SIZE)
            memcpy(hash, bytes, GF_SHA256_SIZE);
    }
    gf_sq_done(s);
    return found;
}

bool gf_sq_flow_numbered(gf_sq_conn *c, int64_t fid, gf_sq_flow_row *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_FLOW_GET);
    gf_sq_bind_int(c, s, 1, fid);
    bool found = gf_sq_row(c, s);
    if (found)
        gf_sq_flow_read(s, out);
    gf_sq_done(s);
    return found;
}

void gf_sq_flow_save(gf_sq_txn *t, const gf_sq_flow_row *f)
{
    GF_SQ_RUN(t->conn, GF_SQL_FLOW_SET, f->fid, f->look.state, f->stop, f->look.left,
        f->look.failed, f->look.ended_ms, f->wake_ms, f->cancel_from);
}

static bool has_ended(const gf_sq_flow_row *f)
{
    return f->look.state > GF_FLOW_PAUSED;
}

// Housekeeping looks at it when its deadline comes.
static int64_t wake_of(const gf_sq_flow_row *f)
{
    return f->stop >= GF_SQ_WAS_CANCELLED ? 0 : f->look.deadline_ms;
}

// ---- ends of steps ------------------------------------------------------------------------------

// Those that come after it have one less to wait for.
static void pass_on(gf_sq_txn *t, int64_t sid, gf_step_state ended)
{
    GF_SQ_RUN(t->conn, GF_SQL_STEPS_ENDED, sid, gf_flow_satisfies(GF_RULE_SUCCESS, ended),
        gf_flow_satisfies(GF_RULE_FAILURE, ended));
}

// False: it had ended before, or was not put.
static bool end_step(gf_sq_txn *t, int64_t sid, const gf_sq_end *end)
{
    gf_step_state state = (gf_step_state)(GF_STEP_ENDED + end->how);
    char word[GF_SQ_LEFT_OUT];
    const char *error = t->tight ? NULL : end->error;
    bool done = end->how == GF_END_DONE, keeps = done && end->result;
    if (keeps && !gf_sq_may_keep(t, "a step", end->result_size)) {
        error = gf_sq_left_out(word, end->result_size);
        keeps = false;
    }
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_END);
    gf_sq_bind_int(t->conn, s, 1, sid);
    gf_sq_bind_int(t->conn, s, 2, state);
    gf_sq_bind_int(t->conn, s, 3, t->now_ms);
    gf_sq_bind_blob(t->conn, s, 4, keeps ? end->result : NULL, keeps ? end->result_size : 0);
    gf_sq_bind_text(t->conn, s, 5, error);
    if (gf_sq_run(t->conn, s) != 1)
        return false;
    GF_SQ_RUN(t->conn, GF_SQL_FLOW_COUNT, gf_sq_flow_of(sid), 1, !done);
    return true;
}

// The same, of one that may leave a list: what is made of it is there before anything hears of its
// end.
static bool note_end(gf_sq_txn *t, int64_t sid, const gf_sq_end *end)
{
    gf_flow_list list;
    char why[GF_FLOW_WHY];
    const gf_sq_end bad = { .how = GF_END_ARCHIVED, .error = why };
    int64_t each = end->how == GF_END_DONE ? gf_sq_each_of(t, sid) : 0;
    bool makes = each && gf_sq_each_read(t, sid, end, &list, why);
    const gf_sq_end *is = each && !makes ? &bad : end;
    bool counts = end_step(t, sid, is);
    if (counts && makes)
        gf_sq_each_make(t, each, sid, &list);
    if (makes)
        gf_flow_list_clear(&list);
    if (counts)
        pass_on(t, sid, (gf_step_state)(GF_STEP_ENDED + is->how));
    return counts;
}

// To be looked at when the operation is done, or by relay.
static void note_flow(gf_sq_txn *t, int64_t fid)
{
    if (fid == t->flow_at_work)
        return;
    for (size_t i = 0; i < t->flow_count; i++)
        if (t->flows[i] == fid)
            return;
    if (t->flow_count < GF_SQ_FLOWS && !t->tight)
        t->flows[t->flow_count++] = fid;
    else                                 // tight: what is put makes the store larger
        GF_SQ_RUN(t->conn, GF_SQL_FLOW_WAKE, fid, t->now_ms);
}

void gf_sq_step_ended(gf_sq_txn *t, int64_t xid, const gf_sq_end *end)
{
    if (note_end(t, -xid, end))
        note_flow(t, gf_sq_flow_of(-xid));
}

void gf_sq_step_again(gf_sq_txn *t, int64_t xid)
{
    gf_sq_flow_row f;
    int64_t sid = -xid, fid = gf_sq_flow_of(sid);
    if (GF_SQ_RUN(t->conn, GF_SQL_STEP_AGAIN, sid, GF_STEP_PUT) != 1 || fid == t->flow_at_work)
        return;
    if (!gf_sq_flow_numbered(t->conn, fid, &f))
        return;
    gf_sq_flow_reopen(t, &f);
    note_flow(t, fid);
}

void gf_sq_flows_flush(gf_sq_txn *t)
{
    while (t->flow_count > 0 && t->conn->rc == SQLITE_OK)
        gf_sq_flow_advance(t, t->flows[--t->flow_count], AT_ONCE);
    t->flow_count = 0;
}

// ---- what changes all of it ---------------------------------------------------------------------

static void recount(gf_sq_txn *t, const gf_sq_flow_row *f)
{
    GF_SQ_RUN(t->conn, GF_SQL_STEPS_RECOUNT, gf_sq_first_sid(f->fid), gf_sq_last_sid(f->fid));
    GF_SQ_RUN(t->conn, GF_SQL_STEPS_READY, gf_sq_first_sid(f->fid), gf_sq_last_sid(f->fid));
}

void gf_sq_flow_reopen(gf_sq_txn *t, gf_sq_flow_row *f)
{
    GF_SQ_RUN(t->conn, GF_SQL_STEPS_UNSKIP, gf_sq_first_sid(f->fid), gf_sq_last_sid(f->fid));
    recount(t, f);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEPS_COUNT);
    gf_sq_bind_int(t->conn, s, 1, gf_sq_first_sid(f->fid));
    gf_sq_bind_int(t->conn, s, 2, gf_sq_last_sid(f->fid));
    if (gf_sq_row(t->conn, s)) {
        f->look.left = gf_sq_number(s, 0);
        f->look.failed = gf_sq_number(s, 1);
    }
    gf_sq_done(s);
    if (has_ended(f))
        f->look.state = GF_FLOW_RUNNING;
    if (f->look.deadline_ms && f->look.deadline_ms <= t->now_ms)
        f->look.deadline_ms = 0;         // it is over: who runs the flow again knows
    f->look.ended_ms = f->stop = f->cancel_from = 0;
    f->wake_ms = t->now_ms;
    gf_sq_flow_save(t, f);
}

void gf_sq_flow_stop(gf_sq_txn *t, gf_sq_flow_row *f, int64_t why)
{
    bool all = why >= GF_SQ_WAS_CANCELLED;
    f->stop = why;
    f->look.left -= GF_SQ_RUN(t->conn, GF_SQL_STEPS_SKIP, gf_sq_first_sid(f->fid),
        gf_sq_last_sid(f->fid), t->now_ms, all);
    if (!all)                            // those that are left may wait for skipped ones
        recount(t, f);
    if (why > GF_SQ_STOPS)
        f->cancel_from = gf_sq_first_sid(f->fid);
    if (all && f->look.state == GF_FLOW_PAUSED)
        f->look.state = GF_FLOW_RUNNING;
    gf_sq_flow_save(t, f);
}

// ---- one step -----------------------------------------------------------------------------------

// A step whose task cannot be put, or is not there any more.
static void fail_step(gf_sq_txn *t, int64_t sid, gf_end how, const char *why)
{
    note_end(t, sid, &(gf_sq_end){ .how = how, .error = why });
}

static void put_one(gf_sq_txn *t, int64_t sid)
{
    gf_message m;
    int64_t bid, run_at_ms, delay_ms;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_BODY);
    gf_sq_bind_int(t->conn, s, 1, sid);
    if (!gf_sq_row(t->conn, s))
        return;
    gf_sq_read_body(s, 0, &m, &bid);
    run_at_ms = gf_sq_number(s, GF_SQ_BODY_COUNT);
    delay_ms = gf_sq_number(s, GF_SQ_BODY_COUNT + 1);
    const char *queue = gf_sq_name(s, GF_SQ_BODY_COUNT + 2);
    m.queue = queue ? queue : "default";
    m.enqueued_ms = t->now_ms;
    if (delay_ms > 0)
        run_at_ms = t->now_ms + delay_ms;
    GF_SQ_RUN(t->conn, GF_SQL_STEP_PUT, sid);
    gofer_status st = gf_sq_put_step(t, &m, run_at_ms, sid);
    gf_sq_done(s);
    if (st == GOFER_EEXIST && t->conn->rc == SQLITE_OK)
        fail_step(t, sid, GF_END_ARCHIVED, "the id of its task is taken by another");
}

typedef struct next_step {
    int64_t sid;
    bool    broken, has_each;
    char    id[GF_ID_MAX + 1], queue[GF_NAME_MAX + 1];
} next_step;

static bool read_next(gf_sq_txn *t, gf_sql which, int64_t from, int64_t fid, next_step *out)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, which);
    gf_sq_bind_int(t->conn, s, 1, from);
    gf_sq_bind_int(t->conn, s, 2, gf_sq_last_sid(fid));
    if (!gf_sq_row(t->conn, s))
        return false;
    out->sid = sqlite3_column_int64(s, 0);
    out->broken = sqlite3_column_int(s, 1) != 0;
    out->has_each = which == GF_SQL_STEP_NEXT && sqlite3_column_int(s, 2) == GF_SQ_ASKS_EACH;
    if (which == GF_SQL_STEP_RUNNING) {
        const char *id = gf_sq_name(s, 1), *queue = gf_sq_name(s, 2);
        sqlite3_snprintf(sizeof out->id, out->id, "%s", id ? id : "");
        sqlite3_snprintf(sizeof out->queue, out->queue, "%s", queue ? queue : "");
    }
    gf_sq_done(s);
    return true;
}

static void cancel_one(gf_sq_txn *t, const next_step *step)
{
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, step->queue);
    if (!q || !gf_sq_find(t->conn, q->qid, step->id, &place)) {
        fail_step(t, step->sid, GF_END_DELETED, NULL);
    } else if (place.state == GF_ACTIVE) {
        GF_SQ_RUN(t->conn, GF_SQL_CANCEL_ADD, place.seq);
        t->asked = true;
    } else {
        gf_sq_row_cancel(t, q, place.state, place.seq);
    }
}

// All that was made of it has ended. False: it is to be skipped.
static bool end_each(gf_sq_txn *t, int64_t sid)
{
    char why[GF_FLOW_WHY];
    gf_step_state state = gf_sq_each_end(t, sid, why);
    if (state == GF_STEP_SKIPPED)
        return false;
    GF_SQ_RUN(t->conn, GF_SQL_STEP_PUT, sid);
    note_end(t, sid, &(gf_sq_end){ .how = (gf_end)(state - GF_STEP_ENDED),
        .error = *why ? why : NULL });
    return true;
}

// ---- all ----------------------------------------------------------------------------------------

static void end_flow(gf_sq_flow_row *f, int64_t now_ms)
{
    f->look.state = f->stop == GF_SQ_WAS_CANCELLED ? GF_FLOW_CANCELLED
        : f->stop == GF_SQ_WAS_LATE                ? GF_FLOW_EXPIRED
        : f->look.failed > 0                       ? GF_FLOW_FAILED
                                                   : GF_FLOW_DONE;
    f->look.ended_ms = now_ms;
    f->wake_ms = now_ms + f->retention_ms;
}

// One thing of what there is to do. False: nothing. *skipped: steps, to be counted off.
static bool do_one(gf_sq_txn *t, gf_sq_flow_row *f, int64_t *skipped)
{
    next_step step;
    if (f->cancel_from) {
        if (!read_next(t, GF_SQL_STEP_RUNNING, f->cancel_from, f->fid, &step)) {
            f->cancel_from = 0;
            return true;
        }
        cancel_one(t, &step);
        f->cancel_from = step.sid + 1;
        return true;
    }
    if (f->look.state != GF_FLOW_RUNNING ||
        !read_next(t, GF_SQL_STEP_NEXT, gf_sq_first_sid(f->fid), f->fid, &step))
        return false;
    bool skips = step.broken || (step.has_each && !end_each(t, step.sid));
    if (skips) {
        GF_SQ_RUN(t->conn, GF_SQL_STEP_SKIP, step.sid, t->now_ms);
        pass_on(t, step.sid, GF_STEP_SKIPPED);
        (*skipped)++;
    } else if (!step.has_each) {
        put_one(t, step.sid);
    }
    return true;
}

// The counts that ends in between have changed.
static void read_counts(gf_sq_txn *t, gf_sq_flow_row *f)
{
    gf_sq_flow_row now;
    if (!gf_sq_flow_numbered(t->conn, f->fid, &now))
        return;
    f->look.left = now.look.left;
    f->look.failed = now.look.failed;
}

size_t gf_sq_flow_advance(gf_sq_txn *t, int64_t fid, size_t limit)
{
    gf_sq_flow_row f;
    size_t done = 0;
    bool more = true;
    int64_t was = t->flow_at_work;
    if (!gf_sq_flow_numbered(t->conn, fid, &f) || has_ended(&f))
        return 0;
    t->flow_at_work = fid;
    while (more && done < limit && t->conn->rc == SQLITE_OK) {
        int64_t skipped = 0;
        if (f.look.failed > 0 && f.stop == GF_SQ_GOES_ON && f.look.on_dead != GF_FLOW_CONTINUE)
            gf_sq_flow_stop(t, &f,
                f.look.on_dead == GF_FLOW_STOP ? GF_SQ_STOPS : GF_SQ_STOPS_CANCELLING);
        bool cancels = f.cancel_from != 0;
        more = do_one(t, &f, &skipped);
        done += more;
        if (skipped)
            GF_SQ_RUN(t->conn, GF_SQL_FLOW_COUNT, fid, skipped, 0);
        f.look.left -= skipped;
        if (cancels || f.look.failed == 0)
            read_counts(t, &f);
    }
    t->flow_at_work = was;
    read_counts(t, &f);
    f.wake_ms = more ? t->now_ms : wake_of(&f);
    if (f.look.left == 0)
        end_flow(&f, t->now_ms);
    gf_sq_flow_save(t, &f);
    return done;
}
