// tasks.c - a task's life in a sharded queue: put into one of its slots, taken from all in turn.
//
// Claims and sets carry the queue's name; what they were taken from stays with them (gf_rd_claim,
// gf_group_set.place).
#include <stdio.h>
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "message/limit_keys.h"
#include "util/alloc.h"
#include "util/error.h"

// ---- put ----------------------------------------------------------------------------------------

enum {
    FEW = 8,                       // tasks that need no memory of their own
    SERVING_MS = 15000,            // a worker without a heartbeat for so long serves no more
    COUNTED_MS = 1000              // so long it is waited for how many serve a queue
};

typedef struct routed {
    const gf_message *given;       // the caller's
    gf_message        message;     // the same in its slot
    gf_rd_sharded    *q;           // NULL: it is of no sharded queue
    size_t            slot;
} routed;

static bool is_away(gofer_status st)
{
    return st == GOFER_EBROKER || st == GOFER_ETIMEOUT;
}

// An id that nobody else can have, and nothing else that must be alone: any slot will do.
static bool goes_anywhere(const gf_put *item)
{
    gf_limit_keys keys;
    return item->fresh && !item->group && item->unique_ms <= 0 && !item->debounce &&
        !(gf_limit_keys_of(item->message, &keys) && keys.ordered);
}

static void send_to(gf_put *item, routed *r, size_t slot)
{
    r->slot = slot;
    r->message.queue = r->q->slots[slot];
    item->message = &r->message;
}

// The next slot whose server has not been silent; the same if there is none.
static size_t next_well(gf_rd_store *s, const routed *r, size_t from)
{
    for (size_t i = 0; i < r->q->count; i++)
        if (!gf_rd_ailed(s, r->q->slots[(from + i) % r->q->count]))
            return (from + i) % r->q->count;
    return r->slot;
}

// One that replaces another is put where that is, which may be there for its group's or its lock's
// sake.
static size_t slot_of(gf_rd_store *s, const gf_rd_sharded *q, const gf_put *item)
{
    size_t slot;
    bool found;
    if (item->replaces && gf_rd_slots_find(s, q, &item->message->id, 1, &slot, &found) == GOFER_OK)
        return slot;
    return gf_rd_slot_of_put(q, item);
}

static bool route(gf_rd_store *s, const gf_rd_shards *all, gf_put *items, size_t count, routed *to)
{
    gf_rd_sharded *q = NULL;
    const char *latest = NULL;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const char *queue = items[i].message->queue;
        if (!latest || (latest != queue && strcmp(latest, queue) != 0))
            q = gf_rd_sharded_of(all, queue);
        latest = queue;
        to[i] = (routed){ .given = items[i].message, .q = q };
        if (!q)
            continue;
        any = true;
        to[i].message = *items[i].message;
        size_t slot = slot_of(s, q, &items[i]);
        to[i].slot = slot;
        send_to(&items[i], &to[i], goes_anywhere(&items[i]) ? next_well(s, &to[i], slot) : slot);
    }
    return any;
}

// What surely is not in, since its server is away, goes to another slot where that is as good.
static gofer_status put_elsewhere(gf_rd_store *s, gf_put *items, size_t count, routed *to,
    gofer_status st)
{
    size_t moved = 0;
    for (size_t i = 0; i < count; i++)
        if (to[i].q)
            gf_rd_ailing_note(s, to[i].q->slots[to[i].slot], !is_away(items[i].status));
    gf_put *again = gf_alloc(count * sizeof *again);
    size_t *number = gf_alloc(count * sizeof *number);
    for (size_t i = 0; i < count && again && number; i++) {
        if (!to[i].q || !is_away(items[i].status) || !goes_anywhere(&items[i]))
            continue;
        size_t slot = next_well(s, &to[i], to[i].slot);
        if (slot == to[i].slot)
            continue;
        send_to(&items[i], &to[i], slot);
        number[moved] = i;
        again[moved++] = items[i];
    }
    if (moved) {
        gofer_status second = gf_rd_put(&s->base, again, moved);
        for (size_t i = 0; i < moved; i++)
            items[number[i]].status = again[i].status;
        st = st == GOFER_OK || second == GOFER_OK ? GOFER_OK : second;
    }
    gf_free(again);
    gf_free(number);
    return st;
}

