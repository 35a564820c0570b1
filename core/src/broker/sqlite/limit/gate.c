// gate.c - gates: the keys of limits that a transaction touches, read once, counted in memory,
// written once. Belongs to the leader, as counts.c does.
//
// A gate knows its key's limit: the one of exactly its name, else that of the longest prefix. What
// runs is counted when it is first asked for: the claims with a valid lease that `holds` names for
// the key; of a queue's own key all that the queue has taken. Nothing else is believed.
#include <stddef.h>
#include <string.h>

#include "broker/limit_rate.h"
#include "broker/sqlite/store.h"
#include "message/limit_keys.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/minmax.h"

enum { QUEUE_FRONT = sizeof GF_LIMIT_QUEUE - 1 };

static void bind_text(gf_sq_conn *c, sqlite3_stmt *s, int at, const char *text, size_t size)
{
    if (s && c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_bind_text(s, at, text, (int)size, SQLITE_STATIC));
}

// ---- which limit is a key's ---------------------------------------------------------------------

// False: there is none of this name.
static bool read_limit(gf_sq_conn *c, gf_sq_gate *g, const char *name, size_t size)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_LIMIT_GET);
    bind_text(c, s, 1, name, size);
    if (!gf_sq_row(c, s))
        return false;
    memcpy(g->name, name, size);
    g->name[size] = '\0';
    gf_sq_limit_read(s, 0, &g->limit);
    g->limit.name = g->name;
    gf_sq_done(s);
    return true;
}

static int64_t longest_prefix(gf_sq_conn *c, int64_t at_most)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_LIMIT_PREFIX);
    gf_sq_bind_int(c, s, 1, at_most);
    int64_t size = gf_sq_row(c, s) && sqlite3_column_type(s, 0) != SQLITE_NULL
        ? sqlite3_column_int64(s, 0)
        : -1;
    gf_sq_done(s);
    return size;
}

void gf_sq_gate_resolve(gf_sq_conn *c, gf_sq_gate *g)
{
    char name[GF_NAME_MAX + 1];
    size_t size = strlen(g->key);
    g->ordered = gf_limit_key_is_ordered(g->key);
    if (g->ordered) {
        g->limit.concurrency = 1;
        return;
    }
    if (read_limit(c, g, g->key, size) || strncmp(g->key, GF_LIMIT_QUEUE, QUEUE_FRONT) == 0 ||
        strncmp(g->key, GF_LIMIT_TYPE, sizeof GF_LIMIT_TYPE - 1) == 0)
        return;
    int64_t at_most = size < GF_NAME_MAX ? (int64_t)size : GF_NAME_MAX - 1;
    for (int64_t n; (n = longest_prefix(c, at_most)) >= 0; at_most = n - 1) {
        memcpy(name, g->key, (size_t)n);
        name[n] = '*';
        if (read_limit(c, g, name, (size_t)n + 1))
            return;
    }
}

// ---- gates --------------------------------------------------------------------------------------

static gf_sq_gate *new_gate(gf_sq_txn *t)
{
    gf_sq_gates *all = t->gates;
    size_t room = all->room;
    if (!gf_grow(all->gates, all->room, all->count + 1)) {
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
        return NULL;
    }
    memset(all->gates + room, 0, (all->room - room) * sizeof *all->gates);
    gf_sq_gate **slot = &all->gates[all->count];
    if (!*slot && !(*slot = gf_alloc(sizeof **slot))) {
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
        return NULL;
    }
    memset(*slot, 0, sizeof **slot);
    (*slot)->running = -1;
    all->count++;
    return *slot;
}

static void set_lid(gf_sq_txn *t, gf_sq_gate *g, int64_t lid)
{
    g->lid = lid;
    gf_table_add(&t->gates->by_lid, &g->by_lid, (uint64_t)lid);
}

// A pause is of the key, whoever counts for it; a type that is closed is one until it opens.
static void read_pause(gf_sq_txn *t, gf_sq_gate *g)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_UNTIL);
    gf_sq_bind_text(t->conn, s, 1, g->key);
    g->until_ms = gf_sq_row(t->conn, s) ? gf_sq_number(s, 0) : 0;
    gf_sq_done(s);
    g->until_ms = gf_max(g->until_ms, gf_sq_hours_until(t, g->key));
}

static void read_occupant(sqlite3_stmt *s, int at, gf_sq_gate *g)
{
    const char *id = g->ordered ? gf_sq_name(s, at) : NULL;
    if (id)
        sqlite3_snprintf(sizeof g->occupant, g->occupant, "%s", id);
}

