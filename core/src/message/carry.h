// carry.h - the trace context that goes on from task to task: what a thread carries, for the tasks
// that it puts in.
//
// The thread's own, as its last error is. May touch: message.h, options.h, util/.
#ifndef GF_MESSAGE_CARRY_H
#define GF_MESSAGE_CARRY_H

#include <stdbool.h>

#include "message/message.h"

// Borrowed; parent NULL: none. state is NULL without a parent, and may be.
typedef struct gf_trace {
    const char *parent, *state;
} gf_trace;

// What a task's headers say, where it is well-formed.
gf_trace gf_trace_of(const gf_message *m);
// While this thread runs a task it carries that task's context, if that has one. Borrowed until the
// end.
void gf_carry_begin(const gf_trace *trace);
void gf_carry_end(void);
// Adds what this thread carries to packed headers (gf_alloc; NULL: none yet) that have no context
// of their own. ENOMEM leaves them.
gofer_status gf_carry_on(char **headers, size_t *size);

#endif
