// command_hooks.h - the options of `gofer worker` for webhooks.
#ifndef CLI_COMMAND_HOOKS_H
#define CLI_COMMAND_HOOKS_H

#include "cli.h"

typedef struct hooks_args {
    int         serves;            // --webhooks
    cli_list    secrets, allowed;
    const char *ca_file;
} hooks_args;

// Before the worker's start: its handler of webhooks, and their queue unless it is among those
// that are given (as "NAME" or "NAME=WEIGHT"). Does nothing without --webhooks. Returns an exit
// code.
int worker_hooks_add(cli *c, gofer_worker *worker, const hooks_args *args, const cli_list *queues);

#endif
