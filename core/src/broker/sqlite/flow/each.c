// each.c - steps that are run for each item of a list: made with the end of the step that has left
// it, in its transaction, and counted when all of them have ended.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"

enum { STEP_BYTES = 768 };               // about, of a step's row and its link

int64_t gf_sq_each_of(gf_sq_txn *t, int64_t sid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_EACH_OF);
    gf_sq_bind_int(t->conn, s, 1, sid);
    if (!gf_sq_row(t->conn, s))
        return 0;
    int64_t each = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    return each;
}

// ---- the list -----------------------------------------------------------------------------------

// What an operation may keep is what it has come with, which the steps are not.
static bool has_room(const gf_sq_txn *t, size_t bytes)
{
    const gf_sq_space *space = &t->store->space;
    int64_t room = INT64_MAX;
    if (t->tight)
        return false;
    if (space->reserve_path && gf_sq_space_room(space, &room) == GOFER_ENOSPACE)
        return false;
    return room / 2 >= (int64_t)bytes;   // in the WAL, and in the file
}

bool gf_sq_each_read(gf_sq_txn *t, int64_t sid, const gf_sq_end *end, gf_flow_list *list,
    char why[GF_FLOW_WHY])
{
    gf_sq_flow_row f;
    size_t room = 0;
    if (gf_sq_flow_numbered(t->conn, gf_sq_flow_of(sid), &f) &&
        f.look.total < GOFER_FLOW_STEPS_MAX)
        room = (size_t)(GOFER_FLOW_STEPS_MAX - f.look.total);
    gofer_status st = gf_flow_list_read(list, end->result, end->result_size, room, why);
    if (st == GOFER_ENOMEM)
        snprintf(why, GF_FLOW_WHY, "there was no memory for its list");
    if (st != GOFER_OK)
        return false;
    size_t steps = gf_flow_list_steps(list);
    if (has_room(t, steps * STEP_BYTES + end->result_size))
        return true;
    gf_flow_list_clear(list);
    snprintf(why, GF_FLOW_WHY, "there is no room in the store for the steps of its list");
    return false;
}

// ---- making -------------------------------------------------------------------------------------

// A step that others are made like.
typedef struct mold {
    int64_t sid;
    char   *headers;                     // owned
    size_t  headers_size;
    char    name[GF_NAME_MAX + 1], flow[GF_ID_MAX + 1];
    bool    stopped;                     // what is made of it now is skipped
} mold;

static bool read_mold(gf_sq_txn *t, int64_t sid, mold *m)
{
    *m = (mold){ .sid = sid };
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_EACH_MOLD);
    gf_sq_bind_int(t->conn, s, 1, sid);
    if (!gf_sq_row(t->conn, s))
        return false;
    const void *headers = sqlite3_column_blob(s, 0);
    const char *name = gf_sq_name(s, 1), *flow = gf_sq_name(s, 2);
    m->headers_size = headers ? (size_t)sqlite3_column_bytes(s, 0) : 0;
    m->headers = gf_memdup(headers ? headers : "", m->headers_size);
    sqlite3_snprintf(sizeof m->name, m->name, "%s", name ? name : "");
    sqlite3_snprintf(sizeof m->flow, m->flow, "%s", flow ? flow : "");
    m->stopped = sqlite3_column_int(s, 3) != GF_SQ_GOES_ON;
    gf_sq_done(s);
    if (!m->headers)
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
    return m->headers != NULL;
}

static void make_one(gf_sq_txn *t, const mold *m, int64_t sid, int64_t number,
    const gf_flow_item *item)
{
    char name[GF_NAME_MAX + 24], id[GF_ID_MAX + 24], flow[GF_ID_MAX + 24], *headers;
    size_t size;
    int64_t n = sid - gf_sq_first_sid(gf_sq_flow_of(sid));
    snprintf(name, sizeof name, "%s.%" PRId64, m->name, number);
    snprintf(id, sizeof id, "%s:%" PRId64, m->flow, n);
    snprintf(flow, sizeof flow, "%s/%" PRId64 "/", m->flow, n);
    if (gf_headers_with(m->headers, m->headers_size, GF_HEADER_FLOW, flow, &headers, &size) !=
        GOFER_OK) {
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
        return;
    }
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_COPY);
    gf_sq_bind_int(t->conn, s, 1, m->sid);
    gf_sq_bind_int(t->conn, s, 2, sid);
    gf_sq_bind_text(t->conn, s, 3, name);
    gf_sq_bind_int(t->conn, s, 4, m->stopped ? GF_STEP_SKIPPED : GF_STEP_READY);
    gf_sq_bind_int(t->conn, s, 5, m->stopped ? t->now_ms : 0);
    gf_sq_bind_text(t->conn, s, 6, id);
    gf_sq_bind_blob(t->conn, s, 7, headers, size);
    gf_sq_bind_blob(t->conn, s, 8, item->bytes, item->size);
    gf_sq_bind_int(t->conn, s, 9, (int64_t)item->size);
    gf_sq_run(t->conn, s);
    gf_free(headers);
}

