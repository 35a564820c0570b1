// route.c - finding the route of a request, and reading the words of its path and query.
#include "route.h"

#include <stdio.h>
#include <string.h>

#include "asynqmon.h"
#include "util/utf8.h"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

// Undoes the escapes of `size` bytes (the head's check saw to it that they are whole) into out,
// with a NUL. Returns where that ends; NULL: it is no UTF-8 without NULs.
static char *decode(const char *from, size_t size, bool plus, char *out)
{
    char *at = out;
    for (size_t i = 0; i < size; i++) {
        char c = from[i];
        if (c == '%' && size - i > 2) {
            c = (char)(hex(from[i + 1]) << 4 | hex(from[i + 2]));
            i += 2;
            if (c == '\0')
                return NULL;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        *at++ = c;
    }
    *at = '\0';
    return gf_utf8_valid(out, (size_t)(at - out)) ? at + 1 : NULL;
}

// ---- paths

// How many bytes of a path's segment are a word, where the route has "{word}REST" (rest is behind
// the brace): all but the rest, which is ":verb" or nothing. 0: it does not fit.
static size_t word_size(const char *rest, const char *path)
{
    size_t size = strcspn(path, "/"), end = strcspn(rest, "/");
    return size > end && memcmp(path + size - end, rest, end) == 0 ? size - end : 0;
}

// Do the segments of a path fit those of a route?
static bool fits(const char *pattern, const char *path)
{
    for (;;) {
        if (*pattern == '{') {
            pattern += strcspn(pattern, "}") + 1;
            size_t size = word_size(pattern, path);
            if (size == 0)
                return false;
            path += size;
        } else if (*pattern != *path) {
            return false;
        } else if (*pattern == '\0') {
            return true;
        } else {
            pattern++;
            path++;
        }
    }
}

// Browsers, and most who make requests, leave out segments that are "." or "..", escaped or not:
// these come as "~." and "~..", which themselves come with one '~' more. Others are as they are.
static void take_tilde(char *word)
{
    size_t tildes = strspn(word, "~");
    const char *dots = word + tildes;
    if (tildes && (strcmp(dots, ".") == 0 || strcmp(dots, "..") == 0))
        memmove(word, word + 1, strlen(word));
}

static bool take_words(const char *pattern, const char *path, web_call *call, char *room)
{
    call->path_count = 0;
    for (; *pattern; pattern++, path++) {
        if (*pattern != '{')
            continue;
        size_t name_size = strcspn(pattern, "}") - 1;
        size_t size = word_size(pattern + name_size + 2, path);
        char *next = decode(path, size, false, room);
        if (!next || call->path_count == WEB_WORDS_MAX)
            return false;
        take_tilde(room);
        call->path[call->path_count++] = (web_word){ pattern + 1, name_size, room };
        room = next;
        pattern += name_size + 1;
        path += size - 1;
    }
    return true;
}

static bool method_fits(const char *route, const char *method)
{
    return strcmp(route, method) == 0
        || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

const web_route *web_routes_of(const web_call *call)
{
    return call->worker ? web_worker_routes : web_routes;
}

// A table's part of web_route_find; `used` is that of allow.
static const web_route *find_in(const web_route *table, const char *method, const char *path,
    char allow[WEB_ALLOW_MAX], size_t *used)
{
    for (const web_route *route = table; route->method; route++) {
        if (!fits(route->path, path))
            continue;
        if (method_fits(route->method, method))
            return route;
        int n = snprintf(allow + *used, WEB_ALLOW_MAX - *used, "%s%s%s", *used ? ", " : "",
            route->method, strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
        *used += n > 0 && (size_t)n < WEB_ALLOW_MAX - *used ? (size_t)n : 0;
    }
    return NULL;
}

web_match web_route_find(const char *method, const char *path, const web_route **out,
    web_call *call, char *room, char allow[WEB_ALLOW_MAX])
{
    size_t used = 0;
    allow[0] = '\0';
    const web_route *route = find_in(web_routes_of(call), method, path, allow, &used);
    if (!route && call->asynqmon)
        route = find_in(web_asynqmon_routes, method, path, allow, &used);
    if (route) {
        *out = route;
        call->routes = web_routes_of(call);
        return take_words(route->path, path, call, room) ? WEB_FOUND : WEB_BAD_PATH;
    }
    return used ? WEB_NO_METHOD : WEB_NO_PATH;
}

// ---- queries

// The word of the route that is named so; NULL: none, which is answered.
static const char *known_word(const char *words, const char *name, web_call *call)
{
    size_t size = strlen(name);
    for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == size && memcmp(at, name, size) == 0)
            return at;
    web_fail(call, 400, "EINVAL", "the query has '%.40s', which is not known here; known: %s", name,
        *words ? words : "nothing");
    return NULL;
}

static char *take_pair(web_call *call, const web_route *route, const char *pair, size_t size,
    char *room)
{
    const char *equals = memchr(pair, '=', size);
    size_t name_size = equals ? (size_t)(equals - pair) : size;
    char *value = decode(pair, name_size, true, room);
    char *end = !value ? NULL
        : equals       ? decode(equals + 1, size - name_size - 1, true, value)
                       : (*value = '\0', value + 1);
    if (!end) {
        web_fail(call, 400, "EINVAL", "the query is not UTF-8, or has a NUL in it");
        return NULL;
    }
    const char *name = known_word(route->query ? route->query : "", room, call);
    if (!name)
        return NULL;
    if (web_query_word(call, room)) {
        web_fail(call, 400, "EINVAL", "the query has '%s' twice", room);
        return NULL;
    }
    call->query[call->query_count++] = (web_word){ name, strlen(room), value };
    return end;
}

bool web_query_read(web_call *call, const web_route *route, const char *query, char *room)
{
    call->query_count = 0;
    for (const char *at = query; *at;) {
        size_t size = strcspn(at, "&");
        if (size && !(room = take_pair(call, route, at, size, room)))
            return false;
        at += size + (at[size] == '&');
    }
    return true;
}
