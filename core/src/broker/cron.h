// cron.h - the door's tables of cron entries: the entries, their ticks, and how
// Asynq's tools see them.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_CRON_H
#define GF_BROKER_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// An entry as the store keeps it: a name and a record (util/record.h) that schedule/ understands.
typedef struct gf_entry {
    char *name;
    char *record;
} gf_entry;
typedef struct gf_entries {
    gf_entry *items;               // by name
    size_t    count;
    int64_t   version;             // grows with every change; 0: the store has never had an
                                   //   entry. Less than it was: it has lost some
} gf_entries;
void gf_entries_clear(gf_entries *entries);    // all zero again

typedef enum gf_overlap {
    GF_OVERLAP_ALLOW,
    GF_OVERLAP_SKIP,
    GF_OVERLAP_QUEUE,
    GF_OVERLAP_CANCEL
} gf_overlap;

// One tick of an entry to be enqueued, by whichever worker comes first.
typedef struct gf_tick {
    const char       *entry;
    int64_t           tick_ms;
    const gf_message *message;     // its id is made of entry and tick
    int64_t           run_at_ms;   // later than now: jitter; else pending
    gf_overlap        overlap;
    // out: OK: is in. EEXIST: this tick or a later one has been noted before, nothing done. ESTATE:
    // the entry's previous task has not come to its end: with SKIP the tick is noted, with QUEUE
    // nothing is done. Else the store's failure.
    gofer_status      status;
    char              previous[GF_ID_MAX + 1];     // out: that task, "" if it has ended or
                                                   //   there is none
} gf_tick;

// What the store knows of an entry's ticks in a queue.
typedef struct gf_tick_state {
    const char *entry, *queue;     // in
    int64_t     tick_ms;           // the latest noted; 0: none yet
    int64_t     at_ms;             // when its task was put; 0: it was skipped
    char        id[GF_ID_MAX + 1]; // of the latest task
} gf_tick_state;

// An entry as shown to Asynq's tools.
typedef struct gf_shown_entry {
    const char       *name, *spec; // the zone as CRON_TZ= in front
    const gf_message *message;     // type, payload, queue, max_retry, timeout, deadline,
                                   //   retention of its tasks
    int64_t           next_ms, previous_ms;        // 0: never
} gf_shown_entry;

typedef struct gf_cron_ops {
    // put adds or replaces (only_new: EEXIST); drop: ENOTFOUND. Every change is published to all
    // watches. Called by: client, scheduler (files). Waits. Again: put yes, but for only_new;
    // drop answers ENOTFOUND.
    gofer_status (*entry_put)(gf_broker *b, const char *name, const char *record, bool only_new);
    gofer_status (*entry_drop)(gf_broker *b, const char *name);
    // Another record for an entry that still is as it was read. ESTALE: it is another by now, or is
    // gone. Published as a put is. Called by: client (rekey). Waits. Again: yes.
    gofer_status (*entry_swap)(gf_broker *b, const char *name, const char *was,
        const char *record);
    // All of them if the version is not `known`, else count 0 and the version.
    // Called by: scheduler, client. Waits. Again: yes.
    gofer_status (*entries)(gf_broker *b, int64_t known, gf_entries *out);
    // Each tick at most once, whoever asks: the latest tick of an entry is kept beside the queue,
    // and changes in the step that puts the task. Called by: scheduler, client (run). Waits.
    // Again: yes (EEXIST).
    gofer_status (*tick)(gf_broker *b, gf_tick *items, size_t count);
    // What is kept; and as gofer_client_schedule_history.
    // Called by: scheduler, client. Waits. Again: yes.
    gofer_status (*tick_states)(gf_broker *b, gf_tick_state *items, size_t count);
    gofer_status (*tick_history)(gf_broker *b, const char *entry, size_t limit, gofer_info **out);
} gf_cron_ops;

// Other programs' tools in the same store (Asynq's).
typedef struct gf_peers_ops {
    // Shows the entries to them for ttl_ms, if no other scheduler does.
    // Called by: scheduler. Waits. Again: yes.
    gofer_status (*show)(gf_broker *b, const char *scheduler, const gf_shown_entry *entries,
        size_t count, int64_t ttl_ms);
    gofer_status (*hide)(gf_broker *b, const char *scheduler);
    // Entries of others (Go schedulers), with the fields of gofer_client_schedules.
    // Called by: client. Waits. Again: yes.
    gofer_status (*foreign)(gf_broker *b, gofer_info **out);
} gf_peers_ops;

#endif
