// route.c - where a task of a sharded queue goes, where it is, and where the next ones are taken.
//
// A task's slot follows from what must be alone in the whole queue: its group, else the key whose
// tasks run one after the other, else what it is debounced by, else its unique lock, else its id.
// So the same id, or the same lock, is always looked for in the same place, and whoever puts a task
// again after a lost answer finds the first one. Ids are random: they spread evenly. The hash is
// consistent: with more slots than before, of n only what is new moves.
#include <stdio.h>
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "message/limit_keys.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/minmax.h"

enum {
    PER_SLOT = 16,                 // as few slots are asked for so many tasks each at the least
    FOUND_AT_ONCE = 1024,          // keys asked for in one pipeline
    LOOKED_AT_BY = 4               // so many workers look after each slot, if there are as many
};

// ---- where it goes ------------------------------------------------------------------------------

// Lamping and Veach's jump consistent hash.
static size_t jump(uint64_t key, size_t count)
{
    int64_t at = -1, next = 0;
    while (next < (int64_t)count) {
        at = next;
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(at + 1) * ((double)(INT64_C(1) << 31) /
                                                (double)((key >> 33) + 1)));
    }
    return (size_t)at;
}

size_t gf_rd_slot_of_name(const gf_rd_sharded *q, const char *name)
{
    return jump(gf_hash_text(name), q->count);
}

bool gf_rd_slot_of_ordered(const gf_rd_sharded *q, const gf_message *m, size_t *slot)
{
    gf_limit_keys keys;
    if (!gf_limit_keys_of(m, &keys) || !keys.ordered)
        return false;
    *slot = jump(gf_hash_more(GF_HASH_START, keys.key[0].text, keys.key[0].size), q->count);
    return true;
}

size_t gf_rd_slot_of_put(const gf_rd_sharded *q, const gf_put *item)
{
    const gf_message *m = item->message;
    if (item->group)
        return gf_rd_slot_of_name(q, item->group);
    size_t slot;
    if (gf_rd_slot_of_ordered(q, m, &slot))
        return slot;
    if (item->debounce)
        return gf_rd_slot_of_name(q, item->debounce->key ? item->debounce->key : m->type);
    if (item->unique_ms > 0 && item->unique_key)
        return gf_rd_slot_of_name(q, item->unique_key);
    if (item->unique_ms <= 0)
        return gf_rd_slot_of_name(q, m->id);
    uint64_t hash = gf_hash_more(GF_HASH_START, m->type, strlen(m->type) + 1);
    return jump(gf_hash_more(hash, m->payload, m->payload_size), q->count);
}

// ---- where it is --------------------------------------------------------------------------------

typedef struct looking {
    gf_rd_store       *s;
    const gf_rd_sharded *q;
    const char *const *ids;
    size_t            *slots;
    bool              *found;
    gf_rd_cmd         *cmds;       // FOUND_AT_ONCE of them, and for each
    gf_rd_key         *keys;       //   two keys,
    size_t            *id_of, *slot_of;
    size_t             count;      // of those that are filled in
} looking;

static gofer_status ask(looking *l)
{
    gofer_status st = l->count
        ? gf_rd_run_whole(l->s->net, l->cmds, l->count, gf_rd_timeout(l->s), GOFER_OK)
        : GOFER_OK;
    for (size_t i = 0; i < l->count; i++) {
        if (st == GOFER_OK && gf_rd_reply_int(l->cmds[i].reply, 0) > 0 && !l->found[l->id_of[i]]) {
            l->found[l->id_of[i]] = true;
            l->slots[l->id_of[i]] = l->slot_of[i];
        }
        gf_rd_cmd_clear(&l->cmds[i]);
        l->cmds[i] = (gf_rd_cmd){ 0 };
    }
    l->count = 0;
    return st;
}

static gofer_status look_in(looking *l, size_t id, size_t slot)
{
    char rest[GF_NAME_MAX + 16];
    gf_rd_cmd *cmd = &l->cmds[l->count];
    gf_rd_key *keys = l->keys + 2 * l->count;
    const char *queue = l->q->slots[slot];
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queue), .reads = true };
    snprintf(rest, sizeof rest, "t:%s", l->ids[id]);
    gf_rd_key_of(&keys[0], queue, rest);
    snprintf(rest, sizeof rest, "gofer:end:%s", l->ids[id]);
    gf_rd_key_of(&keys[1], queue, rest);
    gf_rd_add(&cmd->args, "EXISTS");
    gf_rd_add(&cmd->args, keys[0].text);
    gf_rd_add(&cmd->args, keys[1].text);
    l->id_of[l->count] = id;
    l->slot_of[l->count++] = slot;
    return l->count == FOUND_AT_ONCE ? ask(l) : GOFER_OK;
}

// First where each belongs by its id, and then everywhere else those that are not there.
static gofer_status look(looking *l, size_t count)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = look_in(l, i, l->slots[i]);
    st = st == GOFER_OK ? ask(l) : st;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        size_t home = l->slots[i];
        bool missing = !l->found[i];
        for (size_t k = 0; k < l->q->total && missing && st == GOFER_OK; k++)
            if (k != home)
                st = look_in(l, i, k);
    }
    return st == GOFER_OK ? ask(l) : st;
}

