// migrate.c - moves or copies the tasks of a queue from one store to another, page by page.
//
// May touch: broker/broker.h, schedule/book.h. A task is first put into the new store, under its
// id, and then deleted from the old one: who is killed between the two finds it in both, and the
// next try sees that it is the same and deletes it. So nothing is lost; and nothing is doubled as
// long as nobody takes tasks from either queue meanwhile.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "info/info.h"
#include "inspect/pieces.h"
#include "inspect/state_cursor.h"
#include "schedule/book.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/text.h"

enum {
    PAGE = 500,                    // tasks looked at in one call
    SIGNED_ON_MS = 10000
};

// In this order, so that what is due soonest is away soonest. Active tasks stay where they are.
static const gf_state order[] = { GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_COMPLETED, GF_ARCHIVED,
    GF_AGGREGATING };

enum { STATES = sizeof order / sizeof *order };

typedef struct page {
    gf_broker  *from, *to;
    const char *queue;
    bool        copy;
    gf_state    state;
    int64_t     moved, repeated, left, bytes;
    bool        missed;            // some were listed but could not be found
    char        why[300];          // the first of those left
    gf_item     items[GF_PIECE];
    size_t      count;
} page;

// ---- a piece of a page: out of one store, into the other, away from the first -------------------

static void leave(page *p, gf_item *item, const char *id, const char *why)
{
    p->left++;
    if (!*p->why)
        snprintf(p->why, sizeof p->why, "%.100s: %.190s", id, why);
    gf_item_clear(item);
}

static const char *reason(gofer_status st)
{
    switch (st) {
    case GOFER_ESTATE:       return "it is active";
    case GOFER_ECORRUPT:     return "its message cannot be read";
    case GOFER_EEXIST:       return "the other store has another task of this id";
    case GOFER_ETOOBIG:      return "it is larger than a store can give back";
    case GOFER_EUNSUPPORTED: return "it belongs to a group, which the other store does not know";
    default:                 return gofer_status_name(st);
    }
}

// Keeps the items that went well, in their order. why: of the others; NULL: what the status says.
static void keep_good(page *p, const char *why)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        gf_item *item = &p->items[i];
        if (item->status == GOFER_OK)
            p->items[kept++] = *item;
        else
            leave(p, item, item->message.id, why ? why : reason(item->status));
    }
    for (size_t i = kept; i < p->count; i++)
        p->items[i] = (gf_item){ 0 };
    p->count = kept;
}

static gofer_status export_piece(page *p, const char *const *ids, size_t count)
{
    memset(p->items, 0, sizeof p->items);
    p->count = 0;
    gofer_status st = p->from->ops->transfer->export_items(p->from, p->queue, ids, count, p->items);
    for (size_t i = 0; i < count; i++) {
        gf_item *item = &p->items[i];
        bool is_good = st == GOFER_OK && item->status == GOFER_OK;
        if (is_good && gf_check_name("task id", item->message.id) == GOFER_OK) {
            gf_item kept = *item;
            *item = (gf_item){ 0 };
            p->items[p->count++] = kept;
        } else if (st == GOFER_OK && item->status == GOFER_ENOTFOUND) {
            gf_item_clear(item);                 // gone since the page was read, or of an id
                                                 //   nobody can name
            p->missed = true;
        } else if (st == GOFER_OK) {
            leave(p, item, ids[i], is_good ? gofer_error_last() : reason(item->status));
        } else {
            gf_item_clear(item);
        }
    }
    return st;
}

