// json.h - strings that the command line writes as JSON, to a stream or into memory.
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stddef.h>
#include <stdio.h>

#include "gofer/gofer.h"
#include "util/json.h"

// Write a string literal; what is not UTF-8 becomes U+FFFD.
void json_put(FILE *out, const char *text, size_t size);
// The same into memory that always has room for 6 * size + 1 bytes. Returns the length.
size_t json_put_into(char *out, const char *text, size_t size);
void json_put_text(FILE *out, const char *text);    // NULL: null
// An item of a list, parted from the one before unless it is the first, which it is no longer then.
// ENOMEM.
gofer_status json_put_item(FILE *out, const gofer_info *item, int *first);
// The end of {"items":[..., with where the next page begins; NULL: there is none.
void json_end_page(FILE *out, const char *cursor);

#endif
