// upkeep.c - housekeeping: which queues a call looks at, and asking them all in pipelines. What is
// done then is in forward.c, recover.c and purge.c.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/shard/shard.h"
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum {
    ROUND_QUEUES = 1000,           // of those we do not serve, looked at in one call
    SERVED_MAX = 2000,             // of those we serve: others are looked at with the rest
    PIPELINE = 200,                // queues asked at once
    FEW_QUEUES = 1000,             // so few names are asked for anew every second,
    FEW_AGE_MS = 900,
    MANY_AGE_MS = 5000,            //   more of them not so often
    COMPLAIN_MS = 60000,
    HOLD_MS = 5000,                // after an outage: workers try to renew
                                   //   their leases every second
    GAP_MS = 10000                 // who has not looked for so long does not know of an outage
};

// What the archive's limits have deleted and the log does not yet say.
typedef struct trimmed {
    char    queue[GF_NAME_MAX + 1];    // "": none
    int64_t count;
    int64_t logged_ms;                 // monotonic, when it was logged the latest time
} trimmed;

enum { TRIMMED_QUEUES = 32, TRIMMED_MS = 60000 };

struct gf_rd_upkeep {
    pthread_mutex_t lock;          // for all below
    gf_rd_names     serving;
    size_t          serving_room;
    size_t          cursor[GF_RD_DUTIES];
    size_t          seen_count;    // names at the last look
    int64_t         complained_ms; // monotonic; 0: never
    int64_t         hold_until_ms; // monotonic, as is
    int64_t         looked_ms;     //   the latest look at leases; 0: never
    bool            away;
    trimmed         trimmed[TRIMMED_QUEUES];   // each queue in the place that its slot has
};

gofer_status gf_rd_upkeep_open(gf_rd_store *s)
{
    gf_rd_upkeep *k = gf_calloc(1, sizeof *k);
    if (!k)
        return gf_fail_nomem("housekeeping");
    if (pthread_mutex_init(&k->lock, NULL) != 0) {
        gf_free(k);
        return gf_fail_nomem("a lock");
    }
    // Workers begin at different places, so that many of them get around sooner.
    for (size_t i = 0; i < GF_RD_DUTIES; i++)
        k->cursor[i] = gf_random_below(UINT32_C(1) << 30);
    s->upkeep = k;
    return GOFER_OK;
}

// ---- what the archive had no room for -----------------------------------------------------------

static void log_one_trimmed(gf_rd_store *s, const trimmed *t)
{
    if (*t->queue)
        gf_rd_upkeep_log(s,
            "archived tasks were deleted: the archive keeps the latest 9,999 of a queue, for 90 "
            "days",
            t->queue, t->count);
}

// Those that were logged before that time.
static void log_trimmed(gf_rd_store *s, int64_t before_ms)
{
    gf_rd_upkeep *k = s->upkeep;
    for (size_t i = 0; i < TRIMMED_QUEUES; i++) {
        trimmed due = { 0 };
        pthread_mutex_lock(&k->lock);
        if (k->trimmed[i].count > 0 && k->trimmed[i].logged_ms < before_ms) {
            due = k->trimmed[i];
            k->trimmed[i].count = 0;
            k->trimmed[i].logged_ms = gf_mono_ms();
        }
        pthread_mutex_unlock(&k->lock);
        log_one_trimmed(s, &due);
    }
}

void gf_rd_upkeep_trimmed_due(gf_rd_store *s)
{
    log_trimmed(s, gf_mono_ms() - TRIMMED_MS);
}

void gf_rd_upkeep_trimmed(gf_rd_store *s, const char *queue, int64_t count)
{
    if (count <= 0)
        return;
    gf_rd_upkeep *k = s->upkeep;
    trimmed *t = &k->trimmed[gf_rd_queue_slot(queue) % TRIMMED_QUEUES], other = { 0 };
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&k->lock);
    if (strcmp(t->queue, queue) != 0) {
        other = *t;                        // has to make room
        *t = (trimmed){ .logged_ms = now_ms - TRIMMED_MS - 1 };
        snprintf(t->queue, sizeof t->queue, "%s", queue);
    }
    t->count += count;
    pthread_mutex_unlock(&k->lock);
    log_one_trimmed(s, &other);
    gf_rd_upkeep_trimmed_due(s);
}

