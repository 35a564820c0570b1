// tasks.c - a page of the tasks of one queue and state, as far as they match.
//
// Asks the store and fills the grid. No ncurses here.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

const top_column top_task_columns[TOP_TASK_COLUMNS] = {
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
    cursors_clear(&t->tasks.pages);
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

// As many as the screen shows. With a filter one call may find none and yet not have seen all: some
// calls more.
gofer_status top_fill_tasks(top *t, int64_t now_ms)
{
    enum { CALLS = 5 };
    top_filter f;
    char *from = NULL;
    const char *start = cursors_here(&t->tasks.pages);
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
    if (st == GOFER_OK)
        cursors_set_next(&t->tasks.pages, from);
    free(from);
    return st;
}
