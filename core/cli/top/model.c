// model.c - asks the store for what a tab shows and fills the grid; when each view is asked for.
//
// A grid is filled anew each time, and the old one stays when the store fails. Calls block up to
// the store's timeout. No ncurses here.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../worker_table.h"
#include "top.h"

void top_sift(top *t)
{
    if (top_is_filtered(t) && !grid_row_has(&t->grid, &t->grid.rows[t->grid.count - 1], t->filter))
        grid_drop_last(&t->grid);
}

// ---- cells

static void count_cell(top *t, top_row *row, size_t column, const gofer_info *info,
    const char *field, screen_style style)
{
    int64_t value = gofer_info_int(info, field, 0);
    grid_cellf(&t->grid, row, column, value ? style : STYLE_DIM, "%" PRId64, value);
}

// A rate and the line of how it went, in two cells.
static void rate_cells(top *t, top_row *row, size_t column, const rate *r)
{
    char text[RATE_TEXT], line[RATE_LINE];
    double now = rate_now(r, RATE_ENDED);
    grid_cell(&t->grid, row, column, now > 0 ? STYLE_PLAIN : STYLE_DIM, rate_text(text, now));
    grid_cell(&t->grid, row, column + 1, STYLE_GOOD,
        rate_line(line, r, RATE_ENDED, t->width >= 120 ? 24 : 12, t->ascii));
}

// ---- queues

static const top_column queue_columns[] = {
    { "QUEUE", 0, 1 }, { "PENDING", 1, 0 }, { "ACTIVE", 1, 0 }, { "SCHED", 1, -2 },
    { "RETRY", 1, 0 }, { "ARCH", 1, 0 }, { "DONE", 1, -7 }, { "TODAY", 1, -5 },
    { "FAILED", 1, -4 }, { "OLDEST", 1, 0 }, { "WANTED", 1, -3 }, { "RATE", 1, 0 },
    { "TREND", 0, -1 }, { "GROUPED", 1, -9 },
};

static void queue_row(top *t, const gofer_info *queue)
{
    static const char *const fields[] = { "pending", "active", "scheduled", "retry", "archived",
        "completed", "processed", "failed" };
    char text[CLI_HUMAN];
    const char *name = gofer_info_text(queue, "queue");
    int64_t latency = gofer_info_int(queue, "latency_ms", 0);
    top_row *row = grid_add(&t->grid, name, name);
    row->flag = gofer_info_int(queue, "paused", 0) != 0;
    grid_cellf(&t->grid, row, 0, row->flag ? STYLE_WARN : STYLE_BOLD, "%s%s", name,
        row->flag ? " (paused)" : "");
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        count_cell(t, row, f + 1, queue, fields[f],
            strcmp(fields[f], "failed") == 0 || strcmp(fields[f], "archived") == 0 ? STYLE_BAD
                                                                                   : STYLE_PLAIN);
    grid_cell(&t->grid, row, 9, gofer_info_int(queue, "unserved", 0) ? STYLE_WARN : STYLE_PLAIN,
        latency ? cli_human_duration(text, latency) : NULL);
    grid_cellf(&t->grid, row, 10, STYLE_PLAIN, "%" PRId64, top_pulse_wanted(t, queue));
    rate_cells(t, row, 11, rates_find(&t->pulse.queues, name));
    count_cell(t, row, 13, queue, "aggregating", STYLE_PLAIN);
    if (!t->pulse.many)             // else the store has chosen
        top_sift(t);
}

static gofer_status ask_queues(top *t, size_t limit, gofer_info **out)
{
    char pattern[sizeof t->filter + 1];
    size_t size = strlen(t->filter);
    int begins = t->pulse.many && size;
    snprintf(pattern, sizeof pattern, "%s%s", t->filter,
        size && t->filter[size - 1] == '*' ? "" : "*");
    return gofer_client_queues_page(t->client, begins ? pattern : NULL, cursors_here(&t->queues),
        (int32_t)limit, out);
}

// All of them; of very many as many as the screen shows, of those whose names begin as the filter
// does.
static gofer_status fill_queues(top *t, int64_t now_ms)
{
    size_t height = t->height && t->height < TOP_QUEUES ? t->height : 20;
    gofer_info *list = NULL;
    if (!t->pulse.many)
        cursors_clear(&t->queues);
    gofer_status st = ask_queues(t, t->pulse.many ? height : TOP_QUEUES, &list);
    if (st != GOFER_OK)
        return st;
    const char *next = gofer_info_text(list, "next_cursor");
    size_t count = gofer_info_count(list);
    if (!t->pulse.many && !next) {
        top_pulse_queues(t, list, now_ms);
    } else {
        t->pulse.many = 1;
        top_pulse_shown(t, list, now_ms);
    }
    if (t->pulse.many && count > height) {      // until now they were not known to be many
        count = height;
        next = gofer_info_text(gofer_info_at(list, count - 1), "queue");
    }
    for (size_t i = 0; i < count; i++)
        queue_row(t, gofer_info_at(list, i));
    cursors_set_next(&t->queues, next);
    gofer_info_free(list);
    return st;
}

