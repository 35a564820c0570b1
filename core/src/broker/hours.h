// hours.h - the door's table of allowed hours, and those of a store as they are known to who takes.
//
// Hours (calendar/hours.h) are of a queue ("queue:NAME") or of a type, or a prefix and '*'
// ("type:PATTERN"). They are data of the store, the same for all who take. What the stores agree
// on:
// - A queue that is closed is not taken from, as one that is paused; what waits for work comes
//   back by itself when it opens.
// - Tasks of a type that is closed wait as those of one that is paused (broker/guards.h), until it
//   opens.
// - Whoever takes decides with the store's clock whether it is open, and asks once a second which
//   hours there are: so a take costs no question more, and at any moment of a second's length two
//   workers may be of two minds.
// - Hours that cannot be read here (a newer gofer's; a zone that this machine has not got) are
//   closed here: what must not run now loses nothing by waiting.
#ifndef GF_BROKER_HOURS_H
#define GF_BROKER_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"
#include "calendar/hours.h"
#include "calendar/zone.h"
#include "util/log.h"

#define GF_HOURS_QUEUE "queue:"
#define GF_HOURS_TYPE "type:"

enum {
    GF_HOURS_MAX = 100,                  // a take may look at each
    GF_HOURS_FRESH_MS = 1000             // what is known of them is good for so long
};

// One as the store has it; borrowed.
typedef struct gf_hours_row {
    const char *name, *spec;
} gf_hours_row;

typedef struct gf_hours_entry {
    char    *name, *spec;                // owned
    gf_hours *hours;                     // owned; NULL: it cannot be read here
    const gf_zone *zone;
    bool     open, turns;                // as gf_hours_state's
    int64_t  until_ms;                   // Unix; of one without hours when it is read again
} gf_hours_entry;

// Zero is an empty one. Locks: whose it is sees to that.
typedef struct gf_hours_book {
    gf_hours_entry *entries;
    size_t   count;
    gf_zones zones;
    int64_t  seen_ms, turn_ms;           // what the entries say holds from the one to the other
} gf_hours_book;

// What there is now; those that were there so are kept. False: no memory, and all is as it was.
bool gf_hours_book_set(gf_hours_book *book, const gf_hours_row *rows, size_t count);
// Sees to it that the entries say how it is now. log: hears of those that cannot be read; or NULL.
void gf_hours_book_turn(gf_hours_book *book, int64_t now_ms, const gf_log *log);
// The entry of exactly this name behind its front, if it is closed; NULL.
const gf_hours_entry *gf_hours_closed(const gf_hours_book *book, const char *front,
    const char *name);
// What of the name is behind its front (GF_HOURS_QUEUE, GF_HOURS_TYPE); NULL: it has another one.
const char *gf_hours_name_of(const char *name, const char *front);
void gf_hours_book_clear(gf_hours_book *book);

// As a snapshot (docs/fields.md): name and hours alone. NULL: no memory.
gofer_info *gf_hours_info(const char *name, const char *spec);

// Called by the client; wait, and may be called again.
typedef struct gf_hours_ops {
    // NULL: takes them away. ENOTFOUND.
    gofer_status (*put)(gf_broker *b, const char *name, const char *spec);
    // A list of all, in the order of their names.
    gofer_status (*list)(gf_broker *b, gofer_info **out);
} gf_hours_ops;

#endif