gofer_status gf_rd_slots_find(gf_rd_store *s, const gf_rd_sharded *q, const char *const *ids,
    size_t count, size_t *slots, bool *found)
{
    looking l = { .s = s, .q = q, .ids = ids, .slots = slots, .found = found };
    for (size_t i = 0; i < count; i++) {
        slots[i] = gf_rd_slot_of_name(q, ids[i]);
        found[i] = false;
    }
    l.cmds = gf_calloc(FOUND_AT_ONCE, sizeof *l.cmds);
    l.keys = gf_alloc(2 * FOUND_AT_ONCE * sizeof *l.keys);
    l.id_of = gf_alloc(FOUND_AT_ONCE * sizeof *l.id_of);
    l.slot_of = gf_alloc(FOUND_AT_ONCE * sizeof *l.slot_of);
    gofer_status st = l.cmds && l.keys && l.id_of && l.slot_of ? look(&l, count)
                                                               : gf_fail_nomem("a search");
    for (size_t i = 0; i < l.count && l.cmds; i++)
        gf_rd_cmd_clear(&l.cmds[i]);
    gf_free(l.cmds);
    gf_free(l.keys);
    gf_free(l.id_of);
    gf_free(l.slot_of);
    return st;
}

// ---- where the next are taken -------------------------------------------------------------------

static bool has_bit(const gf_rd_sharded *q, size_t slot)
{
    return atomic_load_explicit(&q->maybe[slot / 64], memory_order_relaxed) >> slot % 64 & 1;
}

void gf_rd_slot_note(const gf_rd_shards *all, const char *slot, bool maybe)
{
    const gf_rd_slot_name *its = gf_rd_shards_slot(all, slot);
    if (!its || has_bit(its->of, its->number) == maybe)
        return;
    uint64_t bit = UINT64_C(1) << its->number % 64;
    if (maybe)
        atomic_fetch_or(&its->of->maybe[its->number / 64], bit);
    else
        atomic_fetch_and(&its->of->maybe[its->number / 64], ~bit);
}

// Adds the shares of one queue; how many. Some of those that may have tasks are taken from, as few
// as give enough; all others are asked for their length, and give what is missing.
static size_t spread_one(gf_rd_sharded *q, size_t share, gf_share *out)
{
    size_t likely = 0, takers = 0, given = 0, from = atomic_fetch_add(&q->turn, 1) % q->total;
    for (size_t i = 0; i < q->total; i++)
        likely += has_bit(q, i);
    size_t most = gf_min_size(likely, share / PER_SLOT + 1);
    for (size_t i = 0; i < q->total; i++) {
        size_t slot = (from + i) % q->total, part = 0;
        if (takers < most && has_bit(q, slot))
            part = (share - given) / (most - takers++);
        out[i] = (gf_share){ q->slots[slot], part };
        given += part;
    }
    return q->total;
}

static size_t slots_in(const gf_rd_shards *all, const char *queue)
{
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    return q ? q->total : 1;
}

gf_share *gf_rd_shares_spread(const gf_rd_shards *all, const gf_take *take, size_t *count)
{
    size_t room = 0;
    for (size_t i = 0; i < take->queue_count; i++)
        room += slots_in(all, take->queues[i].queue);
    gf_share *out = gf_alloc((room + 1) * sizeof *out);
    *count = 0;
    for (size_t i = 0; i < take->queue_count && out; i++) {
        gf_rd_sharded *q = gf_rd_sharded_of(all, take->queues[i].queue);
        size_t share = take->queue_count == 1 ? take->max : take->queues[i].share;
        if (q)
            *count += spread_one(q, share, out + *count);
        else
            out[(*count)++] = take->queues[i];
    }
    return out;
}

size_t gf_rd_shared_out(const gf_rd_sharded *q, size_t slots)
{
    size_t workers = atomic_load_explicit(&q->workers, memory_order_relaxed);
    return workers <= LOOKED_AT_BY ? slots : (slots * LOOKED_AT_BY + workers - 1) / workers;
}

typedef struct turn {
    size_t number, from;
    bool   lined;                  // only those that are worth a line, or only the others
} turn;

static void add_turn(const gf_rd_shards *all, const char *queue, const turn *t, gf_rd_spread *to)
{
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    size_t total = q ? q->total : 1, mine = q ? gf_rd_shared_out(q, total) : 1;
    if (t->number < total && (t->number < mine) == t->lined)
        to->names[to->count++] = q ? q->slots[(t->from + t->number) % total] : queue;
}

gf_rd_spread gf_rd_names_spread(const gf_rd_shards *all, const char *const *queues, size_t count,
    size_t from)
{
    size_t room = 1, most = 0;
    for (size_t i = 0; i < count; i++) {
        const gf_rd_sharded *q = gf_rd_sharded_of(all, queues[i]);
        room += slots_in(all, queues[i]);
        most = q && atomic_load(&q->workers) > most ? atomic_load(&q->workers) : most;
    }
    gf_rd_spread to = { .names = gf_alloc(room * sizeof *to.names) };
    for (int lined = 1; lined >= 0 && to.names; lined--) {
        turn t = { .from = from, .lined = lined };
        for (; t.number < (all ? GF_SHARDS_MAX : 1); t.number++)
            for (size_t i = 0; i < count; i++)
                add_turn(all, queues[i], &t, &to);
        to.lined = lined ? to.count : to.lined;
    }
    to.crowd = most <= LOOKED_AT_BY ? 1 : most / LOOKED_AT_BY;
    return to;
}
