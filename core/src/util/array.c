// array.c - how arrays grow.
//
// May touch: alloc. A product that would overflow is "no memory", before anything is asked for.
#include "util/array.h"

#include <stdint.h>
#include <string.h>

#include "util/alloc.h"

enum { FIRST_BYTES = 256, FIRST_LEAST = 4 };

bool gf_array_grow(void *array, size_t *room, size_t need, size_t element_size)
{
    size_t most = SIZE_MAX / element_size;
    if (need <= *room)
        return true;
    if (need > most)
        return false;
    size_t more = *room > most / 2 ? most : 2 * *room;
    if (*room == 0)
        more = element_size * FIRST_LEAST < FIRST_BYTES ? FIRST_BYTES / element_size : FIRST_LEAST;
    if (more < need)
        more = need;

    void *at, *grown;
    memcpy(&at, array, sizeof at);     // a pointer to an element, of whatever type
    grown = gf_realloc(at, more * element_size);
    if (!grown)
        return false;
    memcpy(array, &grown, sizeof grown);
    *room = more;
    return true;
}
