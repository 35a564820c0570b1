// lane.h - a way out of the pool beside the slots: tasks of its types go in batches to a crew,
// which runs them elsewhere (in child processes) and has one thread for all of them.
//
// The pool keeps count: a lane is offered what its crew could start soon, and no more. Its types
// are found by the mux as all others, by the handler gf_lane_run and the lane as its user.
//
// Where there is middleware a call must be there for it to wrap: then slots take the lanes' tasks
// (the pool is `hosted`), as many as the crews could run and beside those of the concurrency, and
// gf_lane_run hands each over to the crew as a guest (guest.h) and waits.
#ifndef GF_WORKER_LANE_H
#define GF_WORKER_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/wake_fd.h"
#include "worker/run/pool.h"
#include "worker/run/roll.h"

struct gf_lane;

// A crew, as the worker sees it. Called by the thread that starts or frees the worker.
typedef struct gf_crew_ops {
    // Begins to work, and waits until it can. It may register more types; the pool is not there
    // yet.
    gofer_status (*start)(struct gf_lane *lane);
    void         (*join)(struct gf_lane *lane);        // after its end was asked for: waits for it
} gf_crew_ops;

// Tasks in the hands of a crew, first in, first out. They have a link of their own, for the pool
// may list them too meanwhile: as lost.
typedef struct gf_batch {
    gofer_task *first, *last;
    size_t      count;
} gf_batch;

void        gf_batch_push(gf_batch *batch, gofer_task *task);
gofer_task *gf_batch_pop(gf_batch *batch);     // NULL: empty

enum { GF_TRACKS = 16 };           // of a lane

// The tasks of a lane that one room of its children runs; the first track has those of no room.
typedef struct gf_track {
    gf_tasks ready;                // delivered, not taken
    size_t   out;                  // taken by the crew or, hosted, by slots, and not reported
    size_t   asking;               // hosted: of these ask the store first, beside the capacity
    size_t   capacity;             // so many the crew could run at a time,
    size_t   ahead;                //   and so many more it would start within AHEAD_NS (pool.c)
    uint64_t taken, seen_taken;    // ever; and when the fetcher saw them last
    int64_t  seen_at_ms;
} gf_track;

typedef struct gf_lane {
    gofer_worker      *worker;
    const gf_crew_ops *ops;
    struct gf_lane    *next;       // of the worker's
    gf_wake_fd         wake;       // wakes the crew; open from registration on
    _Atomic int        open;       // the pool is there
    _Atomic int        quit;       // the crew is to end, whatever it has
    _Atomic unsigned   reloads;    // asked for, counted
    _Atomic int        spans;      // its children make spans of their tasks themselves

    // Under the pool's lock.
    gf_track tracks[GF_TRACKS];
    size_t   track_count;          // so many have had tasks, at least one
    gf_batch guests;               // their slots wait; not taken
    size_t   capacity, ahead;      // of all tracks together
    bool     asleep;               // the crew is asleep in its poll
    size_t   turn;                 // which track is asked first
    gf_roll  roll;                 // who its crew are, as of its latest turn
} gf_lane;

// ---- the worker's doors -------------------------------------------------------------------------

gofer_status gf_lane_add(gofer_worker *w, gf_lane *lane, const gf_crew_ops *ops);  // before start
void         gf_lane_remove(gf_lane *lane);    // takes one that was not added
int32_t      gf_lane_run(gofer_task *task, void *lane);        // guest.c
gofer_status gf_lanes_start(gofer_worker *w);          // on failure none runs
void         gf_lanes_open(gofer_worker *w);           // the pool is there
void         gf_lanes_end(gofer_worker *w);            // all crews end now; waits

// Is this the route of a lane whose children make the spans of their tasks?
bool         gf_lane_makes_spans(const struct gf_route *route);

// ---- the pool's, with its lock held -------------------------------------------------------------

// Of those that are wanted anyway.
size_t  gf_lanes_room(const gf_pool *p, size_t slots_room);
bool    gf_lane_offer(gofer_task *task);               // false: it is for the slots
// Tasks of which none has been taken for so long; NULL: none. What waits for one room may do so as
// long as it keeps nothing from the others.
gf_tasks *gf_lane_stuck(const gf_pool *p, gf_lane *lane, int64_t now_ms, int64_t patience_ms);
bool    gf_lanes_wait(const gf_pool *p);               // is there one that nobody has begun?
// Hosted: how many slots the lanes' tasks take at the most, how many could start now, and the next.
size_t  gf_lanes_slots(const gf_pool *p);
size_t  gf_lanes_startable(const gf_pool *p);
gofer_task *gf_lanes_next(gf_pool *p);                 // NULL: none
void    gf_lane_left(gf_pool *p, const gofer_task *task);      // a lane's runs no more
void    gf_lanes_wake(const gf_pool *p);
void    gf_lane_rouse(gf_lane *lane);                  // the crew, if it sleeps
size_t  gf_lanes_ready(const gf_pool *p);              // taken, and not begun

// Does its crew still run tasks of this type? Not after a reload that no longer names it.
bool    gf_lane_owns(const gf_lane *lane, const gofer_task *task);

// ---- the crew's door ----------------------------------------------------------------------------

// One turn of a crew with the pool, under one lock.
typedef struct gf_lane_turn {
    gf_batch     begun;            // in: of these the clock was started
    gf_batch     done;             // in: decided, or given back; some may have begun just now
    gf_batch     undecided;        // stay: but if they have begun just now it is counted
    gf_batch     back;             // in: not begun, for the head of those that are ready, in order
    size_t       capacity, ahead;  // in: of all tracks together
    size_t       max;              // in: take so many at the most
    struct { size_t capacity, ahead, max; } tracks[GF_TRACKS]; // in: of each
    size_t       track_count;      // in
    gf_roll     *roll;             // in: of this turn; swapped for the one before
    gf_batch     taken;            // out
    bool         stopping, ending; // out
    int64_t      wall_offset_ms;   // out: Unix time minus monotonic time
} gf_lane_turn;

void gf_lane_swap(gf_lane *lane, gf_lane_turn *turn, bool sleeps, gf_calls *calls);

#endif
