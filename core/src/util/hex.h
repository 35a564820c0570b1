// hex.h - hexadecimal: the value of a digit, of either case; bytes as text and back.
//
// Small enough to stand in a header; pure.
#ifndef GF_UTIL_HEX_H
#define GF_UTIL_HEX_H

#include <stdbool.h>
#include <stddef.h>

// -1: no such digit.
static inline int gf_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Writes 2 * size characters, and no NUL; returns where they end.
static inline char *gf_hex_put(char *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

// Reads 2 * size characters; false: one of them is no digit, a NUL among them.
static inline bool gf_hex_take(const char *text, unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = gf_hex_value(text[2 * i]), low = high < 0 ? -1 : gf_hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

#endif
