// declare.c - declares how many slots a queue has, and gives up those that are not needed.
//
// A slot is `queue:N`, with the smallest N that no queue has and whose hash slot is on the primary
// with the fewest slots of this queue: so they are even over a Cluster, and 1, 2, 3 … on a single
// server. Names are never given anew: who goes by an older declaration puts tasks where they are
// found.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/shard/shard.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum {
    TRIES = 8,                     // others may declare at the same time
    NUMBER_MAX = 99999,
    TEXT = 32 + 6 * GF_SHARDS_MAX, // of a record
    TIDY_MS = 60000,               // so often it is looked whether a slot can be given up,
    GIVE_UP_MS = 3600000           //   so long after nobody puts into it any more
};

static const gf_rd_script write_script = {
    .name = "declare a sharded queue",
    .text = gf_rd_lua_write_shards,
};

// What is to be written. The first slot has no number.
typedef struct plan {
    size_t  count, total;
    int64_t changed_ms;
    long    numbers[GF_SHARDS_MAX];
} plan;

static long number_of(const gf_rd_sharded *q, size_t slot)
{
    return slot ? strtol(q->slots[slot] + strlen(q->name) + 1, NULL, 10) : 0;
}

static plan plan_of(const gf_rd_sharded *q)
{
    plan p = { .count = q ? q->count : 1, .total = q ? q->total : 1,
        .changed_ms = q ? q->changed_ms : 0 };
    for (size_t i = 1; i < p.total; i++)
        p.numbers[i] = number_of(q, i);
    return p;
}

static void name_of(const char *queue, long number, char out[GF_NAME_MAX + 16])
{
    if (number)
        snprintf(out, GF_NAME_MAX + 16, "%s:%ld", queue, number);
    else
        snprintf(out, GF_NAME_MAX + 16, "%s", queue);
}

// ---- writing ------------------------------------------------------------------------------------

// EEXIST: somebody has declared something since this version.
static gofer_status write_plan(gf_rd_store *s, const char *queue, const plan *p, int64_t version)
{
    char text[TEXT] = "";
    size_t size = 0;
    if (p->total > 1)
        size = (size_t)snprintf(text, sizeof text, "%zu %lld", p->count, (long long)p->changed_ms);
    for (size_t i = 1; i < p->total; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, " %ld", p->numbers[i]);
    gf_rd_cmd cmd = { .script = &write_script, .key_count = 1,
        .slot = gf_rd_slot(GF_RD_SHARDS_KEY, sizeof GF_RD_SHARDS_KEY - 1), .repeatable = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, GF_RD_SHARDS_KEY);
    gf_rd_add_int(&cmd.args, version);
    gf_rd_add(&cmd.args, queue);
    gf_rd_add(&cmd.args, text);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    bool written = gf_rd_reply_int(reply, 0) > 0;
    gf_rd_reply_free(reply);
    gf_rd_shards_forget(s);
    return written ? GOFER_OK
        : gf_fail(GOFER_EEXIST, "somebody else declares sharded queues at the same time");
}

// ---- new slots ----------------------------------------------------------------------------------

// How many slots of the queue each primary has.
typedef struct primaries {
    size_t        count;
    gf_rd_primary at[GF_SHARDS_MAX];
    size_t        slots[GF_SHARDS_MAX];
} primaries;

// The number of the primary of this queue's keys; 0 if it is none of those that are known.
static size_t primary_of(gf_rd_store *s, primaries *p, const char *queue)
{
    gf_rd_primary its;
    if (p->count < 2 ||
        gf_rd_primary_of(s->net, gf_rd_queue_slot(queue), gf_rd_timeout(s), &its) != GOFER_OK)
        return 0;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->at[i].address, its.address) == 0)
            return i;
    return 0;
}

static bool is_taken(const gf_names *names, const plan *p, const char *slot, long number)
{
    for (size_t i = 1; i < p->total; i++)
        if (p->numbers[i] == number)
            return true;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], slot) == 0)
            return true;
    return false;
}

static size_t emptiest(const primaries *p)
{
    size_t least = 0;
    for (size_t i = 1; i < p->count; i++)
        if (p->slots[i] < p->slots[least])
            least = i;
    return least;
}

