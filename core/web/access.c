// access.c - who somebody is, and what he may do.
#include "access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "clock.h"
#include "sessions.h"
#include "tokens.h"

enum {
    GUESSES = 5,                // failures of an address within a minute
    MINUTE_MS = 60000,
    ADDRESSES = 1024            // that are kept in mind; the one that failed longest ago goes
};

typedef struct failures {
    char   address[INET6_ADDRSTRLEN];
    int64_t since;
    int    count;
} failures;

struct web_access {
    pthread_mutex_t lock;       // guards all below
    web_tokens     *tokens;     // NULL: no file was named
    unsigned        anonymous, mask;
    bool            until_tokens;
    failures        failed[ADDRESSES];
    web_sessions    sessions;
};

web_access *web_access_new(const char *tokens, unsigned anonymous, bool until_tokens,
    bool read_only)
{
    web_access *access = calloc(1, sizeof *access);
    if (!access)
        return NULL;
    pthread_mutex_init(&access->lock, NULL);
    access->anonymous = anonymous;
    access->until_tokens = until_tokens;
    access->mask = read_only ? WEB_SEE | WEB_PAYLOAD | WEB_METRICS : WEB_EVERYTHING;
    access->tokens = tokens ? web_tokens_new(tokens) : NULL;
    if (tokens && !access->tokens) {
        web_access_free(access);
        return NULL;
    }
    return access;
}

void web_access_free(web_access *access)
{
    if (!access)
        return;
    web_tokens_free(access->tokens);
    pthread_mutex_destroy(&access->lock);
    free(access);
}

// ---- failures

static void name_address(const struct sockaddr *from, char out[INET6_ADDRSTRLEN])
{
    const void *bytes = NULL;
    out[0] = '\0';
    if (from && from->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)from)->sin_addr;
    else if (from && from->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    if (bytes)
        (void)inet_ntop(from->sa_family, bytes, out, INET6_ADDRSTRLEN);
}

// That of the address, or the one to be forgotten for it.
static failures *failures_of(web_access *access, const char *address)
{
    failures *oldest = &access->failed[0];
    for (size_t i = 0; i < ADDRESSES; i++) {
        failures *f = &access->failed[i];
        if (f->count && strcmp(f->address, address) == 0)
            return f;
        if (!f->count || (oldest->count && f->since < oldest->since))
            oldest = f;
    }
    return oldest;
}

static bool is_waiting(web_access *access, const char *address)
{
    failures *f = failures_of(access, address);
    return f->count >= GUESSES && strcmp(f->address, address) == 0
        && web_ms(CLOCK_MONOTONIC) - f->since < MINUTE_MS;
}

static void count_failure(web_access *access, const char *address)
{
    failures *f = failures_of(access, address);
    int64_t now = web_ms(CLOCK_MONOTONIC);
    if (!f->count || strcmp(f->address, address) != 0 || now - f->since >= MINUTE_MS) {
        f->count = 0;
        f->since = now;
        snprintf(f->address, sizeof f->address, "%s", address);
    }
    f->count++;
}

// ---- who

static web_visitor visitor(const web_access *access, unsigned rights, const char *name)
{
    web_visitor v = { .rights = rights & access->mask };
    snprintf(v.name, sizeof v.name, "%s", name);
    return v;
}

static web_visitor with_token(web_access *access, const char *address, const char *token)
{
    char name[WEB_NAME_MAX];
    web_visitor v = { .name = "-" };
    if (is_waiting(access, address)) {
        v.status = 429;
        return v;
    }
    unsigned char digest[WEB_DIGEST_SIZE];
    web_digest(token, digest);
    unsigned rights = access->tokens ? web_tokens_find(access->tokens, digest, name) : 0;
    if (rights)
        return visitor(access, rights, name);
    count_failure(access, address);
    v.status = 401;
    return v;
}

static web_visitor without_token(web_access *access)
{
    bool locked = access->until_tokens && access->tokens && web_tokens_there(access->tokens);
    return visitor(access, locked ? 0 : access->anonymous, "-");
}

static web_visitor with_session(web_access *access, const char *id)
{
    char name[WEB_NAME_MAX];
    const unsigned char *token = web_session_find(&access->sessions, id,
        web_ms(CLOCK_MONOTONIC));
    unsigned rights = token && access->tokens ? web_tokens_find(access->tokens, token, name) : 0;
    return rights ? visitor(access, rights, name) : without_token(access);
}

web_visitor web_access_of(web_access *access, const struct sockaddr *from,
    const char *authorization, const char *session)
{
    static const char bearer[] = "Bearer ";
    char address[INET6_ADDRSTRLEN];
    web_visitor v = { .name = "-", .status = 401 };
    name_address(from, address);
    pthread_mutex_lock(&access->lock);
    if (authorization && strncmp(authorization, bearer, sizeof bearer - 1) == 0)
        v = with_token(access, address, authorization + sizeof bearer - 1);
    else if (!authorization)
        v = session ? with_session(access, session) : without_token(access);
    pthread_mutex_unlock(&access->lock);
    return v;
}

// ---- logging in

_Static_assert((int)WEB_COOKIE_SIZE == (int)WEB_SESSION_SIZE, "a cookie is a session's id");

web_visitor web_access_login(web_access *access, const struct sockaddr *from, const char *token,
    char id[WEB_COOKIE_SIZE])
{
    unsigned char digest[WEB_DIGEST_SIZE];
    char address[INET6_ADDRSTRLEN];
    name_address(from, address);
    web_digest(token, digest);
    pthread_mutex_lock(&access->lock);
    web_visitor v = with_token(access, address, token);
    if (v.status == 0
        && !web_session_open(&access->sessions, digest, web_ms(CLOCK_MONOTONIC), id))
        v.status = 503;
    pthread_mutex_unlock(&access->lock);
    return v;
}

void web_access_logout(web_access *access, const char *id)
{
    pthread_mutex_lock(&access->lock);
    web_session_close(&access->sessions, id);
    pthread_mutex_unlock(&access->lock);
}

// ---- roles

unsigned web_role(const char *role)
{
    enum { OPERATES = WEB_SEE | WEB_PAYLOAD | WEB_ENQUEUE | WEB_OPERATE | WEB_METRICS };
    static const struct { const char *name; unsigned rights; } roles[] = {
        { "see", WEB_SEE | WEB_METRICS }, { "payload", WEB_PAYLOAD }, { "enqueue", WEB_ENQUEUE },
        { "operate", OPERATES }, { "admin", WEB_EVERYTHING }, { "metrics", WEB_METRICS },
    };
    unsigned rights = 0;
    for (const char *at = role;; at++) {
        size_t size = strcspn(at, ","), i = 0, count = sizeof roles / sizeof *roles;
        while (i < count && (strlen(roles[i].name) != size || memcmp(at, roles[i].name, size) != 0))
            i++;
        if (i == count)
            return 0;
        rights |= roles[i].rights;
        at += size;
        if (*at == '\0')
            return rights;
    }
}
