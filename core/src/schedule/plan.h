// plan.h - the entries that a scheduler serves, in memory, in the order in which they come.
//
// One thread's. May touch: entry, book, broker/broker.h.
#ifndef GF_SCHEDULE_PLAN_H
#define GF_SCHEDULE_PLAN_H

#include "schedule/book.h"

typedef struct gf_planned {
    gf_schedule    entry;
    uint64_t       digest;         // of its record: to see that it is the same as before
    const gf_zone *zone;           // NULL: cannot be served here
    int64_t        last_ms;        // the latest tick that is dealt with, or since_ms
    int64_t        noted_ms;       // the latest that the store has noted, as
                                   //   far as we know; 0: none
    int64_t        next_ms;        // the next tick; INT64_MAX: none
    int64_t        wake_ms;        // when to look at it again: the next tick, or sooner
    int64_t        backoff_ms;     // after a failure; 0: it is well
    bool           held;           // a tick waits for the end of the previous task
} gf_planned;

typedef struct gf_plan {
    gf_planned *items;             // by name
    size_t      count;
    size_t     *heap;              // of all items, by wake_ms: the next one first
    int64_t     version;           // of the store's entries; -1: not loaded yet
    gf_zones    zones;
} gf_plan;

void gf_plan_init(gf_plan *plan);
void gf_plan_clear(gf_plan *plan);

// Takes over what has changed in the store, unless that has lost entries. What stays the same keeps
// its place in time. broken: hears of each entry that cannot be served, once.
typedef void (*gf_report_broken)(void *arg, const char *name, const char *why);
gofer_status gf_plan_load(gf_plan *plan, gf_broker *b, gf_report_broken broken, void *arg);

// ESTATE of load: the store has lost entries that it had. Put back what we remember, with the ticks
// so far counted as done; then load again. *restored: how many.
gofer_status gf_plan_restore(gf_plan *plan, gf_broker *b, size_t *restored);

// The item to be looked at next; NULL: none.
gf_planned *gf_plan_first(const gf_plan *plan);
// Its wake_ms has changed; it need not be the first any more. Only for the first.
void        gf_plan_sink(gf_plan *plan);
// The wake_ms of any has changed.
void        gf_plan_reorder(gf_plan *plan);
// The clock was set: everything is put in order anew.
void        gf_plan_rewind(gf_plan *plan, int64_t now_ms);

// Sets last_ms and with it next_ms and wake_ms.
void gf_planned_advance(gf_planned *p, int64_t last_ms);

#endif
