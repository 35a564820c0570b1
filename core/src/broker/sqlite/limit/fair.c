// fair.c - tenants' tasks: whose turn it is, by start-time fair queueing (broker/tenants.h).
//
// One that gets in line gets a number behind all lanes, where no take looks, and a row of `fair`
// with its tag. A take draws those that are next: to the end of their lane, and from there it takes
// them as any. So all else knows of nothing new, and one that is put back is at the head of its
// line. The plain line is not touched: a take goes along both, by the tag that its next task would
// have.
#include "broker/sqlite/store.h"
#include "broker/tenants.h"
#include "util/minmax.h"

enum {
    HEADS = 64,                          // drawn at a time
    FORGET = 1000                        // tenants that are through, in one step
};

// ---- getting in line ----------------------------------------------------------------------------

static int64_t weight_of(gf_sq_txn *t, const gf_sq_queue *q, const char *tenant)
{
    if (!*tenant)
        return 1;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TENANT_WEIGHT);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, tenant);
    int64_t weight = gf_sq_row(t->conn, s) ? gf_sq_number(s, 0) : 1;
    gf_sq_done(s);
    return gf_max(1, gf_min(weight, GF_TENANT_WEIGHT_MAX));
}

void gf_sq_fair_begin(gf_sq_txn *t, const gf_sq_queue *q, int32_t lane, gf_sq_fair_line *out)
{
    *out = (gf_sq_fair_line){ .lane = lane };
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_LINE);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_int(t->conn, s, 2, lane);
    if (gf_sq_row(t->conn, s)) {
        out->now = gf_sq_number(s, 0);
        out->plain = gf_sq_number(s, 1);
    }
    gf_sq_done(s);
}

// Its tag.
static int64_t charge(gf_sq_txn *t, const gf_sq_queue *q, const char *tenant, int32_t lane)
{
    gf_sq_fair_line line;
    int64_t each = GF_FAIR_ROUND / weight_of(t, q, tenant);
    gf_sq_fair_begin(t, q, lane, &line);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_CHARGE);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, tenant);
    gf_sq_bind_int(t->conn, s, 3, lane);
    gf_sq_bind_int(t->conn, s, 4, line.now);
    gf_sq_bind_int(t->conn, s, 5, each);
    int64_t finish = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : each;
    gf_sq_done(s);
    return finish - each;
}

// 0: all are taken.
static int64_t number_behind(gf_sq_txn *t, const gf_sq_queue *q)
{
    gf_sq_span span = { gf_sq_lanes_span(q->qid, GF_SQ_LANES_FAIR, GF_SQ_LANES_FAIR).first,
        gf_sq_first_seq(q->qid + 1) - 1 };
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_LAST);
    gf_sq_bind_int(t->conn, s, 1, span.first);
    gf_sq_bind_int(t->conn, s, 2, span.last);
    int64_t last = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return last < span.last ? gf_max(last + 1, span.first) : 0;
}

// Nobody waits in the line any more: all begins anew. What is too much for one step counts as if it
// were gone.
static void end_line(gf_sq_txn *t, const gf_sq_queue *q, int32_t lane)
{
    if (GF_SQ_RUN(t->conn, GF_SQL_FAIR_FORGET, q->qid, lane, INT64_MAX, FORGET) < FORGET)
        GF_SQ_RUN(t->conn, GF_SQL_FAIR_LINE_DROP, q->qid, lane);
    else
        GF_SQ_RUN(t->conn, GF_SQL_FAIR_LINE_AHEAD, q->qid, lane);
}

int64_t gf_sq_fair_add(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_standing *s)
{
    int32_t lane = GF_SQ_LANE_PLAIN - s->priority;
    int64_t seq = number_behind(t, q);
    if (!seq)
        return gf_sq_queue_next(q);
    if (!q->fair)
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_FAIR, q->qid, 1);
    q->fair = q->ranked = true;
    if (gf_sq_fair_lane(t, q, lane) != lane)         // those before may have been deleted
        end_line(t, q, lane);
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_ADD, q->qid, lane, charge(t, q, s->tenant, lane), seq);
    return seq;
}

