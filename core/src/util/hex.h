// hex.h - the value of a hexadecimal digit, of either case.
//
// Small enough to stand in a header; pure.
#ifndef GF_UTIL_HEX_H
#define GF_UTIL_HEX_H

// -1: no such digit.
static inline int gf_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
