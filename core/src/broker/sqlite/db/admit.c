// admit.c - who may add to the store while the disk is short.
//
// Each operation that adds says about how much. They are let in one after the other, each with what
// those before it have left, so that one too large batch does not refuse its neighbours. Free pages
// of the file count as room; where it is the disk that wants room they are given back to it.
//
// Outcomes are never refused so. What is large in them (results, histories, logs, checkpoints) is
// left out when there is no room; when most of the reserve was given up all of that is, and at the
// very end only what makes the store smaller goes on: completed tasks are deleted rather than kept.
// So the last part of the reserve stays for those who look and delete.
//
// Everything here belongs to the leader, who holds the write lock.
#include <assert.h>

#include <stdio.h>

#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    VACUUM_STEPS = 64,                   // transactions that give pages back before one group
    LOG_MS = 1000                        // what was left out is logged so often at the most
};

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
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA incremental_vacuum(%lld)",
        (long long)t->store->space.wal_pages / 2);
    gf_sq_conn_exec(t->conn, sql);
    return GOFER_OK;
}

// Gives free pages back to the disk until so much may be added, if there are enough of them: else
// they are of more use where they are. It may use the reserve: what it gives back is more.
static gofer_status make_room(gf_sq_store *s, int64_t needed, int64_t *room)
{
    gofer_status st = gf_sq_space_room(&s->space, room);
    for (int i = 0;
         i < VACUUM_STEPS && (st == GOFER_ENOSPACE || (st == GOFER_OK && *room < needed)); i++) {
        int64_t before = free_pages(s);
        if (before == 0 || before * s->space.page_size < gf_sq_space_missing(&s->space, needed))
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

// What is left of the room, and of the free pages (-1: not asked yet, for that costs
// more than the rest).
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

// What an operation may keep, beside what it must.
static void allow(gf_sq_store *s, budget *b, gf_sq_op *op, bool full)
{
    bool all = !full && fits(s, b, op->bytes);
    op->room = all ? cost_of(op->bytes, 0) : b->room;
    if (!all)
        b->room = 0;
    op->tight = full && gf_sq_space_last(&s->space);
    op->meager = full && gf_sq_space_gone(&s->space);
}

void gf_sq_admit(gf_sq_store *s, gf_sq_op *first)
{
    budget left = { .free_bytes = -1 };
    bool any = false;
    for (gf_sq_op *op = first; op; op = op->next) {
        assert(op->bytes >= 0);
        any |= (op->flags & (GF_SQ_ADDS | GF_SQ_KEEPS)) && op->bytes > 0;
        op->room = INT64_MAX;
        op->tight = op->meager = false;
    }
    if (!any || !s->space.reserve_path)
        return;
    gofer_status st = gf_sq_space_room(&s->space, &left.room);
    if (st == GOFER_ENOSPACE)
        st = make_room(s, 0, &left.room);
    for (gf_sq_op *op = first; op; op = op->next) {
        if (!(op->flags & (GF_SQ_ADDS | GF_SQ_KEEPS)) || op->bytes == 0)
            continue;
        if (op->flags & GF_SQ_KEEPS)
            allow(s, &left, op, st == GOFER_ENOSPACE);
        else if (st != GOFER_OK)
            refuse(op, st);
        else if (!fits(s, &left, op->bytes))
            refuse(op,
                gf_sq_space_refuse(&s->space, left.room, cost_of(op->bytes, left.free_bytes)));
    }
}

bool gf_sq_may_keep(gf_sq_txn *t, const char *id, size_t size)
{
    if (size == 0 || (!t->tight && size <= GF_SQ_INLINE))
        return true;
    if (!t->tight && cost_of((int64_t)size, 0) <= t->room) {
        t->room -= cost_of((int64_t)size, 0);
        return true;
    }
    t->left_out++;
    t->left_of = id;
    return false;
}

const char *gf_sq_left_out(char word[GF_SQ_LEFT_OUT], size_t size)
{
    snprintf(word, GF_SQ_LEFT_OUT, "the result of %zu bytes was left out: the disk was nearly full",
        size);
    return word;
}

void gf_sq_log_left_out(gf_sq_store *s, const gf_sq_txn *t)
{
    char count[32];
    if (t->left_out == 0)
        return;
    s->left_out += t->left_out;
    if (s->left_logged_ms && t->mono_ms - s->left_logged_ms < LOG_MS)
        return;
    snprintf(count, sizeof count, "%zu", s->left_out);
    gf_logf(&s->base.config.log, GOFER_LOG_WARN,
        "the disk is nearly full: results or histories of tasks were left out", "path", s->shown,
        "task", t->left_of, "#count", count, NULL);
    s->left_out = 0;
    s->left_logged_ms = t->mono_ms;
}
