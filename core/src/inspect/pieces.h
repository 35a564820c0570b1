// pieces.h - the tasks of a page in pieces that a store may be asked for at once.
#ifndef GF_INSPECT_PIECES_H
#define GF_INSPECT_PIECES_H

#include <stddef.h>

#include "broker/types.h"

enum { GF_PIECE = 100 };           // tasks in one, within GF_PIECE_BYTES

// Calls `each` with the ids of at most GF_PIECE tasks, until all that the list of tasks names had
// their turn or one call fails.
gofer_status gf_by_pieces(const gofer_info *list,
    gofer_status (*each)(void *arg, const char *const *ids, size_t count), void *arg);

#endif
