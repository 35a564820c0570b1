// mate.h - one child of a crew: its process, what is said on its socket, and the tasks it was
// given.
//
// May touch: the frames, the process, tasks. All of it belongs to the crew's thread; what becomes
// of tasks goes into the crew's turn with the pool (worker/run/lane.h).
#ifndef GF_CHILDREN_MATE_H
#define GF_CHILDREN_MATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/children/frame.h"
#include "handler/children/hello.h"
#include "handler/children/process.h"
#include "handler/children/question.h"
#include "handler/children/sets.h"
#include "handler/printed.h"
#include "util/log.h"
#include "worker/group/aggregate.h"
#include "worker/run/lane.h"

typedef enum gf_mate_state {
    GF_MATE_STARTING,              // no hello yet
    GF_MATE_UP,
    GF_MATE_LEAVING,               // gets nothing more; goes when it has nothing left
    GF_MATE_ENDING                 // was sent TERM, or KILL
} gf_mate_state;

// A task that it has. The place in the list is the low half of the ref.
typedef struct gf_given {
    gofer_task *task;              // NULL: free
    uint32_t    ref;
    uint64_t    order;             // of the giving
    bool        begun;
    int64_t     cancelled_ms;      // when it was told to stop; 0: it was not
} gf_given;

// One of its rooms: so many of some types it runs at a time.
typedef struct gf_mate_room {
    size_t   want, held;
    uint64_t ended, paced;         // tasks, ever; and when the pace was taken
    int64_t  pace_ns, pace_since_ns;
} gf_mate_room;

typedef struct gf_mate {
    struct gf_mate *next;          // of the crew's
    gofer_worker   *worker;
    const char     *what;          // the crew's name in the log
    int             number;        // its place in the crew
    char            name[GF_HELLO_NAME];       // for people: its own word, else the crew's name
    int64_t         born_ms;       // Unix
    gf_proc         proc;
    gf_mate_state   state;
    size_t          limit;         // of a frame
    gf_hello        hello;

    uint8_t    *in;                // owned; bytes not read yet
    size_t      in_size, in_room;
    gf_outgoing out;

    size_t    want;
    gf_given *given;               // owned
    size_t    given_room, held, begun;
    gf_mate_room rooms[GF_TRACKS]; // by the tracks of the lane; not the first
    size_t    room_count;          // that one counted
    uint64_t  orders;
    uint32_t *fresh;               // owned; those that have begun since the last turn
    size_t    fresh_count;
    uint64_t  ended;               // tasks, ever

    gf_questions *crew_asked;      // for the clerk
    size_t        questions;       // of it, that are not answered

    gf_sets     *crew_sets;
    gf_given_set sets[GF_ROUNDS];
    size_t       sets_held, sets_begun;
    uint32_t     set_refs;         // the last one

    int64_t   started_ms, up_ms, pace_ns, pace_since_ns;       // monotonic; pace -1: not known
    uint32_t  alone;               // runs apart: nothing is given beside it, for a while; 0: none
    int64_t   given_ms;            // when it was given something last
    bool      reserved;            // gets nothing more until it may have what is to run apart
    bool      sent_stop, shut;     // our side of the socket is shut
    bool      spans;               // it makes the spans of its tasks itself
    bool      deaf;                // it broke the protocol: what it says does not count any more

    int64_t   kill_ms;             // when KILL follows; 0: not
    bool      killed;
    uint32_t  culprit;             // whose fault its end is; GF_FRAME_NO_REF: not known
    char      why[256];            // we end it; "": it ended by itself

    int64_t  tick_ms;              // when its tasks are looked at next

    uint64_t max_tasks, max_memory;        // with some chance; 0: none
    int64_t  recycle_ms, memory_ms;        // monotonic: when it is too old, and next looked at
    bool     due;                  // it is to make way for another one
    bool     spare;                // of a reload: gets nothing until all new ones are ready
    bool     outdated;             // not wanted any more, before it was ready

    gf_log_rate rate;              // of what it prints while no single task can be told
    bool      output_read;         // in this look: before the first 'end' of those that came
    gf_printed printed;
    char       last_line[GF_PRINTED_MAX + 1];
} gf_mate;

// NULL: no memory. what: the crew's name.
gf_mate *gf_mate_new(gofer_worker *w, gf_sets *sets, gf_questions *asked, const char *what,
    int number);
void     gf_mate_free(gf_mate *m);                     // its process is buried, and it has no task

// Its socket and output are ready. True: frames came.
bool gf_mate_read(gf_mate *m, gf_lane_turn *turn, int64_t now_ns);
void gf_mate_send(gf_mate *m);
// What it has, of tasks and of sets: each of them is one of those that it wants.
static inline size_t gf_mate_load(const gf_mate *m)
{
    return m->held + m->sets_held;
}
// How many more it may be given now: those it runs at a time and a few that it will begin soon.
size_t  gf_mate_credit(const gf_mate *m, int64_t now_ns, int64_t ahead_ns);
// Of the tasks of one track; never more than of all.
size_t  gf_mate_room_credit(const gf_mate *m, size_t track, int64_t now_ns, int64_t ahead_ns);
int64_t gf_mate_room_pace_ns(const gf_mate *m, size_t track, int64_t now_ns);
bool    gf_mate_may_run_apart(const gf_mate *m, int64_t now_ms);
int64_t gf_mate_pace_ns(const gf_mate *m, int64_t now_ns); // end to end; -1: unknown
// Would it begin one of this track at once?
static inline bool gf_mate_has_room(const gf_mate *m, size_t track)
{
    return track == 0 || track >= m->room_count || m->rooms[track].held < m->rooms[track].want;
}
// Gives it a task; false: no memory, and the task is still the caller's.
bool gf_mate_give(gf_mate *m, gofer_task *task, int64_t now_ns);
// What it has asked. Without memory for that it waits until its task is over.
void gf_mate_answer(gf_mate *m, const gf_question *q);
void gf_mate_begun(gf_mate *m, gf_lane_turn *turn);    // those that have begun since the last turn
// Cancels are told, and who does not heed them ends. Answers when to look again.
int64_t gf_mate_tick(gf_mate *m, int64_t now_ms);
void gf_mate_leave(gf_mate *m, bool stopping, int64_t grace_ms);
// TERM now, KILL after a while. culprit: the ref of the task that is to blame.
void gf_mate_end(gf_mate *m, uint32_t culprit, int64_t patience_ms, const char *why);
// Its process has ended: reads what is left, and says what becomes of its tasks.
void gf_mate_bury(gf_mate *m, gf_lane_turn *turn, bool stopping, char *end, size_t size);
void gf_mate_log(const gf_mate *m, int32_t level, const char *text, const char *error);

// ---- between mate.c, mate_read.c and aggregate.c
gf_given   *gf_mate_find(gf_mate *m, uint32_t ref);        // NULL: it has no such task
gofer_task *gf_mate_take_from(gf_mate *m, gf_given *g);    // it has it no more
// The headers that are the task's own, packed as "key\0value\0". *own: to be freed, or NULL. False:
// no memory.
bool        gf_mate_headers_of(const gf_message *m, const char **out, size_t *size, char **own);
void        gf_mate_end_line(gf_mate *m);                  // logs a line that has come in part

// Decide what becomes of a task, on this thread, and report it with the turn.
void gf_crew_decide(gofer_task *task, gf_attempt_end how, int32_t returned, gf_lane_turn *turn);
void gf_crew_put_back(gofer_task *task, gf_lane_turn *turn);   // not begun: to the store, no trace

#endif
