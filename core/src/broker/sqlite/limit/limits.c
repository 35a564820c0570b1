// limits.c - the door's table of limits: putting and dropping them, pauses, and looks at the keys.
//
// What is changed holds from the next take on, for a gate reads its limit anew in each transaction.
// Who waits for a key is looked at in the same step, as far as one step may go; forward does the
// rest.
#include <string.h>

#include "broker/limit_rate.h"
#include "broker/sqlite/store.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    KEYS_AT_ONCE = 256,                  // looked at in the step that changes something
    OF_LIMIT = 6                         // columns of gf_sq_limit_read
};

void gf_sq_limit_read(sqlite3_stmt *s, int at, gf_limit *out)
{
    int over = sqlite3_column_int(s, at + 4);
    *out = (gf_limit){
        .concurrency = gf_sq_number(s, at),
        .rate = gf_sq_number(s, at + 1),
        .per_ms = gf_sq_number(s, at + 2),
        .burst = gf_sq_number(s, at + 3),
        .over = over >= 0 && over <= GF_OVER_CANCEL_OLDEST ? (gf_limit_over)over : GF_OVER_WAIT,
        .per_queue = sqlite3_column_int(s, at + 5) != 0,
    };
    if (out->rate <= 0 || out->per_ms <= 0 || out->burst <= 0)     // another program's
        out->rate = out->per_ms = out->burst = 0;
}

// ---- changing -----------------------------------------------------------------------------------

static const char *queue_of(const char *key)
{
    size_t front = sizeof GF_LIMIT_QUEUE - 1;
    return strncmp(key, GF_LIMIT_QUEUE, front) == 0 ? key + front : NULL;
}

void gf_sq_look_at_waiters(gf_sq_txn *t, const char *name)
{
    char first[GF_NAME_MAX + 1], last[GF_NAME_MAX + 2];
    size_t size = strlen(name);
    bool prefix = name[size - 1] == '*';
    sqlite3_snprintf(sizeof first, first, "%.*s", (int)(size - prefix), name);
    sqlite3_snprintf(sizeof last, last, "%s%s", first, prefix ? "\xff" : "");
    gf_sq_gates_flush(t);                // what was read before is not true any more
    gf_sq_gates_forget(t->gates);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEYS_WAKE);
    gf_sq_bind_text(t->conn, s, 1, first);
    gf_sq_bind_text(t->conn, s, 2, last);
    gf_sq_bind_int(t->conn, s, 3, t->now_ms);
    gf_sq_run(t->conn, s);
    gf_sq_gates_look(t, KEYS_AT_ONCE);
}

// A queue whose own key this is: its takes look at it from now on. It is made if it is new.
static void expect_queue(gf_sq_txn *t, const char *key)
{
    const char *name = queue_of(key);
    gf_sq_queue *q = name ? gf_sq_queue_made(t, name) : NULL;
    if (!q)
        return;
    if (!q->limited)
        GF_SQ_RUN(t->conn, GF_SQL_QUEUE_LIMITED, q->qid);
    q->limited = true;
    t->wakeups |= q->bit;
    gf_sq_gate *g = gf_sq_gate_of(t, q, key, strlen(key));
    if (g)
        gf_sq_gate_row(t, g);            // so that it is listed
}

static gofer_status put_limit(gf_sq_txn *t, void *arg)
{
    const gf_limit *l = arg;
    size_t size = strlen(l->name);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LIMIT_SET);
    gf_sq_bind_text(t->conn, s, 1, l->name);
    if (l->name[size - 1] == '*')
        gf_sq_bind_int(t->conn, s, 2, (int64_t)size - 1);
    else
        gf_sq_bind_text(t->conn, s, 2, NULL);
    gf_sq_bind_int(t->conn, s, 3, l->concurrency);
    gf_sq_bind_int(t->conn, s, 4, l->rate);
    gf_sq_bind_int(t->conn, s, 5, l->per_ms);
    gf_sq_bind_int(t->conn, s, 6, l->burst);
    gf_sq_bind_int(t->conn, s, 7, l->over);
    gf_sq_bind_int(t->conn, s, 8, l->per_queue);
    gf_sq_run(t->conn, s);
    gf_sq_look_at_waiters(t, l->name);
    expect_queue(t, l->name);
    return GOFER_OK;
}

gofer_status gf_sq_limit_put(gf_broker *b, const gf_limit *limit)
{
    gf_limit l = *limit;
    gf_sq_op op = { .run = put_limit, .arg = &l, .flags = GF_SQ_DURABLE | GF_SQ_ADDS, .tasks = 1 };
    op.bytes = (int64_t)sizeof l;
    return gf_sq_write((gf_sq_store *)b, &op);
}

typedef struct dropping {
    const char *name;
    bool        found;
} dropping;

