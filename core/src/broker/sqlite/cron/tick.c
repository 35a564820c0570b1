// tick.c - the ticks of cron entries: each is enqueued at most once, by
// whichever worker comes first.
//
// The latest tick of an entry in a queue is a row of `tick`, which changes in the transaction that
// puts the task, and outlives the queue.
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/error.h"

enum { HISTORY_MOST = 1000, ROW_BYTES = 1024 };

typedef struct ticking {
    gf_tick *items;
    size_t   count;
} ticking;

typedef struct latest {
    int64_t tick_ms;
    char    id[GF_ID_MAX + 1];
} latest;

static void read_latest(gf_sq_conn *c, const gf_tick *item, latest *out)
{
    *out = (latest){ 0 };
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_TICK_GET);
    gf_sq_bind_text(c, s, 1, item->entry);
    gf_sq_bind_text(c, s, 2, item->message->queue);
    if (!gf_sq_row(c, s))
        return;
    const char *id = (const char *)sqlite3_column_text(s, 2);
    out->tick_ms = gf_sq_number(s, 0);
    sqlite3_snprintf(sizeof out->id, out->id, "%s", id ? id : "");
    gf_sq_done(s);
}

static bool has_ended(gf_sq_conn *c, int64_t qid, const char *id)
{
    gf_sq_place place;
    return !*id || !gf_sq_find(c, qid, id, &place) || place.state == GF_COMPLETED ||
        place.state == GF_ARCHIVED;
}

static void note(gf_sq_txn *t, const gf_tick *item, const char *id, int64_t at_ms)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TICK_SET);
    gf_sq_bind_text(t->conn, s, 1, item->entry);
    gf_sq_bind_text(t->conn, s, 2, item->message->queue);
    gf_sq_bind_int(t->conn, s, 3, item->tick_ms);
    gf_sq_bind_int(t->conn, s, 4, at_ms);
    gf_sq_bind_text(t->conn, s, 5, id);
    gf_sq_bind_int(t->conn, s, 6, t->now_ms);
    gf_sq_run(t->conn, s);
}

static void remember(gf_sq_txn *t, const gf_tick *item)
{
    sqlite3_stmt *s = gf_sq_stmt(t->conn, GF_SQL_TICKED_ADD);
    gf_sq_bind_text(t->conn, s, 1, item->entry);
    gf_sq_bind_int(t->conn, s, 2, item->tick_ms);
    gf_sq_bind_int(t->conn, s, 3, t->now_ms);
    gf_sq_bind_text(t->conn, s, 4, item->message->id);
    gf_sq_run(t->conn, s);
    s = gf_sq_stmt(t->conn, GF_SQL_TICKED_TRIM);
    gf_sq_bind_text(t->conn, s, 1, item->entry);
    gf_sq_bind_int(t->conn, s, 2, HISTORY_MOST);
    gf_sq_run(t->conn, s);
}

static gofer_status tick_one(gf_sq_txn *t, gf_tick *item)
{
    latest before;
    item->previous[0] = '\0';
    read_latest(t->conn, item, &before);
    if (before.tick_ms >= item->tick_ms)
        return GOFER_EEXIST;             // nor is a queue that was removed made anew
    gf_sq_queue *q = gf_sq_queue_made(t, item->message->queue);
    if (!q)
        return GOFER_EBROKER;            // SQL has failed: the status will not be seen
    if (!has_ended(t->conn, q->qid, before.id)) {
        memcpy(item->previous, before.id, sizeof item->previous);
        if (item->overlap == GF_OVERLAP_SKIP)
            note(t, item, before.id, 0);
        if (item->overlap == GF_OVERLAP_SKIP || item->overlap == GF_OVERLAP_QUEUE)
            return GOFER_ESTATE;
    }
    gofer_status st = gf_sq_put_message(t, item->message, item->run_at_ms);
    if (st != GOFER_OK && st != GOFER_EEXIST)
        return st;
    note(t, item, item->message->id, t->now_ms);
    if (st == GOFER_OK)
        remember(t, item);
    return st;
}

static gofer_status tick_all(gf_sq_txn *t, void *arg)
{
    ticking *k = arg;
    for (size_t i = 0; i < k->count && t->conn->rc == SQLITE_OK; i++)
        k->items[i].status = tick_one(t, &k->items[i]);
    return GOFER_OK;
}

gofer_status gf_sq_tick(gf_broker *b, gf_tick *items, size_t count)
{
    ticking k = { items, count };
    gf_sq_op op = { .run = tick_all,
        .arg = &k,
        .flags = GF_SQ_DURABLE | GF_SQ_ADDS,
        .tasks = count };
    for (size_t i = 0; i < count; i++)
        op.bytes +=
            (int64_t)(items[i].message->payload_size + items[i].message->headers_size) + ROW_BYTES;
    return count ? gf_sq_write((gf_sq_store *)b, &op) : GOFER_OK;
}

// ---- looking -----------------------------------------------------------------------------------

typedef struct states_query {
    gf_tick_state *items;
    size_t         count;
} states_query;

static gofer_status inspect_states(gf_sq_conn *c, void *arg)
{
    states_query *q = arg;
    for (size_t i = 0; i < q->count && c->rc == SQLITE_OK; i++) {
        gf_tick_state *item = &q->items[i];
        item->tick_ms = item->at_ms = 0;
        item->id[0] = '\0';
        sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_TICK_GET);
        gf_sq_bind_text(c, s, 1, item->entry);
        gf_sq_bind_text(c, s, 2, item->queue);
        if (!gf_sq_row(c, s))
            continue;
        const char *id = (const char *)sqlite3_column_text(s, 2);
        item->tick_ms = gf_sq_number(s, 0);
        item->at_ms = gf_sq_number(s, 1);
        sqlite3_snprintf(sizeof item->id, item->id, "%s", id ? id : "");
        gf_sq_done(s);
    }
    return GOFER_OK;
}

gofer_status gf_sq_tick_states(gf_broker *b, gf_tick_state *items, size_t count)
{
    states_query q = { items, count };
    return count ? gf_sq_read((gf_sq_store *)b, inspect_states, &q) : GOFER_OK;
}

typedef struct history {
    const char *entry;
    size_t      limit;
    gofer_info *list;
} history;

static gofer_info *show_tick(sqlite3_stmt *s)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    if ((gf_info_set_text(info, "id", (const char *)sqlite3_column_text(s, 0)) |
         gf_info_set_int(info, "tick_ms", gf_sq_number(s, 1)) |
         gf_info_set_int(info, "enqueued_at_ms", gf_sq_number(s, 2))) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_status look_at_history(gf_sq_conn *c, void *arg)
{
    history *h = arg;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_TICKED_LIST);
    gf_sq_bind_text(c, s, 1, h->entry);
    gf_sq_bind_int(c, s, 2, (int64_t)h->limit);
    while (!bad && gf_sq_row(c, s))
        bad = gf_info_add(h->list, show_tick(s));
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

gofer_status gf_sq_tick_history(gf_broker *b, const char *entry, size_t limit, gofer_info **out)
{
    history h = { entry, limit < HISTORY_MOST ? limit : HISTORY_MOST, gf_info_list() };
    gofer_status st = h.list ? gf_sq_read((gf_sq_store *)b, look_at_history, &h) : GOFER_ENOMEM;
    if (st == GOFER_OK)
        *out = h.list;
    else
        gofer_info_free(h.list);
    return st;
}
