// span.h - one span on its way from the thread that it is of to the collector.
#ifndef OTLP_SPAN_H
#define OTLP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/traceparent.h"

typedef enum otlp_kind { OTLP_PROCESS, OTLP_ENQUEUE } otlp_kind;

// Owned by whoever has it: one piece of memory with its texts and links.
typedef struct otlp_span {
    struct otlp_span *next;        // in the queue, or in a batch
    otlp_kind         what;
    gf_traceparent    own, from;   // from: of what has put the task in; of an enqueueing, what that
                                   //   is within
    bool              has_from, is_child, is_failure;
    int64_t           start_ns, end_ns;    // Unix
    int32_t           attempt, max_retry;  // of a run
    size_t            count;               // of an enqueueing: tasks
    const gf_traceparent *links;           // to contexts that its tasks had before
    size_t            link_count;
    // NULL: there is none, or of an enqueueing not one for all tasks. kind: of a failure.
    const char       *queue, *type, *id, *outcome, *kind, *text, *state;
    char              texts[];
} otlp_span;

// Copies a text to where there is room for it (NULL: none), and moves on.
const char *otlp_keep(char **at, const char *text);
size_t      otlp_kept(const char *text);       // the room that it takes

// A batch: spans in their order.
typedef struct otlp_batch {
    otlp_span *first, *last;
    size_t     count;
} otlp_batch;

#endif
