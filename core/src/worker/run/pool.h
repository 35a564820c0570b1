// pool.h - the tasks a worker holds and the slots that run them: who has what, under one lock.
//
// The pool does no I/O and calls nobody: it says in gf_calls what its caller must do once the lock
// is free. A task goes  deliver → ready → (started) → finished → collect → release, and is in
// the held list from deliver to release.
#ifndef GF_WORKER_POOL_H
#define GF_WORKER_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/thread.h"
#include "worker/run/task.h"
#include "worker/settings.h"

typedef enum gf_slot_state {
    GF_SLOT_FREE,                  // no thread
    GF_SLOT_LIVE,
    GF_SLOT_LOST,                  // its handler did not come back
    GF_SLOT_LEFT                   // came back after all: the thread is at its end, to be joined
} gf_slot_state;

typedef struct gf_slot {
    gofer_worker   *worker;
    int32_t         number;
    gf_slot_state   state;
    pthread_t       thread;        // valid if joinable
    bool            joinable;
    bool            woken;         // what cond tells
    pthread_cond_t  cond;
    struct gf_slot *idle_next;
} gf_slot;

typedef enum gf_fetcher_at { GF_AWAKE, GF_ON_COND, GF_ON_WAITER } gf_fetcher_at;

typedef struct gf_pool {
    pthread_mutex_t lock;

    size_t   concurrency;          // may be set anew
    size_t   threads_max;          // more could not be had, tried last; SIZE_MAX: they can
    size_t   max_prefetch;
    bool     pull;

    gf_tasks    ready;             // taken, not started
    gf_tasks    undecided;         // lost: some slot must decide their outcome
    gf_tasks    finished;          // decided, not collected
    gofer_task *held;              // all of them, and those the fetcher is handing in; newest first
    size_t      held_count;
    gofer_task *strays;            // lost and stored, but their handlers are not back
    size_t      running;
    uint64_t    started;           // ever

    gofer_task *trial;             // a suspect that runs apart (blame.h): nothing is taken
                                   //   meanwhile; NULL: none
    bool        parted;            // the same for a group's set, which is run elsewhere
    bool        asking;            // the fetcher may be taking tasks now

    struct gf_lane *lanes;         // ways out beside the slots (lane.h);
                                   //   linked, fixed from start on
    bool     only_lanes;           // slots run nothing but what has no handler
    bool     hosted;               // slots run the lanes' tasks too, for there is middleware
    size_t   lane_running;         // of `running`
    size_t   window;               // no more are taken at once; see gf_lanes_room

    gf_slot **slots;               // by number
    size_t    slot_count, slot_room;
    size_t    live;                // slots with a thread, lost ones not counted
    size_t    lost;                // given up, and their handlers (or the host that
                                   //   pulled them) not back
    size_t    waking;              // woken or being made, not here yet
    size_t    spawning;            // being made
    gf_slot  *idle;                // asleep; the last to lie down is woken first, its stack is warm

    bool     stopping;             // start nothing more
    bool     ending;               // slots go home
    bool     ended;                // the worker has ended

    int64_t  run_ns;               // a handler's time, smoothed; negative: not known yet
    int64_t  wall_offset_ms;       // Unix time minus monotonic time
    int64_t  watch_ms;             // monotonic: when the guard looks at deadlines and leases next
    uint64_t seen_started;         // to see whether ready tasks are being started:
    int64_t  seen_at_ms;           //   the count, and when it last changed

    gf_fetcher_at  fetcher_at;
    bool           nudged;         // the fetcher shall look around
    pthread_cond_t fetcher;
    pthread_cond_t changed;        // ended, spawning, lost slots that came back
    pthread_cond_t takers;         // pull
    gf_wake_fd     ready_fd;       // pull
    bool           ready_fd_set;

} gf_pool;

// What to do when the lock is free.
typedef struct gf_calls {
    bool   waiter;                 // wake the fetcher out of the store's wait
    bool   guard;                  // an earlier deadline than the guard knows
    bool   children;               // others are there than before: tell those who look
    size_t spawn;                  // so many slot threads to add (counted already)
} gf_calls;

gofer_status gf_pool_init(gf_pool *p, const gf_settings *settings);
void         gf_pool_clear(gf_pool *p);       // no thread is left; frees what is held

// ---- the fetcher's doors (pool_fetch.c) -------------------------------------------------------

