// act.c - acting on tasks: run, archive, delete, cancel; those that are named, or all of a state in
// bounded steps.
//
// The effects are Asynq's (wire.md section 9) but for these: what is deleted or trimmed from the
// archive frees its unique lock, a task that is run says since when it waits, completed tasks are
// not run again (as on every broker), and what Asynq refuses because a list and a state word
// disagree is found where it really is.
//
// Whoever runs a task is asked to stop by Asynq's announcement: the task's id on one channel for
// all queues, which every worker hears and nobody stores. Since it may be lost, the request is
// noted with the task as well, by the claim it is meant for: the next extension of that lease finds
// it, and the task's next run does not.
#include <stdio.h>
#include <string.h>

#include "broker/moves.h"
#include "broker/redis/act/act.h"
#include "broker/redis/upkeep/upkeep.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/record.h"
#include "util/text.h"

enum { PIPELINE = 100 };

static const char *target_of(gf_state to)
{
    return to == GF_STATE_COUNT ? "" : gf_state_name(to);
}

// ---- moving a task ----------------------------------------------------------------------------

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

gofer_status gf_rd_act_refused(const char *queue, const char *id, const char *verb,
    const char *place)
{
    if (strcmp(place, "missing") == 0)
        return gf_fail(GOFER_ENOTFOUND, "no task '%.255s' in queue '%.255s'", id, queue);
    if (strcmp(place, "held") == 0)
        return gf_fail(GOFER_ESTATE, "the task '%.255s' is being aggregated and cannot be %s", id,
            verb);
    return gf_fail(GOFER_ESTATE, "the task '%.255s' is %.20s and cannot be %s", id, place, verb);
}

// A step that was sent twice because its first answer was lost finds its own work.
static bool did_it_before(gf_state to, const char *place)
{
    return strcmp(place, to == GF_STATE_COUNT ? "missing" : gf_state_name(to)) == 0;
}

void gf_rd_act_begin(gf_rd_cmd *cmd, gf_rd_act_keys *keys, const gf_rd_script *script,
    const char *queue, const char *id)
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

static void begin_move(
    gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, gf_state to)
{
    gf_rd_act_begin(cmd, keys, to == GF_STATE_COUNT ? &delete_script : &move_script, queue, id);
    gf_rd_add(&cmd->args, target_of(to));
}

static gofer_status read_move(
    gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, gf_state to)
{
    if (cmd->status != GOFER_OK)
        return cmd->status;
    const redisReply *place = gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_STRING);
    if (!place)
        return gf_fail(GOFER_ECORRUPT, "moving the task '%s' was answered with something else", id);
    bool moved = gf_rd_reply_int(cmd->reply->element[0], 0) == 1;
    gf_rd_upkeep_trimmed(s, queue,
        gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 2, REDIS_REPLY_INTEGER), 0));
    if (moved || (cmd->repeated && did_it_before(to, place->str)))
        return GOFER_OK;
    return gf_rd_act_refused(queue, id, gf_move_verb(to), place->str);
}

// ---- cancelling a task ------------------------------------------------------------------------

static const gf_rd_script cancel_script = {
    .name = "cancel",
    .text = gf_rd_lua_cancel_task,
    .allow_oom = true,
};

static void begin_cancel(
    gf_rd_cmd *cmd, gf_rd_act_keys *keys, const char *queue, const char *id, const char *attempt)
{
    gf_rd_act_begin(cmd, keys, &cancel_script, queue, id);
    gf_rd_add(&cmd->args, gf_state_name(GF_ARCHIVED));
    gf_rd_add(&cmd->args, attempt);
}

// *runs: its worker is to be told.
static gofer_status read_cancel(
    gf_rd_store *s, const gf_rd_cmd *cmd, const char *queue, const char *id, bool *runs)
{
    *runs = false;
    if (cmd->status != GOFER_OK)
        return cmd->status;
    const redisReply *place = gf_rd_reply_at(cmd->reply, 1, REDIS_REPLY_STRING);
    if (!place)
        return gf_fail(
            GOFER_ECORRUPT, "cancelling the task '%.255s' was answered with something else", id);
    int64_t said = gf_rd_reply_int(cmd->reply->element[0], 0);
    gf_rd_upkeep_trimmed(
        s, queue, gf_rd_reply_int(gf_rd_reply_at(cmd->reply, 2, REDIS_REPLY_INTEGER), 0));
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
    // A cluster passes it to all nodes.
    *cmd = (gf_rd_cmd){ .slot = GF_RD_ANY_SLOT, .repeatable = true };
    gf_rd_add(&cmd->args, "PUBLISH");
    gf_rd_add(&cmd->args, "asynq:cancel");
    gf_rd_add(&cmd->args, id);
}

