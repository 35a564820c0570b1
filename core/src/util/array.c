// array.c - how arrays grow.
//
// May touch: alloc. A product that would overflow is "no memory", before anything is asked for.
#include "util/array.h"

#include <stdint.h>
#include <string.h>

#include "util/alloc.h"

enum { FIRST_BYTES = 256, FIRST_LEAST = 4 };

// How much room there is to be: at least `need`, which is no more than there can be.
static size_t next_room(size_t room, size_t need, size_t element_size)
{
    size_t most = SIZE_MAX / element_size;
    size_t more = room > most / 2 ? most : 2 * room;
    if (room == 0)
        more = element_size * FIRST_LEAST < FIRST_BYTES ? FIRST_BYTES / element_size : FIRST_LEAST;
    return more < need ? need : more;
}

static bool resize(const gf_column *column, size_t room)
{
    void *at, *grown;
    if (room > SIZE_MAX / column->element_size)
        return false;
    memcpy(&at, column->array, sizeof at);     // a pointer to an element, of whatever type
    grown = gf_realloc(at, room * column->element_size);
    if (!grown)
        return false;
    memcpy(column->array, &grown, sizeof grown);
    return true;
}

bool gf_array_grow_columns(size_t *room, size_t need, const gf_column *columns, size_t count)
{
    if (need <= *room)
        return true;
    if (need > SIZE_MAX / columns[0].element_size)
        return false;
    size_t more = next_room(*room, need, columns[0].element_size);
    for (size_t i = 0; i < count; i++)
        if (!resize(&columns[i], more))
            return false;
    *room = more;
    return true;
}

bool gf_array_grow(void *array, size_t *room, size_t need, size_t element_size)
{
    return gf_array_grow_columns(room, need, &(gf_column){ array, element_size }, 1);
}
