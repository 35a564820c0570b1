// acts.c - acting on sharded queues: on tasks wherever they are, and on all slots at once.
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "util/alloc.h"
#include "util/error.h"

// OK and *q NULL: the queue is no sharded one, and nothing is held.
static gofer_status begin(gf_broker *b, const char *queue, gf_rd_shards **all, gf_rd_sharded **q)
{
    gofer_status st = gf_rd_check((gf_rd_store *)b);
    *all = st == GOFER_OK ? gf_rd_shards_take((gf_rd_store *)b) : NULL;
    *q = gf_rd_sharded_of(*all, queue);
    if (!*q) {
        gf_rd_shards_drop(*all);
        *all = NULL;
    }
    return st;
}

static gofer_status no_task(const char *queue, const char *id)
{
    return gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", id, queue);
}

// ---- tasks that are named -----------------------------------------------------------------------

// Some of a call's tasks, those of one slot: which they are, and what the store is asked with.
typedef struct part {
    size_t      *number;           // of each in the call
    const char **ids;
    void        *items;            // theirs, if the call has some
    gofer_status *statuses;
    size_t       count;
} part;

static bool part_make(part *p, size_t count, size_t item_size)
{
    *p = (part){ .number = gf_alloc(count * sizeof *p->number),
        .ids = gf_alloc(count * sizeof *p->ids),
        .items = gf_alloc(count * item_size + 1),
        .statuses = gf_alloc(count * sizeof *p->statuses) };
    return p->number && p->ids && p->items && p->statuses;
}

static void part_clear(part *p)
{
    gf_free(p->number);
    gf_free(p->ids);
    gf_free(p->items);
    gf_free(p->statuses);
}

// Where each of these is; a slot for each (gf_free). NULL: *st says why.
static size_t *places_of(gf_broker *b, const gf_rd_sharded *q, const char *const *ids, size_t count,
    gofer_status *st)
{
    size_t *slots = gf_alloc((count + 1) * sizeof *slots);
    bool *found = gf_alloc(count + 1);
    *st = slots && found ? gf_rd_slots_find((gf_rd_store *)b, q, ids, count, slots, found)
                         : gf_fail_nomem("acts on tasks");
    gf_free(found);
    if (*st == GOFER_OK)
        return slots;
    gf_free(slots);
    return NULL;
}

static void fill(part *p, size_t slot, const size_t *slots, const char *const *ids, size_t count)
{
    p->count = 0;
    for (size_t i = 0; i < count; i++)
        if (slots[i] == slot) {
            p->number[p->count] = i;
            p->ids[p->count++] = ids[i];
        }
}

gofer_status gf_rd_sharded_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    part p = { 0 };
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_tasks_act(b, queue, act, ids, count, statuses) : st;
    size_t *slots = places_of(b, q, ids, count, &st);
    if (st == GOFER_OK && !part_make(&p, count, 0))
        st = gf_fail_nomem("acts on tasks");
    const char *missing = NULL;
    for (size_t slot = 0; slot < q->total && st == GOFER_OK; slot++) {
        fill(&p, slot, slots, ids, count);
        if (p.count)
            st = gf_rd_tasks_act(b, q->slots[slot], act, p.ids, p.count, p.statuses);
        for (size_t i = 0; i < p.count && st == GOFER_OK; i++) {
            statuses[p.number[i]] = p.statuses[i];
            if (p.statuses[i] != GOFER_OK)
                missing = p.statuses[i] == GOFER_ENOTFOUND ? p.ids[i] : NULL;
        }
    }
    if (st == GOFER_OK && missing)
        no_task(queue, missing);               // by the name that the caller knows
    part_clear(&p);
    gf_free(slots);
    gf_rd_shards_drop(all);
    return st;
}

// The queue in whose name the store has the task: one of the slots of a sharded queue, else the
// queue itself. To be dropped: *all.
static gofer_status place_of(gf_broker *b, const char *queue, const char *id, gf_rd_shards **all,
    const char **place)
{
    gf_rd_sharded *q;
    size_t slot = 0;
    bool found = false;
    gofer_status st = begin(b, queue, all, &q);
    *place = queue;
    if (st != GOFER_OK || !q)
        return st;
    st = gf_rd_slots_find((gf_rd_store *)b, q, &id, 1, &slot, &found);
    *place = q->slots[slot];
    return st == GOFER_OK && !found ? no_task(queue, id) : st;
}

