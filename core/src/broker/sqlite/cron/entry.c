// entry.c - cron entries: names and records, kept for schedule/, which alone understands them.
//
// Every change gives the table another version, by the clock, and wakes the watches of all
// processes (live/watch.c), so that schedulers load anew. Writes run in the leader's transactions.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

typedef struct writing {
    const char *name, *record;
    const char *was;                     // of a swap
    bool        only_new;
} writing;

static int64_t read_version(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_NUMBER_GET);
    gf_sq_bind_text(c, s, 1, "entries");
    int64_t version = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    gf_sq_done(s);
    return version;
}

// By the clock, so that a file that was made anew is told from the one before.
static void count_change(gf_sq_txn *t)
{
    int64_t version = read_version(t->conn) + 1;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_NUMBER_SET);
    gf_sq_bind_text(t->conn, s, 1, "entries");
    gf_sq_bind_int(t->conn, s, 2, version > t->now_ms ? version : t->now_ms);
    gf_sq_run(t->conn, s);
}

static int64_t set_record(gf_sq_txn *t, gf_sql which, const writing *w)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, which);
    gf_sq_bind_text(t->conn, s, 1, w->name);
    gf_sq_bind_text(t->conn, s, 2, w->record);
    return gf_sq_run(t->conn, s);
}

static gofer_status put(gf_sq_txn *t, void *arg)
{
    const writing *w = arg;
    if (set_record(t, GF_SQL_ENTRY_ADD, w) == 0) {
        if (w->only_new)
            return gf_fail(GOFER_EEXIST, "there is a cron entry '%s' already", w->name);
        set_record(t, GF_SQL_ENTRY_SET, w);
    }
    count_change(t);
    return GOFER_OK;
}

static gofer_status change(gf_broker *b, gf_sq_op *op)
{
    gf_sq_page *page = ((gf_sq_store *)b)->sidecar.page;
    gofer_status st = gf_sq_write((gf_sq_store *)b, op);
    if (st != GOFER_OK)
        return st;
    atomic_fetch_add(&page->entries, 1);
    gf_sq_watches_wake(page);
    return GOFER_OK;
}

gofer_status gf_sq_entry_put(gf_broker *b, const char *name, const char *record, bool only_new)
{
    writing w = { .name = name, .record = record, .only_new = only_new };
    gf_sq_op op = { .run = put,
        .arg = &w,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = 1,
        .bytes = (int64_t)strlen(record) };
    return change(b, &op);
}

static gofer_status swap(gf_sq_txn *t, void *arg)
{
    const writing *w = arg;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_ENTRY_SWAP);
    gf_sq_bind_text(t->conn, s, 1, w->name);
    gf_sq_bind_text(t->conn, s, 2, w->record);
    gf_sq_bind_text(t->conn, s, 3, w->was);
    if (gf_sq_run(t->conn, s) == 0)
        return gf_fail(GOFER_ESTALE, "the cron entry '%s' has changed by now", w->name);
    count_change(t);
    return GOFER_OK;
}

gofer_status gf_sq_entry_swap(gf_broker *b, const char *name, const char *was, const char *record)
{
    writing w = { .name = name, .record = record, .was = was };
    gf_sq_op op = { .run = swap,
        .arg = &w,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = 1,
        .bytes = (int64_t)strlen(record) };
    return change(b, &op);
}

// What it has enqueued is forgotten; its latest tick is not, lest an entry of the
// same name repeats it.
static gofer_status drop(gf_sq_txn *t, void *arg)
{
    static const gf_sql steps[] = { GF_SQL_ENTRY_DROP, GF_SQL_TICKED_DROP };
    const writing *w = arg;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        sqlite3_stmt *s = gf_sq_stmt(t->conn, steps[i]);
        gf_sq_bind_text(t->conn, s, 1, w->name);
        if (gf_sq_run(t->conn, s) == 0 && i == 0)
            return gf_fail(GOFER_ENOTFOUND, "no cron entry '%s'", w->name);
    }
    count_change(t);
    return GOFER_OK;
}

gofer_status gf_sq_entry_drop(gf_broker *b, const char *name)
{
    writing w = { .name = name };
    gf_sq_op op = { .run = drop, .arg = &w, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return change(b, &op);
}

// ---- list ------------------------------------------------------------------------------------

typedef struct listing {
    int64_t    known;
    gf_entries all;
    size_t     room;
} listing;

static bool add(listing *l, const char *name, const char *record)
{
    if (!gf_grow(l->all.items, l->room, l->all.count + 1))
        return false;
    gf_entry one = { gf_strdup(name ? name : ""), gf_strdup(record ? record : "") };
    if (!one.name || !one.record) {
        gf_free(one.name);
        gf_free(one.record);
        return false;
    }
    l->all.items[l->all.count++] = one;
    return true;
}

static gofer_status list_entries(gf_sq_conn *c, void *arg)
{
    listing *l = arg;
    bool ok = true;
    gf_entries_clear(&l->all);
    l->room = 0;
    l->all.version = read_version(c);
    if (l->all.version == l->known)
        return GOFER_OK;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_ENTRY_LIST);
    while (ok && gf_sq_row(c, s))
        ok = add(l, (const char *)sqlite3_column_text(s, 0),
            (const char *)sqlite3_column_text(s, 1));
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("cron entries");
}

gofer_status gf_sq_entries(gf_broker *b, int64_t known, gf_entries *out)
{
    listing l = { .known = known };
    gofer_status st = gf_sq_read((gf_sq_store *)b, list_entries, &l);
    if (st == GOFER_OK)
        *out = l.all;
    else
        gf_entries_clear(&l.all);
    return st;
}
