// state_cursor.c - a place in a walk over the states of a queue, as text.
//
// May touch: info/info.h, util/.
#include "inspect/state_cursor.h"

#include <stdio.h>
#include <string.h>

#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"

gofer_status gf_state_cursor_read(const char *cursor, const gf_state *order, size_t count,
    size_t *at, const char **rest)
{
    *at = 0;
    *rest = NULL;
    if (!cursor || !*cursor)
        return GOFER_OK;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(gf_state_name(order[i]));
        if (strncmp(cursor, gf_state_name(order[i]), size) != 0 || cursor[size] != ' ')
            continue;
        *at = i;
        *rest = cursor[size + 1] ? cursor + size + 1 : NULL;
        return GOFER_OK;
    }
    return gf_fail(GOFER_EINVAL, "'%.40s' is not a cursor: use next_cursor of the call before",
        cursor);
}

int gf_state_cursor_set(gofer_info *record, gf_state state, const char *rest)
{
    size_t size = strlen(gf_state_name(state)) + (rest ? strlen(rest) : 0) + 2;
    char *text = gf_alloc(size);
    if (!text) {
        gf_fail_nomem("a cursor");
        return -1;
    }
    snprintf(text, size, "%s %s", gf_state_name(state), rest ? rest : "");
    int bad = gf_info_set_text(record, "next_cursor", text);
    gf_free(text);
    return bad;
}
