// grants.c - limits that all queues of a Cluster count for: how many of a key may run is shared out
// among the queues, as what each is granted.
//
// Scripts on a queue see no other queue's slot. So each queue has a grant of a key, which its
// scripts go by as if it were the limit, and the sum of all is never above the limit: what they are
// is noted at home, in the slot of the limits, before a queue is told of more, and noted as less
// only when a look has found that the queue has less (scripts/share_limits.lua). Starts of a rate
// are given away in the same way, a few at a time.
//
// Here they are carried: which keys tasks wait for (find), what each queue has of these (look),
// what is decided about it at home (share), and what comes of that (tell). Who does it may die
// between any two steps, and others may do the same meanwhile: each look has a number, and what was
// decided by an older one is not believed, neither at home nor in a queue. tests/model/grant.pml
// has been through all orders of these steps.
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum {
    KEYS_AT_ONCE = 100,
    SAID = 9,                          // words of a key in look_at_grants.lua, behind its number
    IDLE_MS = GF_LIMIT_LOOK_MS,        // who waits and was not told of is found so late
    SHARED_MS = IDLE_MS - 500,
    TURN_MS = 2000,                    // who shares and dies is followed so late
    ALONE_MS = 30000,                  // it may not be known yet that it is a Cluster
    ASK_MS = 100,
    RUNG_MS = 1000                     // another who shares has looked at all by then
};

static const gf_rd_script turn_script = {
    .name = "share out limits in turn",
    .text = gf_rd_lua_share_turn,
    .allow_oom = true,
};

static const gf_rd_script find_script = {
    .name = "find keys that lack a grant",
    .text = gf_rd_lua_find_grants,
    .allow_oom = true,
};

static const gf_rd_script look_script = {
    .name = "look at grants",
    .text = gf_rd_lua_look_at_grants,
    .allow_oom = true,
};

static const gf_rd_script share_script = {
    .name = "share out limits",
    .text = gf_rd_lua_share_limits,
    .allow_oom = true,
};

static const gf_rd_script set_script = {
    .name = "set grants",
    .text = gf_rd_lua_set_grants,
    .allow_oom = true,
};

// What a queue has said of a key; numbers of both from 1.
typedef struct saying {
    int64_t key, queue, said[SAID];
} saying;

typedef struct sharing {
    gf_rd_store *s;
    const char  *name;                 // of the limit whose keys are all looked at; "": of none
    gf_names     queues, keys;
    size_t       first, count;         // of the keys, those that are shared out now
    const char **swept;                // what a sweep goes over,
    size_t      *places;               //   and which of the queues each is
    int64_t     *times;                // of each queue, by its clock (µs); 0: it did not answer
    saying      *sayings;
    size_t       saying_count, saying_room;
    redisReply  *decided;
    int64_t      waiting, wait_ms;     // tasks, and when to look again
    bool         lacks_memory;
} sharing;

// ---- find ---------------------------------------------------------------------------------------

static gofer_status add_name(void *arg, size_t i, gf_rd_args *args)
{
    const sharing *g = arg;
    (void)i;
    gf_rd_add(args, g->name);
    return GOFER_OK;
}

