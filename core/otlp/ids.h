// ids.h - the ids of traces and spans, and which are sampled.
#ifndef OTLP_IDS_H
#define OTLP_IDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "util/traceparent.h"

// Numbers by chance, any thread, without a lock. Not for secrets.
typedef struct otlp_ids {
    uint64_t         keys[3];      // of the kernel
    _Atomic uint64_t next;
} otlp_ids;

bool otlp_ids_init(otlp_ids *ids);             // false: the kernel gives none
// The context of a new span, below `from` or in a trace of its own (NULL), with its flags: sampled
// or not, as the configuration says. `by`: what has put the task in; NULL: not known.
void otlp_ids_new(otlp_ids *ids, const otlp_config *config, const gf_traceparent *from,
    const gf_traceparent *by, gf_traceparent *out);

#endif
