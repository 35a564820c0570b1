// tenants.c - the door's table of tenants: their weights, and looks at them.
#include <string.h>

#include "broker/sqlite/store.h"
#include "broker/tenants.h"
#include "info/info.h"
#include "util/error.h"
#include "util/minmax.h"

// ---- changing -----------------------------------------------------------------------------------

typedef struct weighing {
    const char *queue, *name;
    int64_t     weight;
    bool        found;
} weighing;

static gofer_status put_tenant(gf_sq_txn *t, void *arg)
{
    const weighing *w = arg;
    gf_sq_queue *q = gf_sq_queue_made(t, w->queue);
    if (!q)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TENANT_SET);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, w->name);
    gf_sq_bind_int(t->conn, s, 3, w->weight);
    gf_sq_run(t->conn, s);
    return GOFER_OK;
}

gofer_status gf_sq_tenant_put(gf_broker *b, const char *queue, const char *name, int64_t weight)
{
    weighing w = { .queue = queue, .name = name, .weight = weight };
    gf_sq_op op = { .run = put_tenant, .arg = &w, .flags = GF_SQ_DURABLE | GF_SQ_ADDS, .tasks = 1 };
    op.bytes = (int64_t)(strlen(name) + sizeof w);
    return gf_sq_write((gf_sq_store *)b, &op);
}

static gofer_status drop_tenant(gf_sq_txn *t, void *arg)
{
    weighing *w = arg;
    w->found = false;
    gf_sq_queue *q = gf_sq_queue_named(t, w->queue);
    if (!q)
        return gf_sq_no_queue(w->queue);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TENANT_DROP);
    gf_sq_bind_int(t->conn, s, 1, q->qid);
    gf_sq_bind_text(t->conn, s, 2, w->name);
    w->found = gf_sq_run(t->conn, s) == 1;
    return GOFER_OK;
}

gofer_status gf_sq_tenant_drop(gf_broker *b, const char *queue, const char *name)
{
    weighing w = { .queue = queue, .name = name };
    gf_sq_op op = { .run = drop_tenant, .arg = &w, .flags = GF_SQ_DURABLE, .tasks = 1 };
    gofer_status st = gf_sq_write((gf_sq_store *)b, &op);
    if (st == GOFER_OK && !w.found)
        return gf_fail(GOFER_ENOTFOUND, "the tenant '%s' has no weight in queue '%s'", name, queue);
    return st;
}

// ---- looking ------------------------------------------------------------------------------------

typedef struct looking {
    const char *queue, *after;
    bool        one;                     // the tenant of the name `after` alone
    size_t      limit;
    gofer_info *list;
} looking;

static int add_row(looking *l, sqlite3_stmt *s, const char *name)
{
    int64_t weight = gf_max(1, gf_min(gf_sq_number(s, 1), GF_TENANT_WEIGHT_MAX));
    return gf_info_add(l->list, gf_tenant_info(&(gf_tenant_look){
        .name = name,
        .queue = l->queue,
        .weight = weight,
        .waiting = gf_tenant_waiting(gf_sq_number(s, 2), 0, weight),
    }));
}

static gofer_status list_tenants(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    char last[GF_NAME_MAX + 1] = "";
    int bad = 0;
    int64_t qid = gf_sq_find_qid(c, l->queue);
    if (!qid)
        return c->rc == SQLITE_OK ? gf_sq_no_queue(l->queue) : GOFER_EBROKER;
    sqlite3_stmt *s = gf_sq_stmt(c, l->one ? GF_SQL_TENANT_ONE : GF_SQL_TENANT_LIST);
    gf_sq_bind_int(c, s, 1, qid);
    gf_sq_bind_text(c, s, 2, l->after);
    if (!l->one)
        gf_sq_bind_int(c, s, 3, (int64_t)l->limit + 1);
    while (!bad && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        if (gofer_info_count(l->list) == l->limit) {
            bad = gf_info_set_text(l->list, "next_cursor", last);
            break;
        }
        sqlite3_snprintf(sizeof last, last, "%s", name ? name : "");
        bad = add_row(l, s, last);
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_tenants(gf_broker *b, const char *queue, const char *after, size_t limit,
    gofer_info **out)
{
    looking l = { .queue = queue, .after = after, .limit = limit, .list = gf_info_list() };
    if (!l.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_tenants, &l), l.list, out);
}

gofer_status gf_sq_tenant(gf_broker *b, const char *queue, const char *name, gofer_info **out)
{
    looking l = {
        .queue = queue, .after = name, .one = true, .limit = 1, .list = gf_info_list()
    };
    if (!l.list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_tenants, &l), l.list, out);
}
