// take.c - takes tasks from the heads of queues, within an exchange's transaction: the hot path.
//
// It reads the head of a queue, which is a range of keys, and moves the whole range with two
// statements. Where tasks count for limits each is looked at first (limit/admit.c), and the ranges
// are those that stand between the ones that stay.
#include <string.h>

#include "broker/sqlite/store.h"
#include "message/limit_keys.h"
#include "util/id.h"
#include "util/minmax.h"

enum {
    LOOKS_EACH = 4, LOOKS_MORE = 64,     // for so many that are wanted, so many are looked at
    CHUNK = 64                           // decisions at a time
};

typedef struct taking {
    gf_take    *take;
    size_t      room;                    // none once a suspect was taken
    int64_t     wid, token;              // token: as READY_TO_ACTIVE makes it
    const char *queue;                   // whose head is being taken, and
    size_t      before;                  //   how many were taken before
    size_t      looks;                   //   how many more may be looked at, where there are limits
} taking;

// A row that READY_TAKE stands on, as a claim at the end of the take's. NULL: no memory.
static gf_sq_claim *add_claim(gf_sq_txn *t, taking *x, sqlite3_stmt *s)
{
    gf_take *take = x->take;
    gf_sq_claim *claim = gf_sq_claim_read(t->conn, s, 0, x->queue, take->room);
    if (!claim) {
        take->left = true;
        return NULL;
    }
    int64_t seq = sqlite3_column_int64(s, GF_SQ_BODY_COUNT);
    claim->base.ref = seq;
    claim->base.token = (uint64_t)(x->token + (seq & GF_SQ_OWN_TOKEN));
    claim->base.ready_ms = gf_sq_number(s, GF_SQ_BODY_COUNT + 1);
    claim->base.lease_until_ms = t->mono_ms + take->lease_ms;
    return claim;
}

// One that is on trial is taken alone, and not by everybody.
static bool is_barred(taking *x, const gf_message *m)
{
    if (m->suspect <= 0 || (!x->take->no_suspects && x->take->count == x->before))
        return false;
    x->take->suspect = x->take->suspect ? x->take->suspect : x->queue;
    return true;
}

static void keep_claim(taking *x, gf_sq_claim *claim)
{
    x->take->claims[x->take->count++] = &claim->base;
    if (claim->base.message.suspect > 0)
        x->room = x->take->count;        // alone
}

// So many stand between these two.
static void move_range(gf_sq_txn *t, const taking *x, gf_sq_queue *q, int64_t first, int64_t last,
    int64_t count)
{
    int64_t moved = GF_SQ_RUN(t->conn, GF_SQL_READY_TO_ACTIVE, first, last, x->token, x->wid,
        t->mono_ms + x->take->lease_ms, t->now_ms);
    int64_t dropped = GF_SQ_RUN(t->conn, GF_SQL_READY_DROP_RANGE, first, last);
    if (moved != count || dropped != count)
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);      // b-tree and range disagree; rolled back
    gf_sq_queue_count(q, GF_PENDING, -count);
    gf_sq_queue_count(q, GF_ACTIVE, count);
}

static sqlite3_stmt *rows_of(gf_sq_txn *t, const gf_sq_span *span, size_t max)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_TAKE);
    gf_sq_bind_int(t->conn, s, 1, span->first);
    gf_sq_bind_int(t->conn, s, 2, span->last);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)max);
    return s;
}

// Up to `max` from the head of one queue's span, appended to the take's claims. False: nothing
// behind them is to be taken now.
static bool take_span(gf_sq_txn *t, taking *x, gf_sq_queue *q, const gf_sq_span *span, size_t max)
{
    int64_t last = 0;
    size_t before = x->take->count;
    bool goes_on = true;
    sqlite3_stmt *s = rows_of(t, span, max);
    while (goes_on && x->take->count < x->room && gf_sq_row(t->conn, s)) {
        gf_sq_claim *claim = add_claim(t, x, s);
        if (!claim) {                    // go on with what there is
            goes_on = false;
        } else if (is_barred(x, &claim->base.message)) {
            gf_claim_free(&claim->base);
            goes_on = false;
        } else {
            last = claim->base.ref;
            keep_claim(x, claim);
        }
    }
    gf_sq_done(s);
    if (x->take->count > before)
        move_range(t, x, q, span->first, last, (int64_t)(x->take->count - before));
    return goes_on;
}

