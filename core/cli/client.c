// client.c - the broker that the command line names, with a logger on standard error.
//
// The one place where commands open a broker, but for `top`, whose screen a log would be written
// across. The logger is kept until the end of the process: the client's log thread writes to it.
#include "cli.h"

#include <string.h>
#include <unistd.h>

#include "logger.h"
#include "screen.h"

static int32_t level_of(const char *name)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    for (int32_t i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return GOFER_LOG_WARN;
}

static gofer_status open_client(const cli *c, gofer_client **out, int64_t max_payload)
{
    gofer_client_options options;
    gofer_client_options_init(&options);
    options.log = logger_write;
    options.log_user = c->log;
    options.max_payload = max_payload;
    options.timeout_ms = c->timeout_ms;
    return gofer_client_open(out, c->global.url, &options);
}

gofer_status cli_open_again(const cli *c, gofer_client **out, int64_t max_payload)
{
    gofer_client *made = NULL;
    gofer_status st = open_client(c, &made, max_payload);
    if (st == GOFER_OK)
        st = gofer_client_ping(made);
    if (st != GOFER_OK) {
        gofer_client_close(made);
        return st;
    }
    *out = made;
    return GOFER_OK;
}

int cli_open(cli *c, gofer_client **out, int64_t max_payload)
{
    logger *log = c->log = cli_keep(c, cli_alloc(sizeof *log));
    int serves = strcmp(c->command->name, "worker") == 0 || strcmp(c->command->name, "web") == 0;
    log->level = c->global.quiet ? GOFER_LOG_ERROR : serves ? GOFER_LOG_INFO : GOFER_LOG_WARN;
    if (c->global.log_level)
        log->level = level_of(c->global.log_level);
    log->json = c->global.log_format && strcmp(c->global.log_format, "json") == 0;
    log->color = !c->global.no_color && screen_color(STDERR_FILENO);

    gofer_status st = open_client(c, out, max_payload);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(c, st, NULL);
}

void cli_note_rounded(const cli *c, const gofer_client *client, int64_t ms)
{
    if (ms % 1000 && strncmp(gofer_client_url(client), "redis", 5) == 0)
        cli_note(c,
            "on Redis tasks start in whole seconds: in the one that was asked for or the next, "
            "never early");
}
