// mon.c - 82: what asynqmon showed and did on the key space of 50, shown and done by gofer's
// client, call by call.
//
// Left out: what depends on the day of the recording (latency, memory, time to live, counts by
// days: those are compared with 50), and the probes at the end, which are about Asynq v0.24.1 with
// data that gofer never writes (a score with a fraction) or headers that it cannot keep.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "vectors/replay.h"

enum { PARTS_MAX = 8, PART_SIZE = 64 };

// "POST /api/queues/default/scheduled_tasks/s:run": parts queues, default,
// scheduled_tasks, s; verb run.
typedef struct call {
    gofer_client *client;
    const char   *method, *text;             // text: of an error
    char          parts[PARTS_MAX][PART_SIZE], verb[PART_SIZE], query[PART_SIZE];
    int           count;
    const cJSON  *answer, *request;
} call;

static const char *queue_in(const call *c)
{
    return c->parts[1];
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void take_apart(call *c, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "%s", path + strlen("/api/"));
    char *query = strchr(text, '?');
    if (query) {
        *query = '\0';
        snprintf(c->query, sizeof c->query, "%.*s", PART_SIZE - 1, query + 1);
    }
    char *verb = strrchr(text, ':'), *rest = NULL;
    if (verb) {
        *verb = '\0';
        snprintf(c->verb, sizeof c->verb, "%.*s", PART_SIZE - 1, verb + 1);
    }
    for (char *part = strtok_r(text, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (c->count == PARTS_MAX)
            give_up("%s: too long", path);
        snprintf(c->parts[c->count++], PART_SIZE, "%.*s", PART_SIZE - 1, part);
    }
    // A group's tasks, by their group: with gofer a state like the others.
    if (c->count >= 5 && is(c->parts[2], "groups")) {
        memmove(c->parts[2], c->parts[4], sizeof *c->parts * (size_t)(c->count - 4));
        c->count -= 2;
    }
}

// "scheduled_tasks": "scheduled".
static const char *state_in(const call *c, char out[PART_SIZE])
{
    const char *end = strstr(c->parts[2], "_tasks");
    if (!end)
        give_up("%s: no state", c->parts[2]);
    snprintf(out, PART_SIZE, "%.*s", (int)(end - c->parts[2]), c->parts[2]);
    return out;
}

// ---- what is shown ------------------------------------------------------------------------------

static void want_int(replay *r, const char *what, int64_t got, int64_t want)
{
    if (got != want)
        differ(r, "%s is %" PRId64 ", not %" PRId64, what, got, want);
}

static void want_text(replay *r, const char *what, const char *got, const char *want)
{
    if (!is(got ? got : "", want))
        differ(r, "%s is '%s', not '%s'", what, got ? got : "", want);
}

// "2030-01-02T03:04:05Z"; "" and "-" are none. moved: it went with the key space's times.
static void want_time(replay *r, const gofer_info *task, const char *field, const cJSON *want,
    const char *name, bool moved)
{
    const char *text = golden_text(want, name);
    int64_t got_ms = gofer_info_int(task, field, 0);
    struct tm tm = { 0 };
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
            &tm.tm_min, &tm.tm_sec) != 6) {
        want_int(r, field, got_ms, 0);
        return;
    }
    tm.tm_year -= 1900;
    tm.tm_mon--;
    want_int(r, field, got_ms / 1000 - (moved ? r->shift_s : 0), (int64_t)timegm(&tm));
}