// ---- where tasks count for limits ---------------------------------------------------------------

typedef struct looks {
    gf_sq_queue   *queue;
    gf_sq_gate    *own;                  // of the queue's own key; NULL: nothing is to be looked at
    gf_sq_span     span;
    gf_sq_decision items[CHUNK];
    size_t         count;
    bool           ended;                // the span has no more
    bool           goes_on;              // as take_span's
} looks;

// Decides on the row that the statement stands on. False: no more now.
static bool look_at_row(gf_sq_txn *t, taking *x, sqlite3_stmt *s, looks *l)
{
    gf_message m;
    int64_t bid;
    gf_sq_decision *d = &l->items[l->count];
    gf_sq_read_body(s, 0, &m, &bid);
    d->seq = sqlite3_column_int64(s, GF_SQ_BODY_COUNT);
    d->since_ms = gf_sq_number(s, GF_SQ_BODY_COUNT + 1);
    if (is_barred(x, &m))
        return false;
    gf_sq_decide(t, l->queue, l->own, &m, d);
    if (d->verdict == GF_SQ_SHUT)
        return false;
    if (d->verdict != GF_SQ_HELD) {
        gf_sq_claim *claim = add_claim(t, x, s);
        if (!claim)
            return false;
        claim->base.refused = d->verdict == GF_SQ_REFUSED;
        claim->base.episode = d->episode;
        keep_claim(x, claim);
    }
    l->count++;
    x->looks--;
    return true;
}

static void look(gf_sq_txn *t, taking *x, size_t until, looks *l)
{
    l->count = 0;
    l->ended = false;
    sqlite3_stmt *s = rows_of(t, &l->span, CHUNK);
    while (l->goes_on && l->count < CHUNK && x->looks > 0 && x->take->count < until &&
        x->take->count < x->room) {
        if (!gf_sq_row(t->conn, s)) {
            l->ended = true;
            return;
        }
        l->goes_on = look_at_row(t, x, s, l);
    }
    gf_sq_done(s);
}

// Who was taken first, run by run: who is brought back when one is parked may stand between them.
static void carry_out(gf_sq_txn *t, const taking *x, const looks *l)
{
    gf_sq_queue *q = l->queue;
    for (size_t i = 0, end; i < l->count; i = end + 1) {
        for (end = i; end < l->count && l->items[end].verdict != GF_SQ_HELD; end++)
            if (l->items[end].verdict == GF_SQ_TAKEN)
                gf_sq_hold_run(t, &l->items[end],
                    x->token + (l->items[end].seq & GF_SQ_OWN_TOKEN));
        if (end > i)
            move_range(t, x, q, l->items[i].seq, l->items[end - 1].seq, (int64_t)(end - i));
    }
    for (size_t i = 0; i < l->count && t->conn->rc == SQLITE_OK; i++)
        if (l->items[i].verdict == GF_SQ_HELD)
            gf_sq_park(t, q, &l->items[i]);
}

static bool take_limited(gf_sq_txn *t, taking *x, gf_sq_queue *q, gf_sq_gate *own,
    const gf_sq_span *span, size_t max)
{
    looks l = { .queue = q, .own = own, .span = *span, .goes_on = true };
    size_t until = x->take->count + max;
    do {
        look(t, x, until, &l);
        carry_out(t, x, &l);
    } while (l.goes_on && l.count > 0 && x->looks > 0 && x->take->count < until &&
        x->take->count < x->room && t->conn->rc == SQLITE_OK);
    if (x->looks == 0 && !l.ended)
        x->take->left = true;
    return l.goes_on && x->looks > 0;
}

