// sha256.h - the digest of FIPS 180-4, by which equal payloads are found.
//
// Not for secrets. Pure: the state is the caller's, who feeds it bytes in pieces of any size.
#ifndef GF_UTIL_SHA256_H
#define GF_UTIL_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { GF_SHA256_SIZE = 32, GF_SHA256_BLOCK = 64 };

typedef struct gf_sha256 {
    uint32_t      state[8];
    uint64_t      size;                          // bytes so far
    unsigned char block[GF_SHA256_BLOCK];        // those of them that do not fill one
} gf_sha256;

void gf_sha256_begin(gf_sha256 *h);
void gf_sha256_add(gf_sha256 *h, const void *bytes, size_t size);     // NULL when size is 0
void gf_sha256_end(gf_sha256 *h, unsigned char out[GF_SHA256_SIZE]);

#endif
