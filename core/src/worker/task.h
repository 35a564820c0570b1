// task.h - a leased task as its handler sees it. Shared by the files of worker/ and handler/.
#ifndef GF_WORKER_TASK_H
#define GF_WORKER_TASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "broker/broker.h"
#include "worker/outcome.h"

struct gf_route;
struct gf_slot;

typedef enum gf_phase { GF_READY, GF_RUNNING, GF_FINISHED } gf_phase;

struct gofer_task {
    gf_claim        *claim;         // owned
    gofer_worker    *worker;
    int32_t          slot;          // -1: pulled
    int64_t          deadline_ms;   // Unix ms, 0: none: the earlier of deadline and start + timeout
    int64_t          deadline_mono_ms; // the same on the monotonic clock; 0: none
    int64_t          started_ns;    // monotonic
    int64_t          ended_ns;      // the same, once it is finished; the pool's
    _Atomic int32_t  cancelled;     // a GOFER_CANCEL_ value; set once by the keeper
    _Atomic int32_t  lost;          // its slot was given up: the outcome is ignored

    // What the handler left. Only its own thread touches these.
    char            *error;         // owned; NULL: none
    void            *result;        // owned
    size_t           result_size;
    int64_t          retry_in_ms;   // -1: the policy's delay

    // Where the middleware chain stands.
    const struct gf_route *route;
    size_t           next_middleware;

    // Progress, told from any thread and collected by the keeper.
    pthread_mutex_t  progress_lock;
    int64_t          progress_done, progress_total;
    char            *progress_text; // owned
    int              progress_dirty;

    // The runtime's part, under the pool's lock. A lost task has two owners, the runtime until it
    // is told and the handler's thread until it has returned; the later one frees it.
    gofer_task      *next;          // in the one list it stands in: ready, orphans, finished, …
    gofer_task      *held_next, *held_prev;
    gf_phase         phase;
    int64_t          lease_until_ms;// monotonic
    struct gf_slot  *runner;        // the slot it was started on; NULL: none, or pulled
    bool             returned;      // lost: its handler is out
    bool             told;          // its outcome is in the store

    // What became of it. The handler's thread decides in its own two fields; the pool moves them
    // over unless the task was lost meanwhile, and then what the runtime decided stands.
    gf_outcome       own_outcome;
    char            *own_reason;    // owned; the text to keep; NULL: none
    gf_outcome       outcome;
    char            *reason;        // owned
};

// One task for a claim, which it takes over. NULL: no memory, and the claim is still the caller's.
gofer_task *gf_task_new(gofer_worker *worker, gf_claim *claim);
void        gf_task_free(gofer_task *task);           // NULL is fine

// Set the reason to stop, unless there is one. True if it was set now.
bool gf_task_cancel(gofer_task *task, int32_t why);

typedef struct gf_tasks {          // first in, first out; linked by task->next
    gofer_task *first, *last;
    size_t      count;
} gf_tasks;

void        gf_tasks_push(gf_tasks *list, gofer_task *task);
gofer_task *gf_tasks_pop(gf_tasks *list);                // NULL: empty
void        gf_tasks_join(gf_tasks *list, gf_tasks *tail);   // leaves tail empty
void        gf_tasks_free(gf_tasks *list);

// The client's limit for results, in bytes.
int64_t gf_task_result_limit(const gofer_task *task);

#endif