// The gate of the queue's own key, if there is anything to be looked at. False: failed.
static bool own_gate(gf_sq_txn *t, const gf_sq_queue *q, gf_sq_gate **out)
{
    char key[sizeof GF_LIMIT_QUEUE + GF_NAME_MAX];
    *out = NULL;
    size_t size = strlen(q->name);
    if (size + sizeof GF_LIMIT_QUEUE - 1 > GF_NAME_MAX)
        return true;                     // no limit can have this name
    memcpy(key, GF_LIMIT_QUEUE, sizeof GF_LIMIT_QUEUE - 1);
    memcpy(key + sizeof GF_LIMIT_QUEUE - 1, q->name, size);
    gf_sq_gate *g = gf_sq_gate_of(t, q, key, size + sizeof GF_LIMIT_QUEUE - 1);
    if (!g)
        return false;
    g->running = -1;                     // others have been taken or finished since
    if (g->limit.name || g->until_ms > t->now_ms)
        *out = g;
    return true;
}

// ---- queues -------------------------------------------------------------------------------------

// One queue as it is taken from.
typedef struct head {
    gf_sq_queue *queue;
    gf_sq_gate  *own;
    size_t       max;
} head;

static size_t wanted(const taking *x, const head *h)
{
    size_t taken = x->take->count - x->before;
    return taken < h->max && x->take->count < x->room ? h->max - taken : 0;
}

// Its tasks may have to wait for something.
static bool is_looked_at(const gf_sq_txn *t, const gf_sq_queue *q)
{
    return q->limited || t->gates->shut.count > 0 || gf_sq_breakers_shut(t);
}

// False: no more of this queue now.
static bool take_some(gf_sq_txn *t, taking *x, const head *h, gf_sq_span span, size_t max)
{
    max = gf_min_size(max, wanted(x, h));
    if (!max)
        return false;
    return is_looked_at(t, h->queue) ? take_limited(t, x, h->queue, h->own, &span, max)
                                     : take_span(t, x, h->queue, &span, max);
}

// ---- where tenants share (limit/fair.c) ---------------------------------------------------------

static size_t count_plain(gf_sq_txn *t, const gf_sq_span *plain, size_t most)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_READY_SOME);
    gf_sq_bind_int(t->conn, s, 1, plain->first);
    gf_sq_bind_int(t->conn, s, 2, plain->last);
    gf_sq_bind_int(t->conn, s, 3, (int64_t)most);
    size_t count = gf_sq_row(t->conn, s) ? (size_t)sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return count;
}

// Tenants' tasks of a lane and, beside those without a priority, the plain line.
static bool take_shared(gf_sq_txn *t, taking *x, const head *h, int32_t lane)
{
    gf_sq_queue *q = h->queue;
    gf_sq_span drawn = gf_sq_lanes_span(q->qid, lane, lane), plain = gf_sq_span_of(q->qid, 1);
    gf_sq_fair_line line;
    bool goes_on = true;
    size_t want;
    gf_sq_fair_begin(t, q, lane, &line);
    while (goes_on && (want = wanted(x, h)) > 0 && t->conn->rc == SQLITE_OK) {
        size_t beside = lane == GF_SQ_LANE_PLAIN ? count_plain(t, &plain, want) : 0;
        gf_sq_fair_turn turn = gf_sq_fair_next(t, q, &line, beside, want);
        if (!turn.drawn && !turn.plain)
            break;
        goes_on = turn.drawn ? take_some(t, x, h, drawn, turn.drawn)
                             : take_some(t, x, h, plain, turn.plain);
    }
    gf_sq_fair_save(t, q, &line);
    return goes_on;
}

// From one lane to another, both included: what has a number there, and the plain line if it is
// between them.
static bool take_lanes(gf_sq_txn *t, taking *x, const head *h, int32_t from, int32_t to)
{
    int64_t qid = h->queue->qid;
    if (from > GF_SQ_LANE_PLAIN || to <= GF_SQ_LANE_PLAIN)
        return take_some(t, x, h, gf_sq_lanes_span(qid, from, to), SIZE_MAX);
    return take_some(t, x, h, gf_sq_lanes_span(qid, from, GF_SQ_LANE_PLAIN), SIZE_MAX) &&
        take_some(t, x, h, gf_sq_span_of(qid, 1), SIZE_MAX) &&
        take_some(t, x, h, gf_sq_lanes_span(qid, GF_SQ_LANE_PLAIN + 1, to), SIZE_MAX);
}

