// lane.c - lanes: the lines of a queue's tasks that have a priority, beside the plain one.
//
// A task's number says its place: of the 40 bits below the queue's the upper half belongs to tasks
// with a priority, which have their lane (100 less the priority) in the next 8 bits and their place
// in it in the last 31. So `ready` is in the order of lanes by its key, a task that is put back is
// at the head of its lane by itself, and who has no priority notices nothing. Only what waits or
// runs has such a number: it gets a plain one when it goes to `later`. So a lane begins anew
// whenever nothing of it waits or runs.
//
// The lane of priority 0 has nobody but tenants' tasks that were taken and came back: it is before
// the plain ones.
//
// Behind the lanes are numbers for tasks that wait for a limit's key (limit/admit.c): `held` says
// which place in the line each had; and behind those, for tenants' tasks (limit/fair.c), of which
// `fair` says whose turn it is. No take looks at them there; for all else they are pending as
// others.
#include "broker/sqlite/store.h"
#include "message/options.h"

static int64_t lane_first(int64_t qid, int32_t lane)
{
    return gf_sq_first_seq(qid) | GF_SQ_RANKED | (int64_t)lane << GF_SQ_LANE_BITS;
}

static int64_t lane_last(int64_t qid, int32_t lane)
{
    return lane_first(qid, lane + 1) - 1;
}

gf_sq_span gf_sq_lanes_span(int64_t qid, int32_t first, int32_t last)
{
    return (gf_sq_span){ lane_first(qid, first), lane_last(qid, last) };
}

gf_sq_span gf_sq_span_of(int64_t qid, int which)
{
    if (which == 0)
        return gf_sq_lanes_span(qid, 0, GF_SQ_LANE_PLAIN);
    if (which == 1)
        return (gf_sq_span){ gf_sq_first_seq(qid), lane_first(qid, 0) - 1 };
    if (which == 2)
        return gf_sq_lanes_span(qid, GF_SQ_LANE_PLAIN + 1, GF_SQ_LANES - 1);
    return (gf_sq_span){ lane_first(qid, GF_SQ_LANES), gf_sq_first_seq(qid + 1) - 1 };
}

int32_t gf_sq_lane_of(int64_t seq)
{
    return gf_sq_is_ranked(seq) ? (int32_t)((seq & (GF_SQ_RANKED - 1)) >> GF_SQ_LANE_BITS)
                                : GF_SQ_LANE_PLAIN;
}

int64_t gf_sq_lane_end(gf_sq_txn *t, int64_t qid, int32_t lane)
{
    int64_t first = lane_first(qid, lane);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LANE_LAST);
    gf_sq_bind_int(t->conn, s, 1, first);
    gf_sq_bind_int(t->conn, s, 2, lane_last(qid, lane));
    int64_t end = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : first;
    gf_sq_done(s);
    return end;
}

void gf_sq_standing_of(const gf_message *m, gf_sq_standing *out)
{
    const char *tenant = m->headers_size ? gf_tenant_of(m) : NULL;
    out->priority = m->headers_size ? gf_priority_of(m) : 0;
    out->tenant[0] = '\0';
    if (tenant)
        sqlite3_snprintf(sizeof out->tenant, out->tenant, "%s", tenant);
}

bool gf_sq_stands_plain(const gf_sq_standing *s)
{
    return s->priority == 0 && !s->tenant[0];
}

void gf_sq_lane_expect(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s)
{
    if (gf_sq_stands_plain(s) || q->ranked)
        return;
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_RANKED, q->qid);
    q->ranked = true;
}

int64_t gf_sq_line_next(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s)
{
    if (gf_sq_stands_plain(s))
        return gf_sq_queue_next(q);
    gf_sq_lane_expect(t, q, s);
    if (s->tenant[0] || q->fair)
        return gf_sq_fair_add(t, q, s);
    // A lane that has never run empty for two thousand million tasks is full: the next one below it
    // has room. That of priority 0 is for those alone that come back.
    for (int32_t lane = GF_SQ_LANE_PLAIN - s->priority; lane < GF_SQ_LANES; lane++) {
        int64_t end = gf_sq_lane_end(t, q->qid, lane);
        if (lane != GF_SQ_LANE_PLAIN && end < lane_last(q->qid, lane))
            return end + 1;
    }
    return gf_sq_queue_next(q);
}

void gf_sq_row_standing(gf_sq_txn *t, const gf_sq_queue *q, gf_state state, int64_t seq,
    gf_sq_standing *out)
{
    gf_message m = { .headers = NULL };
    *out = gf_sq_plain;
    if (!q->ranked)
        return;
    sqlite3_stmt *s =
        gf_sq_stmt(t->conn, state == GF_PENDING ? GF_SQL_READY_HEADERS : GF_SQL_LATER_HEADERS);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (gf_sq_row(t->conn, s)) {
        m.headers = sqlite3_column_blob(s, 0);
        m.headers_size = (size_t)sqlite3_column_bytes(s, 0);
    }
    gf_sq_standing_of(&m, out);
    gf_sq_done(s);
}

int64_t gf_sq_lane_leave(gf_sq_txn *t, gf_sq_queue *q, int64_t seq)
{
    if (!gf_sq_is_ranked(seq))
        return seq;
    if (gf_sq_is_held(seq))
        gf_sq_unpark(t, seq);
    int64_t plain = gf_sq_queue_next(q);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_ID_MOVE, seq, plain);
    GF_SQ_RUN(t->conn, GF_SQL_LATER_RENUMBER, seq, plain);
    return plain;
}
