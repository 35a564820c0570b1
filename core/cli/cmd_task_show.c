// cmd_task_show.c - `gofer task show`: one task with its payload, result and last error.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

enum { TEXT_SHOWN = 16384, BYTES_SHOWN = 512, LABEL = 12 };

typedef struct show_args {
    const char *queue;
    int         payload, result;
} show_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(show_args, queue), "NAME", "look in this queue only (default: in all)", 0, 0 },
    { "payload", 0, CLI_FLAG, offsetof(show_args, payload), NULL, "print the payload's bytes and nothing else", 0, 0 },
    { "result", 0, CLI_FLAG, offsetof(show_args, result), NULL, "print the result's bytes and nothing else", 0, 0 },
    CLI_OPTIONS_END
};

// How a field is shown.
typedef enum field_kind { FIELD_TEXT, FIELD_STATE, FIELD_COUNT, FIELD_TIME, FIELD_DURATION } field_kind;

static const struct { const char *field, *label; field_kind kind; } fields[] = {
    { "id", "id", FIELD_TEXT },
    { "queue", "queue", FIELD_TEXT },
    { "type", "type", FIELD_TEXT },
    { "state", "state", FIELD_STATE },
    { "retried", "retried", FIELD_COUNT },
    { "max_retry", "max retry", FIELD_COUNT },
    { "crashes", "crashes", FIELD_COUNT },
    { "enqueued_at_ms", "enqueued", FIELD_TIME },
    { "next_run_at_ms", "next run", FIELD_TIME },
    { "started_at_ms", "started", FIELD_TIME },
    { "completed_at_ms", "completed", FIELD_TIME },
    { "archived_at_ms", "archived", FIELD_TIME },
    { "expires_at_ms", "expires", FIELD_TIME },
    { "timeout_ms", "timeout", FIELD_DURATION },
    { "deadline_ms", "deadline", FIELD_TIME },
    { "retention_ms", "retention", FIELD_DURATION },
    { "worker", "worker", FIELD_TEXT },
    { "last_failed_at_ms", "last failed", FIELD_TIME },
};

static void print_label(const cli *c, const char *label)
{
    screen_put(stdout, c->color, STYLE_BOLD, label);
    for (size_t at = strlen(label); at < LABEL; at++)
        fputc(' ', stdout);
}

static void print_field(const cli *c, const gofer_info *task, size_t i, int64_t now_ms)
{
    char text[CLI_HUMAN], when[CLI_HUMAN];
    const char *value = gofer_info_text(task, fields[i].field);
    int64_t number = gofer_info_int(task, fields[i].field, 0);
    int is_moment = fields[i].kind == FIELD_TIME || fields[i].kind == FIELD_DURATION;
    if (!gofer_info_has(task, fields[i].field) || (is_moment && number == 0))
        return;

    print_label(c, fields[i].label);
    switch (fields[i].kind) {
    case FIELD_TEXT:
    case FIELD_STATE: {
        char *safe = screen_escape(value ? value : "", value ? strlen(value) : 0, SCREEN_ONE_LINE);
        screen_put(stdout, c->color, fields[i].kind == FIELD_STATE ? screen_state_style(value) : STYLE_PLAIN, safe);
        free(safe);
        break;
    }
    case FIELD_COUNT:
        printf("%" PRId64, number);
        break;
    case FIELD_TIME:
        printf("%s (%s)", cli_human_time(text, number), cli_human_when(when, number, now_ms));
        break;
    case FIELD_DURATION:
        fputs(number < 0 ? "none" : cli_human_duration(text, number), stdout);
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
    print_label(c, "progress");
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
        print_label(c, i == 0 ? "headers" : "");
        printf("%s=%s\n", safe_key, safe);
        free(safe_key);
        free(safe);
    }
}

// Text keeps its lines; each is indented, so that none can pass for a label.
static void print_text(const char *text, size_t size)
{
    while (size) {
        const char *newline = memchr(text, '\n', size);
        size_t length = newline ? (size_t)(newline - text) : size;
        char *safe = screen_escape(text, length, SCREEN_KEEP_TABS);
        printf("  %s\n", safe);
        free(safe);
        length += newline != NULL;
        text += length;
        size -= length;
    }
}

static void print_hex(const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        printf("  %06zx ", at);
        for (size_t i = at; i < at + 16; i++)
            if (i < size)
                printf(" %02x", bytes[i]);
            else
                fputs("   ", stdout);
        fputs("  ", stdout);
        for (size_t i = at; i < at + 16 && i < size; i++)
            fputc(bytes[i] >= 0x20 && bytes[i] < 0x7F ? bytes[i] : '.', stdout);
        fputc('\n', stdout);
    }
}

static void print_bytes(const cli *c, const gofer_info *task, const char *field, const char *label)
{
    size_t size = 0;
    char text[CLI_HUMAN];
    const char *bytes = gofer_info_bytes(task, field, &size);
    if (!bytes)
        return;
    int is_text = screen_is_utf8(bytes, size) && !memchr(bytes, '\0', size);
    size_t limit = is_text ? TEXT_SHOWN : BYTES_SHOWN;
    size_t shown = size < limit ? size : limit;
    while (is_text && shown < size && !screen_is_utf8(bytes, shown))
        shown--;

    print_label(c, label);
    printf("%s%s\n", size ? cli_human_size(text, (int64_t)size) : "empty", size && !is_text ? ", not text" : "");
    if (is_text)
        print_text(bytes, shown);
    else
        print_hex((const unsigned char *)bytes, shown);
    if (shown < size)
        printf("  … the first %zu bytes; --%s prints all\n", shown, field);
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

static int print_json(cli *c, const gofer_info *task)
{
    char *json;
    gofer_status st = gofer_info_json(task, &json);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    puts(json);
    gofer_free(json);
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
        print_label(c, "last error");
        fputc('\n', stdout);
        print_text(error, strlen(error));
    }
    print_bytes(c, task, "payload", "payload");
    print_bytes(c, task, "result", "result");
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
        code = print_json(c, task);
    else
        code = print_task(c, task);
    gofer_info_free(task);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_task_show = {
    .name = "task show",
    .summary = "show one task with payload, result and last error",
    .usage = "ID",
    .about =
        "Text is shown as text, with control characters escaped; other bytes as the beginning of a hex dump. --payload and "
        "--result print the bytes as they are.",
    .examples =
        "gofer task show 0193a7c2-5f0e-7b6a-9c1d-2f4e6a8b0c1d\n"
        "gofer task show nightly-backup --result > backup.log",
    .options = options,
    .args_size = sizeof(show_args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
