// rekey.c - encrypts what a queue's tasks have in the store with the newest key, page by page:
// payloads, results, checkpoints; and the payloads of its cron entries.
//
// May touch: broker/broker.h, message/, schedule/entry.h. A part is written where it is still the
// one that was read, so a task that is taken or edited meanwhile keeps what it has; who repeats the
// walk finds it again. Tasks that run stay as they are, and so do steps of flows that wait for
// others.
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "inspect/pieces.h"
#include "inspect/state_cursor.h"
#include "schedule/entry.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { PAGE = GF_PIECE };          // tasks in one call

// What may run soon comes first.
static const gf_state order[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_AGGREGATING, GF_ARCHIVED,
    GF_COMPLETED };

enum { STATES = sizeof order / sizeof *order };

typedef struct page {
    gofer_client *client;
    const char   *queue;
    int64_t       rewritten, current, plain, left;
    int64_t       entries;         // cron entries that were written
    bool          has_entries;     // there are some of the queue
    char          why[300];        // the first of those left
    gf_item       items[GF_PIECE];
} page;

static void leave(page *p, const char *id, const char *why)
{
    p->left++;
    if (!*p->why)
        snprintf(p->why, sizeof p->why, "%.100s: %.190s", id, why);
}

// ---- one envelope -------------------------------------------------------------------------------

// With the first key what is with another; ENOTFOUND, ECORRUPT: it does not open.
static gofer_status seal_anew(gf_keys *keys, const gf_seal_for *what, const void *bytes,
    size_t *size, void **out)
{
    void *plain;
    gf_seal_for anew = *what;
    gofer_status st = gf_keys_unseal(keys, what, bytes, *size, &plain, size);
    if (st != GOFER_OK)
        return st;
    anew.same = true;              // who enqueues it again, by its id, finds it the same
    st = gf_keys_seal(keys, &anew, plain, *size, out, size);
    gf_free(plain);
    return st;
}

// ---- a task -------------------------------------------------------------------------------------

typedef struct part {
    gf_part     which;
    gf_seal_for what;
    const void *bytes;             // NULL: it has none
    size_t      size;
} part;

static gofer_status put_back(page *p, const char *id, const part *it, const void *envelope,
    size_t size)
{
    gf_broker *b = p->client->broker;
    const gf_rewrite r = { it->which, it->bytes, envelope, it->size, size };
    gofer_status st = b->ops->act->task_rewrite(b, p->queue, id, &r);
    return st == GOFER_ENOTFOUND ? GOFER_EEMPTY : st;
}

// *done: it was written. What does not open, or has changed meanwhile, is the failure; EEMPTY: the
// task is gone.
static gofer_status rekey_part(page *p, const char *id, const part *it, bool *done)
{
    gf_keys *keys = p->client->keys;
    void *envelope;
    size_t size = it->size;
    if (!it->bytes || !gf_is_sealed(it->bytes, it->size) || gf_keys_is_latest(keys, it->bytes))
        return GOFER_OK;
    gofer_status st = seal_anew(keys, &it->what, it->bytes, &size, &envelope);
    if (st != GOFER_OK)
        return st;
    st = put_back(p, id, it, envelope, size);
    gf_free(envelope);
    *done |= st == GOFER_OK;
    return st;
}

// Does this keep one task as it is, and not the walk from going on?
static bool is_of_one(gofer_status st)
{
    return st == GOFER_ESTATE || st == GOFER_ESTALE || st == GOFER_ENOTFOUND ||
        st == GOFER_ECORRUPT;
}

static gofer_status rekey_task(page *p, const gf_item *item)
{
    const gf_message *m = &item->message;
    const part parts[] = {
        { GF_PART_PAYLOAD, gf_seal_of(m), m->payload, m->payload_size },
        { GF_PART_RESULT, { .kind = GF_SEAL_RESULT, .type = "", .id = m->id }, item->result,
            item->result_size },
        { GF_PART_CHECKPOINT, { .kind = GF_SEAL_CHECKPOINT, .type = m->type, .id = m->id },
            item->checkpoint, item->checkpoint_size },
    };
    bool done = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        gofer_status st = rekey_part(p, m->id, &parts[i], &done);
        if (is_of_one(st))
            leave(p, m->id, gofer_error_last());
        if (st != GOFER_OK)
            return is_of_one(st) || st == GOFER_EEMPTY ? GOFER_OK : st;
    }
    bool plain = !gf_is_sealed(m->payload, m->payload_size);
    p->rewritten += done;
    p->current += !done && !plain;
    p->plain += !done && plain;
    return GOFER_OK;
}

