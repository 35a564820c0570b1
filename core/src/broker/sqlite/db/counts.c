// counts.c - the queues that a transaction touches: read once, counted in memory, written once.
//
// A batch of a hundred tasks would otherwise update its queue's row a hundred times. Belongs to the
// leader: pointers to queues are good until the transaction ends, and what reads queue rows by SQL
// has them flushed before (GF_SQ_READS_COUNTS).
#include <stddef.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "message/seal.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"

static const int64_t tail_max = GF_SQ_RANKED - 2;

static void note_nomem(gf_sq_txn *t)
{
    gf_sq_conn_note(t->conn, SQLITE_NOMEM);
}

// A cleared entry at the end of the list; entries of earlier transactions are used again.
static gf_sq_queue *new_entry(gf_sq_txn *t)
{
    gf_sq_queue_counts *counts = t->counts;
    size_t room = counts->room;
    if (!gf_grow(counts->queues, counts->room, counts->count + 1)) {
        note_nomem(t);
        return NULL;
    }
    memset(counts->queues + room, 0, (counts->room - room) * sizeof *counts->queues);
    gf_sq_queue **slot = &counts->queues[counts->count];
    if (!*slot && !(*slot = gf_alloc(sizeof **slot))) {
        note_nomem(t);
        return NULL;
    }
    memset(*slot, 0, sizeof **slot);
    counts->count++;
    return counts->last = *slot;
}

// Reads a row of QUEUE_NAMED or _NUMBERED into an entry; NULL: no row.
static gf_sq_queue *read_queue(gf_sq_txn *t, sqlite3_stmt *s)
{
    if (!gf_sq_row(t->conn, s))
        return NULL;
    gf_sq_queue *q = new_entry(t);
    if (q) {
        q->qid = sqlite3_column_int64(s, 0);
        q->tail = sqlite3_column_int64(s, 1);
        q->tail = q->tail < 0 ? 0 : q->tail > tail_max ? tail_max : q->tail;
        q->paused_ms = sqlite3_column_int64(s, 2);
        q->ranked = sqlite3_column_int(s, GF_SQ_QUEUE_RANKED) != 0;
        q->limited = sqlite3_column_int(s, GF_SQ_QUEUE_LIMITED) != 0;
        q->fair = sqlite3_column_int(s, GF_SQ_QUEUE_FAIR) != 0;
        int64_t guards = gf_sq_number(s, GF_SQ_QUEUE_LENGTH);
        q->max_length = guards & ~GF_SQ_CLOSED;
        q->closed = (guards & GF_SQ_CLOSED) != 0;
        q->age_ms = gf_sq_number(s, GF_SQ_QUEUE_AGE);
        for (int i = 0; i < GF_STATE_COUNT; i++)
            q->count[i] = gf_sq_number(s, GF_SQ_QUEUE_COUNTS + i);
        const char *name = gf_sq_name(s, GF_SQ_QUEUE_COUNTS + GF_STATE_COUNT);
        sqlite3_snprintf(sizeof q->name, q->name, "%s", name ? name : "");
        q->bit = gf_sq_wakeup_bit(q->name);
        gf_table_add(&t->counts->by_name, &q->by_name, gf_hash_text(q->name));
        gf_table_add(&t->counts->by_qid, &q->by_qid, (uint64_t)q->qid);
    }
    gf_sq_done(s);
    return q;
}

gf_sq_queue *gf_sq_queue_named(gf_sq_txn *t, const char *name)
{
    if (t->counts->last && strcmp(t->counts->last->name, name) == 0)
        return t->counts->last;
    gf_link *link = gf_table_find(&t->counts->by_name, gf_hash_text(name));
    for (; link; link = gf_table_next(link)) {
        gf_sq_queue *q = (gf_sq_queue *)(void *)link;
        if (strcmp(q->name, name) == 0)
            return t->counts->last = q;
    }

    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_QUEUE_NAMED);
    gf_sq_bind_text(t->conn, s, 1, name);
    return read_queue(t, s);
}

