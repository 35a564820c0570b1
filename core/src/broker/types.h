// types.h - the words that all of the broker door's tables use: states, names, counts, handles.
//
// May touch: message/, util/. Pure data; who includes one of the tables has these too. The numbers
// of the states are kept in SQLite files, so they never change.
#ifndef GF_BROKER_TYPES_H
#define GF_BROKER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "message/message.h"
#include "util/text.h"

typedef struct gf_broker gf_broker;

// The states, spelled as Asynq does (wire.md). The numbers are kept in the SQLite file.
typedef enum gf_state {
    GF_PENDING = 0,
    GF_ACTIVE = 1,
    GF_SCHEDULED = 2,
    GF_RETRY = 3,
    GF_COMPLETED = 4,
    GF_ARCHIVED = 5,
    GF_AGGREGATING = 6,
    GF_STATE_COUNT = 7
} gf_state;

const char *gf_state_name(gf_state state);
bool        gf_state_parse(const char *name, gf_state *out);

enum { GF_ID_MAX = GF_NAME_MAX };  // bytes of a task's id

typedef struct gf_names { char **names; size_t count, room; } gf_names;
typedef struct gf_counts { int64_t of[GF_STATE_COUNT]; } gf_counts;
bool gf_names_add(gf_names *names, const char *name);  // a copy; false: no memory
void gf_names_clear(gf_names *names);                  // all zero again

// What ended a task, for those who wait for it (`waits_next`); the words are
// gofer_client_wait's outcomes.
typedef enum gf_end {
    GF_END_DONE,
    GF_END_ARCHIVED,
    GF_END_CANCELLED,
    GF_END_EXPIRED,
    GF_END_REVOKED,
    GF_END_DELETED
} gf_end;
const char *gf_end_name(gf_end end);

// What times for the store are reckoned from: its clock, not ours, which may be minutes off.
int64_t gf_broker_now_ms(gf_broker *b);

#endif
