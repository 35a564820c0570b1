// cmd_task_show.c - `gofer task show`: one task, what happened to it, its payload and result.
//
// With --payload or --result the bytes go to standard output as they are; everything else that came
// from the task is escaped and bounded.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

typedef struct show_args {
    const char *queue;
    int         payload, result;
} show_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(show_args, queue), "NAME",
      "look in this queue only (default: in all)", 0, 0 },
    { "payload", 0, CLI_FLAG, offsetof(show_args, payload), NULL,
      "print the payload's bytes and nothing else", 0, 0 },
    { "result", 0, CLI_FLAG, offsetof(show_args, result), NULL,
      "print the result's bytes and nothing else", 0, 0 },
    CLI_OPTIONS_END
};

// How a field is shown.
typedef enum field_kind {
    FIELD_TEXT,
    FIELD_LINES,                   // one of them a line, shown in one
    FIELD_STATE,
    FIELD_COUNT,
    FIELD_SOME,
    FIELD_TIME,
    FIELD_DURATION,
    FIELD_SIZE,
    FIELD_FLAG
} field_kind;

static const struct { const char *field, *label; field_kind kind; } fields[] = {
    { "id", "id", FIELD_TEXT },
    { "queue", "queue", FIELD_TEXT },
    { "type", "type", FIELD_TEXT },
    { "state", "state", FIELD_STATE },
    { "retried", "retried", FIELD_COUNT },
    { "max_retry", "max retry", FIELD_COUNT },
    { "crashes", "crashes", FIELD_COUNT },
    { "suspect", "suspected", FIELD_SOME },
    { "snoozes", "snoozed", FIELD_SOME },
    { "group", "group", FIELD_TEXT },
    { "schedule", "schedule", FIELD_TEXT },
    { "enqueued_at_ms", "enqueued", FIELD_TIME },
    { "next_run_at_ms", "next run", FIELD_TIME },
    { "started_at_ms", "started", FIELD_TIME },
    { "completed_at_ms", "completed", FIELD_TIME },
    { "archived_at_ms", "archived", FIELD_TIME },
    { "expires_at_ms", "expires", FIELD_TIME },
    { "timeout_ms", "timeout", FIELD_DURATION },
    { "deadline_ms", "deadline", FIELD_TIME },
    { "start_by_ms", "start by", FIELD_TIME },
    { "retention_ms", "retention", FIELD_DURATION },
    { "priority", "priority", FIELD_COUNT },
    { "tenant", "tenant", FIELD_TEXT },
    { "limits", "limits", FIELD_LINES },
    { "limit_cost", "limit cost", FIELD_COUNT },
    { "ordered", "ordered", FIELD_TEXT },
    { "ordered_dead", "when dead", FIELD_TEXT },
    { "waits_for", "waits for", FIELD_TEXT },
    { "retry", "retry", FIELD_TEXT },
    { "on_dead", "on dead", FIELD_TEXT },
    { "on_dead_queue", "its queue", FIELD_TEXT },
    { "on_done", "on done", FIELD_TEXT },
    { "on_done_queue", "its queue", FIELD_TEXT },
    { "unique", "unique until", FIELD_TEXT },
    { "encrypted", "encrypted by", FIELD_TEXT },
    { "checkpoint_size", "checkpoint", FIELD_SIZE },
    { "cancel_requested", "cancelling", FIELD_FLAG },
    { "worker", "worker", FIELD_TEXT },
    { "last_failed_at_ms", "last failed", FIELD_TIME },
};

