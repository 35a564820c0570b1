// worker_python.c - which Python runs the apps of `gofer worker --python`, and how it is called.
//
// The child is the package's own: python -u -m gofer.child APP --threads N --tasks N. This file
// only finds an interpreter; whether it has the package, the child's start shows.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "logger.h"
#include "worker_children.h"

enum { PATH_ROOM = 4096, COUNT_ROOM = 24, THREADS = 8, TASKS = 100 };
enum { URL_FD = 3, URL_ROOM = 8192, ASK_MS = 30000 };

extern char **environ;

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

// ---- What store an app is for

// What it prints goes nowhere: it is started once more, and heard then.
static int begin_asking(const char *const argv[], int answers, pid_t *out)
{
    posix_spawn_file_actions_t files;
    if (posix_spawn_file_actions_init(&files) != 0)
        return -1;
    int failed = posix_spawn_file_actions_adddup2(&files, answers, URL_FD);
    for (int fd = 0; fd < URL_FD && !failed; fd++)
        failed = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    if (!failed)
        failed = posix_spawnp(out, argv[0], &files, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return failed ? -1 : 0;
}

// A line, without its end; 0: none came in time, or it is too long. Reads past nothing.
static size_t read_line(int fd, char *line, size_t room)
{
    int64_t end = cli_now_ms() + ASK_MS;
    size_t size = 0;
    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int64_t left = end - cli_now_ms();
        int n = poll(&ready, 1, left < 0 ? 0 : left > ASK_MS ? ASK_MS : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        ssize_t got = n > 0 ? read(fd, line + size, room - size) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        size += (size_t)got;
        if (line[size - 1] == '\n')
            return size - 1;
        if (size == room)
            return 0;
    }
}

// By a pipe and not by standard output, to which a program may print while it loads.
static const char *ask(cli *c, const char *python, const char *app)
{
    const char *argv[] = { python, "-m", "gofer.child", "--url", app, NULL };
    char url[URL_ROOM];
    int ends[2];
    pid_t pid;
    // Above the descriptor that it is for the child: adddup2 of one to itself would keep CLOEXEC.
    if (pipe(ends) != 0)
        return NULL;
    int answers = fcntl(ends[1], F_DUPFD_CLOEXEC, URL_FD + 1);
    close(ends[1]);
    if (answers < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 ||
        begin_asking(argv, answers, &pid) != 0) {
        if (answers >= 0)
            close(answers);
        close(ends[0]);
        return NULL;
    }
    close(answers);
    size_t size = read_line(ends[0], url, sizeof url);
    close(ends[0]);
    kill(pid, SIGKILL);     // it has told all that it has, or hangs
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    char *kept = size ? memcpy(cli_keep(c, cli_alloc(size + 1)), url, size) : NULL;
    if (kept)
        kept[size] = '\0';
    return kept;
}

const char *python_url(cli *c, const children_args *args)
{
    found python = find_python(c, args->python_exe);
    const char *url = NULL;
    for (size_t i = 0; i < args->apps.count && python.path && !url; i++)
        if (args->apps.items[i][0] && args->apps.items[i][0] != '-')
            url = ask(c, python.path, args->apps.items[i]);
    return url;
}

// As Python says it when it is asked for a module that is not there.
int python_lacks_gofer(const char *error)
{
    return strstr(error, "No module named 'gofer'") || strstr(error, "No module named gofer");
}
