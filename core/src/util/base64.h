// base64.h - bytes as text (RFC 4648, the standard alphabet).
//
// Strict but for padding, which may be missing. Pure; knows no tasks.
#ifndef GF_UTIL_BASE64_H
#define GF_UTIL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

// Room for the text of so many bytes, with its NUL.
#define GF_BASE64_ROOM(size) (((size) + 2) / 3 * 4 + 1)

// Writes the text, padded, and a NUL into out; returns its length.
size_t gf_base64_encode(const void *bytes, size_t size, char *out);

// Writes the bytes into out, which has room for size * 3 / 4 and may be the text itself. Padding
// may be missing; anything else that is not of the alphabet, or bits that would be
// lost, is refused: false.
bool gf_base64_decode(const char *text, size_t size, void *out, size_t *out_size);

#endif
