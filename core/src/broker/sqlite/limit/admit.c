// admit.c - who is let in, who waits, and who is brought back.
//
// A task that is next in line is looked at with the gates of its keys. If all have room it counts
// for them from then on: `holds` names its claim. Else it waits for the first that has none: it
// gets a number behind all lanes, where no take looks, and `held` keeps its place. Who is brought
// back gets that place again, which is at the head of its line.
#include <string.h>

#include "broker/limit_rate.h"
#include "broker/sqlite/store.h"
#include "message/limit_keys.h"
#include "util/minmax.h"

enum {
    SOON_MS = 10,                        // what waits for a time is looked at no more often
    LONG_MS = 60000,                     // nor, if it waits for others to end, less often
    LOOK_MOST = 1000                     // brought back for a key in one look
};

// From now on the queue's tasks are looked at with their keys, and some may be behind the lanes.
static void expect_waiters(gf_sq_txn *t, gf_sq_queue *q)
{
    if (!q->limited)
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_LIMITED, q->qid);
    if (!q->ranked)
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_RANKED, q->qid);
    q->limited = q->ranked = true;
}

void gf_sq_limit_expect(gf_sq_txn *t, gf_sq_queue *q, const gf_message *m)
{
    gf_limit_keys keys;
    // A queue that is limited for its own key alone has nobody behind the lanes yet.
    if ((!q->limited || !q->ranked) && gf_limit_keys_of(m, &keys))
        expect_waiters(t, q);
}

// ---- a task that is next ------------------------------------------------------------------------

// opens_ms 0: no time is in the way.
static void wake_when_open(gf_sq_txn *t, gf_sq_gate *g, int64_t opens_ms)
{
    if (opens_ms)
        gf_sq_gate_wake(g, gf_max(opens_ms, t->now_ms + SOON_MS));
}

static void charge(gf_sq_txn *t, gf_sq_gate *g, int64_t cost)
{
    if (g->running >= 0)
        g->running++;
    if (!g->limit.rate)
        return;
    g->tat_us = gf_rate_charge(&g->limit, g->tat_us, t->now_ms * 1000, cost);
    g->dirty = true;
}

// Of tasks that run one after the other: is it this one's turn? It stays that, whatever it then
// waits for.
static bool has_turn(gf_sq_txn *t, gf_sq_gate *turn, const char *id)
{
    const char *occupant = gf_sq_gate_occupant(t, turn);
    if (*occupant && strcmp(occupant, id) != 0)
        return false;
    if (!*occupant)
        gf_sq_gate_occupy(turn, id);
    return true;
}

// The gate of the type, behind those of the keys, which it waits for. False: the type is open.
static bool is_shut(gf_sq_txn *t, const gf_sq_queue *q, const gf_message *m, gf_sq_decision *d)
{
    char key[GF_NAME_MAX + 1];
    const gf_shut_type *shut = gf_shut_of(&t->gates->shut, m->type);
    const gf_breaker *breaker = shut ? NULL : gf_sq_breaker_shuts(t, m->type);
    if (!shut && !breaker)
        return false;
    int64_t opens_ms = shut ? shut->until_ms : gf_breaker_look_ms(breaker, t->now_ms);
    sqlite3_snprintf(sizeof key, key, GF_LIMIT_TYPE "%s", shut ? shut->pattern : breaker->type);
    gf_sq_gate *g = gf_sq_gate_of(t, q, key, strlen(key));
    if (!g)
        return true;                     // failed, as the transaction has
    d->full = d->gate_count;
    d->gates[d->gate_count++] = g;
    d->verdict = GF_SQ_HELD;
    d->opens_ms = gf_min(opens_ms, t->now_ms + GF_SHUT_LOOK_MS);
    return true;
}

