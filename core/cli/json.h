// json.h - reading JSON without losing anything (digits, NULs), and writing it to a stream.
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// A value as it stands in the text: borrowed, not terminated.
typedef struct json_span {
    const char *text;
    size_t      size;
} json_span;

// The one value that the text holds, without the blanks around it. 0, or -1: not JSON.
int json_whole(const char *text, size_t size, json_span *out);
// Walk an object: *at starts as the span and shrinks. 1: a member, 0: the end, -1: no object.
int json_member(json_span *at, json_span *key, json_span *value);
char json_kind(json_span value);                    // '{' '[' '"' 't' 'f' 'n' or '0' for numbers
// Decode a string; NUL-terminated beside *size, from cli_alloc. NULL: no string.
char *json_string(json_span value, size_t *size);
// Decode base64. NULL: malformed.
char *json_base64(const char *text, size_t size, size_t *out_size);

// Write a string literal; what is not UTF-8 becomes U+FFFD.
void json_put(FILE *out, const char *text, size_t size);
// The same into memory that always has room for 6 * size + 1 bytes. Returns the length.
size_t json_put_into(char *out, const char *text, size_t size);
void json_put_text(FILE *out, const char *text);    // NULL: null

#endif
