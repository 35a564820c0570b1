// scheduling.h - the worker's scheduler of cron entries: which files it keeps, when it starts and
// ends.
//
// Files are listed before start. From then on all is housekeeping's but `changed`, which any thread
// sets.
#ifndef GF_WORKER_SCHEDULING_H
#define GF_WORKER_SCHEDULING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"
#include "schedule/scheduler.h"

typedef struct gf_scheduling {
    _Atomic int   changed;         // cron entries were changed
    char        **files;           // owned
    size_t        file_count, file_capacity;
    // From start to the end of housekeeping; NULL: not wanted, or there is no cron in the store.
    gf_scheduler *scheduler;
} gf_scheduling;

gofer_status gf_scheduling_start(gofer_worker *w);
gofer_status gf_scheduling_look(gofer_worker *w);  // while there is no thread: are there entries?
// Have entries changed, and nobody but us can look?
bool         gf_scheduling_take_over(gofer_worker *w);
void         gf_scheduling_stop(gofer_worker *w);  // no more ticks; the guard's
void         gf_scheduling_end(gofer_worker *w);   // waits for a call to the store under way
void         gf_scheduling_clear(gofer_worker *w); // the list of files

#endif
