// printed.h - the lines that a process prints: cut at their ends, long ones into pieces.
//
// Small enough to stand in a header. Threads: as its owner says.
#ifndef GF_HANDLER_PRINTED_H
#define GF_HANDLER_PRINTED_H

#include <stdbool.h>
#include <stddef.h>

enum { GF_PRINTED_MAX = 1024 };    // bytes of a line; longer ones come in pieces

typedef struct gf_printed {
    size_t size;
    char   line[GF_PRINTED_MAX + 1];
} gf_printed;

// Takes bytes until a line, or a piece of one, is whole: true, and a NUL ends it. Its owner does
// what is to be done with it (it may be empty), sets its size to 0 and goes on. A NUL within
// becomes a blank.
static inline bool gf_printed_take(gf_printed *p, const char **bytes, size_t *size)
{
    while (*size) {
        char c = *(*bytes)++;
        --*size;
        bool ends = c == '\n' || c == '\r';
        if (!ends)
            p->line[p->size++] = c ? c : ' ';
        if (ends || p->size == GF_PRINTED_MAX) {
            p->line[p->size] = '\0';
            return true;
        }
    }
    return false;
}

#endif