static gofer_status add_slot(gf_rd_store *s, const char *queue, const gf_names *names,
    primaries *at, plan *p)
{
    size_t wanted = emptiest(at);
    char slot[GF_NAME_MAX + 16];
    for (long number = 1; number <= NUMBER_MAX; number++) {
        name_of(queue, number, slot);
        if (strlen(slot) > GF_NAME_MAX)
            return gf_fail(GOFER_EINVAL, "the name of the queue is too long: its slots have more");
        if (is_taken(names, p, slot, number) || primary_of(s, at, slot) != wanted)
            continue;
        p->numbers[p->total++] = number;
        at->slots[wanted]++;
        return GOFER_OK;
    }
    return gf_fail(GOFER_ESTATE, "there is no name left for a slot of '%.200s'", queue);
}

static gofer_status add_slots(gf_rd_store *s, const char *queue, size_t count, plan *p)
{
    gf_names names = { 0 };
    primaries *at = gf_calloc(1, sizeof *at);
    gofer_status st = at ? gf_rd_names_inspect(&s->base, &names) : gf_fail_nomem("sharded queues");
    if (st == GOFER_OK)
        st = gf_rd_primaries(s->net, gf_rd_timeout(s), at->at, GF_SHARDS_MAX, &at->count);
    for (size_t i = 0; i < p->total && st == GOFER_OK; i++) {
        char slot[GF_NAME_MAX + 16];
        name_of(queue, p->numbers[i], slot);
        at->slots[primary_of(s, at, slot)]++;
    }
    while (st == GOFER_OK && p->total < count)
        st = add_slot(s, queue, &names, at, p);
    gf_names_clear(&names);
    gf_free(at);
    return st;
}

// New slots are paused, take envelopes alone, and age, as the queue does, before anything is put
// there.
static gofer_status be_alike(gf_rd_store *s, const char *queue, const plan *p, size_t from)
{
    gofer_info *list;
    char slot[GF_NAME_MAX + 16];
    gofer_status st = gf_rd_queues_look(s, (char *const[]){ (char *)queue }, 1, &list);
    if (st != GOFER_OK)
        return st;
    bool paused = gofer_info_int(gofer_info_at(list, 0), "paused", 0) != 0;
    int64_t age_ms = gofer_info_int(gofer_info_at(list, 0), "age_ms", 0);
    bool closed = gofer_info_int(gofer_info_at(list, 0), "encrypted_only", 0) != 0;
    gofer_info_free(list);
    for (size_t i = from; i < p->total && st == GOFER_OK; i++) {
        name_of(queue, p->numbers[i], slot);
        if (paused)
            st = gf_rd_queue_pause(&s->base, slot, true);
        if (closed && st == GOFER_OK)
            st = gf_rd_queue_encrypt(&s->base, slot, true);
        if (age_ms && st == GOFER_OK)
            st = gf_rd_queue_age(&s->base, slot, age_ms);
    }
    return st;
}

// ---- giving slots up ----------------------------------------------------------------------------

// The last ones, while they are empty and nobody has put into them for long. False: there are none.
static bool give_up_last(gf_rd_store *s, const char *queue, plan *p)
{
    size_t before = p->total;
    while (p->total > p->count && gf_broker_now_ms(&s->base) - p->changed_ms >= GIVE_UP_MS) {
        char slot[GF_NAME_MAX + 16];
        name_of(queue, p->numbers[p->total - 1], slot);
        gofer_status st = gf_rd_queue_delete(&s->base, slot, false);
        if (st != GOFER_OK && st != GOFER_ENOTFOUND)
            break;
        p->total--;
    }
    return p->total < before;
}

static void tidy_one(gf_rd_store *s, const gf_rd_sharded *q, int64_t version)
{
    plan p = plan_of(q);
    if (give_up_last(s, q->name, &p) && write_plan(s, q->name, &p, version) == GOFER_OK)
        gf_logf(&s->base.config.log, GOFER_LOG_INFO, "empty slots of a sharded queue were given up",
            "queue", q->name, NULL);
}

