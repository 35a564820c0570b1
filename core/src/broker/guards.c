// guards.c - what the stores agree on of guards: which types are shut, and snapshots.
#include "broker/guards.h"

#include <string.h>

#include "info/info.h"
#include "util/array.h"

bool gf_shut_add(gf_shut_types *all, const char *pattern, int64_t until_ms)
{
    size_t size = strlen(pattern);
    if (size == 0 || size > GF_NAME_MAX)
        return true;                     // no type is of such a name
    if (!gf_grow(all->items, all->room, all->count + 1))
        return false;
    gf_shut_type *one = &all->items[all->count++];
    *one = (gf_shut_type){ .until_ms = until_ms };
    memcpy(one->pattern, pattern, size);
    one->is_prefix = pattern[size - 1] == '*';
    one->size = size - one->is_prefix;
    return true;
}

static bool is_of(const gf_shut_type *one, const char *type)
{
    return strncmp(one->pattern, type, one->size) == 0 && (one->is_prefix || !type[one->size]);
}

const gf_shut_type *gf_shut_of(const gf_shut_types *all, const char *type)
{
    for (size_t i = 0; i < all->count; i++)
        if (is_of(&all->items[i], type))
            return &all->items[i];
    return NULL;
}

gofer_info *gf_paused_type_info(const char *type, int64_t paused_at_ms)
{
    gofer_info *info = gf_info_record();
    int bad = info && (gf_info_set_text(info, "type", type) |
        gf_info_set_int(info, "paused_at_ms", paused_at_ms));
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}
