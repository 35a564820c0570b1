// state_cursor.h - a place in a walk over the states of a queue: "<state> <the store's cursor>".
#ifndef GF_INSPECT_STATE_CURSOR_H
#define GF_INSPECT_STATE_CURSOR_H

#include <stddef.h>

#include "broker/types.h"

// Which of the states, and the store's cursor there (NULL: from the first). NULL or empty: from the
// first state on. EINVAL.
gofer_status gf_state_cursor_read(const char *cursor, const gf_state *order, size_t count,
    size_t *at, const char **rest);
// As next_cursor of the record; rest NULL: from the first of the state. -1: no memory.
int gf_state_cursor_set(gofer_info *record, gf_state state, const char *rest);

#endif
