// aggregate.h - the worker's part that aggregates: groups of tasks are made one by the aggregators
// registered for them.
//
// On threads of its own. Aggregators are registered before start and only read from then on, those
// of reloaded children in a list of its own; all else is under the lock, or atomic.
#ifndef GF_WORKER_AGGREGATE_H
#define GF_WORKER_AGGREGATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "worker/run/mux.h"
#include "worker/subscription.h"

enum { GF_ROUNDS = 3 };            // at a time, as Asynq

// A thread, and the group it is at.
typedef struct gf_round {
    gofer_worker *worker;
    pthread_t     thread;
    bool          joinable;
    bool          at_work;         // on a queue
    gofer_group  *group;           // its aggregator is called with it; NULL: none is
    int64_t       called_ms;       // since then
    bool          overdue;         // its time is over: the group was given back while it runs on
    bool          lost;            // it did not come back: the group is given back without it
    bool          giving;          // somebody is at that now, and needs the group
    bool          left;            // the thread is at its end
} gf_round;

// A group that could not be aggregated rests a while, longer each time.
typedef struct gf_put_off {
    char   *queue, *group;         // owned
    int64_t until_ms, delay_ms;    // monotonic
} gf_put_off;

// What runs for a pattern.
typedef struct gf_aggregator {
    gofer_aggregator run;
    void            *user;
} gf_aggregator;

// All aggregators from a reload of children on.
typedef struct gf_group_routes {
    gf_mux                  mux;
    const char            **names; // owned; patterns: what the store is asked for
    gf_aggregator           own;   // of the patterns that came with it
    struct gf_group_routes *before;    // a round may be at it still
} gf_group_routes;

typedef struct gf_aggregating {
    gf_mux          aggregators;   // by the name of the group
    _Atomic(gf_group_routes *) routes;     // owned; in the place of those; NULL: no reload

    pthread_mutex_t lock;          // over all below; held for moments
    pthread_cond_t  changed;
    bool            made;          // lock and changed are there
    _Atomic size_t  count;         // threads; set under the lock
    gf_round        rounds[GF_ROUNDS];
    bool            go, stopping;
    const gf_round *apart;         // a suspect set runs there: the others begin nothing; NULL: none
    unsigned        turns;         // counts the queues looked at
    _Atomic int     taking;        // so many rounds may be given a set now
    _Atomic int     cancelled;     // the grace is over
    gf_queue_set   *sweep;         // the queues that are looked at now: a reference
    size_t          next;          // of them
    int64_t         sweep_ms;      // when the next sweep begins
    int64_t         complained_ms;
    gf_put_off      put_off[GF_GROUPS_PUT_OFF];
    size_t          put_off_count;
    const char    **names;         // patterns of the aggregators: what the store is asked for
} gf_aggregating;

// Threads, if any aggregator is registered; they wait until _go. ENOMEM. While there are children,
// a reload may bring the first.
gofer_status gf_aggregate_start(gofer_worker *w);
void gf_aggregate_go(gofer_worker *w);
void gf_aggregate_stop(gofer_worker *w);       // begin nothing more
void gf_aggregate_cancel(gofer_worker *w);     // commands get TERM
void gf_aggregate_give_up(gofer_worker *w);    // give back what aggregators still hold,
                                               //   without them
// Gives back what an aggregator has not finished in its set's time: as the worker lives to say so,
// this is no crash. When to look again (monotonic), if before *next_ms.
void gf_aggregate_overdue(gofer_worker *w, int64_t *next_ms);
bool gf_aggregate_done(gofer_worker *w);       // nothing is under way, and nothing will be
bool gf_aggregate_busy(gofer_worker *w);       // also before the first look
bool gf_aggregate_takes(const gofer_worker *w);    // a set may be on its way
unsigned gf_aggregate_turns(gofer_worker *w);  // changes whenever a queue is looked at
bool gf_aggregate_join(gofer_worker *w, int64_t wait_ms);  // false: an aggregator never came back
void gf_aggregate_clear(gofer_worker *w);

// Checks as gofer_worker_aggregate would, to spare work that would have to be undone.
gofer_status gf_aggregate_check(const gofer_worker *w, const char *pattern);

// Is the aggregator of exactly this pattern this one?
bool gf_aggregate_is(
    const gofer_worker *w, const char *pattern, gofer_aggregator run, const void *user);

// In place of this aggregator's patterns these, while the worker runs; on failure nothing has
// changed. Threads: any. Locks: may be called with the pool's held.
gofer_status gf_aggregate_rename(gofer_worker *w, const gf_aggregator *by,
    const char *const *patterns, size_t count);

// For commands and children: when the set's time is over (monotonic), and whether to stop.
int64_t gf_group_until_ms(const gofer_group *group);
bool    gf_group_cancelled(const gofer_group *group);
int64_t gf_group_payload_limit(const gofer_group *group);

#endif