static void take_fair(gf_sq_txn *t, taking *x, const head *h)
{
    bool goes_on = true;
    for (int32_t from = 0; from < GF_SQ_LANES && goes_on && t->conn->rc == SQLITE_OK;) {
        int32_t lane = gf_sq_fair_lane(t, h->queue, from);
        if (from == 0 && lane == GF_SQ_LANES)
            gf_sq_fair_look(t, h->queue);
        int32_t last = lane < GF_SQ_LANES ? lane : GF_SQ_LANES - 1;
        goes_on = take_lanes(t, x, h, from, last);
        if (goes_on && lane < GF_SQ_LANES)
            goes_on = take_shared(t, x, h, lane);
        from = last + 1;
    }
}

// ---- where priorities grow (task/aged.c) --------------------------------------------------------

// The next tenant's of a lane.
static bool take_drawn(gf_sq_txn *t, taking *x, const head *h, const gf_sq_aged_head *its)
{
    gf_sq_fair_line line;
    gf_sq_fair_begin(t, h->queue, its->lane, &line);
    bool goes_on = gf_sq_fair_next(t, h->queue, &line, 0, 1).drawn > 0 &&
        take_some(t, x, h, its->span, 1);
    gf_sq_fair_save(t, h->queue, &line);
    return goes_on;
}

static void take_aged(gf_sq_txn *t, taking *x, const head *h)
{
    gf_sq_aged line;
    gf_sq_aged_head *its;
    size_t count;
    bool goes_on = true;
    gf_sq_aged_begin(t, h->queue, &line);
    while (goes_on && wanted(x, h) > 0 && t->conn->rc == SQLITE_OK &&
        (its = gf_sq_aged_next(t, &line, wanted(x, h), &count)) != NULL) {
        goes_on = its->kind == GF_SQ_AGED_FAIR ? take_drawn(t, x, h, its)
                                               : take_some(t, x, h, its->span, count);
        gf_sq_aged_again(t, &line, its);
    }
    gf_sq_fair_look(t, h->queue);
}

// ---- a queue ------------------------------------------------------------------------------------

// Up to `max` from the head of one queue.
static void take_from(gf_sq_txn *t, taking *x, const char *queue, size_t max)
{
    gf_sq_gate *own = NULL;
    gf_sq_queue *q = max ? gf_sq_queue_named(t, queue) : NULL;
    if (!q || q->paused_ms || gf_sq_hours_closed(t, queue) || (q->limited && !own_gate(t, q, &own)))
        return;
    x->queue = queue;
    x->before = x->take->count;
    x->looks = LOOKS_EACH * max + LOOKS_MORE;
    if (!q->ranked && !is_looked_at(t, q)) {
        gf_sq_span all = { gf_sq_first_seq(q->qid), gf_sq_first_seq(q->qid + 1) - 1 };
        take_span(t, x, q, &all, max);
        return;
    }
    head h = { q, own, max };
    if (q->ranked && q->age_ms > 0) {
        take_aged(t, x, &h);
        return;
    }
    if (q->fair) {
        take_fair(t, x, &h);
        return;
    }
    bool goes_on = true;
    for (int i = 0; i < GF_SQ_SPANS && goes_on; i++)
        goes_on = take_some(t, x, &h, gf_sq_span_of(q->qid, i), max);
}

void gf_sq_take_all(gf_sq_txn *t, gf_take *take, size_t room, int64_t wid)
{
    taking x = { .take = take, .room = room, .wid = wid };
    // 61 bits, so that a task's own number can be added to it.
    x.token = (int64_t)(gf_random64() >> 3) + 1;
    for (size_t i = 0; i < take->queue_count && take->count < x.room; i++)
        take_from(t, &x, take->queues[i].queue,
            gf_min_size(take->queues[i].share, x.room - take->count));
    for (size_t i = 0; i < take->queue_count && take->count < x.room; i++)
        take_from(t, &x, take->queues[i].queue, x.room - take->count);
}
