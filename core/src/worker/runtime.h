// runtime.h - the worker as its own files see it: what it is made of, and who may touch what.
//
// Set up by one thread until start; after that only what is atomic, in the pool (its lock) or
// named as one thread's own may change.
#ifndef GF_WORKER_RUNTIME_H
#define GF_WORKER_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "broker/broker.h"
#include "schedule/scheduler.h"
#include "util/fork.h"
#include "util/id.h"
#include "util/thread.h"
#include "worker/group/aggregate.h"
#include "worker/upkeep/tell.h"
#include "worker/upkeep/figures.h"
#include "worker/run/mux.h"
#include "worker/run/pool.h"
#include "worker/served.h"
#include "worker/settings.h"
#include "worker/run/task.h"
#include "worker/worker.h"

typedef struct gf_layer {
    gofer_middleware run;
    void            *user;
} gf_layer;

typedef struct gf_kept {
    void      *ptr;
    gofer_drop drop;
} gf_kept;

typedef struct gf_hooks {
    gofer_error_hook       error;
    void                  *error_user;
    gofer_retry_delay_hook delay;
    void                  *delay_user;
    gofer_is_failure_hook  is_failure;
    void                  *is_failure_user;
} gf_hooks;

typedef struct gf_stats {
    _Atomic int64_t processed, failed, retried, archived, revoked, cancelled, expired, stale, lost_slots, outcomes_lost,
                    unhandled;
} gf_stats;

// Where a decision goes: the handler's own part of a task, or the runtime's of a lost one.
typedef struct gf_decision {
    gf_outcome  *outcome;
    char       **reason;
    gf_parting **parting;
} gf_decision;

// On-dead tasks that the store did not take yet.
typedef struct gf_mourning {
    struct gf_dead_task *first;
    size_t               count;
} gf_mourning;

// What the worker itself lacks to run its tasks (want.c).
typedef struct gf_want {
    pthread_mutex_t lock;          // for the others; a leaf
    _Atomic int     lacking;
    size_t          fits;          // so many tasks at a time
    int64_t         pause_ms, until_ms;    // then it tries some more
    bool            tries;         // it does, and none was in want since
    int64_t         complained_ms;
    _Atomic int64_t groups_until_ms;   // aggregators lack something, or did not long ago; 0: no
} gf_want;

enum { GF_DUTIES_MAX = 20, GF_WARNED_MAX = 64 };

// The keeper's threads: what keeps tasks ours and on their way; and all else.
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

// A duty's fields are its hand's; what is atomic is everybody's.
typedef struct gf_keeper {
    gf_hand         hands[GF_HANDS];
    int64_t         due_ms[GF_DUTIES_MAX];        // monotonic
    int64_t         complained_ms[GF_DUTIES_MAX]; // 0: the duty is well
    uint64_t        turn[GF_DUTIES_MAX];          // its latest, of its hand's
    int64_t         forwarded_ms;
    _Atomic int     ending;                       // 0, or one of the above
    _Atomic int     give_up_asked;                // groups whose aggregators do not return
    _Atomic int64_t answered_ms;                  // monotonic: the store's latest answer, to anybody here
    bool            foreign_only;                 // drain.c's latest look: none left is ours
    unsigned        wished;                       // the latest wish for queues that was looked at
    _Atomic int64_t forward_ask_ms;               // monotonic; INT64_MAX: nothing asked
    _Atomic int64_t forward_due_ms;               // for askers: no need to ask for later
    _Atomic int     progress_asked, drain_asked, presence_asked, events_asked;
} gf_keeper;

// The guard's own.
typedef struct gf_guard {
    pthread_t thread;
    bool      joinable;
    int       stop_step;                          // see guard.c
    int64_t   step_until_ms;
    int64_t   ending_ms;                          // when the keeper was told to sign off; 0: not yet
    bool      was_quiet;
} gf_guard;

// The courier's own.
typedef struct gf_courier {
    pthread_t   thread;
    bool        joinable;
    gf_tasks    outbox;
    gf_tasks    late;              // outcomes that had no answer while others had: in the outbox again at
    int64_t     late_ms;           //   this time
    gf_finish  *finishes;
    size_t      finish_capacity;
    gf_claim  **claims;
    size_t      claim_capacity;
    gf_served_set *served;         // a reference
    unsigned       version;        // of the set
    gf_share      *shares;         // as many as queues
    size_t        *order;
    uint64_t    random;
    char       *suspect_queue;     // owned: a suspect is next there, and way is made for it;
                                   //   NULL: no
    int64_t     prove_again_ms;    // when the store did not take that a suspect is proven
    gf_tasks    dead;              // archived, whose on-dead tasks are not in yet (dead.c)
    int64_t     dead_again_ms, dead_complained_ms;
    int64_t     backoff_ms, trouble_ms, complained_ms, stop_seen_ms;
    _Atomic int troubled;          // the store did not answer, or refused, when it was asked last
    _Atomic int done;
} gf_courier;