static gofer_status drop_limit(gf_sq_txn *t, void *arg)
{
    dropping *d = arg;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LIMIT_DROP);
    gf_sq_bind_text(t->conn, s, 1, d->name);
    d->found = gf_sq_run(t->conn, s) == 1;
    const char *queue = queue_of(d->name);
    gf_sq_queue *q = queue ? gf_sq_queue_named(t, queue) : NULL;
    if (q)
        t->wakeups |= q->bit;
    if (d->found)
        gf_sq_look_at_waiters(t, d->name);
    return GOFER_OK;
}

gofer_status gf_sq_limit_drop(gf_broker *b, const char *name)
{
    dropping d = { .name = name };
    gf_sq_op op = { .run = drop_limit, .arg = &d, .flags = GF_SQ_DURABLE, .tasks = 1 };
    gofer_status st = gf_sq_write((gf_sq_store *)b, &op);
    if (st == GOFER_OK && !d.found)
        return gf_fail(GOFER_ENOTFOUND, "there is no limit '%s'", name);
    return st;
}

typedef struct pausing {
    const char *key;
    int64_t     until_ms;
} pausing;

static gofer_status pause_key(gf_sq_txn *t, void *arg)
{
    const pausing *p = arg;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_PAUSE);
    gf_sq_bind_text(t->conn, s, 1, p->key);
    gf_sq_bind_int(t->conn, s, 2, p->until_ms);
    gf_sq_run(t->conn, s);
    gf_sq_look_at_waiters(t, p->key);
    expect_queue(t, p->key);
    return GOFER_OK;
}

gofer_status gf_sq_limit_pause(gf_broker *b, const char *key, int64_t until_ms)
{
    pausing p = { key, until_ms };
    gf_sq_op op = { .run = pause_key, .arg = &p, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- looking ------------------------------------------------------------------------------------

typedef struct looking {
    const char *after, *after_queue;
    bool        waiting, one;            // one: of the key `after` alone
    size_t      limit;
    gofer_info *list;
} looking;

static int add_cursor(gofer_info *list, const char *key, const char *queue)
{
    char cursor[2 * GF_NAME_MAX + 3];
    sqlite3_snprintf(sizeof cursor, cursor, queue ? "%s\n%s" : "%s", key, queue);
    return gf_info_set_text(list, "next_cursor", cursor);
}

static gofer_status list_limits(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    char last[GF_NAME_MAX + 1] = "";
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_LIMIT_LIST);
    gf_sq_bind_text(c, s, 1, l->after);
    gf_sq_bind_int(c, s, 2, (int64_t)l->limit + 1);
    while (!bad && gf_sq_row(c, s)) {
        gf_limit limit;
        const char *name = gf_sq_name(s, OF_LIMIT);
        if (gofer_info_count(l->list) == l->limit) {
            bad = add_cursor(l->list, last, NULL);
            break;
        }
        gf_sq_limit_read(s, 0, &limit);
        limit.name = name ? name : "";
        sqlite3_snprintf(sizeof last, last, "%s", limit.name);
        bad = gf_info_add(l->list, gf_limit_info(&limit));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_limits(gf_broker *b, const char *after, size_t limit, gofer_info **out)
{
    looking l = { .after = after, .limit = limit, .list = gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_limits, &l), l.list, out);
}

static int64_t count_of(gf_sq_conn *c, gf_sql which, int64_t one, int64_t two)
{
    sqlite3_stmt *s = gf_sq_stmt(c, which);
    gf_sq_bind_int(c, s, 1, one);
    if (which == GF_SQL_HOLDS_COUNT)
        gf_sq_bind_int(c, s, 2, two);
    int64_t count = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return count;
}

// Of a queue's own key: what waits is what the queue has, while the key has no room.
static void count_queue(gf_sq_conn *c, const char *queue, gf_limit_look *look)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUE_NAMED);
    gf_sq_bind_text(c, s, 1, queue);
    int64_t pending = 0;
    if (gf_sq_row(c, s)) {
        pending = gf_sq_number(s, GF_SQ_QUEUE_COUNTS + GF_PENDING);
        look->running = gf_sq_number(s, GF_SQ_QUEUE_COUNTS + GF_ACTIVE);
    }
    gf_sq_done(s);
    bool full = look->limit.concurrency > 0 && look->running >= look->limit.concurrency;
    look->waiting = full || look->next_start_ms > gf_now_ms() ? pending : 0;
}

