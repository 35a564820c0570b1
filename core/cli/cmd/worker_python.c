// worker_python.c - which Python runs the apps of `gofer worker --python`, and how it is called.
//
// The child is the package's own: python -u -m gofer.child APP --threads N --tasks N. This file
// only finds an interpreter; whether it has the package, the child's start shows.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "logger.h"
#include "worker_children.h"

enum { PATH_ROOM = 4096, COUNT_ROOM = 24, THREADS = 8, TASKS = 100 };

typedef struct found {
    const char *path;       // kept
    const char *by;         // what named it
} found;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

// FOLDER/rest, if that can be run.
static const char *program_in(cli *c, const char *folder, size_t size, const char *rest)
{
    char path[PATH_ROOM];
    int n = snprintf(path, sizeof path, "%.*s/%s", (int)size, folder, rest);
    if (n < 0 || (size_t)n >= sizeof path || access(path, X_OK) != 0)
        return NULL;
    return memcpy(cli_keep(c, cli_alloc((size_t)n + 1)), path, (size_t)n + 1);
}

// That of an environment into which both were installed.
static const char *beside_us(cli *c)
{
    char self[PATH_ROOM];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    while (n > 0 && self[n - 1] != '/')
        n--;
    return n > 1 ? program_in(c, self, (size_t)n - 1, "python3") : NULL;
}

static const char *in_path(cli *c)
{
    const char *at = variable("PATH"), *path = NULL;
    while (at && !path) {
        size_t size = strcspn(at, ":");
        if (size)
            path = program_in(c, at, size, "python3");
        at = at[size] ? at + size + 1 : NULL;
    }
    return path;
}

static found find_python(cli *c, const char *exe)
{
    const char *path, *environment = variable("VIRTUAL_ENV");
    if (exe)
        return (found){ exe, "--python-exe" };
    if ((path = variable("GOFER_PYTHON")))
        return (found){ path, "GOFER_PYTHON" };
    if (environment && (path = program_in(c, environment, strlen(environment), "bin/python")))
        return (found){ path, "VIRTUAL_ENV" };
    if ((path = beside_us(c)))
        return (found){ path, "beside gofer" };
    return (found){ in_path(c), "PATH" };
}

static void log_found(const cli *c, found python, const char *app)
{
    enum { SHOWN = 300 };
    char fields[2 * (6 * SHOWN + 1) + 100], path[6 * SHOWN + 1], name[6 * SHOWN + 1];
    size_t path_size = strlen(python.path), name_size = strlen(app);
    json_put_into(path, python.path, path_size < SHOWN ? path_size : SHOWN);
    json_put_into(name, app, name_size < SHOWN ? name_size : SHOWN);
    snprintf(fields, sizeof fields, "{\"app\":\"%s\",\"python\":\"%s\",\"by\":\"%s\"}", name, path,
        python.by);
    logger_write(c->log, GOFER_LOG_INFO, cli_now_ms(), "the app's Python", fields);
}

int python_add(cli *c, gofer_worker *worker, const children_args *args, const char *app,
    const gofer_child_options *opts)
{
    char threads[COUNT_ROOM], tasks[COUNT_ROOM], what[320];
    found python = find_python(c, args->python_exe);
    gofer_child_options own = *opts;
    own.name = app;
    if (!*app || *app == '-')
        return cli_fail(c, CLI_USAGE, "worker: --python '%s': an app is MODULE:ATTRIBUTE, or a "
            "package", app);
    if (!python.path)
        return cli_fail(c, CLI_NOT_FOUND, "worker: --python %s: there is no python3 in the PATH; "
            "name one by --python-exe or GOFER_PYTHON", app);
    snprintf(threads, sizeof threads, "%d",
        args->threads.given ? (int)args->threads.value : THREADS);
    snprintf(tasks, sizeof tasks, "%d", args->tasks.given ? (int)args->tasks.value : TASKS);
    const char *argv[] = { python.path, "-u", "-m", "gofer.child", app, "--threads", threads,
        "--tasks", tasks, NULL };
    gofer_status st = gofer_worker_child(worker, NULL, argv, &own);
    snprintf(what, sizeof what, "--python %.200s (%s)", app, python.by);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, what);
    log_found(c, python, app);
    return CLI_OK;
}

// As Python says it when it is asked for a module that is not there.
int python_lacks_gofer(const char *error)
{
    return strstr(error, "No module named 'gofer'") || strstr(error, "No module named gofer");
}
