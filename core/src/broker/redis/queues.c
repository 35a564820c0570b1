// queues.c - the queues there are: Asynq's set of names, as others see it and as we last saw it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/text.h"

enum {
    ADDED_SLOTS = 64,              // names remembered as added, by their hash
    MEMBERS_MAX = 5000,            // names in one reply, if there are more
    CURSOR_ROOM = 32,
    ADD_AGAIN_MS = 50,             // somebody may remove the queue while we go on using it, and
                                   //   nobody sees it until then
    ADD_LATER_MS = 5000,           // after it failed: in a Cluster the names may be
                                   //   where nobody answers
    NAMES_A_MS = 2,                // so many more, and a page's names may be a millisecond older
    OLD_MS = 100                   // less is as good as none
};

typedef struct added {
    char    *name;                 // NULL: none
    int64_t  at_ms, again_ms;      // when, and after how long again
    bool     failed;               // the last time: its time is kept, whatever connections are made
    uint64_t epoch;
} added;

// Names in blocks of their own.
typedef struct packed {
    gf_rd_names names;             // they point into the texts
    size_t      room;
    char      **texts;
    size_t      text_count, text_room;
} packed;

struct gf_rd_queues {
    pthread_mutex_t lock;          // for all below
    added           added[ADDED_SLOTS];
    packed          seen;
    int64_t         seen_ms;       // monotonic; 0: never
    bool            sorted;        // they are
};

static const char set_key[] = "asynq:queues";

static int32_t set_slot(void)
{
    return gf_rd_slot(set_key, sizeof set_key - 1);
}

static void packed_free(packed *p)
{
    for (size_t i = 0; i < p->text_count; i++)
        gf_free(p->texts[i]);
    gf_free(p->texts);
    gf_free(p->names.names);
    *p = (packed){ 0 };
}

gofer_status gf_rd_queue_add(gf_rd_store *s, const char *queue)
{
    gf_rd_cmd cmd = { .slot = set_slot(), .repeatable = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, "SADD");
    gf_rd_add(&cmd.args, set_key);
    gf_rd_add(&cmd.args, queue);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    return st;
}

gofer_status gf_rd_queues_open(gf_rd_store *s)
{
    gf_rd_queues *q = gf_calloc(1, sizeof *q);
    if (!q)
        return gf_fail_nomem("the list of queues");
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        gf_free(q);
        return gf_fail_nomem("a lock");
    }
    s->queues = q;
    return GOFER_OK;
}

void gf_rd_queues_close(gf_rd_store *s)
{
    gf_rd_queues *q = s->queues;
    if (!q)
        return;
    for (size_t i = 0; i < ADDED_SLOTS; i++)
        gf_free(q->added[i].name);
    packed_free(&q->seen);
    if (s->process == gf_process_self())
        pthread_mutex_destroy(&q->lock);
    gf_free(q);
    s->queues = NULL;
}

// ---- what there is -----------------------------------------------------------------------