static void look_at(gf_sq_conn *c, const gf_sq_gate *g, gf_limit_look *out)
{
    int64_t opens_ms = (gf_rate_opens(&g->limit, g->tat_us, 1) + 999) / 1000;
    *out = (gf_limit_look){ .key = g->key, .limit = g->limit, .paused_until_ms = g->until_ms };
    out->next_start_ms = opens_ms > g->until_ms ? opens_ms : g->until_ms;
    if (gf_sq_gate_is_queues(g)) {
        count_queue(c, queue_of(g->key), out);
    } else if (g->lid) {
        out->occupant = *g->occupant ? g->occupant : NULL;
        out->running =
            g->ordered ? out->occupant != NULL
                       : count_of(c, GF_SQL_HOLDS_COUNT, g->lid, gf_mono_ms());
        out->waiting = count_of(c, GF_SQL_HELD_COUNT, g->lid, 0);
    }
}

typedef struct key_row {
    gf_sq_gate gate;
    char       queue[GF_NAME_MAX + 1];
} key_row;

static void read_row(gf_sq_conn *c, sqlite3_stmt *s, key_row *out)
{
    const char *key = gf_sq_name(s, 1), *queue = gf_sq_name(s, 5);
    *out = (key_row){ .gate = { .lid = sqlite3_column_int64(s, 0), .running = -1 } };
    sqlite3_snprintf(sizeof out->gate.key, out->gate.key, "%s", key ? key : "");
    sqlite3_snprintf(sizeof out->queue, out->queue, "%s", queue ? queue : "");
    out->gate.tat_us = gf_sq_number(s, 3);
    out->gate.until_ms = gf_sq_number(s, 4);
    gf_sq_gate_resolve(c, &out->gate);
    const char *occupant = gf_sq_name(s, 6);
    sqlite3_snprintf(sizeof out->gate.occupant, out->gate.occupant, "%s", occupant ? occupant : "");
}

static gofer_status list_keys(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    key_row row, last = { .queue = "" };
    int bad = 0;
    bool more = false;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_KEY_PAGE);
    gf_sq_bind_text(c, s, 1, l->after);
    gf_sq_bind_int(c, s, 2, l->one ? -1 : *l->after_queue ? gf_sq_find_qid(c, l->after_queue) : 0);
    gf_sq_bind_int(c, s, 3, l->waiting);
    while (!bad && !more && gf_sq_row(c, s)) {
        gf_limit_look look;
        read_row(c, s, &row);
        if (l->one && strcmp(row.gate.key, l->after) != 0)
            break;
        look_at(c, &row.gate, &look);
        if (look.running + look.waiting == 0 || (l->waiting && !look.waiting))
            continue;
        look.queue = *row.queue ? row.queue : NULL;
        more = gofer_info_count(l->list) == l->limit;
        bad = more ? add_cursor(l->list, last.gate.key, last.queue)
                   : gf_info_add(l->list, gf_limit_look_info(&look, gf_now_ms()));
        last = row;
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_limit_keys(gf_broker *b, const char *after_key, const char *after_queue,
    bool waiting, size_t limit, gofer_info **out)
{
    looking l = { .after = after_key,
        .after_queue = after_queue,
        .waiting = waiting,
        .limit = limit,
        .list = gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_keys, &l), l.list, out);
}

// Also of a key that nothing runs or waits for, as long as a limit or a pause is its.
static gofer_status look_at_key(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    gf_limit_look look;
    key_row row = { .gate = { .running = -1 } };
    gofer_status st = list_keys(c, l);
    if (st != GOFER_OK || gofer_info_count(l->list) > 0)
        return st;
    sqlite3_snprintf(sizeof row.gate.key, row.gate.key, "%s", l->after);
    gf_sq_gate_resolve(c, &row.gate);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_KEY_GET);
    gf_sq_bind_text(c, s, 1, l->after);
    gf_sq_bind_int(c, s, 2, 0);
    if (gf_sq_row(c, s))
        row.gate.tat_us = gf_sq_number(s, 1);
    gf_sq_done(s);
    s = gf_sq_stmt(c, GF_SQL_KEY_UNTIL);
    gf_sq_bind_text(c, s, 1, l->after);
    if (gf_sq_row(c, s))
        row.gate.until_ms = gf_sq_number(s, 0);
    gf_sq_done(s);
    if (!row.gate.limit.name && row.gate.until_ms <= gf_now_ms())
        return GOFER_OK;
    look_at(c, &row.gate, &look);
    return gf_info_add(l->list, gf_limit_look_info(&look, gf_now_ms())) ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_limit_key(gf_broker *b, const char *key, gofer_info **out)
{
    looking l = { .after = key,
        .after_queue = "",
        .one = true,
        .limit = SIZE_MAX,
        .list = gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, look_at_key, &l), l.list, out);
}

// All queues count in one transaction: there is nothing to share out.
gofer_status gf_sq_limit_share(gf_broker *b, int64_t *wait_ms)
{
    (void)b;
    *wait_ms = INT64_MAX;
    return GOFER_OK;
}

bool gf_sq_limit_rung(gf_broker *b)
{
    (void)b;
    return false;
}
