// command_otlp.h - the options of commands for spans.
#ifndef CLI_COMMAND_OTLP_H
#define CLI_COMMAND_OTLP_H

#include "cli.h"
#include "otlp.h"

typedef struct otlp_args {
    const char *endpoint;          // NULL: no spans; "env": where the environment says
    int         parent, errors;
} otlp_args;

// Before the worker's start. *out NULL: there are to be none. Returns an exit code.
int worker_otlp_start(cli *c, gofer_worker *worker, const otlp_args *args, otlp **out);
// Of a command without a worker; endpoint as above. What this file knows of the options is set.
int command_otlp_start(cli *c, const char *endpoint, const otlp_options *options, otlp **out);

#endif
