// worker_table.c - the table of live workers that `worker ls` and `stats` show.
//
// Reads a snapshot; hosts and queues are what workers said of themselves, and escaped by table.c.
#include "worker_table.h"

#include <inttypes.h>

#include "cli.h"
#include "screen.h"

void worker_table_print(const gofer_info *workers, int color)
{
    static const char *const heads[] = { "WORKER", "HOST", "PID", "STATE", "RUNNING", "STARTED",
        "QUEUES", NULL };
    table *rows = table_new(heads, "llrlrrl");
    table_fit(rows, "itd..db");
    int64_t now_ms = cli_now_ms();
    char text[CLI_HUMAN];
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const gofer_info *worker = gofer_info_at(workers, i);
        const char *queues = gofer_info_text(worker, "queues");
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "worker"));
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "host"));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(worker, "pid", 0));
        table_cell(rows, STYLE_PLAIN, gofer_info_text(worker, "state"));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64 "/%" PRId64, gofer_info_int(worker, "running", 0),
            gofer_info_int(worker, "concurrency", 0));
        table_cell(rows, STYLE_PLAIN,
            cli_human_when(text, gofer_info_int(worker, "started_at_ms", now_ms), now_ms));
        if (gofer_info_int(worker, "strict", 0))
            table_cellf(rows, STYLE_PLAIN, "%.240s strict", queues ? queues : "");
        else
            table_cell(rows, STYLE_PLAIN, queues);
    }
    table_print(rows, color);
    table_free(rows);
}
