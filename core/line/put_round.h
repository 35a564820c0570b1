// put_round.h - tasks that are put in by one call, and who watches that.
//
// Between command line and web interface on one side, and what makes spans (core/otlp) on the
// other: neither knows of the other. Threads: a round belongs to one; a watch is for any.
#ifndef LINE_PUT_ROUND_H
#define LINE_PUT_ROUND_H

#include <stddef.h>

#include "gofer/gofer.h"

// The arguments of gofer_client_enqueue_many, side by side.
typedef struct put_round {
    size_t                              count;
    const char *const                  *types;
    const void *const                  *payloads;
    const size_t                       *sizes;
    const gofer_enqueue_options *const *opts;       // none is NULL
    gofer_status                       *statuses;   // NULL: the ids say it
    char                              **ids;        // out, to be freed by gofer_free; NULL: refused
} put_round;

// The W3C trace context that tasks are put in within. NULL: none.
typedef struct put_context {
    const char *parent, *state;
} put_context;

// Who watches: begin and end are called on the thread that puts in, before and after. What begin
// has the thread carry (gofer_trace_carry) the tasks have, unless they have a context of their own.
typedef struct put_watch {
    // What it hands out is given to end; NULL: end is called all the same.
    void *(*begin)(void *user, const put_context *from);
    // status: what the call returned, of several refused ones the first's.
    void (*end)(void *user, void *begun, const put_round *round, gofer_status status);
    void *user;
} put_watch;

// Where tasks are put in, within what, and before whose eyes.
typedef struct put_way {
    gofer_client    *client;
    put_context      from;
    const put_watch *watch;        // NULL: nobody's
} put_way;

// A single one whose status is not asked for is put in by itself, so that what the library says of
// it does not speak of many. Errors: the library's.
gofer_status put_round_send(const put_way *way, const put_round *round);

#endif
