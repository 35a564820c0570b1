// aged.c - who is next where priorities grow: in queues of which tasks count as one priority higher
// for each `age_ms` that they have waited.
//
// What has waited w in lane l stands as high as one that came just now to lane l - w / age_ms. So
// of each task `since + l * age_ms` says its place for good, whatever the time is, and nothing has
// to be moved as it grows: within a lane who came first is first anyway, and a take goes along the
// heads of the lanes. The plain line is one of them; where tenants share a lane their next one is
// its head.
#include "broker/sqlite/store.h"

static int64_t place_of(const gf_sq_aged *a, int32_t lane, int64_t since_ms)
{
    return since_ms + lane * a->queue->age_ms;
}

static bool is_before(const gf_sq_aged_head *one, const gf_sq_aged_head *other)
{
    return one->place != other->place ? one->place < other->place : one->lane < other->lane;
}

// The first row of a span. False: it has none.
static bool first_of(gf_sq_txn *t, const gf_sq_span *span, int64_t *seq, int64_t *since_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_SINCE);
    gf_sq_bind_int(t->conn, s, 1, span->first);
    gf_sq_bind_int(t->conn, s, 2, span->last);
    gf_sq_bind_int(t->conn, s, 3, 1);
    bool found = gf_sq_row(t->conn, s);
    if (found) {
        *seq = sqlite3_column_int64(s, 0);
        *since_ms = gf_sq_number(s, 1);
    }
    gf_sq_done(s);
    return found;
}

// Of a lane's tenants the next one.
static bool first_in_turn(gf_sq_txn *t, const gf_sq_queue *q, int32_t lane, int64_t *since_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_FAIR_HEADS);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_int(t->conn, s, 2, lane);
    gf_sq_bind_int(t->conn, s, 3, 1);
    bool found = gf_sq_row(t->conn, s);
    int64_t seq = found ? sqlite3_column_int64(s, 1) : 0;
    gf_sq_done(s);
    return found && first_of(t, &(gf_sq_span){ seq, seq }, &seq, since_ms);
}

static void add_head(gf_sq_aged *a, int32_t lane, gf_sq_aged_kind kind, int64_t since_ms)
{
    int64_t qid = a->queue->qid;
    a->heads[a->count++] = (gf_sq_aged_head){ .lane = lane, .kind = kind,
        .place = place_of(a, lane, since_ms),
        .span = kind == GF_SQ_AGED_PLAIN ? gf_sq_span_of(qid, 1)
                                         : gf_sq_lanes_span(qid, lane, lane) };
}

// What has a number in its lane comes before those who are not drawn yet.
static void add_lanes(gf_sq_txn *t, gf_sq_aged *a)
{
    gf_sq_queue *q = a->queue;
    int64_t seq, since_ms;
    for (int32_t from = 0; from < GF_SQ_LANES && t->conn->rc == SQLITE_OK;) {
        gf_sq_span rest = gf_sq_lanes_span(q->qid, from, GF_SQ_LANES - 1);
        int32_t lane = first_of(t, &rest, &seq, &since_ms) ? gf_sq_lane_of(seq) : GF_SQ_LANES;
        int32_t fair = q->fair ? gf_sq_fair_lane(t, q, from) : GF_SQ_LANES;
        if (lane < GF_SQ_LANES && lane <= fair)
            add_head(a, lane, GF_SQ_AGED_LANE, since_ms);
        else if (fair < GF_SQ_LANES && first_in_turn(t, q, fair, &since_ms))
            add_head(a, fair, GF_SQ_AGED_FAIR, since_ms);
        from = (lane < fair ? lane : fair) + 1;
    }
}

void gf_sq_aged_begin(gf_sq_txn *t, gf_sq_queue *q, gf_sq_aged *a)
{
    gf_sq_span plain = gf_sq_span_of(q->qid, 1);
    int64_t seq, since_ms;
    a->queue = q;
    a->count = 0;
    add_lanes(t, a);
    if (first_of(t, &plain, &seq, &since_ms))
        add_head(a, GF_SQ_LANE_PLAIN, GF_SQ_AGED_PLAIN, since_ms);
}

// How many from the head of the span on are before all others.
static size_t count_before(gf_sq_txn *t, const gf_sq_aged *a, const gf_sq_aged_head *its,
    const gf_sq_aged_head *other, size_t most)
{
    gf_sq_aged_head row = *its;
    size_t count = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_SINCE);
    gf_sq_bind_int(t->conn, s, 1, its->span.first);
    gf_sq_bind_int(t->conn, s, 2, its->span.last);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)most);
    while (gf_sq_row(t->conn, s)) {
        row.place = place_of(a, its->lane, gf_sq_number(s, 1));
        if (count && other && !is_before(&row, other))
            break;
        count++;
    }
    gf_sq_done(s);
    return count;
}

gf_sq_aged_head *gf_sq_aged_next(gf_sq_txn *t, gf_sq_aged *a, size_t most, size_t *count)
{
    gf_sq_aged_head *best = NULL, *second = NULL;
    for (size_t i = 0; i < a->count; i++) {
        gf_sq_aged_head *one = &a->heads[i];
        if (!best || is_before(one, best)) {
            second = best;
            best = one;
        } else if (!second || is_before(one, second)) {
            second = one;
        }
    }
    *count = !best ? 0 : best->kind == GF_SQ_AGED_FAIR ? 1 : count_before(t, a, best, second, most);
    return best;
}

void gf_sq_aged_again(gf_sq_txn *t, gf_sq_aged *a, gf_sq_aged_head *head)
{
    int64_t seq, since_ms;
    bool found = head->kind != GF_SQ_AGED_FAIR && first_of(t, &head->span, &seq, &since_ms);
    if (!found && head->kind != GF_SQ_AGED_PLAIN && a->queue->fair) {
        head->kind = GF_SQ_AGED_FAIR;
        found = first_in_turn(t, a->queue, head->lane, &since_ms);
    }
    if (found)
        head->place = place_of(a, head->lane, since_ms);
    else
        *head = a->heads[--a->count];
}
