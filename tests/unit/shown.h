// shown.h - what inspection shows of the one worker there is.
#ifndef TESTS_UNIT_SHOWN_H
#define TESTS_UNIT_SHOWN_H

#include <stdbool.h>
#include <string.h>

#include "gofer/gofer.h"

// Is it in this state?
__attribute__((unused)) static bool shown_as(gofer_client *client, const char *want)
{
    gofer_info *workers;
    if (gofer_client_workers(client, &workers) != GOFER_OK)
        return false;
    const gofer_info *first = gofer_info_at(workers, 0);
    const char *state = first ? gofer_info_text(first, "state") : NULL;
    bool is = state && strcmp(state, want) == 0;
    gofer_info_free(workers);
    return is;
}

#endif
