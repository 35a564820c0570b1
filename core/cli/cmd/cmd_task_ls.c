// cmd_task_ls.c - `gofer task ls`: pages of tasks, by queue, state and what else a filter says.
//
// Pages are asked for by the library's cursor until --limit or the end; --json prints each task as
// it comes.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "filter.h"
#include "json.h"
#include "screen.h"

enum { DEFAULT_LIMIT = 30, PAGE = 500, ROWS_KEPT = 10000 };

typedef struct ls_args {
    const char *queue, *state, *cursor;
    cli_number  limit;
    int         all;
    filter_args filter;
} ls_args;

static const cli_option options[] = { { "queue", 0, CLI_TEXT, offsetof(ls_args, queue), "NAME",
                                          "tasks of this queue, or of all queues that begin so if "
                                          "it ends in '*' (default: every queue)",
                                          0, 0 },
    { "state", 0, CLI_CHOICE, offsetof(ls_args, state), TASK_STATES,
        "tasks in this state (default: every state)", 0, 0 },
    FILTER_OPTIONS(ls_args),
    { "limit", 0, CLI_NUMBER, offsetof(ls_args, limit), "N", "at most so many (default: 30)", 1,
        1000000000 },
    { "cursor", 0, CLI_TEXT, offsetof(ls_args, cursor), "CURSOR",
        "go on where a listing of the same queues and states ended", 0, 0 },
    { "all", 0, CLI_FLAG, offsetof(ls_args, all), NULL, "all of them, however many", 0, 0 },
    CLI_OPTIONS_END };

// One listing on its way through the pages.
typedef struct listing {
    cli          *c;
    gofer_client *client;
    table        *rows;         // NULL with --json: items are printed as they come
    int64_t       left;
    char         *cursor;       // owned; NULL: from the start, or after the last page
    int           first;        // nothing is printed yet
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
    const char *error = gofer_info_text(task, "last_error"),
               *group = gofer_info_text(task, "group");
    int64_t total = gofer_info_int(task, "progress_total", 0);
    if (gofer_info_has(task, "progress_done")) {
        const char *text = gofer_info_text(task, "progress_text");
        int64_t done = gofer_info_int(task, "progress_done", 0);
        if (total)
            table_cellf(rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64 " %s", done, total,
                text ? text : "");
        else
            table_cellf(rows, STYLE_PLAIN, "%" PRId64 " %s", done, text ? text : "");
    } else if (group && !error) {
        table_cellf(rows, STYLE_PLAIN, "group %s", group);
    } else if (gofer_info_has(task, "waits_for")) {
        table_cellf(rows, STYLE_WARN, "waits for %s", gofer_info_text(task, "waits_for"));
    } else if (gofer_info_has(task, "priority") && !error) {
        table_cellf(rows, STYLE_PLAIN, "priority %" PRId64, gofer_info_int(task, "priority", 0));
    } else {
        char *line = error ? cli_error_line(error) : NULL;
        table_cell(rows, STYLE_PLAIN, line);
        free(line);
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

static int add_page(listing *l, const ls_args *args, const gofer_filter *filter)
{
    gofer_info *page = NULL;
    int32_t limit = l->left < PAGE ? (int32_t)l->left : PAGE;
    gofer_status st =
        gofer_client_find(l->client, args->queue, args->state, filter, l->cursor, limit, &page);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);

    size_t count = gofer_info_count(page);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (l->rows)
            add_row(l, gofer_info_at(page, i));
        else
            st = json_put_item(stdout, gofer_info_at(page, i), &l->first);
    }
    l->left -= (int64_t)count;

    const char *next = gofer_info_text(page, "next_cursor");
    free(l->cursor);
    l->cursor = NULL;
    if (next) {
        size_t size = strlen(next) + 1;
        l->cursor = memcpy(cli_alloc(size), next, size);
    }
    gofer_info_free(page);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(l->c, st, NULL);
}

static int list(listing *l, const ls_args *args)
{
    gofer_filter filter;
    int code;
    filter_fill(&args->filter, &filter);
    if (args->cursor) {
        size_t size = strlen(args->cursor) + 1;
        l->cursor = memcpy(cli_alloc(size), args->cursor, size);
    }
    do {
        code = add_page(l, args, &filter);
        if (l->rows && table_rows(l->rows) >= ROWS_KEPT) {
            table_flush(l->rows, l->c->color);
            l->first = 0;
        }
    } while (code == CLI_OK && l->cursor && l->left > 0 && !ferror(stdout));
    return code;
}

static void finish(listing *l)
{
    if (!l->rows) {
        json_end_page(stdout, l->cursor);
        return;
    }
    if (!l->first || table_rows(l->rows))
        table_flush(l->rows, l->c->color);
    else
        cli_note(l->c, "no tasks");
    if (l->cursor)
        cli_note(l->c, "there are more: --all shows them, --cursor '%s' goes on", l->cursor);
}

static int run(cli *c, const void *user)
{
    static const char *const heads[] = { "ID", "QUEUE", "TYPE", "STATE", "WHEN", "RETRIED", "SIZE",
        "NOTE", NULL };
    const ls_args *args = user;
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    listing l = { .c = c, .client = client, .first = 1, .now_ms = cli_now_ms() };
    l.left = args->all ? INT64_MAX : args->limit.given ? args->limit.value : DEFAULT_LIMIT;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    else
        table_fit(l.rows = table_new(heads, "llllrrrl"), "itt..ddb");
    code = list(&l, args);
    if (code == CLI_OK || c->global.json)
        finish(&l);
    table_free(l.rows);
    free(l.cursor);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_task_ls = {
    .name = "task ls",
    .summary = "list tasks by queue, state, type, error and age",
    .usage = "",
    .about =
        "WHEN is when the task runs, ran, failed or came, by its state. NOTE is the last error, "
        "the progress of an active task, or the group of an aggregating one. Queue by queue and "
        "state by state, tasks stand in the order in which they will run, ran or failed. Filters "
        "are looked for task by task: in a large queue that takes a while.",
    .examples =
        "gofer task ls --queue mail --state retry\n"
        "# what failed for want of space since yesterday\n"
        "gofer task ls --state archived --error 'No space left' --newer 1d\n"
        "# the ids of everything set aside\n"
        "gofer task ls --state archived --all --json | jq -r '.items[].id'",
    .options = options,
    .args_size = sizeof(ls_args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
