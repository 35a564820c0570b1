// housekeeping.h - periodic work: its two threads, when each duty is due, and what others ask of
// it.
//
// A duty's fields are its thread's; what is atomic is everybody's, and so are
// the functions that ask.
#ifndef GF_WORKER_HOUSEKEEPING_H
#define GF_WORKER_HOUSEKEEPING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/thread.h"

enum { GF_DUTIES_MAX = 20 };

// What keeps tasks ours and on their way; and all else.
typedef enum gf_housekeeper_number {
    GF_KEEPS_LEASES,
    GF_KEEPS_REST,
    GF_HOUSEKEEPERS
} gf_housekeeper_number;

typedef struct gf_housekeeper {
    gofer_worker  *worker;
    gf_housekeeper_number number;
    pthread_t      thread;
    bool           joinable;
    gf_wake_fd     wake_fd;                       // wakes it; open from new to free
    uint64_t       turns;                         // duties done
} gf_housekeeper;

enum { GF_HOUSEKEEPING_SIGNS_OFF = 1, GF_HOUSEKEEPING_JUST_ENDS = 2 };

typedef struct gf_housekeeping {
    gf_housekeeper  threads[GF_HOUSEKEEPERS];
    int64_t         due_ms[GF_DUTIES_MAX];        // monotonic
    int64_t         complained_ms[GF_DUTIES_MAX]; // 0: the duty is well
    uint64_t        turn[GF_DUTIES_MAX];          // its latest, of its thread's
    int64_t         forwarded_ms;
    int64_t         queues_soonest_ms;            // who asks for another look has one no sooner
    _Atomic int     ending;                       // 0, or one of the above
    _Atomic int     give_up_asked;                // groups whose aggregators do not return
    // Monotonic: the store's latest answer, to anybody here.
    _Atomic int64_t answered_ms;
    bool            foreign_only;                 // drain.c's latest look: none left is ours
    unsigned        subscription_seen;            // of its changes the latest that was looked at
    _Atomic int64_t forward_ask_ms;               // monotonic; INT64_MAX: nothing asked
    _Atomic int64_t forward_due_ms;               // for askers: no need to ask for later
    _Atomic int     progress_asked, drain_asked, presence_asked, events_asked,
        children_asked, queues_asked, flows_asked, limits_asked;
} gf_housekeeping;

bool gf_housekeeping_open(gofer_worker *w);    // in new; false: no descriptor
void gf_housekeeping_close(gofer_worker *w);
bool gf_housekeeping_start(gofer_worker *w);    // false: no thread, and none is left
void gf_housekeeping_undo(gofer_worker *w);    // after start; waits
void gf_housekeeping_end(gofer_worker *w);     // signs off, then the worker has ended
void gf_worker_log_end(gofer_worker *w);       // once

// ---- for any thread: do it soon
void gf_housekeeping_ask_forward(gofer_worker *w, int64_t at_ms);    // monotonic
void gf_housekeeping_ask_drain(gofer_worker *w);
void gf_housekeeping_ask_queues(gofer_worker *w);    // those served have no tasks, others have
void gf_housekeeping_ask_flows(gofer_worker *w);
void gf_housekeeping_ask_limits(gofer_worker *w);     // steps of flows have ended
void gf_housekeeping_ask_progress(gofer_worker *w);
void gf_housekeeping_ask_events(gofer_worker *w);
void gf_housekeeping_ask_presence(gofer_worker *w);  // tell the others of a change
void gf_housekeeping_ask_children(gofer_worker *w);  // the same, of a change among its children
void gf_housekeeping_ask_schedules(gofer_worker *w); // cron entries were changed
void gf_housekeeping_ask_give_up(gofer_worker *w);   // of groups

#endif
