// figures.h - how long tasks wait and run, by queue and type: counted here, kept by the store.
#ifndef GF_WORKER_FIGURES_H
#define GF_WORKER_FIGURES_H

#include <pthread.h>
#include <stdbool.h>

#include "broker/broker.h"

enum {
    GF_FIGURES_MAX = 1000,         // queues and types; what is more is counted as type "other" of its queue,
    GF_FIGURES_OTHER = 100,        //   of at most so many queues
    GF_FIGURES_PLACES = 4096       // of the index: a power of two, with room to spare
};

typedef struct gf_figures_table {
    gf_stat *items;                // queue and type are owned
    size_t   count, capacity, others;
    size_t   latest;               // most tasks are like the one before
    uint16_t places[GF_FIGURES_PLACES];    // by hash: place in items + 1; 0: free
} gf_figures_table;

typedef struct gf_figures {
    pthread_mutex_t   lock;        // there from new to free
    gf_figures_table *table;       // under the lock; NULL: nothing counted yet
} gf_figures;

// One run of a task. wait_ns negative: not known. Without memory it is not counted. Locks: f->lock held, by the caller
// for a batch of them.
void gf_figures_add(gf_figures *f, const gf_message *m, int64_t wait_ns, int64_t run_ns, bool failed);
// Hand what was counted to the store. What it certainly has not taken is counted on.
gofer_status gf_figures_flush(gf_figures *f, gf_broker *b);
void gf_figures_clear(gf_figures *f);

#endif