// ---- workers, schedules

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
        top_sift(t);
    }
    gofer_info_free(list);
    return st;
}

static const top_column schedule_columns[] = {
    { "NAME", 0, 2 }, { "SPEC", 0, 0 }, { "NEXT", 1, 0 }, { "LAST", 1, 0 }, { "BECAME", 0, 5 },
    { "TYPE", 0, 3 }, { "QUEUE", 0, 4 }, { "ZONE", 0, -1 }, { "IF MISSED", 0, -2 },
};

static void schedule_row(top *t, const gofer_info *entry, int64_t now_ms)
{
    static const struct { size_t column; const char *field; } texts[] = {
        { 1, "spec" }, { 5, "type" }, { 6, "queue" }, { 7, "tz" }, { 8, "missed" },
    };
    char text[CLI_HUMAN];
    const char *name = gofer_info_text(entry, "name"),
               *became = gofer_info_text(entry, "last_status");
    int64_t next = gofer_info_int(entry, "next_run_at_ms", 0),
            last = gofer_info_int(entry, "last_tick_ms", 0);
    int is_well = !became || strcmp(became, "enqueued") == 0;
    top_row *row = grid_add(&t->grid, name, NULL);
    row->flag = gofer_info_int(entry, "paused", 0) != 0;
    grid_cellf(&t->grid, row, 0, row->flag ? STYLE_WARN : STYLE_BOLD, "%s%s", name ? name : "",
        row->flag ? " (paused)" : "");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        grid_cell(&t->grid, row, texts[i].column, STYLE_PLAIN,
            gofer_info_text(entry, texts[i].field));
    grid_cell(&t->grid, row, 2, STYLE_PLAIN, next ? cli_human_when(text, next, now_ms) : NULL);
    grid_cell(&t->grid, row, 3, STYLE_PLAIN, last ? cli_human_when(text, last, now_ms) : NULL);
    grid_cell(&t->grid, row, 4, is_well ? STYLE_PLAIN : STYLE_WARN, became);
    top_sift(t);
}

static gofer_status fill_schedules(top *t, int64_t now_ms)
{
    gofer_info *list = NULL;
    gofer_status st = gofer_client_schedules(t->client, &list);
    for (size_t i = 0; i < gofer_info_count(list); i++)
        schedule_row(t, gofer_info_at(list, i), now_ms);
    gofer_info_free(list);
    return st;
}

// ---- types

static const top_column type_columns[] = {
    { "QUEUE", 0, 1 }, { "TYPE", 0, 2 }, { "DONE", 1, -6 }, { "FAILED", 1, -3 },
    { "FAIL%", 1, 0 }, { "RATE", 1, 0 }, { "TREND", 0, -4 }, { "WAIT 50%", 1, 0 },
    { "90%", 1, -7 }, { "99%", 1, 0 }, { "RUN 50%", 1, 0 }, { "90%", 1, -8 }, { "99%", 1, 0 },
    { "MAX", 1, -5 },
};

static void share_cell(top *t, top_row *row, int64_t done, int64_t failed)
{
    double share = failed > 0 ? 100.0 * (double)failed / ((double)done + (double)failed) : 0;
    screen_style style = share >= 20 ? STYLE_BAD : share > 0 ? STYLE_WARN : STYLE_DIM;
    grid_cellf(&t->grid, row, 4, style, share > 0 && share < 9.95 ? "%.1f%%" : "%.0f%%", share);
}

// What the store counts by the hour, seen now and then: only of the last hour it is a rate.
static void type_rate(top *t, top_row *row, int64_t ended, int64_t failed, int64_t now_ms)
{
    char name[600];
    snprintf(name, sizeof name, "%s\n%s", row->queue ? row->queue : "", row->key);
    const rate *r = t->hours == 1 ? rates_see(&t->pulse.types, name, ended, failed, now_ms) : NULL;
    rate_cells(t, row, 5, r);
}

