// worker_children.h - handlers of `gofer worker` in processes that live on: --child and --python.
#ifndef CLI_WORKER_CHILDREN_H
#define CLI_WORKER_CHILDREN_H

#include <stddef.h>

#include "cli.h"

// What the options of children are read into.
typedef struct children_args {
    cli_list    commands, apps;                // --child, --python
    const char *child_processes, *child_max_tasks, *child_max_age, *child_start_timeout;
    cli_number  child_max_memory;
    const char *python_exe;
    cli_number  processes, threads, tasks;
    int         reload;
    cli_list    reload_paths;
} children_args;

// How many options name some: none is no handler.
size_t children_count(const children_args *args);
// Register all of them. Returns an exit code.
int children_add(cli *c, gofer_worker *worker, const children_args *args);
// The worker did not start, or could not go on: says why, and what helps. Returns an exit code.
int children_fail(const cli *c, gofer_status status);

// ---- worker_python.c

// One app of --python.
int  python_add(cli *c, gofer_worker *worker, const children_args *args, const char *app,
    const gofer_child_options *opts);
// The URL that the first of the apps with one of its own was given. NULL: none was, or they cannot
// be asked, which their start will show. Before signals are caught: waits for an import.
const char *python_url(cli *c, const children_args *args);
// Is it said there that the Python that was taken has no gofer?
int  python_lacks_gofer(const char *error);

#endif
