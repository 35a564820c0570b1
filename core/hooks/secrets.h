// secrets.h - what webhooks are signed with: "whsec_" and base64 (Standard Webhooks), from files
// and from the environment.
//
// Words between blanks; in a file a '#' begins a comment. A word that begins otherwise is a host,
// and the secret after it is for that host alone. Who rotates a secret gives the new one and the
// old one: each makes a signature, and a receiver needs to know one of them.
//
// Files are read again when they have changed; what cannot be read leaves the secrets as they were.
// Threads: any. Neither a text of an error nor a line of the log holds one.
#ifndef HOOKS_SECRETS_H
#define HOOKS_SECRETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    HOOKS_SECRET_MIN = 24,         // bytes, as the specification says
    HOOKS_SECRET_MAX = 64,
    HOOKS_SECRETS_MAX = 8          // of one host
};

typedef struct hooks_secret {
    char   *host;                  // NULL: of all that have none of their own
    size_t  size;
    uint8_t bytes[HOOKS_SECRET_MAX];
} hooks_secret;

typedef struct hooks_secret_list {
    hooks_secret *items;
    size_t        count;
} hooks_secret_list;

typedef struct hooks_source {
    const char       *name;        // a path, or "env:NAME"; the caller's
    hooks_secret_list secrets;
    struct stat       seen;        // of the file, when it was last looked at
} hooks_source;

typedef struct hooks_secrets {
    pthread_mutex_t lock;          // guards the sources
    hooks_source   *sources;
    size_t          count;
} hooks_secrets;

// false: why names the source. To be cleared in both cases. names are borrowed.
bool hooks_secrets_open(hooks_secrets *s, const char *const *names, size_t count, char *why,
    size_t size);
void hooks_secrets_clear(hooks_secrets *s);
// Reads files again that have changed. false: one cannot be used now, why says which; once for each
// change.
bool hooks_secrets_renew(hooks_secrets *s, char *why, size_t size);
// Copies those of a host (in small letters). How many; 0: there is none for it.
size_t hooks_secrets_of(hooks_secrets *s, const char *host, hooks_secret out[HOOKS_SECRETS_MAX]);
// Clears copies, so that they do not stay in memory.
void hooks_secrets_forget(hooks_secret *secrets, size_t count);

// The words of a text. false: what is wrong with it. *out is to be cleared in both cases.
bool hooks_secret_list_read(hooks_secret_list *out, const char *text, const char **wrong);
void hooks_secret_list_clear(hooks_secret_list *list);

#endif
