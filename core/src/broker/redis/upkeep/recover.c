// recover.c - tasks whose worker died: which queues have any (expired.c moves them). And what no
// lease leads to: active ids without one, and groups whose aggregation was not finished.
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/error.h"

enum { WINDOW = 200 };             // active ids looked at for a lease in one look

// What a queue needs, as its look says.
enum { EXPIRED = 1, STALE_SETS = 2, LEASELESS = 4 };

static const gf_rd_script find_script = {
    .name = "look for lost tasks",
    .text = gf_rd_lua_find_expired_leases,
};

static const gf_rd_script lend_script = {
    .name = "give leases",
    .allow_oom = true,
    .text = gf_rd_lua_lend,
};

typedef struct recovering {
    gf_rd_store *s;
    const char **queues;           // at the front those that need something
    int64_t     *needs, *windows;  // of each of them
    size_t       found;
    size_t       limit;
    int32_t      crash_limit;
    gf_rd_deaths *deaths;
    gf_recovered did;
} recovering;

static size_t done(const recovering *r)
{
    return r->did.requeued + r->did.archived;
}

// ---- active without a lease ---------------------------------------------------------------------

_Static_assert(GF_RD_KEYS_MAX >= 0 GF_RD_KEYS_LEND(GF_RD_ONE), "room for its keys");
static gofer_status lend(recovering *r, const char *queue, int64_t window)
{
    static const char *const rests[] = { GF_RD_KEYS_LEND(GF_RD_REST) NULL };
    gf_rd_key keys[GF_RD_KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_upkeep_begin(&cmd, keys, &lend_script, queue, rests);
    gf_rd_add_int(&cmd.args, window);
    gf_rd_add_int(&cmd.args, WINDOW);
    gofer_status st = gf_rd_call(r->s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_upkeep_log(r->s, "active tasks without a lease were given one", queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0));
    gf_rd_upkeep_log_disorder(r->s, queue, reply, 1);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// ---- all queues ---------------------------------------------------------------------------------

static gofer_status add_find(void *arg, size_t i, gf_rd_args *args)
{
    (void)arg;
    (void)i;
    gf_rd_add_int(args, GF_RD_GRACE_MS / 1000);
    gf_rd_add_int(args, WINDOW);
    return GOFER_OK;
}

// Those before the i-th have been answered: the front is free to be used again.
static void on_found(void *arg, size_t i, const redisReply *reply)
{
    recovering *r = arg;
    int64_t what = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    if (!what)
        return;
    const char *queue = r->queues[i];
    r->queues[i] = r->queues[r->found];
    r->queues[r->found] = queue;
    r->needs[r->found] = what;
    r->windows[r->found++] = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0);
}

static gofer_status mend_queue(recovering *r, const char *queue, int64_t needs, int64_t window)
{
    size_t sets = 0;
    gofer_status st = GOFER_OK;
    if (needs & LEASELESS)
        st = lend(r, queue, window);
    if (st == GOFER_OK && (needs & EXPIRED))
        st = gf_rd_recover_expired(r->s, queue, r->limit, r->crash_limit, r->deaths, &r->did);
    if (st == GOFER_OK && (needs & STALE_SETS))
        st = gf_rd_group_reclaim(r->s, queue, &sets);
    return st;
}

// A queue in disorder is not in the way of the others.
static gofer_status mend(recovering *r)
{
    gofer_status first = GOFER_OK;
    size_t fine = 0;
    for (size_t i = 0; i < r->found && done(r) < r->limit; i++) {
        gofer_status st = mend_queue(r, r->queues[i], r->needs[i], r->windows[i]);
        fine += st == GOFER_OK;
        if (st == GOFER_OK)
            continue;
        first = first == GOFER_OK ? st : first;
        if (st != GOFER_ECORRUPT)
            break;
        gf_rd_upkeep_complain(r->s, r->queues[i], "recover");
    }
    return fine || done(r) ? GOFER_OK : first;
}

static gofer_status find_and_mend(recovering *r, size_t count)
{
    static const char *const rests[] = { GF_RD_KEYS_FIND_EXPIRED_LEASES(GF_RD_REST) NULL };
    static const gf_rd_sweep find = {
        .script = &find_script, .rests = rests, .reads = true, .add = add_find,
        .on_answer = on_found,
    };
    r->needs = gf_calloc(count + 1, sizeof *r->needs);
    r->windows = gf_calloc(count + 1, sizeof *r->windows);
    if (!r->needs || !r->windows)
        return gf_fail_nomem("a look for lost tasks");
    gofer_status st = gf_rd_sweep_run(r->s, &find, r->queues, count, r);
    bool holds = gf_rd_upkeep_holds(r->s, st);
    if (st != GOFER_OK || holds || r->found == 0)
        return st;
    st = gf_rd_deaths_open(r->s, &r->deaths);
    return st == GOFER_OK ? mend(r) : st;
}

gofer_status gf_rd_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out)
{
    recovering r = { .s = (gf_rd_store *)b, .limit = limit, .crash_limit = crash_limit };
    gf_rd_round round;
    out->requeued = out->archived = 0;
    r.did = *out;
    gofer_status st = gf_rd_check(r.s);
    int64_t again_ms;
    if (st == GOFER_OK && !gf_rd_elected(r.s, GF_RD_RECOVER, &again_ms))
        return GOFER_OK;
    if (st == GOFER_OK)
        st = gf_rd_round_begin(r.s, GF_RD_RECOVER, &round);
    if (st != GOFER_OK) {
        if (st != GOFER_EFORKED)
            gf_rd_upkeep_holds(r.s, st);
        return st;
    }
    r.queues = round.queues;
    st = find_and_mend(&r, round.count);
    *out = r.did;
    gf_rd_deaths_close(r.deaths);
    gf_free(r.needs);
    gf_free(r.windows);
    gf_rd_round_end(&round);
    return st;
}
