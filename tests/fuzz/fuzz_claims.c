// fuzz_claims.c - any bytes as headers of who sent a request: cookies, addresses, names, groups,
// queues. No crash, nothing outside of the text is read or written, and what is taken is what later
// readers rely on.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "roles.h"
#include "scope.h"
#include "util/utf8.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

// Rooms of their own size: the sanitizer sees a byte that is written behind one.
static void try_cookie(const char *text)
{
    char *room = malloc(9);
    require(room != NULL);
    if (web_claim_cookie(text, "gofer", room, 9)) {
        char whole[16] = "gofer=";
        require(*room && strlen(room) < 9 && !strpbrk(room, "; "));
        strcat(whole, room);
        require(strstr(text, whole) != NULL);
    }
    free(room);
}

static void try_addresses(const char *text)
{
    struct in6_addr any;
    char *out = malloc(WEB_ADDRESS_ROOM);
    require(out != NULL);
    if (web_claim_for(text, out))
        require(inet_pton(strchr(out, ':') ? AF_INET6 : AF_INET, out, &any) == 1);
    free(out);
    (void)web_claim_https(text);
}

static void try_name(const char *text)
{
    char *out = malloc(64);
    require(out != NULL);
    if (web_claim_name(text, out, 64)) {
        require(strcmp(out, text) == 0 && gf_utf8_valid(out, strlen(out)));
        for (const char *at = out; *at; at++)
            require((unsigned char)*at >= ' ' && *at != 0x7f);
    }
    free(out);
}

static void try_basic(const char *text)
{
    char *name = malloc(WEB_CLAIM_NAME), *password = malloc(WEB_CLAIM_PASSWORD);
    require(name != NULL && password != NULL);
    if (web_claim_basic(text, name, password))
        require(*name && strlen(name) < WEB_CLAIM_NAME && !strchr(name, ':') && *password
            && strlen(password) < WEB_CLAIM_PASSWORD);
    free(name);
    free(password);
}

// Whoever is in no group of the map has nothing but what is everybody's.
static void try_groups(const char *text)
{
    static const char *const entries[] = { "ops=admin", "dev=see:dev*,x" };
    char why[128];
    web_scope scope;
    web_role_map *map = web_role_map_new(entries, 2, why, sizeof why);
    require(map != NULL);
    web_role_map_find(map, text, &scope);
    if (!strstr(text, "ops"))
        require(!web_scope_everywhere(&scope, 1));
    if (!strstr(text, "dev") && !strstr(text, "ops"))
        require(scope.count == 0);
    web_role_map_free(map);
    map = web_role_map_new(&text, 1, why, sizeof why);
    web_role_map_free(map);
}

static void try_queues(const char *text)
{
    web_scope scope = { .count = 1, .grants = { { .rights = 1 } } };
    size_t size = strlen(text);
    if (!web_queues_valid(text))
        return;
    require(size > 0 && size < WEB_QUEUES_MAX);
    memcpy(scope.grants[0].queues, text, size + 1);
    // Each word is a pattern that fits itself.
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[WEB_QUEUES_MAX];
        size_t length = strcspn(at, ",");
        memcpy(word, at, length);
        word[length] = '\0';
        require(web_scope_may(&scope, 1, word) && web_scope_covers(&scope, 1, word));
        require(web_scope_touches(&scope, 1, word));
    }
    require(!web_scope_may(&scope, 2, "any"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    try_cookie(text);
    try_addresses(text);
    try_name(text);
    try_basic(text);
    try_groups(text);
    try_queues(text);
    free(text);
    return 0;
}
