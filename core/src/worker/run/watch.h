// watch.h - who is told of each run of a handler, whatever kind it is of: its start and its end.
// And the trace context that a watcher gives it.
//
// Watchers are set up before start and only read from then on. They are called without a lock, on
// the thread that runs the task; for children's tasks on those of the crew.
#ifndef GF_WORKER_WATCH_H
#define GF_WORKER_WATCH_H

#include <stddef.h>

#include "gofer/gofer.h"
#include "worker/run/outcome.h"
#include "worker/run/task.h"

typedef struct gf_watcher {
    gofer_start_hook start;        // NULL: not asked for
    gofer_end_hook   end;
    void            *user;
} gf_watcher;

typedef struct gf_watchers {
    gf_watcher *items;             // owned
    size_t      count, capacity;
} gf_watchers;

// What a watcher has given: texts in one piece of memory with this.
typedef struct gf_given_trace {
    const char *state;             // NULL: none
    char        parent[];
} gf_given_trace;

// For those who have seen that there are any. Of a start that was told nothing is told again.
void gf_watch_start(gofer_task *task);
// word: as in the history; text: what is kept of it, NULL: nothing.
void gf_watch_end(gofer_task *task, const gf_outcome *o, const char *word, const char *text);

#endif
