// control.c - commands for live workers: kept until they were heard.
//
// They are told by the worker's watch (cancel.c), once each, in the order in which they were given;
// those of a worker that is gone go with the next purge.
#include "broker/sqlite/store.h"
#include "util/clock.h"
#include "util/error.h"

typedef struct commanding {
    gf_sq_store *store;
    const char  *worker, *command;
} commanding;

static int64_t find_worker(gf_sq_conn *c, const char *id, int64_t *lease_until)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_WORKER_FIND);
    gf_sq_bind_text(c, s, 1, id);
    int64_t wid = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    *lease_until = wid ? gf_sq_number(s, 1) : 0;
    gf_sq_done(s);
    return wid;
}

static gofer_status command(gf_sq_txn *t, void *arg)
{
    const commanding *a = arg;
    int64_t lease_until, wid = find_worker(t->conn, a->worker, &lease_until);
    if (!wid || gf_sq_worker_dead(a->store, wid, lease_until, t->mono_ms))
        return gf_fail(GOFER_ENOTFOUND, "no worker '%s' is alive", a->worker);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_COMMAND_ADD);
    gf_sq_bind_int(t->conn, s, 1, wid);
    gf_sq_bind_text(t->conn, s, 2, a->command);
    gf_sq_run(t->conn, s);
    return GOFER_OK;
}

gofer_status gf_sq_control(gf_broker *b, const char *worker, const char *text)
{
    gf_sq_store *s = (gf_sq_store *)b;
    commanding a = { s, worker, text };
    gf_sq_op op = { .run = command, .arg = &a, .tasks = 1 };
    gofer_status st = gf_sq_write(s, &op);
    if (st == GOFER_OK)
        gf_sq_watches_wake(s->sidecar.page);
    return st;
}

// ---- hearing ---------------------------------------------------------------------------------

typedef struct hearing {
    const char *worker;
    gf_names   *out;
    bool        any;
} hearing;

static gofer_status look_for_commands(gf_sq_conn *c, void *arg)
{
    hearing *h = arg;
    int64_t lease_until, wid = find_worker(c, h->worker, &lease_until);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_COMMAND_HAS);
    gf_sq_bind_int(c, s, 1, wid);
    h->any = wid && gf_sq_row(c, s);
    gf_sq_done(s);
    return GOFER_OK;
}

static gofer_status take_commands(gf_sq_txn *t, void *arg)
{
    hearing *h = arg;
    int64_t lease_until, wid = find_worker(t->conn, h->worker, &lease_until);
    bool ok = true;
    gf_names_clear(h->out);              // of a run that was rolled back
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_COMMAND_LIST);
    gf_sq_bind_int(t->conn, s, 1, wid);
    while (ok && gf_sq_row(t->conn, s)) {
        const char *text = (const char *)sqlite3_column_text(s, 1);
        ok = gf_names_add(h->out, text ? text : "");
    }
    gf_sq_done(s);
    if (!ok)
        return gf_fail_nomem("commands");            // they stay
    GF_SQ_RUN(t->conn, GF_SQL_COMMAND_DROP, wid);
    return GOFER_OK;
}

gofer_status gf_sq_commands_take(gf_sq_store *s, const char *worker, gf_names *out)
{
    hearing h = { .worker = worker, .out = out };
    gofer_status st = gf_sq_read(s, look_for_commands, &h);
    if (st != GOFER_OK || !h.any)
        return st;
    gf_sq_op op = { .run = take_commands, .arg = &h, .tasks = 1 };
    return gf_sq_write(s, &op);
}
