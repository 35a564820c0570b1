// worker_children.c - registers the children of `gofer worker`: what --child and its fellows say.
#include "worker_children.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

// A whole number from 1 to max; -1: it is none.
static long count_of(const char *text, long max)
{
    char *rest;
    errno = 0;
    long n = strtol(text, &rest, 10);
    return rest == text || *rest || errno || n < 1 || n > max ? -1 : n;
}

static int fail_option(const cli *c, gofer_status st, const char *option, const char *value)
{
    char what[320];
    snprintf(what, sizeof what, "--%s %.256s", option, value);
    return cli_fail_status(c, st, what);
}

static int read_durations(cli *c, const children_args *args, gofer_child_options *out)
{
    const struct { const char *option, *text; int64_t *value; } durations[] = {
        { "child-max-age", args->child_max_age, &out->max_age_ms },
        { "child-start-timeout", args->child_start_timeout, &out->start_timeout_ms },
    };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        const char *text = durations[i].text;
        gofer_status st = text ? gofer_parse_duration(text, durations[i].value) : GOFER_OK;
        if (st != GOFER_OK)
            return fail_option(c, st, durations[i].option, text);
    }
    if (args->child_start_timeout && out->start_timeout_ms == 0)    // it would mean the default
        return cli_fail(c, CLI_USAGE, "worker: --child-start-timeout must be more than 0");
    return CLI_OK;
}

static int read_options(cli *c, const children_args *args, gofer_child_options *out)
{
    const struct { const char *option, *text; int32_t *value; long max; } counts[] = {
        { "child-processes", args->child_processes, &out->processes, 256 },
        { "child-max-tasks", args->child_max_tasks, &out->max_tasks, INT32_MAX },
    };
    gofer_child_options_init(out);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        long n = counts[i].text ? count_of(counts[i].text, counts[i].max) : 0;
        if (n < 0)
            return cli_fail(c, CLI_USAGE, "worker: --%s '%s' is not a number from 1 to %ld",
                counts[i].option, counts[i].text, counts[i].max);
        *counts[i].value = (int32_t)n;
    }
    out->max_memory = args->child_max_memory.value;
    return read_durations(c, args, out);
}

// "TYPE=COMMAND", or "=COMMAND": what types there are the child says.
static int add_command(cli *c, gofer_worker *worker, const char *text,
    const gofer_child_options *opts)
{
    const char *equals = strchr(text, '=');
    size_t count = 0, size = equals ? (size_t)(equals - text) : 0;
    char *pattern = NULL;
    if (!equals)
        return cli_fail(c, CLI_USAGE, "worker: --child '%s' is not of the form TYPE=COMMAND", text);
    if (size) {
        pattern = memcpy(cli_keep(c, cli_alloc(size + 1)), text, size);
        pattern[size] = '\0';
    }
    char **argv = words_split(equals + 1, &count);
    if (!argv)
        return cli_fail(c, CLI_USAGE, "worker: --child '%s': a quote or backslash is left open",
            text);
    cli_keep(c, argv);
    if (count == 0)
        return cli_fail(c, CLI_USAGE, "worker: --child '%s': the command is missing", text);
    gofer_status st = gofer_worker_child(worker, pattern, (const char *const *)argv, opts);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "child", text);
}

size_t children_count(const children_args *args)
{
    return args->commands.count + args->apps.count;
}

// What is for Python alone would be lost on a worker without any.
static int check_python(const cli *c, const children_args *args)
{
    const char *stray = args->processes.given ? "processes"
                      : args->threads.given   ? "threads"
                      : args->tasks.given     ? "tasks"
                      : args->python_exe      ? "python-exe" : NULL;
    if (args->apps.count || !stray)
        return CLI_OK;
    return cli_fail(c, CLI_USAGE, "worker: --%s is for --python, which is not there", stray);
}

int children_add(cli *c, gofer_worker *worker, const children_args *args)
{
    gofer_child_options opts;
    int code = read_options(c, args, &opts);
    if (code == CLI_OK)
        code = check_python(c, args);
    for (size_t i = 0; i < args->commands.count && code == CLI_OK; i++)
        code = add_command(c, worker, args->commands.items[i], &opts);
    opts.processes = (int32_t)args->processes.value;
    if ((args->reload || args->reload_paths.count) && children_count(args) == 0)
        return cli_fail(c, CLI_USAGE, "worker: --reload is for --python and --child");
    for (size_t i = 0; i < args->apps.count && code == CLI_OK; i++)
        code = python_add(c, worker, args, args->apps.items[i], &opts);
    return code;
}

int children_fail(const cli *c, gofer_status status)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    if (status != GOFER_EHANDLER || !python_lacks_gofer(why))
        return cli_fail_because(c, status, why);
    return cli_fail(c, cli_exit_code(status),
        "%s\nThis Python has no gofer that runs tasks: install the package gofer into it, or name "
        "another one by --python-exe or GOFER_PYTHON", why);
}
