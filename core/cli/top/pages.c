// pages.c - all about one task, worker, cron entry or finding, as lines.
//
// Asks the store and fills the page. No ncurses here.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../worker_table.h"
#include "top.h"

// ---- one task

static void add_field(top *t, const gofer_info *task, const char *field, const char *label,
    char kind, int64_t now_ms)
{
    char text[CLI_HUMAN], when[CLI_HUMAN];
    int64_t number = gofer_info_int(task, field, 0);
    const char *value = gofer_info_text(task, field);
    if (!gofer_info_has(task, field) || (kind != 't' && kind != 'n' && !number))
        return;
    if (kind == 't')
        page_linef(&t->page, STYLE_PLAIN, "%-12s %.900s", label, value ? value : "");
    else if (kind == 'n' || kind == 's')
        page_linef(&t->page, STYLE_PLAIN, "%-12s %" PRId64, label, number);
    else if (kind == 'd')
        page_linef(&t->page, STYLE_PLAIN, "%-12s %s", label, cli_human_duration(text, number));
    else
        page_linef(&t->page, STYLE_PLAIN, "%-12s %s (%s)", label, cli_human_time(text, number),
            cli_human_when(when, number, now_ms));
}

static void add_attempts(top *t, const gofer_info *task, int64_t now_ms)
{
    const gofer_info *attempts = gofer_info_child(task, "attempts");
    char took[CLI_HUMAN], when[CLI_HUMAN];
    if (gofer_info_count(attempts))
        page_line(&t->page, STYLE_BOLD, "attempts");
    for (size_t i = 0; i < gofer_info_count(attempts); i++) {
        const gofer_info *a = gofer_info_at(attempts, i);
        const char *kind = gofer_info_text(a, "kind"), *error = gofer_info_text(a, "error");
        char *line = error ? cli_error_line(error) : NULL;
        page_linef(&t->page, error ? STYLE_BAD : STYLE_PLAIN,
            "  %3" PRId64 " %-11.20s %9s %8s  %.800s", gofer_info_int(a, "attempt", 0),
            kind ? kind : "", cli_human_when(when, gofer_info_int(a, "at_ms", now_ms), now_ms),
            cli_human_duration(took, gofer_info_int(a, "duration_ms", 0)), line ? line : "");
        free(line);
    }
}

static void add_log(top *t, const gofer_info *task)
{
    const gofer_info *log = gofer_info_child(task, "log");
    char at[CLI_HUMAN];
    if (gofer_info_count(log))
        page_line(&t->page, STYLE_BOLD, "log");
    for (size_t i = 0; i < gofer_info_count(log); i++) {
        const gofer_info *line = gofer_info_at(log, i);
        const char *level = gofer_info_text(line, "level"), *text = gofer_info_text(line, "text");
        int bad = level && (strcmp(level, "warn") == 0 || strcmp(level, "error") == 0);
        page_linef(&t->page, bad ? STYLE_WARN : STYLE_PLAIN, "  %s %-5.10s %.900s",
            cli_human_time(at, gofer_info_int(line, "at_ms", 0)), level ? level : "",
            text ? text : "");
    }
}

static void add_bytes(top *t, const gofer_info *task, const char *field)
{
    size_t size = 0;
    char text[CLI_HUMAN];
    const char *bytes = gofer_info_bytes(task, field, &size);
    if (!bytes)
        return;
    page_linef(&t->page, STYLE_BOLD, "%s, %s", field, cli_human_size(text, (int64_t)size));
    page_text(&t->page, bytes, size);
}

