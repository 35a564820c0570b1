// minmax.h - the smaller and the larger of two.
//
// Functions, not macros: each argument is worked out once. Small enough to stand in a header.
#ifndef GF_UTIL_MINMAX_H
#define GF_UTIL_MINMAX_H

#include <stddef.h>
#include <stdint.h>

static inline int64_t gf_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t gf_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline size_t gf_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t gf_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
