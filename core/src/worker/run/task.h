// task.h - a leased task as its handler sees it. Shared by the files of worker/ and handler/.
//
// A task costs what it uses: what it tells while it runs (task_data.h) and what the store is told
// beside its outcome (gf_finish_data) are made when first needed.
#ifndef GF_WORKER_TASK_H
#define GF_WORKER_TASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "broker/broker.h"
#include "message/carry.h"
#include "message/options.h"
#include "worker/run/outcome.h"
#include "worker/run/task_data.h"

struct gf_guest;
struct gf_lane;
struct gf_route;
struct gf_slot;

// Has somebody asked for its end? An announcement may be a Go peer's, which is not stored with the
// claim: that makes a failure as Asynq's, and only gofer's own request sets the task aside.
typedef enum gf_asked { GF_ASKED_NOT, GF_ASKED_TOLD, GF_ASKED_STORED, GF_ASKED_PEER } gf_asked;

// What the store is told beside the outcome (gf_finish). All owned; NULL: none.
typedef struct gf_finish_data {
    char  *attempt;
    char  *log;
    char  *headers;
    size_t headers_size;
    void  *checkpoint;
    size_t checkpoint_size;
} gf_finish_data;

// Whose thread asks the hooks, once: its handler's (or the host's that pulled it), or after its
// slot was given up another's, and then what the handler leaves is ignored.
typedef enum gf_decider { GF_UNDECIDED, GF_DECIDED_WITHOUT, GF_DECIDED_BY_OWN } gf_decider;

typedef enum gf_phase { GF_READY, GF_RUNNING, GF_FINISHED } gf_phase;

struct gofer_task {
    gf_claim        *claim;         // owned
    gofer_worker    *worker;
    struct gf_sealed *sealed;       // owned; NULL: it came plain (sealed.h)
    const gf_task_options *options; // what the claim's headers say; never NULL. Owned, but
                                    //   where they say nothing
    int32_t          slot;          // -1: pulled
    int64_t          deadline_ms;   // Unix ms, 0: none: the earlier of deadline and start + timeout
    int64_t          deadline_mono_ms; // the same on the monotonic clock; 0: none
    int64_t          started_ns;    // monotonic
    int64_t          ended_ns;      // the same, once it is finished; the pool's
    _Atomic int32_t  cancelled;     // a GOFER_CANCEL_ value; set once, by any thread
    _Atomic int32_t  asked;         // a gf_asked value
    _Atomic int32_t  decider;       // a gf_decider value: who decides what becomes of it

    // What the handler left. Only its own thread touches these.
    char            *error;         // owned; NULL: none
    void            *result;        // owned
    size_t           result_size;
    int64_t          retry_in_ms;   // -1: the policy's delay
    bool             wants;         // it was not run, for want of something of the worker's
    void            *resumed;       // owned; the checkpoint of an earlier run, once asked for
    size_t           resumed_size;
    bool             has_resumed;
    bool             resume_tried;  // by the worker itself, before a child gets it
    gf_attempt_end   end;           // how its child left it,
    int32_t          answer;        //   and with what; of a guest, in its slot's hands, only how

    // What its handler is within, set by a watcher; NULL: what its headers say. Owned. From the
    // start of its run until its end only read.
    struct gf_given_trace *trace;
    bool             watched;       // watchers were told of its start

    // Where the middleware chain stands.
    const struct gf_route *route;
    size_t           next_middleware;

    // Told from any thread and collected by housekeeping; NULL: nothing yet.
    _Atomic(gf_task_data *) data;

    // The runtime's part, under the pool's lock. A lost task has two owners, the runtime until it
    // is told and the handler's thread until it has returned; the later one frees it.
    gofer_task      *next;          // in the one list it stands in: ready, undecided, finished, …
    gofer_task      *held_next, *held_prev;
    gf_phase         phase;
    struct gf_lane  *lane;          // by which it leaves; NULL: by a slot
    size_t           track;         // and by which of its tracks
    bool             out;           // its crew has it
    struct gofer_task *crew_next;   // its crew's own: in the one list there that it stands in
    bool             apart;         // its crew's own: it is to be run with nothing beside it
    struct gf_guest *guest;         // its slot waits for a crew (guest.h); NULL: it does not
    int64_t          back_ms;       // monotonic: when that was over; 0: never
    int64_t          lease_until_ms;// monotonic
    struct gf_slot  *runner;        // the slot it was started on; NULL: none, or pulled
    bool             goes_back;     // put back once those taken after it are back: in no list
    bool             returned;      // lost: its handler is out
    bool             stored;        // its outcome is in the store
    unsigned         pins;          // so many look at it without the lock,
    bool             doomed;        //   and the last of them frees it
    bool             on_end_put;   // what follows on its end is in the store; the fetcher's
    uint64_t         ticket;        // of its outcome, while that is afloat; the fetcher's

    // What became of it. The handler's thread decides in its own two fields; the pool moves them
    // over unless the task was lost meanwhile, and then what the runtime decided stands.
    gf_outcome       own_outcome;
    char            *own_reason;    // owned; the text to keep; NULL: none
    gf_finish_data  *own_finish_data;  // owned; NULL: nothing
    gf_outcome       outcome;
    char            *reason;        // owned
    gf_finish_data  *finish_data;   // owned
};

// One task for a claim, which it takes over; in the claim's room, if it has one of the task's size.
// NULL: no memory, and the claim is still the caller's.
gofer_task *gf_task_new(gofer_worker *worker, gf_claim *claim);
void        gf_task_free(gofer_task *task);           // NULL is fine

// Set the reason to stop, unless there is one. True if it was set now.
bool gf_task_cancel(gofer_task *task, int32_t why);
// Somebody has asked for its end; stored: by gofer's own request. True if it was cancelled now.
bool gf_task_ask(gofer_task *task, bool stored);
// The handler is out and its thread is about to decide. False: too late, the task was given up.
bool gf_task_claim_decision(gofer_task *task);
static inline bool gf_task_lost(const gofer_task *task)
{
    return atomic_load_explicit(&task->decider, memory_order_relaxed) == GF_DECIDED_WITHOUT;
}
// It begins: what its deadline is. Nobody else looks at it yet.
void gf_task_clock(gofer_task *task, int64_t now_ns, int64_t wall_offset_ms);
// Was it to start by a time that has passed?
bool gf_task_too_late(const gofer_task *task, int64_t now_ms);
// May an earlier run have left a checkpoint? False: it cannot, so that nobody need ask the store.
bool gf_task_may_resume(const gofer_task *task);
void gf_finish_data_free(gf_finish_data *data);       // NULL is fine

typedef struct gf_tasks {          // first in, first out; linked by task->next
    gofer_task *first, *last;
    size_t      count;
} gf_tasks;

void        gf_tasks_push(gf_tasks *list, gofer_task *task);
gofer_task *gf_tasks_pop(gf_tasks *list);                // NULL: empty
void        gf_tasks_join(gf_tasks *list, gf_tasks *tail);   // leaves tail empty
void        gf_tasks_free(gf_tasks *list);

// The trace context that what it does is within: of a watcher's span, else of its headers.
gf_trace gf_task_trace(const gofer_task *task);

// The client's limit for results, in bytes.
int64_t gf_task_result_limit(const gofer_task *task);

#endif
