// sets.c - where aggregating tasks are: one zset per group, and one per set that is being worked on.
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/look.h"

enum { SETS = 10000 };                   // listed at the most

// The zsets of aggregating tasks by name, without "asynq:{q}:g:".
static const gf_rd_script sets_script = {
    .name = "groups",
    .text =
        "local out, prefix = redis.pcall('SRANDMEMBER', KEYS[1], ARGV[2]), ARGV[1] .. 'g:'\n"
        "if out.err then out = {} end\n"
        "for _, key in ipairs(redis.pcall('ZRANGE', KEYS[2], 0, ARGV[2])) do\n"
        "  if key:sub(1, #prefix) == prefix then out[#out + 1] = key:sub(#prefix + 1) end\n"
        "end\n"
        "return out\n",
    .allow_oom = true,
};

static int by_text(const void *a, const void *b)
{
    const redisReply *x = *(redisReply *const *)a, *y = *(redisReply *const *)b;
    size_t common = (size_t)(x->len < y->len ? x->len : y->len);
    int order = memcmp(x->str, y->str, common);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

gofer_status gf_rd_group_sets(gf_rd_store *s, const char *queue, redisReply **out)
{
    static const char *const rests[] = { "groups", "aggregation_sets" };
    gf_rd_key keys[3];
    gf_rd_cmd cmd;
    gf_rd_script_begin(&cmd, &sets_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, queue, rests, 2);
    gf_rd_key_of(&keys[2], queue, "");
    gf_rd_add(&cmd.args, keys[2].text);
    gf_rd_add_int(&cmd.args, SETS);
    gofer_status st = gf_rd_call(s, &cmd, out);
    if (st != GOFER_OK)
        return st;
    size_t kept = 0;
    for (size_t i = 0; i < (*out)->elements; i++) {
        redisReply *r = (*out)->element[i];                // a name that no key of ours has room for is passed over
        if (r->type == REDIS_REPLY_STRING && r->len <= GF_RD_SET_MAX && !memchr(r->str, '\0', (size_t)r->len)) {
            (*out)->element[i] = (*out)->element[kept];
            (*out)->element[kept++] = r;
        }
    }
    if (kept > 1)
        qsort((*out)->element, kept, sizeof *(*out)->element, by_text);
    for (size_t i = kept; i < (*out)->elements; i++)
        freeReplyObject((*out)->element[i]);
    (*out)->elements = kept;
    return GOFER_OK;
}
