// call.c - a script call on one queue, and what is read from replies.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/utf8.h"

void gf_rd_script_begin(gf_rd_cmd *cmd, const gf_rd_script *script, const char *queue,
    bool repeatable)
{
    *cmd =
        (gf_rd_cmd){ .script = script, .slot = gf_rd_queue_slot(queue), .repeatable = repeatable };
}

gofer_status gf_rd_call(gf_rd_store *s, gf_rd_cmd *cmd, redisReply **reply)
{
    gofer_status st = gf_rd_run(s->net, cmd, 1, gf_rd_timeout(s));
    if (st == GOFER_OK) {
        *reply = cmd->reply;
        cmd->reply = NULL;
    }
    gf_rd_cmd_clear(cmd);
    return st;
}

gofer_status gf_rd_call_int(gf_rd_store *s, gf_rd_cmd *cmd, int64_t *out)
{
    redisReply *reply;
    gofer_status st = gf_rd_call(s, cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *out = gf_rd_reply_int(reply, 0);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

int64_t gf_rd_reply_int(const redisReply *r, int64_t fallback)
{
    if (!r)
        return fallback;
    if (r->type == REDIS_REPLY_INTEGER)
        return r->integer;
    if ((r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS) || r->len == 0)
        return fallback;
    char *end;
    errno = 0;
    long long value = strtoll(r->str, &end, 10);
    return *end || errno ? fallback : value;
}

char *gf_rd_clean(const redisReply *r)
{
    // U+FFFD is three bytes
    size_t size = r && r->str ? (size_t)r->len : 0, room = size * 3 + 1;
    char *out = gf_alloc(room);
    if (out)
        gf_utf8_clean(size ? r->str : "", size, out, room);
    return out;
}

const redisReply *gf_rd_reply_at(const redisReply *r, size_t index, int type)
{
    if (!r || r->type != REDIS_REPLY_ARRAY || index >= r->elements)
        return NULL;
    const redisReply *element = r->element[index];
    return element && element->type == type ? element : NULL;
}

void gf_rd_too_long(char *out, size_t capacity, int64_t size)
{
    snprintf(out, capacity, "its message has %lld bytes, and no more than %d can be read",
        (long long)size, GF_RD_MESSAGE_MAX);
}

gofer_status gf_rd_message_check(const gf_message *m, size_t size)
{
    if (size <= GF_RD_MESSAGE_MAX)
        return GOFER_OK;
    return gf_fail(GOFER_ETOOBIG, "the task '%.255s' has %zu bytes: on Redis it can have %d", m->id,
        size, GF_RD_MESSAGE_MAX);
}