void gf_rd_upkeep_close(gf_rd_store *s)
{
    gf_rd_upkeep *k = s->upkeep;
    if (!k)
        return;
    gf_rd_names_free(&k->serving);
    if (s->process == gf_process_self()) {
        log_trimmed(s, INT64_MAX);
        pthread_mutex_destroy(&k->lock);
    }
    gf_free(k);
    s->upkeep = NULL;
}

// ---- the queues of a call ----------------------------------------------------------------------

// Locks: k->lock held.
static bool serves(const gf_rd_upkeep *k, const char *queue)
{
    for (size_t i = 0; i < k->serving.count; i++)
        if (strcmp(k->serving.names[i], queue) == 0)
            return true;
    return false;
}

// Locks: k->lock held.
static gofer_status add_served(gf_rd_upkeep *k, const char *queue)
{
    if (!gf_grow(k->serving.names, k->serving_room, k->serving.count + 1))
        return gf_fail_nomem("names of queues");
    char *name = gf_strdup(queue);
    if (!name)
        return gf_fail_nomem("names of queues");
    k->serving.names[k->serving.count++] = name;
    return GOFER_OK;
}

gofer_status gf_rd_upkeep_serve(gf_rd_store *s, const char *queue)
{
    gf_rd_upkeep *k = s->upkeep;
    pthread_mutex_lock(&k->lock);
    bool has_it = k->serving.count >= SERVED_MAX || serves(k, queue);
    gofer_status st = has_it ? GOFER_OK : add_served(k, queue);
    pthread_mutex_unlock(&k->lock);
    return st;
}

// Locks: k->lock held.
static gofer_status copy_served(const gf_rd_upkeep *k, gf_rd_names *out)
{
    *out = (gf_rd_names){ 0 };
    if (k->serving.count == 0)
        return GOFER_OK;
    out->names = gf_calloc(k->serving.count, sizeof *out->names);
    if (!out->names)
        return gf_fail_nomem("names of queues");
    for (size_t i = 0; i < k->serving.count; i++) {
        out->names[i] = gf_strdup(k->serving.names[i]);
        if (!out->names[i])
            return gf_fail_nomem("names of queues");
        out->count++;
    }
    return GOFER_OK;
}

static bool is_among(const gf_rd_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return true;
    return false;
}

// Some slots of a sharded queue, by chance: all of its workers together look at each a few times as
// often as one that is alone, however many they are. All of them where nobody else looks. Their
// names are kept as long as the store.
static void choose_slots(const gf_rd_sharded *q, bool served, gf_rd_round *r)
{
    size_t others = q->total - 1;
    size_t some = served ? gf_rd_shared_out(q, others) : others > 0;
    some = r->alone ? others : some;
    size_t from = some < others ? gf_random_below((uint32_t)others) : 0;
    for (size_t i = 0; i < some; i++)
        r->queues[r->count++] = q->slots[1 + (from + i) % others];
}

// Locks: k->lock held.
static void choose(gf_rd_upkeep *k, gf_rd_duty duty, const gf_rd_shards *sharded, gf_rd_round *r)
{
    for (size_t i = 0; i < r->serving.count; i++)
        r->queues[r->count++] = r->serving.names[i];
    for (size_t i = 0; sharded && i < sharded->count; i++)
        choose_slots(&sharded->items[i], is_among(&r->serving, sharded->items[i].name), r);
    size_t all = r->seen.count, from = all ? k->cursor[duty] % all : 0, looked = 0;
    size_t room = r->count + ROUND_QUEUES;
    for (; looked < all && r->count < room; looked++) {
        const char *name = r->seen.names[(from + looked) % all];
        const gf_rd_slot_name *slot = gf_rd_shards_slot(sharded, name);
        if (!is_among(&r->serving, name) && (!slot || slot->number == 0))
            r->queues[r->count++] = name;
    }
    k->cursor[duty] = from + looked;
    k->seen_count = all;
}