void gf_sq_decide(gf_sq_txn *t, const gf_sq_queue *q, gf_sq_gate *own, const gf_message *m,
    gf_sq_decision *d)
{
    gf_limit_keys keys;
    gf_limit_keys_of(m, &keys);
    d->verdict = GF_SQ_SHUT;
    d->gate_count = 0;
    d->full = 0;
    d->episode = 0;
    // What a task costs is said of the keys that it names: of its queue's it is one start.
    if (own && !gf_sq_gate_open(t, own, 1, &d->opens_ms)) {
        wake_when_open(t, own, d->opens_ms);
        return;
    }
    for (size_t i = 0; i < keys.count; i++) {
        d->gates[i] = gf_sq_gate_of(t, q, keys.key[i].text, keys.key[i].size);
        if (!d->gates[i])
            return;
        d->gate_count++;
    }
    if (keys.ordered) {                  // its turn comes before all else
        if (!has_turn(t, d->gates[0], m->id)) {
            d->verdict = GF_SQ_HELD;
            d->opens_ms = 0;
            return;
        }
        d->full = 1;
    }
    if (is_shut(t, q, m, d))
        return;
    while (d->full < d->gate_count &&
        gf_sq_gate_open(t, d->gates[d->full], keys.cost, &d->opens_ms))
        d->full++;
    if (d->full < d->gate_count) {
        const gf_sq_gate *full = d->gates[d->full];    // a pause is no end: it is waited for
        bool refuses = full->limit.over == GF_OVER_REFUSE && full->until_ms <= t->now_ms;
        d->verdict = refuses ? GF_SQ_REFUSED : GF_SQ_HELD;
        return;
    }
    d->verdict = GF_SQ_TAKEN;
    d->episode = gf_sq_breaker_let(t, m->type);
    for (size_t i = 0; i < d->gate_count; i++)
        if (!d->gates[i]->ordered)
            charge(t, d->gates[i], keys.cost);
    if (own)
        charge(t, own, 1);
}

void gf_sq_hold_run(gf_sq_txn *t, const gf_sq_decision *d, int64_t token)
{
    for (size_t i = 0; i < d->gate_count; i++)
        if (!d->gates[i]->ordered && gf_sq_gate_row(t, d->gates[i]))
            GF_SQ_RUN(t->conn, GF_SQL_HOLDS_ADD, d->gates[i]->lid, d->seq, token);
}

// ---- who waits ----------------------------------------------------------------------------------

// 0: all numbers behind the lanes are taken.
static int64_t number_behind(gf_sq_txn *t, const gf_sq_queue *q)
{
    gf_sq_span span = gf_sq_lanes_span(q->qid, GF_SQ_LANES, GF_SQ_LANES_FAIR - 1);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_HELD_LAST);
    gf_sq_bind_int(t->conn, s, 1, span.first);
    gf_sq_bind_int(t->conn, s, 2, span.last);
    int64_t last = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : span.last;
    gf_sq_done(s);
    return last < span.last ? last + 1 : 0;
}

bool gf_sq_renumber(gf_sq_txn *t, int64_t from, int64_t to)
{
    GF_SQ_RUN(t->conn, GF_SQL_READY_ID_MOVE, from, to);
    return GF_SQ_RUN(t->conn, GF_SQL_READY_RENUMBER, from, to) == 1;
}

static void cancel_oldest(gf_sq_txn *t, gf_sq_gate *g)
{
    if (!g->lid || g->limit.over != GF_OVER_CANCEL_OLDEST || !g->limit.concurrency ||
        gf_sq_gate_running(t, g) < g->limit.concurrency)
        return;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_HOLDS_OLDEST);
    gf_sq_bind_int(t->conn, s, 1, g->lid);
    int64_t seq = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    if (!seq)
        return;
    GF_SQ_RUN(t->conn, GF_SQL_CANCEL_ADD, seq);
    t->asked = true;
}

