// model.c - asks the store for what a view shows, and fills the grid or the page.
//
// A grid is filled anew each time, and the old one stays when the store fails. Calls block up to
// the store's timeout. No ncurses here.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../worker_table.h"
#include "top.h"

// Where the store does not filter: the last row stays if the word is in it.
static void sift(top *t)
{
    if (top_is_filtered(t) && !grid_row_has(&t->grid, &t->grid.rows[t->grid.count - 1], t->filter))
        grid_drop_last(&t->grid);
}

// ---- loading a grid: into a new one, so that the old one stays on failure

typedef gofer_status (*fill_fn)(top *t, int64_t now_ms);

static void count_cell(top *t, top_row *row, size_t column, const gofer_info *info,
    const char *field, screen_style style)
{
    int64_t value = gofer_info_int(info, field, 0);
    grid_cellf(&t->grid, row, column, value ? style : STYLE_DIM, "%" PRId64, value);
}

static const top_column queue_columns[] = {
    { "QUEUE", 0, 1 }, { "PENDING", 1, 0 }, { "ACTIVE", 1, 0 }, { "SCHED", 1, 0 },
    { "RETRY", 1, 0 }, { "ARCH", 1, 0 },
    { "DONE", 1, 0 }, { "TODAY", 1, 0 }, { "FAILED", 1, 0 }, { "OLDEST", 1, 0 },
    { "GROUPED", 1, -1 },
};

static gofer_status fill_queues(top *t, int64_t now_ms)
{
    static const char *const fields[] = { "pending", "active", "scheduled", "retry", "archived",
        "completed", "processed", "failed" };
    gofer_info *list = NULL;
    char text[CLI_HUMAN];
    (void)now_ms;
    gofer_status st = gofer_client_queues(t->client, &list);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *queue = gofer_info_at(list, i);
        const char *name = gofer_info_text(queue, "queue");
        int64_t latency = gofer_info_int(queue, "latency_ms", 0);
        top_row *row = grid_add(&t->grid, name, name);
        row->flag = gofer_info_int(queue, "paused", 0) != 0;
        grid_cellf(&t->grid, row, 0, row->flag ? STYLE_WARN : STYLE_BOLD, "%s%s", name,
            row->flag ? " (paused)" : "");
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            count_cell(t, row, f + 1, queue, fields[f],
                strcmp(fields[f], "failed") == 0 || strcmp(fields[f], "archived") == 0
                    ? STYLE_BAD
                    : STYLE_PLAIN);
        grid_cell(&t->grid, row, 9, STYLE_PLAIN,
            latency ? cli_human_duration(text, latency) : NULL);
        count_cell(t, row, 10, queue, "aggregating", STYLE_PLAIN);
        sift(t);
    }
    gofer_info_free(list);
    return st;
}

static const top_column worker_columns[] = {
    { "WORKER", 0, 2 }, { "HOST", 0, 1 }, { "PID", 1, 0 }, { "STATE", 0, 0 }, { "RUNNING", 1, 0 },
    { "CHILDREN", 0, 1 }, { "STARTED", 1, 0 },
    { "QUEUES", 0, 3 },
};

static gofer_status fill_workers(top *t, int64_t now_ms)
{
    gofer_info *list = NULL;
    char text[CLI_HUMAN], children[WORKER_CHILDREN];
    gofer_status st = gofer_client_workers(t->client, &list);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *worker = gofer_info_at(list, i);
        const char *id = gofer_info_text(worker, "worker"),
                   *state = gofer_info_text(worker, "state");
        top_row *row = grid_add(&t->grid, id, NULL);
        row->flag = state && strcmp(state, "quiet") == 0;
        row->number = gofer_info_int(worker, "concurrency", 0);
        grid_cell(&t->grid, row, 0, STYLE_BOLD, id);
        grid_cell(&t->grid, row, 1, STYLE_PLAIN, gofer_info_text(worker, "host"));
        grid_cellf(&t->grid, row, 2, STYLE_PLAIN, "%" PRId64, gofer_info_int(worker, "pid", 0));
        grid_cell(&t->grid, row, 3, row->flag ? STYLE_WARN : STYLE_PLAIN, state);
        grid_cellf(&t->grid, row, 4, STYLE_PLAIN, "%" PRId64 "/%" PRId64,
            worker_slots_running(worker), row->number);
        grid_cell(&t->grid, row, 5,
            gofer_info_int(worker, "child_restarts", 0) ? STYLE_WARN : STYLE_PLAIN,
            worker_children_text(children, worker));
        grid_cell(&t->grid, row, 6, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(worker, "started_at_ms", now_ms), now_ms));
        grid_cell(&t->grid, row, 7, STYLE_PLAIN, gofer_info_text(worker, "queues"));
        sift(t);
    }
    gofer_info_free(list);
    return st;
}

