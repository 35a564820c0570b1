// access.h - who somebody is, and what he may do: tokens, roles, and patience with guesses.
//
// Tokens are 256 random bits that are shown once; the file has a line NAME:ROLE:SHA-256 for each
// and is read again when it changes, so that a token which is taken away is gone at once. Digests
// are compared in constant time. Five failures of an address within a minute, and it has to wait.
// Threads: any.
#ifndef WEB_ACCESS_H
#define WEB_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { WEB_NAME_MAX = 64, WEB_TOKEN_SIZE = 50 };        // "gofer_" and 43 characters, with the NUL

typedef struct web_access web_access;

// tokens: the file; NULL or not there: none. anonymous: the rights of who shows nothing; with
// `until_tokens` only as long as there are no tokens.
web_access *web_access_new(const char *tokens, unsigned anonymous, bool until_tokens,
    bool read_only);
void web_access_free(web_access *access);               // NULL is fine

typedef struct web_visitor {
    unsigned rights;
    char     name[WEB_NAME_MAX];    // of the token; "-"
    int      status;                // 0, 401 (the token is not known) or 429
} web_visitor;

// authorization: the header; session: the cookie's value; NULL: not there. A token goes first. A
// session that is not known (any more) is none.
web_visitor web_access_of(web_access *access, const struct sockaddr *from,
    const char *authorization, const char *session);

enum { WEB_COOKIE_SIZE = 44 };          // of a session's id, with the NUL
#define WEB_COOKIE "gofer"
#define WEB_COOKIE_SECURE "__Host-gofer"        // browsers take it over TLS alone

// A session for a token. The status as above, or 503: there is no randomness.
web_visitor web_access_login(web_access *access, const struct sockaddr *from, const char *token,
    char id[WEB_COOKIE_SIZE]);
void web_access_logout(web_access *access, const char *id);

// "see", "operate", "admin", "metrics", or rights with commas between them. 0: no such.
unsigned web_role(const char *role);

// ---- the file, for `gofer web token`

// Adds a token; `token` receives what is shown once. NULL, or why not.
const char *web_token_add(const char *path, const char *name, const char *role,
    char token[WEB_TOKEN_SIZE], char *why, size_t size);
const char *web_token_remove(const char *path, const char *name, char *why, size_t size);
// Calls `each` with each name and role.
const char *web_token_each(const char *path, void (*each)(void *, const char *, const char *),
    void *user, char *why, size_t size);

#endif
