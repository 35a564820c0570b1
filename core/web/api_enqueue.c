// api_enqueue.c - tasks that come over HTTP: one object, or an array of them.
//
// Those of an array have each its own fate, as the lines of a batch have. What is said to one that
// the store refused is its status in words: the library keeps the text of the first alone.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "put_round.h"
#include "task_line.h"
#include "util/json.h"
#include "util/webhook.h"
#include "web.h"

enum { TASKS_MAX = 1000 };

// The tasks of a request; those that could not be read have a reason in place of a line.
typedef struct round {
    task_line   *lines[TASKS_MAX];
    char        *why[TASKS_MAX];
    bool         denied[TASKS_MAX];
    size_t       count;
    // Of those that could be read, side by side, as the library wants them.
    const char  *types[TASKS_MAX];
    const void  *payloads[TASKS_MAX];
    size_t       sizes[TASKS_MAX];
    const gofer_enqueue_options *opts[TASKS_MAX];
    gofer_status statuses[TASKS_MAX];
    char        *ids[TASKS_MAX];
    size_t       readable;
} round;

static void round_free(round *r)
{
    for (size_t i = 0; i < r->count; i++) {
        task_line_free(r->lines[i]);
        free(r->why[i]);
    }
    for (size_t i = 0; i < r->readable; i++)
        gofer_free(r->ids[i]);
    free(r);
}

// Where what follows on an end goes, beside the task's own queue; NULL: nowhere else.
static const char *queue_of(const char *follower, const char *queue)
{
    return follower && gf_webhook_is(follower) ? GF_WEBHOOK_QUEUE : queue;
}

// Queues that a task may come to be in: its own, and those of its on-dead and on-done tasks.
static bool may(const web_call *call, const task_line *line, char why[TASK_LINE_WHY])
{
    const char *const queues[] = { line->opts.queue ? line->opts.queue : "default",
        queue_of(line->opts.on_dead, line->opts.on_dead_queue),
        queue_of(line->opts.on_done, line->opts.on_done_queue) };
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
        if (queues[i] && !web_scope_may(call->scope, WEB_ENQUEUE, queues[i])) {
            snprintf(why, TASK_LINE_WHY, "%s may not do this in the queue %.100s", call->who,
                queues[i]);
            return false;
        }
    // As who edits a task: it may be another's.
    if (line->opts.replace && !web_scope_may(call->scope, WEB_ADMIN, queues[0])) {
        snprintf(why, TASK_LINE_WHY, "%s may not replace tasks in the queue %.100s", call->who,
            queues[0]);
        return false;
    }
    return true;
}

// False: no memory.
static bool add(const web_call *call, round *r, gf_json value)
{
    char why[TASK_LINE_WHY] = "";
    task_line *line = task_line_new(NULL);
    if (!line)
        return false;
    bool read = task_line_read(line, value.text, value.size, why);
    r->denied[r->count] = read && !may(call, line, why);
    read = read && !r->denied[r->count];
    char *reason = read ? NULL : strdup(why);
    if (!read) {
        task_line_free(line);
        line = NULL;
    }
    r->lines[r->count] = line;
    r->why[r->count++] = reason;
    if (read) {
        size_t at = r->readable++;
        r->types[at] = line->type;
        r->payloads[at] = line->payload;
        r->sizes[at] = line->payload_size;
        r->opts[at] = &line->opts;
    }
    return read || reason;
}

static void put_added(web_text *out, const char *id, const task_line *line)
{
    web_text_put(out, "{\"id\":");
    web_text_json(out, id, strlen(id));
    web_text_format(out, ",\"effect\":\"%s\"}", effect_word(line->effect));
}

