// tenants.c - the door's table of tenants: weights are given and taken, and tenants listed. Who is
// next the scripts say that put and take (scripts/lib/enline.lua, draw.lua).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "broker/redis/shard/shard.h"
#include "broker/tenants.h"
#include "info/info.h"
#include "redis_scripts.h"
#include "util/error.h"

static const gf_rd_script weigh_script = {
    .name = "weigh a tenant",
    .text = gf_rd_lua_weigh_tenant,
};

static const gf_rd_script page_script = {
    .name = "list tenants",
    .text = gf_rd_lua_page_tenants,
};

static gofer_status begin(gf_rd_store *s, const char *queue)
{
    return gf_rd_check_unsharded(s, queue,
        "in each of its slots tenants share by themselves, and none has a weight");
}

// ---- weights ------------------------------------------------------------------------------------

// weight "": none of its own.
static gofer_status weigh(gf_rd_store *s, const char *queue, const char *name, const char *weight,
    int64_t *done)
{
    static const char *const rests[] = { GF_RD_KEYS_WEIGH_TENANT(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmd;
    gf_rd_script_begin(&cmd, &weigh_script, queue, *weight != '\0');
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, name);
    gf_rd_add(&cmd.args, weight);
    return gf_rd_call_int(s, &cmd, done);
}

static gofer_status name_queue(gf_rd_store *s, const char *queue)
{
    int64_t added;
    gf_rd_cmd cmd = { .slot = gf_rd_slot("asynq:queues", 12), .repeatable = true };
    gf_rd_add(&cmd.args, "SADD");
    gf_rd_add(&cmd.args, "asynq:queues");
    gf_rd_add(&cmd.args, queue);
    return gf_rd_call_int(s, &cmd, &added);
}

gofer_status gf_rd_tenant_put(gf_broker *b, const char *queue, const char *name, int64_t weight)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char text[24];
    int64_t done;
    gofer_status st = begin(s, queue);
    snprintf(text, sizeof text, "%lld", (long long)weight);
    if (st == GOFER_OK)
        st = name_queue(s, queue);
    return st == GOFER_OK ? weigh(s, queue, name, text, &done) : st;
}

gofer_status gf_rd_tenant_drop(gf_broker *b, const char *queue, const char *name)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t done = 0;
    gofer_status st = begin(s, queue);
    if (st == GOFER_OK)
        st = weigh(s, queue, name, "", &done);
    if (st == GOFER_OK && !done)
        return gf_fail(GOFER_ENOTFOUND, "the tenant '%s' has no weight in queue '%s'", name, queue);
    return st;
}

// ---- looking ------------------------------------------------------------------------------------

static gofer_status check_queue(gf_rd_store *s, const char *queue)
{
    gofer_status st;
    bool known = gf_rd_queue_exists(s, queue, &st);
    return st == GOFER_OK && !known ? gf_fail(GOFER_ENOTFOUND, "no queue '%s'", queue) : st;
}

// What another program has left there counts as nothing.
static int64_t number(const redisReply *r, int64_t none)
{
    int64_t n = gf_rd_reply_is_text(r) ? strtoll(r->str, NULL, 10) : 0;
    return n > 0 ? n : none;
}

static int add_tenants(gofer_info *list, const char *queue, const redisReply *reply, size_t limit)
{
    const char *last = "";
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 3 : 0;
    int bad = 0;
    for (size_t i = 0; i < count && !bad; i++) {
        redisReply *const *its = reply->element + 3 * i;
        if (i == limit)
            return gf_info_set_text(list, "next_cursor", last);
        if (!gf_rd_reply_is_text(its[0]))
            continue;
        int64_t weight = number(its[1], 1);
        weight = weight < GF_TENANT_WEIGHT_MAX ? weight : GF_TENANT_WEIGHT_MAX;
        last = its[0]->str;
        bad = gf_info_add(list, gf_tenant_info(&(gf_tenant_look){
            .name = last,
            .queue = queue,
            .weight = weight,
            .waiting = gf_tenant_waiting(number(its[2], 0), 0, weight),
        }));
    }
    return bad;
}

static gofer_status look(gf_broker *b, const char *queue, const char *after, size_t limit,
    const char *only, gofer_info **out)
{
    static const char *const rests[] = { GF_RD_KEYS_PAGE_TENANTS(GF_RD_REST) };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = check_queue(s, queue);
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &page_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, after);
    gf_rd_add_int(&cmd.args, (int64_t)limit + 1);
    gf_rd_add(&cmd.args, only);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    st = list && !add_tenants(list, queue, reply, limit) ? GOFER_OK : GOFER_ENOMEM;
    gf_rd_reply_free(reply);
    return gf_info_hand_over(st, list, out);
}

gofer_status gf_rd_tenant_list(gf_broker *b, const char *queue, const char *after, size_t limit,
    gofer_info **out)
{
    return look(b, queue, after, limit, "", out);
}

gofer_status gf_rd_tenant(gf_broker *b, const char *queue, const char *name, gofer_info **out)
{
    return look(b, queue, name, 1, "1", out);
}