gofer_status gf_rd_sharded_put(gf_broker *b, gf_put *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    routed few[FEW], *to = few;
    gofer_status st = gf_rd_check(s);
    gf_rd_shards *all = st == GOFER_OK ? gf_rd_shards_take(s) : NULL;
    if (!all)
        return st == GOFER_OK ? gf_rd_put(b, items, count) : st;
    if (count > FEW && !(to = gf_alloc(count * sizeof *to))) {
        gf_rd_shards_drop(all);
        return gf_fail_nomem("tasks to be put");
    }
    bool any = route(s, all, items, count, to), away = false;
    for (size_t i = 0; i < count; i++)
        items[i].status = GOFER_OK;
    st = gf_rd_put(b, items, count);
    for (size_t i = 0; i < count && any; i++)
        away |= to[i].q && is_away(items[i].status);
    if (any && (away || atomic_load(&s->ailing_count) > 0))
        st = put_elsewhere(s, items, count, to, st);
    for (size_t i = 0; i < count; i++)
        items[i].message = to[i].given;
    if (to != few)
        gf_free(to);
    gf_rd_shards_drop(all);
    return st;
}

// ---- exchange -----------------------------------------------------------------------------------

static bool names_any(const gf_rd_shards *all, const gf_take *take)
{
    for (size_t i = 0; all && take && i < take->queue_count; i++)
        if (gf_rd_sharded_of(all, take->queues[i].queue))
            return true;
    return false;
}

gofer_status gf_rd_sharded_exchange(gf_broker *b, gf_finish *done, size_t count, gf_take *take)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    gf_rd_shards *all = st == GOFER_OK && take && take->queue_count ? gf_rd_shards_take(s) : NULL;
    if (!names_any(all, take)) {
        gf_rd_shards_drop(all);
        return st == GOFER_OK ? gf_rd_exchange(b, done, count, take) : st;
    }
    gf_take some = *take;
    gf_share *shares = gf_rd_shares_spread(all, take, &some.queue_count);
    some.queues = shares;
    some.count = 0;
    some.suspect = NULL;
    st = shares ? gf_rd_exchange(b, done, count, &some) : gf_fail_nomem("an exchange");
    take->count = some.count;
    take->suspect = some.suspect;
    gf_free(shares);
    gf_rd_shards_drop(all);
    return st;
}

// ---- how many serve it --------------------------------------------------------------------------

// Each worker of a sharded queue is noted beside its first slot, with the time of its heartbeat;
// the list is gone when nobody is left.
static void count_workers(gf_rd_store *s, gf_rd_sharded *q, const char *worker)
{
    enum { COMMANDS = 4, COUNT = 2 };
    char now[24], gone[24];
    gf_rd_key key;
    gf_rd_key_of(&key, q->name, "gofer:serving");
    snprintf(now, sizeof now, "%lld", (long long)gf_rd_now_ms(&s->base));
    snprintf(gone, sizeof gone, "%lld", (long long)gf_rd_now_ms(&s->base) - SERVING_MS);
    const char *const words[COMMANDS][5] = {
        { "ZADD", key.text, now, worker, NULL },
        { "ZREMRANGEBYSCORE", key.text, "-inf", gone, NULL },
        { "ZCARD", key.text, NULL },
        { "EXPIRE", key.text, "60", NULL },
    };
    gf_rd_cmd cmds[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        cmds[i] = (gf_rd_cmd){ .slot = gf_rd_queue_slot(q->name), .repeatable = true,
            .aside = true };
        for (size_t k = 0; words[i][k]; k++)
            gf_rd_add(&cmds[i].args, words[i][k]);
    }
    (void)gf_rd_run(s->net, cmds, COMMANDS, COUNTED_MS);
    if (cmds[COUNT].status == GOFER_OK)
        atomic_store(&q->workers, (uint32_t)gf_rd_reply_int(cmds[COUNT].reply, 0));
    for (size_t i = 0; i < COMMANDS; i++)
        gf_rd_cmd_clear(&cmds[i]);
}