gofer_status gf_rd_round_begin(gf_rd_store *s, gf_rd_duty duty, gf_rd_round *out)
{
    gf_rd_upkeep *k = s->upkeep;
    gf_rd_round r = { .alone = gf_rd_election_won(s) };
    pthread_mutex_lock(&k->lock);
    int64_t age_ms = k->seen_count <= FEW_QUEUES ? FEW_AGE_MS : MANY_AGE_MS;
    pthread_mutex_unlock(&k->lock);
    gofer_status st = gf_rd_queues_get(s, age_ms, &r.seen);
    if (st != GOFER_OK)
        return st;
    gf_rd_shards *sharded = gf_rd_shards_take(s);
    pthread_mutex_lock(&k->lock);
    st = copy_served(k, &r.serving);
    if (st == GOFER_OK) {
        size_t slots = sharded ? sharded->slot_count : 0;
        r.queues = gf_calloc(r.serving.count + r.seen.count + slots + 1, sizeof *r.queues);
        st = r.queues ? GOFER_OK : gf_fail_nomem("names of queues");
    }
    if (st == GOFER_OK)
        choose(k, duty, sharded, &r);
    pthread_mutex_unlock(&k->lock);
    gf_rd_shards_drop(sharded);
    gf_rd_election_crowded(s, r.seen.count > ROUND_QUEUES);
    if (st != GOFER_OK)
        gf_rd_round_end(&r);
    else
        *out = r;
    return st;
}

void gf_rd_round_end(gf_rd_round *r)
{
    gf_rd_names_free(&r->serving);
    gf_rd_names_free(&r->seen);
    gf_free(r->queues);
    *r = (gf_rd_round){ 0 };
}

// ---- asking them all ----------------------------------------------------------------------------

// The keys of a call, one after another; the last is the tasks' prefix.
static char *make_keys(const char *queue, const char *const *rests)
{
    size_t size = sizeof "t:" + strlen(queue) + 10, at = 0;
    for (size_t i = 0; rests[i]; i++)
        size += strlen(queue) + strlen(rests[i]) + 11;
    char *keys = gf_alloc(size);
    gf_rd_key key;
    for (size_t i = 0; keys; i++) {
        gf_rd_key_of(&key, queue, rests[i] ? rests[i] : "t:");
        memcpy(keys + at, key.text, strlen(key.text) + 1);
        at += strlen(key.text) + 1;
        if (!rests[i])
            break;
    }
    return keys;
}

static gofer_status add_keys(gf_rd_cmd *cmd, char *keys, const char *const *rests)
{
    if (!keys)
        return gf_fail_nomem("names of keys");
    size_t count = 0;
    while (rests[count])
        count++;
    for (size_t i = 0; i <= count; i++) {
        gf_rd_add(&cmd->args, keys);
        keys += strlen(keys) + 1;
    }
    cmd->key_count = (int32_t)count;
    return GOFER_OK;
}

void gf_rd_upkeep_complain(gf_rd_store *s, const char *queue, const char *script)
{
    gf_rd_upkeep *k = s->upkeep;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&k->lock);
    bool silent = k->complained_ms && now_ms - k->complained_ms < COMPLAIN_MS;
    if (!silent)
        k->complained_ms = now_ms;
    pthread_mutex_unlock(&k->lock);
    if (!silent)
        gf_logf(&s->base.config.log, GOFER_LOG_WARN, "housekeeping failed in a queue; trying on",
            "queue", queue, "what", script, "error", gofer_error_last(), NULL);
}

// A sweep that is under way.
typedef struct sweeping {
    gf_rd_store       *s;
    const gf_rd_sweep *sweep;
    const char *const *queues;
    void              *arg;            // for the sweep's functions
    size_t             answered;       // queues, so far
} sweeping;

// Queues [first, first + count) in one pipeline.
static gofer_status sweep_some(sweeping *g, size_t first, size_t count)
{
    const gf_rd_sweep *w = g->sweep;
    gf_rd_cmd *cmds = gf_calloc(count, sizeof *cmds);
    char **keys = gf_calloc(count, sizeof *keys);
    gofer_status st = cmds && keys ? GOFER_OK : gf_fail_nomem("a look at queues");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const char *queue = g->queues[first + i];
        gf_rd_script_begin(&cmds[i], w->script, queue, w->repeatable);
        cmds[i].reads = w->reads;
        keys[i] = make_keys(queue, w->rests);
        st = add_keys(&cmds[i], keys[i], w->rests);
        if (st == GOFER_OK && w->add)
            st = w->add(g->arg, first + i, &cmds[i].args);
    }
    bool sent = st == GOFER_OK;
    if (sent)
        st = gf_rd_run_apart(g->s->net, cmds, count, gf_rd_timeout(g->s));
    bool logged = false;
    for (size_t i = 0; i < count && sent; i++) {
        if (cmds[i].status == GOFER_OK) {
            g->answered++;
            w->on_answer(g->arg, first + i, cmds[i].reply);
        } else if (!logged && count > 1) {
            gf_rd_upkeep_complain(g->s, g->queues[first + i], w->script->name);
            logged = true;
        }
    }
    for (size_t i = 0; i < count && cmds && keys; i++) {
        gf_rd_cmd_clear(&cmds[i]);
        gf_free(keys[i]);
    }
    gf_free(cmds);
    gf_free(keys);
    return st;
}

