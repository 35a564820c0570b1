// purge.c - what is kept no longer: completed tasks past their retention, and the archive's limits.
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/error.h"

static const gf_rd_script find_script = {
    .name = "look for expired tasks",
    .text = gf_rd_lua_find_expired_tasks,
};

static const gf_rd_script purge_script = {
    .name = "purge",
    .allow_oom = true,
    .text = gf_rd_lua_purge,
};

typedef struct purging {
    gf_rd_store *s;
    const char **queues;           // at the front those where there is something
    size_t       found;
    size_t       share, done;
    size_t       left;             // queues that may have more
} purging;

static void on_found(void *arg, size_t i, const redisReply *reply)
{
    purging *p = arg;
    if (gf_rd_reply_int(reply, 0) == 1) {
        // Those before i have been answered: the front is free to be used again.
        const char *queue = p->queues[i];
        p->queues[i] = p->queues[p->found];
        p->queues[p->found++] = queue;
    }
}

static gofer_status add_share(void *arg, size_t i, gf_rd_args *args)
{
    const purging *p = arg;
    (void)i;
    gf_rd_add_int(args, (int64_t)p->share);
    return GOFER_OK;
}

static void on_purge(void *arg, size_t i, const redisReply *reply)
{
    purging *p = arg;
    size_t count = (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    gf_rd_upkeep_trimmed(p->s, p->queues[i],
        gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    p->done += count;
    if (count == p->share) {
        const char *queue = p->queues[i];
        p->queues[i] = p->queues[p->left];
        p->queues[p->left++] = queue;
    }
}

// Each pass: an equal share for each queue that had so many in the one before.
static gofer_status purge_found(gf_rd_store *s, purging *p, size_t limit)
{
    static const char *const rests[] = { GF_RD_KEYS_PURGE(GF_RD_REST) NULL };
    static const gf_rd_sweep sweep = {
        .script = &purge_script,
        .rests = rests,
        .repeatable = true,
        .add = add_share,
        .on_answer = on_purge,
    };
    size_t count = p->found;
    while (count && p->done < limit) {
        size_t left = limit - p->done;
        count = count < left ? count : left;
        p->share = left / count < GF_RD_CHUNK ? left / count : GF_RD_CHUNK;
        p->left = 0;
        gofer_status st = gf_rd_sweep_run(s, &sweep, p->queues, count, p);
        if (st != GOFER_OK)
            return p->done ? GOFER_OK : st;
        count = p->left;
    }
    return GOFER_OK;
}

gofer_status gf_rd_purge(gf_broker *b, size_t limit, size_t *done)
{
    static const char *const rests[] = { GF_RD_KEYS_FIND_EXPIRED_TASKS(GF_RD_REST) NULL };
    static const gf_rd_sweep find = { .script = &find_script,
        .rests = rests,
        .reads = true,
        .on_answer = on_found };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_round round;
    gofer_status st = gf_rd_check(s);
    int64_t again_ms;
    if (st == GOFER_OK && !gf_rd_elected(s, GF_RD_PURGE, &again_ms)) {
        *done = 0;
        return GOFER_OK;
    }
    if (st == GOFER_OK)
        st = gf_rd_round_begin(s, GF_RD_PURGE, &round);
    if (st != GOFER_OK)
        return st;
    gf_rd_upkeep_trimmed_due(s);
    purging p = { .s = s, .queues = round.queues };
    st = gf_rd_sweep_run(s, &find, p.queues, round.count, &p);
    if (st == GOFER_OK)
        st = purge_found(s, &p, limit);
    if (st == GOFER_OK)
        *done = p.done;
    gf_rd_round_end(&round);
    return st;
}