struct gofer_worker {
    gofer_client        *client;           // held
    gf_broker           *broker;
    const gf_broker_ops *ops;
    gf_log               log;
    gf_process           process;
    char                 id[GF_ID_TEXT];
    char                 host[256];
    int64_t              started_ms;       // Unix

    gf_settings settings;
    gf_serving  serving;                   // its lock is there from new to free
    gf_mux      mux;
    gf_mux      aggregators;               // by the name of the group
    gf_mux      policies;                  // each route's user is a gf_policy, which `kept` drops
    gf_layer   *layers;
    size_t      layer_count, layer_capacity;
    gf_kept    *kept;
    size_t      kept_count, kept_capacity;
    gf_hooks    hooks;

    _Atomic int state;                     // gf_worker_state
    _Atomic int stop_calls, quiet;         // set from signal handlers
    _Atomic int resumed;                   // the courier is to be woken: it may have seen the quiet
    _Atomic int left;                      // it has ended while calls to the store were under way
    _Atomic int signed_off, end_logged, outcomes_lost_noted;
    _Atomic int abandoned;                 // freed, but for what a lost handler may still touch
    gf_wake_fd  wake_fd;                   // wakes the guard; open from new to free
    _Atomic(gf_waiter *) waiter;           // open from start to free; the courier may replace it
    _Atomic int inside;                    // so many threads of the host take or finish
    struct gofer_worker *left_next;        // abandoned ones, see worker.c
    _Atomic int waking;                    // so many threads are about to wake it

    gf_watch  *watch;                      // of requests to cancel, commands, schedules; NULL: none
    _Atomic int schedules_told;            // cron entries were changed
    char        **schedule_files;          // owned
    size_t        schedule_file_count, schedule_file_capacity;
    gf_scheduler *scheduler;               // from start to the keeper's end; NULL: not wanted, or the store cannot

    gf_aggregating aggregating;            // from start on, if there are aggregators

    gf_pool    pool;                       // from start on
    gf_guard   guard;
    gf_keeper  keeper;
    gf_courier courier;
    gf_stats   stats;
    gf_figures figures;
    gf_telling telling;
    _Atomic int dead_due;                  // archives decided that have an on-dead task, not seen by the courier yet
    gf_mourning mourning;                  // the keeper's: the same for tasks that the store archived

    gf_want         want;
    pthread_mutex_t warned_lock;
    char           *warned[GF_WARNED_MAX]; // types without a handler, told of once
    size_t          warned_count;
};

typedef enum gf_worker_state { GF_NEW, GF_STARTED } gf_worker_state;

// ---- worker.c
bool gf_worker_logs(const gofer_worker *w, int32_t level);
bool gf_worker_abandoned(const gofer_worker *w);
void gf_worker_act(gofer_worker *w, gf_calls calls);   // what the pool asked for
void gf_worker_nudge(gofer_worker *w);                 // the courier shall look around
void gf_worker_wake(gofer_worker *w);                  // out of the store's wait; async-signal-safe
void gf_worker_stop_once(gofer_worker *w);             // as gofer_worker_stop, but never the second one
void gf_worker_resize(gofer_worker *w, size_t concurrency);   // from start on
gofer_status gf_worker_check(const gofer_worker *w, const char *what);   // EINVAL, EFORKED

// ---- courier.c
void *gf_courier_main(void *worker);
// Fill w->courier.shares for `want` tasks: who may give how many, in which order.
void  gf_courier_plan(gofer_worker *w, size_t want);
void  gf_courier_clear(gf_courier *c);
// Go over to the queues that are served now: shares, order and the waiter. The courier's thread, or before it runs.
gofer_status gf_courier_follow(gofer_worker *w);

void  gf_worker_lost_outcomes(gofer_worker *w, size_t tasks);      // could not be handed in; once

// ---- guard.c
void *gf_guard_main(void *worker);
void  gf_guard_lost_lease(gofer_worker *w, gofer_task *task);      // its handler is told, unless it knows
void  gf_raise_priority(void);                                     // of this thread; where it is not allowed, it is not

