// cmd_worker_ls.c - `gofer worker ls`: the live workers of a broker.
//
// A worker is live as long as its heartbeat is; the store knows, not this host.
#include "cli.h"
#include "worker_table.h"

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