static void read_row(gf_sq_txn *t, gf_sq_gate *g)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_GET);
    gf_sq_bind_text(t->conn, s, 1, g->key);
    gf_sq_bind_int(t->conn, s, 2, g->qid);
    if (gf_sq_row(t->conn, s)) {
        set_lid(t, g, sqlite3_column_int64(s, 0));
        g->tat_us = gf_sq_number(s, 1);
        g->wake_ms = gf_sq_number(s, 2);
        read_occupant(s, 3, g);
    }
    gf_sq_done(s);
    read_pause(t, g);
}

bool gf_sq_gate_is_queues(const gf_sq_gate *g)
{
    return strncmp(g->key, GF_LIMIT_QUEUE, QUEUE_FRONT) == 0;
}

static bool counts_by_queue(const gf_sq_gate *g)
{
    return g->ordered || (g->limit.per_queue && !gf_sq_gate_is_queues(g));
}

// Of this key; where queues count for themselves, of this one.
static gf_sq_gate *find(const gf_sq_txn *t, int64_t qid, const char *key, size_t size,
    uint64_t hash)
{
    gf_link *link = gf_table_find(&t->gates->by_key, hash);
    for (; link; link = gf_table_next(link)) {
        gf_sq_gate *g = (gf_sq_gate *)(void *)link;
        if (strncmp(g->key, key, size) == 0 && !g->key[size] && (!g->qid || g->qid == qid))
            return g;
    }
    return NULL;
}

gf_sq_gate *gf_sq_gate_of(gf_sq_txn *t, const gf_sq_queue *q, const char *key, size_t size)
{
    uint64_t hash = gf_hash_more(GF_HASH_START, key, size);
    gf_sq_gate *g = find(t, q->qid, key, size, hash);
    if (g)
        return g;
    g = new_gate(t);
    if (!g)
        return NULL;
    memcpy(g->key, key, size);           // its end is there already
    gf_sq_gate_resolve(t->conn, g);
    g->qid = counts_by_queue(g) ? q->qid : 0;
    read_row(t, g);
    gf_table_add(&t->gates->by_key, &g->by_key, hash);
    return t->conn->rc == SQLITE_OK ? g : NULL;
}

// A row of what was counted otherwise once, for its limit had another scope: it lets everybody go,
// who then comes to the gate that is meant now.
static void meet_limit(gf_sq_txn *t, gf_sq_gate *g)
{
    if (counts_by_queue(g) == (g->qid != 0))
        gf_table_add(&t->gates->by_key, &g->by_key, gf_hash_text(g->key));
    else
        g->limit = (gf_limit){ 0 };
}

gf_sq_gate *gf_sq_gate_numbered(gf_sq_txn *t, int64_t lid)
{
    gf_link *link = gf_table_find(&t->gates->by_lid, (uint64_t)lid);
    if (link)
        return (gf_sq_gate *)(void *)((char *)link - offsetof(gf_sq_gate, by_lid));
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_NUMBERED);
    gf_sq_bind_int(t->conn, s, 1, lid);
    gf_sq_gate *g = gf_sq_row(t->conn, s) && gf_sq_name(s, 0) ? new_gate(t) : NULL;
    if (g) {
        sqlite3_snprintf(sizeof g->key, g->key, "%s", gf_sq_name(s, 0));
        g->qid = sqlite3_column_int64(s, 1);
        g->tat_us = gf_sq_number(s, 2);
        g->wake_ms = gf_sq_number(s, 3);
        g->ordered = gf_limit_key_is_ordered(g->key);
        read_occupant(s, 4, g);
    }
    gf_sq_done(s);
    if (g) {
        set_lid(t, g, lid);
        gf_sq_gate_resolve(t->conn, g);
        read_pause(t, g);
        meet_limit(t, g);
    }
    return g;
}

bool gf_sq_gate_row(gf_sq_txn *t, gf_sq_gate *g)
{
    if (g->lid)
        return true;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_ADD);
    gf_sq_bind_text(t->conn, s, 1, g->key);
    gf_sq_bind_int(t->conn, s, 2, g->qid);
    gf_sq_run(t->conn, s);
    if (t->conn->rc != SQLITE_OK)
        return false;
    set_lid(t, g, sqlite3_last_insert_rowid(t->conn->db));
    return true;
}

// ---- room ---------------------------------------------------------------------------------------

static int64_t count_claims(gf_sq_txn *t, gf_sq_gate *g)
{
    if (gf_sq_gate_is_queues(g)) {
        gf_sq_queue *q = gf_sq_queue_named(t, g->key + QUEUE_FRONT);
        return q ? q->count[GF_ACTIVE] : 0;
    }
    if (g->ordered)
        return *gf_sq_gate_occupant(t, g) ? 1 : 0;
    if (!g->lid)
        return 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_HOLDS_COUNT);
    gf_sq_bind_int(t->conn, s, 1, g->lid);
    gf_sq_bind_int(t->conn, s, 2, t->mono_ms);
    int64_t count = gf_sq_row(t->conn, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return count;
}

