// keeper.h - the worker's housekeeper: its two threads, when each duty is due, and what others ask
// of it.
//
// A duty's fields are its hand's, which is one thread; what is atomic is everybody's, and so are
// the functions that ask.
#ifndef GF_WORKER_KEEPER_H
#define GF_WORKER_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/thread.h"

enum { GF_DUTIES_MAX = 20 };

// What keeps tasks ours and on their way; and all else.
typedef enum gf_hand_number { GF_HAND_LEASES, GF_HAND_CHORES, GF_HANDS } gf_hand_number;

typedef struct gf_hand {
    gofer_worker  *worker;
    gf_hand_number number;
    pthread_t      thread;
    bool           joinable;
    gf_wake_fd     wake_fd;                       // wakes it; open from new to free
    uint64_t       turns;                         // duties done
} gf_hand;

enum { GF_KEEPER_SIGNS_OFF = 1, GF_KEEPER_JUST_ENDS = 2 };

typedef struct gf_keeper {
    gf_hand         hands[GF_HANDS];
    int64_t         due_ms[GF_DUTIES_MAX];        // monotonic
    int64_t         complained_ms[GF_DUTIES_MAX]; // 0: the duty is well
    uint64_t        turn[GF_DUTIES_MAX];          // its latest, of its hand's
    int64_t         forwarded_ms;
    _Atomic int     ending;                       // 0, or one of the above
    _Atomic int     give_up_asked;                // groups whose aggregators do not return
    // Monotonic: the store's latest answer, to anybody here.
    _Atomic int64_t answered_ms;
    bool            foreign_only;                 // drain.c's latest look: none left is ours
    unsigned        wished;                       // the latest wish for queues that was looked at
    _Atomic int64_t forward_ask_ms;               // monotonic; INT64_MAX: nothing asked
    _Atomic int64_t forward_due_ms;               // for askers: no need to ask for later
    _Atomic int     progress_asked, drain_asked, presence_asked, events_asked;
} gf_keeper;

bool gf_keeper_open(gofer_worker *w);          // in new; false: no descriptor
void gf_keeper_close(gofer_worker *w);
bool gf_keeper_start(gofer_worker *w);         // false: no thread, and none is left
void gf_keeper_undo(gofer_worker *w);          // after start; waits
void gf_keeper_end(gofer_worker *w);           // signs off, then the worker has ended
void gf_worker_log_end(gofer_worker *w);       // once

// ---- for any thread: do it soon
void gf_keeper_ask_forward(gofer_worker *w, int64_t at_ms);    // monotonic
void gf_keeper_ask_drain(gofer_worker *w);
void gf_keeper_ask_progress(gofer_worker *w);
void gf_keeper_ask_events(gofer_worker *w);
void gf_keeper_ask_presence(gofer_worker *w);  // tell the others of a change
void gf_keeper_ask_schedules(gofer_worker *w); // cron entries were changed
void gf_keeper_ask_give_up(gofer_worker *w);   // of groups

#endif
