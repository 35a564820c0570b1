// act.c - acts on a flow, and housekeeping: what a transaction left to be done, deadlines, flows
// that were kept for long enough.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    AT_ONCE = 256,                       // steps, in the transaction of an act
    PURGED = 512,                        // steps, in one transaction
    STEP_BYTES = 1024                    // about, of a task that is put
};

// ---- acts ---------------------------------------------------------------------------------------

typedef struct acting {
    const char *id, *step;
    gf_flow_act act;
} acting;

// Its task is run again if it is there, else it is put anew.
static void run_again(gf_sq_txn *t, int64_t sid, const char *queue, const char *id)
{
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, queue);
    if (q && gf_sq_find(t->conn, q->qid, id, &place) && place.state == GF_ARCHIVED)
        gf_sq_row_move(t, q, GF_ARCHIVED, GF_PENDING, place.seq, GF_END_DELETED);
    else
        GF_SQ_RUN(t->conn, GF_SQL_STEP_AGAIN, sid, GF_STEP_READY);
}

typedef struct failed_step {
    int64_t sid;
    int     asks;
    char    id[GF_ID_MAX + 1], queue[GF_NAME_MAX + 1], name[GF_NAME_MAX + 1];
} failed_step;

static void copy_name(char out[GF_NAME_MAX + 1], sqlite3_stmt *s, int at)
{
    const char *text = gf_sq_name(s, at);
    sqlite3_snprintf(GF_NAME_MAX + 1, out, "%s", text ? text : "");
}

static bool next_failed(gf_sq_txn *t, int64_t from, int64_t fid, failed_step *out)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_FAILED);
    gf_sq_bind_int(t->conn, s, 1, from);
    gf_sq_bind_int(t->conn, s, 2, gf_sq_last_sid(fid));
    if (!gf_sq_row(t->conn, s))
        return false;
    out->sid = sqlite3_column_int64(s, 0);
    copy_name(out->id, s, 1);
    copy_name(out->queue, s, 2);
    copy_name(out->name, s, 3);
    out->asks = sqlite3_column_int(s, 4);
    gf_sq_done(s);
    return true;
}

// Is it this one (NULL: any), or made of it? One with `each` has no task: it waits anew for others.
static bool is_meant(const failed_step *one, const char *step)
{
    size_t size = step ? strlen(step) : 0;
    bool made = one->asks == GF_SQ_ASKS_MADE && step && strncmp(one->name, step, size) == 0 &&
        one->name[size] == '.';
    return one->asks != GF_SQ_ASKS_EACH && (!step || made || strcmp(step, one->name) == 0);
}

static gofer_status retry(gf_sq_txn *t, gf_sq_flow_row *f, const char *step)
{
    failed_step one;
    size_t count = 0;
    t->flow_at_work = f->fid;            // the steps open one by one, the flow once
    for (int64_t from = gf_sq_first_sid(f->fid); next_failed(t, from, f->fid, &one);
         from = one.sid + 1) {
        if (!is_meant(&one, step))
            continue;
        run_again(t, one.sid, one.queue, one.id);
        count++;
    }
    t->flow_at_work = 0;
    bool was_stopped = f->look.state == GF_FLOW_CANCELLED || f->look.state == GF_FLOW_EXPIRED;
    if (!count && (step || !was_stopped))
        return step ? gf_fail(GOFER_ESTATE, "no step '%s' of the flow '%s' has failed", step, f->id)
                    : gf_fail(GOFER_ESTATE, "no step of the flow '%s' has failed", f->id);
    gf_sq_flow_reopen(t, f);
    gf_sq_flow_advance(t, f->fid, AT_ONCE);
    return GOFER_OK;
}

