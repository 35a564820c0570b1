// worker_table.c - the tables of live workers and of their children that `worker ls` and `stats`
// show.
//
// Reads a snapshot; hosts, queues and names are what workers said of themselves, and escaped by
// table.c.
#include "worker_table.h"

#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

int64_t worker_slots_running(const gofer_info *worker)
{
    int64_t slots =
        gofer_info_int(worker, "running", 0) - gofer_info_int(worker, "children_busy", 0);
    return slots > 0 ? slots : 0;
}

// "2 run 3/16", with restarts if there were any.
const char *worker_children_text(char out[WORKER_CHILDREN], const gofer_info *worker)
{
    int64_t restarts = gofer_info_int(worker, "child_restarts", 0);
    if (!gofer_info_has(worker, "children"))
        return NULL;
    int used = snprintf(out, WORKER_CHILDREN, "%" PRId64 " run %" PRId64 "/%" PRId64,
        gofer_info_int(worker, "children", 0), gofer_info_int(worker, "children_busy", 0),
        gofer_info_int(worker, "children_want", 0));
    if (restarts > 0)
        snprintf(out + used, WORKER_CHILDREN - (size_t)used, ", %" PRId64 " restart%s", restarts,
            restarts == 1 ? "" : "s");
    return out;
}

static int any_children(const gofer_info *workers)
{
    for (size_t i = 0; i < gofer_info_count(workers); i++)
        if (gofer_info_has(gofer_info_at(workers, i), "children"))
            return 1;
    return 0;
}

static void children_cell(table *rows, const gofer_info *worker)
{
    char text[WORKER_CHILDREN];
    int restarts = gofer_info_int(worker, "child_restarts", 0) > 0;
    table_cell(rows, restarts ? STYLE_WARN : STYLE_PLAIN, worker_children_text(text, worker));
}

// The column of children is there where a worker has any.
size_t worker_table_print(const gofer_info *workers, int color)
{
    static const char *const heads[] = { "WORKER", "HOST", "PID", "STATE", "RUNNING", "STARTED",
        "QUEUES", NULL };
    static const char *const heads_children[] = { "WORKER", "HOST", "PID", "STATE", "RUNNING",
        "CHILDREN", "STARTED", "QUEUES", NULL };
    int children = any_children(workers);
    table *rows =
        children ? table_new(heads_children, "llrlrlrl") : table_new(heads, "llrlrrl");
    table_fit(rows, children ? "itd..tdb" : "itd..db");
    int64_t now_ms = cli_now_ms();
    char text[CLI_HUMAN];
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const gofer_info *worker = gofer_info_at(workers, i);
        const char *queues = gofer_info_text(worker, "queues");
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "worker"));
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "host"));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(worker, "pid", 0));
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "state"));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64, worker_slots_running(worker),
            gofer_info_int(worker, "concurrency", 0));
        if (children)
            children_cell(rows, worker);
        table_cell(rows, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(worker, "started_at_ms", now_ms), now_ms));
        if (gofer_info_int(worker, "strict", 0))
            table_cellf(rows, STYLE_PLAIN, "%.240s strict", queues ? queues : "");
        else
            table_cell(rows, STYLE_PLAIN, queues);
    }
    if (gofer_info_count(workers))
        table_print(rows, color);
    table_free(rows);
    return gofer_info_count(workers);
}

static void add_child(table *rows, const char *worker, const gofer_info *child, int64_t now_ms)
{
    char text[CLI_HUMAN];
    const char *state = gofer_info_text(child, "state");
    int is_ready = state && strcmp(state, "ready") == 0;
    table_cell(rows, STYLE_PLAIN, worker);
    table_cell(rows, STYLE_BOLD, gofer_info_text(child, "name"));
    table_count(rows, STYLE_PLAIN, gofer_info_int(child, "number", 0));
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(child, "pid", 0));
    table_cell(rows, is_ready ? STYLE_PLAIN : STYLE_WARN, state);
    table_cellf(rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64, gofer_info_int(child, "running", 0),
        gofer_info_int(child, "want", 0));
    table_count(rows, STYLE_PLAIN, gofer_info_int(child, "processed", 0));
    table_cell(rows, STYLE_PLAIN, gofer_info_has(child, "memory")
        ? cli_human_size(text, gofer_info_int(child, "memory", 0)) : NULL);
    table_cell(rows, STYLE_PLAIN,
        cli_human_when(text, gofer_info_int(child, "started_at_ms", now_ms), now_ms));
}

size_t child_table_print(const gofer_info *workers, int color)
{
    static const char *const heads[] = { "WORKER", "CHILD", "NO", "PID", "STATE", "RUNNING", "DONE",
        "MEMORY", "STARTED", NULL };
    table *rows = table_new(heads, "llrrlrrrr");
    table_fit(rows, "it.d...dd");
    int64_t now_ms = cli_now_ms();
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const gofer_info *worker = gofer_info_at(workers, i),
                         *children = gofer_info_child(worker, "child_processes");
        for (size_t k = 0; k < gofer_info_count(children); k++)
            add_child(rows, gofer_info_text(worker, "worker"), gofer_info_at(children, k), now_ms);
    }
    size_t count = table_rows(rows);
    if (count > 0)
        table_print(rows, color);
    table_free(rows);
    return count;
}