static void on_found(void *arg, size_t i, const redisReply *reply)
{
    sharing *g = arg;
    (void)i;
    for (size_t k = 0; reply->type == REDIS_REPLY_ARRAY && k < reply->elements; k++)
        if (gf_rd_reply_is_text(reply->element[k]) &&
            !gf_names_add(&g->keys, reply->element[k]->str))
            g->lacks_memory = true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_doubles(gf_names *names)
{
    size_t kept = 0;
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, by_text);
    for (size_t i = 0; i < names->count; i++) {
        if (kept && strcmp(names->names[kept - 1], names->names[i]) == 0)
            gf_free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
}

static gofer_status find(sharing *g)
{
    static const char *const rests[] = { GF_RD_KEYS_FIND_GRANTS(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = { .script = &find_script,
        .rests = rests,
        .reads = true,
        .add = add_name,
        .on_answer = on_found };
    gofer_status st = gf_rd_sweep_run(g->s, &sweep, g->swept, g->queues.count, g);
    if (st == GOFER_OK && g->lacks_memory)
        st = gf_fail_nomem("limit keys");
    drop_doubles(&g->keys);
    return st;
}

// ---- look ---------------------------------------------------------------------------------------

static gofer_status add_keys(void *arg, size_t i, gf_rd_args *args)
{
    const sharing *g = arg;
    (void)i;
    for (size_t k = 0; k < g->count; k++)
        gf_rd_add(args, g->keys.names[g->first + k]);
    return GOFER_OK;
}

static void on_look(void *arg, size_t i, const redisReply *reply)
{
    sharing *g = arg;
    g->times[i] = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING), 0);
    for (size_t at = 1; g->times[i] && at + SAID < reply->elements; at += SAID + 1) {
        saying one = { .key = gf_rd_reply_int(reply->element[at], 0), .queue = (int64_t)i + 1 };
        for (size_t k = 0; k < SAID; k++)
            one.said[k] = gf_rd_reply_int(reply->element[at + 1 + k], 0);
        if (!gf_grow(g->sayings, g->saying_room, g->saying_count + 1)) {
            g->lacks_memory = true;
            return;
        }
        g->sayings[g->saying_count++] = one;
    }
}

static gofer_status look(sharing *g)
{
    static const char *const rests[] = { GF_RD_KEYS_LOOK_AT_GRANTS(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = { .script = &look_script,
        .rests = rests,
        .repeatable = true,
        .add = add_keys,
        .on_answer = on_look };
    g->saying_count = 0;
    memset(g->times, 0, g->queues.count * sizeof *g->times);
    for (size_t i = 0; i < g->queues.count; i++)
        g->swept[i] = g->queues.names[i];
    gofer_status st = gf_rd_sweep_run(g->s, &sweep, g->swept, g->queues.count, g);
    return st == GOFER_OK && g->lacks_memory ? gf_fail_nomem("what queues are granted") : st;
}

// ---- share --------------------------------------------------------------------------------------

static int by_key(const void *a, const void *b)
{
    const saying *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->queue > y->queue) - (x->queue < y->queue);
}

// Of those that answered their places among these, from 1.
static void add_queues(sharing *g, gf_rd_args *args)
{
    for (size_t i = 0; i < g->queues.count; i++) {
        gf_rd_add(args, g->queues.names[i]);
        gf_rd_add_int(args, g->times[i]);
    }
}

static void add_sayings(const sharing *g, gf_rd_args *args)
{
    for (size_t k = 0, at = 0; k < g->count; k++) {
        size_t first = at;
        while (at < g->saying_count && g->sayings[at].key == (int64_t)k + 1)
            at++;
        gf_rd_add(args, g->keys.names[g->first + k]);
        gf_rd_add_int(args, (int64_t)(at - first));
        for (size_t i = first; i < at; i++) {
            gf_rd_add_int(args, g->sayings[i].queue);
            for (size_t n = 0; n < SAID; n++)
                gf_rd_add_int(args, g->sayings[i].said[n]);
        }
    }
}

static gofer_status share(sharing *g)
{
    bool complete = true;
    for (size_t i = 0; i < g->queues.count; i++)
        complete = complete && g->times[i];
    if (g->saying_count > 1)
        qsort(g->sayings, g->saying_count, sizeof *g->sayings, by_key);
    gf_rd_cmd cmd = { .script = &share_script,
        .key_count = 2,
        .slot = gf_rd_slot(GF_RD_LIMITS, sizeof GF_RD_LIMITS - 1) };
    gf_rd_add(&cmd.args, GF_RD_LIMITS);
    gf_rd_add(&cmd.args, GF_RD_PAUSES_OF_ALL);
    enum { GF_RD_ARGS_SHARE_LIMITS(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [COMPLETE] = gf_rd_arg_text(complete ? "1" : ""),
        [LEASE_MS] = gf_rd_arg_int(GF_RD_GO_GRACE_MS),
        [QUEUES] = gf_rd_arg_int((int64_t)g->queues.count),
    };
    gf_rd_add_all(&cmd.args, words, COUNT);
    add_queues(g, &cmd.args);
    add_sayings(g, &cmd.args);
    gf_rd_reply_free(g->decided);
    g->decided = NULL;
    gofer_status st = gf_rd_call(g->s, &cmd, &g->decided);
    if (st != GOFER_OK)
        return st;
    g->waiting += gf_rd_reply_int(gf_rd_reply_at(g->decided, 0, REDIS_REPLY_INTEGER), 0);
    int64_t wait_ms = gf_rd_reply_int(gf_rd_reply_at(g->decided, 1, REDIS_REPLY_INTEGER), IDLE_MS);
    g->wait_ms = wait_ms < g->wait_ms ? wait_ms : g->wait_ms;
    return GOFER_OK;
}

// ---- tell ---------------------------------------------------------------------------------------

enum { TELL_KEY, TELL_QUEUE, TELL_NUMBER, TELL_GOAL, TELL_MORE, TELL_LETTERS, TELL_WORDS };
enum { TELL_FIRST = 2 };               // in the answer from home

// The i-th gift's words; NULL: there is none.
static redisReply *const *gift(const sharing *g, size_t i)
{
    size_t at = TELL_FIRST + i * TELL_WORDS;
    return at + TELL_WORDS <= g->decided->elements ? g->decided->element + at : NULL;
}

static gofer_status add_gifts(void *arg, size_t i, gf_rd_args *args)
{
    const sharing *g = arg;
    redisReply *const *words;
    for (size_t k = 0; (words = gift(g, k)) != NULL; k++) {
        int64_t key = gf_rd_reply_int(words[TELL_KEY], 0);
        if (gf_rd_reply_int(words[TELL_QUEUE], 0) != (int64_t)g->places[i] + 1 || key < 1 ||
            (size_t)key > g->count)
            continue;
        gf_rd_add(args, g->keys.names[g->first + (size_t)key - 1]);
        gf_rd_add_int(args, gf_rd_reply_int(words[TELL_NUMBER], 0));
        gf_rd_add_int(args, gf_rd_reply_int(words[TELL_GOAL], 0));
        gf_rd_add_int(args, gf_rd_reply_int(words[TELL_MORE], 0));
        gf_rd_add(args, gf_rd_reply_is_text(words[TELL_LETTERS]) ? words[TELL_LETTERS]->str : "");
    }
    return GOFER_OK;
}

static void on_told(void *arg, size_t i, const redisReply *reply)
{
    const sharing *g = arg;
    bool lacks = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0) == 1;
    if (lacks && gf_rd_limits_copy(g->s, g->swept[i]) != GOFER_OK)
        gf_rd_upkeep_complain(g->s, g->swept[i], "copy the limits");
}

// Only those queues that there is something to tell of.
static gofer_status tell(sharing *g)
{
    static const char *const rests[] = { GF_RD_KEYS_SET_GRANTS(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = { .script = &set_script,
        .rests = rests,
        .add = add_gifts,
        .on_answer = on_told };
    redisReply *const *words;
    size_t count = 0;
    bool *told = gf_calloc(g->queues.count, sizeof *told);
    if (!told)
        return gf_fail_nomem("what queues are granted");
    for (size_t k = 0; (words = gift(g, k)) != NULL; k++) {
        int64_t queue = gf_rd_reply_int(words[TELL_QUEUE], 0);
        if (queue >= 1 && (size_t)queue <= g->queues.count)
            told[queue - 1] = true;
    }
    for (size_t i = 0; i < g->queues.count; i++)
        if (told[i]) {
            g->places[count] = i;
            g->swept[count++] = g->queues.names[i];
        }
    gf_free(told);
    return count ? gf_rd_sweep_run(g->s, &sweep, g->swept, count, g) : GOFER_OK;
}

// ---- all of it ----------------------------------------------------------------------------------

static gofer_status sharing_begin(sharing *g)
{
    gofer_status st = gf_rd_limits_queues(g->s, &g->queues);
    if (st != GOFER_OK || g->queues.count == 0)
        return st;
    g->swept = gf_calloc(g->queues.count, sizeof *g->swept);
    g->places = gf_calloc(g->queues.count, sizeof *g->places);
    g->times = gf_calloc(g->queues.count, sizeof *g->times);
    if (!g->swept || !g->places || !g->times)
        return gf_fail_nomem("what queues are granted");
    for (size_t i = 0; i < g->queues.count; i++)
        g->swept[i] = g->queues.names[i];
    return find(g);
}

static void sharing_end(sharing *g)
{
    gf_rd_reply_free(g->decided);
    gf_free(g->sayings);
    gf_free(g->times);
    gf_free(g->places);
    gf_free((void *)g->swept);
    gf_names_clear(&g->keys);
    gf_names_clear(&g->queues);
}

static gofer_status share_all(sharing *g)
{
    gofer_status st = sharing_begin(g);
    for (g->first = 0; st == GOFER_OK && g->first < g->keys.count; g->first += g->count) {
        size_t left = g->keys.count - g->first;
        g->count = left < KEYS_AT_ONCE ? left : KEYS_AT_ONCE;
        st = look(g);
        if (st == GOFER_OK)
            st = share(g);
        if (st == GOFER_OK)
            st = tell(g);
    }
    sharing_end(g);
    return st;
}

void gf_rd_limits_regrant(gf_rd_store *s, const char *name)
{
    sharing g = { .s = s, .name = name, .wait_ms = IDLE_MS };
    if (gf_rd_net_server(s->net).is_cluster)
        share_all(&g);
}

// ---- the duty -----------------------------------------------------------------------------------

bool gf_rd_limit_rung(gf_broker *b)
{
    return atomic_load_explicit(&((gf_rd_store *)b)->limits_rung, memory_order_relaxed) != 0;
}

// urgent: "1", "", or "0", as share_turn.lua has it.
static gofer_status ask_turn(gf_rd_store *s, const char *urgent, bool *mine)
{
    static const char sharer[] = GF_RD_BESIDE_LIMITS "sharer";
    static const char shared[] = GF_RD_BESIDE_LIMITS "shared";
    gf_rd_cmd cmd = { .script = &turn_script,
        .key_count = 2,
        .slot = gf_rd_slot(sharer, sizeof sharer - 1),
        .repeatable = true };
    int64_t answer;
    gf_rd_add(&cmd.args, sharer);
    gf_rd_add(&cmd.args, shared);
    enum { GF_RD_ARGS_SHARE_TURN(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = {
        [ID] = gf_rd_arg_text(s->sharer),
        [URGENT] = gf_rd_arg_text(urgent),
        [LEASE_MS] = gf_rd_arg_int(TURN_MS),
        [WHILE_MS] = gf_rd_arg_int(SHARED_MS),
    };
    gf_rd_add_all(&cmd.args, words, COUNT);
    gofer_status st = gf_rd_call_int(s, &cmd, &answer);
    *mine = st == GOFER_OK && answer == 1;
    return st;
}

gofer_status gf_rd_limit_share(gf_broker *b, int64_t *wait_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    bool mine;
    gofer_status st = gf_rd_check(s);
    *wait_ms = ALONE_MS;
    if (st != GOFER_OK || !gf_rd_net_server(s->net).is_cluster)
        return st;
    *wait_ms = IDLE_MS;
    int64_t now_ms = gf_mono_ms();
    if (atomic_exchange(&s->limits_rung, 0))
        atomic_store(&s->share_until_ms, now_ms + RUNG_MS);
    bool urgent = now_ms < atomic_load(&s->share_until_ms);
    st = ask_turn(s, urgent ? "1" : "", &mine);
    if (st != GOFER_OK || !mine) {
        *wait_ms = urgent ? ASK_MS : IDLE_MS;
        return st;
    }
    sharing g = { .s = s, .name = "", .wait_ms = IDLE_MS };
    st = share_all(&g);
    if (st != GOFER_OK)
        return st;
    *wait_ms = g.wait_ms;
    if (g.wait_ms < IDLE_MS)
        atomic_store(&s->share_until_ms, gf_mono_ms() + g.wait_ms + RUNG_MS);
    else
        atomic_store(&s->share_until_ms, 0);
    return g.waiting > 0 ? GOFER_OK : ask_turn(s, "0", &mine);
}
