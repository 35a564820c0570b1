// act.c - acting on tasks: run, archive, delete; one, or all of a state in bounded steps.
//
// The effects are Asynq's (wire.md section 9) but for these: what is deleted or trimmed from the archive frees its
// unique lock, a task that is run says since when it waits, completed tasks are not run again (as on every broker),
// and what Asynq refuses because a list and a state word disagree is found where it really is.
#include <stdio.h>
#include <string.h>

#include "broker/moves.h"
#include "broker/redis/act/act.h"
#include "broker/redis/upkeep/keep.h"
#include "util/error.h"
#include "util/text.h"

static const char *target_of(gf_state to)
{
    return to == GF_STATE_COUNT ? "" : gf_state_name(to);
}

// ---- one task -----------------------------------------------------------------------------------

static const gf_rd_script move_script = {
    .name = "move a task",
    .text = gf_rd_lua_move_task,
    .allow_oom = true,
};

static const gf_rd_script delete_script = {
    .name = "delete a task",
    .text = gf_rd_lua_delete_task,
    .allow_oom = true,
};

gofer_status gf_rd_act_refused(const char *queue, const char *id, const char *verb, const char *place)
{
    if (strcmp(place, "missing") == 0)
        return gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", id, queue);
    if (strcmp(place, "held") == 0)
        return gf_fail(GOFER_ESTATE, "the task '%.255s' is being aggregated and cannot be %s", id, verb);
    return gf_fail(GOFER_ESTATE, "the task '%.255s' is %.20s and cannot be %s", id, place, verb);
}

// A step that was sent twice because its first answer was lost finds its own work.
static bool did_it_before(gf_state to, const char *place)
{
    return strcmp(place, to == GF_STATE_COUNT ? "missing" : gf_state_name(to)) == 0;
}

void gf_rd_act_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const gf_rd_script *script, const char *queue, const char *id)
{
    const char *rests[] = { GF_RD_KEYS_MOVE_TASK(GF_RD_REST) };
    char name[GF_NAME_MAX + 3];
    snprintf(name, sizeof name, "t:%s", id);
    gf_rd_script_begin(cmd, script, queue, true);
    rests[0] = name;
    gf_rd_add_keys(cmd, keys->keys, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys->keys[GF_RD_ACT_KEYS], queue, "t:");
    gf_rd_add(&cmd->args, keys->keys[GF_RD_ACT_KEYS].text);
    gf_rd_add(&cmd->args, id);
}

void gf_rd_move_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, gf_state to)
{
    gf_rd_act_begin(cmd, keys, to == GF_STATE_COUNT ? &delete_script : &move_script, queue, id);
    gf_rd_add(&cmd->args, target_of(to));
}

gofer_status gf_rd_move_heard(gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, gf_state to)
{
    if (cmd->status != GOFER_OK)
        return cmd->status;
    const redisReply *place = gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_STRING);
    if (!place)
        return gf_fail(GOFER_ECORRUPT, "moving the task '%s' was answered with something else", id);
    bool moved = gf_rd_reply_int(cmd->reply->element[0], 0) == 1;
    gf_rd_keep_trimmed(s, queue, gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 2, REDIS_REPLY_INTEGER), 0));
    if (moved || (cmd->repeated && did_it_before(to, place->str)))
        return GOFER_OK;
    return gf_rd_act_refused(queue, id, gf_move_verb(to), place->str);
}

gofer_status gf_rd_task_move(gf_broker *b, const char *queue, const char *id, gf_state to)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_act_keys keys;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_move_begin(&cmd, &keys, queue, id, to);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    if (st == GOFER_OK)
        st = gf_rd_move_heard(s, &cmd, queue, id, to);
    gf_rd_cmd_clear(&cmd);
    return st;
}

// ---- many ---------------------------------------------------------------------------------------------

static const gf_rd_script moves_script = {
    .name = "move tasks",
    .text = gf_rd_lua_move_tasks,
    .allow_oom = true,
};

static const gf_rd_script deletes_script = {
    .name = "delete tasks",
    .text = gf_rd_lua_delete_tasks,
    .allow_oom = true,
};

static gofer_status move_chunk(gf_rd_store *s, const char *queue, gf_state from, gf_state to, size_t count,
    size_t *moved, bool *more)
{
    const char *rests[] = { GF_RD_KEYS_MOVE_TASKS(GF_RD_REST) };
    rests[0] = from == GF_AGGREGATING ? "groups" : gf_rd_state_key(from);
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, to == GF_STATE_COUNT ? &deletes_script : &moves_script, queue, false);
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], queue, "t:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add(&cmd.args, gf_state_name(from));
    gf_rd_add(&cmd.args, target_of(to));
    gf_rd_add_int(&cmd.args, (int64_t)count);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *moved = (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    *more = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0) == 1;
    gf_rd_keep_trimmed(s, queue, gf_rd_reply_int(gf_rd_reply_at(reply, 2, REDIS_REPLY_INTEGER), 0));
    freeReplyObject(reply);
    return GOFER_OK;
}

gofer_status gf_rd_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to, size_t limit, size_t *done)
{
    gf_rd_store *s = (gf_rd_store *)b;
    size_t total = 0;
    bool more = true;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && !gf_move_allowed(from, to))
        st = gf_fail(GOFER_ESTATE, "%s tasks cannot be %s", gf_state_name(from),
            gf_move_verb(to));
    while (st == GOFER_OK && more && total < limit) {
        size_t moved = 0, count = limit - total < GF_RD_CHUNK ? limit - total : GF_RD_CHUNK;
        st = move_chunk(s, queue, from, to, count, &moved, &more);
        total += moved;
    }
    if (st == GOFER_OK && total == 0)
        st = gf_rd_queue_need(s, queue);
    if (st == GOFER_OK)
        *done = total;
    return st;
}