static void type_row(top *t, const gofer_info *type, int64_t now_ms)
{
    static const char *const times[] = { "wait_p50_ms", "wait_p90_ms", "wait_p99_ms", "run_p50_ms",
        "run_p90_ms", "run_p99_ms", "run_max_ms" };
    char text[CLI_HUMAN];
    int64_t done = gofer_info_int(type, "done", 0), failed = gofer_info_int(type, "failed", 0);
    top_row *row = grid_add(&t->grid, gofer_info_text(type, "type"),
        gofer_info_text(type, "queue"));
    grid_cell(&t->grid, row, 0, STYLE_PLAIN, gofer_info_text(type, "queue"));
    grid_cell(&t->grid, row, 1, STYLE_BOLD, gofer_info_text(type, "type"));
    count_cell(t, row, 2, type, "done", STYLE_PLAIN);
    count_cell(t, row, 3, type, "failed", STYLE_BAD);
    share_cell(t, row, done, failed);
    type_rate(t, row, cli_sum(done, failed), failed, now_ms);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        grid_cell(&t->grid, row, 7 + i, STYLE_PLAIN,
            cli_human_duration(text, gofer_info_int(type, times[i], 0)));
    top_sift(t);
}

static gofer_status fill_types(top *t, int64_t now_ms)
{
    gofer_info *list = NULL;
    gofer_status st = gofer_client_stats(t->client, NULL, t->hours, &list);
    rates_begin(&t->pulse.types);
    for (size_t i = 0; i < gofer_info_count(list); i++)
        type_row(t, gofer_info_at(list, i), now_ms);
    if (st == GOFER_OK && t->hours == 1)
        rates_end(&t->pulse.types);
    gofer_info_free(list);
    return st;
}

// ---- failures

static const top_column failure_columns[] = {
    { "RETRY", 1, 0 }, { "ARCH", 1, 0 }, { "LAST", 1, 0 }, { "FIRST", 1, -1 }, { "TYPE", 0, 2 },
    { "QUEUE", 0, 3 }, { "ERROR", 0, 4 },
};

static void failure_row(top *t, const failure *f, int64_t now_ms)
{
    char text[CLI_HUMAN];
    top_row *row = grid_add(&t->grid, f->kind, f->queue);
    grid_type(row, f->type);
    for (size_t i = 0; i < FAILED_STATES; i++)
        grid_cellf(&t->grid, row, i, !f->counts[i] ? STYLE_DIM : i ? STYLE_BAD : STYLE_WARN,
            "%" PRId64, f->counts[i]);
    row->flag = f->counts[FAILED_ARCHIVED] > 0;
    row->number = cli_sum(f->counts[FAILED_RETRY], f->counts[FAILED_ARCHIVED]);
    grid_cell(&t->grid, row, 2, STYLE_PLAIN,
        f->last_ms ? cli_human_when(text, f->last_ms, now_ms) : NULL);
    grid_cell(&t->grid, row, 3, STYLE_PLAIN,
        f->first_ms ? cli_human_when(text, f->first_ms, now_ms) : NULL);
    grid_cell(&t->grid, row, 4, STYLE_BOLD, f->type);
    grid_cell(&t->grid, row, 5, STYLE_PLAIN, f->queue);
    grid_cell(&t->grid, row, 6, STYLE_PLAIN, f->sample);
    top_sift(t);
}

// One step of a scan. It is not begun anew by itself: at a million tasks it is dear.
static gofer_status fill_failures(top *t, int64_t now_ms)
{
    if (!t->failures.begun_ms)
        failures_begin(&t->failures, now_ms);
    gofer_status st = failures_scanning(&t->failures) ? failures_step(&t->failures, t->client)
                                                      : GOFER_OK;
    for (size_t i = 0; st == GOFER_OK && i < t->failures.count; i++)
        failure_row(t, &t->failures.items[i], now_ms);
    return st;
}

// ---- findings

static const top_column finding_columns[] = {
    { "SEVERITY", 0, 0 }, { "CODE", 0, 2 }, { "QUEUE", 0, 3 }, { "COUNT", 1, 0 },
    { "FOUND", 0, 4 },
};

static gofer_status fill_findings(top *t, int64_t now_ms)
{
    if (!t->scout.begun_ms)
        scout_begin(&t->scout, t->client, now_ms);
    for (size_t i = 0; i < gofer_info_count(t->scout.findings); i++) {
        const gofer_info *f = gofer_info_at(t->scout.findings, i);
        const char *severity = gofer_info_text(f, "severity");
        top_row *row = grid_add(&t->grid, gofer_info_text(f, "code"), gofer_info_text(f, "queue"));
        grid_cell(&t->grid, row, 0, !severity || strcmp(severity, "note") == 0 ? STYLE_DIM
            : strcmp(severity, "error") == 0 ? STYLE_BAD : STYLE_WARN, severity);
        grid_cell(&t->grid, row, 1, STYLE_BOLD, gofer_info_text(f, "code"));
        grid_cell(&t->grid, row, 2, STYLE_PLAIN, gofer_info_text(f, "queue"));
        count_cell(t, row, 3, f, "count", STYLE_PLAIN);
        grid_cell(&t->grid, row, 4, STYLE_PLAIN, gofer_info_text(f, "text"));
        top_sift(t);
    }
    return GOFER_OK;
}