static gofer_status act(gf_sq_txn *t, void *arg)
{
    const acting *a = arg;
    gf_sq_flow_row f;
    if (!gf_sq_flow_named(t->conn, a->id, &f, NULL))
        return gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", a->id);
    if (a->act == GF_FLOW_ACT_RETRY)
        return retry(t, &f, a->step);
    if (f.look.state > GF_FLOW_PAUSED)
        return gf_fail(GOFER_ESTATE, "the flow '%s' is %s: it has ended", a->id,
            gf_flow_state_name(f.look.state));
    if (a->act == GF_FLOW_ACT_CANCEL) {
        gf_sq_flow_stop(t, &f, GF_SQ_WAS_CANCELLED);
    } else {
        f.look.state = a->act == GF_FLOW_ACT_PAUSE ? GF_FLOW_PAUSED : GF_FLOW_RUNNING;
        gf_sq_flow_save(t, &f);
    }
    gf_sq_flow_advance(t, f.fid, AT_ONCE);
    return GOFER_OK;
}

gofer_status gf_sq_flow_act(gf_broker *b, const char *id, const char *step, gf_flow_act what)
{
    acting a = { .id = id, .step = step, .act = what };
    gf_sq_op op = { .run = act, .arg = &a, .flags = GF_SQ_DURABLE, .tasks = AT_ONCE };
    if (what == GF_FLOW_ACT_RESUME || what == GF_FLOW_ACT_RETRY) {
        op.flags |= GF_SQ_ADDS;
        op.bytes = STEP_BYTES;
    }
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- housekeeping -------------------------------------------------------------------------------

typedef struct relaying {
    size_t  limit, done;
    int64_t next_ms;
} relaying;

static gofer_status look_at_next(gf_sq_conn *c, void *arg)
{
    relaying *r = arg;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_FLOW_NEXT);
    r->next_ms = gf_sq_row(c, s) ? gf_sq_number(s, 0) : GF_NONE_DUE;
    gf_sq_done(s);
    return GOFER_OK;
}

// Some of its steps; with the last of them the flow.
static size_t purge(gf_sq_txn *t, int64_t fid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEPS_FIRST);
    gf_sq_bind_int(t->conn, s, 1, gf_sq_first_sid(fid));
    gf_sq_bind_int(t->conn, s, 2, gf_sq_last_sid(fid));
    int64_t first = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!first)
        return GF_SQ_RUN(t->conn, GF_SQL_FLOW_DROP, fid) > 0;
    int64_t last = first + PURGED - 1;
    last = last < gf_sq_last_sid(fid) ? last : gf_sq_last_sid(fid);
    GF_SQ_RUN(t->conn, GF_SQL_DEPS_DROP, first, last);
    return (size_t)GF_SQ_RUN(t->conn, GF_SQL_STEPS_DROP, first, last);
}

static size_t relay_one(gf_sq_txn *t, int64_t fid, size_t limit)
{
    gf_sq_flow_row f;
    if (!gf_sq_flow_numbered(t->conn, fid, &f))
        return 0;
    if (f.look.state > GF_FLOW_PAUSED)
        return purge(t, fid);
    if (f.look.deadline_ms && f.look.deadline_ms <= t->now_ms && f.stop < GF_SQ_WAS_CANCELLED)
        gf_sq_flow_stop(t, &f, GF_SQ_WAS_LATE);
    return gf_sq_flow_advance(t, fid, limit) + 1;
}

static gofer_status relay(gf_sq_txn *t, void *arg)
{
    relaying *r = arg;
    int64_t fid = 1;
    r->done = 0;
    while (fid && r->done < r->limit && t->conn->rc == SQLITE_OK) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FLOW_DUE);
        gf_sq_bind_int(t->conn, s, 1, t->now_ms);
        fid = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
        gf_sq_done(s);
        if (fid)
            r->done += relay_one(t, fid, r->limit - r->done);
    }
    return look_at_next(t->conn, r);
}

gofer_status gf_sq_flow_relay(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms)
{
    relaying r = { .limit = limit };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_at_next, &r);
    if (st == GOFER_OK && r.next_ms <= gf_now_ms()) {
        gf_sq_op op = { .run = relay,
            .arg = &r,
            .flags = GF_SQ_ADDS,
            .bytes = STEP_BYTES * (int64_t)limit,
            .tasks = limit };
        st = gf_sq_write((gf_sq_store *)b, &op);
    }
    if (st == GOFER_OK) {
        *done = r.done;
        *next_ms = r.next_ms;
    }
    return st;
}

// What ends a step does what follows from it.
bool gf_sq_flow_rung(gf_broker *b)
{
    (void)b;
    return false;
}
