// tokens.h - the file of tokens, as the server reads it.
#ifndef WEB_TOKENS_H
#define WEB_TOKENS_H

#include "access.h"

typedef struct web_tokens web_tokens;

web_tokens *web_tokens_new(const char *path);       // NULL: no memory
void web_tokens_free(web_tokens *tokens);           // NULL is fine

// ---- secrets: of 256 random bits each, kept as digests alone

enum { WEB_DIGEST_SIZE = 32, WEB_SECRET_SIZE = 44 };     // 43 characters, with the NUL

void web_digest(const char *secret, unsigned char out[WEB_DIGEST_SIZE]);
bool web_digest_same(const unsigned char *a, const unsigned char *b);       // in constant time
// 43 characters of the alphabet that URLs and shells leave alone. False: there is no randomness.
bool web_random_text(char out[WEB_SECRET_SIZE]);

// What the token or password with this digest may do, and its name. False: there is none now. Reads
// the file again if it has changed. (No token has a password's digest: that would have to be found
// against SHA-256.)
bool web_tokens_find(web_tokens *tokens, const unsigned char digest[WEB_DIGEST_SIZE],
    web_grant *out, char name[WEB_NAME_MAX]);

// What there is by which the password of this name can be looked at: the name's own figures, or
// today's usual ones with no salt, which cost as much and fit nobody.
typedef enum web_password_known {
    WEB_PASSWORDS_NONE,         // nobody has a password
    WEB_PASSWORDS_OTHERS,       // not this name
    WEB_PASSWORD_HIS
} web_password_known;

struct web_scrypt;
web_password_known web_tokens_password(web_tokens *tokens, const char *name,
    struct web_scrypt *how, unsigned char digest[WEB_DIGEST_SIZE]);

bool web_tokens_there(web_tokens *tokens);          // is there any, or a file that cannot be read?

#endif
