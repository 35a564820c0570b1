// copy.c - where the scripts of a queue find the limits: the flag, and the copies of a Cluster.
//
// Whoever copies first says that the queue has a copy, then reads, then writes, then looks whether
// what it has read is still what there is. Whoever changes a limit first writes, then deletes the
// copies that are said to be. So in any order of these steps no old copy stays; one whose maker
// died between them ends by itself.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "message/limit_keys.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/id.h"
#include "util/text.h"

enum {
    COPY_S = 60,
    COPY_WORDS = 1000,                         // in one command; even
    TRIES = 5                                  // they change while they are copied
};

void gf_rd_limits_key(gf_rd_store *s, const char *queue, gf_rd_key *out)
{
    if (gf_rd_net_server(s->net).is_cluster)
        gf_rd_key_of(out, queue, "gofer:limits");
    else
        snprintf(out->text, sizeof out->text, "%s", GF_RD_LIMITS);
}

gofer_status gf_rd_limit_of(const gf_message *m, char **out)
{
    gf_limit_keys keys;
    *out = NULL;
    if (!m->headers_size || !gf_limit_keys_of(m, &keys))
        return GOFER_OK;
    enum { COST_TEXT = 24 };
    size_t room = COST_TEXT;
    for (size_t i = 0; i < keys.count; i++)
        room += keys.key[i].size + 1;
    char *text = *out = gf_alloc(room);
    if (!text)
        return gf_fail_nomem("limit keys");
    text += snprintf(text, COST_TEXT, "%" PRId64 "%s", keys.cost, keys.blocks ? "b" : "");
    for (size_t i = 0; i < keys.count; i++) {
        *text++ = i > 0 ? '\n' : ' ';
        memcpy(text, keys.key[i].text, keys.key[i].size);
        text += keys.key[i].size;
    }
    *text = '\0';
    return GOFER_OK;
}

// ---- plain commands -----------------------------------------------------------------------------

static void command(gf_rd_cmd *cmd, const char *verb, const char *key)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(key, strlen(key)), .repeatable = true };
    gf_rd_add(&cmd->args, verb);
    gf_rd_add(&cmd->args, key);
}

static gofer_status run_one(gf_rd_store *s, gf_rd_cmd *cmd)
{
    gofer_status st = gf_rd_run(s->net, cmd, 1, gf_rd_timeout(s));
    gf_rd_cmd_clear(cmd);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

gofer_status gf_rd_limits_queues(gf_rd_store *s, gf_names *out)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    command(&cmd, "SMEMBERS", GF_RD_LIMITED_SET);
    cmd.reads = true;
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *name = reply->element[i];
        bool fits = gf_rd_reply_is_text(name) && gf_name_fits(name->str, (size_t)name->len);
        if (st == GOFER_OK && fits && !gf_names_add(out, name->str))
            st = gf_fail_nomem("names of queues");
    }
    gf_rd_reply_free(reply);
    if (out->count > 1)
        qsort(out->names, out->count, sizeof *out->names, by_text);
    return st;
}

// ---- a copy -------------------------------------------------------------------------------------

// Into a key of another name first: it is there whole, or not at all.
static gofer_status write_copy(gf_rd_store *s, const char *queue, const redisReply *all)
{
    gf_rd_key copy, draft;
    char rest[64], id[GF_ID_TEXT];
    gf_rd_cmd cmd;
    gf_id_new(id);
    snprintf(rest, sizeof rest, "gofer:limits:%s", id);
    gf_rd_key_of(&copy, queue, "gofer:limits");
    gf_rd_key_of(&draft, queue, rest);
    command(&cmd, "HSET", draft.text);
    gf_rd_add(&cmd.args, "");
    gf_rd_add(&cmd.args, "0");                 // the empty name is there although there is no limit
    gofer_status st = run_one(s, &cmd);
    for (size_t at = 0; st == GOFER_OK && at < all->elements; at += COPY_WORDS) {
        command(&cmd, "HSET", draft.text);
        for (size_t i = at; i < all->elements && i < at + COPY_WORDS; i++)
            gf_rd_add_bytes(&cmd.args, all->element[i]->str, (size_t)all->element[i]->len);
        st = run_one(s, &cmd);
    }
    if (st == GOFER_OK) {
        command(&cmd, "EXPIRE", draft.text);
        gf_rd_add_int(&cmd.args, COPY_S);
        st = run_one(s, &cmd);
    }
    if (st != GOFER_OK)
        return st;
    command(&cmd, "RENAME", draft.text);
    gf_rd_add(&cmd.args, copy.text);
    return run_one(s, &cmd);
}

