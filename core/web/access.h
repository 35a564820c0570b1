// access.h - who somebody is, and what he may do: tokens, passwords, sessions, whom a proxy has let
// in, and patience with guesses.
//
// Tokens are 256 random bits that are shown once; the file has a line for each
// (NAME:ROLE:SHA-256, or NAME:ROLE:SHA-256:QUEUES) and is read again when it changes, so that a
// token which is taken away is gone at once. Digests are compared in constant time. Five failures
// of an address within a minute, and it has to wait.
//
// A password costs scrypt, some tenths of a second and 16 MiB: web_access_of does not do that, it
// says WEB_UNPROVEN, and the caller has web_access_prove called by a thread that may take its time.
// What was right is kept in mind for five minutes after its last use, and no longer than its line
// in the file.
// Threads: any.
#ifndef WEB_ACCESS_H
#define WEB_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "roles.h"
#include "scope.h"

enum { WEB_NAME_MAX = 64, WEB_TOKEN_SIZE = 50 };        // "gofer_" and 43 characters, with the NUL

typedef struct web_access web_access;

typedef struct web_access_options {
    const char         *tokens;         // the file; NULL or not there: none
    unsigned            anonymous;      // rights of who shows nothing
    bool                until_tokens;   // he has them only as long as nobody has to log in
    bool                read_only;
    const web_role_map *roles;          // of those a proxy names; NULL: none does. Borrowed, like
    const char         *user_header;    //   the header's name
    const web_log      *log;
} web_access_options;

web_access *web_access_new(const web_access_options *opts);     // NULL: no memory
void web_access_free(web_access *access);               // NULL is fine

// What a request shows of who sent it; NULL: the header is not there.
typedef struct web_shown {
    const char *address;                // "": none that people know
    bool        trusted;                // a proxy of ours sent it
    bool        in_the_open;            // others may have read it on its way
    const char *authorization, *session, *user, *groups;
} web_shown;

enum { WEB_UNPROVEN = 1 };

typedef struct web_visitor {
    web_scope scope;
    char      name[WEB_NAME_MAX];   // of the token, or the proxy's user; "-"
    bool      by_session;
    int       status;               // 0, 400 (no name), 401 (not known), 403 (a password in the
                                    //   open), 429, 503 (it cannot be proven); or WEB_UNPROVEN
} web_visitor;

// A token or password goes first, then whom the proxy names, then the session. A session that is
// not known (any more) is none. What somebody else than a proxy says of users is dropped, and
// logged.
web_visitor web_access_of(web_access *access, const web_shown *shown);
// The same of a password that was unproven: it takes long, and is one thread's at a time.
web_visitor web_access_prove(web_access *access, const web_shown *shown);

enum { WEB_COOKIE_SIZE = 44 };          // of a session's id, with the NUL
#define WEB_COOKIE "gofer"
#define WEB_COOKIE_SECURE "__Host-gofer"        // browsers take it over TLS alone

// A session for a token. The status as above, or 503: there is no randomness.
web_visitor web_access_login(web_access *access, const char *address, const char *token,
    char id[WEB_COOKIE_SIZE]);
// For a password; it takes as long as proving it.
web_visitor web_access_login_name(web_access *access, const char *address, const char *name,
    const char *password, char id[WEB_COOKIE_SIZE]);
void web_access_logout(web_access *access, const char *id);

// ---- the file, for `gofer web token`

typedef struct web_token {
    const char *name, *role;
    const char *queues;             // "": all
    bool        password;           // it is one's name and password
} web_token;

// Adds a token; `text` receives what is shown once. NULL, or why not.
const char *web_token_add(const char *path, const web_token *token, char text[WEB_TOKEN_SIZE],
    char *why, size_t size);
// The same for a password, which is not shown.
const char *web_password_add(const char *path, const web_token *token, const char *password,
    char *why, size_t size);
const char *web_token_remove(const char *path, const char *name, char *why, size_t size);
const char *web_token_each(const char *path, void (*each)(void *, const web_token *), void *user,
    char *why, size_t size);

#endif
