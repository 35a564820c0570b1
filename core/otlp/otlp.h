// otlp.h - spans of the runs of a worker's tasks, and of putting tasks in, sent to a collector as
// OTLP over HTTP, in JSON.
//
// A run's span begins and ends in hooks on the thread that runs it (gofer_worker_watch), which copy
// what the span tells into a bounded queue and never wait for more than its lock. A thread of our
// own sends what has come together (export.c). What the queue has no room for is dropped, counted
// and said.
#ifndef OTLP_OTLP_H
#define OTLP_OTLP_H

#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"
#include "put_round.h"

// What the host chooses; all else is in the environment, under OpenTelemetry's names (config.c).
typedef struct otlp_options {
    const char  *endpoint;         // where the collector is; NULL: as the environment says
    const char  *service;          // service.name, unless the environment has one
    int64_t      patience_ms;      // at the end what is left is sent for so long at the most
    bool         parent;           // a task's span is the child of the one that put it in; else it
                                   //   begins a trace, with a link to that one
    bool         errors;           // what went wrong is told in words
    gofer_log_fn log;              // any thread
    void        *log_user;
} otlp_options;

typedef struct otlp otlp;

typedef enum otlp_opened {
    OTLP_OPEN,
    OTLP_OFF,                      // the environment has turned it off: *out is NULL
    OTLP_BAD,                      // what was asked for makes no sense: why says what
    OTLP_UNABLE                    // no libcurl, no memory
} otlp_opened;

otlp_opened otlp_open(otlp **out, const otlp_options *options, char *why, size_t size);
// Before the worker's start: its runs get spans from then on. false: why says why.
bool otlp_watch(otlp *o, gofer_worker *worker, char *why, size_t size);
// In place of that, without a worker.
bool otlp_start(otlp *o, char *why, size_t size);
// Spans of putting in: borrows o. They are below the context that tasks are put in within, and what
// the tasks carry.
put_watch otlp_put_watch(otlp *o);
// The worker has ended: sends what is left within the patience, drops what is left then, and ends
// the thread. Before the worker is freed. NULL is fine.
void otlp_end(otlp *o);
// After that, and after the worker is freed: a handler left behind may still end. NULL is fine.
void otlp_free(otlp *o);

#endif
