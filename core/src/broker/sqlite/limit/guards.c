// guards.c - types that are paused: a row of limit_key each, whose pause nobody has given an end.
//
// So who waits for a type waits as for any key (admit.c), and is brought back as from one.
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "message/limit_keys.h"

void gf_sq_shut_load(gf_sq_txn *t)
{
    gf_shut_types *shut = &t->gates->shut;
    bool failed = false;
    shut->count = t->gates->breakers.count = 0;
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TYPE_LIST);
    gf_sq_bind_int(t->conn, s, 1, t->now_ms);
    while (gf_sq_row(t->conn, s)) {
        const char *type = gf_sq_name(s, 0);
        const char *breaker = gf_sq_name(s, GF_SQ_TYPE_BREAKER);
        if (breaker)
            gf_breakers_add(&t->gates->breakers, type, breaker, &failed);
        else
            failed = type && !gf_shut_add(shut, type, gf_sq_number(s, 1));
        if (failed) {
            gf_sq_conn_note(t->conn, SQLITE_NOMEM);
            break;
        }
    }
    gf_sq_done(s);
    if (!gf_sq_hours_shut(t, shut))
        gf_sq_conn_note(t->conn, SQLITE_NOMEM);
}

typedef struct pausing {
    const char *type;
    bool        paused;
} pausing;

static gofer_status pause_type(gf_sq_txn *t, void *arg)
{
    const pausing *p = arg;
    char key[GF_NAME_MAX + 1];
    sqlite3_snprintf(sizeof key, key, GF_LIMIT_TYPE "%s", p->type);
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TYPE_PAUSE);
    gf_sq_bind_text(t->conn, s, 1, key);
    gf_sq_bind_int(t->conn, s, 2, p->paused ? GF_PAUSED_FOREVER : 0);
    gf_sq_bind_int(t->conn, s, 3, p->paused ? t->now_ms * 1000 : 0);
    gf_sq_run(t->conn, s);
    if (!p->paused)
        gf_sq_look_at_waiters(t, key);
    return GOFER_OK;
}

gofer_status gf_sq_type_pause(gf_broker *b, const char *type, bool paused)
{
    pausing p = { type, paused };
    gf_sq_op op = { .run = pause_type, .arg = &p, .flags = GF_SQ_DURABLE, .tasks = 1 };
    return gf_sq_write((gf_sq_store *)b, &op);
}

static gofer_status list_types(gf_sq_conn *c, void *arg)
{
    gofer_info *list = arg;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_TYPE_LIST);
    gf_sq_bind_int(c, s, 1, 0);
    while (!bad && gf_sq_row(c, s)) {
        const char *type = gf_sq_name(s, 0);
        if (gf_sq_name(s, GF_SQ_TYPE_BREAKER))
            continue;
        bad = type && gf_info_add(list, gf_paused_type_info(type, gf_sq_number(s, 2) / 1000));
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_types(gf_broker *b, gofer_info **out)
{
    gofer_info *list = gf_info_list();
    if (!list)
        return GOFER_ENOMEM;
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, list_types, list), list, out);
}
