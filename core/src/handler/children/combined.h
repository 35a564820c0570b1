// combined.h - the task that a child made of a group: the text of an 'end' is its type and options.
//
//     key NUL value NUL ...    as the headers of a task
//
//     type                     must be there
//     max_retry, timeout_ms... as in gofer_enqueue_options
//     limits                   keys, one in a line
//     header:KEY               a header
//
// Pure but for memory. Whether the values will do is gofer_group_combine's to see.
#ifndef GF_CHILDREN_COMBINED_H
#define GF_CHILDREN_COMBINED_H

#include <stddef.h>

#include "gofer/gofer.h"

typedef struct gf_combined {
    const char           *type;
    gofer_enqueue_options options;
    char                 *text;    // owned: what the others point into
    const char          **headers; // owned
    size_t                header_count, header_room;
    const char           *limits[GOFER_LIMIT_KEYS + 1];
} gf_combined;

// EINVAL, ENOMEM; *out is empty then.
gofer_status gf_combined_read(const char *text, size_t size, gf_combined *out);
void         gf_combined_clear(gf_combined *c);

#endif
