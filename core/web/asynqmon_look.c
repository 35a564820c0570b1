// asynqmon_look.c - asynqmon's queues, their history, servers, schedulers and the store.
#include "asynqmon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "pages.h"
#include "util/go_text.h"

enum { DAY_MS = 24 * 3600 * 1000, LISTED = 250 };

// ---- queues -------------------------------------------------------------------------------------

static bool is_his(const web_call *call, const gofer_info *queue)
{
    return web_scope_may(call->scope, WEB_SEE, gofer_info_text(queue, "queue"));
}

// A list that has all of its records in one answer, as asynqmon's page wants them.
static void reply_all(web_call *call, const char *begin, page_ask ask, page_item_fn put)
{
    const page_list all = { .ask = ask, .limit = LISTED };
    web_text_put(&call->reply.body, begin);
    gofer_status st = pages_items(call->client, &all, put, call);
    if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
        return;
    }
    web_text_put(&call->reply.body, "]}");
    web_asynqmon_json(call);
}

static bool put_queue(const gofer_info *queue, void *user)
{
    web_call *call = user;
    if (is_his(call, queue))
        web_asynqmon_add_queue(call, queue);
    return true;
}

void web_asynqmon_queues(web_call *call)
{
    reply_all(call, "{\"queues\":[", gofer_client_queues_page, put_queue);
}

// One element for each of the latest days; the library leaves out those of which nothing is known.
static bool put_history(web_call *call, const char *name, const char *queue, int days)
{
    web_text *out = &call->reply.body;
    gofer_info *known = NULL;
    gofer_status st = gofer_client_history(call->client, queue, days, &known);
    if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
        return false;
    }
    int64_t now_ms = web_ms(CLOCK_REALTIME);
    size_t at = 0;
    web_asynqmon_key(out, name);
    web_text_put(out, "[");
    for (int i = 0; i < days; i++) {
        char date[16];
        struct tm tm = { 0 };
        time_t s = (time_t)((now_ms - (int64_t)i * DAY_MS) / 1000);
        gmtime_r(&s, &tm);
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
        const gofer_info *day = gofer_info_at(known, at);
        if (day && strcmp(gofer_info_text(day, "date"), date) == 0)
            at++;
        else
            day = NULL;
        int64_t processed = day ? gofer_info_int(day, "processed", 0) : 0;
        int64_t failed = day ? gofer_info_int(day, "failed", 0) : 0;
        web_asynqmon_comma(out);
        web_text_put(out, "{");
        web_asynqmon_put(out, "queue", queue);
        web_asynqmon_put_int(out, "processed", processed);
        web_asynqmon_put_int(out, "succeeded", processed - failed);
        web_asynqmon_put_int(out, "failed", failed);
        web_asynqmon_put(out, "date", date);
        web_text_put(out, "}");
    }
    web_text_put(out, "]");
    gofer_info_free(known);
    return true;
}

void web_asynqmon_queue(web_call *call)
{
    const char *queue = web_path_word(call, "queue");
    web_text_put(&call->reply.body, "{");
    if (!web_asynqmon_put_queue(call, "current", queue)
        || !put_history(call, "history", queue, 10))
        return;
    web_text_put(&call->reply.body, "}");
    web_asynqmon_json(call);
}

// False: the failure is answered.
static bool put_queue_history(const gofer_info *queue, void *user)
{
    web_call *call = user;
    const char *name = gofer_info_text(queue, "queue");
    return !is_his(call, queue) || put_history(call, name, name, 90);
}

void web_asynqmon_queue_stats(web_call *call)
{
    const page_list all = { .ask = gofer_client_queues_page, .limit = LISTED };
    web_text_put(&call->reply.body, "{\"stats\":{");
    gofer_status st = pages_items(call->client, &all, put_queue_history, call);
    if (st != GOFER_OK)
        web_asynqmon_fail(call, st);
    if (st != GOFER_OK || call->failed)
        return;
    web_text_put(&call->reply.body, "}}");
    web_asynqmon_json(call);
}

void web_asynqmon_groups(web_call *call)
{
    const char *queue = web_path_word(call, "queue");
    web_text_put(&call->reply.body, "{");
    if (!web_asynqmon_put_queue(call, "stats", queue) || !web_asynqmon_put_groups(call, queue))
        return;
    web_text_put(&call->reply.body, "}");
    web_asynqmon_json(call);
}

// ---- servers ------------------------------------------------------------------------------------

