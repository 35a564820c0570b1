// asynqmon_lists.c - asynqmon's pages of tasks, and one task.
//
// A page of the library has no payloads: each task of it is looked at alone, as many as a page has
// at the most.
#include "asynqmon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static int64_t ttl_s(const gofer_info *task)
{
    int64_t end_ms = gofer_info_int(task, "completed_at_ms", 0)
        + gofer_info_int(task, "retention_ms", 0);
    return (end_ms - web_ms(CLOCK_REALTIME)) / 1000;
}

static void put_base(web_call *call, const gofer_info *task)
{
    web_text *out = &call->reply.body;
    web_asynqmon_put(out, "id", gofer_info_text(task, "id"));
    web_asynqmon_put(out, "type", gofer_info_text(task, "type"));
    web_asynqmon_put_bytes(call, "payload", task, "payload");
    web_asynqmon_put(out, "queue", gofer_info_text(task, "queue"));
    web_asynqmon_put_int(out, "max_retry", gofer_info_int(task, "max_retry", 0));
    web_asynqmon_put_int(out, "retried", gofer_info_int(task, "retried", 0));
    web_asynqmon_put_private(call, "error_message", task, "last_error");
}

// ---- who runs it --------------------------------------------------------------------------------

// What a live worker says of the task; NULL: none does.
static const gofer_info *running(const gofer_info *workers, const gofer_info *task)
{
    const char *id = gofer_info_text(task, "id"), *queue = gofer_info_text(task, "queue");
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const gofer_info *tasks = gofer_info_child(gofer_info_at(workers, i), "tasks");
        for (size_t k = 0; k < gofer_info_count(tasks); k++) {
            const gofer_info *run = gofer_info_at(tasks, k);
            if (strcmp(gofer_info_text(run, "id"), id) == 0
                && strcmp(gofer_info_text(run, "queue"), queue) == 0)
                return run;
        }
    }
    return NULL;
}

static void put_active(web_text *out, const gofer_info *workers, const gofer_info *task)
{
    const gofer_info *run = running(workers, task);
    int64_t started_ms = gofer_info_int(run ? run : task, "started_at_ms", 0);
    web_asynqmon_put_time(out, "start_time", started_ms, "-");
    web_asynqmon_put_time(out, "deadline", run ? gofer_info_int(run, "deadline_ms", 0) : 0,
        run ? NULL : "-");
    web_asynqmon_put_bool(out, "is_orphaned", gofer_info_int(task, "orphaned", 0));
}

// ---- pages --------------------------------------------------------------------------------------

typedef struct listing {
    const char *queue, *state;
    gofer_info *page, *workers;     // workers: of active tasks
} listing;

static void put_state(web_call *call, const listing *l, const gofer_info *task)
{
    web_text *out = &call->reply.body;
    if (strcmp(l->state, "active") == 0) {
        put_active(out, l->workers, task);
    } else if (strcmp(l->state, "aggregating") == 0) {
        web_asynqmon_put(out, "group", gofer_info_text(task, "group"));
    } else if (strcmp(l->state, "archived") == 0) {
        web_asynqmon_put_time(out, "last_failed_at",
            gofer_info_int(task, "last_failed_at_ms", 0), NULL);
    } else if (strcmp(l->state, "completed") == 0) {
        web_asynqmon_put_time(out, "completed_at", gofer_info_int(task, "completed_at_ms", 0),
            NULL);
        web_asynqmon_put_bytes(call, "result", task, "result");
        web_asynqmon_put_int(out, "ttl_seconds", ttl_s(task));
    } else if (strcmp(l->state, "pending") != 0) {
        web_asynqmon_put_time(out, "next_process_at", gofer_info_int(task, "next_run_at_ms", 0),
            NULL);
    }
}

