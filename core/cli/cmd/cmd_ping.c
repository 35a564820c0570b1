// cmd_ping.c - `gofer ping`: does the broker answer?
//
// Measures one call, on the monotonic clock; opening the client is not counted.
#include <time.h>

#include "cli.h"
#include "json.h"

static double elapsed_ms(const struct timespec *from)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (double)(now.tv_sec - from->tv_sec) * 1e3 + (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

typedef struct ping_args {
    cli_number timeout;
} ping_args;

static const cli_option options[] = {
    { "timeout", 0, CLI_DURATION, offsetof(ping_args, timeout), "DURATION",
      "give up after so long (default: 5s)", 0, 0 },
    CLI_OPTIONS_END
};

static int run(cli *c, const void *user)
{
    const ping_args *args = user;
    gofer_client *client = NULL;
    if (args->timeout.given && args->timeout.value == 0)
        return cli_fail(c, CLI_USAGE, "ping: --timeout needs a duration over 0, such as 1s");
    c->timeout_ms = args->timeout.value;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    struct timespec from = { 0, 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    gofer_status st = gofer_client_ping(client);
    double ms = elapsed_ms(&from);
    if (st != GOFER_OK) {
        code = cli_fail_status(c, st, NULL);
    } else if (c->global.json) {
        fputs("{\"url\":", stdout);
        json_put_text(stdout, gofer_client_url(client));
        printf(",\"ok\":true,\"ms\":%.3f}\n", ms);
    } else if (!c->global.quiet) {
        printf("%s answered in %.2f ms\n", gofer_client_url(client), ms);
    }
    gofer_client_close(client);
    return code;
}

const cli_command cmd_ping = {
    .name = "ping",
    .summary = "check that the broker answers",
    .usage = "",
    .about = "Exit code 0 if it does, 5 if it is out of reach. Fit for health checks, with -q.",
    .examples = "gofer ping\ngofer ping -q --timeout 1s --url redis://localhost/0",
    .options = options,
    .args_size = sizeof(ping_args),
    .run = run,
};