gofer_status top_fill_task(top *t, int64_t now_ms)
{
    static const struct { const char *field, *label; char kind; } fields[] = {
        { "id", "id", 't' }, { "queue", "queue", 't' }, { "type", "type", 't' },
        { "state", "state", 't' },
        { "retried", "retried", 'n' }, { "max_retry", "max retry", 'n' },
        { "crashes", "crashes", 's' },
        { "suspect", "suspected", 's' },
        { "snoozes", "snoozed", 's' }, { "group", "group", 't' }, { "schedule", "schedule", 't' },
        { "enqueued_at_ms", "enqueued", 'm' }, { "next_run_at_ms", "next run", 'm' },
        { "started_at_ms", "started", 'm' },
        { "completed_at_ms", "completed", 'm' }, { "archived_at_ms", "archived", 'm' },
        { "expires_at_ms", "expires", 'm' },
        { "timeout_ms", "timeout", 'd' }, { "deadline_ms", "deadline", 'm' },
        { "retention_ms", "retention", 'd' },
        { "start_by_ms", "start by", 'm' }, { "retry", "retry", 't' },
        { "on_dead", "on dead", 't' }, { "on_done", "on done", 't' },
        { "unique", "unique until", 't' }, { "checkpoint_size", "checkpoint", 's' },
        { "worker", "worker", 't' },
        { "cancel_requested", "cancelling", 's' },
    };
    gofer_info *task = NULL;
    gofer_status st = gofer_client_task(t->client, t->id_queue, t->id, &task);
    if (st != GOFER_OK)
        return st;
    page_clear(&t->page);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add_field(t, task, fields[i].field, fields[i].label, fields[i].kind, now_ms);
    if (gofer_info_has(task, "progress_done")) {
        const char *text = gofer_info_text(task, "progress_text");
        int64_t done = gofer_info_int(task, "progress_done", 0),
                total = gofer_info_int(task, "progress_total", 0);
        page_linef(&t->page, STYLE_GOOD, "%-12s %" PRId64 " of %" PRId64 " %.800s", "progress",
            done, total, text ? text : "");
    }
    const char *error = gofer_info_text(task, "last_error");
    if (error) {
        page_line(&t->page, STYLE_BOLD, "last error");
        page_text(&t->page, error, strlen(error));
    }
    add_attempts(t, task, now_ms);
    add_log(t, task);
    add_bytes(t, task, "payload");
    add_bytes(t, task, "result");
    gofer_info_free(task);
    return GOFER_OK;
}

// ---- one worker

static const gofer_info *of_name(const gofer_info *list, const char *field, const char *name)
{
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const char *is = gofer_info_text(gofer_info_at(list, i), field);
        if (is && strcmp(is, name) == 0)
            return gofer_info_at(list, i);
    }
    return NULL;
}

static void gone(top *t, const char *what)
{
    page_clear(&t->page);
    page_linef(&t->page, STYLE_WARN, "there is no %s %.300s any more", what, t->id);
}

static void add_running(top *t, const gofer_info *worker, int64_t now_ms)
{
    const gofer_info *tasks = gofer_info_child(worker, "tasks");
    char age[CLI_HUMAN];
    if (gofer_info_count(tasks))
        page_line(&t->page, STYLE_BOLD, "running");
    for (size_t i = 0; i < gofer_info_count(tasks); i++) {
        const gofer_info *task = gofer_info_at(tasks, i);
        const char *id = gofer_info_text(task, "id"), *type = gofer_info_text(task, "type"),
                   *queue = gofer_info_text(task, "queue");
        page_linef(&t->page, STYLE_PLAIN, "  %8s  %.300s  %.300s  %.200s",
            cli_human_duration(age, now_ms - gofer_info_int(task, "started_at_ms", now_ms)),
            type ? type : "", id ? id : "", queue ? queue : "");
    }
}

static void add_children(top *t, const gofer_info *worker, int64_t now_ms)
{
    const gofer_info *children = gofer_info_child(worker, "child_processes");
    char when[CLI_HUMAN], memory[CLI_HUMAN];
    if (gofer_info_count(children))
        page_line(&t->page, STYLE_BOLD, "children");
    for (size_t i = 0; i < gofer_info_count(children); i++) {
        const gofer_info *child = gofer_info_at(children, i);
        const char *name = gofer_info_text(child, "name"), *state = gofer_info_text(child, "state");
        int64_t size = gofer_info_int(child, "memory", 0);
        page_linef(&t->page,
            state && strcmp(state, "ready") == 0 ? STYLE_PLAIN : STYLE_WARN,
            "  %.200s %" PRId64 "  pid %" PRId64 "  %.20s  %" PRId64 "/%" PRId64 "  %" PRId64
            " done  %s  %s", name ? name : "", gofer_info_int(child, "number", 0),
            gofer_info_int(child, "pid", 0), state ? state : "",
            gofer_info_int(child, "running", 0), gofer_info_int(child, "want", 0),
            gofer_info_int(child, "processed", 0), size ? cli_human_size(memory, size) : "",
            cli_human_when(when, gofer_info_int(child, "started_at_ms", now_ms), now_ms));
    }
}

gofer_status top_fill_worker(top *t, int64_t now_ms)
{
    static const struct { const char *field, *label; char kind; } fields[] = {
        { "worker", "worker", 't' }, { "host", "host", 't' }, { "pid", "pid", 'n' },
        { "state", "state", 't' }, { "started_at_ms", "started", 'm' },
        { "queues", "queues", 't' }, { "strict", "strict", 's' },
        { "concurrency", "slots", 'n' }, { "running", "running", 'n' },
        { "children", "children", 's' }, { "child_restarts", "restarts", 's' },
    };
    gofer_info *list = NULL;
    gofer_status st = gofer_client_workers(t->client, &list);
    if (st != GOFER_OK)
        return st;
    const gofer_info *worker = of_name(list, "worker", t->id);
    page_clear(&t->page);
    if (!worker)
        gone(t, "worker");
    for (size_t i = 0; worker && i < sizeof fields / sizeof *fields; i++)
        add_field(t, worker, fields[i].field, fields[i].label, fields[i].kind, now_ms);
    if (worker) {
        const char *state = gofer_info_text(worker, "state");
        t->page_flag = state && strcmp(state, "quiet") == 0;
        t->page_number = gofer_info_int(worker, "concurrency", 0);
        add_running(t, worker, now_ms);
        add_children(t, worker, now_ms);
    }
    gofer_info_free(list);
    return GOFER_OK;
}

