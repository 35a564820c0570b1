// gather.h - when tasks come fast, let some gather before the next exchange with the store.
//
// An exchange costs about the same for one task as for ten. While few come each is fetched at once;
// when so many come that another would within the bound, the next exchange waits for it, and
// finished tasks go with it: as network cards do with their interrupts. The fetcher's thread alone.
#ifndef GF_WORKER_GATHER_H
#define GF_WORKER_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gf_gather {
    int64_t begun_ns;              // of the time that is being measured; 0: nothing yet
    size_t  tasks;                 //   taken in it
    int64_t gap_ns;                // between two tasks, as measured; 0: not known
    int64_t last_ns;               // when the last exchange ended that left nothing
} gf_gather;

// An exchange that wanted tasks has ended: it took so many, and that was all there were, or not.
void    gf_gather_note(gf_gather *g, size_t taken, bool all, int64_t now_ns);
// Do so many come, after an exchange that took some, that it is worth a wait?
bool    gf_gather_flows(const gf_gather *g, int64_t bound_ns);
// How long the next one shall wait, at most bound_ns after the last. 0: not at all.
int64_t gf_gather_ns(const gf_gather *g, int64_t bound_ns, int64_t now_ns);

#endif
