// access.c - who somebody is, and what he may do.
#include "access.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "call.h"
#include "clock.h"
#include "sessions.h"
#include "claims.h"
#include "passwords.h"
#include "tokens.h"

enum {
    GUESSES = 5,                // failures of an address within a minute
    MINUTE_MS = 60000,
    ADDRESSES = 1024,           // that are kept in mind; the one that failed longest ago goes
    PROOFS = 64,
    PROOF_MS = 5 * 60 * 1000    // from its last use
};

typedef struct failures {
    char   address[WEB_ADDRESS_ROOM];
    int64_t since;
    int    count;
} failures;

// A name and password that were right. `shown` is a digest of both with a secret of this process:
// what is found in its memory is no table to guess by.
typedef struct proof {
    unsigned char shown[WEB_DIGEST_SIZE], digest[WEB_DIGEST_SIZE];
    int64_t       used_ms;              // 0: a free place
} proof;

struct web_access {
    pthread_mutex_t    lock;    // guards all below
    web_access_options opts;
    web_tokens        *tokens;  // NULL: no file was named
    unsigned           mask;
    int64_t            dropped_ms;      // when a header that was dropped was logged last; 0: never
    failures           failed[ADDRESSES];
    web_sessions       sessions;
    proof              proofs[PROOFS];
    char               secret[WEB_SECRET_SIZE];     // "": no randomness, and no proof is kept
};

