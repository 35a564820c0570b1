// asynqmon_act.c - asynqmon's acts on queues, on one task, on all of a state, on a list of ids.
#include "asynqmon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"

// ---- queues -------------------------------------------------------------------------------------

void web_asynqmon_queue_delete(web_call *call)
{
    const char *queue = web_path_word(call, "queue");
    gofer_status st = gofer_client_queue_delete(call->client, queue, 0);
    if (st == GOFER_OK)
        web_asynqmon_nothing(call);
    else if (st == GOFER_ENOTFOUND)
        web_fail(call, 404, "", "queue not found: queue=\"%.255s\"", queue);
    else if (st == GOFER_ESTATE)
        web_fail(call, 400, "", "queue is not empty: queue=\"%.255s\"", queue);
    else
        web_asynqmon_fail(call, st);
    call->failed = st;
}

// Asynq refuses what is so already.
static void set_paused(web_call *call, bool paused)
{
    const char *queue = web_path_word(call, "queue");
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(call->client, queue, &info);
    bool is = st == GOFER_OK && gofer_info_int(info, "paused", 0);
    gofer_info_free(info);
    if (st != GOFER_OK && st != GOFER_ENOTFOUND) {
        web_asynqmon_fail(call, st);
        return;
    }
    if (is == paused) {
        web_fail(call, 500, "", "queue \"%.255s\" is %s paused", queue, is ? "already" : "not");
        call->failed = GOFER_ESTATE;
        return;
    }
    st = paused ? gofer_client_queue_pause(call->client, queue)
                : gofer_client_queue_unpause(call->client, queue);
    if (st == GOFER_OK)
        web_asynqmon_nothing(call);
    else
        web_asynqmon_fail(call, st);
}

void web_asynqmon_pause(web_call *call)
{
    set_paused(call, true);
}

void web_asynqmon_resume(web_call *call)
{
    set_paused(call, false);
}

// ---- one task -----------------------------------------------------------------------------------

typedef gofer_status (*act_on)(gofer_client *client, const char *queue, const char *id);

// What Asynq says of an act that the state of a task does not allow; NULL: nothing of its own.
static const char *refusal(web_call *call, act_on act, const char *id, char *room, size_t size)
{
    gofer_info *task = NULL;
    const char *queue = web_path_word(call, "queue"), *text = NULL;
    if (gofer_client_task(call->client, queue, id, &task) != GOFER_OK)
        return NULL;
    const char *state = gofer_info_text(task, "state");
    bool active = strcmp(state, "active") == 0;
    if (act == gofer_client_task_run && active)
        text = "FAILED_PRECONDITION: task is already running";
    else if (act == gofer_client_task_run && strcmp(state, "pending") == 0)
        text = "FAILED_PRECONDITION: task is already in pending state";
    else if (act == gofer_client_task_archive && active)
        text = "FAILED_PRECONDITION: cannot archive task in active state. use CancelProcessing "
               "instead.";
    else if (act == gofer_client_task_delete && active)
        text = "FAILED_PRECONDITION: cannot delete task in active state. use CancelProcessing "
               "instead.";
    gofer_info_free(task);
    if (text || act != gofer_client_task_archive)
        return text;
    snprintf(room, size, "FAILED_PRECONDITION: task is already archived: id=%s, queue=%s", id,
        queue);
    return room;
}

static void on_task(web_call *call, act_on act)
{
    const char *id = web_path_word(call, "id");
    char room[640];
    gofer_status st = act(call->client, web_path_word(call, "queue"), id);
    if (st == GOFER_OK)
        web_asynqmon_nothing(call);
    else
        web_asynqmon_fail_task(call, st,
            st == GOFER_ESTATE ? refusal(call, act, id, room, sizeof room) : NULL);
}

void web_asynqmon_run(web_call *call)
{
    on_task(call, gofer_client_task_run);
}

void web_asynqmon_archive(web_call *call)
{
    on_task(call, gofer_client_task_archive);
}

void web_asynqmon_delete(web_call *call)
{
    on_task(call, gofer_client_task_delete);
}

// One that runs; to Asynq a request is good whatever becomes of it, and one that waits goes on
// waiting.
static gofer_status cancel_running(gofer_client *client, const char *queue, const char *id)
{
    gofer_info *task = NULL;
    gofer_status st = gofer_client_task(client, queue, id, &task);
    bool runs = st == GOFER_OK && strcmp(gofer_info_text(task, "state"), "active") == 0;
    gofer_info_free(task);
    if (runs)
        st = gofer_client_task_cancel(client, queue, id);
    return st == GOFER_ENOTFOUND || st == GOFER_ESTATE ? GOFER_OK : st;
}

void web_asynqmon_cancel(web_call *call)
{
    on_task(call, cancel_running);
}