void gf_sq_park(gf_sq_txn *t, gf_sq_queue *q, const gf_sq_decision *d)
{
    gf_sq_gate *g = d->gates[d->full];
    int64_t behind = number_behind(t, q);
    expect_waiters(t, q);                // one who waits for its type has nobody announced
    if (!behind || !gf_sq_gate_row(t, g) || !gf_sq_renumber(t, d->seq, behind)) {
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);      // a row that was read is not there, or there
        return;                                        //   is no end of those who wait
    }
    GF_SQ_RUN(t->conn, GF_SQL_HELD_ADD, g->lid, gf_sq_lane_of(d->seq), d->since_ms, d->seq, behind);
    wake_when_open(t, g, d->opens_ms ? d->opens_ms : t->now_ms + GF_LIMIT_LOOK_MS);
    cancel_oldest(t, g);
    // It may have been brought back for one of the others, whose room is the next one's now.
    for (size_t i = 0; i < d->gate_count; i++)
        if (i != d->full)
            gf_sq_release_some(t, d->gates[i], 1);
}

void gf_sq_unpark(gf_sq_txn *t, int64_t seq)
{
    GF_SQ_RUN(t->conn, gf_sq_is_fair(seq) ? GF_SQL_FAIR_DROP : GF_SQL_HELD_DROP, seq);
}

// ---- who is brought back ------------------------------------------------------------------------

typedef struct waiter {
    int64_t seq, place, since_ms;
} waiter;

static bool first_waiter(gf_sq_txn *t, const gf_sq_gate *g, waiter *out)
{
    if (!g->lid)
        return false;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_HELD_FIRST);
    gf_sq_bind_int(t->conn, s, 1, g->lid);
    if (!gf_sq_row(t->conn, s))
        return false;
    *out = (waiter){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), gf_sq_number(s, 2) };
    gf_sq_done(s);
    return t->conn->rc == SQLITE_OK;
}

int64_t gf_sq_release_some(gf_sq_txn *t, gf_sq_gate *g, int64_t most)
{
    // What is brought back does not count yet: so many more may be let go as if it did.
    gf_sq_gate ahead = *g;
    int64_t done = 0, opens_ms = 0;
    waiter w;
    if (!first_waiter(t, g, &w))
        return 0;
    ahead.running = g->limit.concurrency ? gf_sq_gate_running(t, g) : 0;
    while (done < most && gf_sq_gate_open(t, &ahead, 1, &opens_ms) && first_waiter(t, g, &w)) {
        gf_sq_unpark(t, w.seq);
        gf_sq_queue *q = gf_sq_queue_numbered(t, gf_sq_qid_of(w.place));
        if (!q || !gf_sq_renumber(t, w.seq, w.place))
            continue;
        t->wakeups |= q->bit;
        charge(t, &ahead, 1);
        done++;
    }
    wake_when_open(t, g, opens_ms);
    return done;
}

void gf_sq_release_all(gf_sq_txn *t)
{
    for (size_t i = 0; i < t->gates->count; i++) {
        gf_sq_gate *g = t->gates->gates[i];
        int64_t freed = g->freed;
        g->freed = 0;
        if (freed > 0)
            gf_sq_release_some(t, g, freed);
    }
}

void gf_sq_leave(gf_sq_txn *t, gf_sq_queue *q, int64_t seq)
{
    int64_t lids[GOFER_LIMIT_KEYS];
    int count = 0;
    if (q->count[GF_PENDING] > 0)        // those that wait for the queue's own key are in line
        t->wakeups |= q->bit;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_HOLDS_OF);
    gf_sq_bind_int(t->conn, s, 1, seq);
    while (count < GOFER_LIMIT_KEYS && gf_sq_row(t->conn, s))
        lids[count++] = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    if (!count)
        return;
    GF_SQ_RUN(t->conn, GF_SQL_HOLDS_DROP, seq);
    for (int i = 0; i < count; i++) {
        gf_sq_gate *g = gf_sq_gate_numbered(t, lids[i]);
        if (!g)
            continue;
        g->running = -1;
        g->freed++;
    }
}

