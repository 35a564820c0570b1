// flow.h - what the files of this room share: a flow as it is read from its home, changed by its
// rules, and written back.
//
// A flow is a hash in one of GF_RD_HOMES homes, asynq:{gofer-flows:N}:f:<id>, beside two sorted
// sets of the home: `flows`, all of them by when they were started, and `due`, when each is to be
// looked at. Fields of the hash: `hash` of its plan, `shape` (plan.c: steps and what comes after
// what; never changes), `v` and `now` (plan.c: the state of each step), `made` (plan.c: what was
// made of lists, behind the plan's steps; only if something was), b<n> the message of step n, e<n>
// how it ended, r<n> its result.
//
// Who changes a flow reads it, applies the rules (rules.c, pure), and writes it if `v` is still
// what was read (save_flow.lua): else all is done again from what is there now. So each change is
// one step whoever else is at it, and what is to be done outside (a task put, cancelled) is written
// first, done then, and noted at last; done twice it is done once, as the ids of tasks are fixed.
//
// Steps' tasks are in the slots of their queues. There the script that ends one writes a notice
// (scripts/lib/tell_flow.lua); relay.c carries notices home, where a number in each tells what was
// applied before. Where no gofer program ended a task there is no notice: what was put is looked at
// from time to time.
#ifndef GF_BROKER_REDIS_FLOW_H
#define GF_BROKER_REDIS_FLOW_H

#include "broker/flow_list.h"
#include "broker/flows.h"
#include "broker/redis/store.h"

// Of queues that have had steps; relay.c looks there for notices.
#define GF_RD_FLOW_QUEUES "asynq:gofer:flow:queues"

enum {
    GF_RD_HOMES = 16,
    GF_RD_FLOW_AT_ONCE = 256,          // steps put, or looked at, in one go
    GF_RD_FLOW_LEASE_MS = 2000,        // who puts steps has so long before another does it
    GF_RD_FLOW_LOOK_MS = 5000,         // tasks are looked at so long after the latest change,
    GF_RD_FLOW_LOOK_MAX_MS = 60000     //   and then ever more seldom
};

// The state of a step, a letter in `now`. The first ones have not ended.
#define GF_RD_STEP_WAITS   'w'
#define GF_RD_STEP_READY   'r'         // of a paused flow
#define GF_RD_STEP_OUT     'o'         // its task is to be put,
#define GF_RD_STEP_OUT_NO  'q'         //   and then to be cancelled
#define GF_RD_STEP_AGAIN   'g'         // its task is to be run again, or put anew
#define GF_RD_STEP_PUT     'p'
#define GF_RD_STEP_NO      'c'         // put, and to be cancelled
#define GF_RD_STEP_ASKED   'x'         // put, and its end was asked for
#define GF_RD_STEP_SKIPPED 's'
#define GF_RD_STEP_ENDS    "DACERX"    // by gf_end

// Why nothing begins any more; the numbers are stored.
typedef enum gf_rd_stop {
    GF_RD_GOES_ON, GF_RD_STOPS, GF_RD_STOPS_CANCELLING, GF_RD_WAS_CANCELLED, GF_RD_WAS_LATE
} gf_rd_stop;

typedef struct gf_rd_step {
    const char        *name, *queue, *type;
    int64_t            run_at_ms, delay_ms;
    const gf_flow_dep *deps;
    size_t             dep_count;
    int32_t            made_of;        // the one with `each`; -1: it is of the plan
} gf_rd_step;

// What was made of one list: `count` steps, and then, if there is more, what leaves the next.
typedef struct gf_rd_made {
    uint32_t each, list;               // the step with `each`; the one whose list it was
    size_t   first, count;
    bool     more;
    char    *names;                    // owned
} gf_rd_made;

// One that was read. Owns what it points to.
typedef struct gf_rd_flow {
    char            id[GF_ID_MAX + 1];
    int32_t         home;
    int64_t         version;
    gf_flow_on_dead on_dead;
    int64_t         retention_ms;
    size_t          count;             // of steps,
    size_t          planned;           //   and of those of the plan, which come first
    gf_rd_made     *made;
    size_t          made_count;
    size_t          each_count;        // of the plan's steps those with `each`
    gf_rd_step     *steps;
    gf_flow_dep    *deps;
    uint32_t       *order;             // of the plan's steps: each behind those that it comes after
    char           *shape;             // what names point into

    gf_flow_state   state;
    gf_rd_stop      stop;
    int64_t         created_ms, ended_ms, deadline_ms;
    int64_t         changed_ms;        // latest change of a step
    int64_t         look_ms;           // when tasks that were put are looked at
    int64_t         lease_ms;          // until then somebody puts what is out
    size_t          look_from;         // the step to begin with
    char           *states;            // a letter of each
    char           *runs;              // the number of the latest notice of each, mod 64, as
                                       //   '0' + number
    size_t          left, failed;      // counted
    bool            changed;           // since it was read
} gf_rd_flow;

