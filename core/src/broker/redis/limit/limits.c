// limits.c - limits are put, dropped and listed, and keys are paused.
//
// Who waits for a key that has room by the new numbers is brought back by housekeeping, which is
// told to look at once (scripts/rewake.lua).
#include <stdio.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "broker/redis/shard/shard.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

// In the slot of the hash: what is in braces is its name.
#define NAMES "asynq:gofer:{" GF_RD_LIMITS "}:names"

static const gf_rd_script put_script = {
    .name = "put a limit",
    .text = gf_rd_lua_put_limit,
};

static const gf_rd_script page_script = {
    .name = "list limits",
    .text = gf_rd_lua_page_limits,
};

static const gf_rd_script flag_script = {
    .name = "say that limits count",
    .text = gf_rd_lua_flag_queue,
};

static const gf_rd_script rewake_script = {
    .name = "look at limits anew",
    .text = gf_rd_lua_rewake,
    .allow_oom = true,
};

static const gf_rd_script pause_script = {
    .name = "pause a limit key",
    .text = gf_rd_lua_pause_limit,
};

static bool is_cluster(gf_rd_store *s)
{
    return gf_rd_net_server(s->net).is_cluster;
}

static void begin_on_limits(gf_rd_cmd *cmd, const gf_rd_script *script)
{
    *cmd = (gf_rd_cmd){ .script = script,
        .key_count = 2,
        .slot = gf_rd_slot(GF_RD_LIMITS, sizeof GF_RD_LIMITS - 1),
        .repeatable = true };
    gf_rd_add(&cmd->args, GF_RD_LIMITS);
    gf_rd_add(&cmd->args, NAMES);
}

// ---- the queues that are concerned --------------------------------------------------------------

// "queue:NAME": the name; NULL: it is another key.
static const char *queue_of(const char *name)
{
    size_t front = sizeof GF_LIMIT_QUEUE - 1;
    return strncmp(name, GF_LIMIT_QUEUE, front) == 0 ? name + front : NULL;
}

static gofer_status flag_queue(gf_rd_store *s, const char *queue)
{
    static const char *const rests[] = { GF_RD_KEYS_FLAG_QUEUE(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)], hash;
    gf_rd_cmd cmd;
    int64_t done;
    gofer_status st = gf_rd_check_unsharded(s, queue, GF_RD_UNCOUNTED);
    if (st != GOFER_OK)
        return st;
    gf_rd_limits_key(s, queue, &hash);
    gf_rd_script_begin(&cmd, &flag_script, queue, true);
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, hash.text);
    return gf_rd_call_int(s, &cmd, &done);
}

static gofer_status rewake(gf_rd_store *s, const char *queue, const char *name, bool other_numbers)
{
    static const char *const rests[] = { GF_RD_KEYS_REWAKE(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmd;
    int64_t meant;
    gf_rd_script_begin(&cmd, &rewake_script, queue, true);
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, name);
    gf_rd_add(&cmd.args, other_numbers && is_cluster(s) ? "1" : "");
    return gf_rd_call_int(s, &cmd, &meant);
}

static gofer_status rewake_all(gf_rd_store *s, const char *name, bool other_numbers)
{
    gf_names queues = { 0 };
    gofer_status st = gf_rd_limits_queues(s, &queues);
    for (size_t i = 0; i < queues.count && st == GOFER_OK; i++)
        st = rewake(s, queues.names[i], name, other_numbers);
    gf_names_clear(&queues);
    return st;
}

gofer_status gf_rd_limits_rewake(gf_rd_store *s, const char *name)
{
    return rewake_all(s, name, false);
}

// ---- put, drop ----------------------------------------------------------------------------------

static gofer_status write_limit(gf_rd_store *s, const char *name, const char *text, int64_t *done)
{
    gf_rd_cmd cmd;
    begin_on_limits(&cmd, &put_script);
    gf_rd_add(&cmd.args, name);
    gf_rd_add(&cmd.args, text);
    return gf_rd_call_int(s, &cmd, done);
}

// The new numbers.
static gofer_status hold_now(gf_rd_store *s, const char *name)
{
    gofer_status st = rewake_all(s, name, true);
    if (st == GOFER_OK && !queue_of(name))
        gf_rd_limits_regrant(s, name);
    return st;
}

gofer_status gf_rd_limit_put(gf_broker *b, const gf_limit *limit)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char text[GF_LIMIT_TEXT];
    int64_t done;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    const char *queue = queue_of(limit->name);
    if (queue)
        st = flag_queue(s, queue);             // first: what is put without is never looked at
    gf_limit_write(limit, text);
    if (st == GOFER_OK)
        st = write_limit(s, limit->name, text, &done);
    return st == GOFER_OK ? hold_now(s, limit->name) : st;
}