static void put_refused(web_text *out, const char *code, const char *message)
{
    web_text_format(out, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    web_text_json(out, message, strlen(message));
    web_text_put(out, "}}");
}

static void put_items(web_text *out, const round *r)
{
    size_t at = 0, added = 0;
    web_text_put(out, "{\"items\":[");
    for (size_t i = 0; i < r->count; i++) {
        web_text_put(out, i ? "," : "");
        if (!r->lines[i]) {
            put_refused(out, r->denied[i] ? "EDENIED" : "EINVAL", r->why[i]);
            continue;
        }
        gofer_status st = r->statuses[at];
        if (r->ids[at])
            put_added(out, r->ids[at], r->lines[i]);
        else
            put_refused(out, gofer_status_name(st), gofer_status_text(st));
        added += r->ids[at] != NULL;
        at++;
    }
    web_text_format(out, "],\"added\":%zu,\"refused\":%zu}", added, r->count - added);
}

// To the audit: how many are in, and of what type and queue if all are of one.
static void tell(web_call *call, const round *r)
{
    web_deed *deed = &call->deed;
    const char *type = NULL, *queue = NULL;
    deed->counted = true;
    for (size_t i = 0; i < r->readable; i++) {
        const char *other = r->opts[i]->queue ? r->opts[i]->queue : "default";
        if (!r->ids[i])
            continue;
        type = deed->count == 0 ? r->types[i] : strcmp(type, r->types[i]) == 0 ? type : "";
        queue = deed->count == 0 ? other : strcmp(queue, other) == 0 ? queue : "";
        deed->count++;
    }
    snprintf(deed->queue, sizeof deed->queue, "%s", queue ? queue : "");
    snprintf(deed->target, sizeof deed->target, "%s",
        type && *type ? type : deed->count ? "several types" : "");
}

static gofer_status enqueue(web_call *call, round *r)
{
    const put_way way = { call->client, { call->traceparent, call->tracestate },
        call->options->watch };
    const put_round tasks = { r->readable, r->types, r->payloads, r->sizes, r->opts, r->statuses,
        r->ids };
    gofer_status st = r->readable == 0 ? GOFER_OK : put_round_send(&way, &tasks);
    tell(call, r);
    return st;
}

// Is nothing in because the store did not answer, or refuses? Then that is the answer, not a list
// of it.
static bool is_hopeless(gofer_status st, const round *r)
{
    bool any = false;
    for (size_t i = 0; i < r->readable; i++)
        any = any || r->ids[i];
    return !any && web_http_of(st) >= 500;
}

static void reply_many(web_call *call, round *r)
{
    gofer_status st = enqueue(call, r);
    if (is_hopeless(st, r)) {
        web_fail_put(call, st);
        return;
    }
    put_items(&call->reply.body, r);
    call->reply.status = 200;
    call->reply.type = "application/json";
}

static void reply_one(web_call *call, round *r)
{
    if (!r->lines[0]) {
        web_fail(call, r->denied[0] ? 403 : 400, r->denied[0] ? "EDENIED" : "EINVAL", "%s",
            r->why[0]);
        return;
    }
    gofer_status st = enqueue(call, r);
    if (st != GOFER_OK) {
        web_fail_put(call, st);
        return;
    }
    put_added(&call->reply.body, r->ids[0], r->lines[0]);
    call->reply.status = 200;
    call->reply.type = "application/json";
}

static bool read_array(web_call *call, round *r, gf_json array)
{
    gf_json value;
    for (gf_json_scan s = gf_json_inside(array); gf_json_value(&s, &value) != GF_JSON_CLOSE;) {
        if (r->count == TASKS_MAX) {
            web_fail(call, 413, "ETOOBIG", "there are more than %d tasks", TASKS_MAX);
            return false;
        }
        if (!add(call, r, value)) {
            web_fail(call, 503, "ENOMEM", "there is no memory for the tasks");
            return false;
        }
    }
    return true;
}

void web_api_enqueue(web_call *call)
{
    gf_json_scan scan = gf_json_start(call->body ? call->body : "", call->body_size);
    gf_json whole;
    gf_json_kind kind = gf_json_whole(&scan, &whole);
    if (kind != GF_JSON_OBJECT && kind != GF_JSON_ARRAY) {
        web_fail(call, 400, "EINVAL", "the body is neither a JSON object nor an array of them");
        return;
    }
    round *r = calloc(1, sizeof *r);
    if (!r)
        web_fail(call, 503, "ENOMEM", "there is no memory for the tasks");
    else if (kind == GF_JSON_ARRAY && read_array(call, r, whole))
        reply_many(call, r);
    else if (kind == GF_JSON_OBJECT && add(call, r, whole))
        reply_one(call, r);
    else if (!call->reply.status)
        web_fail(call, 503, "ENOMEM", "there is no memory for the tasks");
    if (r)
        round_free(r);
}
