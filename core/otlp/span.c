// span.c - the texts of a span.
//
// Pure.
#include "span.h"

#include <string.h>

size_t otlp_kept(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

const char *otlp_keep(char **at, const char *text)
{
    size_t size = otlp_kept(text);
    if (!size)
        return NULL;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}
