// admit.c - who may add to the store while the disk is short.
//
// Each operation that adds says about how much. They are let in one after the other, each with what those before it
// have left, so that one too large batch does not refuse its neighbours. Free pages of the file count as room; where
// it is the disk that wants room they are given back to it.
//
// Everything here belongs to the leader, who holds the write lock.
#include <assert.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

enum { VACUUM_STEPS = 64 };              // transactions that give pages back before one group

static int64_t free_pages(gf_sq_store *s)
{
    int64_t count = gf_sq_conn_number(&s->writer, "PRAGMA freelist_count");
    gf_sq_conn_clear(&s->writer);        // what cannot be read now will be told to who needs it
    return count;
}

gofer_status gf_sq_vacuum_step(gf_sq_txn *t, void *arg)
{
    char sql[64];
    (void)arg;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA incremental_vacuum(%lld)", (long long)t->store->space.wal_pages / 2);
    gf_sq_conn_exec(t->conn, sql);
    return GOFER_OK;
}

// Gives free pages back to the disk until so much may be added, or nothing more comes of it. It may use the reserve:
// what it gives back is more.
static gofer_status make_room(gf_sq_store *s, int64_t needed, int64_t *room)
{
    gofer_status st = gf_sq_space_room(&s->space, room);
    for (int i = 0; i < VACUUM_STEPS && (st == GOFER_ENOSPACE || (st == GOFER_OK && *room < needed)); i++) {
        int64_t before = free_pages(s);
        if (before == 0)
            return st;
        gf_sq_op op = { .run = gf_sq_vacuum_step, .tasks = 1 };
        gf_sq_run_alone(s, &op);
        if (op.status != GOFER_OK || atomic_load(&s->failed) || free_pages(s) >= before)
            break;
        gf_sq_wal_checkpoint(s);
        st = gf_sq_space_room(&s->space, room);
    }
    return gf_sq_space_room(&s->space, room);
}

static void refuse(gf_sq_op *op, gofer_status status)
{
    op->refused = true;
    op->status = status;
    sqlite3_snprintf(sizeof op->text, op->text, "%s", gofer_error_last());
}

// Once in the WAL, and once in the file where that has to grow for it.
static int64_t cost_of(int64_t bytes, int64_t free_bytes)
{
    return bytes + (bytes > free_bytes ? bytes - free_bytes : 0);
}

// What is left of the room, and of the free pages (-1: not asked yet, for that costs more than the rest).
typedef struct budget {
    int64_t room, free_bytes;
} budget;

static bool fits(gf_sq_store *s, budget *b, int64_t bytes)
{
    if (cost_of(bytes, 0) > b->room && b->free_bytes < 0)
        b->free_bytes = free_pages(s) * s->space.page_size;
    if (cost_of(bytes, b->free_bytes) > b->room && b->free_bytes > 0) {
        make_room(s, cost_of(bytes, 0), &b->room);
        b->free_bytes = free_pages(s) * s->space.page_size;
    }
    if (cost_of(bytes, b->free_bytes) > b->room)
        return false;
    b->room -= cost_of(bytes, b->free_bytes);
    if (b->free_bytes > 0)
        b->free_bytes -= bytes < b->free_bytes ? bytes : b->free_bytes;
    return true;
}

void gf_sq_admit(gf_sq_store *s, gf_sq_op *first)
{
    budget left = { .free_bytes = -1 };
    bool any = false;
    for (gf_sq_op *op = first; op; op = op->next) {
        assert(op->bytes >= 0);
        any |= (op->flags & GF_SQ_ADDS) && op->bytes > 0;
    }
    if (!any || !s->space.reserve_path)
        return;
    gofer_status st = gf_sq_space_room(&s->space, &left.room);
    if (st == GOFER_ENOSPACE)
        st = make_room(s, 0, &left.room);
    for (gf_sq_op *op = first; op; op = op->next) {
        if (!(op->flags & GF_SQ_ADDS) || op->bytes == 0)
            continue;
        if (st != GOFER_OK)
            refuse(op, st);
        else if (!fits(s, &left, op->bytes))
            refuse(op, gf_sq_space_refuse(&s->space, left.room, cost_of(op->bytes, left.free_bytes)));
    }
}