gofer_status gf_rd_sharded_edit(gf_broker *b, const char *queue, const char *id,
    const void *payload, size_t size, int64_t run_at_ms)
{
    gf_rd_shards *all;
    const char *place;
    gofer_status st = place_of(b, queue, id, &all, &place);
    if (st == GOFER_OK)
        st = gf_rd_task_edit(b, place, id, payload, size, run_at_ms);
    gf_rd_shards_drop(all);
    return st;
}

gofer_status gf_rd_sharded_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r)
{
    gf_rd_shards *all;
    const char *place;
    gofer_status st = place_of(b, queue, id, &all, &place);
    if (st == GOFER_OK)
        st = gf_rd_task_rewrite(b, place, id, r);
    gf_rd_shards_drop(all);
    return st;
}

// ---- all of a state, the whole queue ------------------------------------------------------------

gofer_status gf_rd_sharded_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    size_t total = 0;
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_tasks_move(b, queue, from, to, limit, done) : st;
    for (size_t i = 0; i < q->total && st == GOFER_OK && total < limit; i++) {
        size_t some = 0;
        st = gf_rd_tasks_move(b, q->slots[i], from, to, limit - total, &some);
        if (st == GOFER_ENOTFOUND)
            st = GOFER_OK;                     // nothing was put there yet
        total += some;
    }
    gf_rd_shards_drop(all);
    if (st == GOFER_OK)
        *done = total;
    return st;
}

// All are tried: as much of the queue as can be had is as it shall be.
static gofer_status set_all(gf_broker *b, const char *queue,
    gofer_status (*set)(gf_broker *b, const char *queue, int64_t value), int64_t value,
    const char *what)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? set(b, queue, value) : st;
    for (size_t i = 0; i < q->total; i++) {
        gofer_status one = set(b, q->slots[i], value);
        if (one != GOFER_OK)
            st = gf_fail_add(one, "of the slots of '%.200s' not all could be %s; '%.200s'", queue,
                what, q->slots[i]);
    }
    gf_rd_shards_drop(all);
    return st;
}

static gofer_status set_paused(gf_broker *b, const char *queue, int64_t paused)
{
    return gf_rd_queue_pause(b, queue, paused != 0);
}

gofer_status gf_rd_sharded_pause(gf_broker *b, const char *queue, bool paused)
{
    return set_all(b, queue, set_paused, paused, paused ? "paused" : "resumed");
}

gofer_status gf_rd_sharded_age(gf_broker *b, const char *queue, int64_t age_ms)
{
    return set_all(b, queue, gf_rd_queue_age, age_ms, "told how priorities grow");
}

static gofer_status set_closed(gf_broker *b, const char *queue, int64_t closed)
{
    return gf_rd_queue_encrypt(b, queue, closed != 0);
}

gofer_status gf_rd_sharded_encrypt(gf_broker *b, const char *queue, bool required)
{
    return set_all(b, queue, set_closed, required,
        required ? "closed to plain payloads" : "opened to plain payloads");
}

// The shards have no common length that a put could know.
gofer_status gf_rd_sharded_bound(gf_broker *b, const char *queue, int64_t max_length)
{
    gofer_status st = gf_rd_check_unsharded((gf_rd_store *)b, queue, GF_RD_UNCOUNTED);
    return st == GOFER_OK ? gf_rd_queue_bound(b, queue, max_length) : st;
}

static gofer_status may_delete(gf_broker *b, const gf_rd_sharded *q, bool force)
{
    gf_counts counts[GF_SHARDS_MAX];
    gofer_status st = gf_rd_counts(b, (char *const *)q->slots, q->total, counts);
    int64_t active = 0, any = 0;
    for (size_t i = 0; i < q->total && st == GOFER_OK; i++)
        for (size_t k = 0; k < GF_STATE_COUNT; k++) {
            active += k == GF_ACTIVE ? counts[i].of[k] : 0;
            any += counts[i].of[k];
        }
    if (st == GOFER_OK && active)
        return gf_fail(GOFER_ESTATE,
            "the queue '%s' has %lld active tasks: let them finish, or stop their workers", q->name,
            (long long)active);
    if (st == GOFER_OK && any && !force)
        return gf_fail(GOFER_ESTATE, "the queue '%s' has %lld tasks: delete them, or use force",
            q->name, (long long)any);
    return st;
}

