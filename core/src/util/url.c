// url.c - takes a broker URL apart and makes the form that may be shown.
#include "util/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/alloc.h"
#include "util/error.h"

// "sqlite:" and the file in the user's state folder (XDG Base Directory), folders made.
static char *default_url(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char path[4096];
    int n;
    if (state && *state == '/')
        n = snprintf(path, sizeof path, "sqlite:%s/gofer/tasks.db", state);
    else if (home && *home == '/')
        n = snprintf(path, sizeof path, "sqlite:%s/.local/state/gofer/tasks.db", home);
    else {
        gf_fail(GOFER_EINVAL, "no broker URL given, and neither GOFER_URL, XDG_STATE_HOME nor HOME is set");
        return NULL;
    }
    if (n < 0 || (size_t)n >= sizeof path) {
        gf_fail(GOFER_EINVAL, "the path of the user's state folder is too long");
        return NULL;
    }

    char *file = path + strlen("sqlite:");
    for (char *slash = strchr(file + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(file, 0700) != 0 && errno != EEXIST) {
            gf_fail(GOFER_EDENIED, "cannot make the folder '%s': %s", file, strerror(errno));
            return NULL;
        }
        *slash = '/';
    }
    char *url = gf_strdup(path);
    if (!url)
        gf_fail_nomem("a URL");
    return url;
}

// Length of "scheme" in "scheme:rest" (RFC 3986 section 3.1), 0 if there is none.
static size_t scheme_length(const char *text)
{
    size_t n = 0;
    if (!isalpha((unsigned char)text[0]))
        return 0;
    while (isalnum((unsigned char)text[n]) || (text[n] && strchr("+-.", text[n])))
        n++;
    return text[n] == ':' ? n : 0;
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

// A copy with "user:password@" as "user:***@". The last '@' before the path ends the part with
// the password, since a password may hold '@' itself.
static char *without_password(const char *text)
{
    char *copy = gf_alloc(strlen(text) + 4);
    if (!copy)
        return NULL;
    strcpy(copy, text);

    const char *start = strstr(text, "://");
    if (!start)
        return copy;
    start += 3;
    const char *stop = start + strcspn(start, "/?#"), *at = NULL;
    for (const char *p = start; p < stop; p++)
        if (*p == '@')
            at = p;
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon)
        sprintf(copy, "%.*s:***%s", (int)(colon - text), text, at);   // shorter or 3 longer
    return copy;
}

static gofer_status split(gf_url *out, const char *text)
{
    size_t length = scheme_length(text);
    int is_path = length == 0 && (strchr(text, '/') || ends_with(text, ".db"));
    if (length == 0 && !is_path)
        return gf_fail(GOFER_EINVAL,
            "'%.80s' is not a broker URL: write for example sqlite:tasks.db or memory:", text);

    gf_url url = {
        .scheme = is_path ? gf_strdup("sqlite") : gf_memdup(text, length),
        .rest = gf_strdup(is_path ? text : text + length + 1),
        .shown = without_password(text),
    };
    if (!url.scheme || !url.rest || !url.shown) {
        gf_url_clear(&url);
        return gf_fail_nomem("a URL");
    }
    for (char *p = url.scheme; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    *out = url;
    return GOFER_OK;
}

gofer_status gf_url_parse(gf_url *out, const char *text)
{
    if (!text || !*text)
        text = getenv("GOFER_URL");
    if (text && *text)
        return split(out, text);

    char *url = default_url();
    if (!url)
        return GOFER_EINVAL;
    gofer_status st = split(out, url);
    gf_free(url);
    return st;
}

void gf_url_clear(gf_url *url)
{
    gf_free(url->scheme);
    gf_free(url->rest);
    gf_free(url->shown);
    *url = (gf_url){ 0 };
}
