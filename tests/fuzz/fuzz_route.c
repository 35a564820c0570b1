// fuzz_route.c - any bytes as a method, a path and a query, a line of each (a fourth line: with the
// routes of asynqmon): no crash, nothing outside of the rooms is written, what is found fits its
// route, and what is refused is refused in words.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asynqmon.h"
#include "route.h"
#include "util/json.h"
#include "util/utf8.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static int is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

// What the head's check lets through: escapes are whole.
static int is_whole(const char *text)
{
    for (; *text; text++)
        if (*text == '%' && !(is_hex(text[1]) && is_hex(text[2])))
            return 0;
    return 1;
}

static void require_words(const web_word *words, size_t count, const char *room, size_t size)
{
    require(count <= WEB_WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        require(words[i].value >= room && words[i].value < room + size);
        size_t length = strlen(words[i].value);
        require(words[i].value + length < room + size);
        require(gf_utf8_valid(words[i].value, length));
        for (size_t j = 0; j < i; j++)
            require(words[i].name_size != words[j].name_size
                || memcmp(words[i].name, words[j].name, words[i].name_size) != 0);
    }
}

// The path that a route and its words make.
static void require_path(const web_route *route, const web_call *call, const char *path)
{
    size_t at = 0, word = 0;
    for (const char *p = route->path; *p; p++) {
        if (*p != '{') {
            require(path[at++] == *p);
            continue;
        }
        require(word < call->path_count);
        const char *value = call->path[word++].value;
        require(*value && strncmp(path + at, value, strlen(value)) == 0);
        at += strlen(value);
        p += strcspn(p, "}");
    }
    require(path[at] == '\0' && word == call->path_count);
}

static const web_route *find(const char *method, const char *path, web_call *call, char *room)
{
    char allow[WEB_ALLOW_MAX];
    const web_route *route = NULL;
    web_match match = web_route_find(method, path, &route, call, room, allow);
    require((match == WEB_NO_METHOD) == (allow[0] && !route));
    require(strlen(allow) < sizeof allow);
    if (match == WEB_NO_PATH || match == WEB_NO_METHOD)
        require(!route);
    if (match != WEB_FOUND)
        return NULL;
    require(strcmp(route->method, method) == 0
        || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0));
    require_words(call->path, call->path_count, room, strlen(path) + 1);
    if (!strchr(path, '%'))
        require_path(route, call, path);
    return route;
}

static void read_query(web_call *call, const web_route *route, const char *query)
{
    size_t size = 2 * strlen(query) + 2;
    char *room = malloc(size);
    gf_json value;
    require(room != NULL);
    if (web_query_read(call, route, query, room)) {
        require(call->reply.status == 0);
        require_words(call->query, call->query_count, room, size);
        for (size_t i = 0; i < call->query_count; i++)
            require(call->query[i].name >= route->query
                && call->query[i].name < route->query + strlen(route->query));
    } else {
        require(call->reply.status == 400);
        gf_json_scan scan = gf_json_start(call->reply.body.at, call->reply.body.size);
        require(gf_json_whole(&scan, &value) == GF_JSON_OBJECT);
    }
    free(room);
}

// The next line, cut out of the text.
static char *cut(char **text)
{
    char *line = *text;
    size_t size = strcspn(line, "\n");
    *text = line + size + (line[size] != '\0');
    line[size] = '\0';
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1), *at = text;
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    const char *method = cut(&at), *path = cut(&at), *query = cut(&at);
    web_call call = { .asynqmon = *at != '\0' };
    if (is_whole(path) && is_whole(query)) {
        // A room of its own size: the sanitizer sees a byte that is written behind it.
        char *room = malloc(strlen(path) + 1);
        require(room != NULL);
        const web_route *route = find(method, path, &call, room);
        if (route)
            read_query(&call, route, query);
        free(room);
    }
    web_text_free(&call.reply.body);
    free(text);
    return 0;
}
