// cmd_task_ls.c - `gofer task ls`: pages of tasks by queue and state.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd_task.h"
#include "screen.h"

enum { DEFAULT_LIMIT = 30, PAGE = 500 };

typedef struct ls_args {
    const char *queue, *state, *cursor;
    cli_number  limit;
    int         all;
} ls_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(ls_args, queue), "NAME", "tasks of this queue (default: every queue)", 0, 0 },
    { "state", 0, CLI_CHOICE, offsetof(ls_args, state), TASK_STATES, "tasks in this state (default: every state)", 0, 0 },
    { "limit", 0, CLI_NUMBER, offsetof(ls_args, limit), "N", "at most so many (default: 30)", 1, 1000000000 },
    { "cursor", 0, CLI_TEXT, offsetof(ls_args, cursor), "CURSOR", "go on where a listing ended; needs --queue and --state", 0, 0 },
    { "all", 0, CLI_FLAG, offsetof(ls_args, all), NULL, "all of them, however many", 0, 0 },
    CLI_OPTIONS_END
};

// One listing on its way through queues, states and pages.
typedef struct listing {
    cli          *c;
    gofer_client *client;
    table        *rows;         // NULL with --json: items are printed as they come
    int64_t       left;
    int           more;         // tasks were left out
    char         *next_cursor;  // owned
    int           first;
    int64_t       now_ms;
} listing;

// What is most worth knowing about the moment of a task in its state.
static int64_t moment_of(const gofer_info *task)
{
    static const char *const fields[] = { "started_at_ms", "next_run_at_ms", "completed_at_ms",
        "archived_at_ms", "enqueued_at_ms" };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        int64_t at = gofer_info_int(task, fields[i], 0);
        if (at)
            return at;
    }
    return 0;
}

static void add_note(table *rows, const gofer_info *task)
{
    const char *error = gofer_info_text(task, "last_error");
    int64_t total = gofer_info_int(task, "progress_total", 0);
    if (gofer_info_has(task, "progress_done")) {
        const char *text = gofer_info_text(task, "progress_text");
        int64_t done = gofer_info_int(task, "progress_done", 0);
        if (total)
            table_cellf(rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64 " %s", done, total, text ? text : "");
        else
            table_cellf(rows, STYLE_PLAIN, "%" PRId64 " %s", done, text ? text : "");
    } else {
        table_cell(rows, STYLE_PLAIN, error);
    }
}

static void add_row(listing *l, const gofer_info *task)
{
    char text[CLI_HUMAN];
    const char *state = gofer_info_text(task, "state");
    int64_t at = moment_of(task);
    table_cell(l->rows, STYLE_PLAIN, gofer_info_text(task, "id"));
    table_cell(l->rows, STYLE_PLAIN, gofer_info_text(task, "queue"));
    table_cell(l->rows, STYLE_PLAIN, gofer_info_text(task, "type"));
    table_cell(l->rows, screen_state_style(state), state);
    table_cell(l->rows, STYLE_PLAIN, at ? cli_human_when(text, at, l->now_ms) : NULL);
    table_cellf(l->rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64, gofer_info_int(task, "retried", 0),
        gofer_info_int(task, "max_retry", 0));
    table_cell(l->rows, STYLE_PLAIN, cli_human_size(text, gofer_info_int(task, "payload_size", 0)));
    add_note(l->rows, task);
}

static int add_json(listing *l, const gofer_info *task)
{
    char *json;
    gofer_status st = gofer_info_json(task, &json);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);
    printf("%s%s", l->first ? "" : ",", json);
    l->first = 0;
    gofer_free(json);
    return CLI_OK;
}

static int add_page(listing *l, const char *queue, const char *state, char **cursor)
{
    gofer_info *page = NULL;
    int32_t limit = l->left < PAGE ? (int32_t)l->left : PAGE;
    gofer_status st = gofer_client_tasks(l->client, queue, state, *cursor, limit, &page);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);

    int code = CLI_OK;
    size_t count = gofer_info_count(page);
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        if (l->rows)
            add_row(l, gofer_info_at(page, i));
        else
            code = add_json(l, gofer_info_at(page, i));
    }
    l->left -= (int64_t)count;

    const char *next = gofer_info_text(page, "next_cursor");
    free(*cursor);
    *cursor = NULL;
    if (next) {
        size_t size = strlen(next) + 1;
        *cursor = memcpy(cli_alloc(size), next, size);
    }
    gofer_info_free(page);
    return code;
}

