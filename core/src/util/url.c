// url.c - takes a broker URL apart and makes the form that may be shown.
//
// Makes the folders of the default store, and nothing else on disk. Only the store that a URL
// names decodes its escapes.
#include "util/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "util/alloc.h"
#include "util/error.h"

char *gf_url_escape(const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = gf_alloc(3 * strlen(path) + 1), *at = text;
    if (!text)
        return NULL;
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr("%?#", c) || iscntrl(c)) {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        } else {
            *at++ = *path;
        }
    }
    *at = '\0';
    return text;
}

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
        gf_fail(GOFER_EINVAL,
            "no broker URL given, and neither GOFER_URL, XDG_STATE_HOME nor HOME is set");
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
    char *escaped = gf_url_escape(file), *url = NULL;
    size_t room = escaped ? sizeof "sqlite:" + strlen(escaped) : 0;
    if (escaped && (url = gf_alloc(room)))
        snprintf(url, room, "sqlite:%s", escaped);
    gf_free(escaped);
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

static bool has_scheme(const char *text, const char *scheme)
{
    size_t n = strlen(scheme);
    return scheme_length(text) == n && strncasecmp(text, scheme, n) == 0;
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *last_at(const char *from, const char *to)
{
    const char *found = NULL;
    for (const char *p = from; p < to; p++)
        if (*p == '@')
            found = p;
    return found;
}

// "host", "host:1", "[::1]:1", and lists of them: nothing there can be the front of a password.
static bool are_hosts(const char *at, const char *stop)
{
    while (at < stop) {
        const char *end = memchr(at, ',', (size_t)(stop - at));
        end = end ? end : stop;
        const char *bracket = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
        const char *colon =
            memchr(bracket ? bracket : at, ':', (size_t)(end - (bracket ? bracket : at)));
        if (colon && (colon == at || strspn(colon + 1, "0123456789") < (size_t)(end - colon - 1)))
            return false;
        at = end + 1;
    }
    return true;
}

// The '@' that ends "user:password", or NULL. The last one counts, since a password may hold '@'
// itself; and one that holds '/', '?' or '#' as it should not is to be hidden all the same.
static const char *password_end(const char *start)
{
    const char *stop = start + strcspn(start, "/?#"), *query = strchr(start, '?');
    const char *colon = memchr(start, ':', (size_t)(stop - start));
    const char *pair = query ? query + strcspn(query, "=") : NULL;
    const char *at = last_at(start, stop);
    const char *end = start + strlen(start);
    if (!colon)
        return NULL;
    if (!at)                                       // "host:12/0" is no password,
                                                   //   "host:12ab/cd@…" is
        return are_hosts(start, stop) ? NULL : last_at(stop, end);
    const char *further = last_at(stop, query ? pair : end);
    return further ? further : colon < at ? at : NULL;
}

// A name in the query whose value is secret: password=, sentinel-password=, and what
// one might write for it.
static bool is_secret(const char *name, size_t size)
{
    static const char *const words[] = { "pass", "secret", "token" };
    static const char file[] = "password-file";
    if (size == sizeof file - 1 && strncasecmp(name, file, size) == 0)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t at = 0, n = strlen(words[i]); at + n <= size; at++)
            if (strncasecmp(name + at, words[i], n) == 0)
                return true;
    return false;
}

// Length of "&name=" or "?name=", 0 if there is none: an '&' in a value that should have been
// escaped does not end it.
static size_t pair_head(const char *text)
{
    size_t n = 1;
    if (*text != '&' && *text != '?')
        return 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '-' || text[n] == '_' || text[n] == '.')
        n++;
    return n > 1 && text[n] == '=' ? n + 1 : 0;
}

static char *append(char *to, const char *bytes, size_t size)
{
    return (char *)memcpy(to, bytes, size) + size;
}

// A copy with "user:password@" as "user:***@" and secret values of the query as "***".
static char *without_secrets(const char *text)
{
    size_t pairs = 2;
    for (const char *p = text; *p; p++)
        pairs += *p == '&' || *p == '?';
    char *copy = gf_alloc(strlen(text) + 3 * pairs + 1), *to = copy;
    if (!copy)
        return NULL;

    // Without "://" it is no URL of a server, but may have been meant as one: "user:password@host".
    const char *start = strstr(text, "://"), *from = text;
    bool local = !start &&
        (scheme_length(text) == 0 || has_scheme(text, "sqlite") || has_scheme(text, "memory"));
    start = start ? start + 3 : text;
    const char *at = local ? NULL : password_end(start);
    if (at) {
        const char *colon = strchr(start, ':');
        to = append(append(to, text, (size_t)(colon - text)), ":***", 4);
        from = at;
    }
    while (*from && *from != '?' && *from != '&')
        *to++ = *from++;
    while (*from) {
        size_t head = pair_head(from);
        if (!head || !is_secret(from + 1, head - 2)) {
            *to++ = *from++;
            continue;
        }
        to = append(append(to, from, head), "***", 3);
        for (from += head; *from && !pair_head(from); from++)
            ;
    }
    *to = '\0';
    return copy;
}