gf_sq_queue *gf_sq_queue_made(gf_sq_txn *t, const char *name)
{
    gf_sq_queue *q = gf_sq_queue_named(t, name);
    if (q || t->conn->rc != SQLITE_OK)
        return q;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_QUEUE_ADD);
    gf_sq_bind_text(t->conn, s, 1, name);
    gf_sq_run(t->conn, s);
    q = gf_sq_queue_named(t, name);
    if (!q && t->conn->rc == SQLITE_OK)  // eight million queues
        gf_sq_conn_note(t->conn, SQLITE_TOOBIG);
    return q;
}

gf_sq_queue *gf_sq_queue_numbered(gf_sq_txn *t, int64_t qid)
{
    if (t->counts->last && t->counts->last->qid == qid)
        return t->counts->last;
    gf_link *link = gf_table_find(&t->counts->by_qid, (uint64_t)qid);
    if (link)
        return t->counts->last =
                   (gf_sq_queue *)(void *)((char *)link - offsetof(gf_sq_queue, by_qid));

    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_QUEUE_NUMBERED);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_queue *q = read_queue(t, s);
    if (!q)                              // a task without its queue: the file is damaged
        gf_sq_conn_note(t->conn, SQLITE_CORRUPT);
    return q;
}

void gf_sq_queue_count(gf_sq_queue *q, gf_state state, int64_t change)
{
    q->count[state] += change;
    q->change[state] += change;
    q->dirty = true;
}

bool gf_sq_queue_has_room(const gf_sq_queue *q, size_t count)
{
    return (int64_t)count <= tail_max - q->tail;
}

int64_t gf_sq_queue_admits(const gf_sq_queue *q)
{
    int64_t room = q->max_length - q->count[GF_PENDING];
    return q->max_length <= 0 ? INT64_MAX : room > 0 ? room : 0;
}

bool gf_sq_queue_refuses(const gf_sq_queue *q, const void *payload, size_t size)
{
    return q->closed && !gf_is_sealed(payload, size);
}

int64_t gf_sq_queue_next(gf_sq_queue *q)
{
    q->dirty = true;
    q->tail += q->tail <= tail_max;      // at the end the number is taken, and the put fails
    return gf_sq_first_seq(q->qid) + q->tail;
}

static void save(gf_sq_txn *t, gf_sq_queue *q)
{
    GF_SQ_RUN(t->conn, GF_SQL_QUEUE_SAVE, q->qid, q->tail, q->change[GF_PENDING],
        q->change[GF_ACTIVE], q->change[GF_SCHEDULED], q->change[GF_RETRY], q->change[GF_COMPLETED],
        q->change[GF_ARCHIVED], q->processed, q->failed, q->change[GF_AGGREGATING]);
    if (q->processed || q->failed)
        GF_SQ_RUN(t->conn, GF_SQL_DAY_ADD, q->qid, gf_day_of(t->now_ms), q->processed, q->failed);
    memset(q->change, 0, sizeof q->change);
    q->processed = q->failed = 0;
    q->dirty = false;
}

void gf_sq_counts_flush(gf_sq_txn *t)
{
    for (size_t i = 0; i < t->counts->count; i++)
        if (t->counts->queues[i]->dirty)
            save(t, t->counts->queues[i]);
}

void gf_sq_counts_forget(gf_sq_queue_counts *counts)
{
    counts->count = 0;
    counts->last = NULL;
    gf_table_clear(&counts->by_name);
    gf_table_clear(&counts->by_qid);
}

void gf_sq_counts_close(gf_sq_queue_counts *counts)
{
    for (size_t i = 0; i < counts->room; i++)
        gf_free(counts->queues[i]);
    gf_free(counts->queues);
    gf_table_clear(&counts->by_name);
    gf_table_clear(&counts->by_qid);
    *counts = (gf_sq_queue_counts){ 0 };
}
