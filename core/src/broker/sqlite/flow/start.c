// start.c - a flow begins: its plan is written, and what comes after nothing is put.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    STEP_BYTES = 768,                    // about, of a step's row beside its payload, and its task
    DEP_BYTES = 64
};

_Static_assert(GOFER_FLOW_STEPS_MAX < 1 << GF_SQ_STEP_BITS, "numbers of steps");

static int asks(const gf_flow_step *step)
{
    for (size_t i = 0; i < step->dep_count; i++)
        if (step->deps[i].rule != GF_RULE_SUCCESS)
            return step->deps[i].rule == GF_RULE_EACH ? GF_SQ_ASKS_EACH : GF_SQ_ASKS_MORE;
    return GF_SQ_ASKS_SUCCESS;
}

static void add_step(gf_sq_txn *t, const gf_flow_step *step, int64_t first, int64_t sid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_ADD);
    gf_sq_bind_int(t->conn, s, 1, sid);
    gf_sq_bind_int(t->conn, s, 2, (int64_t)step->dep_count);
    gf_sq_bind_body(t->conn, s, 3, step->message, 0);
    int at = 3 + GF_SQ_BODY_NEW_COUNT;
    gf_sq_bind_int(t->conn, s, at++, asks(step));
    gf_sq_bind_int(t->conn, s, at++, step->run_at_ms);
    gf_sq_bind_int(t->conn, s, at++, step->delay_ms);
    gf_sq_bind_text(t->conn, s, at++, step->name);
    gf_sq_bind_text(t->conn, s, at, step->message->queue);
    gf_sq_run(t->conn, s);
    for (size_t i = 0; i < step->dep_count; i++)
        GF_SQ_RUN(t->conn, GF_SQL_DEP_ADD, first + step->deps[i].step, sid, step->deps[i].rule);
}

static int64_t add_flow(gf_sq_txn *t, const gf_flow_plan *plan)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FLOW_ADD);
    gf_sq_bind_text(t->conn, s, 1, plan->id);
    gf_sq_bind_blob(t->conn, s, 2, plan->hash, sizeof plan->hash);
    gf_sq_bind_int(t->conn, s, 3, plan->on_dead);
    gf_sq_bind_int(t->conn, s, 4, (int64_t)plan->count);
    gf_sq_bind_int(t->conn, s, 5, t->now_ms);
    gf_sq_bind_int(t->conn, s, 6, plan->deadline_ms);
    gf_sq_bind_int(t->conn, s, 7, plan->retention_ms);
    gf_sq_run(t->conn, s);
    return t->conn->rc == SQLITE_OK ? sqlite3_last_insert_rowid(t->conn->db) : 0;
}

static gofer_status start(gf_sq_txn *t, void *arg)
{
    const gf_flow_plan *plan = arg;
    unsigned char hash[GF_SHA256_SIZE] = { 0 };
    gf_sq_flow_row there;
    if (gf_sq_flow_named(t->conn, plan->id, &there, hash))
        return memcmp(hash, plan->hash, sizeof hash) == 0
            ? GOFER_OK
            : gf_fail(GOFER_EEXIST, "there is a flow '%s' with another plan", plan->id);
    int64_t fid = add_flow(t, plan), first = gf_sq_first_sid(fid);
    for (size_t i = 0; fid && i < plan->count && t->conn->rc == SQLITE_OK; i++)
        add_step(t, &plan->steps[i], first, first + (int64_t)i);
    if (fid)
        gf_sq_flow_advance(t, fid, plan->count);
    return GOFER_OK;
}

gofer_status gf_sq_flow_start(gf_broker *b, const gf_flow_plan *plan)
{
    gf_flow_plan copy = *plan;
    gf_sq_op op = { .run = start,
        .arg = &copy,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = plan->count };
    for (size_t i = 0; i < plan->count; i++)
        op.bytes += STEP_BYTES + 2 * (int64_t)plan->steps[i].message->payload_size +
            (int64_t)plan->steps[i].dep_count * DEP_BYTES;
    return gf_sq_write((gf_sq_store *)b, &op);
}