// "mail=3 low" as {"mail": 3, "low": 1}.
static void put_weights(web_text *out, const char *queues)
{
    web_asynqmon_key(out, "queue_priorities");
    web_text_put(out, "{");
    for (const char *at = queues ? queues : ""; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " "), name = size;
        while (name > 0 && at[name] != '=')
            name--;
        web_asynqmon_comma(out);
        web_text_json(out, at, name ? name : size);
        web_text_format(out, ":%ld", name ? strtol(at + name + 1, NULL, 10) : 1L);
        at += size;
    }
    web_text_put(out, "}");
}

static const char *status_of(const char *state)
{
    if (strcmp(state, "quiet") == 0)
        return "stopped";
    return strcmp(state, "stopping") == 0 ? "closed" : "active";
}

static void put_running(web_call *call, const gofer_info *tasks)
{
    web_text *out = &call->reply.body;
    web_asynqmon_key(out, "active_workers");
    web_text_put(out, "[");
    for (size_t i = 0; i < gofer_info_count(tasks); i++) {
        const gofer_info *task = gofer_info_at(tasks, i);
        web_asynqmon_comma(out);
        web_text_put(out, "{");
        web_asynqmon_put(out, "task_id", gofer_info_text(task, "id"));
        web_asynqmon_put(out, "queue", gofer_info_text(task, "queue"));
        web_asynqmon_put(out, "task_type", gofer_info_text(task, "type"));
        web_asynqmon_put_bytes(call, "task_payload", task, "payload");
        web_asynqmon_put_time(out, "start_time", gofer_info_int(task, "started_at_ms", 0), NULL);
        web_text_put(out, "}");
    }
    web_text_put(out, "]");
}

static bool put_server(const gofer_info *worker, void *user)
{
    web_call *call = user;
    web_text *out = &call->reply.body;
    web_asynqmon_comma(out);
    web_text_put(out, "{");
    web_asynqmon_put(out, "id", gofer_info_text(worker, "worker"));
    web_asynqmon_put(out, "host", gofer_info_text(worker, "host"));
    web_asynqmon_put_int(out, "pid", gofer_info_int(worker, "pid", 0));
    web_asynqmon_put_int(out, "concurrency", gofer_info_int(worker, "concurrency", 0));
    put_weights(out, gofer_info_text(worker, "queues"));
    web_asynqmon_put_bool(out, "strict_priority_enabled", gofer_info_int(worker, "strict", 0));
    web_asynqmon_put_time(out, "start_time", gofer_info_int(worker, "started_at_ms", 0), NULL);
    web_asynqmon_put(out, "status", status_of(gofer_info_text(worker, "state")));
    put_running(call, gofer_info_child(worker, "tasks"));
    web_text_put(out, "}");
    return true;
}

void web_asynqmon_servers(web_call *call)
{
    reply_all(call, "{\"servers\":[", pages_workers, put_server);
}

// ---- schedulers ---------------------------------------------------------------------------------

enum { OPTION_ROOM = 640 };

static void add_option(web_text *out, const char *name, const char *value)
{
    char text[OPTION_ROOM + 32];
    snprintf(text, sizeof text, "%s(%s)", name, value);
    web_asynqmon_comma(out);
    web_text_json(out, text, strlen(text));
}

// As one of our workers shows them to Asynq's tools.
static void add_own_options(web_text *out, const gofer_info *entry)
{
    static const struct { const char *name, *field; } durations[] = {
        { "Timeout", "timeout_ms" }, { "Retention", "retention_ms" },
    };
    char value[OPTION_ROOM];
    const char *queue = gofer_info_text(entry, "queue");
    gf_go_quote(queue ? queue : "default", value, sizeof value);
    add_option(out, "Queue", value);
    snprintf(value, sizeof value, "%lld", (long long)gofer_info_int(entry, "max_retry", 0));
    add_option(out, "MaxRetry", value);
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        int64_t ms = gofer_info_int(entry, durations[i].field, 0);
        gf_go_duration(ms, value, sizeof value);
        if (ms)
            add_option(out, durations[i].name, value);
    }
}

static void put_options(web_text *out, const gofer_info *entry)
{
    const gofer_info *options = gofer_info_child(entry, "options");
    web_asynqmon_key(out, "options");
    web_text_put(out, "[");
    for (size_t i = 0; i < gofer_info_count(options); i++) {
        const char *option = gofer_info_text(gofer_info_at(options, i), "option");
        web_asynqmon_comma(out);
        web_text_json(out, option, strlen(option));
    }
    if (!gofer_info_int(entry, "foreign", 0))
        add_own_options(out, entry);
    web_text_put(out, "]");
}