gofer_status gf_rd_sharded_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_worker_register(b, entry, lease_ms);
    gf_rd_shards *all = st == GOFER_OK ? gf_rd_shards_take(s) : NULL;
    for (size_t i = 0; all && i < entry->weight_count; i++) {
        gf_rd_sharded *q = gf_rd_sharded_of(all, entry->weights[i].queue);
        if (q)
            count_workers(s, q, entry->id);
    }
    gf_rd_shards_drop(all);
    return st;
}

// ---- recover ------------------------------------------------------------------------------------

typedef struct telling {
    gf_rd_store  *s;
    gf_recovered *to;
    gf_rd_shards *all;             // taken when there is something to tell: that is rare
} telling;

static void tell_shown(void *arg, const gf_message *m)
{
    telling *t = arg;
    gf_message shown = *m;
    t->all = t->all ? t->all : gf_rd_shards_take(t->s);
    shown.queue = gf_rd_shards_shown(t->all, m->queue);
    t->to->archived_one(t->to->arg, &shown);
}

gofer_status gf_rd_sharded_recover(gf_broker *b, size_t limit, int32_t crash_limit,
    gf_recovered *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    telling t = { .s = s, .to = out };
    gf_recovered some = *out;
    some.archived_one = out->archived_one ? tell_shown : NULL;
    some.arg = &t;
    st = gf_rd_recover(b, limit, crash_limit, &some);
    out->requeued = some.requeued;
    out->archived = some.archived;
    gf_rd_shards_drop(t.all);
    return st;
}

// ---- groups -------------------------------------------------------------------------------------

static void show_set(gf_group_set *set, const char *queue)
{
    set->place = set->queue;
    set->queue = queue;
    for (size_t i = 0; i < set->count; i++)
        set->tasks[i].queue = queue;
}

// In turn; what is a suspect in one slot does not keep the others from being taken.
gofer_status gf_rd_sharded_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    gf_rd_shards *all = st == GOFER_OK ? gf_rd_shards_take(s) : NULL;
    gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    if (!q) {
        gf_rd_shards_drop(all);
        return st == GOFER_OK ? gf_rd_group_take(b, worker, queue, rule, out) : st;
    }
    size_t from = atomic_fetch_add(&q->turn, 1) % q->total;
    bool suspects = false;
    st = GOFER_EEMPTY;
    for (size_t i = 0; i < q->total && st == GOFER_EEMPTY; i++) {
        st = gf_rd_group_take(b, worker, q->slots[(from + i) % q->total], rule, out);
        suspects |= rule->suspects && *rule->suspects;
    }
    if (rule->suspects)
        *rule->suspects = suspects && st == GOFER_EEMPTY;
    if (st == GOFER_OK)
        show_set(*out, q->name);
    gf_rd_shards_drop(all);
    return st;
}

static gf_group_set in_place(const gf_group_set *set)
{
    gf_group_set there = *set;
    if (set->place)
        there.queue = set->place;
    return there;
}

gofer_status gf_rd_sharded_group_put(gf_broker *b, const gf_group_set *set,
    const gf_message *combined, int64_t run_at_ms)
{
    const gf_group_set there = in_place(set);
    gf_message its = *combined;
    its.queue = set->place ? set->place : combined->queue;
    return gf_rd_group_put(b, &there, &its, run_at_ms);
}

gofer_status gf_rd_sharded_group_back(gf_broker *b, const gf_group_set *set)
{
    const gf_group_set there = in_place(set);
    return gf_rd_group_back(b, &there);
}

gofer_status gf_rd_sharded_group_archive(gf_broker *b, const gf_group_set *set, const char *error)
{
    const gf_group_set there = in_place(set);
    return gf_rd_group_archive(b, &there, error);
}