static int list_state(listing *l, const char *queue, const char *state, const char *from)
{
    char *cursor = NULL;
    int code = CLI_OK;
    if (from) {
        size_t size = strlen(from) + 1;
        cursor = memcpy(cli_alloc(size), from, size);
    }
    if (l->left <= 0) {
        l->more = 1;
        free(cursor);
        return CLI_OK;
    }
    do
        code = add_page(l, queue, state, &cursor);
    while (code == CLI_OK && cursor && l->left > 0 && !ferror(stdout));
    if (cursor)
        l->more = 1;
    free(l->next_cursor);
    l->next_cursor = cursor;
    return code;
}

static int list_queue(listing *l, const char *queue, const gofer_info *counts, const ls_args *args)
{
    static const char *const states[] = { "active", "pending", "scheduled", "retry", "archived", "completed" };
    if (args->state)
        return list_state(l, queue, args->state, args->cursor);
    int code = CLI_OK;
    for (size_t i = 0; i < sizeof states / sizeof *states && code == CLI_OK; i++)
        if (gofer_info_int(counts, states[i], 0) > 0)
            code = list_state(l, queue, states[i], NULL);
    return code;
}

static int list(listing *l, const ls_args *args)
{
    gofer_info *queues = NULL, *one = NULL;
    int code = CLI_OK;
    if (args->queue) {
        gofer_status st = gofer_client_queue(l->client, args->queue, &one);
        if (st != GOFER_OK)
            return cli_fail_status(l->c, st, NULL);
        code = list_queue(l, args->queue, one, args);
    } else {
        gofer_status st = gofer_client_queues(l->client, &queues);
        if (st != GOFER_OK)
            return cli_fail_status(l->c, st, NULL);
        for (size_t i = 0; i < gofer_info_count(queues) && code == CLI_OK; i++) {
            const gofer_info *queue = gofer_info_at(queues, i);
            code = list_queue(l, gofer_info_text(queue, "queue"), queue, args);
        }
    }
    gofer_info_free(queues);
    gofer_info_free(one);
    return code;
}

static void finish(listing *l, const ls_args *args)
{
    // A cursor is of one queue and state: it says nothing about a mixed listing.
    int resumable = args->queue && args->state && l->next_cursor;
    if (!l->rows) {
        fputs("]", stdout);
        if (resumable)
            printf(",\"next_cursor\":\"%s\"", l->next_cursor);
        printf(",\"more\":%s}\n", l->more ? "true" : "false");
        return;
    }
    if (table_rows(l->rows))
        table_print(l->rows, l->c->color);
    else
        cli_note(l->c, "no tasks");
    if (resumable)
        cli_note(l->c, "there are more: --cursor %s", l->next_cursor);
    else if (l->more)
        cli_note(l->c, "there are more: --all shows them, --queue and --state narrow it down");
}

static int run(cli *c, const void *user)
{
    static const char *const heads[] = { "ID", "QUEUE", "TYPE", "STATE", "WHEN", "RETRIED", "SIZE", "NOTE", NULL };
    const ls_args *args = user;
    if (args->cursor && (!args->queue || !args->state))
        return cli_fail(c, CLI_USAGE, "task ls: --cursor needs --queue and --state, as in the listing it came from");

    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    listing l = { .c = c, .client = client, .first = 1, .now_ms = cli_now_ms() };
    l.left = args->all ? INT64_MAX : args->limit.given ? args->limit.value : DEFAULT_LIMIT;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    else
        l.rows = table_new(heads, "llllrrrl");
    code = list(&l, args);
    if (code == CLI_OK || c->global.json)
        finish(&l, args);
    table_free(l.rows);
    free(l.next_cursor);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_task_ls = {
    .name = "task ls",
    .summary = "list tasks by queue and state",
    .usage = "",
    .about =
        "WHEN is when the task runs, ran, failed or came, by its state. NOTE is the last error, or the progress of an active "
        "task. Tasks stand in the order in which they will run, ran or failed.",
    .examples =
        "gofer task ls --queue mail --state retry\n"
        "# the ids of everything set aside\n"
        "gofer task ls --state archived --all --json | jq -r '.items[].id'",
    .options = options,
    .args_size = sizeof(ls_args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
