// stats.h - how long tasks wait and run, by queue and type: counted here, kept by the store.
//
// The fetcher adds, housekeeping hands over. The lock is held for moments, never during a call.
#ifndef GF_WORKER_STATS_H
#define GF_WORKER_STATS_H

#include <pthread.h>
#include <stdbool.h>

#include "broker/broker.h"

enum {
    GF_STATS_MAX = 1000,           // queues and types; what is more is counted as type "other" of
    GF_STATS_OTHER = 100,          //   its queue, of at most so many queues
    GF_STATS_PLACES = 4096         // of the index: a power of two, with room to spare
};

typedef struct gf_stats_table {
    gf_type_stats *items;          // queue and type are owned
    size_t   count, capacity, others;
    size_t   latest;               // most tasks are like the one before
    uint16_t places[GF_STATS_PLACES];      // by hash: place in items + 1; 0: free
} gf_stats_table;

typedef struct gf_stats {
    pthread_mutex_t   lock;        // there from new to free
    gf_stats_table *table;         // under the lock; NULL: nothing counted yet
} gf_stats;

// One run of a task. wait_ns negative: not known. Without memory it is not counted. Locks: f->lock
// held, by the caller for a batch of them.
void gf_stats_add(gf_stats *f, const gf_message *m, int64_t wait_ns, int64_t run_ns, bool failed);
// Hand what was counted to the store. What it certainly has not taken is counted on.
gofer_status gf_stats_flush(gf_stats *f, gf_broker *b);
void gf_stats_clear(gf_stats *f);

#endif
