// follower.h - the task that follows on another's end: its on-dead or on-done task, or a webhook.
//
// Its id is made of what has ended, so that it is the same whenever it is made: put again it adds
// nothing. Threads: any; a follower is one thread's.
#ifndef GF_WORKER_FOLLOWER_H
#define GF_WORKER_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/carry.h"
#include "message/options.h"
#include "worker/run/task.h"

// What has ended.
typedef struct gf_ended {
    const gf_message      *message;
    const gf_task_options *options;
    bool                   done;           // else it is archived
    int32_t                attempt;
    const char            *error;          // of what is archived; NULL: none
    const void            *result;         // of what is done, as it goes to the store
    size_t                 result_size;
    int64_t                started_ms, ended_ms;   // Unix; 0: unknown
    gf_trace               trace;          // the follower belongs to the trace of what has ended
} gf_ended;

// Everything of it; all owned.
typedef struct gf_follower {
    struct gf_follower *next;
    char *type, *queue, *id, *payload;     // the payload is JSON text
    char *url;                             // of a webhook; NULL: it is none
    char *parent, *state;                  // its trace context; NULL: none
} gf_follower;

enum { GF_FOLLOWERS_MAX = 32 };            // of one put

// Has it one?
static inline bool gf_follows(const gf_task_options *o, bool done)
{
    return (done ? o->on_done : o->on_dead) != NULL;
}

// NULL: no memory.
gf_follower *gf_follower_new(const gofer_worker *w, const gf_ended *end);
void         gf_follower_free(gf_follower *f);     // NULL is fine

// One status for each: OK also if it is there already, told of earlier. The error's text is that
// of the last one that failed.
void gf_followers_put(gofer_worker *w, gf_follower *const *all, size_t count,
    gofer_status *statuses);
// One that is never taken: waiting for it would hold the end up for ever.
bool gf_follower_hopeless(gofer_status st);

#endif