// ---- keeper.c
bool  gf_keeper_open(gofer_worker *w);                 // in new; false: no descriptor
void  gf_keeper_close(gofer_worker *w);
bool  gf_keeper_start(gofer_worker *w);                // false: no thread, and none is left
void  gf_keeper_undo(gofer_worker *w);                 // after start; waits
void  gf_keeper_end(gofer_worker *w);                  // signs off, then the worker has ended
void  gf_worker_log_end(gofer_worker *w);              // once
void  gf_keeper_ask_forward(gofer_worker *w, int64_t at_ms);   // monotonic
void  gf_keeper_ask_drain(gofer_worker *w);
void  gf_keeper_ask_progress(gofer_worker *w);
void  gf_keeper_ask_events(gofer_worker *w);
void  gf_keeper_ask_presence(gofer_worker *w);                 // tell the others of a change
void  gf_keeper_ask_schedules(gofer_worker *w);                // cron entries were changed
void  gf_keeper_ask_give_up(gofer_worker *w);                  // of groups

// ---- presence.c
gofer_status gf_presence_register(gofer_worker *w);
int64_t      gf_presence_interval_ms(const gofer_worker *w);
gofer_status gf_presence_watch(gofer_worker *w);
void         gf_presence_unwatch(gofer_worker *w);     // waits for a call under way
void         gf_presence_tell_cancelled(gofer_worker *w, const char *id);

// ---- scheduling.c: all but start are the keeper's
gofer_status gf_scheduling_start(gofer_worker *w);
gofer_status gf_scheduling_look(gofer_worker *w);      // while the scheduler has no thread: are there entries?
bool         gf_scheduling_hear(gofer_worker *w);      // entries were changed, and nobody but us can look
void         gf_scheduling_stop(gofer_worker *w);      // no more ticks
void         gf_scheduling_clear(gofer_worker *w);     // the list of files
void         gf_scheduling_end(gofer_worker *w);       // waits for a call to the store that is under way

// ---- decide.c
// What becomes of an attempt, and what the store is told beside it. face: what hooks are shown (the task, or a likeness
// of a lost one). May ask the store whether a request to cancel stands.
void gf_task_decide(gofer_task *face, gf_ending ending, int32_t returned, gf_decision out);
// What the store is told of a task that is handed in.
void gf_finish_fill(gofer_task *task, gf_finish *finish);
void gf_finish_cancel(gofer_task *task);   // the store knows of a request that was not heard here: another outcome
void gf_finish_put_back(gofer_task *task); // in place of its archive: the attempt is not used up
void gf_finish_log(gofer_task *task);      // the store has it: what the log says only then

// ---- want.c
bool   gf_want_any(const gf_want *want);
void   gf_want_note(gofer_worker *w, const char *text);    // for this a task went back
// This slot has no thread; NULL: there was no slot.
void   gf_want_thread(gofer_worker *w, gf_slot *slot, const char *text);
bool   gf_want_shown(const gf_want *want);                 // is the worker shown as lacking?
// An aggregator had what it needs, or had not: then its group rests for so long.
void   gf_want_group(gofer_worker *w, bool lacks, int64_t rest_ms);
// How many of `room` tasks to take. *look_ms: -1, or when to ask again.
size_t gf_want_room(gofer_worker *w, size_t room, int64_t *look_ms);

// ---- dead.c
// Take archived tasks out of the outbox until their on-dead tasks are in the store, which is tried
// here. give_up: put back those of which nobody could be told.
void gf_dead_note(gofer_worker *w, const gofer_task *task, const gf_outcome *outcome);     // with every decision but success
void gf_dead_tell(gofer_worker *w, int64_t now_ms, bool give_up);
// How many of `room` tasks to take, while some wait here.
size_t gf_dead_room(gofer_worker *w, size_t room);
void gf_dead_recovered(void *worker, const gf_message *m);     // for gf_recovered.archived_one
gofer_status gf_dead_flush(gofer_worker *w);                   // afterwards: puts the on-dead tasks of those
// Before a set is archived: puts those of its tasks.
gofer_status gf_dead_members(gofer_worker *w, const gf_group_set *set, const char *error);
void gf_dead_clear(gofer_worker *w);

// ---- slot.c
void gf_slot_spawn(gofer_worker *w);       // counted already by the pool
bool gf_slot_start_first(gofer_worker *w); // false: no thread

#endif
