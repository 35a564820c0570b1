// inspect.h - what the files of the inspector share: filters, and walks over the tasks of many
// queues and states.
//
// A filter borrows nothing once it is read; a walk borrows its client and its states. Both live on
// the caller's stack and belong to its thread.
#ifndef GF_INSPECT_H
#define GF_INSPECT_H

#include <stdbool.h>

#include "broker/broker.h"
#include "info/info.h"

// EINVAL names the words there are.
gofer_status gf_check_state(const char *name, gf_state *out);

// ---- filters ------------------------------------------------------------------------------------

// Copies and checks what the caller gave (NULL: nothing).
gofer_status gf_filter_read(gofer_filter *out, const gofer_filter *given);
bool gf_filter_is_empty(const gofer_filter *f);
// The one task it can mean, or NULL.
const char *gf_filter_id(const gofer_filter *f);
bool gf_filter_matches(const gofer_filter *f, const gofer_info *task, gf_state state,
    int64_t now_ms);

// ---- walks --------------------------------------------------------------------------------------

// Goes through the queues that match a pattern, and through the states of each. Names are asked for
// at once, counts only of the queues that it comes to, some at a time and ever more; states that
// have no tasks are passed over.
typedef struct gf_walk {
    gofer_client   *client;
    const char     *pattern;       // of the caller; NULL: all queues
    bool            is_pattern;    // it may mean several queues
    bool            counted;       // counts are looked at
    const gf_state *states;        // borrowed
    size_t          state_count;
    gf_names        names;         // owned, sorted
    gf_counts      *counts;        // owned; of names counts_from to counts_to
    size_t          counts_from, counts_to;
    size_t          queue_at, state_at;
    bool            ended;
} gf_walk;

typedef enum gf_walk_how {
    GF_WALK_PLAIN = 0,             // queue may be a pattern
    GF_WALK_COUNTED = 1,           // the counts are wanted too (and a queue that does not exist
                                   //   is ENOTFOUND at once)
    GF_WALK_EXACT = 2              // the same, and queue is a name even if it ends in '*'
} gf_walk_how;
// What is walked. All is borrowed; states for as long as the walk.
typedef struct gf_walk_scope {
    const char     *queue;         // a name or a pattern; NULL: all queues
    gf_walk_how     how;
    const gf_state *states;
    size_t          state_count;
    const char     *id;            // not NULL: only the queues that hold a task of this id, without
                                   //   counts, by gf_walk_next_queue
} gf_walk_scope;
gofer_status gf_walk_open(gf_walk *w, gofer_client *client, const gf_walk_scope *scope);
void gf_walk_close(gf_walk *w);
// Where it stands; not after its end.
const char *gf_walk_queue(const gf_walk *w);
gf_state    gf_walk_state(const gf_walk *w);
// How many tasks were there when it came to the queue; -1: not known.
int64_t gf_walk_count(const gf_walk *w);
gofer_status gf_walk_next(gf_walk *w);
gofer_status gf_walk_next_queue(gf_walk *w);
// The place of a task's state among those walked; false: it is none of them.
bool gf_walk_has(const gf_walk *w, const gofer_info *task, gf_state *state);
// To the first queue that is not before this one and, if it is this one, its state. *walked:
// that state is walked.
gofer_status gf_walk_seek(gf_walk *w, const char *queue, gf_state state, bool *walked);

#endif
