// json.h - what the command line does with JSON: strings out of what util/json.h reads, and strings
// written to a stream.
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stddef.h>
#include <stdio.h>

#include "util/json.h"

// Decode a string or key; NUL-terminated beside *size, from cli_alloc. NULL: neither.
char *json_string(gf_json value, size_t *size);
// The bytes that a string says in base64. NULL: malformed, or no string.
char *json_base64(gf_json value, size_t *size);

// Write a string literal; what is not UTF-8 becomes U+FFFD.
void json_put(FILE *out, const char *text, size_t size);
// The same into memory that always has room for 6 * size + 1 bytes. Returns the length.
size_t json_put_into(char *out, const char *text, size_t size);
void json_put_text(FILE *out, const char *text);    // NULL: null

#endif