static const top_column schedule_columns[] = {
    { "NAME", 0, 1 }, { "SPEC", 0, 0 }, { "ZONE", 0, 3 }, { "TYPE", 0, 2 }, { "QUEUE", 0, 2 },
    { "NEXT", 1, 0 },
    { "LAST", 0, 4 },
};

static gofer_status fill_schedules(top *t, int64_t now_ms)
{
    gofer_info *list = NULL;
    char text[CLI_HUMAN];
    gofer_status st = gofer_client_schedules(t->client, &list);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *entry = gofer_info_at(list, i);
        const char *name = gofer_info_text(entry, "name");
        int64_t next = gofer_info_int(entry, "next_run_at_ms", 0);
        top_row *row = grid_add(&t->grid, name, NULL);
        row->flag = gofer_info_int(entry, "paused", 0) != 0;
        grid_cellf(&t->grid, row, 0, row->flag ? STYLE_WARN : STYLE_BOLD, "%s%s", name ? name : "",
            row->flag ? " (paused)" : "");
        grid_cell(&t->grid, row, 1, STYLE_PLAIN, gofer_info_text(entry, "spec"));
        grid_cell(&t->grid, row, 2, STYLE_PLAIN, gofer_info_text(entry, "tz"));
        grid_cell(&t->grid, row, 3, STYLE_PLAIN, gofer_info_text(entry, "type"));
        grid_cell(&t->grid, row, 4, STYLE_PLAIN, gofer_info_text(entry, "queue"));
        grid_cell(&t->grid, row, 5, STYLE_PLAIN, next ? cli_human_when(text, next, now_ms) : NULL);
        grid_cell(&t->grid, row, 6, STYLE_PLAIN, gofer_info_text(entry, "last_status"));
        sift(t);
    }
    gofer_info_free(list);
    return st;
}

static const top_column type_columns[] = {
    { "QUEUE", 0, 1 }, { "TYPE", 0, 2 }, { "DONE", 1, 0 }, { "FAILED", 1, 0 }, { "WAIT 50%", 1, 0 },
    { "90%", 1, 0 },
    { "99%", 1, 0 }, { "RUN 50%", 1, 0 }, { "90%", 1, 0 }, { "99%", 1, 0 }, { "MAX", 1, 0 },
};

static gofer_status fill_types(top *t, int64_t now_ms)
{
    static const char *const times[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms", "run_p50_ms",
        "run_p90_ms", "run_p99_ms", "run_max_ms" };
    gofer_info *list = NULL;
    char text[CLI_HUMAN];
    (void)now_ms;
    gofer_status st = gofer_client_stats(t->client, NULL, 0, &list);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *type = gofer_info_at(list, i);
        top_row *row =
            grid_add(&t->grid, gofer_info_text(type, "type"), gofer_info_text(type, "queue"));
        grid_cell(&t->grid, row, 0, STYLE_PLAIN, gofer_info_text(type, "queue"));
        grid_cell(&t->grid, row, 1, STYLE_BOLD, gofer_info_text(type, "type"));
        count_cell(t, row, 2, type, "done", STYLE_PLAIN);
        count_cell(t, row, 3, type, "failed", STYLE_BAD);
        for (size_t i2 = 0; i2 < sizeof times / sizeof *times; i2++)
            grid_cell(&t->grid, row, 4 + i2, STYLE_PLAIN,
                cli_human_duration(text, gofer_info_int(type, times[i2], 0)));
        sift(t);
    }
    gofer_info_free(list);
    return st;
}

