// table.h - finds things by a number: chains in buckets, which grow with them. A few are one chain,
// which needs no memory.
//
// A thing has a gf_link in it, so adding needs memory for the buckets alone. Several may have the
// same number (a hash): who looks compares. Small enough to stand in a header; knows nothing of
// tasks. Threads: none of its own, as its owner says.
#ifndef GF_UTIL_TABLE_H
#define GF_UTIL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/alloc.h"

typedef struct gf_link {
    struct gf_link *next;          // in its bucket
    uint64_t        key;
} gf_link;

typedef struct gf_table {
    gf_link  *few;                 // the chain while there are no buckets
    gf_link **buckets;             // owned; NULL: none yet
    size_t    size, count;         // size: a power of two
} gf_table;

// Numbers that follow each other, and hashes whose low bits are alike, are spread.
static inline size_t gf_table_place(const gf_table *t, uint64_t key)
{
    return (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->size - 1);
}

static inline gf_link **gf_table_bucket(gf_table *t, uint64_t key)
{
    return t->size ? &t->buckets[gf_table_place(t, key)] : &t->few;
}

static inline void gf_table_move(gf_table *to, gf_link *chain)
{
    for (gf_link *next; chain; chain = next) {
        gf_link **bucket = gf_table_bucket(to, chain->key);
        next = chain->next;
        chain->next = *bucket;
        *bucket = chain;
    }
}

// A table that cannot grow is slower, no more.
static inline void gf_table_grow(gf_table *t)
{
    enum { FIRST = 32 };
    gf_table to = { .size = t->size ? 2 * t->size : FIRST, .count = t->count };
    to.buckets = gf_calloc(to.size, sizeof(gf_link *));
    if (!to.buckets)
        return;
    gf_table_move(&to, t->few);
    for (size_t i = 0; i < t->size; i++)
        gf_table_move(&to, t->buckets[i]);
    gf_free(t->buckets);
    *t = to;
}

static inline void gf_table_add(gf_table *t, gf_link *link, uint64_t key)
{
    enum { FEW = 16 };
    if (t->count >= (t->size ? t->size : FEW))
        gf_table_grow(t);
    gf_link **bucket = gf_table_bucket(t, key);
    link->key = key;
    link->next = *bucket;
    *bucket = link;
    t->count++;
}

static inline gf_link *gf_table_next(const gf_link *link)      // of the same number; NULL: none
{
    uint64_t key = link->key;
    gf_link *next = link->next;
    while (next && next->key != key)
        next = next->next;
    return next;
}

static inline gf_link *gf_table_find(const gf_table *t, uint64_t key)
{
    gf_link *link = t->size ? t->buckets[gf_table_place(t, key)] : t->few;
    return link && link->key != key ? gf_table_next(&(gf_link){ link, key }) : link;
}

static inline void gf_table_remove(gf_table *t, gf_link *link)         // which is there
{
    gf_link **at = gf_table_bucket(t, link->key);
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    t->count--;
}

// To walk through all of them: so many chains, and each of these.
static inline size_t gf_table_chains(const gf_table *t)
{
    return t->size ? t->size : 1;
}

static inline gf_link *gf_table_chain(const gf_table *t, size_t i)
{
    return t->size ? t->buckets[i] : t->few;
}

static inline void gf_table_clear(gf_table *t)                 // all zero again
{
    gf_free(t->buckets);
    *t = (gf_table){ 0 };
}

#endif
