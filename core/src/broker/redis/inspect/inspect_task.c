// inspect_task.c - one task as inspection shows it: from its hash, its place, and who runs it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { RUNNERS = 1000 };                 // records of workers looked into at the most

// ---- what a row says ----------------------------------------------------------------------------

static const redisReply *text_at(const redisReply *row, size_t index)
{
    return gf_rd_reply_at(row, index, REDIS_REPLY_STRING);
}

gf_state gf_rd_row_state(const redisReply *row)
{
    const redisReply *word = text_at(row, GF_ROW_STATE);
    gf_state state;
    return word && strlen(word->str) == (size_t)word->len && gf_state_parse(word->str, &state)
        ? state
        : GF_STATE_COUNT;
}

// A score in seconds as ms; -1: none. Whatever stands there, no time is beyond
// what an integer holds.
static int64_t score_ms(const redisReply *row)
{
    const redisReply *score = text_at(row, GF_ROW_SCORE);
    double s = score ? strtod(score->str, NULL) : -1;
    if (!(s >= 0))
        return -1;
    return s < 9e15 ? (int64_t)(s * 1000) : INT64_C(9000000000000000000);
}

static int set_clean(gofer_info *info, const char *field, const redisReply *r)
{
    char *clean = gf_rd_clean(r);
    int bad = clean ? gf_info_set_text(info, field, clean) : -1;
    gf_free(clean);
    return bad;
}

// ---- the record ---------------------------------------------------------------------------------

static int show_progress(gofer_info *info, const redisReply *row)
{
    const redisReply *progress = text_at(row, GF_ROW_PROGRESS);
    int64_t done = 0, total = 0;
    int end = 0;
    if (!progress || sscanf(progress->str, "%" SCNd64 " %" SCNd64 "%n", &done, &total, &end) != 2)
        return 0;
    int bad = gf_info_set_int(info, "progress_done", done) |
        gf_info_set_int(info, "progress_total", total);
    if (progress->str[end] != ' ' || !progress->str[end + 1])
        return bad;
    redisReply text = { .str = progress->str + end + 1, .len = progress->len - (size_t)end - 1 };
    return bad | set_clean(info, "progress_text", &text);
}

static int show_running(gofer_info *info, const redisReply *row, const gf_rd_runner *runner)
{
    const redisReply *worker = text_at(row, GF_ROW_WORKER);
    int64_t started_ms = 0;
    int end = 0, bad = 0;
    if (worker && sscanf(worker->str, "%" SCNd64 "%n", &started_ms, &end) == 1 &&
        worker->str[end] == ' ') {
        redisReply id = { .str = worker->str + end + 1, .len = worker->len - (size_t)end - 1 };
        bad = gf_info_set_int(info, "started_at_ms", started_ms) | set_clean(info, "worker", &id);
    } else if (runner && runner->worker) {
        bad = gf_info_set_int(info, "started_at_ms", runner->started_ms) |
              gf_info_set_text(info, "worker", runner->worker);
    }
    int64_t ends_ms = score_ms(row);     // of its lease; pages do not tell
    if (ends_ms >= 0 && ends_ms <= gf_now_ms())
        bad |= gf_info_set_bool(info, "orphaned", 1);
    return bad | show_progress(info, row);
}

// Empty: it has been brought back.
static int show_waits_for(gofer_info *info, const redisReply *row)
{
    const redisReply *held = text_at(row, GF_ROW_HELD);
    if (!held || held->len < 2)
        return 0;
    redisReply key = { .str = held->str + 1, .len = held->len - 1 };
    return set_clean(info, "waits_for", &key);
}

// completed_ms: of the message, 0 if it says nothing: then the score, which is the
// end of the retention.
static int show_place(gofer_info *info, const redisReply *row, gf_state state,
    const gf_wire_task *task, const gf_rd_runner *runner)
{
    int64_t at_ms = score_ms(row);
    int bad = 0;
    switch (state) {
    case GF_ACTIVE:
        return show_running(info, row, runner);
    case GF_SCHEDULED:
    case GF_RETRY:
        return at_ms >= 0 ? gf_info_set_int(info, "next_run_at_ms", at_ms) : 0;
    case GF_ARCHIVED:
        return at_ms >= 0 ? gf_info_set_int(info, "archived_at_ms", at_ms) : 0;
    case GF_COMPLETED:
        if (task && (task->completed_ms || at_ms >= 0))
            bad = gf_info_set_int(info, "completed_at_ms",
                task->completed_ms ? task->completed_ms : at_ms - task->message.retention_ms);
        return at_ms >= 0 ? bad | gf_info_set_int(info, "expires_at_ms", at_ms) : bad;
    case GF_PENDING:
        return show_waits_for(info, row);
    default:
        return task && task->group ? gf_info_set_text(info, "group", task->group) : 0;
    }
}

static int show_state(gofer_info *info, const redisReply *row, gf_state state)
{
    const redisReply *word = text_at(row, GF_ROW_STATE);
    if (state < GF_STATE_COUNT)
        return gf_info_set_text(info, "state", gf_state_name(state));
    return word ? set_clean(info, "state", word) : gf_info_set_text(info, "state", "unknown");
}

