// crew.h - the children of one --child: what a crew is made of. Its thread is in crew.c, who
// its children are in places.c, the worker's doors to it in children.c.
#ifndef GF_CHILDREN_CREW_H
#define GF_CHILDREN_CREW_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "handler/children/clerk.h"
#include "handler/children/hello.h"
#include "handler/children/mate.h"
#include "handler/children/sets.h"
#include "handler/command.h"
#include "worker/run/lane.h"
#include "worker/run/roll.h"
#include "worker/run/task.h"

typedef struct gf_place {
    gf_mate *serving, *coming;
    int64_t  start_ms;             // when to start the next one, monotonic
    int      early;                // early deaths in a row
} gf_place;

typedef struct gf_crew {
    gf_lane     lane;
    gf_command *command;           // owned
    char       *name;              // owned; for the log
    char       *pattern;           // owned; NULL: the types are those that children name
    gofer_child_options options;
    size_t      processes;
    pthread_t   thread;
    bool        joinable;

    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            ready;         // one has said hello,
    char           *failed;        // owned; or none will
    gf_hello        hello;         // what the first one said

    gf_sets         sets;          // of groups

    // The thread's own.
    gf_mate      *mates;
    gf_place     *places;
    gf_lane_turn  turn;
    gf_clerk      clerk;
    gf_errands    errands;         // for the clerk, and back from it
    size_t        with_clerk[GF_TRACKS];       // tasks
    gf_roll       roll;            // written, not handed over yet
    uint64_t      restarts;        // deaths of children that others take the place of
    gf_batch      apart;           // taken, and waiting for a child that has nothing
    unsigned      reloads;         // heeded
    bool          renewing;        // new ones are started beside all, and are not ready yet
    int           bad_starts;
    int64_t       bad_since_ms;
    int64_t       hurry_ms, quit_ms;       // since when; 0: not
    struct pollfd *fds;            // owned
    size_t        fds_room;
} gf_crew;

// renew.c: the worker goes by what a reloaded child has named, in place of what was named before.
// Takes the hello over. On failure nothing has changed.
gofer_status gf_crew_rename(gf_crew *crew, gf_hello *hello);

// places.c: everything that depends on time; when to look again, monotonic. Then what is to be done
// when a child has ended.
int64_t gf_places_look(gf_crew *crew);
void    gf_places_bury(gf_crew *crew, int64_t now_ms);

// roll.c: who is there and what they do, for the next swap with the pool.
void gf_crew_call_roll(gf_crew *crew);

static inline bool gf_crew_is_open(const gf_crew *crew)
{
    return atomic_load(&crew->lane.open) != 0;
}

static inline bool gf_crew_quits(const gf_crew *crew)
{
    return atomic_load(&crew->lane.quit) || crew->turn.ending;
}

void *gf_crew_main(void *crew);    // until it is told to quit and has no child

#endif