gofer_status gf_rd_sweep_run(gf_rd_store *s, const gf_rd_sweep *w, const char *const *queues,
    size_t count, void *arg)
{
    sweeping g = { .s = s, .sweep = w, .queues = queues, .arg = arg };
    gofer_status first = GOFER_OK;
    for (size_t at = 0; at < count; at += PIPELINE) {
        size_t some = count - at < PIPELINE ? count - at : PIPELINE, before = g.answered;
        gofer_status st = sweep_some(&g, at, some);
        if (st != GOFER_OK && first == GOFER_OK)
            first = st;
        if (st == GOFER_ENOMEM || (st != GOFER_OK && g.answered == before))
            break;                 // the store is away: the others would only cost
                                   //   another timeout each
    }
    return g.answered ? GOFER_OK : first;
}

// ---- small things -------------------------------------------------------------------------------

void gf_rd_upkeep_log(gf_rd_store *s, const char *text, const char *queue, int64_t count)
{
    char number[32];
    if (count <= 0)
        return;
    snprintf(number, sizeof number, "%lld", (long long)count);
    gf_logf(&s->base.config.log, GOFER_LOG_WARN, text, "queue", queue, "#count", number, NULL);
}

int64_t gf_rd_reply_score(const redisReply *r)
{
    if (!r || r->type != REDIS_REPLY_STRING)
        return GF_RD_NEVER;
    double score = strtod(r->str, NULL);
    if (!(score <= (double)GF_RD_LAST_S))
        return GF_RD_NEVER;
    int64_t whole = score < 0 ? 0 : (int64_t)score;
    return (double)whole < score ? whole + 1 : whole;
}

int64_t gf_rd_reply_time_ms(const redisReply *r, size_t at)
{
    int64_t s = gf_rd_reply_int(gf_rd_reply_at(r, at, REDIS_REPLY_STRING), 0);
    int64_t us = gf_rd_reply_int(gf_rd_reply_at(r, at + 1, REDIS_REPLY_STRING), 0);
    return s * 1000 + us / 1000;
}

bool gf_rd_upkeep_holds(gf_rd_store *s, gofer_status st)
{
    gf_rd_upkeep *k = s->upkeep;
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&k->lock);
    bool was_away = k->away || (k->looked_ms && now_ms - k->looked_ms > GAP_MS);
    k->looked_ms = now_ms;
    k->away = st == GOFER_EBROKER || st == GOFER_ETIMEOUT || st == GOFER_EUNCERTAIN;
    if (was_away && !k->away)
        k->hold_until_ms = now_ms + HOLD_MS;
    bool holds = now_ms < k->hold_until_ms;
    pthread_mutex_unlock(&k->lock);
    return holds;
}

// ---- one queue ----------------------------------------------------------------------------------

void gf_rd_upkeep_begin(gf_rd_cmd *cmd, gf_rd_key keys[GF_RD_KEYS_MAX + 1],
    const gf_rd_script *script, const char *queue, const char *const *rests)
{
    size_t count = 0;
    gf_rd_script_begin(cmd, script, queue, false);
    for (; rests[count]; count++) {
        gf_rd_key_of(&keys[count], queue, rests[count]);
        gf_rd_add(&cmd->args, keys[count].text);
    }
    cmd->key_count = (int32_t)count;
    gf_rd_key_of(&keys[count], queue, "t:");
    gf_rd_add(&cmd->args, keys[count].text);
}

void gf_rd_upkeep_log_disorder(gf_rd_store *s, const char *queue, const redisReply *reply,
    size_t at)
{
    gf_rd_upkeep_log(s, "active ids without a task were dropped", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, at, REDIS_REPLY_INTEGER), 0));
    gf_rd_upkeep_log(s,
        "tasks that are not active had left an active id or a lease: it was dropped",
        queue, gf_rd_reply_int(gf_rd_reply_at(reply, at + 1, REDIS_REPLY_INTEGER), 0));
}
