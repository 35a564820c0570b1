// shards.c - which sharded queues there are: read from the store, kept for a second.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum {
    FRESH_MS = 1000,               // what is known is good for so long
    UNHEARD_MS = 2000,             // nobody told: asked again after so long
    ASK_MS = 250                   // and so long an answer is waited for
};

#define HASH GF_RD_SHARDS_KEY

struct gf_rd_shard_cache {
    pthread_mutex_t  lock;
    _Atomic int64_t  due_ms;       // monotonic: when to ask; 0: never asked
    _Atomic bool     any;          // there is something in `now`
    _Atomic int64_t  version;
    gf_rd_shards    *now;          // NULL: none
    gf_names         names;        // every name that a map has had
};

// ---- names --------------------------------------------------------------------------------------

// With the lock. The one copy of a name; NULL: no memory.
static const char *keep_name(struct gf_rd_shard_cache *c, const char *name)
{
    for (size_t i = 0; i < c->names.count; i++)
        if (strcmp(c->names.names[i], name) == 0)
            return c->names.names[i];
    return gf_names_add(&c->names, name) ? c->names.names[c->names.count - 1] : NULL;
}

// ---- a map --------------------------------------------------------------------------------------

void gf_rd_shards_drop(gf_rd_shards *all)
{
    if (!all || atomic_fetch_sub(&all->refs, 1) > 1)
        return;
    for (size_t i = 0; i < all->count; i++)
        gf_free(all->items[i].slots);
    gf_free(all->items);
    gf_free(all->by_name);
    gf_free(all);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const gf_rd_slot_name *)a)->name, ((const gf_rd_slot_name *)b)->name);
}

const gf_rd_slot_name *gf_rd_shards_slot(const gf_rd_shards *all, const char *slot)
{
    const gf_rd_slot_name key = { .name = slot };
    return all && all->slot_count
        ? bsearch(&key, all->by_name, all->slot_count, sizeof key, by_text)
        : NULL;
}

gf_rd_sharded *gf_rd_sharded_of(const gf_rd_shards *all, const char *queue)
{
    const gf_rd_slot_name *slot = gf_rd_shards_slot(all, queue);
    return slot && slot->number == 0 ? slot->of : NULL;
}

gofer_status gf_rd_check_unsharded(gf_rd_store *s, const char *queue, const char *why)
{
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_shards *all = gf_rd_shards_take(s);
    bool sharded = gf_rd_sharded_of(all, queue) != NULL;
    gf_rd_shards_drop(all);
    return sharded ? gf_fail(GOFER_EUNSUPPORTED, "the queue '%s' is sharded: %s", queue, why)
                   : GOFER_OK;
}

const char *gf_rd_shards_shown(const gf_rd_shards *all, const char *slot)
{
    const gf_rd_slot_name *its = gf_rd_shards_slot(all, slot);
    return its ? its->of->name : slot;
}

size_t gf_rd_slots_of(const gf_rd_shards *all, const char *queue, const char **one,
    const char *const **out)
{
    const gf_rd_sharded *q = gf_rd_sharded_of(all, queue);
    *one = queue;
    *out = q ? q->slots : one;
    return q ? q->total : 1;
}

// "<count> <changed> <number>…". ECORRUPT: it is none.
static gofer_status read_record(const char *name, const char *text, gf_rd_sharded *out,
    struct gf_rd_shard_cache *c)
{
    char *at, slot[GF_NAME_MAX + 1];
    size_t most = 1;
    for (const char *p = text; *p; p++)
        most += *p == ' ';
    *out = (gf_rd_sharded){ .count = (size_t)strtoul(text, &at, 10) };
    out->changed_ms = strtoll(at, &at, 10);
    out->slots = gf_calloc(most, sizeof *out->slots);
    if (!out->slots || !(out->name = keep_name(c, name)))
        return GOFER_ENOMEM;
    out->slots[out->total++] = out->name;
    while (*at == ' ' && out->total < GF_SHARDS_MAX) {
        unsigned long number = strtoul(at + 1, &at, 10);
        int size = snprintf(slot, sizeof slot, "%s:%lu", name, number);
        if ((size_t)size >= sizeof slot)
            return GOFER_ECORRUPT;
        const char *kept = keep_name(c, slot);
        if (!kept)
            return GOFER_ENOMEM;
        out->slots[out->total++] = kept;
    }
    atomic_init(&out->turn, gf_random_below(GF_SHARDS_MAX));   // each process begins elsewhere
    for (size_t i = 0; i < sizeof out->maybe / sizeof *out->maybe; i++)
        atomic_init(&out->maybe[i], ~UINT64_C(0));
    return out->count >= 1 && out->count <= out->total ? GOFER_OK : GOFER_ECORRUPT;
}

