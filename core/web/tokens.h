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

// What the token with this digest may do, and its name. False: there is no such token now. Reads
// the file again if it has changed.
bool web_tokens_find(web_tokens *tokens, const unsigned char digest[WEB_DIGEST_SIZE],
    web_grant *out, char name[WEB_NAME_MAX]);

bool web_tokens_there(web_tokens *tokens);          // is there any, or a file that cannot be read?

#endif