// One queue at a time: with the next, the version is another.
gofer_status gf_rd_shards_tidy(gf_broker *b)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    gf_rd_shards *all = st == GOFER_OK ? gf_rd_shards_take(s) : NULL;
    int64_t now_ms = gf_mono_ms(), last_ms = atomic_load(&s->shards_tidied_ms);
    bool due = all && (!last_ms || now_ms - last_ms >= TIDY_MS) &&
        atomic_compare_exchange_strong(&s->shards_tidied_ms, &last_ms, now_ms);
    for (size_t i = 0; due && i < all->count; i++)
        if (all->items[i].total > all->items[i].count) {
            tidy_one(s, &all->items[i], all->version);
            break;
        }
    gf_rd_shards_drop(all);
    return st;
}

// ---- declaring ----------------------------------------------------------------------------------

// EINVAL: the name is that of another queue's slot.
static gofer_status check_name(const gf_rd_shards *all, const char *queue)
{
    const gf_rd_slot_name *slot = gf_rd_shards_slot(all, queue);
    if (!slot || slot->number == 0)
        return GOFER_OK;
    return gf_fail(GOFER_EINVAL, "'%.200s' is a slot of the sharded queue '%.200s'", queue,
        slot->of->name);
}

static gofer_status declare_once(gf_rd_store *s, const char *queue, size_t count)
{
    gf_rd_shards *all;
    gofer_status st = gf_rd_shards_read(s, &all);
    if (st != GOFER_OK)
        return st;
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    plan p = plan_of(q);
    size_t old = p.total;
    st = check_name(all, queue);
    if (st == GOFER_OK && count > p.total)
        st = add_slots(s, queue, count, &p);
    if (st == GOFER_OK && p.total > old)
        st = be_alike(s, queue, &p, old);
    if (st == GOFER_OK && count != p.count)
        p.changed_ms = gf_broker_now_ms(&s->base);
    bool changes = st == GOFER_OK && (count != p.count || p.total != old);
    p.count = count;
    if (changes)
        st = gf_rd_queue_add(s, queue);
    if (changes && st == GOFER_OK)
        st = write_plan(s, queue, &p, all->version);
    gf_rd_shards_drop(all);
    return st;
}

gofer_status gf_rd_shards_declare(gf_broker *b, const char *queue, int32_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    for (int i = 0; i < TRIES; i++) {
        st = declare_once(s, queue, (size_t)count);
        if (st != GOFER_EEXIST)
            return st;
    }
    return st;
}

// Each with its number, and in a Cluster with the primary that has it. Takes the list over.
static gofer_status show_slots(gf_rd_store *s, const gf_rd_sharded *q, gofer_info *list,
    gofer_info **out)
{
    gofer_info *shown = gf_info_list();
    int bad = !shown;
    for (size_t i = 0; i < gofer_info_count(list) && !bad; i++) {
        gofer_info *slot = gf_info_take(list, i);
        gf_rd_primary its;
        bad = gf_info_set_int(slot, "shard", (int64_t)i);
        if (!bad && q && i >= q->count)
            bad = gf_info_set_bool(slot, "draining", 1);
        if (!bad && gf_rd_net_server(s->net).is_cluster &&
            gf_rd_primary_of(s->net, gf_rd_queue_slot(gofer_info_text(slot, "queue")),
                gf_rd_timeout(s), &its) == GOFER_OK)
            bad = gf_info_set_text(slot, "server", its.address);
        bad = gf_info_add(shown, slot) | bad;
    }
    gofer_info_free(list);
    if (!bad) {
        *out = shown;
        return GOFER_OK;
    }
    gofer_info_free(shown);
    return gf_fail_nomem("the slots of a queue");
}

gofer_status gf_rd_shards_slots(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_info *list;
    const char *one, *const *slots;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_shards *all = gf_rd_shards_take(s);
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    size_t count = gf_rd_slots_of(all, queue, &one, &slots);
    st = q ? GOFER_OK : gf_rd_queue_need(s, queue);
    if (st == GOFER_OK)
        st = gf_rd_queues_look(s, (char *const *)slots, count, &list);
    if (st == GOFER_OK)
        st = show_slots(s, q, list, out);
    gf_rd_shards_drop(all);
    return st;
}