static void print_field(const cli *c, const gofer_info *task, size_t i, int64_t now_ms)
{
    char text[CLI_HUMAN], when[CLI_HUMAN];
    const char *value = gofer_info_text(task, fields[i].field);
    int64_t number = gofer_info_int(task, fields[i].field, 0);
    int zero_says_nothing = fields[i].kind > FIELD_COUNT;
    if (!gofer_info_has(task, fields[i].field) || (zero_says_nothing && number == 0))
        return;

    cli_put_label(c, fields[i].label);
    switch (fields[i].kind) {
    case FIELD_TEXT:
    case FIELD_STATE: {
        char *safe = screen_escape(value ? value : "", value ? strlen(value) : 0, SCREEN_ONE_LINE);
        screen_put(stdout, c->color,
            fields[i].kind == FIELD_STATE ? screen_state_style(value) : STYLE_PLAIN, safe);
        free(safe);
        break;
    }
    case FIELD_LINES:
        cli_put_lines(value ? value : "");
        break;
    case FIELD_COUNT:
    case FIELD_SOME:
        printf("%" PRId64, number);
        break;
    case FIELD_TIME:
        printf("%s (%s)", cli_human_time(text, number), cli_human_when(when, number, now_ms));
        break;
    case FIELD_DURATION:
        fputs(number < 0 ? "none" : cli_human_duration(text, number), stdout);
        break;
    case FIELD_SIZE:
        fputs(cli_human_size(text, number), stdout);
        break;
    case FIELD_FLAG:
        fputs("asked to stop", stdout);
        break;
    }
    fputc('\n', stdout);
}

static void print_progress(const cli *c, const gofer_info *task)
{
    if (!gofer_info_has(task, "progress_done"))
        return;
    const char *text = gofer_info_text(task, "progress_text");
    int64_t total = gofer_info_int(task, "progress_total", 0);
    cli_put_label(c, "progress");
    printf("%" PRId64, gofer_info_int(task, "progress_done", 0));
    if (total)
        printf(" of %" PRId64, total);
    if (text) {
        char *safe = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
        printf(" %s", safe);
        free(safe);
    }
    fputc('\n', stdout);
}

static void print_headers(const cli *c, const gofer_info *task)
{
    const gofer_info *headers = gofer_info_child(task, "headers");
    for (size_t i = 0; i < gofer_info_field_count(headers); i++) {
        const char *key = gofer_info_field_name(headers, i);
        const char *value = gofer_info_text(headers, key);
        char *safe_key = screen_escape(key, strlen(key), SCREEN_ONE_LINE);
        char *safe = screen_escape(value ? value : "", value ? strlen(value) : 0, SCREEN_ONE_LINE);
        cli_put_label(c, i == 0 ? "headers" : "");
        printf("%s=%s\n", safe_key, safe);
        free(safe_key);
        free(safe);
    }
}

static void print_bytes(const cli *c, const gofer_info *task, const char *field)
{
    size_t size = 0;
    char rest[32];
    const char *bytes = gofer_info_bytes(task, field, &size);
    if (!bytes)
        return;
    snprintf(rest, sizeof rest, "--%s", field);
    cli_put_label(c, field);
    cli_put_bytes(bytes, size, rest);
}

// ---- What happened to it

static void print_attempts(const cli *c, const gofer_info *task, int64_t now_ms)
{
    static const char *const heads[] = { "  ATTEMPT", "OUTCOME", "WHEN", "TOOK", "WORKER", "ERROR",
        NULL };
    const gofer_info *attempts = gofer_info_child(task, "attempts");
    char text[CLI_HUMAN];
    if (gofer_info_count(attempts) == 0)
        return;
    cli_put_label(c, "attempts");
    fputc('\n', stdout);
    table *rows = table_new(heads, "rlrrll");
    table_fit(rows, "....ib");
    for (size_t i = 0; i < gofer_info_count(attempts); i++) {
        const gofer_info *a = gofer_info_at(attempts, i);
        const char *kind = gofer_info_text(a, "kind");
        int good = kind &&
            (strcmp(kind, "done") == 0 || strcmp(kind, "snoozed") == 0 ||
                strcmp(kind, "interrupted") == 0);
        int64_t took = gofer_info_int(a, "duration_ms", -1);
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(a, "attempt", 0));
        table_cell(rows, good ? STYLE_GOOD : STYLE_BAD, kind);
        table_cell(rows, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(a, "at_ms", now_ms), now_ms));
        table_cell(rows, STYLE_PLAIN, took >= 0 ? cli_human_duration(text, took) : NULL);
        table_cell(rows, STYLE_PLAIN, gofer_info_text(a, "worker"));
        char *line =
            gofer_info_text(a, "error") ? cli_error_line(gofer_info_text(a, "error")) : NULL;
        table_cell(rows, STYLE_PLAIN, line);
        free(line);
    }
    table_print(rows, c->color);
    table_free(rows);
}

