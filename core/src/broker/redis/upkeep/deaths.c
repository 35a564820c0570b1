// deaths.c - what workers held when they died: counted over all queues when the first of a worker's
// tasks is taken back, and noted in the store, for its leases end one after another and others may
// take back the rest. A worker that lives after all forgets the note with its next heartbeat.
#include <stdio.h>
#include <string.h>

#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

enum {
    NAMES_AGE_MS = 5000,
    ACTIVE_AT_ONCE = 5000,         // active tasks of a queue looked at: far more than a worker
                                   //   holds
    KEEP_S = 600                   // a note outlives the last of the leases by so much
};

static const gf_rd_script count_script = {
    .name = "count held tasks",
    .text = gf_rd_lua_count_held,
};

static const gf_rd_script note_script = {
    .name = "note a death",
    .text = gf_rd_lua_note_death,
};

typedef struct one_death {
    char     worker[GF_RD_WORKER_MAX];
    gf_death death;
    int64_t  last;                 // latest end of a lease
    bool     known;
} one_death;

struct gf_rd_deaths {
    gf_rd_store *s;
    one_death   *all;
    size_t       count, capacity;
};

gofer_status gf_rd_deaths_open(gf_rd_store *s, gf_rd_deaths **out)
{
    gf_rd_deaths *d = gf_calloc(1, sizeof *d);
    if (!d)
        return gf_fail_nomem("the deaths of workers");
    d->s = s;
    *out = d;
    return GOFER_OK;
}

void gf_rd_deaths_close(gf_rd_deaths *d)
{
    if (d)
        gf_free(d->all);
    gf_free(d);
}

static one_death *find(const gf_rd_deaths *d, const char *worker)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->all[i].worker, worker) == 0)
            return &d->all[i];
    return NULL;
}

gofer_status gf_rd_deaths_add(gf_rd_deaths *d, const char *worker)
{
    if (!*worker || strlen(worker) >= GF_RD_WORKER_MAX || find(d, worker))
        return GOFER_OK;
    if (!gf_grow(d->all, d->capacity, d->count + 1))
        return gf_fail_nomem("the deaths of workers");
    one_death *new = &d->all[d->count++];
    *new = (one_death){ .known = false };
    snprintf(new->worker, sizeof new->worker, "%s", worker);
    return GOFER_OK;
}

// ---- the note --------------------------------------------------------------------------------

static void read_note(one_death *one, const redisReply *reply)
{
    long long held, on_trial;
    if (reply->type != REDIS_REPLY_STRING || sscanf(reply->str, "%lld %lld", &held, &on_trial) != 2)
        return;
    one->death = (gf_death){ held, on_trial };
    one->known = true;
}

static gofer_status recall(gf_rd_deaths *d, one_death *one)
{
    char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX], *key = keys[GF_RD_DIED];
    redisReply *reply;
    gf_rd_mailbox_of(one->worker, keys);
    gf_rd_cmd cmd = { .slot = gf_rd_slot(key, strlen(key)), .reads = true };
    gf_rd_add(&cmd.args, "GET");
    gf_rd_add(&cmd.args, key);
    gofer_status st = gf_rd_call(d->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    read_note(one, reply);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// A store that is full does not take it: then the rest is counted again, and may be judged by less.
static void note(gf_rd_deaths *d, one_death *one)
{
    char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX], *key = keys[GF_RD_DIED], text[48];
    redisReply *reply;
    gf_rd_mailbox_of(one->worker, keys);
    snprintf(text, sizeof text, "%lld %lld", (long long)one->death.held,
        (long long)one->death.on_trial);
    gf_rd_cmd cmd = { .script = &note_script, .key_count = 1, .slot = gf_rd_slot(key, strlen(key)),
        .repeatable = true };
    gf_rd_add(&cmd.args, key);
    gf_rd_add(&cmd.args, text);
    gf_rd_add_int(&cmd.args, one->last);
    gf_rd_add_int(&cmd.args, KEEP_S);
    one->known = true;
    if (gf_rd_call(d->s, &cmd, &reply) != GOFER_OK)
        return;
    read_note(one, reply);
    gf_rd_reply_free(reply);
}

// ---- counting --------------------------------------------------------------------------------

static gofer_status add_unknown(void *arg, size_t i, gf_rd_args *args)
{
    const gf_rd_deaths *d = arg;
    (void)i;
    gf_rd_add_int(args, ACTIVE_AT_ONCE);
    for (size_t w = 0; w < d->count; w++)
        if (!d->all[w].known)
            gf_rd_add(args, d->all[w].worker);
    return GOFER_OK;
}

static void on_counts(void *arg, size_t i, const redisReply *reply)
{
    gf_rd_deaths *d = arg;
    size_t at = 0;
    (void)i;
    for (size_t w = 0; w < d->count && at + 2 < reply->elements; w++) {
        one_death *one = &d->all[w];
        if (one->known)
            continue;
        int64_t last = gf_rd_reply_int(reply->element[at + 2], 0);
        one->death.held += gf_rd_reply_int(reply->element[at], 0);
        one->death.on_trial += gf_rd_reply_int(reply->element[at + 1], 0);
        one->last = last > one->last ? last : one->last;
        at += 3;
    }
}

static gofer_status count_held(gf_rd_deaths *d)
{
    static const char *const rests[] = { GF_RD_KEYS_COUNT_HELD(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = {
        .script = &count_script, .rests = rests, .reads = true, .add = add_unknown,
        .on_answer = on_counts,
    };
    gf_rd_names names;
    gofer_status st = gf_rd_queues_get(d->s, NAMES_AGE_MS, &names);
    if (st != GOFER_OK)
        return st;
    st = gf_rd_sweep_run(d->s, &sweep, (const char *const *)names.names, names.count, d);
    gf_rd_names_free(&names);
    return st;
}

gofer_status gf_rd_deaths_learn(gf_rd_deaths *d)
{
    bool unknown = false;
    for (size_t i = 0; i < d->count; i++) {
        one_death *one = &d->all[i];
        gofer_status st = one->known ? GOFER_OK : recall(d, one);
        if (st != GOFER_OK)
            return st;
        if (!one->known)
            one->death = (gf_death){ 0 };
        unknown |= !one->known;
    }
    gofer_status st = unknown ? count_held(d) : GOFER_OK;
    for (size_t i = 0; st == GOFER_OK && i < d->count; i++)
        if (!d->all[i].known)
            note(d, &d->all[i]);
    return st;
}

gf_death gf_rd_deaths_of(const gf_rd_deaths *d, const char *worker)
{
    const one_death *one = find(d, worker);
    return one && one->known ? one->death : (gf_death){ .held = 1 };
}