// Move what is finished (and, when stopping or stuck, what need not wait here) to the outbox, and
// say how many tasks to take. When stopping, what goes back to its queue does so newest first, and
// waits here for those taken after it.
size_t gf_pool_collect(gf_pool *p, gf_tasks *outbox, bool taking, int64_t now_ms, gf_calls *calls);
void     gf_pool_hand_back(gf_pool *p, gf_tasks *outbox);  // what has not started
gf_calls gf_pool_deliver(gf_pool *p, gf_tasks *fresh, int64_t now_ms, int64_t wall_ms);
void     gf_pool_release(gf_pool *p, gf_tasks *stored);    // their outcomes are in the store
// How long the fetcher may sleep before ready tasks need a look; fallback_ms if they need none.
int64_t  gf_pool_patience_ms(gf_pool *p, int64_t fallback_ms);
void     gf_pool_wait(gf_pool *p, int64_t timeout_ms);     // until something finishes, or a nudge
void     gf_pool_pause(gf_pool *p, int64_t timeout_ms);    // until a nudge
bool     gf_pool_lie_down(gf_pool *p);        // true: go to the store's wait; false: there is work
bool     gf_pool_get_up(gf_pool *p);          // true: a slot woke the fetcher
bool     gf_pool_empty(gf_pool *p);           // nothing held

// ---- suspects (pool_suspects.c) ----------------------------------------------------------------

// May a suspect be taken now, to run apart? Not beside what might as well be the one: what waits,
// and what has not run for as long as a suspect must. 0: it may; else look again in so many ms, or
// when something finishes.
int64_t  gf_pool_way_ms(gf_pool *p, int64_t now_ms);
// A suspect set of a group is to run apart: no task is taken until it has, once more tasks than
// those that were being taken. False: a suspect task runs apart now. Then _alone: whether all that
// is held has run for as long as a suspect must.
bool     gf_pool_part(gf_pool *p);
bool     gf_pool_alone(gf_pool *p, int64_t now_ms);
void     gf_pool_join_again(gf_pool *p);
bool     gf_pool_on_trial(gf_pool *p);
// The suspect that has run for longer than its patience; NULL: none.
gofer_task *gf_pool_outlasted(gf_pool *p, int64_t now_ms);
void     gf_pool_prove(gf_pool *p, gofer_task *task);      // it runs apart no more

// ---- the slots' doors (pool_slots.c) -----------------------------------------------------------

// Hand in the task just run (NULL: none) and get the next one, in one step. *leave: go home.
gofer_task *gf_pool_swap(gf_pool *p, gf_slot *slot, gofer_task *done, int64_t now_ns, bool *leave,
    gf_calls *calls);
void        gf_pool_sleep(gf_pool *p, gf_slot *slot);      // until there may be something
void        gf_pool_arrive(gf_pool *p);                    // a new slot's first word
// A slot to start a thread on; NULL: no memory. *old: a thread to join first.
gf_slot    *gf_pool_slot_new(gf_pool *p, gofer_worker *worker, pthread_t *old, bool *has_old);
// thread NULL: it could not be had. How many slots there are.
size_t      gf_pool_slot_made(gf_pool *p, gf_slot *slot, const pthread_t *thread);
gf_calls    gf_pool_allow_threads(gf_pool *p, size_t count);   // try to have so many slots again
// Run so many at a time from now on. Those that run go on; slots that are too many go home when
// they come back.
gf_calls    gf_pool_resize(gf_pool *p, size_t concurrency);
void        gf_pool_end(gf_pool *p);                       // slots go home
void        gf_pool_detach(gf_pool *p);    // threads that are lost: nobody will join them
bool        gf_pool_join(gf_pool *p, int64_t lost_wait_ms);    // false: some never came back

// ---- the host's doors, when it pulls (pool_pull.c) ---------------------------------------------

gofer_status gf_pool_take(gf_pool *p, gofer_task **tasks, size_t max, int64_t timeout_ms,
    size_t *count, gf_calls *calls);
gf_calls     gf_pool_finish(gf_pool *p, gofer_task *const *tasks, size_t count, int64_t now_ns);

// ---- the doors of guard and housekeeping (pool.c) ----------------------------------------------

void     gf_pool_nudge(gf_pool *p);           // the fetcher shall look around
void     gf_pool_stop(gf_pool *p);            // start nothing more
// Give a running task up: with `outcome_known` its outcome stands and goes to the fetcher, else a
// slot shall decide it: not one that its own thread is deciding already, gf_pool_may_lose. Locks:
// pool->lock held.
bool     gf_pool_may_lose(gofer_task *task);
gf_calls gf_pool_lose(gf_pool *p, gofer_task *task, bool outcome_known);
// A pinned task stays, for who looks at its claim without the lock, though the fetcher
// hands it in meanwhile.
static inline void gf_pool_pin(gofer_task *task) { task->pins++; }        // Locks: pool->lock held
void     gf_pool_unpin(gf_pool *p, gofer_task *const *tasks, size_t count);

#endif