// ---- all of a state -----------------------------------------------------------------------------

// To the audit: of which state, and how many.
static void tell(web_call *call, int64_t done)
{
    const char *group = web_path_word(call, "group");
    snprintf(call->deed.target, sizeof call->deed.target, "state=%s%s%.255s",
        web_asynqmon_state(call), group ? " group=" : "", group ? group : "");
    call->deed.counted = true;
    call->deed.count = done;
}

static bool act_on_all(web_call *call, int32_t act, int64_t *done)
{
    const char *queue = web_path_word(call, "queue"), *group = web_path_word(call, "group");
    gofer_filter filter;
    gofer_filter_init(&filter);
    filter.group = group;
    // To gofer.h a name that ends so means many.
    if ((group && *group && group[strlen(group) - 1] == '*') || queue[strlen(queue) - 1] == '*') {
        web_fail(call, 501, "", "what is named with a '*' at its end can be acted on here task by "
            "task only");
        return false;
    }
    gofer_status st = gofer_client_act(call->client, act, queue, web_asynqmon_state(call), &filter,
        NULL, NULL, done);
    tell(call, *done);
    if (st != GOFER_OK)
        web_asynqmon_fail(call, st);
    return st == GOFER_OK;
}

static void on_all(web_call *call, int32_t act, const char *word)
{
    int64_t done = 0;
    if (!act_on_all(call, act, &done))
        return;
    web_text_put(&call->reply.body, "{");
    web_asynqmon_put_int(&call->reply.body, word, done);
    web_text_put(&call->reply.body, "}");
    web_asynqmon_json(call);
}

void web_asynqmon_run_all(web_call *call)
{
    on_all(call, GOFER_ACT_RUN, "scheduled");
}

void web_asynqmon_archive_all(web_call *call)
{
    on_all(call, GOFER_ACT_ARCHIVE, "archived");
}

void web_asynqmon_delete_all(web_call *call)
{
    on_all(call, GOFER_ACT_DELETE, "deleted");
}

void web_asynqmon_cancel_all(web_call *call)
{
    int64_t done = 0;
    if (act_on_all(call, GOFER_ACT_CANCEL, &done))
        web_asynqmon_nothing(call);
}

// ---- a list of ids ------------------------------------------------------------------------------

// Acts on each; the ids that it worked for go into one array, the others into another.
static bool act_on_each(web_call *call, act_on act, gf_json ids, web_text *failed)
{
    const char *queue = web_path_word(call, "queue");
    gf_json id;
    int64_t done = 0;
    for (gf_json_scan s = gf_json_inside(ids); gf_json_value(&s, &id) != GF_JSON_CLOSE;) {
        web_member member = { .name = "task_ids", .value = id };
        char *text = web_member_text(call, &member);
        if (!text)
            return false;
        bool good = act(call->client, queue, text) == GOFER_OK;
        web_text *to = good ? &call->reply.body : failed;
        done += good;
        web_asynqmon_comma(to);
        web_text_json(to, text, strlen(text));
        free(text);
        tell(call, done);
    }
    return true;
}

static void batch(web_call *call, act_on act, const char *done, const char *not_done)
{
    web_member ids = { .name = "task_ids" };
    web_text failed = { 0 }, *out = &call->reply.body;
    if (!call->body_size) {
        web_fail(call, 400, "", "EOF");
        return;
    }
    if (!web_body_read(call, &ids, 1))
        return;
    bool none = !web_member_there(&ids) || ids.value.kind == GF_JSON_NULL;
    if (!none && ids.value.kind != GF_JSON_ARRAY) {
        web_fail(call, 400, "", "'task_ids' must be an array of strings");
        return;
    }
    web_text_put(out, "{");
    web_asynqmon_key(out, done);
    web_text_put(out, "[");
    web_text_put(&failed, "[");
    if (none || act_on_each(call, act, ids.value, &failed)) {
        web_text_put(out, "]");
        web_asynqmon_key(out, not_done);
        web_text_add(out, failed.at ? failed.at : "", failed.size);
        web_text_put(out, "]}");
        out->failed = out->failed || failed.failed;
        web_asynqmon_json(call);
    }
    web_text_free(&failed);
}

void web_asynqmon_batch_run(web_call *call)
{
    batch(call, gofer_client_task_run, "pending_ids", "error_ids");
}

void web_asynqmon_batch_archive(web_call *call)
{
    batch(call, gofer_client_task_archive, "archived_ids", "error_ids");
}

void web_asynqmon_batch_delete(web_call *call)
{
    batch(call, gofer_client_task_delete, "deleted_ids", "failed_ids");
}

void web_asynqmon_batch_cancel(web_call *call)
{
    batch(call, cancel_running, "canceled_ids", "error_ids");
}
