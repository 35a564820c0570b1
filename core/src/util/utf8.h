// utf8.h - UTF-8 (RFC 3629): one character read or written, whole texts checked and repaired.
//
// Over-long forms, surrogates and what is past U+10FFFF are no characters. Pure: the binary and
// the Lua module have this file, too (gofer_text in util/CMakeLists.txt).
#ifndef GF_UTIL_UTF8_H
#define GF_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Length of the character at bytes (size >= 1 of them there), 0: malformed. *code receives it.
size_t gf_utf8_read(const void *bytes, size_t size, uint32_t *code);

// Writes a character (up to U+10FFFF, no surrogate) into out, which has room for 4 bytes.
size_t gf_utf8_write(uint32_t code, char *out);

bool gf_utf8_valid(const void *bytes, size_t size);

// Copy size bytes into out (capacity >= 1, NUL-terminated), putting U+FFFD for what is not
// UTF-8 and cutting on a character boundary. Returns the length written.
size_t gf_utf8_clean(const void *bytes, size_t size, char *out, size_t capacity);

#endif
