// acts.c - cancelling, and acting on tasks that are named one by one.
//
// Whoever runs a task is asked to stop by Asynq's announcement: the task's id on one channel for all queues, which every
// worker hears and nobody stores. Since it may be lost, the request is noted with the task as well, by the claim
// it is meant for: the next extension of that lease finds it, and the task's next run does not.
#include <string.h>

#include "broker/redis/act/act.h"
#include "broker/redis/upkeep/keep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/record.h"

enum { PIPELINE = 100 };

static const gf_rd_script cancel_script = {
    .name = "cancel",
    .text = gf_rd_lua_cancel_task,
    .allow_oom = true,
};

static void begin_cancel(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, const char *attempt)
{
    gf_rd_act_begin(cmd, keys, &cancel_script, queue, id);
    gf_rd_add(&cmd->args, gf_state_name(GF_ARCHIVED));
    gf_rd_add(&cmd->args, attempt);
}

// *runs: its worker is to be told.
static gofer_status heard_cancel(gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, bool *runs)
{
    *runs = false;
    if (cmd->status != GOFER_OK)
        return cmd->status;
    const redisReply *place = gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_STRING);
    if (!place)
        return gf_fail(GOFER_ECORRUPT, "cancelling the task '%.255s' was answered with something else", id);
    int64_t said = gf_rd_reply_int(cmd->reply->element[0], 0);
    gf_rd_keep_trimmed(s, queue, gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 2, REDIS_REPLY_INTEGER), 0));
    *runs = said == 2;
    if (said > 0 || (cmd->repeated && strcmp(place->str, "archived") == 0))
        return GOFER_OK;
    return gf_rd_act_refused(queue, id, "cancelled", place->str);
}

// What is noted of a task that is cancelled before its next run; false: no memory.
static bool make_attempt(gf_record *r)
{
    gf_record_int(r, "at_ms", gf_now_ms());
    gf_record_text(r, "kind", "cancelled");
    gf_record_newline(r);
    return !r->bad;
}

static void begin_announcement(gf_rd_cmd *cmd, const char *id)
{
    *cmd = (gf_rd_cmd){ .slot = GF_RD_ANY_SLOT, .repeatable = true };      // a cluster passes it to all nodes
    gf_rd_add(&cmd->args, "PUBLISH");
    gf_rd_add(&cmd->args, "asynq:cancel");
    gf_rd_add(&cmd->args, id);
}

// ---- one task, or many ----------------------------------------------------------------------------------

typedef struct acting {
    gf_rd_store    *s;
    const char     *queue;
    gf_act          act;
    gf_record       attempt;       // of GF_ACT_CANCEL
    gf_rd_cmd      *cmds;          // of PIPELINE each
    gf_rd_act_keys *keys;
} acting;

static gf_state target_of(gf_act act)
{
    return act == GF_ACT_RUN ? GF_PENDING : act == GF_ACT_ARCHIVE ? GF_ARCHIVED : GF_STATE_COUNT;
}

static gofer_status announce(acting *a, const char *const *ids, const bool *runs, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (runs[i])
            begin_announcement(&a->cmds[n++], ids[i]);
    gofer_status st = n ? gf_rd_run(a->s->net, a->cmds, n, gf_rd_timeout(a->s)) : GOFER_OK;
    for (size_t i = 0; i < n; i++)
        gf_rd_cmd_clear(&a->cmds[i]);
    return st;
}

static gofer_status act_some(acting *a, const char *const *ids, size_t count, gofer_status *statuses)
{
    bool runs[PIPELINE] = { false };
    for (size_t i = 0; i < count; i++) {
        if (a->act == GF_ACT_CANCEL)
            begin_cancel(&a->cmds[i], &a->keys[i], a->queue, ids[i], a->attempt.text);
        else
            gf_rd_move_begin(&a->cmds[i], &a->keys[i], a->queue, ids[i], target_of(a->act));
    }
    gofer_status st = gf_rd_run(a->s->net, a->cmds, count, gf_rd_timeout(a->s));
    size_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        answered += a->cmds[i].status == GOFER_OK;
        statuses[i] = a->act == GF_ACT_CANCEL ? heard_cancel(a->s, &a->cmds[i], a->queue, ids[i], &runs[i])
                                              : gf_rd_move_heard(a->s, &a->cmds[i], a->queue, ids[i], target_of(a->act));
        gf_rd_cmd_clear(&a->cmds[i]);
    }
    if (!answered)
        return st;
    return a->act == GF_ACT_CANCEL ? announce(a, ids, runs, count) : GOFER_OK;
}

static gofer_status act(gf_broker *b, const char *queue, gf_act what, const char *const *ids, size_t count,
    gofer_status *statuses)
{
    acting a = { .s = (gf_rd_store *)b, .queue = queue, .act = what };
    size_t most = count < PIPELINE ? count : PIPELINE;
    gofer_status st = gf_rd_check(a.s);
    if (st != GOFER_OK || count == 0)
        return st;
    a.cmds = gf_calloc(most, sizeof *a.cmds);
    a.keys = gf_alloc(most * sizeof *a.keys);
    if (!a.cmds || !a.keys || (what == GF_ACT_CANCEL && !make_attempt(&a.attempt)))
        st = gf_fail_nomem("acts on tasks");
    for (size_t at = 0; at < count && st == GOFER_OK; at += most)
        st = act_some(&a, ids + at, count - at < most ? count - at : most, statuses + at);
    gf_record_clear(&a.attempt);
    gf_free(a.cmds);
    gf_free(a.keys);
    return st;
}

gofer_status gf_rd_cancel(gf_broker *b, const char *queue, const char *id)
{
    gofer_status status = GOFER_OK;
    gofer_status st = act(b, queue, GF_ACT_CANCEL, &id, 1, &status);
    return st == GOFER_OK ? status : st;
}

gofer_status gf_rd_tasks_act(gf_broker *b, const char *queue, gf_act what, const char *const *ids, size_t count,
    gofer_status *statuses)
{
    return act(b, queue, what, ids, count, statuses);
}