static bool index_slots(gf_rd_shards *all)
{
    size_t total = 0;
    for (size_t i = 0; i < all->count; i++)
        total += all->items[i].total;
    all->by_name = gf_calloc(total + 1, sizeof *all->by_name);
    if (!all->by_name)
        return false;
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->items[i].total; k++)
            all->by_name[all->slot_count++] =
                (gf_rd_slot_name){ all->items[i].slots[k], &all->items[i], k };
    qsort(all->by_name, all->slot_count, sizeof *all->by_name, by_text);
    return true;
}

// With the lock. From the answer to HGETALL.
static gofer_status make_map(struct gf_rd_shard_cache *c, const redisReply *r, gf_rd_shards **out)
{
    size_t pairs = r->type == REDIS_REPLY_ARRAY ? r->elements / 2 : 0;
    gf_rd_shards *all = gf_calloc(1, sizeof *all);
    if (!all || !(all->items = gf_calloc(pairs + 1, sizeof *all->items))) {
        gf_free(all);
        return gf_fail_nomem("sharded queues");
    }
    gofer_status st = GOFER_OK;
    atomic_init(&all->refs, 1);
    for (size_t i = 0; i < pairs && st != GOFER_ENOMEM; i++) {
        const redisReply *name = r->element[2 * i], *text = r->element[2 * i + 1];
        if (!gf_rd_reply_is_text(name) || !gf_rd_reply_is_text(text))
            continue;
        if (name->len == 0) {
            all->version = gf_rd_reply_int(text, 0);
            continue;
        }
        gf_rd_sharded *q = &all->items[all->count];
        st = gf_name_fits(name->str, (size_t)name->len) ? read_record(name->str, text->str, q, c)
                                                        : GOFER_ECORRUPT;
        if (st == GOFER_OK)
            all->count++;
        else
            gf_free(q->slots);                         // not ours to read: as if it were none
        if (st != GOFER_OK)
            *q = (gf_rd_sharded){ .count = 0 };
    }
    if (st == GOFER_ENOMEM || !index_slots(all)) {
        gf_rd_shards_drop(all);
        return gf_fail_nomem("sharded queues");
    }
    *out = all;
    return GOFER_OK;
}

// ---- asking -------------------------------------------------------------------------------------

static gofer_status ask(gf_rd_store *s, const char *const *words, size_t count,
    int64_t timeout_ms, redisReply **reply)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(HASH, sizeof HASH - 1), .reads = true };
    for (size_t i = 0; i < count; i++)
        gf_rd_add(&cmd.args, words[i]);
    gofer_status st = gf_rd_run(s->net, &cmd, 1, timeout_ms);
    *reply = st == GOFER_OK ? cmd.reply : NULL;
    if (st == GOFER_OK)
        cmd.reply = NULL;
    gf_rd_cmd_clear(&cmd);
    return st;
}

static gofer_status ask_all(gf_rd_store *s, int64_t timeout_ms, redisReply **reply)
{
    static const char *const words[] = { "HGETALL", HASH };
    return ask(s, words, 2, timeout_ms, reply);
}

// With the lock, which is held meanwhile: somebody who has no answer yet has to wait for one.
static gofer_status load(gf_rd_store *s, int64_t timeout_ms)
{
    struct gf_rd_shard_cache *c = s->shards;
    redisReply *reply;
    gf_rd_shards *all = NULL;
    gofer_status st = ask_all(s, timeout_ms, &reply);
    if (st != GOFER_OK)
        return st;
    st = make_map(c, reply, &all);
    gf_rd_reply_free(reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_shards_drop(c->now);
    c->now = all;
    atomic_store(&c->version, all->version);
    atomic_store(&c->any, all->count > 0);
    return GOFER_OK;
}

// A server that was silent when something was put there: does it answer again?
static void look_at_ailing(gf_rd_store *s, const gf_rd_shards *all)
{
    for (size_t i = 0; all && i < all->slot_count && atomic_load(&s->ailing_count) > 0; i++) {
        const char *slot = all->by_name[i].name;
        if (!gf_rd_ailed(s, slot) || gf_rd_ails(s, slot))
            continue;
        gf_rd_key key;
        gf_rd_key_of(&key, slot, "pending");
        gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(slot), .reads = true };
        gf_rd_add(&cmd.args, "LLEN");
        gf_rd_add(&cmd.args, key.text);
        gf_rd_ailing_note(s, slot, gf_rd_run(s->net, &cmd, 1, ASK_MS) == GOFER_OK);
        gf_rd_cmd_clear(&cmd);
    }
}