static gofer_status move_piece(void *arg, const char *const *ids, size_t count)
{
    page *p = arg;
    gofer_status st = export_piece(p, ids, count);
    if (st == GOFER_OK && p->count)
        st = p->to->ops->transfer->import_items(p->to, p->queue, p->items, p->count);
    if (st == GOFER_OK)
        keep_good(p, NULL);
    int64_t repeated = 0, bytes = 0;
    for (size_t i = 0; i < p->count; i++) {
        repeated += p->items[i].repeated;
        bytes += (int64_t)(p->items[i].message.payload_size + p->items[i].result_size);
    }
    if (st == GOFER_OK && p->count && !p->copy) {
        st = p->from->ops->transfer->drop_items(p->from, p->queue, p->items, p->count);
        if (st == GOFER_OK)
            keep_good(p, "a worker took it after it was put into the other store: it is in both");
    }
    if (st == GOFER_OK) {
        p->moved += (int64_t)p->count;
        p->repeated += repeated;
        p->bytes += bytes;
    }
    for (size_t i = 0; i < p->count; i++)
        gf_item_clear(&p->items[i]);
    p->count = 0;
    return st;
}

// ---- a page -------------------------------------------------------------------------------------

// Where to go on: at the start of this state while everything goes away from there,
// else behind what stays.
static int show_next(const page *p, gofer_info *record, size_t at, const gofer_info *list)
{
    const char *next = gofer_info_text(list, "next_cursor");
    bool all_gone = !p->copy && p->left == 0 && !p->missed;
    if (next)
        return gf_state_cursor_set(record, order[at], all_gone ? NULL : next);
    return at + 1 < STATES ? gf_state_cursor_set(record, order[at + 1], NULL) : 0;
}

static gofer_status move_page(page *p, size_t at, const char *cursor, gofer_info **out)
{
    gofer_info *list;
    gofer_status st =
        p->from->ops->inspect->tasks(p->from, p->queue, p->state, cursor, PAGE, &list);
    if (st != GOFER_OK)
        return st;
    st = gf_by_pieces(list, move_piece, p);
    gofer_info *record = st == GOFER_OK ? gf_info_record() : NULL;
    if (st == GOFER_OK) {
        int bad = record ? 0 : -1;
        bad = bad || gf_info_set_text(record, "queue", p->queue) ||
            gf_info_set_text(record, "state", gf_state_name(p->state)) ||
            gf_info_set_int(record, "moved", p->moved) ||
            gf_info_set_int(record, "repeated", p->repeated) ||
            gf_info_set_int(record, "left", p->left) ||
            gf_info_set_int(record, "bytes", p->bytes) ||
            (*p->why && gf_info_set_text(record, "reason", p->why)) ||
            show_next(p, record, at, list);
        st = bad ? GOFER_ENOMEM : GOFER_OK;
    }
    gofer_info_free(list);
    if (st == GOFER_OK)
        *out = record;
    else
        gofer_info_free(record);
    return st;
}

// Is a worker of this id listed?
static gofer_status look_for_worker(gf_broker *b, const char *id, bool *found)
{
    gofer_info *workers;
    *found = false;
    gofer_status st = b->ops->inspect->workers(b, NULL, &workers);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const char *other = gofer_info_text(gofer_info_at(workers, i), "worker");
        *found |= other && strcmp(other, id) == 0;
    }
    gofer_info_free(workers);
    return GOFER_OK;
}

// Two URLs may lead to one store, where moving would be deleting. A worker that signs on in one,
// which leaves nothing behind even if we are killed, must not be seen in the other.
static gofer_status check_different(gf_broker *from, gf_broker *to)
{
    char id[GF_ID_TEXT];
    bool found;
    gf_id_new(id);
    gf_worker_entry entry = {
        .id = id,
        .host = "gofer-migrate",
        .pid = getpid(),
        .started_ms = gf_now_ms(),
        .state = "quiet",
        .concurrency = 1,
        .queues = "",
    };
    gofer_status st = to->ops->upkeep->worker_register(to, &entry, SIGNED_ON_MS);
    if (st != GOFER_OK)
        return st;
    st = look_for_worker(from, id, &found);
    gofer_status left = to->ops->upkeep->worker_deregister(to, id);
    if (st == GOFER_OK && found)
        return gf_fail(GOFER_EINVAL, "both URLs lead to the same store: there is nothing to move");
    return st == GOFER_OK ? left : st;
}

// ---- cron entries -------------------------------------------------------------------------------

