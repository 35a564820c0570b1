// api_act.c - handlers that change something.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "body.h"
#include "checks.h"
#include "own.h"
#include "task_line.h"

// ---- tasks

typedef gofer_status (*task_act)(gofer_client *client, const char *queue, const char *id);

static void on_task(web_call *call, task_act act)
{
    web_reply_done(call,
        act(call->client, web_path_word(call, "queue"), web_path_word(call, "id")));
}

void web_api_task_run(web_call *call)
{
    on_task(call, gofer_client_task_run);
}

void web_api_task_archive(web_call *call)
{
    on_task(call, gofer_client_task_archive);
}

void web_api_task_cancel(web_call *call)
{
    on_task(call, gofer_client_task_cancel);
}

void web_api_task_delete(web_call *call)
{
    on_task(call, gofer_client_task_delete);
}

static gofer_status reschedule(web_call *call, bool at, const char *when)
{
    const char *queue = web_path_word(call, "queue"), *id = web_path_word(call, "id");
    int64_t ms;
    gofer_status st = at ? gofer_parse_time(when, &ms) : gofer_parse_duration(when, &ms);
    if (st != GOFER_OK)
        return st;
    return at ? gofer_client_task_reschedule(call->client, queue, id, ms)
              : gofer_client_task_delay(call->client, queue, id, ms);
}

void web_api_task_reschedule(web_call *call)
{
    web_member when[] = { { .name = "at" }, { .name = "in" } };
    if (!web_body_read(call, when, 2))
        return;
    bool at = web_member_there(&when[0]);
    if (at == web_member_there(&when[1])) {
        web_fail(call, 400, "EINVAL", "the body needs either 'at' or 'in'");
        return;
    }
    char *text = web_member_text(call, &when[!at]);
    if (text)
        web_reply_done(call, reschedule(call, at, text));
    free(text);
}

// A payload that was shown with a mask in it must not come back so: what was behind the mask would
// be lost. False: it is answered.
static bool is_unmasked(web_call *call, const char *payload, size_t size)
{
    gofer_info *task = NULL;
    if (!call->view.masks)
        return true;
    gofer_status st = gofer_client_task(call->client, web_path_word(call, "queue"),
        web_path_word(call, "id"), &task);
    const char *type = st == GOFER_OK ? gofer_info_text(task, "type") : NULL;
    bool held = type && web_masks_hold(call->view.masks, type, payload, size);
    gofer_info_free(task);
    if (st != GOFER_OK)
        web_fail_status(call, st);
    else if (held)
        web_fail(call, 409, "ESTATE", "the payload has " WEB_MASKED " in place of what is masked: "
            "give its value");
    return st == GOFER_OK && !held;
}

void web_api_task_edit(web_call *call)
{
    web_member payload = { .name = "payload" };
    size_t size;
    if (!web_body_read(call, &payload, 1))
        return;
    if (!web_member_there(&payload)) {
        web_fail(call, 400, "EINVAL", "the body needs 'payload'");
        return;
    }
    char *bytes = NULL, why[TASK_LINE_WHY];
    if (!task_payload_read(payload.value, &bytes, &size, why))
        web_fail(call, 400, "EINVAL", "%s", why);
    else if (is_unmasked(call, bytes, size))
        web_reply_put(call, gofer_client_task_edit(call->client, web_path_word(call, "queue"),
            web_path_word(call, "id"), bytes, size));
    free(bytes);
}

// ---- queues

void web_api_queue_pause(web_call *call)
{
    web_reply_done(call, gofer_client_queue_pause(call->client, web_path_word(call, "queue")));
}

void web_api_queue_unpause(web_call *call)
{
    web_reply_done(call, gofer_client_queue_unpause(call->client, web_path_word(call, "queue")));
}

void web_api_queue_bound(web_call *call)
{
    web_member length = { .name = "max_length" };
    int32_t most = 0;
    if (web_body_read(call, &length, 1) && web_member_whole(call, &length, INT32_MAX, &most))
        web_reply_done(call,
            gofer_client_queue_bound(call->client, web_path_word(call, "queue"), most));
}