// What it is sharded into stays declared, as clients go by it for a while yet.
gofer_status gf_rd_sharded_delete(gf_broker *b, const char *queue, bool force)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_queue_delete(b, queue, force) : st;
    st = may_delete(b, q, force);
    for (size_t i = q->total; i-- > 0 && st == GOFER_OK;) {
        st = gf_rd_queue_delete(b, q->slots[i], force);
        if (st == GOFER_ENOTFOUND)
            st = GOFER_OK;
    }
    gf_rd_shards_drop(all);
    return st;
}

// ---- from store to store ------------------------------------------------------------------------

gofer_status gf_rd_sharded_export(gf_broker *b, const char *queue, const char *const *ids,
    size_t count, gf_item *items)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    part p = { 0 };
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_export(b, queue, ids, count, items) : st;
    size_t *slots = places_of(b, q, ids, count, &st);
    if (st == GOFER_OK && !part_make(&p, count, sizeof *items))
        st = gf_fail_nomem("tasks to be moved");
    for (size_t slot = 0; slot < q->total && st == GOFER_OK; slot++) {
        fill(&p, slot, slots, ids, count);
        gf_item *its = p.items;
        for (size_t i = 0; i < p.count; i++)
            its[i] = items[p.number[i]];
        if (p.count)
            st = gf_rd_export(b, q->slots[slot], p.ids, p.count, its);
        for (size_t i = 0; i < p.count; i++) {
            items[p.number[i]] = its[i];
            items[p.number[i]].message.queue = queue;  // the caller's
        }
    }
    part_clear(&p);
    gf_free(slots);
    gf_rd_shards_drop(all);
    return st;
}

static size_t home_of(const gf_rd_sharded *q, const gf_item *item)
{
    size_t slot;
    if (!item->group && gf_rd_slot_of_ordered(q, &item->message, &slot))
        return slot;
    if (item->debounced)
        return gf_rd_slot_of_name(q, item->debounced + 2);     // behind "k:", as of a put
    const gf_put put = { .message = &item->message, .group = item->group,
        .unique_ms = item->unique_ms, .unique_key = item->unique_key };
    return gf_rd_slot_of_put(q, &put);
}

gofer_status gf_rd_sharded_import(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    part p = { 0 };
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_import(b, queue, items, count) : st;
    if (!part_make(&p, count, sizeof *items))
        st = gf_fail_nomem("tasks to be moved");
    for (size_t slot = 0; slot < q->count && st == GOFER_OK; slot++) {
        gf_item *its = p.items;
        p.count = 0;
        for (size_t i = 0; i < count; i++)
            if (home_of(q, &items[i]) == slot) {
                p.number[p.count] = i;
                its[p.count++] = items[i];
            }
        if (p.count)
            st = gf_rd_import(b, q->slots[slot], its, p.count);
        for (size_t i = 0; i < p.count; i++)
            items[p.number[i]] = its[i];
    }
    part_clear(&p);
    gf_rd_shards_drop(all);
    return st;
}

// Wherever they are now: where they are not, they are gone, which is as good.
gofer_status gf_rd_sharded_drop(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_drop(b, queue, items, count) : st;
    gofer_status *worst = gf_calloc(count + 1, sizeof *worst);
    st = worst ? GOFER_OK : gf_fail_nomem("tasks to be moved");
    for (size_t slot = 0; slot < q->total && st == GOFER_OK; slot++) {
        st = gf_rd_drop(b, q->slots[slot], items, count);
        for (size_t i = 0; i < count && st == GOFER_OK; i++)
            worst[i] = worst[i] != GOFER_OK ? worst[i] : items[i].status;
    }
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        items[i].status = worst[i];
    gf_free(worst);
    gf_rd_shards_drop(all);
    return st;
}
