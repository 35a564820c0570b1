// find.c - the names of queues: of all, of those that hold a task of an id, and of those that have
// tasks that wait.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

typedef struct names_query {
    const char *id;                      // only those that have this task; NULL: all
    gf_names    names;
} names_query;

static bool add_name(names_query *q, const char *name)
{
    if (!name)
        return true;                     // one that does not fit: `gofer doctor` tells of it
    return gf_names_add(&q->names, name);
}

static gofer_status inspect_names(gf_sq_conn *c, void *arg)
{
    names_query *q = arg;
    bool ok = true;
    gf_names_clear(&q->names);
    sqlite3_stmt *s = gf_sq_stmt(c, q->id ? GF_SQL_QUEUES_WITH : GF_SQL_QUEUE_NAMES);
    if (q->id)
        gf_sq_bind_text(c, s, 1, q->id);
    while (ok && gf_sq_row(c, s))
        ok = add_name(q, gf_sq_name(s, 0));
    gf_sq_done(s);
    return ok ? GOFER_OK : gf_fail_nomem("the names of queues");
}

static gofer_status names_with(gf_broker *b, const char *id, gf_names *out)
{
    names_query q = { .id = id };
    gofer_status st = gf_sq_read((gf_sq_store *)b, inspect_names, &q);
    if (st == GOFER_OK)
        *out = q.names;
    else
        gf_names_clear(&q.names);
    return st;
}

gofer_status gf_sq_names(gf_broker *b, gf_names *out)
{
    return names_with(b, NULL, out);
}

gofer_status gf_sq_locate(gf_broker *b, const char *id, gf_names *out)
{
    return names_with(b, id, out);
}

typedef struct filled_query {
    char *const *queues;
    size_t       count;
    bool        *out;
} filled_query;

// Both come by name.
static gofer_status inspect_filled(gf_sq_conn *c, void *arg)
{
    filled_query *q = arg;
    size_t at = 0;
    memset(q->out, 0, q->count * sizeof *q->out);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_QUEUES_FILLED);
    while (at < q->count && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        while (name && at < q->count && strcmp(q->queues[at], name) < 0)
            at++;
        if (name && at < q->count && strcmp(q->queues[at], name) == 0)
            q->out[at++] = true;
    }
    gf_sq_done(s);
    return GOFER_OK;
}

gofer_status gf_sq_filled(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    filled_query q = { queues, count, out };
    return gf_sq_read((gf_sq_store *)b, inspect_filled, &q);
}
