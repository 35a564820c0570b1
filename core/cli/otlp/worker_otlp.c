// worker_otlp.c - `gofer worker --otlp`: begins to make spans of what the worker runs.
#include "otlp/worker_otlp.h"

#include <string.h>

#include "logger.h"

int worker_otlp_start(cli *c, gofer_worker *worker, const otlp_args *args, otlp **out)
{
    char why[640] = "";
    *out = NULL;
    if (!args->endpoint && (args->parent || args->errors))
        return cli_fail(c, CLI_USAGE, "worker: --otlp-%s is given without --otlp, which says where "
            "spans go", args->parent ? "parent" : "errors");
    if (!args->endpoint)
        return CLI_OK;
    const otlp_options options = {
        .endpoint = strcmp(args->endpoint, "env") == 0 ? NULL : args->endpoint,
        .parent = args->parent != 0,
        .errors = args->errors != 0,
        .log = logger_write,
        .log_user = c->log,
    };
    switch (otlp_open(out, &options, why, sizeof why)) {
    case OTLP_BAD:
        return cli_fail(c, CLI_USAGE, "worker: %s%s", *why == '-' ? "" : "--otlp: ", why);
    case OTLP_UNABLE:
        return cli_fail(c, CLI_FAILED, "worker: --otlp: %s", why);
    case OTLP_OFF:
    case OTLP_OPEN:
        break;
    }
    if (!*out || otlp_watch(*out, worker, why, sizeof why))
        return CLI_OK;
    otlp_free(*out);
    *out = NULL;
    return cli_fail(c, CLI_FAILED, "worker: --otlp: %s", why);
}