typedef struct counts {
    int64_t made, ended, failed, skipped, parts;
} counts;

static counts count(gf_sq_conn *c, int64_t each)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EACH_COUNT);
    gf_sq_bind_int(c, s, 1, each);
    if (!gf_sq_row(c, s))
        return (counts){ 0 };
    counts n = { gf_sq_number(s, 0), gf_sq_number(s, 1), gf_sq_number(s, 2), gf_sq_number(s, 3),
        gf_sq_number(s, 4) };
    gf_sq_done(s);
    return n;
}

static int64_t last_of(gf_sq_txn *t, int64_t fid)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_STEP_LAST);
    gf_sq_bind_int(t->conn, s, 1, gf_sq_first_sid(fid));
    gf_sq_bind_int(t->conn, s, 2, gf_sq_last_sid(fid));
    if (!gf_sq_row(t->conn, s))
        return 0;
    int64_t last = sqlite3_column_int64(s, 0);
    gf_sq_done(s);
    return last;
}

// "rows" of "rows.2", which is the second part of a list.
static void first_name(char name[GF_NAME_MAX + 1], int64_t parts)
{
    char *dot = parts > 1 ? strrchr(name, '.') : NULL;
    if (dot)
        *dot = '\0';
}

void gf_sq_each_make(gf_sq_txn *t, int64_t each, int64_t sid, const gf_flow_list *list)
{
    mold item = { 0 }, part = { 0 };
    int64_t fid = gf_sq_flow_of(sid), last = last_of(t, fid);
    counts there = count(t->conn, each);
    bool good = read_mold(t, each, &item) && read_mold(t, sid, &part);
    for (size_t i = 0; good && i < list->count && t->conn->rc == SQLITE_OK; i++) {
        make_one(t, &item, ++last, there.made + (int64_t)i + 1, &list->items[i]);
        GF_SQ_RUN(t->conn, GF_SQL_DEP_ADD, last, each, GF_RULE_MADE);
    }
    if (good && list->more && t->conn->rc == SQLITE_OK) {
        first_name(part.name, there.parts);
        make_one(t, &part, ++last, there.parts + 1, &list->next);
        GF_SQ_RUN(t->conn, GF_SQL_DEP_ADD, last, each, GF_RULE_EACH);
    }
    int64_t steps = (int64_t)gf_flow_list_steps(list), left = item.stopped ? 0 : steps;
    if (good && steps) {
        GF_SQ_RUN(t->conn, GF_SQL_EACH_GREW, each, left);
        GF_SQ_RUN(t->conn, GF_SQL_FLOW_GREW, fid, steps, left);
    }
    gf_free(item.headers);
    gf_free(part.headers);
}

// ---- the end, and looking -----------------------------------------------------------------------

gf_step_state gf_sq_each_end(gf_sq_txn *t, int64_t each, char why[GF_FLOW_WHY])
{
    counts n = count(t->conn, each);
    *why = '\0';
    if (n.failed == 0)
        return n.skipped ? GF_STEP_SKIPPED : (gf_step_state)(GF_STEP_ENDED + GF_END_DONE);
    gf_flow_some_failed(why, n.failed, n.made);
    return (gf_step_state)(GF_STEP_ENDED + GF_END_ARCHIVED);
}

void gf_sq_each_look(gf_sq_conn *c, int64_t each, gf_step_look *out)
{
    counts n = count(c, each);
    out->makes = true;
    out->made = n.made;
    out->made_ended = n.ended;
    out->made_failed = n.failed;
}

gofer_status gf_sq_each_results(gf_sq_conn *c, int64_t each, void **bytes, size_t *size)
{
    gf_flow_results all = { 0 };
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_EACH_RESULTS);
    gf_sq_bind_int(c, s, 1, each);
    while (gf_sq_row(c, s)) {
        bool none = sqlite3_column_type(s, 0) == SQLITE_NULL;
        const void *result = sqlite3_column_blob(s, 0);
        gf_flow_results_add(&all, none ? NULL : result ? result : "",
            none ? 0 : (size_t)sqlite3_column_bytes(s, 0));
    }
    gf_sq_done(s);
    return gf_flow_results_end(&all, bytes, size);
}
