// inspect.h - the door's table of looking: names, counts, the lists and fields
// that gofer.h documents.
//
// A queue whose name does not fit (gf_name_fits) is in no answer. Looking changes nothing.
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_INSPECT_H
#define GF_BROKER_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// Times by size: bucket 0 is below 1 ms, bucket i from 2^((i-1)/4) ms to 2^(i/4) ms; the last
// one all that is longer.
enum { GF_STATS_BUCKETS = 112 };

// What was run of one type in one queue. In `stats` all of one allocation (gf_free of the array).
typedef struct gf_type_stats {
    const char *queue, *type;
    int64_t     done, failed;
    uint32_t    wait[GF_STATS_BUCKETS], run[GF_STATS_BUCKETS];
} gf_type_stats;

// They are kept by the hour for eight days, and by the minute for an hour: the one that has begun
// is among so many.
enum {
    GF_STATS_HOUR_MS = 3600 * 1000, GF_STATS_HOURS = 8 * 24,
    GF_STATS_MINUTE_MS = 60 * 1000, GF_STATS_MINUTES = 60
};

// Steps of figures: the queue's and type's (NULL: every), `count` hours or minutes (step_ms) from
// `first` on, which counts them from the epoch.
typedef struct gf_stats_steps {
    const char *queue, *type;
    int64_t     step_ms;                 // GF_STATS_HOUR_MS or GF_STATS_MINUTE_MS
    int64_t     first;
    size_t      count;
} gf_stats_steps;

// Some queues by name.
typedef struct gf_queue_range {
    const char *begin;                   // how their names begin; "": all
    bool        exact;                   // only the one of this name
    const char *after;                   // only those behind this name; NULL: from the first
    size_t      limit;                   // at most so many; 0: all
} gf_queue_range;
bool gf_queue_range_has(const gf_queue_range *r, const char *name);  // but for `after` and `limit`

// A page of a list that has one order.
typedef struct gf_page {
    const char *cursor;                  // next_cursor of the page before; NULL: from the first
    size_t      limit;                   // at most so many; 0: all
} gf_page;

typedef struct gf_inspect_ops {
    // All are called by the client (names, backlog and stats_add by housekeeping too), wait, and
    // may be called again.
    gofer_status (*names)(gf_broker *b, gf_names *out);           // of queues, sorted
    // The queues that hold a task of this id, sorted; none is OK too.
    gofer_status (*locate)(gf_broker *b, const char *id, gf_names *out);
    // Which of these queues, sorted by name, have pending tasks; one that is paused may be among
    // them. Cheap for very many.
    gofer_status (*filled)(gf_broker *b, char *const *queues, size_t count, bool *out);
    // Which of these queues take envelopes alone. Cheap.
    gofer_status (*closed)(gf_broker *b, char *const *queues, size_t count, bool *out);
    // How many tasks of each state these queues hold, in their order; 0 for one that there is not.
    gofer_status (*counts)(gf_broker *b, char *const *queues, size_t count, gf_counts *out);
    // page NULL: all, by their start; else by host, process and name, with next_cursor if there are
    // more. A page may hold fewer than its limit.
    gofer_status (*workers)(gf_broker *b, const gf_page *page, gofer_info **out);
    // NULL: list of all
    gofer_status (*queues)(gf_broker *b, const char *queue, gofer_info **out);
    // With next_cursor if there are more. What it costs goes by what it gives; on Redis the names
    // of all are asked for, by a page behind the first at most every few seconds.
    gofer_status (*queues_page)(gf_broker *b, const gf_queue_range *range, gofer_info **out);
    // cursor: next_cursor of the page before, or by number, as gofer.h says
    gofer_status (*tasks)(gf_broker *b, const char *queue, gf_state state, const char *cursor,
        size_t limit, gofer_info **out);
    gofer_status (*task)(gf_broker *b, const char *queue, const char *id, gofer_info **out);
    // By name, with next_cursor if there are more; page NULL: all. A page may hold fewer than its
    // limit. On Redis each page asks for the names of all, some at a time.
    gofer_status (*groups)(gf_broker *b, const char *queue, const gf_page *page, gofer_info **out);
    gofer_status (*history)(gf_broker *b, const char *queue, int32_t days, gofer_info **out);
    // What the store says of itself; queue: about the memory of that.
    gofer_status (*about)(gf_broker *b, const char *queue, gofer_info **out);
    // How many tasks wait, run or will run in these queues: what --drain watches. 0 stays so also
    // after a power loss.
    gofer_status (*backlog)(gf_broker *b, const char *const *queues, size_t count, int64_t *out);
    // What is added counts for the hour and the minute of that moment; what is added again is
    // counted again. stats: all since the hour of a time, one item for each queue (NULL: every) and
    // type.
    gofer_status (*stats_add)(gf_broker *b, const gf_type_stats *items, size_t count);
    gofer_status (*stats)(
        gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count);
    // Adds each step to its place in `sums`, which the caller has emptied; on failure they hold
    // anything.
    gofer_status (*stats_steps)(gf_broker *b, const gf_stats_steps *which, gf_type_stats *sums);
} gf_inspect_ops;

#endif