// The zone in front, unless it is Asynq's own or the spec has one.
static void put_spec(web_text *out, const gofer_info *entry)
{
    const char *spec = gofer_info_text(entry, "spec"), *zone = gofer_info_text(entry, "tz");
    bool has_own = spec && (strncmp(spec, "TZ=", 3) == 0 || strncmp(spec, "CRON_TZ=", 8) == 0);
    char whole[OPTION_ROOM];
    if (!spec || !zone || has_own || strcmp(zone, "UTC") == 0) {
        web_asynqmon_put(out, "spec", spec);
        return;
    }
    snprintf(whole, sizeof whole, "CRON_TZ=%s %s", zone, spec);
    web_asynqmon_put(out, "spec", whole);
}

static bool put_entry(const gofer_info *entry, void *user)
{
    web_call *call = user;
    web_text *out = &call->reply.body;
    const char *previous = gofer_info_has(entry, "last_tick_ms") ? "last_tick_ms"
                                                                 : "last_enqueued_at_ms";
    web_asynqmon_comma(out);
    web_text_put(out, "{");
    web_asynqmon_put(out, "id", gofer_info_text(entry, "name"));
    put_spec(out, entry);
    web_asynqmon_put(out, "task_type", gofer_info_text(entry, "type"));
    web_asynqmon_put_bytes(call, "task_payload", entry, "payload");
    put_options(out, entry);
    web_asynqmon_put_time(out, "next_enqueue_at", gofer_info_int(entry, "next_run_at_ms", 0), NULL);
    if (gofer_info_has(entry, previous))
        web_asynqmon_put_time(out, "prev_enqueue_at", gofer_info_int(entry, previous, 0), NULL);
    web_text_put(out, "}");
    return true;
}

void web_asynqmon_entries(web_call *call)
{
    reply_all(call, "{\"entries\":[", pages_schedules, put_entry);
}

// The history is kept to a bounded length, newest first: a page of it is cut out.
void web_asynqmon_events(web_call *call)
{
    enum { KEPT = 1000 };
    web_text *out = &call->reply.body;
    gofer_info *events = NULL;
    int64_t page, size;
    web_asynqmon_page(call, &page, &size);
    int64_t from = (page - 1) * size, to = from + size < KEPT ? from + size : KEPT;
    gofer_status st = from < KEPT
        ? gofer_client_schedule_history(call->client, web_path_word(call, "name"), (int32_t)to,
              &events)
        : GOFER_OK;
    if (st != GOFER_OK && st != GOFER_ENOTFOUND) {
        web_asynqmon_fail(call, st);
        return;
    }
    web_text_put(out, "{\"events\":[");
    for (size_t i = (size_t)from; i < gofer_info_count(events); i++) {
        const gofer_info *event = gofer_info_at(events, i);
        web_asynqmon_comma(out);
        web_text_put(out, "{");
        web_asynqmon_put(out, "task_id", gofer_info_text(event, "id"));
        web_asynqmon_put_time(out, "enqueued_at", gofer_info_int(event, "enqueued_at_ms", 0), NULL);
        web_text_put(out, "}");
    }
    web_text_put(out, "]}");
    gofer_info_free(events);
    web_asynqmon_json(call);
}

// ---- the store ----------------------------------------------------------------------------------

// The lines of INFO as members: those with one colon.
static void put_lines(web_text *out, const char *text)
{
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\r\n");
        const char *colon = memchr(line, ':', size);
        size_t name = colon ? (size_t)(colon - line) : 0;
        if (name && !memchr(colon + 1, ':', size - name - 1)) {
            web_asynqmon_comma(out);
            web_text_json(out, line, name);
            web_text_put(out, ":");
            web_text_json(out, colon + 1, size - name - 1);
        }
        line += size + strspn(line + size, "\r\n");
    }
}

void web_asynqmon_redis_info(web_call *call)
{
    web_text *out = &call->reply.body;
    gofer_info *store = NULL;
    gofer_status st = gofer_client_store(call->client, NULL, &store);
    const char *text = st == GOFER_OK ? gofer_info_text(store, "text") : NULL;
    if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
    } else if (!text) {
        web_fail(call, 501, "", "the store is no Redis: it has nothing to show here");
    } else {
        web_text_put(out, "{");
        web_asynqmon_put(out, "address", gofer_info_text(store, "address"));
        web_asynqmon_key(out, "info");
        web_text_put(out, "{");
        put_lines(out, text);
        web_text_put(out, "}");
        web_asynqmon_put(out, "raw_info", text);
        web_asynqmon_put_bool(out, "cluster", false);
        web_asynqmon_put(out, "raw_cluster_nodes", "");
        web_text_put(out, ",\"queue_locations\":null}");
        web_asynqmon_json(call);
    }
    gofer_info_free(store);
}

void web_asynqmon_metrics(web_call *call)
{
    web_fail(call, 501, "", "no Prometheus is asked here: see the metrics page of gofer itself");
}