static void compare_task(replay *r, const gofer_info *task, const cJSON *want)
{
    size_t size = 0;
    want_text(r, "id", gofer_info_text(task, "id"), golden_text(want, "id"));
    want_text(r, "type", gofer_info_text(task, "type"), golden_text(want, "type"));
    want_text(r, "queue", gofer_info_text(task, "queue"), golden_text(want, "queue"));
    want_text(r, "last_error", gofer_info_text(task, "last_error"),
        golden_text(want, "error_message"));
    want_text(r, "group", gofer_info_text(task, "group"), golden_text(want, "group"));
    want_int(r, "max_retry", gofer_info_int(task, "max_retry", -1), golden_int(want, "max_retry"));
    want_int(r, "retried", gofer_info_int(task, "retried", -1), golden_int(want, "retried"));
    const char *payload = gofer_info_bytes(task, "payload", &size),
               *bytes = golden_text(want, "payload");
    want_int(r, "payload_size", gofer_info_int(task, "payload_size", -1), (int64_t)strlen(bytes));
    if (payload && (size != strlen(bytes) || memcmp(payload, bytes, size) != 0))
        differ(r, "the payload differs");                // gofer's lists tell its size only
    if (cJSON_GetObjectItem(want, "next_process_at"))
        want_time(r, task, "next_run_at_ms", want, "next_process_at", true);
    if (cJSON_GetObjectItem(want, "completed_at"))
        want_time(r, task, "completed_at_ms", want, "completed_at", false);
    if (cJSON_GetObjectItem(want, "last_failed_at"))
        want_time(r, task, "last_failed_at_ms", want, "last_failed_at", false);
    if (cJSON_GetObjectItem(want, "timeout_seconds")) {      // in the answer about a single task
                                                             //   only
        if (!payload)
            differ(r, "there is no payload");
        const char *result = gofer_info_bytes(task, "result", &size);
        want_int(r, "timeout_ms", gofer_info_int(task, "timeout_ms", 0),
            golden_int(want, "timeout_seconds") * 1000);
        want_text(r, "state", gofer_info_text(task, "state"), golden_text(want, "state"));
        want_text(r, "result", result, golden_text(want, "result"));
    }
}

static void compare_queue(replay *r, const gofer_info *queue, const cJSON *want)
{
    static const char *const counts[] = { "active", "aggregating", "archived", "completed",
        "pending", "retry", "scheduled", "groups" };
    int64_t size = 0;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        int64_t got = gofer_info_int(queue, counts[i], -1);
        want_int(r, counts[i], got, golden_int(want, counts[i]));
        size += i < 7 ? got : 0;
    }
    want_int(r, "size", size, golden_int(want, "size"));
    want_int(r, "paused", gofer_info_int(queue, "paused", -1), golden_true(want, "paused"));
    want_text(r, "queue", gofer_info_text(queue, "queue"), golden_text(want, "queue"));
}

static gofer_status show_queue(replay *r, const call *c, const char *member)
{
    gofer_info *queue;
    gofer_status st = gofer_client_queue(c->client, queue_in(c), &queue);
    if (st != GOFER_OK)
        return st;
    compare_queue(r, queue, cJSON_GetObjectItem(c->answer, member));
    gofer_info_free(queue);
    return GOFER_OK;
}

static gofer_status show_queues(replay *r, const call *c)
{
    gofer_info *list;
    const cJSON *want = cJSON_GetObjectItem(c->answer, "queues");
    gofer_status st = gofer_client_queues(c->client, &list);
    if (st != GOFER_OK)
        return st;
    want_int(r, "queues", (int64_t)gofer_info_count(list), cJSON_GetArraySize(want));
    for (size_t i = 0; i < gofer_info_count(list); i++)
        compare_queue(r, gofer_info_at(list, i), cJSON_GetArrayItem(want, (int)i));
    gofer_info_free(list);
    return GOFER_OK;
}

// Page n, from 1, of asynqmon's; ours follow each other by cursors.
static gofer_status list_page(const call *c, const char *state, gofer_info **out)
{
    int size = 100, page = 1;
    if (*c->query && sscanf(c->query, "size=%d&page=%d", &size, &page) != 2)
        give_up("%s: no page", c->query);
    gofer_status st = gofer_client_tasks(c->client, queue_in(c), state, NULL, size, out);
    while (st == GOFER_OK && *out && page-- > 1) {
        gofer_info *before = *out;
        const char *cursor = gofer_info_text(before, "next_cursor");
        *out = NULL;
        if (cursor)
            st = gofer_client_tasks(c->client, queue_in(c), state, cursor, size, out);
        gofer_info_free(before);
    }
    return st;
}