gofer_status gf_rd_limit_drop(gf_broker *b, const char *name)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t done = 0;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = write_limit(s, name, "", &done);
    if (st == GOFER_OK)
        st = hold_now(s, name);                // also of one that was dropped by a call cut off
    return st == GOFER_OK && !done ? gf_fail(GOFER_ENOTFOUND, "there is no limit '%s'", name) : st;
}

// ---- list ---------------------------------------------------------------------------------------

static gofer_status add_limits(gofer_info *list, const redisReply *reply, size_t limit)
{
    const char *last = NULL;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    for (size_t i = 0; i < count; i++) {
        const redisReply *name = reply->element[2 * i], *text = reply->element[2 * i + 1];
        if (i == limit)
            return gf_info_set_text(list, "next_cursor", last) == 0 ? GOFER_OK : GOFER_ENOMEM;
        if (!gf_rd_reply_is_text(name) || !gf_rd_reply_is_text(text))
            continue;
        gf_limit l = { .name = last = name->str };
        if (!gf_limit_read(text->str, &l))
            continue;                          // written by somebody else; doctor tells
        if (gf_info_add(list, gf_limit_info(&l)) != 0)
            return GOFER_ENOMEM;
    }
    return GOFER_OK;
}

gofer_status gf_rd_limit_list(gf_broker *b, const char *after, size_t limit, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin_on_limits(&cmd, &page_script);
    cmd.reads = true;
    gf_rd_add(&cmd.args, after);
    gf_rd_add_int(&cmd.args, (int64_t)limit + 1);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    st = list ? add_limits(list, reply, limit) : GOFER_ENOMEM;
    gf_rd_reply_free(reply);
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}

// ---- pause --------------------------------------------------------------------------------------

static gofer_status pause_at(gf_rd_store *s, const char *paused, const char *key, int64_t until_ms)
{
    gf_rd_cmd cmd = { .script = &pause_script,
        .key_count = 1,
        .slot = gf_rd_slot(paused, strlen(paused)),
        .repeatable = true };
    int64_t done;
    gf_rd_add(&cmd.args, paused);
    gf_rd_add(&cmd.args, key);
    gf_rd_add_int(&cmd.args, until_ms);
    return gf_rd_call_int(s, &cmd, &done);
}

// Of a Cluster each queue with limits has the pauses, too.
static gofer_status pause_everywhere(gf_rd_store *s, const char *key, int64_t until_ms)
{
    gf_names queues = { 0 };
    gf_rd_key paused;
    const char *queue = queue_of(key);
    if (!is_cluster(s))
        return pause_at(s, "asynq:{gofer-limits}:paused", key, until_ms);
    gofer_status st = queue ? GOFER_OK : pause_at(s, GF_RD_PAUSES_OF_ALL, key, until_ms);
    if (st == GOFER_OK && !queue)
        st = gf_rd_limits_queues(s, &queues);
    else if (st == GOFER_OK && !gf_names_add(&queues, queue))
        st = gf_fail_nomem("a name");
    for (size_t i = 0; i < queues.count && st == GOFER_OK; i++) {
        gf_rd_key_of(&paused, queues.names[i], "gofer:paused");
        st = pause_at(s, paused.text, key, until_ms);
    }
    gf_names_clear(&queues);
    return st;
}

gofer_status gf_rd_limit_pause(gf_broker *b, const char *key, int64_t until_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && queue_of(key))
        st = flag_queue(s, queue_of(key));
    if (st == GOFER_OK)
        st = pause_everywhere(s, key, until_ms);
    if (st == GOFER_OK && until_ms == 0)
        st = rewake_all(s, key, false);
    if (st == GOFER_OK && until_ms == 0 && !queue_of(key))
        gf_rd_limits_regrant(s, key);
    return st;
}
