// moves.h - which acts may move a task from one state to another, and the words for them: the same
// in every store.
//
// GF_STATE_COUNT as the target is deletion. Asynq's rules; small enough to stand in a header.
#ifndef GF_BROKER_MOVES_H
#define GF_BROKER_MOVES_H

#include <stdbool.h>

#include "broker/broker.h"

static inline bool gf_move_allowed(gf_state from, gf_state to)
{
    if (to == GF_PENDING)
        return from == GF_SCHEDULED || from == GF_RETRY || from == GF_ARCHIVED ||
               from == GF_AGGREGATING;
    if (to == GF_ARCHIVED)
        return from == GF_PENDING || from == GF_SCHEDULED || from == GF_RETRY ||
               from == GF_AGGREGATING;
    return to == GF_STATE_COUNT && from != GF_ACTIVE;
}

static inline const char *gf_move_verb(gf_state to)
{
    return to == GF_PENDING ? "run" : to == GF_ARCHIVED ? "archived" : "deleted";
}

#endif
