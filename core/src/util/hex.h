// hex.h - hexadecimal: the value of a digit, of either case; bytes as text and back.
//
// Small enough to stand in a header; pure.
#ifndef GF_UTIL_HEX_H
#define GF_UTIL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// -1: no such digit.
static inline int gf_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Writes 2 * size characters, and no NUL; returns where they end. Both of a byte at once: each task
// has an id.
static inline char *gf_hex_put(char *out, const unsigned char *bytes, size_t size)
{
#define GF_HEX_ROW(h)                                                                              \
    h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"
    static const char pairs[] = GF_HEX_ROW("0") GF_HEX_ROW("1") GF_HEX_ROW("2") GF_HEX_ROW("3")
        GF_HEX_ROW("4") GF_HEX_ROW("5") GF_HEX_ROW("6") GF_HEX_ROW("7") GF_HEX_ROW("8")
        GF_HEX_ROW("9") GF_HEX_ROW("a") GF_HEX_ROW("b") GF_HEX_ROW("c") GF_HEX_ROW("d")
        GF_HEX_ROW("e") GF_HEX_ROW("f");
#undef GF_HEX_ROW
    for (size_t i = 0; i < size; i++, out += 2)
        memcpy(out, pairs + 2 * bytes[i], 2);
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
