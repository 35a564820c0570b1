// scale.h - how many slots a queue wants, for autoscalers and for people. Threads: any.
#ifndef LINE_SCALE_H
#define LINE_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { SLOTS_WANTED_MS = 10000 };     // how long tasks may wait, if nobody says

// So many that what waits now has started within wanted_ms, by how long tasks of the queue ran of
// late; those that are busy counted. queue: its record; types: of gofer_client_stats.
int64_t slots_wanted(const gofer_info *queue, const gofer_info *types, int64_t wanted_ms);

// The same for who asks of many queues: what the types of each are worth is summed up once. The
// types are borrowed until the end.
typedef struct slots_scale {
    struct slots_worth *at;         // by queue
    size_t              count;
} slots_scale;

bool slots_scale_init(slots_scale *scale, const gofer_info *types);     // false: no memory
void slots_scale_clear(slots_scale *scale);
int64_t slots_scale_wanted(const slots_scale *scale, const gofer_info *queue, int64_t wanted_ms);

#endif
