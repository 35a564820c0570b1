// cmd_worker_ls.c - `gofer worker ls`: the live workers of a broker.
//
// A worker is live as long as its heartbeat is; the store knows, not this host.
#include "cli.h"
#include "worker_table.h"

typedef struct ls_args {
    int children;
} ls_args;

static const cli_option ls_options[] = {
    { "children", 0, CLI_FLAG, offsetof(ls_args, children), NULL,
      "a row for each child process in place of each worker", 0, 0 },
    CLI_OPTIONS_END
};

static int has_child(const gofer_info *workers)
{
    for (size_t i = 0; i < gofer_info_count(workers); i++)
        if (gofer_info_count(gofer_info_child(gofer_info_at(workers, i), "child_processes")) > 0)
            return 1;
    return 0;
}

static int run(cli *c, const void *args)
{
    const ls_args *a = args;
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
    else if (a->children && !has_child(workers))
        cli_note(c, "no live worker has children");
    else if (a->children)
        child_table_print(workers, c->color);
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
    .about =
        "RUNNING is how many tasks run in the worker itself, of how many can at a time "
        "(--concurrency). CHILDREN, where a worker has any, says the same of its child processes: "
        "'2 run 3/16' is two processes, which run three tasks of the sixteen that they want at a "
        "time. What is shown is some seconds old; who comes and goes is told at once. --json has "
        "workers and children.",
    .args_size = sizeof(ls_args),
    .options = ls_options,
    .examples = "gofer worker ls\n"
        "gofer worker ls --children",
    .run = run,
};
