// lost.c - tasks that were taken but did not reach the worker: a connection broke before the answer, or
// there was no memory for it. They are put back when the store answers again, not when their leases end.
#include <stdio.h>
#include <string.h>

#include "broker/redis/exchange.h"
#include "util/error.h"

enum { LOOK_AT = 2000 };                   // the latest so many active tasks

// KEYS: pending, active, lease. ARGV: the tasks' prefix, the take's token, how many active tasks to look at.
// The newest are looked at and put back first, so the oldest is next in line.
static const gf_rd_script put_back = {
    .name = "put back",
    .allow_oom = true,
    .text =
        "local back = {}\n"
        "for i, id in ipairs(redis.call('LRANGE', KEYS[2], 0, ARGV[3] - 1)) do\n"
        "  if redis.pcall('HGET', ARGV[1] .. id, 'gofer:claim') == ARGV[2] then back[#back + 1] = id end\n"
        "end\n"
        "redis.call('LLEN', KEYS[1])\n"
        "redis.call('ZCARD', KEYS[3])\n"
        "for i, id in ipairs(back) do\n"
        "  redis.call('LREM', KEYS[2], 1, id)\n"
        "  redis.call('ZREM', KEYS[3], id)\n"
        "  redis.call('RPUSH', KEYS[1], id)\n"
        "  redis.call('HSET', ARGV[1] .. id, 'state', 'pending')\n"
        "  redis.call('HDEL', ARGV[1] .. id, 'gofer:claim', 'gofer:worker')\n"
        "end\n"
        "return #back\n",
};

void gf_rd_lost_note(gf_rd_store *s, const char *queue, uint64_t token)
{
    pthread_mutex_lock(&s->lock);
    if (s->lost_count < GF_RD_LOST_MAX) {
        gf_rd_lost *lost = &s->lost[s->lost_count++];
        *lost = (gf_rd_lost){ .token = token };
        snprintf(lost->queue, sizeof lost->queue, "%s", queue);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool next_lost(gf_rd_store *s, gf_rd_lost *out)
{
    pthread_mutex_lock(&s->lock);
    bool any = s->lost_count > 0;
    if (any)
        *out = s->lost[--s->lost_count];
    pthread_mutex_unlock(&s->lock);
    return any;
}

static gofer_status return_one(gf_rd_store *s, const gf_rd_lost *lost)
{
    gf_rd_key pending, active, lease, task;
    char token[17];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_key_of(&pending, lost->queue, "pending");
    gf_rd_key_of(&active, lost->queue, "active");
    gf_rd_key_of(&lease, lost->queue, "lease");
    gf_rd_key_of(&task, lost->queue, "t:");
    gf_rd_token_text(lost->token, token);

    gf_rd_script_begin(&cmd, &put_back, lost->queue, true);
    cmd.key_count = 3;
    gf_rd_add(&cmd.args, pending.text);
    gf_rd_add(&cmd.args, active.text);
    gf_rd_add(&cmd.args, lease.text);
    gf_rd_add(&cmd.args, task.text);
    gf_rd_add(&cmd.args, token);
    gf_rd_add_int(&cmd.args, LOOK_AT);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    int64_t count = gf_rd_reply_int(reply, 0);
    freeReplyObject(reply);
    if (count) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)count);
        gf_logf(&s->base.config.log, GOFER_LOG_INFO, "tasks whose taking was not heard of were put back", "queue",
            lost->queue, "#count", number, NULL);
    }
    return GOFER_OK;
}

void gf_rd_lost_return(gf_rd_store *s)
{
    gf_rd_lost lost;
    while (next_lost(s, &lost))
        if (return_one(s, &lost) != GOFER_OK) {
            gf_rd_lost_note(s, lost.queue, lost.token);
            return;
        }
}
