// audit.c - the audit: a table of records by number, which is cut to what is kept.
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

enum { ROW_BYTES = 64, HEAD_ROOM = 64 };

static const char KEEP[] = "audit_keep";     // in the table of numbers

typedef struct adding {
    const char *record;
    int64_t     keep;
} adding;

static int64_t kept(gf_sq_conn *c)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_NUMBER_GET);
    gf_sq_bind_text(c, s, 1, KEEP);
    int64_t keep = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : GF_AUDIT_KEEP;
    gf_sq_done(s);
    return keep > 0 ? keep : GF_AUDIT_KEEP;
}

static void set_keep(gf_sq_conn *c, int64_t keep)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_NUMBER_SET);
    gf_sq_bind_text(c, s, 1, KEEP);
    gf_sq_bind_int(c, s, 2, keep);
    gf_sq_run(c, s);
}

static gofer_status add(gf_sq_txn *t, void *arg)
{
    const adding *a = arg;
    if (a->keep)
        set_keep(t->conn, a->keep);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_AUDIT_ADD);
    gf_sq_bind_int(t->conn, s, 1, t->now_ms);
    gf_sq_bind_text(t->conn, s, 2, a->record);
    gf_sq_run(t->conn, s);
    GF_SQ_RUN(t->conn, GF_SQL_AUDIT_TRIM, kept(t->conn));
    return GOFER_OK;
}

gofer_status gf_sq_audit_add(gf_broker *b, const char *record, int64_t keep)
{
    adding a = { record, keep };
    gf_sq_op op = { .run = add,
        .arg = &a,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = 1,
        .bytes = (int64_t)strlen(record) + ROW_BYTES };
    return gf_sq_write((gf_sq_store *)b, &op);
}

// ---- looking ------------------------------------------------------------------------------------

typedef struct paging {
    int64_t   before;
    size_t    limit;
    gf_names *lines;
} paging;

// As the other store has it, the number and the time in front.
static bool add_line(gf_names *lines, sqlite3_stmt *s)
{
    const char *record = (const char *)sqlite3_column_text(s, 2);
    size_t room = (size_t)sqlite3_column_bytes(s, 2) + HEAD_ROOM;
    char *line = record ? gf_alloc(room) : NULL;
    if (!line)
        return false;
    snprintf(line, room, "n:%lld\tat_ms:%lld\t%s", (long long)sqlite3_column_int64(s, 0),
        (long long)gf_sq_number(s, 1), record);
    bool added = gf_names_add(lines, line);
    gf_free(line);
    return added;
}

static gofer_status look(gf_sq_conn *c, void *arg)
{
    paging *p = arg;
    bool ok = true;
    gf_names_clear(p->lines);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_AUDIT_LIST);
    gf_sq_bind_int(c, s, 1, p->before ? p->before : INT64_MAX);
    gf_sq_bind_int(c, s, 2, (int64_t)p->limit);
    while (ok && gf_sq_row(c, s))
        ok = add_line(p->lines, s);
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("the audit");
}

gofer_status gf_sq_audit_page(gf_broker *b, int64_t before, size_t limit, gf_names *lines)
{
    paging p = { before, limit, lines };
    return gf_sq_read((gf_sq_store *)b, look, &p);
}