// ---- loading: into a new grid, so that the old one stays on failure

#define COLUMNS(list) list, sizeof list / sizeof *list

// every_ms: how old what is shown may become.
static const struct {
    top_fill          fill;
    const top_column *columns;
    size_t            count;
    int64_t           every_ms;
} views[] = {
    [VIEW_QUEUES] = { fill_queues, COLUMNS(queue_columns), 1000 },
    [VIEW_WORKERS] = { fill_workers, COLUMNS(worker_columns), 1000 },
    [VIEW_SCHEDULES] = { fill_schedules, COLUMNS(schedule_columns), 1000 },
    [VIEW_TYPES] = { fill_types, COLUMNS(type_columns), 2000 },
    [VIEW_FAILURES] = { fill_failures, COLUMNS(failure_columns), 1000 },
    [VIEW_FINDINGS] = { fill_findings, COLUMNS(finding_columns), 1000 },
    [VIEW_TASKS] = { top_fill_tasks, top_task_columns, TOP_TASK_COLUMNS, 1000 },
    [VIEW_TASK] = { top_fill_task, NULL, 0, 1000 },
    [VIEW_WORKER] = { top_fill_worker, NULL, 0, 1000 },
    [VIEW_SCHEDULE] = { top_fill_schedule, NULL, 0, 5000 },
    [VIEW_FINDING] = { top_fill_finding, NULL, 0, 5000 },
};

// The row that was selected, wherever it stands now; else the place it had.
static void select_again(top *t, const top_grid *before)
{
    const top_row *was = t->selected < before->count ? &before->rows[t->selected] : NULL;
    if (t->selected >= t->grid.count)
        t->selected = t->grid.count ? t->grid.count - 1 : 0;
    if (was && before->columns == t->grid.columns)
        top_select(t, was->key, was->queue);
}

static gofer_status fill(top *t, int64_t now_ms)
{
    t->grid = (top_grid){ .columns = views[t->view].columns, .column_count = views[t->view].count };
    gofer_status st = views[t->view].fill(t, now_ms);
    // What was on the last page has gone: the one before is the last now.
    cursors *pages = top_cursors(t);
    while (st == GOFER_OK && pages && t->grid.count == 0 && !pages->next && cursors_back(pages))
        st = views[t->view].fill(t, now_ms);
    return st;
}

void top_load(top *t)
{
    int64_t now_ms = cli_now_ms();
    top_grid before = t->grid;
    gofer_status st = fill(t, now_ms);
    if (st == GOFER_OK) {
        select_again(t, &before);
        grid_clear(&before);
        t->trouble[0] = '\0';
        top_pulse_beat(t, now_ms);
    } else {
        snprintf(t->trouble, sizeof t->trouble, "%s", gofer_error_last());
        grid_clear(&t->grid);
        // Rows of another view would be shown under the wrong titles.
        if (before.columns != views[t->view].columns)
            grid_clear(&before);
        t->grid = before;
        t->grid.columns = views[t->view].columns;
        t->grid.column_count = views[t->view].count;
    }
    t->loaded_ms = cli_now_ms();
    t->load_took_ms = t->loaded_ms - now_ms;
}

// Not more than a tenth of the time is spent asking, a thirtieth while nothing happens.
int64_t top_due_ms(const top *t)
{
    enum { FILTER_MS = 5000, MANY_MS = 5000, SHARE = 10, IDLE_TIMES = 3 };
    int64_t every = views[t->view].every_ms, now_ms = cli_now_ms();
    if (t->view == VIEW_FAILURES && failures_scanning(&t->failures) && !t->trouble[0])
        return 0;
    if (t->view == VIEW_TASKS && (top_is_filtered(t) || t->tasks.of_kind))
        every = FILTER_MS;
    if (t->view == VIEW_QUEUES && t->pulse.many && !top_pulse_counts(t))
        every = MANY_MS;
    // A store that is away costs nothing, and is seen again soon.
    if (!t->trouble[0] && t->load_took_ms > every / SHARE)
        every = t->load_took_ms * SHARE;
    if (!t->trouble[0] && top_pulse_idle(t, now_ms) && !top_pulse_counts(t))
        every *= IDLE_TIMES;
    int64_t left = t->loaded_ms + every - now_ms;
    // A clock that was set back must not stop us.
    return left < 0 ? 0 : left > every ? every : left;
}