// ---- plan.c: what is stored ---------------------------------------------------------------------

// The shape of a plan; gf_free. What is read stays in the flow; ECORRUPT: it is none of ours.
gofer_status gf_rd_shape_write(const gf_flow_plan *plan, char **out, size_t *size);
gofer_status gf_rd_shape_read(gf_rd_flow *f, const char *bytes, size_t size);
gofer_status gf_rd_now_write(const gf_rd_flow *f, char **out, size_t *size);
gofer_status gf_rd_now_read(gf_rd_flow *f, const char *bytes, size_t size);
// The same for `made`; reading comes behind the shape, and before `now`. Writing: NULL: nothing.
gofer_status gf_rd_made_write(const gf_rd_flow *f, char **out, size_t *size);
gofer_status gf_rd_made_read(gf_rd_flow *f, const char *bytes, size_t size);
// So many steps more, behind all others; their state is `w` where states are known. ENOMEM.
gofer_status gf_rd_made_add(gf_rd_flow *f, uint32_t each, uint32_t list, size_t count, bool more);
void         gf_rd_flow_clear(gf_rd_flow *f);
// ENOTFOUND of a step: count.
size_t       gf_rd_step_named(const gf_rd_flow *f, const char *name);

// ---- rules.c: pure ------------------------------------------------------------------------------

typedef struct gf_rd_flow_event {
    uint32_t    n;
    int         number;                // of the notice, mod 64; -1: it is none, and counts
    bool        again;                 // it is run again; else it has ended so:
    gf_end      how;
    bool        counts;                // out of gf_rd_flow_apply: it was the end
} gf_rd_flow_event;

void gf_rd_flow_count(gf_rd_flow *f);
void gf_rd_flow_apply(gf_rd_flow *f, gf_rd_flow_event *e);
void gf_rd_flow_stop(gf_rd_flow *f, gf_rd_stop why);
void gf_rd_flow_reopen(gf_rd_flow *f, int64_t now_ms);
// Is it run for each item of a list?
bool gf_rd_step_has_each(const gf_rd_step *step);
// The one that is run for each item of this one's list; f->count: none.
size_t gf_rd_step_each_of(const gf_rd_flow *f, uint32_t n);
// What was made of it (of one with `each`) has come so far.
typedef struct gf_rd_each { size_t made, ended, failed, skipped, parts; } gf_rd_each;
gf_rd_each gf_rd_each_count(const gf_rd_flow *f, size_t each);
// A list that n has left makes steps: skipped ones where nothing begins any more. ENOMEM.
gofer_status gf_rd_flow_make(gf_rd_flow *f, uint32_t n, const gf_flow_list *list);
// What may begin is out, what never will is skipped, and when nothing is left the flow has ended.
void gf_rd_flow_settle(gf_rd_flow *f, int64_t now_ms);
// When housekeeping is to look at it.
int64_t gf_rd_flow_due(const gf_rd_flow *f, int64_t now_ms);
bool gf_rd_step_is_open(char state);   // it has not ended
bool gf_rd_step_is_out(char state);
bool gf_rd_step_is_put(char state);
gf_step_state gf_rd_step_state(char state);

// ---- home.c: reading and writing ----------------------------------------------------------------

int32_t gf_rd_home_of(const char *id);
// "asynq:{gofer-flows:N}:" + rest
typedef struct gf_rd_home_key { char text[GF_ID_MAX + 48]; } gf_rd_home_key;
void gf_rd_home_key_of(gf_rd_home_key *out, int32_t home, const char *rest);
void gf_rd_flow_key_of(gf_rd_home_key *out, const char *id);
int32_t gf_rd_home_slot(int32_t home);

gofer_status gf_rd_flow_create(gf_rd_store *s, const gf_flow_plan *plan);
// ENOTFOUND, ECORRUPT.
gofer_status gf_rd_flow_read(gf_rd_store *s, const char *id, gf_rd_flow *out);
// pairs: fields and values to be written with it. *done false: it is another one by now.
gofer_status gf_rd_flow_save(gf_rd_store *s, gf_rd_flow *f, const gf_rd_args *pairs,
    int64_t now_ms, bool *done);
