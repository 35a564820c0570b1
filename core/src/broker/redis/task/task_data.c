// task_data.c - what a running task leaves beside it, in fields of its hash: progress, lines of its
// log, a checkpoint; and the lock that it gives up when it starts.
#include <stdio.h>
#include <string.h>

#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

enum { PROGRESS_TEXT = 512 };              // bytes kept of what a handler says

static const gf_rd_script progress = {
    .name = "progress",
    .text = gf_rd_lua_progress,
};

static const gf_rd_script release = {
    .name = "release locks",
    .allow_oom = true,
    .text = gf_rd_lua_release_locks,
};

static const gf_rd_script checkpoint = {
    .name = "read a checkpoint",
    .text = gf_rd_lua_read_checkpoint,
};

// ---- progress -----------------------------------------------------------------------------------

enum { PIPELINE = 100 };

typedef struct report {
    char text[PROGRESS_TEXT + 64];
} report;

static void add_report(gf_rd_cmd *cmd, const gf_progress *item, report *r)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)item->claim;
    *r->text = '\0';
    if (item->done >= 0)
        snprintf(r->text, sizeof r->text, "%lld %lld %.*s", (long long)item->done,
            (long long)item->total, PROGRESS_TEXT, item->text ? item->text : "");
    // Lines of a log that are sent twice stand there twice.
    gf_rd_script_begin(cmd, &progress, claim->queue, !item->log);
    cmd->key_count = 1;
    gf_rd_add(&cmd->args, claim->key);
    gf_rd_add(&cmd->args, claim->token_text);
    gf_rd_add(&cmd->args, r->text);
    gf_rd_add(&cmd->args, item->log ? item->log : "");
    if (!item->checkpoint)
        return;
    gf_rd_add(&cmd->args, item->checkpoint_size ? "k" : "d");
    gf_rd_add_bytes(&cmd->args, item->checkpoint, item->checkpoint_size);
}

static gofer_status run_reports(gf_rd_store *s, const gf_progress *items, size_t count,
    gf_rd_cmd *cmds, report *reports)
{
    for (size_t i = 0; i < count; i++)
        add_report(&cmds[i], &items[i], &reports[i]);
    gofer_status st = gf_rd_run(s->net, cmds, count, gf_rd_timeout(s));
    for (size_t i = 0; i < count; i++)
        gf_rd_cmd_clear(&cmds[i]);
    return st;
}

gofer_status gf_rd_progress(gf_broker *b, const gf_progress *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status first = gf_rd_check(s);
    if (first != GOFER_OK || count == 0)
        return first;
    size_t most = count < PIPELINE ? count : PIPELINE;
    gf_rd_cmd *cmds = gf_calloc(most, sizeof *cmds);
    report *reports = gf_alloc(most * sizeof *reports);
    if (!cmds || !reports)
        first = gf_fail_nomem("reports of running tasks");
    for (size_t at = 0; at < count && first == GOFER_OK; at += most)
        first = run_reports(s, items + at, count - at < most ? count - at : most, cmds, reports);
    gf_free(cmds);
    gf_free(reports);
    return first;
}

// ---- locks --------------------------------------------------------------------------------------

gofer_status gf_rd_release(gf_broker *b, gf_claim *const *claims, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status first = gf_rd_check(s);
    // A run of claims of one queue is one script.
    for (size_t i = 0, next; i < count && first == GOFER_OK; i = next) {
        const char *queue = gf_rd_claim_queue(claims[i]);
        gf_rd_cmd cmd;
        redisReply *reply;
        gf_rd_script_begin(&cmd, &release, queue, true);
        for (next = i; next < count && next - i < GF_RD_CHUNK &&
             strcmp(gf_rd_claim_queue(claims[next]), queue) == 0;
             next++)
            if (((const gf_rd_claim *)claims[next])->unique_key) {
                gf_rd_add(&cmd.args, ((const gf_rd_claim *)claims[next])->unique_key);
                cmd.key_count++;
            }
        for (size_t k = i; k < next; k++)
            if (((const gf_rd_claim *)claims[k])->unique_key)
                gf_rd_add(&cmd.args, claims[k]->message.id);
        if (cmd.key_count == 0) {
            gf_rd_cmd_clear(&cmd);
            continue;
        }
        first = gf_rd_call(s, &cmd, &reply);
        if (first == GOFER_OK)
            gf_rd_reply_free(reply);
    }
    return first;
}

// ---- checkpoint ---------------------------------------------------------------------------------

gofer_status gf_rd_checkpoint(gf_broker *b, const gf_claim *of, void **bytes, size_t *size)
{
    gf_rd_store *s = (gf_rd_store *)b;
    const gf_rd_claim *claim = (const gf_rd_claim *)of;
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_script_begin(&cmd, &checkpoint, claim->queue, true);
    cmd.reads = true;
    cmd.key_count = 1;
    gf_rd_add(&cmd.args, claim->key);
    gf_rd_add(&cmd.args, claim->token_text);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *stored = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
    void *copy = stored ? gf_memdup(stored->str, (size_t)stored->len) : NULL;
    if (reply->type != REDIS_REPLY_ARRAY)
        st = gf_fail(GOFER_ESTALE, "the lease of task '%s' was lost", claim->base.message.id);
    else if (stored && !copy)
        st = gf_fail_nomem("a checkpoint");
    if (st == GOFER_OK) {
        *bytes = copy;
        *size = stored ? (size_t)stored->len : 0;
    }
    gf_rd_reply_free(reply);
    return st;
}
