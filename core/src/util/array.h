// array.h - room at the end of an array: the one place that works out how much.
//
// An array is a pointer (NULL: none yet), its count and its room, in elements. It grows by
// doubling, so that n elements are moved about twice in all. Threads: none of its
// own, as its owner says.
#ifndef GF_UTIL_ARRAY_H
#define GF_UTIL_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

// Room for at least `need` elements of an array that gf_alloc's family owns. False: no memory, or
// more than there can be; the array is as it was. Names what it changes twice, so no side effects.
#define gf_grow(array, room, need) gf_array_grow(&(array), &(room), (need), sizeof *(array))

// The same for arrays that have one room: gf_grow_columns(room, need, GF_COLUMN(a), GF_COLUMN(b)).
// False: some may have moved, and all have the room they had.
#define gf_grow_columns(room, need, ...)                                                          \
    gf_array_grow_columns(&(room), (need), (const gf_column[]){ __VA_ARGS__ },                     \
        sizeof((const gf_column[]){ __VA_ARGS__ }) / sizeof(gf_column))
#define GF_COLUMN(array) { &(array), sizeof *(array) }

typedef struct gf_column {
    void  *array;                  // where the pointer to the first element is
    size_t element_size;
} gf_column;

bool gf_array_grow(void *array, size_t *room, size_t need, size_t element_size);
bool gf_array_grow_columns(size_t *room, size_t need, const gf_column *columns, size_t count);

#endif
