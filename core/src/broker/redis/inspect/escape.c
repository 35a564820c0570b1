// escape.c - bytes in a cursor: what is not plain is a '%' and two digits.
//
// May touch: util/. Threads: any.
#include "broker/redis/inspect/escape.h"

#include <stdbool.h>

#include "util/alloc.h"

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 127 && c != '%' && c != ':';
}

char *gf_rd_escape(char *out, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (is_plain(c)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    *out = '\0';
    return out;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *gf_rd_unescape(const char *text, size_t size, size_t *out_size)
{
    char *out = gf_alloc(size + 1), *to = out;
    for (size_t i = 0; out && i < size; i++) {
        if (text[i] != '%') {
            *to++ = text[i];
            continue;
        }
        if (i + 2 >= size || digit_of(text[i + 1]) < 0 || digit_of(text[i + 2]) < 0) {
            gf_free(out);
            return NULL;
        }
        *to++ = (char)(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
        i += 2;
    }
    if (out) {
        *to = '\0';
        *out_size = (size_t)(to - out);
    }
    return out;
}