// A task whose message cannot be read is shown all the same, with nothing in it: it can be
// archived and deleted.
static int show_unreadable(gofer_info *info, const redisReply *row, const char *queue)
{
    const redisReply *error = text_at(row, GF_ROW_ERROR);
    const redisReply *size = gf_rd_reply_at(row, GF_ROW_MSG, REDIS_REPLY_INTEGER);
    char too_long[160];
    char *id = gf_rd_clean(text_at(row, GF_ROW_ID)), *reason = error ? gf_rd_clean(error) : NULL;
    gf_message m = { .id = id, .type = "", .queue = queue, .last_error = reason };
    if (size)
        gf_rd_too_long(too_long, sizeof too_long, size->integer);
    if (!error)
        m.last_error = size            ? too_long
            : text_at(row, GF_ROW_MSG) ? "the task's message cannot be read: damaged, or written "
                                         "by something that is not Asynq"
                                       : "the task's data is gone: only its id is left in the "
                                         "queue; 'gofer doctor' tells more";
    int bad = id ? gf_info_set_message(info, &m, 0) : -1;
    gf_free(reason);
    gf_free(id);
    return bad;
}

static int show_message(gofer_info *info, const redisReply *row, const char *queue,
    const gf_wire_task *task, bool whole)
{
    const redisReply *id = text_at(row, GF_ROW_ID), *error = text_at(row, GF_ROW_ERROR);
    gf_message m = task->message;
    char *shown = gf_rd_clean(id);       // the key's id: what acting on the task takes
    if (!shown)
        return -1;
    m.id = shown;
    m.queue = queue;
    m.enqueued_ms = gf_rd_enqueued_ms(text_at(row, GF_ROW_SINCE), shown);
    gf_blame blame = gf_rd_blame(text_at(row, GF_ROW_CRASHES));
    m.crashes = blame.crashes;
    m.suspect = blame.suspect;
    if (gf_rd_reply_int(row->element[GF_ROW_PAYLOAD_SIZE], -1) >= 0)
        m.payload_size = (size_t)gf_rd_reply_int(row->element[GF_ROW_PAYLOAD_SIZE], 0);
    char *reason = error && !m.last_error ? gf_rd_clean(error) : NULL;
    if (reason)
        m.last_error = reason;
    int bad = gf_info_set_message(info, &m, whole);
    gf_free(reason);
    gf_free(shown);
    return bad;
}

// What gofer keeps beside the message.
static int show_task_data(gofer_info *info, const redisReply *row, const gf_wire_task *task,
    bool whole)
{
    const redisReply *cancel = text_at(row, GF_ROW_CANCEL), *claim = text_at(row, GF_ROW_CLAIM);
    int64_t checkpoint = gf_rd_reply_int(row->element[GF_ROW_CHECKPOINT_SIZE], 0);
    int bad = 0;
    if (cancel && claim && strcmp(cancel->str, claim->str) == 0)
        bad |= gf_info_set_bool(info, "cancel_requested", 1);
    if (checkpoint > 0)
        bad |= gf_info_set_int(info, "checkpoint_size", checkpoint);
    if (task && task->unique_key && !gofer_info_has(info, "unique"))
        bad |= gf_info_set_text(info, "unique", "done");
    const redisReply *attempts = whole ? text_at(row, GF_ROW_ATTEMPTS) : NULL,
                     *log = whole ? text_at(row, GF_ROW_LOG) : NULL;
    if (attempts)
        bad |= gf_info_set_records(info, "attempts", attempts->str, (size_t)attempts->len);
    if (log)
        bad |= gf_info_set_records(info, "log", log->str, (size_t)log->len);
    return bad;
}

