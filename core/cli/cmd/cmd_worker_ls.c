// cmd_worker_ls.c - `gofer worker ls`: the live workers of a broker.
//
// A worker is live as long as its heartbeat is; the store knows, not this host.
#include "cli.h"
#include "list.h"
#include "worker_table.h"

typedef struct ls_args {
    int children;
} ls_args;

static const cli_option ls_options[] = {
    { "children", 0, CLI_FLAG, offsetof(ls_args, children), NULL,
      "a row for each child process in place of each worker", 0, 0 },
    CLI_OPTIONS_END
};

static int run(cli *c, const void *args)
{
    const ls_args *a = args;
    const list_shown workers = {
        .which = { .ask = pages_workers, .limit = LIST_PAGE },
        .table = a->children ? child_table_print : worker_table_print,
        .none = "no worker is live",
        .no_row = "no live worker has children",
    };
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = list_print(c, client, &workers);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_worker_ls = {
    .name = "worker ls",
    .summary = "list live workers",
    .usage = "",
    .about =
        "RUNNING is how many tasks run in the worker itself, of how many can at a time "
        "(--concurrency). CHILDREN, where a worker has any, says the same of its child processes: "
        "'2 run 3/16' is two processes, which run three tasks of the sixteen that they want at a "
        "time. Workers are listed by host and process, more than a thousand in tables of a "
        "thousand. What is shown is some seconds old; who comes and goes is told at once. --json "
        "has workers and children.",
    .args_size = sizeof(ls_args),
    .options = ls_options,
    .examples = "gofer worker ls\n"
        "gofer worker ls --children",
    .run = run,
};