// Nothing of a task that has gone meanwhile, or whose message cannot be read.
static bool put_task(web_call *call, const listing *l, const gofer_info *row)
{
    gofer_info *task = NULL;
    const char *type = gofer_info_text(row, "type");
    gofer_status st = type && *type
        ? gofer_client_task(call->client, l->queue, gofer_info_text(row, "id"), &task)
        : GOFER_ENOTFOUND;
    if (st != GOFER_OK && st != GOFER_ENOTFOUND) {
        web_asynqmon_fail(call, st);
        return false;
    }
    if (task) {
        web_text *out = &call->reply.body;
        web_asynqmon_comma(out);
        web_text_put(out, "{");
        put_base(call, task);
        put_state(call, l, task);
        web_text_put(out, "}");
    }
    gofer_info_free(task);
    return true;
}

static gofer_status read_page(web_call *call, listing *l)
{
    char cursor[1024];
    const char *group = web_path_word(call, "group");
    int64_t page, size;
    web_asynqmon_page(call, &page, &size);
    snprintf(cursor, sizeof cursor, "@%" PRId64 "%s%s", (page - 1) * size, group ? ":" : "",
        group ? group : "");
    gofer_status st = gofer_client_tasks(call->client, l->queue, l->state, cursor, (int32_t)size,
        &l->page);
    if (st == GOFER_OK && strcmp(l->state, "active") == 0)
        st = gofer_client_workers(call->client, &l->workers);
    return st;
}

static bool put_page(web_call *call, const listing *l)
{
    web_text *out = &call->reply.body;
    web_text_put(out, "{");
    web_asynqmon_key(out, "tasks");
    web_text_put(out, "[");
    for (size_t i = 0; i < gofer_info_count(l->page); i++)
        if (!put_task(call, l, gofer_info_at(l->page, i)))
            return false;
    web_text_put(out, "]");
    if (!web_asynqmon_put_queue(call, "stats", l->queue))
        return false;
    if (strcmp(l->state, "aggregating") == 0 && !web_asynqmon_put_groups(call, l->queue))
        return false;
    web_text_put(out, "}");
    return true;
}

void web_asynqmon_tasks(web_call *call)
{
    listing l = { .queue = web_path_word(call, "queue"), .state = web_asynqmon_state(call) };
    gofer_status st = read_page(call, &l);
    if (st == GOFER_ENOTFOUND)
        web_fail(call, 500, "", "asynq: queue not found");
    else if (st != GOFER_OK)
        web_asynqmon_fail(call, st);
    else if (put_page(call, &l))
        web_asynqmon_json(call);
    gofer_info_free(l.page);
    gofer_info_free(l.workers);
}

// ---- one task -----------------------------------------------------------------------------------

static void put_whole(web_call *call, const gofer_info *task)
{
    web_text *out = &call->reply.body;
    const char *state = gofer_info_text(task, "state");
    bool completed = strcmp(state, "completed") == 0, pending = strcmp(state, "pending") == 0;
    put_base(call, task);
    web_asynqmon_put(out, "state", state);
    web_asynqmon_put_time(out, "last_failed_at", gofer_info_int(task, "last_failed_at_ms", 0), "");
    web_asynqmon_put_int(out, "timeout_seconds", gofer_info_int(task, "timeout_ms", 0) / 1000);
    web_asynqmon_put_time(out, "deadline", gofer_info_int(task, "deadline_ms", 0), "");
    web_asynqmon_put_time(out, "next_process_at", pending ? web_ms(CLOCK_REALTIME)
        : gofer_info_int(task, "next_run_at_ms", 0), "");
    web_asynqmon_put_time(out, "completed_at", gofer_info_int(task, "completed_at_ms", 0), "");
    web_asynqmon_put_bytes(call, "result", task, "result");
    web_asynqmon_put_int(out, "ttl_seconds", completed ? ttl_s(task) : 0);
}

void web_asynqmon_task(web_call *call)
{
    gofer_info *task = NULL;
    const char *queue = web_path_word(call, "queue"), *id = web_path_word(call, "id");
    gofer_status st = gofer_client_task(call->client, queue, id, &task);
    if (st == GOFER_ENOTFOUND) {
        web_fail(call, 404, "", "%s",
            web_asynqmon_has_queue(call, queue) ? "task not found" : "queue not found");
    } else if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
    } else {
        web_text_put(&call->reply.body, "{");
        put_whole(call, task);
        web_text_put(&call->reply.body, "}");
        web_asynqmon_json(call);
    }
    gofer_info_free(task);
}
