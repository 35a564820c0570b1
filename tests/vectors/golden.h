// golden.h - reads the vector files: bytes that the real Asynq wrote (asynq/README.md).
//
// For tests only: what cannot be read ends the program with a word why.
#ifndef TESTS_VECTORS_GOLDEN_H
#define TESTS_VECTORS_GOLDEN_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct golden_bytes {
    unsigned char *bytes;          // free(); a NUL follows
    size_t         size;
} golden_bytes;

cJSON *golden_file(const char *folder, const char *name);       // cJSON_Delete

// A JSON string, or {"b64": "..."}. An absent or null node: no bytes, bytes is NULL.
golden_bytes golden_bytes_of(const cJSON *node);

// Members of an object, for vectors whose fields are all known: absent is "", 0, false.
const char *golden_text(const cJSON *object, const char *field);
int64_t     golden_int(const cJSON *object, const char *field); // exact up to 2^53, and 2^63 - 1
int64_t     golden_whole(const char *text);                     // decimal; 0: no number
bool        golden_true(const cJSON *object, const char *field);

#endif
