// finish.c - outcomes that write a task again: completed, to be retried, archived, put back.
#include <stdio.h>
#include <string.h>

#include "broker/redis/task/exchange.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { TRIM_AT_ONCE = 100 };               // of the archive; housekeeping's purge does the rest

static const gf_rd_script finish = {
    .name = "settle",
    .allow_oom = true,
    .text = gf_rd_lua_finish,
};
// Kept results would otherwise fill a server beyond its limit, however low that is.
static const gf_rd_script finish_large = {
    .name = "settle with large results",
    .text = gf_rd_lua_finish,
};

enum { RESULT_SMALL = 4096 };              // such results are stored in a full memory too

bool gf_rd_is_large(const gf_finish *f)
{
    return f->outcome == GF_DONE && !gf_rd_is_plain(f) && f->result &&
        f->result_size > RESULT_SMALL;
}

bool gf_rd_is_plain(const gf_finish *f)
{
    return f->outcome == GF_DROP || (f->outcome == GF_DONE && f->claim->message.retention_ms <= 0);
}

void gf_rd_finish_begin(gf_rd_cmd *cmd, const gf_rd_part *p, bool large)
{
    static const gf_rd_part_key keys[] = { GF_RD_KEYS_FINISH(GF_RD_PART_KEY) };
    gf_rd_script_begin(cmd, large ? &finish_large : &finish, p->queue, true);
    cmd->counts = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        gf_rd_add(&cmd->args, p->keys[keys[i]]);
    cmd->key_count = sizeof keys / sizeof *keys;
    gf_rd_add(&cmd->args, p->keys[GF_RD_TASK]);
    gf_rd_add_int(&cmd->args, large ? -TRIM_AT_ONCE : TRIM_AT_ONCE);
}

// What is written into the stored message, which keeps all that we do not know.
static gf_wire_change change_of(const gf_finish *f)
{
    int64_t now_ms = gf_now_ms();
    bool fails =
        f->outcome == GF_RETRY_AT || f->outcome == GF_ARCHIVE || f->outcome == GF_CANCELLED;
    return (gf_wire_change){
        .completed_ms = f->outcome == GF_DONE ? now_ms : 0,
        .set_failed = fails,
        .error = f->error,
        .last_failed_ms = fails ? now_ms : 0,
        // Archiving is no retry: the count stays.
        .add_retried = f->is_failure && f->outcome == GF_RETRY_AT,
        .set_headers = f->headers && (f->outcome == GF_RETRY_AT || f->outcome == GF_REQUEUE),
        .headers = f->headers,
        .headers_size = f->headers_size,
    };
}

static const char *letter_of(const gf_finish *f)
{
    switch (f->outcome) {
    case GF_RETRY_AT:  return "r";
    case GF_ARCHIVE:   return "a";
    case GF_CANCELLED: return "x";
    case GF_REQUEUE:   return "q";
    default:           return f->result ? "C" : "c";
    }
}

// A lock ends with its task.
static const char *lock_to_free(const gf_finish *f)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)f->claim;
    bool goes_on = f->outcome == GF_RETRY_AT || f->outcome == GF_REQUEUE;
    return claim->unique_key && !goes_on ? claim->unique_key : "";
}

// The task data: how many there are, then each. attempt: with its newline.
static void add_task_data(gf_rd_args *a, const gf_finish *f, gf_rd_finishing *with)
{
    const gf_bytes *attempt = &with->attempt;
    bool goes_on = f->outcome == GF_RETRY_AT || f->outcome == GF_REQUEUE;
    bool has_checkpoint = f->checkpoint && goes_on, has_log = f->log && *f->log;
    // What comes to an end of its own is no suspect any more.
    const gf_message *m = &f->claim->message;
    bool stays = f->outcome == GF_REQUEUE;
    gf_blame blame = { .crashes = m->crashes, .suspect = stays ? m->suspect : 0 };
    gf_rd_add_int(a, (attempt->size > 0) + has_log + has_checkpoint + (m->suspect > 0));
    if (m->suspect > 0) {
        gf_rd_blame_text(&blame, with->blame);
        gf_rd_add(a, "b");
        gf_rd_add(a, with->blame);
    }
    if (attempt->size > 0) {
        gf_rd_add(a, "h");
        gf_rd_add_bytes(a, attempt->bytes, attempt->size);
    }
    if (has_log) {
        gf_rd_add(a, "l");
        gf_rd_add(a, f->log);
    }
    if (has_checkpoint) {
        gf_rd_add(a, f->checkpoint_size ? "k" : "d");
        gf_rd_add_bytes(a, f->checkpoint, f->checkpoint_size);
    }
}

static gofer_status make_attempt(const gf_finish *f, gf_bytes *out)
{
    size_t size = f->attempt ? strlen(f->attempt) : 0;
    if (size == 0)
        return GOFER_OK;
    char *line = gf_alloc(size + 2);
    if (!line)
        return gf_fail_nomem("the record of an attempt");
    memcpy(line, f->attempt, size);
    memcpy(line + size, "\n", 2);
    *out = (gf_bytes){ line, size + 1 };
    return GOFER_OK;
}

gofer_status gf_rd_finish_add(gf_rd_cmd *cmd, const gf_finish *f, gf_rd_finishing *with)
{
    const gf_rd_claim *claim = (const gf_rd_claim *)f->claim;
    bool completes = f->outcome == GF_DONE;
    bool has_result = completes && f->result && !with->bare;
    gf_wire_change change = change_of(f);
    gofer_status st = make_attempt(f, &with->attempt);
    if (st == GOFER_OK && (f->outcome != GF_REQUEUE || change.set_headers))
        st = gf_wire_task_change(claim->stored, claim->stored_size, &change, &with->message);
    if (st != GOFER_OK)
        return st;
    gf_rd_args *a = &cmd->args;
    gf_rd_add(a, with->bare ? "c" : letter_of(f));
    gf_rd_add(a, claim->base.message.id);
    gf_rd_add(a, claim->token_text);
    gf_rd_add_int(a, atomic_load(&claim->score));
    gf_rd_add_int(a, atomic_load(&claim->reach));
    gf_rd_add_int(a, gf_seconds_up(completes ? claim->base.message.retention_ms : f->at_ms));
    gf_rd_add(a, f->is_failure ? "1" : "0");
    gf_rd_add_bytes(a, with->message.size ? with->message.bytes : "", with->message.size);
    gf_rd_add_bytes(a, has_result ? f->result : with->why,
        has_result ? f->result_size : strlen(with->why));
    gf_rd_add(a, lock_to_free(f));
    add_task_data(a, f, with);
    return GOFER_OK;
}

void gf_rd_finishing_clear(gf_rd_finishing *with)
{
    gf_bytes_clear(&with->message);
    gf_bytes_clear(&with->attempt);
    with->bare = false;
    *with->why = '\0';
}

gofer_status gf_rd_finish_unreadable(gf_rd_store *s, const gf_rd_part *p, const redisReply *id,
    const char *token, int64_t score, const char *why)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_finish_begin(&cmd, p, false);
    gf_rd_args *a = &cmd.args;
    gf_rd_add(a, "a");
    gf_rd_add_bytes(a, id->str, (size_t)id->len);
    gf_rd_add(a, token);
    gf_rd_add_int(a, score);
    gf_rd_add_int(a, GF_RD_REACH_S);
    gf_rd_add_int(a, 0);
    gf_rd_add(a, "1");
    gf_rd_add(a, "");
    gf_rd_add(a, why);
    gf_rd_add(a, "");
    gf_rd_add_int(a, 0);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_upkeep_trimmed(s, p->queue,
        gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}