gofer_info *gf_rd_task_info(const redisReply *row, const char *queue, gf_state state, bool whole,
    const gf_rd_runner *runner)
{
    const redisReply *id = text_at(row, GF_ROW_ID), *msg = text_at(row, GF_ROW_MSG);
    const redisReply *result = whole ? text_at(row, GF_ROW_RESULT) : NULL;
    gofer_info *info = id ? gf_info_record() : NULL;
    void *memory = NULL;
    if (!info)
        return NULL;
    gofer_status st =
        msg ? gf_wire_task_decode(msg->str, (size_t)msg->len, 0, &memory) : GOFER_ECORRUPT;
    const gf_wire_task *task = st == GOFER_OK ? memory : NULL;

    int bad = st == GOFER_ENOMEM;
    bad |= task ? show_message(info, row, queue, task, whole) : show_unreadable(info, row, queue);
    bad |= show_state(info, row, state < GF_STATE_COUNT ? state : gf_rd_row_state(row));
    bad |= show_place(info, row, state, task, runner);
    bad |= show_task_data(info, row, task, whole);
    if (result)
        bad |= gf_info_set_bytes(info, "result", result->str, (size_t)result->len);
    gf_free(memory);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// ---- who runs it --------------------------------------------------------------------------------

static void note_runner(const redisReply *info, const char *queue, gf_rd_runner *out)
{
    gf_wire_worker *w = NULL;
    if (out->worker || !info || info->type != REDIS_REPLY_STRING)
        return;
    if (gf_wire_worker_decode(info->str, (size_t)info->len, &w) != GOFER_OK)
        return;
    if (strcmp(w->queue, queue) == 0) {  // ids are unique in a queue only
        out->worker = gf_strdup(w->server_id);
        out->started_ms = w->started_ms;
    }
    gf_free(w);
}

static void ask_workers(gf_rd_store *s, const redisReply *keys, const char *queue,
    const redisReply *const *ids, size_t count, gf_rd_runner *runners)
{
    size_t workers = keys->elements < RUNNERS ? keys->elements : RUNNERS;
    gf_rd_cmd *cmds = workers ? gf_calloc(workers, sizeof *cmds) : NULL;
    if (!cmds)
        return;
    for (size_t i = 0; i < workers; i++) {
        const redisReply *key = gf_rd_reply_at(keys, i, REDIS_REPLY_STRING);
        cmds[i] =
            (gf_rd_cmd){ .slot = key ? gf_rd_slot(key->str, (size_t)key->len) : GF_RD_ANY_SLOT,
                .reads = true };
        gf_rd_add(&cmds[i].args, "HMGET");
        gf_rd_add_bytes(&cmds[i].args, key ? key->str : "", key ? (size_t)key->len : 0);
        for (size_t j = 0; j < count; j++)
            gf_rd_add_bytes(&cmds[i].args, ids[j]->str, (size_t)ids[j]->len);
    }
    // Those that answered are good.
    (void)gf_rd_run_apart(s->net, cmds, workers, gf_rd_timeout(s));
    for (size_t i = 0; i < workers; i++) {
        for (size_t j = 0; j < count && cmds[i].status == GOFER_OK && cmds[i].reply; j++)
            if (j < cmds[i].reply->elements)
                note_runner(cmds[i].reply->element[j], queue, &runners[j]);
        gf_rd_cmd_clear(&cmds[i]);
    }
    gf_free(cmds);
}

void gf_rd_runners_find(gf_rd_store *s, const char *queue, const redisReply *const *ids,
    size_t count, gf_rd_runner *runners)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot("asynq:workers", 13), .reads = true };
    redisReply *keys = NULL;
    gf_rd_add(&cmd.args, "ZRANGE");
    gf_rd_add(&cmd.args, "asynq:workers");
    gf_rd_add_int(&cmd.args, 0);
    gf_rd_add_int(&cmd.args, RUNNERS - 1);
    if (count && gf_rd_call(s, &cmd, &keys) == GOFER_OK) {
        if (keys->type == REDIS_REPLY_ARRAY)
            ask_workers(s, keys, queue, ids, count, runners);
        gf_rd_reply_free(keys);
    }
}

// ---- one task -----------------------------------------------------------------------------------

static const gf_rd_script task_script = {
    .name = "look at a task",
    .text = gf_rd_lua_inspect_task,
    .allow_oom = true,
};

static gofer_status show_task(gf_rd_store *s, const redisReply *reply, const char *queue,
    gofer_info **out)
{
    const redisReply *row = gf_rd_reply_at(reply, 0, REDIS_REPLY_ARRAY);
    const redisReply *place = gf_rd_reply_at(reply, 1, REDIS_REPLY_STRING);
    gf_rd_runner runner = { 0 };
    gf_state state;
    if (!row || row->elements != GF_ROW_COUNT || !text_at(row, GF_ROW_ID) || !place)
        return gf_fail(GOFER_ECORRUPT,
            "the look at a task of queue '%s' was answered with something else", queue);
    if (!gf_state_parse(place->str, &state))
        state = GF_STATE_COUNT;
    if (state == GF_ACTIVE && !text_at(row, GF_ROW_WORKER))
        gf_rd_runners_find(s, queue, (const redisReply *const[]){ row->element[GF_ROW_ID] }, 1,
            &runner);
    gofer_info *info = gf_rd_task_info(row, queue, state, true, &runner);
    gf_free(runner.worker);
    if (!info)
        return GOFER_ENOMEM;
    *out = info;
    return GOFER_OK;
}

gofer_status gf_rd_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    const char *rests[] = { GF_RD_KEYS_INSPECT_TASK(GF_RD_REST) };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[COUNT_OF(rests)];
    char name[GF_NAME_MAX + 3];
    redisReply *reply = NULL;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    snprintf(name, sizeof name, "t:%s", id);
    gf_rd_script_begin(&cmd, &task_script, queue, true);
    cmd.reads = true;
    rests[0] = name;
    gf_rd_add_keys(&cmd, keys, queue, rests, COUNT_OF(rests));
    gf_rd_add(&cmd.args, id);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    if (reply->type == REDIS_REPLY_ARRAY)
        st = show_task(s, reply, queue, out);
    else if ((st = gf_rd_queue_need(s, queue)) == GOFER_OK)
        st = gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", id, queue);
    gf_rd_reply_free(reply);
    return st;
}
