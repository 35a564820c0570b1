// command.c - an external command as it was registered: its program, arguments and environment.
//
// May touch: util/. The environment is copied at registration: the host may change its own later,
// and reading it from many threads meanwhile would be a race.
#include "handler/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "handler/program.h"
#include "util/alloc.h"
#include "util/error.h"

#ifdef __APPLE__
#include <crt_externs.h>
#define environ (*_NSGetEnviron())   // a library has no environ of its own there
#else
extern char **environ;
#endif

static void list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        gf_free(list[i]);
    gf_free(list);
}

void gf_command_free(void *user)
{
    gf_command *c = user;
    if (!c)
        return;
    gf_free(c->path);
    list_free(c->argv);
    list_free(c->env);
    gf_free(c->url);
    gf_free(c);
}

static bool keep_all(const char *entry)
{
    (void)entry;
    return true;
}

// A worker may be the child of another worker's task: what that set is not ours. Nor is the trace
// that the worker was started within, which would be that of all its tasks.
static bool keep_foreign(const char *entry)
{
    return strncmp(entry, "GOFER_TASK_", 11) != 0 && strncmp(entry, "GOFER_HEADER_", 13) != 0 &&
        strncmp(entry, "GOFER_URL=", 10) != 0 && strncmp(entry, "GOFER_GROUP=", 12) != 0 &&
        strncmp(entry, "GOFER_FD=", 9) != 0 && strncmp(entry, "GOFER_CHILD_", 12) != 0 &&
        strncmp(entry, "GOFER_CHECKPOINT", 16) != 0 && strncmp(entry, "GOFER_FLOW=", 11) != 0 &&
        strncmp(entry, "TRACEPARENT=", 12) != 0 && strncmp(entry, "TRACESTATE=", 11) != 0;
}

// A copy of the entries that `keep` likes; NULL: no memory.
static char **list_copy(const char *const *list, bool (*keep)(const char *entry), size_t *count)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    char **copy = gf_calloc(n + 1, sizeof *copy);
    if (!copy)
        return NULL;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!keep(list[i]))
            continue;
        copy[*count] = gf_strdup(list[i]);
        if (!copy[*count]) {
            list_free(copy);
            return NULL;
        }
        ++*count;
    }
    return copy;
}

// "GOFER_URL=scheme:" and the two parts, of which `folder` is a plain path: what the URL would take
// for an escape is escaped in it.
static char *join_url(const char *scheme, const char *folder, const char *rest)
{
    static const char name[] = "GOFER_URL=";
    char *escaped = gf_url_escape(folder);
    size_t room = escaped ? sizeof name + strlen(scheme) + 1 + strlen(escaped) + strlen(rest) : 0;
    char *text = escaped ? gf_alloc(room) : NULL;
    if (text)
        snprintf(text, room, "%s%s:%s%s", name, scheme, escaped, rest);
    gf_free(escaped);
    return text;
}

// The URL by which the child finds the same store from whatever folder it goes to.
static gofer_status make_url(const gf_url *url, char **out)
{
    char *folder = NULL;
    if (strcmp(url->scheme, "sqlite") == 0 && *url->rest && *url->rest != '/') {
        gofer_status st = gf_path_absolute("", &folder);    // with a '/' at its end
        if (st != GOFER_OK)
            return st;
    }
    *out = join_url(url->scheme, folder ? folder : "", url->rest);
    gf_free(folder);
    return *out ? GOFER_OK : gf_fail_nomem("a command's environment");
}

gofer_status gf_command_make(gf_command **out, const gf_url *url, const char *const *argv)
{
    size_t count;
    gf_command *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("a command");

    gofer_status st = gf_program_find(argv[0], &c->path);
    if (st != GOFER_OK)
        goto fail;
    st = make_url(url, &c->url);
    if (st != GOFER_OK)
        goto fail;
    c->argv = list_copy(argv, keep_all, &count);
    c->env = list_copy((const char *const *)environ, keep_foreign, &c->env_count);
    if (!c->argv || !c->env) {
        st = gf_fail_nomem("a command");
        goto fail;
    }
    *out = c;
    return GOFER_OK;

fail:
    gf_command_free(c);
    return st;
}