static gofer_status read_all(gf_rd_store *s, redisReply **all)
{
    gf_rd_cmd cmd;
    command(&cmd, "HGETALL", GF_RD_LIMITS);
    cmd.reads = true;
    gofer_status st = gf_rd_call(s, &cmd, all);
    if (st == GOFER_OK && ((*all)->type != REDIS_REPLY_ARRAY || (*all)->elements % 2)) {
        gf_rd_reply_free(*all);
        st = gf_fail(GOFER_ECORRUPT, "the limits were answered with something else");
    }
    return st;
}

// What is over by now ends by itself when a script looks.
static gofer_status copy_pauses(gf_rd_store *s, const char *queue)
{
    enum { PAUSES = 500 };
    gf_rd_key paused;
    gf_rd_cmd cmd;
    redisReply *all;
    command(&cmd, "ZRANGE", GF_RD_PAUSES_OF_ALL);
    gf_rd_add_int(&cmd.args, -PAUSES);
    gf_rd_add_int(&cmd.args, -1);
    gf_rd_add(&cmd.args, "WITHSCORES");
    cmd.reads = true;
    gofer_status st = gf_rd_call(s, &cmd, &all);
    if (st != GOFER_OK)
        return st;
    gf_rd_key_of(&paused, queue, "gofer:paused");
    command(&cmd, "ZADD", paused.text);
    size_t count = all->type == REDIS_REPLY_ARRAY ? all->elements : 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        gf_rd_add_bytes(&cmd.args, all->element[i + 1]->str, (size_t)all->element[i + 1]->len);
        gf_rd_add_bytes(&cmd.args, all->element[i]->str, (size_t)all->element[i]->len);
    }
    if (count)
        st = run_one(s, &cmd);
    else
        gf_rd_cmd_clear(&cmd);
    gf_rd_reply_free(all);
    return st;
}

static bool is_same(const redisReply *a, const redisReply *b)
{
    bool same = a->elements == b->elements;
    for (size_t i = 0; same && i < a->elements; i++)
        same = a->element[i]->len == b->element[i]->len &&
            memcmp(a->element[i]->str, b->element[i]->str, (size_t)a->element[i]->len) == 0;
    return same;
}

gofer_status gf_rd_limits_copy(gf_rd_store *s, const char *queue)
{
    gf_rd_cmd cmd;
    redisReply *all, *now = NULL;
    command(&cmd, "SADD", GF_RD_LIMITED_SET);
    gf_rd_add(&cmd.args, queue);
    gofer_status st = run_one(s, &cmd);
    if (st == GOFER_OK)
        st = read_all(s, &all);
    if (st != GOFER_OK)
        return st;
    for (int i = 0; i < TRIES; i++) {
        st = write_copy(s, queue, all);
        if (st == GOFER_OK)
            st = read_all(s, &now);
        if (st != GOFER_OK || is_same(all, now))
            break;
        gf_rd_reply_free(all);
        all = now;
        now = NULL;
    }
    gf_rd_reply_free(all);
    gf_rd_reply_free(now);
    return st == GOFER_OK ? copy_pauses(s, queue) : st;
}

// ---- a queue that was deleted -------------------------------------------------------------------

gofer_status gf_rd_limits_forget(gf_rd_store *s, const char *queue)
{
    char name[sizeof GF_LIMIT_QUEUE + GF_NAME_MAX];
    gf_rd_key flag, hash;
    gf_rd_cmd cmd;
    redisReply *reply;
    snprintf(name, sizeof name, GF_LIMIT_QUEUE "%s", queue);
    command(&cmd, "HEXISTS", GF_RD_LIMITS);
    gf_rd_add(&cmd.args, name);
    cmd.reads = true;
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    bool stays = gf_rd_reply_int(reply, 0) == 1;
    gf_rd_reply_free(reply);
    if (!stays) {
        command(&cmd, "SREM", GF_RD_LIMITED_SET);
        gf_rd_add(&cmd.args, queue);
        return run_one(s, &cmd);
    }
    gf_rd_key_of(&flag, queue, "gofer:limited");
    gf_rd_limits_key(s, queue, &hash);
    command(&cmd, "SET", flag.text);
    gf_rd_add(&cmd.args, hash.text);
    return run_one(s, &cmd);
}