web_access *web_access_new(const web_access_options *opts)
{
    web_access *access = calloc(1, sizeof *access);
    if (!access)
        return NULL;
    pthread_mutex_init(&access->lock, NULL);
    access->opts = *opts;
    access->mask = opts->read_only ? WEB_SEE | WEB_PAYLOAD | WEB_METRICS : WEB_EVERYTHING;
    access->tokens = opts->tokens ? web_tokens_new(opts->tokens) : NULL;
    if (!web_random_text(access->secret))
        access->secret[0] = '\0';
    if (opts->tokens && !access->tokens) {
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

static web_visitor visitor(const web_access *access, const web_scope *scope, const char *name)
{
    web_visitor v = { .scope = *scope };
    web_scope_mask(&v.scope, access->mask);
    snprintf(v.name, sizeof v.name, "%s", name);
    return v;
}

static web_visitor nobody(int status)
{
    return (web_visitor){ .name = "-", .status = status };
}

// NULL: there is no such token.
static const char *find_token(web_access *access, const unsigned char *digest, web_scope *out,
    char name[WEB_NAME_MAX])
{
    out->count = 1;
    return access->tokens && web_tokens_find(access->tokens, digest, &out->grants[0], name)
        ? name : NULL;
}

static web_visitor with_token(web_access *access, const char *address, const char *token)
{
    unsigned char digest[WEB_DIGEST_SIZE];
    char name[WEB_NAME_MAX];
    web_scope scope;
    if (is_waiting(access, address))
        return nobody(429);
    web_digest(token, digest);
    if (find_token(access, digest, &scope, name))
        return visitor(access, &scope, name);
    count_failure(access, address);
    return nobody(401);
}

// ---- passwords

_Static_assert((int)WEB_CLAIM_NAME == (int)WEB_NAME_MAX
    && (int)WEB_CLAIM_PASSWORD == (int)WEB_PASSWORD_MAX + 1, "there is room for what is allowed");

static void digest_shown(const web_access *access, const char *name, const char *password,
    unsigned char out[WEB_DIGEST_SIZE])
{
    char both[WEB_SECRET_SIZE + WEB_NAME_MAX + WEB_PASSWORD_MAX + 1];
    snprintf(both, sizeof both, "%s%s:%s", access->secret, name, password);
    web_digest(both, out);
}

// NULL: it has not been proven, or is too long ago. Locks: the lock.
static proof *recall(web_access *access, const char *name, const char *password)
{
    unsigned char shown[WEB_DIGEST_SIZE];
    int64_t now = web_ms(CLOCK_MONOTONIC);
    proof *found = NULL;
    digest_shown(access, name, password, shown);
    for (size_t i = 0; i < PROOFS; i++) {
        proof *p = &access->proofs[i];
        if (p->used_ms && now - p->used_ms < PROOF_MS && web_digest_same(p->shown, shown))
            found = p;
    }
    if (found)
        found->used_ms = now;
    return found;
}

static void remember(web_access *access, const char *name, const char *password,
    const unsigned char digest[WEB_DIGEST_SIZE])
{
    proof *place = &access->proofs[0];
    for (size_t i = 0; i < PROOFS; i++)
        if (access->proofs[i].used_ms < place->used_ms)
            place = &access->proofs[i];
    if (!access->secret[0])
        return;
    digest_shown(access, name, password, place->shown);
    memcpy(place->digest, digest, WEB_DIGEST_SIZE);
    place->used_ms = web_ms(CLOCK_MONOTONIC);
}

// What can be said without scrypt. Locks: the lock.
static web_visitor known_already(web_access *access, const char *address, const char *name,
    const char *password)
{
    unsigned char digest[WEB_DIGEST_SIZE];
    char found[WEB_NAME_MAX];
    web_scrypt how;
    web_scope scope;
    if (is_waiting(access, address))
        return nobody(429);
    const proof *p = recall(access, name, password);
    if (p && find_token(access, p->digest, &scope, found))
        return visitor(access, &scope, found);
    if (access->tokens
        && web_tokens_password(access->tokens, name, &how, digest) != WEB_PASSWORDS_NONE)
        return nobody(WEB_UNPROVEN);
    count_failure(access, address);
    return nobody(401);
}

static web_visitor with_password(web_access *access, const web_shown *shown)
{
    char name[WEB_CLAIM_NAME], password[WEB_CLAIM_PASSWORD];
    if (!web_claim_basic(shown->authorization, name, password))
        return nobody(401);
    return shown->in_the_open ? nobody(403)
                              : known_already(access, shown->address, name, password);
}

// A name that is not there costs as much as one that is. Locks: the lock, but not meanwhile.
static web_visitor prove(web_access *access, const char *address, const char *name,
    const char *password)
{
    unsigned char kept[WEB_DIGEST_SIZE], made[WEB_DIGEST_SIZE];
    char why[256], found[WEB_NAME_MAX];
    web_scope scope;
    web_scrypt how;
    web_visitor v = known_already(access, address, name, password);
    if (v.status != WEB_UNPROVEN)
        return v;
    bool his = web_tokens_password(access->tokens, name, &how, kept) == WEB_PASSWORD_HIS;
    pthread_mutex_unlock(&access->lock);
    const char *failed = web_scrypt_run(&how, password, made, why, sizeof why);
    pthread_mutex_lock(&access->lock);
    if (failed) {
        web_say(access->opts.log, GOFER_LOG_ERROR, "a password cannot be looked at: %s", failed);
        return nobody(503);
    }
    if (!his || !web_digest_same(kept, made) || !find_token(access, made, &scope, found)) {
        count_failure(access, address);
        return nobody(401);
    }
    remember(access, name, password, made);
    return visitor(access, &scope, found);
}

static web_visitor without_token(web_access *access)
{
    bool log_in = access->opts.roles || (access->tokens && web_tokens_there(access->tokens));
    web_scope scope = { .count = 1, .grants[0].rights = access->opts.anonymous };
    if (access->opts.until_tokens && log_in)
        scope.count = 0;
    return visitor(access, &scope, "-");
}

static web_visitor with_session(web_access *access, const char *id)
{
    char name[WEB_NAME_MAX];
    web_scope scope;
    const unsigned char *token = web_session_find(&access->sessions, id,
        web_ms(CLOCK_MONOTONIC));
    if (!token || !find_token(access, token, &scope, name))
        return without_token(access);
    web_visitor v = visitor(access, &scope, name);
    v.by_session = true;
    return v;
}

// Without the option of groups the user's own name is what the map knows.
static web_visitor by_proxy(web_access *access, const web_shown *shown)
{
    char name[WEB_NAME_MAX];
    web_scope scope;
    if (!web_claim_name(shown->user, name, sizeof name))
        return nobody(400);
    web_role_map_find(access->opts.roles, shown->groups, &scope);
    return visitor(access, &scope, name);
}

// Once a minute: who sends such headers may send many.
static void tell_of_dropped(web_access *access, const web_shown *shown)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    if (access->dropped_ms && now - access->dropped_ms < MINUTE_MS)
        return;
    access->dropped_ms = now;
    web_say(access->opts.log, GOFER_LOG_WARN,
        "%s of %s was dropped: no trusted proxy sent it", access->opts.user_header,
        *shown->address ? shown->address : "-");
}

static web_visitor find_visitor(web_access *access, const web_shown *shown)
{
    static const char bearer[] = "Bearer ", basic[] = "Basic ";
    bool names = access->opts.roles && shown->user && *shown->user;
    if (names && !shown->trusted)
        tell_of_dropped(access, shown);
    if (shown->authorization && strncasecmp(shown->authorization, basic, sizeof basic - 1) == 0)
        return with_password(access, shown);
    if (shown->authorization)
        return strncmp(shown->authorization, bearer, sizeof bearer - 1) == 0
            ? with_token(access, shown->address, shown->authorization + sizeof bearer - 1)
            : nobody(401);
    if (names && shown->trusted)
        return by_proxy(access, shown);
    return shown->session ? with_session(access, shown->session) : without_token(access);
}

web_visitor web_access_of(web_access *access, const web_shown *shown)
{
    pthread_mutex_lock(&access->lock);
    web_visitor v = find_visitor(access, shown);
    pthread_mutex_unlock(&access->lock);
    return v;
}

web_visitor web_access_prove(web_access *access, const web_shown *shown)
{
    char name[WEB_CLAIM_NAME], password[WEB_CLAIM_PASSWORD];
    if (!web_claim_basic(shown->authorization, name, password))
        return nobody(401);
    pthread_mutex_lock(&access->lock);
    web_visitor v = prove(access, shown->address, name, password);
    pthread_mutex_unlock(&access->lock);
    return v;
}

// ---- logging in

_Static_assert((int)WEB_COOKIE_SIZE == (int)WEB_SESSION_SIZE, "a cookie is a session's id");

web_visitor web_access_login(web_access *access, const char *address, const char *token,
    char id[WEB_COOKIE_SIZE])
{
    unsigned char digest[WEB_DIGEST_SIZE];
    web_digest(token, digest);
    pthread_mutex_lock(&access->lock);
    web_visitor v = with_token(access, address, token);
    if (v.status == 0
        && !web_session_open(&access->sessions, digest, web_ms(CLOCK_MONOTONIC), id))
        v.status = 503;
    pthread_mutex_unlock(&access->lock);
    return v;
}

web_visitor web_access_login_name(web_access *access, const char *address, const char *name,
    const char *password, char id[WEB_COOKIE_SIZE])
{
    if (strlen(name) >= WEB_NAME_MAX || strlen(password) > WEB_PASSWORD_MAX)
        return nobody(401);
    pthread_mutex_lock(&access->lock);
    web_visitor v = prove(access, address, name, password);
    const proof *p = v.status == 0 ? recall(access, name, password) : NULL;
    if (v.status == 0
        && (!p || !web_session_open(&access->sessions, p->digest, web_ms(CLOCK_MONOTONIC), id)))
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