// One thread at a time; the others go on with what is known, but for the first time.
static void refresh(gf_rd_store *s)
{
    static const char *const words[] = { "HGET", HASH, "" };
    struct gf_rd_shard_cache *c = s->shards;
    int64_t now_ms = gf_mono_ms(), due_ms = atomic_load(&c->due_ms);
    if (due_ms == 0) {
        pthread_mutex_lock(&c->lock);
        if (atomic_load(&c->due_ms) == 0) {
            bool told = load(s, ASK_MS) == GOFER_OK;
            atomic_store(&c->due_ms, gf_mono_ms() + (told ? FRESH_MS : UNHEARD_MS));
        }
        pthread_mutex_unlock(&c->lock);
        return;
    }
    if (now_ms < due_ms || !atomic_compare_exchange_strong(&c->due_ms, &due_ms, now_ms + FRESH_MS))
        return;
    redisReply *reply;
    gofer_status st = ask(s, words, 3, ASK_MS, &reply);
    int64_t version = st == GOFER_OK ? gf_rd_reply_int(reply, 0) : 0;
    if (reply)
        gf_rd_reply_free(reply);
    pthread_mutex_lock(&c->lock);
    bool changed = st == GOFER_OK && version != atomic_load(&c->version);
    if (changed)
        st = load(s, ASK_MS);
    gf_rd_shards *all = c->now;
    if (all)
        atomic_fetch_add(&all->refs, 1);
    pthread_mutex_unlock(&c->lock);
    look_at_ailing(s, all);
    gf_rd_shards_drop(all);
    if (st != GOFER_OK)
        atomic_store(&c->due_ms, gf_mono_ms() + UNHEARD_MS);
}

gf_rd_shards *gf_rd_shards_take(gf_rd_store *s)
{
    struct gf_rd_shard_cache *c = s->shards;
    if (gf_mono_ms() >= atomic_load_explicit(&c->due_ms, memory_order_relaxed))
        refresh(s);
    if (!atomic_load_explicit(&c->any, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&c->lock);
    gf_rd_shards *all = c->now && c->now->count ? c->now : NULL;
    if (all)
        atomic_fetch_add(&all->refs, 1);
    pthread_mutex_unlock(&c->lock);
    return all;
}

gofer_status gf_rd_shards_read(gf_rd_store *s, gf_rd_shards **out)
{
    struct gf_rd_shard_cache *c = s->shards;
    redisReply *reply;
    gofer_status st = ask_all(s, gf_rd_timeout(s), &reply);
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&c->lock);
    st = make_map(c, reply, out);
    pthread_mutex_unlock(&c->lock);
    gf_rd_reply_free(reply);
    return st;
}

int64_t gf_rd_shards_version(gf_rd_store *s)
{
    return atomic_load_explicit(&s->shards->version, memory_order_relaxed);
}

void gf_rd_shards_forget(gf_rd_store *s)
{
    atomic_store(&s->shards->due_ms, 0);
}

// ---- open and close -----------------------------------------------------------------------------

gofer_status gf_rd_shards_open(gf_rd_store *s)
{
    struct gf_rd_shard_cache *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("the sharded queues");
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        gf_free(c);
        return gf_fail_nomem("a lock");
    }
    s->shards = c;
    return GOFER_OK;
}

void gf_rd_shards_close(gf_rd_store *s)
{
    struct gf_rd_shard_cache *c = s->shards;
    if (!c)
        return;
    gf_rd_shards_drop(c->now);
    gf_names_clear(&c->names);
    if (s->process == gf_process_self())
        pthread_mutex_destroy(&c->lock);
    gf_free(c);
    s->shards = NULL;
}