// ---- one cron entry

static void add_ticks(top *t, int64_t now_ms)
{
    enum { SHOWN = 30 };
    gofer_info *ticks = NULL;
    char when[CLI_HUMAN], time[CLI_HUMAN], late[CLI_HUMAN];
    if (gofer_client_schedule_history(t->client, t->id, SHOWN, &ticks) != GOFER_OK)
        return;                     // the entry of a Go scheduler that has gone
    if (gofer_info_count(ticks))
        page_line(&t->page, STYLE_BOLD, "enqueued");
    for (size_t i = 0; i < gofer_info_count(ticks); i++) {
        const gofer_info *tick = gofer_info_at(ticks, i);
        const char *id = gofer_info_text(tick, "id");
        int64_t at = gofer_info_int(tick, "enqueued_at_ms", 0),
                lag = at - gofer_info_int(tick, "tick_ms", at);
        page_linef(&t->page, lag > 60000 ? STYLE_WARN : STYLE_PLAIN, "  %s (%s)%s%s  %.300s",
            cli_human_time(time, at), cli_human_when(when, at, now_ms),
            lag > 60000 ? ", late by " : "", lag > 60000 ? cli_human_duration(late, lag) : "",
            id ? id : "");
    }
    gofer_info_free(ticks);
}

gofer_status top_fill_schedule(top *t, int64_t now_ms)
{
    static const struct { const char *field, *label; char kind; } fields[] = {
        { "name", "name", 't' }, { "spec", "spec", 't' }, { "tz", "zone", 't' },
        { "type", "type", 't' }, { "queue", "queue", 't' }, { "paused", "paused", 's' },
        { "next_run_at_ms", "next run", 'm' }, { "last_tick_ms", "last tick", 'm' },
        { "last_status", "became", 't' }, { "last_id", "last task", 't' },
        { "missed", "if missed", 't' }, { "missed_max", "at most", 's' },
        { "overlap", "overlap", 't' }, { "jitter_ms", "jitter", 'd' },
        { "expires_ms", "expires", 'd' }, { "timeout_ms", "timeout", 'd' },
        { "retention_ms", "retention", 'd' }, { "max_retry", "max retry", 'n' },
        { "retry", "retry", 't' }, { "on_dead", "on dead", 't' },
        { "on_done", "on done", 't' }, { "source", "source", 't' },
    };
    gofer_info *entry = NULL;
    gofer_status st = gofer_client_schedule(t->client, t->id, &entry);
    if (st == GOFER_ENOTFOUND) {
        gone(t, "schedule");
        return GOFER_OK;
    }
    if (st != GOFER_OK)
        return st;
    page_clear(&t->page);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add_field(t, entry, fields[i].field, fields[i].label, fields[i].kind, now_ms);
    t->page_flag = gofer_info_int(entry, "paused", 0) != 0;
    add_ticks(t, now_ms);
    add_bytes(t, entry, "payload");
    gofer_info_free(entry);
    return GOFER_OK;
}

// ---- one finding: what the doctor said, nothing is asked anew

gofer_status top_fill_finding(top *t, int64_t now_ms)
{
    static const struct { const char *field, *label; char kind; } fields[] = {
        { "severity", "severity", 't' }, { "code", "code", 't' }, { "queue", "queue", 't' },
        { "count", "count", 'n' }, { "repaired", "repaired", 's' }, { "text", "found", 't' },
        { "advice", "advice", 't' }, { "examples", "such as", 't' },
    };
    const gofer_info *finding = NULL;
    for (size_t i = 0; i < gofer_info_count(t->scout.findings) && !finding; i++) {
        const gofer_info *is = gofer_info_at(t->scout.findings, i);
        const char *code = gofer_info_text(is, "code"), *queue = gofer_info_text(is, "queue");
        if (code && strcmp(code, t->id) == 0 && strcmp(queue ? queue : "", t->id_queue) == 0)
            finding = is;
    }
    page_clear(&t->page);
    if (!finding)
        gone(t, "finding");
    for (size_t i = 0; finding && i < sizeof fields / sizeof *fields; i++)
        add_field(t, finding, fields[i].field, fields[i].label, fields[i].kind, now_ms);
    return GOFER_OK;
}