static gofer_status look_at(page *p, const gf_item *item)
{
    const gf_message *m = &item->message;
    if (item->status == GOFER_ENOTFOUND || item->status == GOFER_ESTATE)
        return GOFER_OK;           // it is gone, or it runs
    if (item->status != GOFER_OK)
        leave(p, m->id ? m->id : "?", gofer_status_text(item->status));
    else
        return rekey_task(p, item);
    return GOFER_OK;
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

// ---- cron entries -------------------------------------------------------------------------------

// Where the entry is still the one that was read: who changes or removes it meanwhile has the last
// word.
static gofer_status swap_entry(page *p, const gf_entry *e, const gf_schedule *s)
{
    gf_broker *b = p->client->broker;
    char *record;
    gofer_status st = gf_schedule_write(s, &record);
    if (st != GOFER_OK)
        return st;
    st = b->ops->cron->entry_swap(b, e->name, e->record, record);
    gf_free(record);
    p->entries += st == GOFER_OK;
    return st;
}

static gofer_status rekey_entry(page *p, const gf_entry *e, gf_schedule *s)
{
    gf_message *m = &s->task;
    void *envelope;
    gf_seal_for what = gf_seal_of(m);
    if (!what.id)
        what.id = "";              // somebody's bytes that look like an envelope: it does not open
    if (!gf_is_sealed(m->payload, m->payload_size) ||
        gf_keys_is_latest(p->client->keys, m->payload))
        return GOFER_OK;
    gofer_status st =
        seal_anew(p->client->keys, &what, m->payload, &m->payload_size, &envelope);
    if (st == GOFER_OK) {
        gf_free((void *)(uintptr_t)m->payload);
        m->payload = envelope;
        st = swap_entry(p, e, s);
    }
    if (is_of_one(st))
        leave(p, s->name, gofer_error_last());
    return is_of_one(st) ? GOFER_OK : st;
}

// One of a newer gofer is left, and is nobody's loss: its queue is not known either.
static gofer_status look_at_entry(page *p, const gf_entry *e)
{
    gf_schedule s;
    gofer_status st = gf_schedule_read(&s, e->name, e->record);
    if (st != GOFER_OK)
        return st == GOFER_ECORRUPT ? GOFER_OK : st;
    if (strcmp(s.task.queue, p->queue) == 0) {
        p->has_entries = true;
        st = rekey_entry(p, e, &s);
    }
    gf_schedule_clear(&s);
    return st;
}

static gofer_status rekey_entries(page *p)
{
    gf_broker *b = p->client->broker;
    gf_entries all = { 0 };
    if (!b->ops->cron)
        return GOFER_OK;
    gofer_status st = b->ops->cron->entries(b, -1, &all);
    for (size_t i = 0; i < all.count && st == GOFER_OK; i++)
        st = look_at_entry(p, &all.items[i]);
    gf_entries_clear(&all);
    return st;
}

// ---- a page -------------------------------------------------------------------------------------

// list NULL: the queue has never had a task.
static gofer_info *record_of(const page *p, size_t at, const gofer_info *list)
{
    gofer_info *record = gf_info_record();
    const char *next = list ? gofer_info_text(list, "next_cursor") : NULL;
    int bad = !record;
    if (!bad)
        bad = gf_info_set_text(record, "queue", p->queue) |
            gf_info_set_text(record, "state", gf_state_name(order[at])) |
            gf_info_set_int(record, "rewritten", p->rewritten) |
            gf_info_set_int(record, "current", p->current) |
            gf_info_set_int(record, "plain", p->plain) | gf_info_set_int(record, "left", p->left) |
            gf_info_set_int(record, "entries", p->entries);
    if (!bad && *p->why)
        bad = gf_info_set_text(record, "reason", p->why);
    if (!bad && next)
        bad = gf_state_cursor_set(record, order[at], next);
    else if (!bad && list && at + 1 < STATES)
        bad = gf_state_cursor_set(record, order[at + 1], NULL);
    if (!bad)
        return record;
    gofer_info_free(record);
    return NULL;
}

static gofer_status rekey_page(page *p, size_t at, const char *cursor, gofer_info **out)
{
    gf_broker *b = p->client->broker;
    gofer_info *list = NULL, *record;
    gofer_status st = b->ops->inspect->tasks(b, p->queue, order[at], cursor, PAGE, &list);
    if (st == GOFER_ENOTFOUND && p->has_entries)
        st = GOFER_OK;
    if (st == GOFER_OK && list)
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
    st = cursor && *cursor ? GOFER_OK : rekey_entries(p);
    if (st == GOFER_OK)
        st = rekey_page(p, at, rest, out);
    gf_free(p);
    return st;
}
