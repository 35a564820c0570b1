// sum.h - sums of numbers that somebody else may have written: they stop at what an integer holds.
//
// A signed overflow would be undefined. Small enough to stand in a header; pure.
#ifndef GF_UTIL_SUM_H
#define GF_UTIL_SUM_H

#include <stdint.h>

static inline int64_t gf_sum(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    return b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

#endif
