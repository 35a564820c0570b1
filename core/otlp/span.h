// span.h - one span on its way from the thread of its task to the collector.
#ifndef OTLP_SPAN_H
#define OTLP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/traceparent.h"

// Owned by whoever has it: one piece of memory with its texts.
typedef struct otlp_span {
    struct otlp_span *next;        // in the queue, or in a batch
    gf_traceparent    own, from;   // from: of what has put the task in
    bool              has_from, is_child, is_failure;
    int64_t           start_ns, end_ns;    // Unix
    int32_t           attempt, max_retry;
    const char       *queue, *type, *id, *outcome, *kind;
    const char       *text, *state;        // NULL: none
    char              texts[];
} otlp_span;

// A batch: spans in their order.
typedef struct otlp_batch {
    otlp_span *first, *last;
    size_t     count;
} otlp_batch;

#endif