int64_t gf_sq_gate_running(gf_sq_txn *t, gf_sq_gate *g)
{
    if (g->running < 0)
        g->running = count_claims(t, g);
    return g->running;
}

bool gf_sq_gate_open(gf_sq_txn *t, gf_sq_gate *g, int64_t cost, int64_t *opens_ms)
{
    int64_t now_us = t->now_ms * 1000;
    int64_t opens_us = gf_rate_opens(&g->limit, g->tat_us, cost);
    *opens_ms = 0;
    if (g->limit.concurrency > 0 && gf_sq_gate_running(t, g) >= g->limit.concurrency)
        return false;
    if (opens_us <= now_us && g->until_ms <= t->now_ms)
        return true;
    *opens_ms = (opens_us + 999) / 1000 > g->until_ms ? (opens_us + 999) / 1000 : g->until_ms;
    return false;
}

// ---- whose turn it is ---------------------------------------------------------------------------

static bool blocks(gf_sq_txn *t, int64_t seq)
{
    gf_message m = { .headers = NULL };
    gf_limit_keys keys;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_LATER_HEADERS);
    gf_sq_bind_int(t->conn, s, 1, seq);
    if (gf_sq_row(t->conn, s)) {
        m.headers = sqlite3_column_blob(s, 0);
        m.headers_size = (size_t)sqlite3_column_bytes(s, 0);
    }
    bool yes = gf_limit_keys_of(&m, &keys) && keys.blocks;
    gf_sq_done(s);
    return yes;
}

const char *gf_sq_gate_occupant(gf_sq_txn *t, gf_sq_gate *g)
{
    gf_sq_place place;
    if (!*g->occupant || g->running >= 0)
        return g->occupant;              // nobody; or it was looked at
    bool there = gf_sq_find(t->conn, g->qid, g->occupant, &place);
    if (!there || place.state == GF_COMPLETED || place.state == GF_AGGREGATING ||
        (place.state == GF_ARCHIVED && !blocks(t, place.seq)))
        gf_sq_gate_occupy(g, "");
    g->running = *g->occupant ? 1 : 0;
    return g->occupant;
}

void gf_sq_gate_occupy(gf_sq_gate *g, const char *id)
{
    sqlite3_snprintf(sizeof g->occupant, g->occupant, "%s", id);
    g->running = *id ? 1 : 0;
    g->dirty = true;
}

void gf_sq_gate_wake(gf_sq_gate *g, int64_t at_ms)
{
    if (g->wake_ms && g->wake_ms <= at_ms)
        return;
    g->wake_ms = at_ms;
    g->dirty = true;
}

// ---- the transaction ----------------------------------------------------------------------------

// A key that nobody has and nobody waits for is forgotten.
static void write_occupant(gf_sq_txn *t, gf_sq_gate *g)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_KEY_OCCUPY);
    gf_sq_bind_int(t->conn, s, 1, g->lid);
    gf_sq_bind_text(t->conn, s, 2, *g->occupant ? g->occupant : NULL);
    gf_sq_run(t->conn, s);
    if (*g->occupant || GF_SQ_RUN(t->conn, GF_SQL_KEY_DROP, g->lid) == 0)
        return;
    gf_table_remove(&t->gates->by_lid, &g->by_lid);
    g->lid = g->wake_ms = 0;
}

void gf_sq_gates_flush(gf_sq_txn *t)
{
    gf_sq_release_all(t);
    for (size_t i = 0; i < t->gates->count && t->conn->rc == SQLITE_OK; i++) {
        gf_sq_gate *g = t->gates->gates[i];
        if (g->dirty && (g->lid || !g->ordered || *g->occupant) && gf_sq_gate_row(t, g)) {
            GF_SQ_RUN(t->conn, GF_SQL_KEY_SET, g->lid, g->tat_us, g->wake_ms);
            if (g->ordered)
                write_occupant(t, g);
        }
        g->dirty = false;
    }
}

void gf_sq_gates_forget(gf_sq_gates *gates)
{
    gates->count = 0;
    gf_table_clear(&gates->by_key);
    gf_table_clear(&gates->by_lid);
}

void gf_sq_gates_close(gf_sq_gates *gates)
{
    for (size_t i = 0; i < gates->room; i++)
        gf_free(gates->gates[i]);
    gf_free(gates->gates);
    gf_free(gates->shut.items);
    gf_hours_book_clear(&gates->hours);
    gf_free(gates->breakers.items);
    gf_table_clear(&gates->by_key);
    gf_table_clear(&gates->by_lid);
    *gates = (gf_sq_gates){ 0 };
}
