// cmd_wait.c - `gofer wait`: until a task has come to its end.
//
// The library waits, and is notified by the store where it can be; outcome.c prints.
#include "cli.h"
#include "outcome.h"

typedef struct wait_args {
    const char *queue;
    cli_number  timeout;
} wait_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(wait_args, queue), "NAME",
      "look in this queue only (default: in all)", 0, 0 },
    { "timeout", 0, CLI_DURATION, offsetof(wait_args, timeout), "DURATION",
      "wait so long at the most (default: for ever); 0: only look", 0, 0 },
    CLI_OPTIONS_END
};

static int run(cli *c, const void *user)
{
    const wait_args *args = user;
    gofer_client *client = NULL;
    gofer_info *end = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    int64_t timeout_ms = args->timeout.given ? args->timeout.value : -1;
    gofer_status st = gofer_client_wait(client, args->queue, c->words[0], timeout_ms, &end);
    if (st == GOFER_OK)
        code = outcome_print(c, c->words[0], end);
    else if (st == GOFER_ETIMEOUT)
        code = cli_fail(c, CLI_TIME_OUT, "task '%.255s' has not come to its end yet", c->words[0]);
    else
        code = cli_fail_status(c, st, NULL);
    gofer_info_free(end);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_wait = {
    .name = "wait",
    .summary = "wait until a task has ended, and print its result",
    .usage = "ID",
    .about =
        "The result's bytes go to standard output as they are. A retry is no end. Exit codes: 0 "
        "done; 1 archived, the last error is told; 4 cancelled, expired, revoked or deleted; 3 "
        "there is no such task; 7 the time ran out.\n"
        "A task that failed for good stays as archived. One that has ended and left nothing in "
        "the store - done without a retention, or deleted - is told as that, with exit code 0 and "
        "no result, if its id is one that gofer made; of an id of your own that nothing holds it "
        "cannot be known whether there was such a task (3).",
    .examples =
        "gofer wait $(gofer enqueue report:monthly @sales.csv) --timeout 5m > report.html",
    .options = options,
    .args_size = sizeof(wait_args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
