// command_otlp.c - `--otlp` of commands: begins to make spans of what a worker runs, or of what is
// put in.
#include "otlp/command_otlp.h"

#include <string.h>

#include "logger.h"

enum { WHY_MAX = 640, WORKER_MS = 5000 };

// The rest of the options is the caller's. *out NULL: the environment has turned it off, or an
// error. Returns an exit code.
static int open_it(cli *c, const char *endpoint, otlp_options options, otlp **out)
{
    const char *command = c->command->name;
    char why[WHY_MAX] = "";
    options.endpoint = strcmp(endpoint, "env") == 0 ? NULL : endpoint;
    options.log = logger_write;
    options.log_user = c->log;
    switch (otlp_open(out, &options, why, sizeof why)) {
    case OTLP_BAD:
        return cli_fail(c, CLI_USAGE, "%s: %s%s", command, *why == '-' ? "" : "--otlp: ", why);
    case OTLP_UNABLE:
        return cli_fail(c, CLI_FAILED, "%s: --otlp: %s", command, why);
    case OTLP_OFF:
    case OTLP_OPEN:
        break;
    }
    return CLI_OK;
}

static int fail(cli *c, otlp **out, const char *why)
{
    otlp_free(*out);
    *out = NULL;
    return cli_fail(c, CLI_FAILED, "%s: --otlp: %s", c->command->name, why);
}

int command_otlp_start(cli *c, const char *endpoint, const otlp_options *options, otlp **out)
{
    char why[WHY_MAX] = "";
    *out = NULL;
    int code = endpoint ? open_it(c, endpoint, *options, out) : CLI_OK;
    return !*out || otlp_start(*out, why, sizeof why) ? code : fail(c, out, why);
}

int worker_otlp_start(cli *c, gofer_worker *worker, const otlp_args *args, otlp **out)
{
    const otlp_options options = {
        .service = "gofer-worker",
        .patience_ms = WORKER_MS,
        .parent = args->parent != 0,
        .errors = args->errors != 0,
    };
    char why[WHY_MAX] = "";
    *out = NULL;
    if (!args->endpoint && (args->parent || args->errors))
        return cli_fail(c, CLI_USAGE, "worker: --otlp-%s is given without --otlp, which says where "
            "spans go", args->parent ? "parent" : "errors");
    int code = args->endpoint ? open_it(c, args->endpoint, options, out) : CLI_OK;
    return !*out || otlp_watch(*out, worker, why, sizeof why) ? code : fail(c, out, why);
}
