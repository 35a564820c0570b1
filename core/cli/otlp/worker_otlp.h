// worker_otlp.h - the options of `gofer worker` for spans.
#ifndef CLI_WORKER_OTLP_H
#define CLI_WORKER_OTLP_H

#include "cli.h"
#include "otlp.h"

typedef struct otlp_args {
    const char *endpoint;          // NULL: no spans; "env": where the environment says
    int         parent, errors;
} otlp_args;

// Before the worker's start. *out NULL: there are to be none. Returns an exit code.
int worker_otlp_start(cli *c, gofer_worker *worker, const otlp_args *args, otlp **out);

#endif
