// roll.h - who is in the crews of a worker, and what they do: called by each crew once a turn, for
// whoever looks at the worker.
//
// A crew writes a roll of its own and hands it over whole, by swapping (lane.c): so nobody waits
// for a crew, and figures that are read under the pool's lock agree with each other.
#ifndef GF_WORKER_ROLL_H
#define GF_WORKER_ROLL_H

#include <stddef.h>
#include <stdint.h>

struct gf_pool;

enum { GF_ENROLLED_NAME = 64 };

// A child process.
typedef struct gf_enrolled {
    char        name[GF_ENROLLED_NAME];        // UTF-8
    int         number;            // its place in its crew
    int64_t     pid;
    const char *state;             // "starting", "ready", "leaving", "ending"; static
    size_t      running, want;     // tasks: begun; that it runs at a time
    uint64_t    processed;         // tasks that it has ended, ever
    int64_t     started_ms;        // Unix
} gf_enrolled;

typedef struct gf_roll_sums {
    size_t   children;             // processes that are alive
    size_t   busy, want;           // all their tasks
    uint64_t restarts;             // deaths since the start, of those that were replaced
} gf_roll_sums;

typedef struct gf_roll {
    gf_enrolled *items;            // owned; without memory fewer than there are
    size_t       count, room;
    gf_roll_sums sums;
} gf_roll;

void gf_roll_clear(gf_roll *roll);
// Of all crews of a worker. Locks: pool->lock held.
gf_roll_sums gf_rolls_sum(const struct gf_pool *p);
// As they were registered, then by their place.
size_t       gf_rolls_copy(const struct gf_pool *p, gf_enrolled *out, size_t room);

#endif
