// about.c - what the server says of itself, and about how much memory a queue takes there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/sum.h"

static const gf_rd_script memory_script = {
    .name = "weigh a queue",
    .text = gf_rd_lua_queue_memory,
    .allow_oom = true,
};

static gofer_status weigh(gf_rd_store *s, const char *queue, int64_t *out)
{
    static const char *const rests[] = { GF_RD_KEYS_QUEUE_MEMORY(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    redisReply *reply;
    gf_rd_cmd cmd;
    gf_rd_script_begin(&cmd, &memory_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], queue, "");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *out = gf_rd_reply_int(reply, 0);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// ---- INFO ---------------------------------------------------------------------------------------

typedef struct told {
    char   *text;                  // of the first that answered
    char    address[256];
    int64_t memory;                // of all
    bool    no_memory;
} told;

static void hear(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    told *t = arg;
    char bytes[32];
    if (status != GOFER_OK || !reply || reply->type != REDIS_REPLY_STRING)
        return;
    gf_rd_info_value(reply->str, "used_memory", bytes, sizeof bytes);
    t->memory = gf_sum(t->memory, strtoll(bytes, NULL, 10));
    if (t->text)
        return;
    snprintf(t->address, sizeof t->address, "%s", address);
    t->text = gf_rd_clean(reply);
    t->no_memory |= !t->text;
}

static gofer_status ask_info(gf_rd_store *s, told *t)
{
    gf_rd_args args = { 0 };
    gf_rd_add(&args, "INFO");
    gofer_status st = gf_rd_run_everywhere(s->net, &args, gf_rd_timeout(s), hear, t);
    gf_rd_args_clear(&args);
    if (t->no_memory)
        return gf_fail_nomem("what Redis says of itself");
    return t->text ? GOFER_OK : st != GOFER_OK ? st : gf_fail(GOFER_EBROKER, "no server answered");
}

gofer_status gf_rd_about(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    told t = { 0 };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && queue)
        st = gf_rd_queue_need(s, queue);
    if (st == GOFER_OK)
        st = queue ? weigh(s, queue, &t.memory) : ask_info(s, &t);
    gofer_info *info = st == GOFER_OK ? gf_info_record() : NULL;
    if (st == GOFER_OK) {
        const char *kind = gf_rd_net_server(s->net).is_valkey ? "valkey" : "redis";
        int bad = !info || gf_info_set_text(info, "store", kind) != 0 ||
            gf_info_set_int(info, "memory", t.memory) != 0;
        if (!bad && t.text)
            bad = gf_info_set_text(info, "address", t.address) |
                gf_info_set_text(info, "text", t.text);
        st = bad ? gf_fail_nomem("what Redis says of itself") : GOFER_OK;
    }
    gf_free(t.text);
    return gf_info_hand_over(st, info, out);
}
