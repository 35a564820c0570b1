// cmd_cron.c - `gofer cron ls|show|history`: look at cron entries.
//
// Reads snapshots and prints them; changes nothing.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "list.h"
#include "screen.h"

// ---- ls

static const char *text_of(const gofer_info *info, const char *field)
{
    const char *text = gofer_info_text(info, field);
    return text ? text : "";
}

static void put_row(table *rows, const gofer_info *entry, int64_t now_ms)
{
    char when[CLI_HUMAN];
    int64_t next_ms = gofer_info_int(entry, "next_run_at_ms", 0),
            last_ms = gofer_info_int(entry, "last_enqueued_at_ms", 0);
    const char *tz = gofer_info_text(entry, "tz");
    int paused = (int)gofer_info_int(entry, "paused", 0);
    table_cell(rows, STYLE_BOLD, gofer_info_text(entry, "name"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(entry, "spec"));
    table_cell(rows, STYLE_PLAIN, tz);
    table_cell(rows, STYLE_PLAIN, gofer_info_text(entry, "type"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(entry, "queue"));
    table_cell(rows, paused ? STYLE_WARN : STYLE_PLAIN,
        paused        ? "paused"
            : next_ms ? cli_human_when(when, next_ms, now_ms)
                      : NULL);
    table_cell(rows, STYLE_PLAIN, last_ms ? cli_human_when(when, last_ms, now_ms) : NULL);
    const char *status = text_of(entry, "last_status");
    table_cell(rows, strncmp(status, "failed", 6) == 0 ? STYLE_BAD : STYLE_PLAIN,
        gofer_info_int(entry, "foreign", 0) ? "of another scheduler" : *status ? status : NULL);
}

static size_t print_rows(const gofer_info *entries, int color)
{
    static const char *const heads[] = { "NAME", "SPEC", "ZONE", "TYPE", "QUEUE", "NEXT", "LAST",
        "STATUS", NULL };
    size_t count = gofer_info_count(entries);
    table *rows = table_new(heads, "llllllll");
    table_fit(rows, "ttttt..b");
    for (size_t i = 0; i < count; i++)
        put_row(rows, gofer_info_at(entries, i), cli_now_ms());
    if (count)
        table_print(rows, color);
    table_free(rows);
    return count;
}

static int run_ls(cli *c, const void *args)
{
    static const list_shown entries = {
        .which = { .ask = pages_schedules, .limit = LIST_PAGE },
        .table = print_rows,
        .none = "no cron entries; 'gofer cron add' makes one",
    };
    (void)args;
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = list_print(c, client, &entries);
    gofer_client_close(client);
    return code;
}

// ---- show

static void put_line(const cli *c, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    char *safe = screen_escape(value, strlen(value), SCREEN_ONE_LINE);
    cli_put_label(c, label);
    puts(safe);
    free(safe);
}

static void put_time(const cli *c, const char *label, const gofer_info *entry, const char *field,
    const char *beside)
{
    char time[CLI_HUMAN], when[CLI_HUMAN], line[3 * CLI_HUMAN + 256];
    int64_t at_ms = gofer_info_int(entry, field, 0);
    if (!at_ms)
        return;
    snprintf(line, sizeof line, "%s (%s)%s%s", cli_human_time(time, at_ms),
        cli_human_when(when, at_ms, cli_now_ms()), beside ? ", task " : "", beside ? beside : "");
    put_line(c, label, line);
}

static void put_duration(const cli *c, const char *label, const gofer_info *entry,
    const char *field)
{
    char text[CLI_HUMAN];
    int64_t ms = gofer_info_int(entry, field, 0);
    if (ms)
        put_line(c, label, cli_human_duration(text, ms));
}

static void put_limits(const cli *c, const gofer_info *entry)
{
    const char *keys = gofer_info_text(entry, "limits");
    if (!keys)
        return;
    cli_put_label(c, "limits");
    cli_put_lines(keys);
    if (gofer_info_has(entry, "limit_cost"))
        printf(" (cost %" PRId64 ")", gofer_info_int(entry, "limit_cost", 0));
    fputc('\n', stdout);
}

static void put_when(const cli *c, const gofer_info *entry)
{
    gofer_info *explained = NULL;
    const char *spec = text_of(entry, "spec"), *tz = text_of(entry, "tz");
    put_line(c, "spec", spec);
    put_line(c, "zone", tz);
    // The spec of another scheduler may say its zone itself.
    if (gofer_cron_check(spec, strncmp(spec, "CRON_TZ=", 8) && strncmp(spec, "TZ=", 3) ? tz : NULL,
            0, 0, &explained) == GOFER_OK)
        put_line(c, "that is", gofer_info_text(explained, "text"));
    gofer_info_free(explained);
}

static void put_entry(const cli *c, const gofer_info *entry)
{
    char number[96];
    size_t size = 0;
    put_line(c, "name", gofer_info_text(entry, "name"));
    put_when(c, entry);
    put_line(c, "type", gofer_info_text(entry, "type"));
    put_line(c, "queue", gofer_info_text(entry, "queue"));
    if (gofer_info_int(entry, "paused", 0))
        put_line(c, "paused", "yes");
    put_time(c, "next", entry, "next_run_at_ms", NULL);
    put_time(c, "last", entry, "last_enqueued_at_ms", gofer_info_text(entry, "last_id"));
    put_line(c, "status", gofer_info_text(entry, "last_status"));
    snprintf(number, sizeof number, "%s (at most %" PRId64 ")", text_of(entry, "missed"),
        gofer_info_int(entry, "missed_max", 0));
    put_line(c, "missed",
        strcmp(text_of(entry, "missed"), "all") == 0 ? number : text_of(entry, "missed"));
    put_line(c, "overlap", gofer_info_text(entry, "overlap"));
    put_duration(c, "jitter", entry, "jitter_ms");
    snprintf(number, sizeof number, "%" PRId64, gofer_info_int(entry, "max_retry", 0));
    put_line(c, "retries", gofer_info_has(entry, "max_retry") ? number : NULL);
    put_line(c, "retry", gofer_info_text(entry, "retry"));
    put_duration(c, "timeout", entry, "timeout_ms");
    put_duration(c, "retention", entry, "retention_ms");
    put_duration(c, "expires", entry, "expires_ms");
    if (gofer_info_has(entry, "priority")) {
        snprintf(number, sizeof number, "%" PRId64, gofer_info_int(entry, "priority", 0));
        put_line(c, "priority", number);
    }
    put_line(c, "tenant", gofer_info_text(entry, "tenant"));
    put_limits(c, entry);
    put_line(c, "ordered", gofer_info_text(entry, "ordered"));
    put_line(c, "when dead", gofer_info_text(entry, "ordered_dead"));
    put_line(c, "on dead", gofer_info_text(entry, "on_dead"));
    put_line(c, "on done", gofer_info_text(entry, "on_done"));
    put_line(c, "source", gofer_info_text(entry, "source"));
    const gofer_info *headers = gofer_info_child(entry, "headers");
    for (size_t i = 0; i < gofer_info_field_count(headers); i++) {
        const char *key = gofer_info_field_name(headers, i);
        char line[400];
        snprintf(line, sizeof line, "%.100s: %.280s", key, text_of(headers, key));
        put_line(c, "header", line);
    }
    const char *payload = gofer_info_bytes(entry, "payload", &size);
    cli_put_label(c, "payload");
    cli_put_bytes(payload ? payload : "", size, "gofer cron show --json");
}

static int run_show(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    gofer_info *entry = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_schedule(client, c->words[0], &entry);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (c->global.json)
        code = cli_put_info(c, entry);
    else
        put_entry(c, entry);
    gofer_info_free(entry);
    gofer_client_close(client);
    return code;
}

// ---- history

typedef struct history_args {
    cli_number limit;
} history_args;

static const cli_option history_options[] = {
    { "limit", 0, CLI_NUMBER, offsetof(history_args, limit), "N", "the latest N (default: 30)", 1,
      1000 },
    CLI_OPTIONS_END
};

static void put_history(const cli *c, const gofer_info *list)
{
    static const char *const heads[] = { "TICK", "ENQUEUED", "ID", NULL };
    table *rows = table_new(heads, "lll");
    table_fit(rows, "..B");
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        char time[CLI_HUMAN];
        int64_t tick_ms = gofer_info_int(one, "tick_ms", 0),
                at_ms = gofer_info_int(one, "enqueued_at_ms", 0);
        table_cell(rows, STYLE_PLAIN, tick_ms ? cli_human_time(time, tick_ms) : NULL);
        table_cell(rows, STYLE_PLAIN, at_ms ? cli_human_time(time, at_ms) : NULL);
        table_cell(rows, STYLE_BOLD, gofer_info_text(one, "id"));
    }
    table_print(rows, c->color);
    table_free(rows);
}

static int run_history(cli *c, const void *user)
{
    const history_args *args = user;
    gofer_client *client = NULL;
    gofer_info *list = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st =
        gofer_client_schedule_history(client, c->words[0], (int32_t)args->limit.value, &list);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (c->global.json)
        code = cli_put_info(c, list);
    else if (gofer_info_count(list) == 0)
        cli_note(c, "it has enqueued nothing yet");
    else
        put_history(c, list);
    gofer_info_free(list);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_cron_ls = {
    .name = "cron ls",
    .summary = "list cron entries, when they come next and what became of the last tick",
    .usage = "",
    .about =
        "Entries of Go schedulers in the same Redis are listed too, last. More than a thousand "
        "come in tables of a thousand.",
    .examples = "gofer cron ls\ngofer cron ls --json | jq '.items[] | select(.paused).name'",
    .run = run_ls,
};

const cli_command cmd_cron_show = {
    .name = "cron show",
    .summary = "show one cron entry with the options of its tasks",
    .usage = "NAME",
    .examples = "gofer cron show nightly",
    .words_min = 1,
    .words_max = 1,
    .run = run_show,
};

const cli_command cmd_cron_history = {
    .name = "cron history",
    .summary = "list the latest tasks that a cron entry has enqueued",
    .usage = "NAME",
    .examples = "gofer cron history nightly --limit 5",
    .options = history_options,
    .args_size = sizeof(history_args),
    .words_min = 1,
    .words_max = 1,
    .run = run_history,
};
