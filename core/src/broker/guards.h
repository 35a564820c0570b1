// guards.h - the door's table of guards: types that are paused, and circuit breakers of types.
//
// What is paused is a type, or a prefix and '*': then each type that begins so. It is data of the
// store, the same for all who take. What the stores agree on:
// - A take that meets a task of a paused type does not take it: in the same step it leaves the
//   line, as one that waits for a limit key without room (limits.h), and waits for the key
//   "type:TYPE" by the name that is paused. Those of other types go on.
// - Of tasks that run one after the other (limits.h) its turn comes first, and stays while it waits
//   for its type: so the order of a key stays what it is.
// - When the type is not paused any more forward brings back who waits: before all others, in the
//   order in which they stood.
// - SQLite looks at what is paused in each take; Redis asks once a second (redis/limit/guards.c).
//
// A breaker (breaker.h) that is open holds its type in the same way, by the same key. The exchange
// counts what becomes of attempts: SQLite in its transaction, Redis in the process, which adds it
// to the store a few times a second while the breaker is closed, else at once. Half open, SQLite
// counts who is let through when it is taken; on Redis forward marks who may be taken.
#ifndef GF_BROKER_GUARDS_H
#define GF_BROKER_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/breaker.h"
#include "broker/types.h"

enum {
    GF_PAUSED_TYPES_MAX = 100,           // a take compares with each
    GF_SHUT_LOOK_MS = 60000              // who waits for a type is looked at so often, in case
                                         //   nobody tells
};
// A pause that somebody ends: as a time, Unix ms. It is of the year 9999.
#define GF_PAUSED_FOREVER INT64_C(253402300799000)

// A type that no task is taken of now.
typedef struct gf_shut_type {
    char    pattern[GF_NAME_MAX + 1];    // a type, or a prefix and '*'
    size_t  size;                        // of what is compared
    bool    is_prefix;
    int64_t until_ms;                    // Unix
} gf_shut_type;

typedef struct gf_shut_types {
    gf_shut_type *items;                 // gf_free
    size_t        count, room;
} gf_shut_types;

bool gf_shut_add(gf_shut_types *all, const char *pattern, int64_t until_ms);   // false: no memory
const gf_shut_type *gf_shut_of(const gf_shut_types *all, const char *type);    // NULL: it is open

// As a snapshot (docs/fields.md); waiting is set by whoever knows. NULL: no memory.
gofer_info *gf_paused_type_info(const char *type, int64_t paused_at_ms);

// All are called by the client, wait, and may be called again.
typedef struct gf_guards_ops {
    // Of one that is (or is not) so already nothing changes.
    gofer_status (*type_pause)(gf_broker *b, const char *type, bool paused);
    // A list of those that are paused, in the order of their names.
    gofer_status (*types)(gf_broker *b, gofer_info **out);
    // The breaker of this type (or prefix and '*') has this rule from now on. EFULL: there are
    // GF_BREAKERS_MAX. EEXIST: another one has some of its types.
    gofer_status (*breaker_put)(gf_broker *b, const char *type, const gf_breaker_rule *rule);
    // ENOTFOUND. Who waits for one that was open is brought back.
    gofer_status (*breaker_drop)(gf_broker *b, const char *type);
    gofer_status (*breaker_close)(gf_broker *b, const char *type);
    // A list of them, in the order of their names. Called by: also housekeeping.
    gofer_status (*breakers)(gf_broker *b, gofer_info **out);
} gf_guards_ops;

#endif