// ---- tasks

static const top_column task_columns[] = {
    { "ID", 0, 2 }, { "TYPE", 0, 1 }, { "WHEN", 1, 0 }, { "RETRIED", 1, 0 }, { "NOTE", 0, 3 },
};

static int64_t moment_of(const gofer_info *task)
{
    static const char *const fields[] = { "started_at_ms", "next_run_at_ms", "completed_at_ms",
        "archived_at_ms", "enqueued_at_ms" };
    int64_t at = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && !at; i++)
        at = gofer_info_int(task, fields[i], 0);
    return at;
}

static void note_cell(top *t, top_row *row, const gofer_info *task)
{
    const char *error = gofer_info_text(task, "last_error"),
               *text = gofer_info_text(task, "progress_text");
    const char *group = gofer_info_text(task, "group");
    int64_t done = gofer_info_int(task, "progress_done", 0),
            total = gofer_info_int(task, "progress_total", 0);
    if (gofer_info_has(task, "progress_done") && total)
        grid_cellf(&t->grid, row, 4, STYLE_PLAIN, "%d%% %" PRId64 "/%" PRId64 " %.300s",
            (int)((double)done * 100 / (double)total), done, total, text ? text : "");
    else if (gofer_info_has(task, "progress_done"))
        grid_cellf(&t->grid, row, 4, STYLE_PLAIN, "%" PRId64 " %.300s", done, text ? text : "");
    else if (group && !error)
        grid_cellf(&t->grid, row, 4, STYLE_PLAIN, "group %.300s", group);
    else {
        char *line = error ? cli_error_line(error) : NULL;
        grid_cell(&t->grid, row, 4, STYLE_PLAIN, line);
        free(line);
    }
}

static void add_tasks(top *t, const gofer_info *page, int64_t now_ms)
{
    char text[CLI_HUMAN];
    for (size_t i = 0; i < gofer_info_count(page); i++) {
        const gofer_info *task = gofer_info_at(page, i);
        int64_t at = moment_of(task);
        top_row *row =
            grid_add(&t->grid, gofer_info_text(task, "id"), gofer_info_text(task, "queue"));
        grid_cell(&t->grid, row, 0, STYLE_BOLD, gofer_info_text(task, "id"));
        grid_cell(&t->grid, row, 1, STYLE_PLAIN, gofer_info_text(task, "type"));
        grid_cell(&t->grid, row, 2, STYLE_PLAIN, at ? cli_human_when(text, at, now_ms) : NULL);
        grid_cellf(&t->grid, row, 3, STYLE_PLAIN, "%" PRId64 "/%" PRId64,
            gofer_info_int(task, "retried", 0), gofer_info_int(task, "max_retry", 0));
        note_cell(t, row, task);
    }
}

void top_forget_page(top *t)
{
    for (size_t i = 0; i <= t->tasks.depth && t->tasks.cursors; i++)
        free(t->tasks.cursors[i]);
    free(t->tasks.cursors);
    free(t->tasks.next);
    t->tasks.cursors = NULL;
    t->tasks.next = NULL;
    t->tasks.depth = 0;
}

static gofer_status count_states(top *t)
{
    gofer_info *queue = NULL;
    gofer_status st = gofer_client_queue(t->client, t->tasks.queue, &queue);
    for (size_t i = 0; st == GOFER_OK && i < TOP_STATES; i++)
        t->tasks.counts[i] = gofer_info_int(queue, top_states[i], 0);
    gofer_info_free(queue);
    return st;
}