static gofer_status show_tasks(replay *r, const call *c)
{
    char state[PART_SIZE];
    gofer_info *list = NULL;
    const cJSON *want = cJSON_GetObjectItem(c->answer, "tasks");
    gofer_status st = list_page(c, state_in(c, state), &list);
    if (st != GOFER_OK)
        return st;
    want_int(r, "tasks", list ? (int64_t)gofer_info_count(list) : 0, cJSON_GetArraySize(want));
    for (size_t i = 0; list && i < gofer_info_count(list); i++)
        compare_task(r, gofer_info_at(list, i), cJSON_GetArrayItem(want, (int)i));
    gofer_info_free(list);
    return show_queue(r, c, "stats");
}

static gofer_status show_task(replay *r, const call *c)
{
    gofer_info *task;
    gofer_status st = gofer_client_task(c->client, queue_in(c), c->parts[3], &task);
    if (st != GOFER_OK)
        return st;
    compare_task(r, task, c->answer);
    gofer_info_free(task);
    return GOFER_OK;
}

static gofer_status show_servers(replay *r, const call *c)
{
    gofer_info *list;
    gofer_status st = gofer_client_workers(c->client, &list);
    if (st != GOFER_OK)
        return st;
    want_int(r, "servers", (int64_t)gofer_info_count(list),
        cJSON_GetArraySize(cJSON_GetObjectItem(c->answer, "servers")));
    gofer_info_free(list);
    return GOFER_OK;
}

static gofer_status show(replay *r, const call *c)
{
    if (is(c->parts[0], "servers"))
        return show_servers(r, c);
    if (is(c->parts[0], "scheduler_entries"))          // gofer has no cron entries of its own:
                                                       //   none are read as none
        return GOFER_OK;
    if (c->count == 1)
        return show_queues(r, c);
    if (c->count == 2)
        return show_queue(r, c, "current");
    if (is(c->parts[2], "groups"))
        return show_queue(r, c, "stats");
    return is(c->parts[2], "tasks") ? show_task(r, c) : show_tasks(r, c);
}

// ---- what is done -------------------------------------------------------------------------------

typedef gofer_status act_one(gofer_client *c, const char *queue, const char *id);

static act_one *act_of(const char *verb)
{
    static const struct { const char *verb; act_one *act; } acts[] = {
        { "run", gofer_client_task_run }, { "archive", gofer_client_task_archive },
        { "delete", gofer_client_task_delete },
        { "cancel", gofer_client_task_cancel },
    };
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        if (is(acts[i].verb, verb))
            return acts[i].act;
    give_up("what is '%s'?", verb);
}

static bool holds(const cJSON *answer, const char *id)
{
    const cJSON *list, *one;
    cJSON_ArrayForEach(list, answer) {
        if (is(list->string, "error_ids") || is(list->string, "failed_ids"))
            continue;
        cJSON_ArrayForEach(one, list)
            if (is(one->valuestring, id))
                return true;
    }
    return false;
}

static gofer_status act_on_many(replay *r, const call *c)
{
    const cJSON *id;
    act_one *act = act_of(c->verb + strlen("batch_"));
    cJSON_ArrayForEach(id, cJSON_GetObjectItem(c->request, "task_ids")) {
        gofer_status st = act(c->client, queue_in(c), id->valuestring);
        if ((st == GOFER_OK) != holds(c->answer, id->valuestring))
            differ(r, "%s of '%s' is %s", c->verb, id->valuestring, gofer_status_name(st));
    }
    return GOFER_OK;
}