// ---- tasks that are named ---------------------------------------------------------------------

typedef struct acting {
    gf_rd_store    *s;
    const char     *queue;
    gf_act          act;
    gf_record       attempt;       // of GF_ACT_CANCEL
    gf_rd_cmd      *cmds;          // of PIPELINE each
    gf_rd_act_keys *keys;
} acting;

static gf_state state_of(gf_act act)
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

static gofer_status act_some(
    acting *a, const char *const *ids, size_t count, gofer_status *statuses)
{
    bool runs[PIPELINE] = { false };
    for (size_t i = 0; i < count; i++) {
        if (a->act == GF_ACT_CANCEL)
            begin_cancel(&a->cmds[i], &a->keys[i], a->queue, ids[i], a->attempt.text);
        else
            begin_move(&a->cmds[i], &a->keys[i], a->queue, ids[i], state_of(a->act));
    }
    gofer_status st = gf_rd_run(a->s->net, a->cmds, count, gf_rd_timeout(a->s));
    size_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        answered += a->cmds[i].status == GOFER_OK;
        statuses[i] = a->act == GF_ACT_CANCEL
            ? read_cancel(a->s, &a->cmds[i], a->queue, ids[i], &runs[i])
            : read_move(a->s, &a->cmds[i], a->queue, ids[i], state_of(a->act));
        gf_rd_cmd_clear(&a->cmds[i]);
    }
    if (!answered)
        return st;
    return a->act == GF_ACT_CANCEL ? announce(a, ids, runs, count) : GOFER_OK;
}

gofer_status gf_rd_tasks_act(gf_broker *b, const char *queue, gf_act what, const char *const *ids,
    size_t count, gofer_status *statuses)
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

// ---- all of a state ---------------------------------------------------------------------------

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

// What one step moves.
typedef struct chunk {
    const char *queue;
    gf_state    from, to;
    size_t      count;             // at the most
    size_t      moved;             // out: so many it were,
    bool        more;              //   and there are others
} chunk;

static gofer_status move_chunk(gf_rd_store *s, chunk *c)
{
    const char *rests[] = { GF_RD_KEYS_MOVE_TASKS(GF_RD_REST) };
    rests[0] = c->from == GF_AGGREGATING ? "groups" : gf_rd_state_key(c->from);
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, c->to == GF_STATE_COUNT ? &deletes_script : &moves_script, c->queue,
        false);
    gf_rd_add_keys(&cmd, keys, c->queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], c->queue, "t:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add(&cmd.args, gf_state_name(c->from));
    gf_rd_add(&cmd.args, target_of(c->to));
    gf_rd_add_int(&cmd.args, (int64_t)c->count);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    c->moved = (size_t)gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0);
    c->more = gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0) == 1;
    gf_rd_upkeep_trimmed(s, c->queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 2, REDIS_REPLY_INTEGER), 0));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

gofer_status gf_rd_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done)
{
    gf_rd_store *s = (gf_rd_store *)b;
    chunk c = { .queue = queue, .from = from, .to = to, .more = true };
    size_t total = 0;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && !gf_move_allowed(from, to))
        st = gf_fail(GOFER_ESTATE, "%s tasks cannot be %s", gf_state_name(from),
            gf_move_verb(to));
    while (st == GOFER_OK && c.more && total < limit) {
        c.count = limit - total < GF_RD_CHUNK ? limit - total : GF_RD_CHUNK;
        c.moved = 0;
        st = move_chunk(s, &c);
        total += c.moved;
    }
    if (st == GOFER_OK && total == 0)
        st = gf_rd_queue_need(s, queue);
    if (st == GOFER_OK)
        *done = total;
    return st;
}
