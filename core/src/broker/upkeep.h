// upkeep.h - the door's table of housekeeping: what is due, what the dead held, what is
// over; workers; the clock.
//
// Housekeeping does at most `limit` tasks a call and says how many it did, so that a caller repeats
// while *done == limit and no call holds the store for long. Each member says: who calls it;
// whether it may wait for the store ("waits": up to the broker's timeout); what happens when it is
// called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_UPKEEP_H
#define GF_BROKER_UPKEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

#define GF_NONE_DUE INT64_MAX

typedef struct gf_recovered {
    size_t requeued;               // back to the head of pending
    size_t archived;               // over the crash limit
    // in: told of each task that is archived, after it was; NULL: nobody asks
    void (*archived_one)(void *arg, const gf_message *m);
    void  *arg;
} gf_recovered;

typedef struct gf_running {
    const char *id, *type, *queue;
    const void *payload;
    size_t      payload_size;
    int64_t     started_ms;        // Unix
    int64_t     deadline_ms;       // Unix; 0: none
} gf_running;

typedef struct gf_weight {
    const char *queue;
    int32_t     weight;
} gf_weight;

// A child process of a worker, and all of them together.
typedef struct gf_child_entry {
    const char *name, *state;      // UTF-8
    int64_t     number, pid;
    int64_t     running, want, processed;
    int64_t     memory;            // bytes, resident; negative: not known
    int64_t     started_ms;        // Unix
} gf_child_entry;

typedef struct gf_children_entry {
    int64_t children, busy, want, restarts;
    const gf_child_entry *items;   // at most GF_CHILDREN_SHOWN
    size_t  count;
} gf_children_entry;

typedef struct gf_worker_entry {
    const char *id;                // random, unique; a UUID
    const char *host;
    int64_t     pid;
    int64_t     started_ms;
    const char *state;             // "active", "lacking", "quiet", "stopping"
    int32_t     concurrency;
    int32_t     running;
    const char *queues;            // "mail=3 low=1", and the same as a list
    const gf_weight *weights;
    size_t      weight_count;
    bool        strict;
    const gf_running *tasks;       // those running now, at most GF_RUNNING_SHOWN
    size_t      task_count;
    const gf_children_entry *children;     // NULL: it has none
} gf_worker_entry;

enum { GF_RUNNING_SHOWN = 1000, GF_CHILDREN_SHOWN = 1000 };

typedef struct gf_upkeep_ops {
    // Scheduled and retry tasks that are due, to the end of pending; *next_ms: when the next one is
    // due (Unix ms; GF_NONE_DUE: none known), so that the caller can sleep until then. Any time is
    // a time, also 0 or one before 1970: such a task is due, and holds up nobody. Called by:
    // housekeeping. Waits. Again: yes.
    gofer_status (*forward)(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);

    // Tasks whose worker died or whose lease ran out: back to the head of pending, as
    // suspects or charged with it (blame.h, by all that the worker held); with more than
    // crash_limit charges: archived with the reason. Either way with an attempt's record of kind
    // "crashed". One that was asked to stop is archived as cancelled.
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*recover)(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out);

    // Completed tasks past their retention; counters older than 90 days.
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*purge)(gf_broker *b, size_t limit, size_t *done);

    // What else the store needs now and then (checkpoint, file size).
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*tidy)(gf_broker *b);

    // Register again with new values is the heartbeat. A worker that dies takes its
    // entry with it (at the latest when its lease would end).
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*worker_register)(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms);
    gofer_status (*worker_deregister)(gf_broker *b, const char *id);
    // How often to register again, in ms; 0: as often as leases are renewed.
    int64_t register_ms;

    // The store's clock as this process knows it (Unix ms), without asking it each time.
    // Called by: anybody. Does not wait.
    int64_t      (*now_ms)(gf_broker *b);
    // The same, asked now (and not later than it answers), by which schedulers on several machines
    // find the same ticks due. Called by: scheduler. Waits. Again: yes.
    gofer_status (*clock)(gf_broker *b, int64_t *now_ms);
} gf_upkeep_ops;

#endif