// As many as the screen shows. With a filter one call may find none and yet not have seen
// all: some calls more.
static gofer_status fill_tasks(top *t, int64_t now_ms)
{
    enum { CALLS = 5 };
    top_filter f;
    char *from = NULL;
    const char *start = t->tasks.cursors ? t->tasks.cursors[t->tasks.depth] : NULL;
    size_t height = t->height ? t->height : 20;
    if (top_filter_read(t, &f) != 0)
        t->filter[0] = '\0';
    gofer_status st = count_states(t);
    for (int i = 0; st == GOFER_OK && i < CALLS && t->grid.count < height && (i == 0 || from);
         i++) {
        gofer_info *page = NULL;
        st = gofer_client_find(t->client, t->tasks.queue, top_states[t->tasks.state], &f.filter,
            i ? from : start, (int32_t)(height - t->grid.count), &page);
        if (st != GOFER_OK)
            break;
        add_tasks(t, page, now_ms);
        const char *next = gofer_info_text(page, "next_cursor");
        free(from);
        from = NULL;
        if (next)
            from = memcpy(cli_alloc(strlen(next) + 1), next, strlen(next) + 1);
        gofer_info_free(page);
    }
    if (st == GOFER_OK) {
        free(t->tasks.next);
        t->tasks.next = from;
    } else {
        free(from);
    }
    return st;
}

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

static gofer_status fill_task(top *t, int64_t now_ms)
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
        { "on_dead", "on dead", 't' },
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

// ---- loading

#define COLUMNS(list) list, sizeof list / sizeof *list

static const struct { fill_fn fill; const top_column *columns; size_t count; } views[] = {
    [VIEW_QUEUES] = { fill_queues, COLUMNS(queue_columns) },
    [VIEW_WORKERS] = { fill_workers, COLUMNS(worker_columns) },
    [VIEW_SCHEDULES] = { fill_schedules, COLUMNS(schedule_columns) },
    [VIEW_TYPES] = { fill_types, COLUMNS(type_columns) },
    [VIEW_TASKS] = { fill_tasks, COLUMNS(task_columns) },
    [VIEW_TASK] = { fill_task, NULL, 0 },
};

// The row that was selected, wherever it stands now; else the place it had.
static void select_again(top *t, const top_grid *before)
{
    const char *key = t->selected < before->count ? before->rows[t->selected].key : NULL;
    if (t->selected >= t->grid.count)
        t->selected = t->grid.count ? t->grid.count - 1 : 0;
    if (key && before->columns == t->grid.columns)
        top_select(t, key);
}

void top_load(top *t)
{
    int64_t now_ms = cli_now_ms();
    top_grid before = t->grid;
    t->loaded_ms = now_ms;
    t->grid = (top_grid){ .columns = views[t->view].columns, .column_count = views[t->view].count };
    gofer_status st = views[t->view].fill(t, now_ms);
    // What was on the last page has gone: the one before is the last now.
    while (st == GOFER_OK && t->view == VIEW_TASKS && t->grid.count == 0 && t->tasks.depth > 0 &&
        !t->tasks.next) {
        free(t->tasks.cursors[t->tasks.depth--]);
        st = fill_tasks(t, now_ms);
    }
    if (st == GOFER_OK) {
        select_again(t, &before);
        grid_clear(&before);
        t->trouble[0] = '\0';
        return;
    }
    snprintf(t->trouble, sizeof t->trouble, "%s", gofer_error_last());
    grid_clear(&t->grid);
    // Rows of another view would be shown under the wrong titles.
    if (before.columns == views[t->view].columns) {
        t->grid = before;
    } else {
        grid_clear(&before);
        t->grid =
            (top_grid){ .columns = views[t->view].columns, .column_count = views[t->view].count };
    }
}

int64_t top_due_ms(const top *t)
{
    int64_t every =
        t->view == VIEW_TASKS && top_is_filtered(t) ? TOP_FILTER_REFRESH_MS : TOP_REFRESH_MS;
    int64_t left = t->loaded_ms + every - cli_now_ms();
    // A clock that was set back must not stop us.
    return left < 0 ? 0 : left > every ? every : left;
}