void gf_rd_names_free(gf_rd_names *n)
{
    for (size_t i = 0; !n->text && i < n->count; i++)
        gf_free(n->names[i]);
    gf_free(n->text);
    gf_free(n->names);
    *n = (gf_rd_names){ 0 };
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void gf_rd_names_sort(gf_rd_names *n)
{
    if (n->count > 1)
        qsort(n->names, n->count, sizeof *n->names, by_text);
}

static gofer_status copy_names(char *const *from, size_t count, gf_rd_names *out)
{
    gf_rd_names copy = { 0 };
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(from[i]) + 1;
    if (count) {
        copy.names = gf_calloc(count, sizeof *copy.names);
        copy.text = gf_alloc(size);
        if (!copy.names || !copy.text) {
            gf_free(copy.text);
            gf_free(copy.names);
            return gf_fail_nomem("names of queues");
        }
    }
    for (char *to = copy.text; copy.count < count; copy.count++) {
        size_t its = strlen(from[copy.count]) + 1;
        copy.names[copy.count] = memcpy(to, from[copy.count], its);
        to += its;
    }
    *out = copy;
    return GOFER_OK;
}

// Asynq only asks that a name is not empty: what does not fit is left to its maker, and `gofer
// doctor` tells of it.
static bool usable(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_STRING && gf_name_fits(r->str, (size_t)r->len);
}

// All of a reply in one block: of very many names that is less than half of what one by one they
// take, and none of it lies among other memory.
static gofer_status pack_names(packed *p, const redisReply *reply)
{
    size_t count = reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0, size = 0;
    for (size_t i = 0; i < count; i++)
        size += usable(reply->element[i]) ? (size_t)reply->element[i]->len + 1 : 0;
    if (!size)
        return GOFER_OK;
    if (!gf_grow(p->names.names, p->room, p->names.count + count) ||
        !gf_grow(p->texts, p->text_room, p->text_count + 1))
        return gf_fail_nomem("names of queues");
    char *to = p->texts[p->text_count] = gf_alloc(size);
    if (!to)
        return gf_fail_nomem("names of queues");
    p->text_count++;
    for (size_t i = 0; i < count; i++) {
        const redisReply *name = reply->element[i];
        if (!usable(name))
            continue;
        memcpy(to, name->str, (size_t)name->len);
        to[name->len] = '\0';
        p->names.names[p->names.count++] = to;
        to += (size_t)name->len + 1;
    }
    return GOFER_OK;
}

static gofer_status ask_members(gf_rd_store *s, redisReply **reply)
{
    gf_rd_cmd cmd = { .slot = set_slot(), .reads = true };
    gf_rd_add(&cmd.args, "SMEMBERS");
    gf_rd_add(&cmd.args, set_key);
    return gf_rd_call(s, &cmd, reply);
}

static gofer_status ask_all(gf_rd_store *s, packed *out)
{
    redisReply *reply;
    packed_free(out);
    gofer_status st = ask_members(s, &reply);
    if (st != GOFER_OK)
        return st;
    st = pack_names(out, reply);
    gf_rd_reply_free(reply);
    return st;
}

// ---- very many names: in pieces, so that their reply is never in memory as a whole ------------

// The first time nobody knows yet.
static gofer_status are_many(gf_rd_store *s, size_t known, bool first, bool *many)
{
    redisReply *reply = NULL;
    gf_rd_cmd cmd = { .slot = set_slot(), .reads = true };
    *many = known > MEMBERS_MAX;
    if (!first)
        return GOFER_OK;
    gf_rd_add(&cmd.args, "SCARD");
    gf_rd_add(&cmd.args, set_key);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *many = gf_rd_reply_int(reply, 0) > MEMBERS_MAX;
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// *at: the cursor, "0" behind the last piece.
static gofer_status ask_piece(gf_rd_store *s, char at[CURSOR_ROOM], packed *out)
{
    gf_rd_cmd cmd = { .slot = set_slot(), .reads = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, "SSCAN");
    gf_rd_add(&cmd.args, set_key);
    gf_rd_add(&cmd.args, at);
    gf_rd_add(&cmd.args, "COUNT");
    gf_rd_add_int(&cmd.args, MEMBERS_MAX);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *next = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
    if (next && next->len < CURSOR_ROOM)
        snprintf(at, CURSOR_ROOM, "%s", next->str);
    else
        st = gf_fail(GOFER_ECORRUPT, "SSCAN was answered with something else");
    if (st == GOFER_OK)
        st = pack_names(out, gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY));
    gf_rd_reply_free(reply);
    return st;
}

// A name may come in two pieces.
static void drop_twins(gf_rd_names *names)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++)
        if (kept == 0 || strcmp(names->names[kept - 1], names->names[i]) != 0)
            names->names[kept++] = names->names[i];
    names->count = kept;
}

// Sorted. Not whole: a cursor means nothing to another server, and there may be one by now.
static gofer_status scan_names(gf_rd_store *s, packed *out, bool *whole)
{
    char at[CURSOR_ROOM] = "0";
    uint64_t remade = gf_rd_net_remade(s->net);
    gofer_status st;
    do
        st = ask_piece(s, at, out);
    while (st == GOFER_OK && strcmp(at, "0") != 0);
    *whole = st == GOFER_OK && gf_rd_net_remade(s->net) == remade;
    gf_rd_names_sort(&out->names);
    drop_twins(&out->names);
    return st;
}

