// counts.c - how many tasks queues have: in each state, and in all that is still to do; and which
// take envelopes alone.
#include "broker/redis/inspect/inspect.h"
#include "broker/redis/inspect/sweep.h"
#include "redis_scripts.h"
#include "util/error.h"
#include "util/sum.h"

void gf_rd_add_counted(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gf_rd_add_keys(cmd, &room[i], queues[i], (const char *const[]){ "pending" }, 1);
}

// ---- by state -----------------------------------------------------------------------------------

static const gf_rd_script counts_script = {
    .name = "count tasks",
    .text = gf_rd_lua_count_tasks,
    .allow_oom = true,
};

static void ask_counts(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    (void)arg;
    gf_rd_script_begin(cmd, &counts_script, queues[0], true);
    cmd->reads = true;
    gf_rd_add_counted(cmd, room, queues, count);
}

static gofer_status read_counts(const redisReply *r, const char *queue, void *arg)
{
    gf_counts **next = arg;
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != GF_STATE_COUNT)
        return gf_fail(GOFER_ECORRUPT,
            "counting the tasks of queue '%s' was answered with something else", queue);
    for (size_t i = 0; i < GF_STATE_COUNT; i++)
        (*next)->of[i] = gf_rd_reply_int(r->element[i], 0);
    ++*next;
    return GOFER_OK;
}

gofer_status gf_rd_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_sweep w = { ask_counts, read_counts, &out, 1, true, 0 };
    gofer_status st = gf_rd_check(s);
    return st == GOFER_OK ? gf_rd_sweep_queues(s, &w, queues, count) : st;
}

// ---- which take envelopes alone -----------------------------------------------------------------

static void ask_closed(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    (void)arg;
    (void)count;
    *cmd = (gf_rd_cmd){ .slot = gf_rd_queue_slot(queues[0]), .repeatable = true, .reads = true };
    gf_rd_key_of(room, queues[0], "gofer:length");
    gf_rd_add(&cmd->args, "GET");
    gf_rd_add(&cmd->args, room->text);
}

// scripts/lib/room.lua says what is in it.
static gofer_status read_closed(const redisReply *r, const char *queue, void *arg)
{
    bool **next = arg;
    (void)queue;
    *(*next)++ = r && r->type == REDIS_REPLY_STRING && r->len && r->str[r->len - 1] == 'e';
    return GOFER_OK;
}

gofer_status gf_rd_closed(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_sweep w = { ask_closed, read_closed, &out, 1, false, 0 };
    gofer_status st = gf_rd_check(s);
    return st == GOFER_OK ? gf_rd_sweep_queues(s, &w, queues, count) : st;
}

// ---- backlog ------------------------------------------------------------------------------------

static const gf_rd_script backlog_script = {
    .name = "backlog",
    .text = gf_rd_lua_backlog,
    .allow_oom = true,
};

static void ask_backlog(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count,
    void *arg)
{
    static const char *const rests[] = { GF_RD_KEYS_BACKLOG(GF_RD_REST) };
    (void)arg;
    (void)count;
    gf_rd_script_begin(cmd, &backlog_script, queues[0], true);
    cmd->reads = true;
    gf_rd_add_keys(cmd, room, queues[0], rests, COUNT_OF(rests));
}

static gofer_status read_backlog(const redisReply *r, const char *queue, void *arg)
{
    (void)queue;
    *(int64_t *)arg = gf_sum(*(int64_t *)arg, gf_rd_reply_int(r, 0));
    return GOFER_OK;
}

gofer_status gf_rd_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t sum = 0;
    gf_rd_sweep w = { ask_backlog, read_backlog, &sum, 4, false, 0 };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gf_rd_sweep_queues(s, &w, (char *const *)queues, count);
    if (st == GOFER_OK)
        *out = sum;
    return st;
}