void gf_sq_ordered_end(gf_sq_txn *t, const gf_sq_queue *q, const gf_message *m, bool archived)
{
    gf_limit_keys keys;
    if (!gf_limit_keys_of(m, &keys) || !keys.ordered || (archived && keys.blocks))
        return;
    gf_sq_gate *g = gf_sq_gate_of(t, q, keys.key[0].text, keys.key[0].size);
    if (!g || strcmp(g->occupant, m->id) != 0)
        return;
    gf_sq_gate_occupy(g, "");
    g->freed = 1;
}

void gf_sq_ordered_row_end(gf_sq_txn *t, const gf_sq_queue *q, gf_state from, int64_t seq,
    bool archived)
{
    gf_message m;
    int64_t bid;
    sqlite3_stmt *s = gf_sq_stmt(t->conn,
        from == GF_PENDING ? GF_SQL_READY_BODY
            : from == GF_ACTIVE ? GF_SQL_ACTIVE_BODY : GF_SQL_LATER_BODY);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (!gf_sq_row(t->conn, s))
        return;
    gf_sq_read_body(s, 0, &m, &bid);
    gf_sq_ordered_end(t, q, &m, archived);
    gf_sq_done(s);
}

// ---- gates whose time has come ------------------------------------------------------------------

// What nobody tells of is looked at: often at first, less often the longer it takes.
static void look_again(gf_sq_txn *t, gf_sq_gate *g)
{
    waiter w;
    if (!first_waiter(t, g, &w))
        return;
    int64_t wait_ms = gf_min(gf_max((t->now_ms - w.since_ms) / 2, GF_LIMIT_LOOK_MS),
        LONG_MS);
    gf_sq_gate_wake(g, t->now_ms + wait_ms);
}

static void look_at(gf_sq_txn *t, gf_sq_gate *g)
{
    int64_t room, look_ms;
    g->wake_ms = 0;
    g->dirty = true;
    if (gf_sq_breaker_holds(t, g->key, &room, &look_ms)) {
        waiter w;
        gf_sq_release_some(t, g, gf_min(room, LOOK_MOST));
        if (first_waiter(t, g, &w))
            gf_sq_gate_wake(g, look_ms);
        return;
    }
    if (!gf_sq_gate_is_queues(g)) {
        if (gf_sq_release_some(t, g, LOOK_MOST) == LOOK_MOST)
            gf_sq_gate_wake(g, t->now_ms);
        look_again(t, g);
        return;
    }
    gf_sq_queue *q = gf_sq_queue_named(t, g->key + strlen(GF_LIMIT_QUEUE));
    if (q)
        t->wakeups |= q->bit;
}

size_t gf_sq_gates_look(gf_sq_txn *t, size_t limit)
{
    enum { STEP = 64 };
    int64_t lids[STEP];
    size_t done = 0, count;
    do {
        size_t room = gf_min_size(STEP, limit - done);
        sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEYS_DUE);
        gf_sq_bind_int(t->conn, s, 1, t->now_ms);
        gf_sq_bind_int(t->conn, s, 2, (int64_t)room);
        for (count = 0; count < room && gf_sq_row(t->conn, s); count++)
            lids[count] = sqlite3_column_int64(s, 0);
        gf_sq_done(s);
        for (size_t i = 0; i < count; i++) {
            gf_sq_gate *g = gf_sq_gate_numbered(t, lids[i]);
            if (g)
                look_at(t, g);
        }
        gf_sq_gates_flush(t);            // so that none is found due again
        done += count;
    } while (count == STEP && done < limit && t->conn->rc == SQLITE_OK);
    return done;
}

int64_t gf_sq_gates_next(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_KEY_NEXT);
    int64_t next_ms = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : GF_NONE_DUE;
    gf_sq_done(s);
    return next_ms;
}