static void print_log(const cli *c, const gofer_info *task)
{
    const gofer_info *log = gofer_info_child(task, "log");
    char at[CLI_HUMAN];
    if (gofer_info_count(log) == 0)
        return;
    cli_put_label(c, "log");
    fputc('\n', stdout);
    for (size_t i = 0; i < gofer_info_count(log); i++) {
        const gofer_info *line = gofer_info_at(log, i);
        const char *level = gofer_info_text(line, "level"), *words = gofer_info_text(line, "text");
        int bad = level && (strcmp(level, "warn") == 0 || strcmp(level, "error") == 0);
        printf("  %s ", cli_human_time(at, gofer_info_int(line, "at_ms", 0)));
        char *safe = screen_escape(level ? level : "", level ? strlen(level) : 0, SCREEN_ONE_LINE);
        screen_put(stdout, c->color, bad ? STYLE_WARN : STYLE_DIM, safe);
        free(safe);
        safe = screen_escape(words ? words : "", words ? strlen(words) : 0, SCREEN_ONE_LINE);
        printf(" %s\n", safe);
        free(safe);
    }
}

static int print_raw(cli *c, const gofer_info *task, const char *field)
{
    size_t size = 0;
    const void *bytes = gofer_info_bytes(task, field, &size);
    if (!bytes)
        return cli_fail(c, CLI_NOT_FOUND, "the task has no %s", field);
    fwrite(bytes, 1, size, stdout);     // main looks for errors of stdout
    return CLI_OK;
}

static int print_task(cli *c, const gofer_info *task)
{
    int64_t now_ms = cli_now_ms();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        print_field(c, task, i, now_ms);
    print_progress(c, task);
    print_headers(c, task);
    const char *error = gofer_info_text(task, "last_error");
    if (error) {
        cli_put_label(c, "last error");
        fputc('\n', stdout);
        cli_put_text(error, strlen(error));
    }
    print_attempts(c, task, now_ms);
    print_log(c, task);
    if (!gofer_info_text(task, "encrypted") || gofer_info_int(task, "decrypted", 0))
        print_bytes(c, task, "payload");
    print_bytes(c, task, "result");
    return CLI_OK;
}

static int run(cli *c, const void *user)
{
    const show_args *args = user;
    if (args->payload && args->result)
        return cli_fail(c, CLI_USAGE, "task show: --payload and --result exclude each other");
    gofer_client *client = NULL;
    gofer_info *task = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;

    gofer_status st = gofer_client_task(client, args->queue, c->words[0], &task);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (args->payload || args->result)
        code = print_raw(c, task, args->payload ? "payload" : "result");
    else if (c->global.json)
        code = cli_put_info(c, task);
    else
        code = print_task(c, task);
    gofer_info_free(task);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_task_show = {
    .name = "task show",
    .summary = "show one task with its attempts, log, payload and result",
    .usage = "ID",
    .about =
        "The latest attempts and log lines are kept with the task, as long as it is. Text is "
        "shown as text, with control characters escaped; other bytes as the beginning of a hex "
        "dump. --payload and --result print the bytes as they are.",
    .examples =
        "gofer task show 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d\n"
        "gofer task show nightly-backup --result > backup.log",
    .options = options,
    .args_size = sizeof(show_args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
