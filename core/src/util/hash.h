// hash.h - FNV-1a, the one hash of gofer. It is no secret and no signature: whoever chooses the
// bytes can choose what they hash to. Some values are in files and agreed on by several versions
// (a cron entry's jitter, a queue's bit in the sidecar), so these functions stay as they are.
#ifndef GF_UTIL_HASH_H
#define GF_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GF_HASH_START UINT64_C(14695981039346656037)

// The hash of what came before (GF_HASH_START: nothing) and these bytes.
static inline uint64_t gf_hash_more(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return hash;
}

// Of two names, with the NUL between them, which no name holds.
static inline uint64_t gf_hash_names(const char *a, const char *b)
{
    uint64_t h = gf_hash_more(GF_HASH_START, a, strlen(a) + 1);
    return gf_hash_more(h, b, strlen(b));
}

static inline uint64_t gf_hash_text(const char *text)
{
    return gf_hash_more(GF_HASH_START, text, strlen(text));
}

// Of 32 bits, which is another hash, not half of the one above.
static inline uint32_t gf_hash32_text(const char *text)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
    return hash;
}

#endif