// ---- who is next --------------------------------------------------------------------------------

int32_t gf_sq_fair_lane(gf_sq_txn *t, const gf_sq_queue *q, int32_t from)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_LANE);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_int(t->conn, s, 2, from);
    int64_t lane = gf_sq_row(t->conn, s) ? gf_sq_number(s, 0) : GF_SQ_LANES;
    gf_sq_done(s);
    return lane < GF_SQ_LANES ? (int32_t)lane : GF_SQ_LANES;
}

// To the end of their lane; what has no number left there to that of the plain line.
static void draw(gf_sq_txn *t, gf_sq_queue *q, int32_t lane, const int64_t *seqs, size_t count)
{
    int64_t end = gf_sq_lane_end(t, q->qid, lane);
    int64_t last = gf_sq_lanes_span(q->qid, lane, lane).last;
    for (size_t i = 0; i < count && t->conn->rc == SQLITE_OK; i++) {
        int64_t to = end < last ? ++end : gf_sq_queue_next(q);
        if (!gf_sq_renumber(t, seqs[i], to))
            gf_sq_conn_note(t->conn, SQLITE_CORRUPT);  // a turn of nobody: doctor mends it
    }
}

gf_sq_fair_turn gf_sq_fair_next(gf_sq_txn *t, gf_sq_queue *q, gf_sq_fair_line *line, size_t plain,
    size_t most)
{
    int64_t seqs[HEADS], first = 0, last = 0;
    size_t count = 0, heads = 0;
    most = gf_min_size(most, HEADS);
    line->plain = gf_max(line->plain, line->now);
    int64_t now = line->now;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_HEADS);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_int(t->conn, s, 2, line->lane);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)most);
    while (gf_sq_row(t->conn, s)) {
        int64_t tag = gf_sq_number(s, 0);
        first = heads++ ? first : tag;
        if (plain && line->plain <= tag)
            break;
        seqs[count++] = sqlite3_column_int64(s, 1);
        last = sqlite3_column_int64(s, 0);
        now = gf_max(now, tag);
    }
    gf_sq_done(s);
    if (count) {
        GF_SQ_RUN(t->conn, GF_SQL_FAIR_DROP_HEADS, q->qid, line->lane, last, seqs[count - 1]);
        draw(t, q, line->lane, seqs, count);
        line->now = now;
        line->drawn += count;
        return (gf_sq_fair_turn){ .drawn = count };
    }
    if (!heads)                          // no tenant waits: nothing is shared
        return (gf_sq_fair_turn){ .plain = plain };
    size_t turns = 0;
    for (; turns < plain && turns < most && line->plain <= first; turns++) {
        line->now = line->plain;
        line->plain += GF_FAIR_ROUND;
    }
    return (gf_sq_fair_turn){ .plain = turns };
}

void gf_sq_fair_save(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_fair_line *line)
{
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_LINE_SET, q->qid, line->lane, line->now, line->plain);
    if (gf_sq_fair_lane(t, q, line->lane) != line->lane)
        end_line(t, q, line->lane);
    else if (line->drawn)                // more than may come meanwhile
        GF_SQ_RUN(t->conn, GF_SQL_FAIR_FORGET, q->qid, line->lane, line->now,
            2 * (int64_t)line->drawn);
    gf_sq_fair_look(t, q);
}

void gf_sq_fair_look(gf_sq_txn *t, gf_sq_queue *q)
{
    if (!q->fair || gf_sq_fair_lane(t, q, 0) < GF_SQ_LANES)
        return;
    q->fair = false;
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_FAIR, q->qid, 0);
    // Of those that were deleted.
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_LINES_AHEAD, q->qid);
}

void gf_sq_tenants_drop(gf_sq_txn *t, int64_t qid)
{
    GF_SQ_RUN(t->conn, GF_SQL_TENANTS_DROP_QUEUE, qid);
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_FINISHES_DROP_QUEUE, qid);
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_LINES_DROP_QUEUE, qid);
    GF_SQ_RUN(t->conn, GF_SQL_FAIR_DROP_QUEUE, qid);
}
