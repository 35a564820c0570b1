// inspect.h - what the files of the inspector share: filters, and walks over the tasks of many queues and states.
#ifndef GF_INSPECT_H
#define GF_INSPECT_H

#include <stdbool.h>

#include "broker/broker.h"
#include "info.h"

// EINVAL names the words there are.
gofer_status gf_check_state(const char *name, gf_state *out);
// The number of tasks that a page of the public doors has; 0 is the default.
gofer_status gf_check_limit(int32_t limit, size_t *out);

// ---- filters ---------------------------------------------------------------------------------------

// Copies and checks what the caller gave (NULL: nothing).
gofer_status gf_filter_read(gofer_filter *out, const gofer_filter *given);
bool gf_filter_is_empty(const gofer_filter *f);
// The one task it can mean, or NULL.
const char *gf_filter_id(const gofer_filter *f);
bool gf_filter_matches(const gofer_filter *f, const gofer_info *task, gf_state state, int64_t now_ms);

// ---- walks -----------------------------------------------------------------------------------------

// Goes through the queues that match a pattern, and through the states of each. Queues and states that have no tasks
// are passed over where the store's counts are at hand.
typedef struct gf_walk {
    gofer_client   *client;
    const char     *pattern;       // of the caller; NULL: all queues
    bool            is_pattern;    // it may mean several queues
    const gf_state *states;        // borrowed
    size_t          state_count;
    gofer_info     *queues;        // owned; NULL: one queue and one state, whose counts were not asked for
    size_t          queue_at, state_at;
    bool            ended;
} gf_walk;

typedef enum gf_walk_how {
    GF_WALK_PLAIN = 0,             // queue may be a pattern
    GF_WALK_COUNTED = 1,           // the counts are wanted too (and a queue that does not exist is ENOTFOUND at once)
    GF_WALK_EXACT = 2              // the same, and queue is a name even if it ends in '*'
} gf_walk_how;
gofer_status gf_walk_open(gf_walk *w, gofer_client *client, const char *queue, const gf_state *states,
    size_t state_count, gf_walk_how how);
void gf_walk_close(gf_walk *w);
// Where it stands; not after its end.
const char *gf_walk_queue(const gf_walk *w);
gf_state    gf_walk_state(const gf_walk *w);
// How many tasks were there when it was opened; -1: not known.
int64_t gf_walk_count(const gf_walk *w);
void gf_walk_next(gf_walk *w);
// To the first queue that is not before this one and, if it is this one, its state. False: that state is not walked.
bool gf_walk_seek(gf_walk *w, const char *queue, gf_state state);

#endif
