// debounce.c - of all calls of a key one task.
//
// A row of `debounce` leads from a queue's key to the row in `later` that its calls have made. It
// is believed only while a task is scheduled under that number, which a task leaves for good when
// it becomes pending: so forwarding, deleting and archiving need not know of it, and who debounces
// nothing pays nothing. What leads nowhere is removed when its time is over.
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

enum { PAST_DUE_MS = 60 * 1000 };        // it is looked at again so long after it is due

typedef struct standing {
    gf_sq_place place;
    int64_t     first_ms, due_ms;
    char        id[GF_ID_MAX + 1];
} standing;

bool gf_sq_debounce_of(gf_sq_conn *c, int64_t seq, gf_sq_debounced *out)
{
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_DEBOUNCE_OF);
    gf_sq_bind_int(c, s, 1, seq);
    if (!gf_sq_row(c, s))
        return false;
    *out = (gf_sq_debounced){
        .key = (const char *)sqlite3_column_text(s, 0), .first_ms = gf_sq_number(s, 1), .row = s
    };
    return true;
}

void gf_sq_debounce_key(char key[GF_SQ_DEBOUNCE_KEY], const char *name, const char *type)
{
    sqlite3_snprintf(GF_SQ_DEBOUNCE_KEY, key, "%c:%s", name ? 'k' : 't', name ? name : type);
}

static bool find(gf_sq_txn *t, int64_t qid, const char *key, standing *out)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_DEBOUNCE_FIND);
    gf_sq_bind_int(t->conn, s, 1, qid);
    gf_sq_bind_text(t->conn, s, 2, key);
    if (!gf_sq_row(t->conn, s))
        return false;
    const char *id = gf_sq_name(s, 3);
    out->place = (gf_sq_place){ sqlite3_column_int64(s, 0), GF_SCHEDULED };
    out->first_ms = gf_sq_number(s, 1);
    out->due_ms = gf_sq_number(s, 2);
    sqlite3_snprintf(sizeof out->id, out->id, "%s", id ? id : "");
    gf_sq_done(s);
    return id != NULL;
}

bool gf_sq_debounce_stands(gf_sq_txn *t, int64_t qid, const char *key)
{
    standing unused;
    return find(t, qid, key, &unused);
}

void gf_sq_debounce_add(gf_sq_txn *t, const char *key, int64_t seq, int64_t first_ms,
    int64_t due_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_DEBOUNCE_ADD);
    gf_sq_bind_int(t->conn, s, 1, seq);
    gf_sq_bind_text(t->conn, s, 2, key);
    gf_sq_bind_int(t->conn, s, 3, first_ms);
    gf_sq_bind_int(t->conn, s, 4, due_ms + PAST_DUE_MS);
    gf_sq_run(t->conn, s);
}

static int64_t due_of(const gf_sq_txn *t, const gf_debounce *d, int64_t first_ms)
{
    int64_t due_ms = t->now_ms + d->delay_ms, last_ms = first_ms + d->max_wait_ms;
    return d->max_wait_ms && last_ms < due_ms ? last_ms : due_ms;
}

static gofer_status begin(gf_sq_txn *t, const gf_sq_queue *q, const gf_put *item, const char *key)
{
    gf_sq_place place;
    const gf_message *m = item->message;
    int64_t due_ms = due_of(t, item->debounce, t->now_ms);
    gofer_status st = gf_sq_put_message(t, m, due_ms);
    if (st == GOFER_OK && gf_sq_find(t->conn, q->qid, m->id, &place))
        gf_sq_debounce_add(t, key, place.seq, t->now_ms, due_ms);
    return st;
}

static void put_off(gf_sq_txn *t, gf_sq_queue *q, const gf_put *item, const standing *s)
{
    const gf_debounce *d = item->debounce;
    int64_t due_ms = due_of(t, d, s->first_ms);
    if (d->mode == GOFER_DEBOUNCE_EARLIEST && s->due_ms < due_ms)
        due_ms = s->due_ms;
    if (due_ms < 1)
        due_ms = 1;                      // 0 is none
    if (d->mode == GOFER_DEBOUNCE_KEEP) {
        GF_SQ_RUN(t->conn, GF_SQL_LATER_SET_TIME, s->place.seq, GF_SCHEDULED, due_ms);
        t->wakeups |= q->bit;
    } else {
        gf_message m = *item->message;
        m.id = s->id;
        gf_sq_row_replace(t, q, &s->place, &m, due_ms);
    }
    GF_SQ_RUN(t->conn, GF_SQL_DEBOUNCE_KEEP, s->place.seq, due_ms + PAST_DUE_MS);
}

gofer_status gf_sq_put_debounced(gf_sq_txn *t, gf_put *item)
{
    char key[GF_SQ_DEBOUNCE_KEY];
    standing s;
    gf_sq_place place;
    const gf_message *m = item->message;
    gf_sq_queue *q = gf_sq_queue_made(t, m->queue);
    if (!q)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    gf_sq_debounce_key(key, item->debounce->key, m->type);
    bool stands = find(t, q->qid, key, &s);
    bool is_it = stands && strcmp(s.id, m->id) == 0;
    if (!is_it && gf_sq_find(t->conn, q->qid, m->id, &place)) {
        item->effect = GF_KEPT;          // by an earlier call, whose answer was lost; or another's
        return gf_sq_same(t->conn, &place, m) ? GOFER_OK : GOFER_EEXIST;
    }
    if (!stands)
        return begin(t, q, item, key);
    put_off(t, q, item, &s);
    item->effect = item->debounce->mode == GOFER_DEBOUNCE_KEEP ? GF_KEPT : GF_REPLACED;
    if (item->holder)
        sqlite3_snprintf(GF_ID_MAX + 1, item->holder, "%s", s.id);
    return GOFER_OK;
}
