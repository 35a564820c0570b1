// utf8.c - UTF-8: one character read or written, whole texts checked and repaired.
//
// Pure; the binary and the Lua module have it, too (gofer_text in util/CMakeLists.txt).
#include "util/utf8.h"

#include <string.h>

size_t gf_utf8_read(const void *bytes, size_t size, uint32_t *code)
{
    const unsigned char *p = bytes;
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }

    size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || length > size)
        return 0;

    uint32_t c = p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (c < smallest[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return length;
}

size_t gf_utf8_write(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> length & 0xFF) | code);
    return length;
}

// Names, ids and most texts are ASCII: eight characters at a time.
static const unsigned char *past_ascii(const unsigned char *p, const unsigned char *end)
{
    for (uint64_t word; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
        memcpy(&word, p, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

bool gf_utf8_valid(const void *bytes, size_t size)
{
    const unsigned char *p = bytes, *end = p + size;
    while ((p = past_ascii(p, end)) < end) {
        uint32_t code;
        size_t length = gf_utf8_read(p, (size_t)(end - p), &code);
        if (length == 0)
            return false;
        p += length;
    }
    return true;
}

size_t gf_utf8_clean(const void *bytes, size_t size, char *out, size_t capacity)
{
    static const char replacement[] = "\xEF\xBF\xBD";   // U+FFFD
    const unsigned char *p = bytes, *end = p + size;
    size_t n = 0;
    while (p < end) {
        uint32_t code;
        size_t length = gf_utf8_read(p, (size_t)(end - p), &code);
        bool good = length > 0 && code != 0;
        const void *from = good ? (const void *)p : replacement;
        size_t add = good ? length : 3;
        if (n + add + 1 > capacity)
            break;
        memcpy(out + n, from, add);
        n += add;
        p += length > 0 ? length : 1;
    }
    out[n] = '\0';
    return n;
}
