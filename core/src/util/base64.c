// base64.c - bytes as text (RFC 4648).
//
// Pure; the binary and the Lua module have it, too (gofer_text in util/CMakeLists.txt).
#include "util/base64.h"

#include <stdint.h>

size_t gf_base64_encode(const void *bytes, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    char *p = out;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16;
        if (i + 1 < size)
            v |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < size)
            v |= in[i + 2];
        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = i + 1 < size ? digits[v >> 6 & 63] : '=';
        *p++ = i + 2 < size ? digits[v & 63] : '=';
    }
    *p = '\0';
    return (size_t)(p - out);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool gf_base64_decode(const char *text, size_t size, void *out, size_t *out_size)
{
    unsigned char *to = out;
    size_t used = 0, padding = 0;
    uint32_t bits = 0;
    while (padding < 2 && padding < size && text[size - padding - 1] == '=')
        padding++;
    if (padding && size % 4 != 0)
        return false;
    size -= padding;
    if (size % 4 == 1)
        return false;
    int held = 0;                  // bits not written yet
    for (size_t i = 0; i < size; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[used++] = (unsigned char)(bits >> held);
        }
    }
    if (bits & ((1U << held) - 1))
        return false;              // a digit that says more than there are bytes
    *out_size = used;
    return true;
}
