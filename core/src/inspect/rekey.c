// rekey.c - encrypts the payloads of tasks that wait with the newest key, page by page.
//
// May touch: broker/broker.h, message/. A payload is written where it is still the one that was
// read, so a task that is taken or edited meanwhile keeps what it has; who repeats the walk finds
// it again. Tasks that run, and what completed ones have left, stay as they are.
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "inspect/pieces.h"
#include "inspect/state_cursor.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { PAGE = GF_PIECE };          // tasks in one call

static const gf_state order[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_AGGREGATING, GF_ARCHIVED };

enum { STATES = sizeof order / sizeof *order };

typedef struct page {
    gofer_client *client;
    const char   *queue;
    int64_t       rewritten, current, plain, left;
    char          why[300];        // the first of those left
    gf_item       items[GF_PIECE];
} page;

static gofer_status leave(page *p, const char *id, const char *why)
{
    p->left++;
    if (!*p->why)
        snprintf(p->why, sizeof p->why, "%.100s: %.190s", id, why);
    return GOFER_OK;
}

static gofer_status put_back(page *p, const gf_message *m, const void *envelope, size_t size)
{
    gf_broker *b = p->client->broker;
    const gf_rewrite r = { m->payload, envelope, m->payload_size, size };
    gofer_status st = b->ops->act->task_rewrite(b, p->queue, m->id, &r);
    if (st == GOFER_OK)
        p->rewritten++;
    if (st == GOFER_ENOTFOUND)
        return GOFER_OK;           // it is done
    return st == GOFER_ESTATE || st == GOFER_ESTALE ? leave(p, m->id, gofer_error_last()) : st;
}

static gofer_status rekey(page *p, const gf_message *m)
{
    gf_keys *keys = p->client->keys;
    gf_seal_for what = gf_seal_of(m);
    void *plain, *envelope;
    size_t size;
    gofer_status st = gf_keys_unseal(keys, &what, m->payload, m->payload_size, &plain, &size);
    if (st != GOFER_OK)
        return st == GOFER_ENOMEM ? st : leave(p, m->id, gofer_error_last());
    what.same = true;              // who enqueues it again, by its id, finds it the same
    st = gf_keys_seal(keys, &what, plain, size, &envelope, &size);
    gf_free(plain);
    if (st == GOFER_OK) {
        st = put_back(p, m, envelope, size);
        gf_free(envelope);
    }
    return st;
}

static gofer_status look_at(page *p, const gf_item *item)
{
    const gf_message *m = &item->message;
    if (item->status == GOFER_ENOTFOUND || item->status == GOFER_ESTATE)
        return GOFER_OK;           // it is done, or it runs
    if (item->status != GOFER_OK)
        return leave(p, m->id ? m->id : "?", gofer_status_text(item->status));
    if (!gf_is_sealed(m->payload, m->payload_size)) {
        p->plain++;
        return GOFER_OK;
    }
    if (gf_keys_is_latest(p->client->keys, m->payload)) {
        p->current++;
        return GOFER_OK;
    }
    return rekey(p, m);
}

static gofer_status rekey_piece(void *arg, const char *const *ids, size_t count)
{
    page *p = arg;
    gf_broker *b = p->client->broker;
    memset(p->items, 0, sizeof p->items);
    gofer_status st = b->ops->transfer->export_items(b, p->queue, ids, count, p->items);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = look_at(p, &p->items[i]);
    for (size_t i = 0; i < count; i++)
        gf_item_clear(&p->items[i]);
    return st;
}

static gofer_info *record_of(const page *p, size_t at, const gofer_info *list)
{
    gofer_info *record = gf_info_record();
    const char *next = gofer_info_text(list, "next_cursor");
    int bad = !record;
    if (!bad)
        bad = gf_info_set_text(record, "queue", p->queue) |
            gf_info_set_text(record, "state", gf_state_name(order[at])) |
            gf_info_set_int(record, "rewritten", p->rewritten) |
            gf_info_set_int(record, "current", p->current) |
            gf_info_set_int(record, "plain", p->plain) | gf_info_set_int(record, "left", p->left);
    if (!bad && *p->why)
        bad = gf_info_set_text(record, "reason", p->why);
    if (!bad && next)
        bad = gf_state_cursor_set(record, order[at], next);
    else if (!bad && at + 1 < STATES)
        bad = gf_state_cursor_set(record, order[at + 1], NULL);
    if (!bad)
        return record;
    gofer_info_free(record);
    return NULL;
}

static gofer_status rekey_page(page *p, size_t at, const char *cursor, gofer_info **out)
{
    gf_broker *b = p->client->broker;
    gofer_info *list, *record;
    gofer_status st = b->ops->inspect->tasks(b, p->queue, order[at], cursor, PAGE, &list);
    if (st != GOFER_OK)
        return st;
    st = gf_by_pieces(list, rekey_piece, p);
    if (st == GOFER_OK) {
        record = record_of(p, at, list);
        st = record ? GOFER_OK : gf_fail_nomem("what was encrypted anew");
        if (record)
            *out = record;
    }
    gofer_info_free(list);
    return st;
}

gofer_status gofer_client_rekey(gofer_client *client, const char *queue, const char *cursor,
    gofer_info **out)
{
    size_t at;
    const char *rest;
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_rekey: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_rekey");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && !client->keys)
        st = gf_fail(GOFER_EINVAL, "gofer_client_rekey: the client has no keys");
    if (st == GOFER_OK && !client->broker->ops->transfer)
        st = gf_client_cannot(client, "gofer_client_rekey");
    if (st == GOFER_OK)
        st = gf_state_cursor_read(cursor, order, STATES, &at, &rest);
    if (st != GOFER_OK)
        return st;
    page *p = gf_calloc(1, sizeof *p);
    if (!p)
        return gf_fail_nomem("a page of tasks");
    p->client = client;
    p->queue = queue;
    st = rekey_page(p, at, rest, out);
    gf_free(p);
    return st;
}