void web_api_queue_age(web_call *call)
{
    web_member age = { .name = "age" };
    int64_t ms = 0;
    if (web_body_read(call, &age, 1) && web_member_duration(call, &age, &ms))
        web_reply_done(call,
            gofer_client_queue_age(call->client, web_path_word(call, "queue"), ms));
}

void web_api_queue_encrypt(web_call *call)
{
    web_member member = { .name = "required" };
    bool required = false;
    if (!web_body_read(call, &member, 1) || !web_member_flag(call, &member, &required))
        return;
    if (!web_member_there(&member))
        web_fail(call, 400, "EINVAL", "the body needs 'required'");
    else
        web_reply_done(call,
            gofer_client_queue_encrypt(call->client, web_path_word(call, "queue"), required));
}

void web_api_queue_shard(web_call *call)
{
    web_member shards = { .name = "shards" };
    int32_t count = 0;
    if (!web_body_read(call, &shards, 1) || !web_member_whole(call, &shards, INT32_MAX, &count))
        return;
    if (!count)
        web_fail(call, 400, "EINVAL", "the body needs 'shards'");
    else
        web_reply_done(call,
            gofer_client_queue_shard(call->client, web_path_word(call, "queue"), count));
}

// ---- workers

// A member's value as the words that the worker's settings are made of.
static char *setting(web_call *call, const web_member *member)
{
    if (member->value.kind != GF_JSON_NUMBER)
        return web_member_text(call, member);
    char *text = malloc(member->value.size + 1);
    if (!text) {
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
        return NULL;
    }
    memcpy(text, member->value.text, member->value.size);
    text[member->value.size] = '\0';
    return text;
}

// To the audit: the worker and what of it was set.
static void tell_setting(web_call *call, const char *name, const char *value)
{
    char *target = call->deed.target;
    size_t room = sizeof call->deed.target, used = strlen(target);
    if (used == 0)
        used = (size_t)snprintf(target, room, "%.200s", web_path_word(call, "worker"));
    snprintf(target + used, room - used, " %s=%.100s", name, value);
}

void web_api_worker_set(web_call *call)
{
    web_member settings[] = { { .name = "concurrency" }, { .name = "queues" },
        { .name = "state" } };
    size_t count = sizeof settings / sizeof *settings, given = 0;
    gofer_status st = GOFER_OK;
    if (!web_body_read(call, settings, count) || !web_own_worker(call, WEB_OPERATE))
        return;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (!web_member_there(&settings[i]))
            continue;
        char *value = setting(call, &settings[i]);
        bool serves = strcmp(settings[i].name, "queues") == 0;
        if (!value || (serves && !web_own_served(call, WEB_OPERATE, value))) {
            free(value);
            return;
        }
        st = gofer_client_worker_set(call->client, web_path_word(call, "worker"),
            settings[i].name, value);
        tell_setting(call, settings[i].name, value);
        free(value);
        given++;
    }
    if (given)
        web_reply_done(call, st);
    else
        web_fail(call, 400, "EINVAL", "the body needs 'concurrency', 'queues' or 'state'");
}

// ---- schedules

void web_api_schedule_pause(web_call *call)
{
    if (web_own_schedule(call, WEB_OPERATE))
        web_reply_done(call,
            gofer_client_schedule_pause(call->client, web_path_word(call, "name"), 1));
}

void web_api_schedule_unpause(web_call *call)
{
    if (web_own_schedule(call, WEB_OPERATE))
        web_reply_done(call,
            gofer_client_schedule_pause(call->client, web_path_word(call, "name"), 0));
}

void web_api_schedule_run(web_call *call)
{
    char *id = NULL;
    if (!web_own_schedule(call, WEB_OPERATE))
        return;
    gofer_status st = gofer_client_schedule_run(call->client, web_path_word(call, "name"), &id);
    if (st != GOFER_OK) {
        web_fail_put(call, st);
        return;
    }
    call->reply.status = 200;
    call->reply.type = "application/json";
    web_text_put(&call->reply.body, "{\"id\":");
    web_text_json(&call->reply.body, id, strlen(id));
    web_text_put(&call->reply.body, "}");
    gofer_free(id);
}

void web_api_schedule_delete(web_call *call)
{
    if (web_own_schedule(call, WEB_ADMIN))
        web_reply_done(call,
            gofer_client_schedule_remove(call->client, web_path_word(call, "name")));
}
