// scheduler.h - enqueues the tasks of cron entries when they are due; one in every worker.
//
// All schedulers do the same, and the store lets each tick through once (broker/broker.h: tick).
// Whoever is first does it, so there is no leader to be lost. May touch: entry, book, due,
// broker/broker.h. Knows no worker.
//
// A thread of its own exists only while there are entries, or a file that lists some. Without, the
// host looks for entries now and then (gf_scheduler_look).
#ifndef GF_SCHEDULE_SCHEDULER_H
#define GF_SCHEDULE_SCHEDULER_H

#include <stdatomic.h>

#include "client/client.h"

typedef struct gf_scheduler gf_scheduler;

enum { GF_SCHEDULER_LOOK_MS = 5000 };      // how often entries are looked for, told or not

typedef struct gf_scheduler_config {
    gofer_client *client;          // borrowed
    const char   *id;              // of the worker; borrowed
    char *const  *files;           // keep the entries of these files in the store; copied
    size_t        file_count;
    int64_t       log_level;
    size_t        stack_size;      // of the thread; 0: the system's
    _Atomic int64_t *missed;       // counts ticks that a policy left out; borrowed; may be NULL
} gf_scheduler_config;

gofer_status gf_scheduler_new(gf_scheduler **out, const gf_scheduler_config *config);
// Stopped. NULL is fine.
void         gf_scheduler_free(gf_scheduler *s);

// Are there entries now? Starts the thread if so. Cheap when it runs. One thread of
// the host's at a time.
gofer_status gf_scheduler_look(gf_scheduler *s);
// Entries were changed: look now. True: the thread will; false: there is none, look
// yourself. Any thread.
bool         gf_scheduler_notify(gf_scheduler *s);
// No more ticks from here. Returns at once; any thread.
void         gf_scheduler_stop(gf_scheduler *s);
// Waits for the thread, after stop.
void         gf_scheduler_join(gf_scheduler *s);

// One pass of the thread, for tests: does what is due, returns in how many ms there is more, or -1:
// there are no entries and no file. mono_ms: the time by the monotonic clock.
int64_t gf_scheduler_pass(gf_scheduler *s, int64_t mono_ms);

#endif
