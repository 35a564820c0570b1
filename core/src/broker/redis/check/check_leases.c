// check_leases.c - the check of leases against active tasks, and of groups against
// their names and sets.
#include "broker/redis/check/check.h"
#include "redis_scripts.h"

enum { CRASH_LIMIT = 3 };                // as a worker's default

// ---- leases -------------------------------------------------------------------------------------

static const gf_rd_script leases_script = {
    .name = "look at leases",
    .text = gf_rd_lua_check_leases,
    .allow_oom = true,
};

enum { LEASE_KINDS = 3 };
static const gf_rd_kind_of lease_kinds[LEASE_KINDS] = { GF_K_NO_LEASE, GF_K_NO_ACTIVE,
    GF_K_LEASE_OVER };

static gofer_status look_at_leases(gf_rd_checking *c, gf_rd_checked *q, bool again, bool *found)
{
    static const char *const rests[] = { GF_RD_KEYS_CHECK_LEASES(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, &leases_script, q->name, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, q->name, rests, COUNT_OF(rests));
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st == GOFER_ECORRUPT ? GOFER_OK : st;
    for (size_t i = 0; i < LEASE_KINDS; i++) {
        const redisReply *ids = gf_rd_reply_at(reply, i, REDIS_REPLY_ARRAY);
        size_t count = ids ? ids->elements : 0;
        int64_t less = gf_rd_check_noted(q, lease_kinds[i]) - (int64_t)count;
        if (again)
            gf_rd_check_mend(q, lease_kinds[i],
                (less > 0 ? less : 0) - gf_rd_check_mended(q, lease_kinds[i]));
        for (size_t j = 0; j < count && !again; j++)
            gf_rd_check_note(q, lease_kinds[i], ids->element[j]);
        *found |= count > 0;
    }
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

static gofer_status recover_all(gf_rd_checking *c)
{
    gf_rd_names fresh = { 0 };           // recovery goes by the names it knows: those that
                                         //   were just added, too
    gf_recovered step = { .requeued = 1 };
    gofer_status st = gf_rd_queues_get(c->store, 0, &fresh);
    gf_rd_names_free(&fresh);
    for (int i = 0; i < 10000 && st == GOFER_OK && step.requeued + step.archived > 0; i++) {
        step = (gf_recovered){ 0 };
        st = gf_rd_recover(&c->store->base, GF_RD_CHUNK, CRASH_LIMIT, &step);
    }
    return st;
}

gofer_status gf_rd_check_leases(gf_rd_checking *c)
{
    gofer_status st = GOFER_OK;
    bool found = false, still = false;
    for (size_t i = 0; i < c->count && st == GOFER_OK; i++)
        st = look_at_leases(c, c->queues[i], false, &found);
    if (st != GOFER_OK || !found || !c->visit.repair)
        return st;
    st = recover_all(c);
    for (size_t i = 0; i < c->count && st == GOFER_OK; i++)
        st = look_at_leases(c, c->queues[i], true, &still);
    return st;
}

// ---- groups -------------------------------------------------------------------------------------

static const gf_rd_script groups_script = {
    .name = "look at groups",
    .text = gf_rd_lua_check_groups,
    .allow_oom = true,
};

static void mend_noted(gf_rd_checked *q, gf_rd_kind_of kind)
{
    gf_rd_check_mend(q, kind, gf_rd_check_noted(q, kind) - gf_rd_check_mended(q, kind));
}

gofer_status gf_rd_check_groups(gf_rd_checking *c, gf_rd_checked *q)
{
    static const char *const rests[] = { GF_RD_KEYS_CHECK_GROUPS(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, &groups_script, q->name, false);
    cmd.reads = !c->visit.repair;
    gf_rd_add_keys(&cmd, keys, q->name, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[2], q->name, "g:");
    gf_rd_add(&cmd.args, keys[2].text);
    gf_rd_add(&cmd.args, c->visit.repair ? "1" : "");
    gf_rd_add_int(&cmd.args, GF_NAME_MAX);
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *unfit = gf_rd_reply_at(reply, 2, REDIS_REPLY_ARRAY);
    for (size_t i = 0; unfit && i < unfit->elements; i++)
        gf_rd_check_note(q, GF_K_NAME, unfit->element[i]);
    const redisReply *empty = gf_rd_reply_at(reply, 0, REDIS_REPLY_ARRAY),
                     *stale = gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY);
    for (size_t i = 0; empty && i < empty->elements; i++)
        gf_rd_check_note(q, GF_K_GROUP_EMPTY, empty->element[i]);
    if (c->visit.repair)
        mend_noted(q, GF_K_GROUP_EMPTY);
    for (size_t i = 0; stale && i < stale->elements; i++)
        gf_rd_check_note(q, GF_K_SET_STALE, stale->element[i]);
    size_t back = 0;
    if (stale && stale->elements > 0 && c->visit.repair &&
        gf_rd_group_reclaim(c->store, q->name, &back) == GOFER_OK)
        mend_noted(q, GF_K_SET_STALE);
    gf_rd_reply_free(reply);
    return st;
}