gofer_status gf_rd_queues_unfit(gf_rd_store *s, void (*tell)(void *arg, const redisReply *name),
    void *arg)
{
    redisReply *reply;
    gofer_status st = ask_members(s, &reply);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (!usable(reply->element[i]))
            tell(arg, reply->element[i]);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// What is taken of the names that were seen.
typedef struct taking {
    const gf_queue_range *range;         // NULL: all, as they come
    gf_rd_names          *out;
    bool                 *more;
} taking;

// The first that is not before this name, or with `behind` not this one either.
static size_t place_of(const gf_rd_names *names, const char *name, bool behind)
{
    size_t from = 0, to = names->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(names->names[middle], name);
        if (order < 0 || (behind && order == 0))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

// Locks: q->lock held.
static gofer_status take_seen(gf_rd_queues *q, const taking *t)
{
    const gf_queue_range *r = t->range;
    gf_rd_names *seen = &q->seen.names;
    if (!r)
        return copy_names(seen->names, seen->count, t->out);
    if (!q->sorted)
        gf_rd_names_sort(seen);
    q->sorted = true;
    size_t from = place_of(seen, r->begin, false),
           behind = r->after ? place_of(seen, r->after, true) : 0, count = 0;
    from = behind > from ? behind : from;
    while (from + count < seen->count && (!r->limit || count <= r->limit) &&
        gf_queue_range_has(r, seen->names[from + count]))
        count++;
    *t->more = r->limit && count > r->limit;
    return copy_names(seen->names + from, count - *t->more, t->out);
}

static gofer_status take_names(gf_rd_store *s, int64_t max_age_ms, const taking *t)
{
    gf_rd_queues *q = s->queues;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&q->lock);
    // The more there are, the dearer they are to ask for, and the less it matters that one is new.
    int64_t by_count_ms = (int64_t)q->seen.names.count / NAMES_A_MS;
    if (t->range && max_age_ms && max_age_ms < by_count_ms)
        max_age_ms = by_count_ms;
    if (max_age_ms < OLD_MS)
        max_age_ms = 0;
    bool fresh = q->seen_ms && now_ms - q->seen_ms < max_age_ms;
    gofer_status st = fresh ? take_seen(q, t) : GOFER_OK;
    size_t known = q->seen.names.count;
    bool first = q->seen_ms == 0;
    pthread_mutex_unlock(&q->lock);
    if (fresh)
        return st;

    packed names = { 0 };
    bool many = false, whole = false;
    st = are_many(s, known, first, &many);
    if (st == GOFER_OK && many)
        st = scan_names(s, &names, &whole);
    // Only where the user may not ask so: whoever looks is to know of an outage, for workers could
    // not renew their leases in it.
    if (st == GOFER_EDENIED || (st == GOFER_OK && !whole))
        st = ask_all(s, &names);
    if (st != GOFER_OK) {
        packed_free(&names);
        return st;
    }
    pthread_mutex_lock(&q->lock);
    packed_free(&q->seen);
    q->seen = names;
    q->seen_ms = now_ms;
    q->sorted = whole;
    st = take_seen(q, t);
    pthread_mutex_unlock(&q->lock);
    return st;
}

gofer_status gf_rd_queues_get(gf_rd_store *s, int64_t max_age_ms, gf_rd_names *out)
{
    return take_names(s, max_age_ms, &(taking){ .out = out });
}

gofer_status gf_rd_queues_slice(gf_rd_store *s, int64_t max_age_ms, const gf_queue_range *range,
    gf_rd_names *out, bool *more)
{
    return take_names(s, max_age_ms, &(taking){ range, out, more });
}

bool gf_rd_queue_exists(gf_rd_store *s, const char *queue, gofer_status *st)
{
    gf_rd_cmd cmd = { .slot = set_slot(), .reads = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, "SISMEMBER");
    gf_rd_add(&cmd.args, set_key);
    gf_rd_add(&cmd.args, queue);
    *st = gf_rd_call(s, &cmd, &reply);
    if (*st != GOFER_OK)
        return false;
    bool exists = gf_rd_reply_int(reply, 0) == 1;
    gf_rd_reply_free(reply);
    return exists;
}

// ---- what we have added ------------------------------------------------------------------------

static size_t slot_of(const char *name)
{
    return (size_t)(gf_hash_text(name) >> 32) % ADDED_SLOTS;
}

bool gf_rd_queues_must_add(gf_rd_store *s, const char *queue)
{
    gf_rd_queues *q = s->queues;
    added *t = &q->added[slot_of(queue)];
    int64_t now_ms = gf_mono_ms();
    uint64_t epoch = gf_rd_net_epoch(s->net);
    pthread_mutex_lock(&q->lock);
    bool same = t->name && strcmp(t->name, queue) == 0;
    bool anew = same && !t->failed && t->epoch != epoch;
    bool adds = !same || anew || now_ms - t->at_ms >= t->again_ms;
    if (!same) {
        gf_free(t->name);
        t->name = gf_strdup(queue);        // no memory: added again the next time
    }
    if (adds) {
        t->at_ms = now_ms;
        t->again_ms = ADD_AGAIN_MS;
        t->epoch = epoch;
        t->failed = false;
    }
    pthread_mutex_unlock(&q->lock);
    return adds;
}

void gf_rd_queues_not_added(gf_rd_store *s, const char *queue)
{
    added *t = &s->queues->added[slot_of(queue)];
    pthread_mutex_lock(&s->queues->lock);
    if (t->name && strcmp(t->name, queue) == 0) {
        t->at_ms = gf_mono_ms();           // from the end of an attempt, which may have lasted
        t->again_ms = ADD_LATER_MS;
        t->failed = true;
    }
    pthread_mutex_unlock(&s->queues->lock);
}

void gf_rd_queues_forget(gf_rd_store *s, const char *queue)
{
    added *t = &s->queues->added[slot_of(queue)];
    pthread_mutex_lock(&s->queues->lock);
    if (t->name && strcmp(t->name, queue) == 0) {
        gf_free(t->name);
        t->name = NULL;
    }
    s->queues->seen_ms = 0;            // it is among them
    pthread_mutex_unlock(&s->queues->lock);
}
