// alloc.h - the library's memory: malloc and friends behind one replaceable table.
//
// Every allocation of libgofer goes through here, so that a host may bring its own
// allocator and the tests can make the n-th one fail. Threads: any.
#ifndef GF_UTIL_ALLOC_H
#define GF_UTIL_ALLOC_H

#include <stddef.h>

void *gf_alloc(size_t size);                       // not cleared; NULL: no memory
void *gf_calloc(size_t count, size_t size);        // cleared; checks the product
void *gf_realloc(void *memory, size_t size);
void  gf_free(void *memory);                       // NULL is fine
char *gf_strdup(const char *text);
void *gf_memdup(const void *bytes, size_t size);   // adds a NUL after the last byte

#endif
