// tokens.h - the file of tokens, as the server reads it.
#ifndef WEB_TOKENS_H
#define WEB_TOKENS_H

#include "access.h"

typedef struct web_tokens web_tokens;

web_tokens *web_tokens_new(const char *path);       // NULL: no memory
void web_tokens_free(web_tokens *tokens);           // NULL is fine

// The rights of a token, and its name. 0: there is no such token now. Reads the file again if it
// has changed.
unsigned web_tokens_find(web_tokens *tokens, const char *token, char name[WEB_NAME_MAX]);

bool web_tokens_there(web_tokens *tokens);          // is there any, or a file that cannot be read?

#endif
