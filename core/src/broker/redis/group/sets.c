// sets.c - where aggregating tasks are: one zset per group, and one per set
// that is being worked on.
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"

enum { SETS = 10000 };                   // listed at the most

static const gf_rd_script sets_script = {
    .name = "groups",
    .text = gf_rd_lua_list_sets,
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
    static const char *const rests[] = { GF_RD_KEYS_LIST_SETS(GF_RD_REST) };
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
        redisReply *r = (*out)->element[i];                // a name that no key of ours has room
                                                           //   for is passed over
        if (r->type == REDIS_REPLY_STRING && r->len <= GF_RD_SET_MAX &&
            !memchr(r->str, '\0', (size_t)r->len)) {
            (*out)->element[i] = (*out)->element[kept];
            (*out)->element[kept++] = r;
        }
    }
    if (kept > 1)
        qsort((*out)->element, kept, sizeof *(*out)->element, by_text);
    (*out)->elements = kept;
    return GOFER_OK;
}