static gofer_status cancel_all(const call *c)
{
    gofer_info *list;
    gofer_status st = gofer_client_tasks(c->client, queue_in(c), "active", NULL, 100, &list);
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(list); i++)
        st = gofer_client_task_cancel(c->client, queue_in(c),
            gofer_info_text(gofer_info_at(list, i), "id"));
    if (list)
        gofer_info_free(list);
    return st;
}

static gofer_status act_on_all(replay *r, const call *c)
{
    char state[PART_SIZE];
    int64_t count = 0;
    state_in(c, state);
    gofer_status st = is(c->verb, "run_all")
        ? gofer_client_tasks_run(c->client, queue_in(c), state, &count)
        : is(c->verb, "archive_all")
        ? gofer_client_tasks_archive(c->client, queue_in(c), state, &count)
        : gofer_client_tasks_delete(c->client, queue_in(c), state, &count);
    if (st == GOFER_OK)                                    // {"archived": 2}, its only member
        want_int(r, c->verb, count, (int64_t)c->answer->child->valuedouble);
    return st;
}

static gofer_status act(replay *r, const call *c)
{
    if (c->count == 2 && is(c->method, "DELETE"))
        return gofer_client_queue_delete(c->client, queue_in(c), 0);
    if (c->count == 2)
        return is(c->verb, "pause") ? gofer_client_queue_pause(c->client, queue_in(c))
                                    : gofer_client_queue_unpause(c->client, queue_in(c));
    if (c->count == 4)
        return act_of(
            is(c->method, "DELETE") ? "delete" : c->verb)(c->client, queue_in(c), c->parts[3]);
    if (strncmp(c->verb, "batch_", 6) == 0)
        return act_on_many(r, c);
    return is(c->verb, "cancel_all") ? cancel_all(c) : act_on_all(r, c);
}

// ---- all ----------------------------------------------------------------------------------------

static gofer_status wanted(const char *error)
{
    if (!*error)
        return GOFER_OK;
    return strstr(error, "not found") || strstr(error, "does not exist") ? GOFER_ENOTFOUND
                                                                         : GOFER_ESTATE;
}

static bool use_call(replay *r, gofer_client *client, const cJSON *recorded)
{
    call c = { .client = client,
        .method = golden_text(recorded, "method"),
        .text = golden_text(recorded, "text"),
        .answer = cJSON_GetObjectItem(recorded, "json") };
    cJSON *request = cJSON_Parse(golden_text(recorded, "request"));
    c.request = request;
    r->op = golden_text(recorded, "path");
    take_apart(&c, r->op);
    gofer_status st = is(c.method, "GET") ? show(r, &c) : act(r, &c);
    if (st != wanted(c.text))
        differ(r, "%s is %s, not %s", c.method, gofer_status_name(st),
            gofer_status_name(wanted(c.text)));
    cJSON_Delete(request);
    return tell_differences(r);
}

bool use_mon(replay *r, const cJSON *file)
{
    cJSON *set_up = golden_file(r->folder, "50-inspect-read.json");
    const cJSON *first = cJSON_GetObjectItem(set_up, "steps")->child, *recorded;
    gofer_client *client;
    bool good = true;
    raw_do(r, "FLUSHALL");
    r->now_s = golden_int(first, "now_s");
    r->shift_s = gf_now_ms() / 1000 - r->now_s;
    load_keyspace(r, cJSON_GetObjectItem(first, "keyspace"));
    if (gofer_client_open(&client, r->url, NULL) != GOFER_OK)
        give_up("%s", gofer_error_last());
    r->step = 0;
    cJSON_ArrayForEach(recorded, cJSON_GetObjectItem(file, "calls")) {
        r->step++;
        good = use_call(r, client, recorded) && good;
    }
    gofer_client_close(client);
    while (r->garbage_count > 0)
        free(r->garbage[--r->garbage_count]);
    cJSON_Delete(set_up);
    return good;
}
