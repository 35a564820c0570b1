// cmd_worker_ls.c - `gofer worker ls`: the live workers of a broker.
#include <inttypes.h>

#include "cli.h"
#include "screen.h"
#include "worker_table.h"

void worker_table_print(const gofer_info *workers, int color)
{
    static const char *const heads[] = { "WORKER", "HOST", "PID", "STATE", "RUNNING", "STARTED", "QUEUES", NULL };
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
        table_cell(rows, STYLE_PLAIN, cli_human_when(text, gofer_info_int(worker, "started_at_ms", now_ms), now_ms));
        if (gofer_info_int(worker, "strict", 0))
            table_cellf(rows, STYLE_PLAIN, "%.240s strict", queues ? queues : "");
        else
            table_cell(rows, STYLE_PLAIN, queues);
    }
    table_print(rows, color);
    table_free(rows);
}

static int run(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    gofer_info *workers = NULL;
    char *json = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_workers(client, &workers);
    if (st == GOFER_OK && c->global.json)
        st = gofer_info_json(workers, &json);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (json)
        puts(json);
    else if (gofer_info_count(workers) == 0)
        cli_note(c, "no worker is live");
    else
        worker_table_print(workers, c->color);
    gofer_free(json);
    gofer_info_free(workers);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_worker_ls = {
    .name = "worker ls",
    .summary = "list live workers",
    .usage = "",
    .about = "RUNNING is how many tasks run, of how many can at a time.",
    .examples = "gofer worker ls",
    .run = run,
};
