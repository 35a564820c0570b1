// program.c - finds the program of a command, as a shell would but once, at registration.
//
// May touch: util/. Looking when the worker starts, not when the task runs, tells of a wrong
// command while somebody is watching, and keeps a later change of folder from choosing another.
#include "handler/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/error.h"

#ifndef PATH_MAX
#define PATH_MAX 4096   // the Hurd has none
#endif

static char *join(const char *folder, size_t folder_size, const char *name)
{
    size_t size = folder_size + strlen(name) + 2;
    char *path = gf_alloc(size);
    if (path)
        snprintf(path, size, "%.*s/%s", (int)folder_size, folder, name);
    return path;
}

gofer_status gf_path_absolute(const char *path, char **out)
{
    char folder[PATH_MAX];
    char *whole;
    if (*path == '/') {
        whole = gf_strdup(path);
    } else {
        if (!getcwd(folder, sizeof folder))
            return gf_fail(GOFER_EBROKER, "cannot tell the working folder, for '%.200s': %s", path,
                strerror(errno));
        whole = join(folder, strlen(folder), path);
    }
    if (!whole)
        return gf_fail_nomem("a path");
    *out = whole;
    return GOFER_OK;
}

// 0, or why it cannot be run: ENOENT, EISDIR, EACCES …
static int why_not(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static gofer_status refuse(const char *path, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return gf_fail(GOFER_ENOTFOUND, "there is no command '%.500s'", path);
    case EISDIR: return gf_fail(GOFER_EDENIED, "'%.500s' is a folder, not a command", path);
    case EACCES:
        return gf_fail(GOFER_EDENIED,
            "'%.500s' is not executable for this user: try chmod +x", path);
    default: return gf_fail(GOFER_ENOTFOUND, "cannot use '%.500s': %s", path, strerror(error));
    }
}

// Through the folders of `list`. What is there but may not be run is remembered, as a better
// answer than "not found".
static gofer_status search(const char *name, const char *list, char **out)
{
    bool denied = false;
    for (const char *at = list, *end; at; at = *end ? end + 1 : NULL) {
        end = at + strcspn(at, ":");
        size_t size = (size_t)(end - at);
        char *path = size ? join(at, size, name) : join(".", 1, name);   // empty: here (POSIX)
        if (!path)
            return gf_fail_nomem("a path");
        int error = why_not(path);
        if (error == 0) {
            gofer_status st = gf_path_absolute(path, out);
            gf_free(path);
            return st;
        }
        denied = denied || error == EACCES;
        gf_free(path);
    }
    if (denied)
        return gf_fail(GOFER_EDENIED,
            "'%.200s' is in PATH, but not executable for this user: try chmod +x", name);
    return gf_fail(GOFER_ENOTFOUND,
        "there is no command '%.200s' in PATH: install it, or give its path (./%.200s)", name,
        name);
}

gofer_status gf_program_find(const char *name, char **out)
{
    if (!strchr(name, '/')) {
        const char *list = getenv("PATH");
        return search(name, list && *list ? list : "/usr/bin:/bin", out);
    }
    int error = why_not(name);
    return error ? refuse(name, error) : gf_path_absolute(name, out);
}