typedef struct entries_moved {
    int64_t moved, repeated, left;
    char    why[300];
} entries_moved;

static gofer_status move_entry(gf_broker *from, gf_broker *to, const gf_entry *e, bool copy,
    entries_moved *sum)
{
    bool repeated;
    gofer_status st = gf_book_carry(from, to, e, &repeated);
    if (st == GOFER_EEXIST || st == GOFER_ECORRUPT) {
        sum->left++;
        if (!*sum->why)
            snprintf(sum->why, sizeof sum->why, "%.100s: %s", e->name, st == GOFER_EEXIST
                ? "the other store has another cron entry of this name" : "it cannot be read");
        return GOFER_OK;
    }
    if (st == GOFER_OK && !copy)
        st = from->ops->cron->entry_drop(from, e->name);
    if (st == GOFER_OK || st == GOFER_ENOTFOUND) {     // removed by somebody else meanwhile
        sum->moved++;
        sum->repeated += repeated;
        return GOFER_OK;
    }
    return st;
}

gofer_status gofer_client_migrate_schedules(gofer_client *from, gofer_client *to, int32_t flags,
    gofer_info **out)
{
    gf_entries all = { 0 };
    entries_moved sum = { 0 };
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_migrate_schedules: out is NULL");
    gofer_status st = gf_client_check(from, "gofer_client_migrate_schedules");
    if (st == GOFER_OK)
        st = gf_client_check(to, "gofer_client_migrate_schedules");
    if (st == GOFER_OK && (flags & ~GOFER_MIGRATE_COPY))
        st = gf_fail(GOFER_EINVAL, "flags is %d: it may be 0 or GOFER_MIGRATE_COPY", (int)flags);
    if (st == GOFER_OK)
        st = check_different(from->broker, to->broker);
    if (st == GOFER_OK)
        st = from->broker->ops->cron->entries(from->broker, -1, &all);
    for (size_t i = 0; i < all.count && st == GOFER_OK; i++)
        st = move_entry(from->broker, to->broker, &all.items[i], flags & GOFER_MIGRATE_COPY, &sum);
    gf_entries_clear(&all);
    gofer_info *record = st == GOFER_OK ? gf_info_record() : NULL;
    if (st == GOFER_OK) {
        int bad = record ? 0 : -1;
        bad = bad || gf_info_set_int(record, "moved", sum.moved) ||
            gf_info_set_int(record, "repeated", sum.repeated) ||
            gf_info_set_int(record, "left", sum.left) ||
            (*sum.why && gf_info_set_text(record, "reason", sum.why));
        st = bad ? gf_fail_nomem("what was moved") : GOFER_OK;
    }
    if (st == GOFER_OK)
        *out = record;
    else
        gofer_info_free(record);
    return st;
}

gofer_status gofer_client_migrate(gofer_client *from, gofer_client *to, const char *queue,
    const char *cursor, int32_t flags, gofer_info **out)
{
    size_t at;
    const char *rest;
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_migrate: out is NULL");
    gofer_status st = gf_client_check(from, "gofer_client_migrate");
    if (st == GOFER_OK)
        st = gf_client_check(to, "gofer_client_migrate");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK && (flags & ~GOFER_MIGRATE_COPY))
        st = gf_fail(GOFER_EINVAL, "flags is %d: it may be 0 or GOFER_MIGRATE_COPY", (int)flags);
    if (st == GOFER_OK)
        st = gf_state_cursor_read(cursor, order, STATES, &at, &rest);
    if (st == GOFER_OK && (!cursor || !*cursor))
        st = check_different(from->broker, to->broker);
    if (st != GOFER_OK)
        return st;
    page *p = gf_calloc(1, sizeof *p);
    if (!p)
        return gf_fail_nomem("a page of tasks");
    p->from = from->broker;
    p->to = to->broker;
    p->queue = queue;
    p->copy = flags & GOFER_MIGRATE_COPY;
    p->state = order[at];
    st = move_page(p, at, rest, out);
    gf_free(p);
    return st;
}
