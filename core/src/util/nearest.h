// nearest.h - the word that was probably meant. Pure: the binary has this file, too (gofer_text in
// util/CMakeLists.txt). Threads: any.
#ifndef GF_UTIL_NEAREST_H
#define GF_UTIL_NEAREST_H

#include <stddef.h>

// The nearest of `count` words to `word`, NULL if none is near.
const char *gf_nearest(const char *word, const char *const *words, size_t count);

// The first that begins so (of two letters or more), else the nearest; NULL: none is near.
const char *gf_meant(const char *word, const char *const *words, size_t count);

#endif