// The messages of steps that are made, from `first` on: each is like that of the step `like`, with
// another id and payload. gf_bytes_clear each. ECORRUPT: that one cannot be read.
typedef struct gf_rd_mold {
    uint32_t            like, first;
    const gf_flow_item *items;
    size_t              count;
} gf_rd_mold;
gofer_status gf_rd_flow_mold(gf_rd_store *s, const gf_rd_flow *f, const gf_rd_mold *how,
    gf_bytes *out);
gofer_status gf_rd_flow_drop(gf_rd_store *s, gf_rd_flow *f);
// HMGET of so many fields <letter><n>; gf_rd_reply_free.
gofer_status gf_rd_flow_fields(gf_rd_store *s, const gf_rd_flow *f, char letter,
    const uint32_t *steps, size_t count, redisReply **out);

// ---- tasks.c: in the queues ---------------------------------------------------------------------

// What was done with the task of a step, to be noted in the flow.
typedef struct gf_rd_mark {
    uint32_t n;
    char     was;                      // its letter
    int      number;                   // of the notices from then on; -1: as it is
    bool     ended;                    // and so:
    gf_end   how;
    char     error[120];
} gf_rd_mark;

// Of steps that are out, and that are to be cancelled: does it, and fills marks (room for count).
gofer_status gf_rd_steps_put(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_mark *marks, size_t *mark_count);
gofer_status gf_rd_steps_cancel(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_mark *marks, size_t *mark_count);
void gf_rd_step_id(const gf_rd_flow *f, uint32_t n, char out[GF_ID_MAX + 1]);
// The word of a task's state (NULL: it is not there), and the number of its latest notice.
typedef struct gf_rd_seen {
    const char *state;
    int         number;
    bool        sure;                  // the state is that of the number
} gf_rd_seen;
gofer_status gf_rd_steps_look(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, gf_rd_seen *out);
// What a task has left: of one that is done HMGET result gofer:error, of another HMGET msg
// gofer:error; gf_rd_reply_free each.
gofer_status gf_rd_steps_left(gf_rd_store *s, const gf_rd_flow *f, const uint32_t *steps,
    size_t count, redisReply **out);
// The result of a step's task; *out NULL: none. gf_rd_reply_free *held.
gofer_status gf_rd_step_result(gf_rd_store *s, const gf_rd_flow *f, uint32_t n,
    redisReply **held, const redisReply **out);
gofer_status gf_rd_steps_forget(gf_rd_store *s, const gf_rd_flow *f);

// ---- change.c, relay.c --------------------------------------------------------------------------

// One flow: an act and events are applied, and all that follows from them is done. Events and the
// act count once, however often it is tried. ENOTFOUND, ECORRUPT, and those of the act.
typedef struct gf_rd_change {
    gofer_status    (*act)(gf_rd_flow *f, void *arg, int64_t now_ms);  // NULL: none
    void             *arg;
    gf_rd_flow_event *events;
    size_t            count;
    bool              is_due;          // it is written in any case, for when it is due next
    size_t            done;            // out: steps put, cancelled, ended
} gf_rd_change;
gofer_status gf_rd_flow_change(gf_rd_store *s, const char *id, gf_rd_change *c);
// A worker of this process has ended a step.
void gf_rd_flow_ring(gf_rd_store *s, const gf_finish *done, size_t count);

// ---- the door -----------------------------------------------------------------------------------

gofer_status gf_rd_flow_start(gf_broker *b, const gf_flow_plan *plan);
gofer_status gf_rd_flow_relay(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
bool         gf_rd_flow_rung(gf_broker *b);
gofer_status gf_rd_flow_show(gf_broker *b, const char *id, bool steps, gofer_info **out);
gofer_status gf_rd_flow_list(gf_broker *b, gf_flow_state state, const char *cursor, size_t limit,
    gofer_info **out);
gofer_status gf_rd_flow_act(gf_broker *b, const char *id, const char *step, gf_flow_act act);
// Acts on tasks, and what follows from them in flows.
gofer_status gf_rd_flow_tasks_act(gf_broker *b, const char *queue, gf_act act,
    const char *const *ids, size_t count, gofer_status *statuses);
gofer_status gf_rd_flow_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done);
gofer_status gf_rd_flow_queue_delete(gf_broker *b, const char *queue, bool force);
gofer_status gf_rd_flow_result(gf_broker *b, const char *id, const char *step, uint32_t *n,
    void **bytes, size_t *size);

#endif