// "localhost:6379", as other tools take it, and as a URL would have "localhost" for its scheme.
static bool is_host_and_port(const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon || strchr(text, '@') || has_scheme(text, "sqlite") || has_scheme(text, "memory"))
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    char after = colon[1 + digits];
    return digits > 0 && digits < 6 && (after == '\0' || after == '/');
}

static bool is_blank(char c)
{
    return c == ' ' || iscntrl((unsigned char)c);
}

// Whatever stands there would become part of a name in silence: of another file, which is
// another, empty queue.
static gofer_status check_ends(const gf_url *url)
{
    const char *rest = url->rest;
    size_t size = strlen(rest);
    if (size && (is_blank(rest[0]) || is_blank(rest[size - 1])))
        return gf_fail(GOFER_EINVAL,
            "the broker URL '%.200s' has a blank or a line's end at an end of its name: leave it "
            "out%s",
            url->shown, strcmp(url->scheme, "sqlite") == 0 ? ", or write it %20" : "");
    return GOFER_OK;
}

// What other tools know as parts of a URL has no meaning in the name of a file.
static gofer_status check_file(const gf_url *url, bool is_path)
{
    const char *rest = url->rest, *sign = strpbrk(rest, "?#");
    if (sign)
        return gf_fail(GOFER_EINVAL,
            "the broker URL '%.200s' has a '%c', but there are no options and no fragment after a "
            "file's "
            "name: leave it out, or write it %s",
            url->shown, *sign, *sign == '?' ? "%3F" : "%23");
    for (; *rest; rest++)
        if (iscntrl((unsigned char)*rest))
            return gf_fail(GOFER_EINVAL,
                "the broker URL has a control character in a file's name: write it %%%02X",
                (unsigned)(unsigned char)*rest);
    const char *shown = strstr(url->shown, "://");
    if (!is_path && shown && strncmp(url->rest, "//", 2) == 0 && url->rest[2] != '/')
        return gf_fail(GOFER_EINVAL,
            "the broker URL '%.200s' has a host before its file, which is never another machine's: "
            "write "
            "sqlite:%.200s for a file in this folder, or sqlite:/%.200s",
            url->shown, shown + 3, shown + 3);
    return GOFER_OK;
}

// It may hold a password all the same: in its query, or before an '@'.
static gofer_status no_url(const char *text, bool is_host)
{
    char *shown = without_secrets(text);
    if (!shown)
        return gf_fail_nomem("a URL");
    gofer_status st = is_host
        ? gf_fail(GOFER_EINVAL, "'%.80s' is not a broker URL: write redis://%.80s", shown, shown)
        : gf_fail(GOFER_EINVAL,
              "'%.80s' is not a broker URL: write for example sqlite:tasks.db, memory: or "
              "redis://localhost:6379",
              strchr(text, '@') ? "…@…" : shown);
    gf_free(shown);
    return st;
}

static gofer_status split(gf_url *out, const char *text)
{
    size_t length = scheme_length(text);
    int is_path = length == 0 && (strchr(text, '/') || ends_with(text, ".db"));
    bool is_host = is_host_and_port(text);
    if (is_host || (length == 0 && !is_path))
        return no_url(text, is_host);

    gf_url url = {
        .scheme = is_path ? gf_strdup("sqlite") : gf_memdup(text, length),
        .rest = gf_strdup(is_path ? text : text + length + 1),
        .shown = without_secrets(text),
    };
    if (!url.scheme || !url.rest || !url.shown) {
        gf_url_clear(&url);
        return gf_fail_nomem("a URL");
    }
    for (char *p = url.scheme; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    gofer_status st = check_ends(&url);
    if (st == GOFER_OK && strcmp(url.scheme, "sqlite") == 0)
        st = check_file(&url, is_path);
    if (st == GOFER_OK)
        *out = url;
    else
        gf_url_clear(&url);
    return st;
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
