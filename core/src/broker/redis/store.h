// store.h - the Redis broker as its own files see it.
//
// May touch: broker/broker.h, net/, wire/, message/, info/info.h, util/. Asynq's layout (the wire
// contract: docs/asynq.md), so that Go clients, workers and tools share the queues. What we add are
// fields of the task's hash and keys asynq:{q}:gofer:…, and everything works when they are missing:
//
//   hash field gofer:claim     "<16 hex digits>": the fence token of the last take by a gofer
//   worker hash field gofer:worker    "<Unix ms of the take> <worker id>": who runs it since when;
//   set and removed with the claim hash field gofer:crashes   deaths of workers it was charged
//   with, and (behind a blank) those
//                              that it is suspected of
//   hash field gofer:proven    the claim in which a suspect ran for longer than its patience
//   hash field gofer:progress  "done total text"
//   hash field gofer:error     why it was archived, where the message itself could not be read
//   hash field gofer:cancel    the claim whose run was asked to stop (so a lost announcement does
//   not matter) hash field gofer:begun     "<number> <set> <worker>" of a task in a group:
//   so often in turn its
//                              set was taken and did not come back; the latest, and who took it
//   hash field gofer:attempts  records of the latest attempts, a line each (util/record.h)
//   hash field gofer:lane      100 less its priority, and its tenant; gofer:rank its place in
//                              gofer:line while it waits there (scripts/lib/rejoin.lua)
//   hash field gofer:log       the latest lines of its log
//   hash field gofer:ckpt      its checkpoint
//   hash field gofer:key       the record of the key that it is debounced by
//   gofer:key:k:<key>, gofer:key:t:<type>    the first call of a key that tasks are debounced by,
//                              and which task that made (put_debounced.lua)
//   gofer:waits, gofer:end:<id>    who waits for the end of which task, and what ended it (ends.c)
//   gofer:line                 tasks with a priority that wait, in the order they are taken in,
//                              and those that wait for a limit key, behind a lane of their own
//   gofer:fair, gofer:fair:<lane>, gofer:weights    how far tenants are (scripts/lib/enline.lua)
//   hash fields gofer:limit    its cost and limit keys (limit/limit.h); gofer:held for which it
//                              waits (a letter, q: of the queue, s: of all; empty: it was brought
//                              back)
//   gofer:turns                whose turn it is of tasks that run one after the other, by their key
//                              (scripts/lib/turns.lua)
//   gofer:limited              which limits count for its tasks (limit/limit.h)
//   gofer:length               how many of its tasks may be pending, and whether it takes envelopes
//                              alone (scripts/lib/room.lua)
//   gofer:age                  for so many ms waited a task is one priority higher (lib/aged.lua)
//   gofer:run:<key>, gofer:held:<key>, gofer:rate:<key>, gofer:keys, gofer:paused, gofer:wakes
//                              what runs, what waits, when it started, all of these keys, which
//                              are paused, and when each is looked at (scripts/lib/limits.lua)
//   gofer:grants               what the queue may of limits that all queues of a Cluster count for
//                              (limit/grants.c)
//   gofer:cron:<entry>         the latest tick of a cron entry (tick.c)
//   gofer:set:<id>             an aggregation set that has become a task, for a while (aggregate.c)
//   gofer:stats:<hour>         stats (stats.c)
//   gofer:stats:m<minute>      the same by the minute
//   gofer:removing             since when the queue is being removed (act_queue.c)
//   gofer:serving              of a sharded queue: the workers that serve it (shard/tasks.c)
//   gofer:trimmed              how many tasks the archive's limits have deleted (lib/trim.lua)
//
// And beside the queues, each alone in its slot: asynq:gofer:schedules (entries.c),
// asynq:gofer:shown (shown.c), asynq:gofer:shards (shard/), asynq:gofer:audit (audit.c),
// asynq:gofer:listening (events.c), asynq:gofer:limits and asynq:gofer:limited (limit/limit.h),
// asynq:gofer:types (limit/guards.c), asynq:gofer:hours (limit/hours.c), asynq:gofer:breakers
// (limit/breakers.c), the keys asynq:{gofer-limits}:… of limits that all queues count for,
// asynq:gofer:housekeeper (upkeep/election.c), asynq:gofer:{<worker>}:live and :control (watch.c),
// and the channels asynq:gofer:control and asynq:gofer:events. In the slot of a worker's record
// asynq:gofer:children:{<host>:<pid>:<worker>} (roster.c).
//
// Scripts (scripts/*.lua): test every precondition before the first write, since nothing is rolled
// back (but the user's rights, which net/script.c asks for: it finds commands as call('NAME', so
// write them so); time for
// leases and scores is the server's (TIME); no unbounded loop, no unpack of over 1000; state words,
// scores (whole seconds) and pending_since (ns) as Asynq writes them. Arguments are passed, never
// put in the text. While a slot of a Cluster moves, touching a key that is not here (any more, or
// not yet) is an error that ends a script where it stands. So every key a script may write is among
// its KEYS (the server then answers TRYAGAIN before it starts), and hashes of tasks, whose names it
// learns inside, are read before the first write.
#ifndef GF_BROKER_REDIS_STORE_H
#define GF_BROKER_REDIS_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "broker/blame.h"
#include "broker/broker.h"
#include "broker/redis/net/net.h"
#include "broker/redis/wire/wire.h"
#include "util/fork.h"

enum {
    GF_RD_CHUNK = 500,             // tasks in one script call at the most
    GF_RD_GRACE_MS = 2000,         // a lease of ours is over so long before it is recovered;
    GF_RD_GO_GRACE_MS = 30000,     //   one of a Go worker so long, as its clock is its own
    GF_RD_SERVER_TTL_S = 10,       // Asynq's, for the records of workers
    GF_RD_ARCHIVE_MAX = 10000,     // Asynq's limits: at most 9,999 stay, and 90 days
    GF_RD_ARCHIVE_S = 7776000,
    GF_RD_BURST = 4 << 20,         // bytes that an exchange asks for, or sends at once (and one
                                   //   task more), so that they come
    GF_RD_BURST_LEAST = 64 << 10,  //   within a call's time; fewer where they did not
    GF_RD_ILL_MAX = 8,             // queues that are left alone for a while
    GF_RD_UNDELIVERED_MAX = 4096,  // takes whose answer was lost, remembered to be put back
    GF_RD_TICKS_S = 8 * 24 * 3600, // the latest tick of an entry that was removed
                                   //   is remembered so long
    GF_RD_MAILBOX = 320,           // bytes of a key for a worker
    GF_RD_WORKER_KEYS = 3,         // so many of them: that it lives, its commands,
    GF_RD_DIED = 2,                //   and what it held when it died (deaths.c)
    GF_RD_MESSAGE_MAX = GF_RD_STRING_MAX - (1 << 20),    // a message that is longer is not
                                                         //   stored, nor taken: with its
                                   //   error, headers and what else is written into it, it must
                                   //   come back in a reply
    GF_RD_REACH_S = 60             // a Go worker takes it again so long after our lease's
                                   //   score at the earliest
};

#define GF_RD_CHILDREN "asynq:gofer:children"  // then as in the key of the worker's record

typedef struct gf_rd_registration gf_rd_registration;    // roster.c
typedef struct gf_rd_combiner gf_rd_combiner;            // combine.c
typedef struct gf_rd_queues gf_rd_queues;                // queues.c
typedef struct gf_rd_shard_cache gf_rd_shard_cache;      // shard/shards.c
typedef struct gf_rd_guards gf_rd_guards;                // limit/guards.c
typedef struct gf_rd_upkeep gf_rd_upkeep;                // upkeep.c
typedef struct gf_rd_election gf_rd_election;            // election.c
typedef struct gf_rd_watching gf_rd_watching;            // watch.c
typedef struct gf_rd_turns gf_rd_turns;                  // aggregate.c
typedef struct gf_rd_senders gf_rd_senders;              // events.c

// Tasks that were taken and did not reach us: all of one take are marked alike (undelivered.c).
typedef struct gf_rd_undelivered {
    char     queue[GF_NAME_MAX + 1];
    uint64_t token;
} gf_rd_undelivered;

// A queue that the store refuses to take from (a key of a wrong type, a missing right):
// not asked again before.
typedef struct gf_rd_ill {
    char    queue[256];
    int64_t until_ms, logged_ms;   // monotonic; 0: none
} gf_rd_ill;

// A queue, by its slot, whose server did not answer while others did (ailing.c).
typedef struct gf_rd_ailing {
    int32_t slot;
    int64_t pause_ms, until_ms;                // 0: none
} gf_rd_ailing;
enum { GF_RD_AILING_MAX = 64, GF_RD_TRIAL_MS = 1000 };   // so long a call lasts that is about
                                                         //   such queues alone

typedef struct gf_rd_store {
    gf_broker   base;
    gf_rd_net  *net;
    gf_process  process;
    char       *shown;                         // URL without secrets

    gf_rd_combiner *combiner;                  // concurrent puts share a pipeline
    gf_rd_queues   *queues;                    // names seen in asynq:queues, refreshed now and then
    gf_rd_shard_cache *shards;                 // sharded queues, asked for once a second
    gf_rd_guards   *guards;                    // paused types, asked for once a second
    struct gf_rd_hours *hours;                 // and allowed hours, with these
    struct gf_rd_breakers *breakers;           // and with them these (limit/breakers.c)
    gf_rd_upkeep   *upkeep;                    // where housekeeping is in its rounds
    gf_rd_election *election;                  // and who of many does it
    pthread_mutex_t lock;                      // for the lists below
    gf_rd_registration *registrations;
    gf_rd_watching *watches;
    gf_rd_turns    *turns;                     // made when first needed
    gf_rd_undelivered *undelivered;            // the oldest first
    size_t          undelivered_count, undelivered_room;
    int64_t         undelivered_due_ms;        // monotonic: not to be returned before
    gf_rd_ill       ill[GF_RD_ILL_MAX];
    _Atomic int64_t clock_ahead_ms;            // clock.c: the server's clock less ours
    _Atomic int64_t clock_heard_ms, clock_asked_ms;    // monotonic; 0: never
    _Atomic int64_t clock_base_ms;             // our clock less the monotonic one, then
    _Atomic int64_t burst;                     // what came last time; 0: GF_RD_BURST

    gf_rd_ailing    ailing[GF_RD_AILING_MAX];  // each in the place its slot has
    _Atomic int     ailing_count;
    _Atomic int64_t shards_tidied_ms;          // monotonic; 0: never

    // limit/grants.c
    char            sharer[17];                // who this is among those that share out limits
    _Atomic int     limits_rung;               // a take lacked a grant, and nobody has shared out
    _Atomic int64_t share_until_ms;            // monotonic: until then it is urgent
    _Atomic int     flow_rung;                 // steps were ended here, and no relay has looked

    // events.c
    _Atomic int64_t listened_ms;               // when we looked whether anybody listens,
                                               //   monotonic; 0: never
    _Atomic int     listened;                  //   and what they want: gf_events_want
    gf_rd_senders  *senders;                   // of what is published
} gf_rd_store;

// EFORKED in a forked child; every member of the table begins with it.
gofer_status gf_rd_check(const gf_rd_store *s);

// What is left of the call's time: config.timeout_ms for a call as a whole.
static inline int64_t gf_rd_timeout(const gf_rd_store *s) { return s->base.config.timeout_ms; }

// ---- claims (claim.c) --------------------------------------------------------------------

// A claim is ours while the hash still holds its token and the lease's score is at least `score`
// and below score + 60: a Go worker that took the task after our lease ended has a later one.
typedef struct gf_rd_claim {
    gf_claim        base;                      // first: a gf_claim * is one of these
    _Atomic int64_t score;                     // of the lease as we last knew it, Unix
                                               //   seconds (server's)
    _Atomic int64_t reach;                     // the score may be so much above; more while an
                                               //   extension is under way
    _Atomic bool    maybe_finished;            // a finish was sent and its answer lost: ESTALE
                                               //   may mean that it worked
    char            token_text[17];            // as in the hash: the same for all tasks of one take
    const char     *queue;                     // where it is: of a sharded queue the slot, while
                                               //   the message's is the queue's name
    const char     *key;                       // of the task's hash
    const char     *unique_key;                // NULL: none
    const void     *stored;                    // the message's bytes as taken: to write it again
    size_t          stored_size;
} gf_rd_claim;                                 // one allocation, freed by gf_free

// From a message's bytes in the queue asked (which overrides what the message says). ECORRUPT:
// unreadable, or the message is of another id. room: gf_take's.
gofer_status gf_rd_claim_make(const char *queue, const char *id, const void *bytes, size_t size,
    size_t room, gf_rd_claim **out);
static inline const char *gf_rd_claim_queue(const gf_claim *claim)
{
    return ((const gf_rd_claim *)claim)->queue;
}
void gf_rd_token_text(uint64_t token, char out[17]);
// gofer:crashes: "2", or of a suspect "2 1". What is no such text: nothing.
#define GF_RD_BLAME_TEXT 24
gf_blame gf_rd_blame(const redisReply *text);      // NULL is fine
void     gf_rd_blame_text(const gf_blame *b, char out[GF_RD_BLAME_TEXT]);
// When a task was enqueued, from pending_since (ns; NULL: not there), else from an id
// of version 7, else 0.
int64_t gf_rd_enqueued_ms(const redisReply *pending_since, const char *id);

// ---- keys (keys.c) ----------------------------------------------------------------------------

// "asynq:{queue}:" + rest. Good for any queue name that fits and any rest up to GF_RD_REST_MAX: the
// longest is that of a set taken out of a group, "g:<group>:<UUID>".
enum { GF_RD_SET_MAX = GF_NAME_MAX + 37, GF_RD_REST_MAX = GF_RD_SET_MAX + 8 };
typedef struct gf_rd_key {
    char text[sizeof "asynq:{}:" + GF_NAME_MAX + GF_RD_REST_MAX];
} gf_rd_key;

// Of a task's line (scripts/lib/rejoin.lua): its lane and, behind a space, its tenant, as text; "":
// it has neither a priority nor a tenant.
#define GF_RD_LANE_TEXT (GF_NAME_MAX + 12)
void    gf_rd_lane_of(const gf_message *m, char out[GF_RD_LANE_TEXT]);
void    gf_rd_key_of(gf_rd_key *out, const char *queue, const char *rest);   // "pending", "t:", …
int32_t gf_rd_queue_slot(const char *queue);
// The list or sorted set of a state ("pending" …); aggregating has none of its own: NULL.
const char *gf_rd_state_key(gf_state state);

// ---- a script call on one queue -----------------------------------------------------------------

// For GF_RD_KEYS_… (redis_scripts.h), the keys that a script declares: an array of their rests, in
// order; and how many there are (0 GF_RD_KEYS_…(GF_RD_ONE)).
#define GF_RD_REST(NAME, name, rest) rest,
#define GF_RD_ONE(NAME, name, rest) + 1
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

// Begins cmd: script, slot, repeatable; then add keys and words to cmd->args, set cmd->key_count.
void gf_rd_script_begin(gf_rd_cmd *cmd, const gf_rd_script *script, const char *queue,
    bool repeatable);
// Adds asynq:{queue}:<rest> for each of rests to a script's keys; room: so many, in use until the
// call is over.
void gf_rd_add_keys(gf_rd_cmd *cmd, gf_rd_key *room, const char *queue, const char *const *rests,
    size_t count);
// The lock of a task enqueued as unique (gf_wire_unique_key, which needs OpenSSL for
// a payload): gf_free.
gofer_status gf_rd_lock_of(gf_rd_store *s, const char *queue, const char *type, const void *payload,
    size_t size, char **out);
// In front of the id in a lock that its task does not know: so nobody takes it for the task's, to
// be freed with it, and nobody for one that its task has left behind. No id of ours holds a tab.
#define GF_RD_LOCK_ALONE "ttl\t"
// A lock by a name of the caller's: it begins as Asynq's do, so that its workers
// free it too. gf_free.
gofer_status gf_rd_named_lock(const char *queue, const char *name, char **out);
// Runs one command and clears its args; OK: *reply is the caller's (gf_rd_reply_free).
gofer_status gf_rd_call(gf_rd_store *s, gf_rd_cmd *cmd, redisReply **reply);
// The same of one that answers with a number; 0 where it is none.
gofer_status gf_rd_call_int(gf_rd_store *s, gf_rd_cmd *cmd, int64_t *out);

// Why a message of so many bytes is not read.
void gf_rd_too_long(char *out, size_t capacity, int64_t size);
// ETOOBIG: it could be stored, but not read back.
gofer_status gf_rd_message_check(const gf_message *m, size_t size);

// Numbers in replies: integer replies and decimal text; else fallback.
int64_t gf_rd_reply_int(const redisReply *r, int64_t fallback);
// Text of a reply that may be anybody's: valid UTF-8, gf_free; NULL: no memory.
char *gf_rd_clean(const redisReply *r);
// NULL: not there, not that type
const redisReply *gf_rd_reply_at(const redisReply *r, size_t index, int type);

static inline bool gf_rd_reply_is_text(const redisReply *r)       // NULL is none
{
    return r && r->type == REDIS_REPLY_STRING;
}

// ---- the queues there are (queues.c) ------------------------------------------------------------

// A snapshot of asynq:queues, asked anew at most every max_age_ms: the names that fit
// (gf_name_fits), each NUL-terminated. gf_rd_names_free.
// text: NULL, or the one block that all of them are in, and not each in one of its own.
typedef struct gf_rd_names { char **names; size_t count; char *text; } gf_rd_names;
gofer_status gf_rd_queues_get(gf_rd_store *s, int64_t max_age_ms, gf_rd_names *out);
// Those of a range, by name; *more: there are others behind them.
gofer_status gf_rd_queues_slice(gf_rd_store *s, int64_t max_age_ms, const gf_queue_range *range,
    gf_rd_names *out, bool *more);
void         gf_rd_names_free(gf_rd_names *n);
void         gf_rd_names_sort(gf_rd_names *n);
// Tells of the members that are none of these.
gofer_status gf_rd_queues_unfit(gf_rd_store *s, void (*tell)(void *arg, const redisReply *name),
    void *arg);
// SISMEMBER
bool         gf_rd_queue_exists(gf_rd_store *s, const char *queue, gofer_status *st);
// True: the name should be SADDed with the next put (first time, after a new
// connection, every 50 ms).
bool         gf_rd_queues_must_add(gf_rd_store *s, const char *queue);
void         gf_rd_queues_not_added(gf_rd_store *s, const char *queue); // that failed: not so
                                                                        //   soon again
void         gf_rd_queues_forget(gf_rd_store *s, const char *queue);    // it was removed: add it
                                                                        //   with the next put
gofer_status gf_rd_queues_open(gf_rd_store *s);
void         gf_rd_queues_close(gf_rd_store *s);
gofer_status gf_rd_queue_add(gf_rd_store *s, const char *queue);    // to asynq:queues

// ---- the members, by file -----------------------------------------------------------------------

// clock.c: what a round trip told of the server's clock (ours, before and after; its); and that
// clock, without asking each time
void         gf_rd_clock_note(gf_rd_store *s, int64_t sent_ms, int64_t heard_ms, int64_t server_ms);
int64_t      gf_rd_now_ms(gf_broker *b);
// combine.c, put.c
gofer_status gf_rd_put(gf_broker *b, gf_put *items, size_t count);
gofer_status gf_rd_combiner_open(gf_rd_store *s);
void         gf_rd_combiner_close(gf_rd_store *s);
// ailing.c: is the queue to be left out for now? Was it, and has not answered since?
bool gf_rd_ails(gf_rd_store *s, const char *queue);
bool gf_rd_ailed(gf_rd_store *s, const char *queue);
void gf_rd_ailing_note(gf_rd_store *s, const char *queue, bool answers);
// ailing.c (the door), exchange.c (the plan), take.c (takes and plain ends), finish.c (the other
// outcomes)
gofer_status gf_rd_exchange(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take);
void         gf_rd_undelivered_close(gf_rd_store *s);
// lease.c
gofer_status gf_rd_extend(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms);
// task_data.c
gofer_status gf_rd_progress(gf_broker *b, const gf_progress *items, size_t count);
gofer_status gf_rd_release(gf_broker *b, gf_claim *const *claims, size_t count);
gofer_status gf_rd_checkpoint(gf_broker *b, const gf_claim *claim, void **bytes, size_t *size);
// waiter.c
gofer_status gf_rd_waiter_open(gf_broker *b, const char *const *queues, size_t count,
    gf_waiter **out);
void         gf_rd_waiter_close(gf_waiter *w);
void         gf_rd_waiter_arm(gf_waiter *w);
gofer_status gf_rd_waiter_wait(gf_waiter *w, int64_t timeout_us);
void         gf_rd_waiter_wake(gf_waiter *w);
// upkeep.c; forward.c, recover.c, purge.c
gofer_status gf_rd_upkeep_open(gf_rd_store *s);
void         gf_rd_upkeep_close(gf_rd_store *s);
gofer_status gf_rd_upkeep_serve(gf_rd_store *s, const char *queue);  // looked at though
                                                                     //   asynq:queues lacks it
// election.c. resign: another may do it at once.
gofer_status gf_rd_election_open(gf_rd_store *s);
void         gf_rd_election_close(gf_rd_store *s);
void         gf_rd_election_resign(gf_rd_store *s);
gofer_status gf_rd_forward(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
gofer_status gf_rd_recover(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out);
gofer_status gf_rd_purge(gf_broker *b, size_t limit, size_t *done);
// roster.c
gofer_status gf_rd_worker_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms);
gofer_status gf_rd_worker_deregister(gf_broker *b, const char *id);
gofer_status gf_rd_workers(gf_broker *b, const gf_page *page, gofer_info **out);
bool         gf_rd_registered(gf_rd_store *s, const char *id);
void         gf_rd_registrations_close(gf_rd_store *s);          // frees memory only
// policy.c: ESTATE if a primary deletes keys when its memory is full, and the URL
// does not accept that.
// The value of a line "name:value" of INFO; "": there is none.
void gf_rd_info_value(const char *info, const char *name, char *out, size_t capacity);
gofer_status gf_rd_policy_check(gf_rd_store *s);
// act.c, edit.c
gofer_status gf_rd_tasks_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses);
gofer_status gf_rd_task_edit(gf_broker *b, const char *queue, const char *id, const void *payload,
    size_t size, int64_t run_at_ms);
gofer_status gf_rd_task_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r);
// watch.c
gofer_status gf_rd_watch_open(
    gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks, gf_watch **out);
void         gf_rd_watch_close(gf_watch *w);
gofer_status gf_rd_control(gf_broker *b, const char *worker, const char *command);
gofer_status gf_rd_announce(gf_rd_store *s, const char *text);       // on our channel
// That a worker lives, as part of its heartbeat; the answer reminds its watch of commands.
void         gf_rd_mailbox_of(const char *worker, char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX]);
void         gf_rd_alive_begin(gf_rd_cmd *cmd, char keys[GF_RD_WORKER_KEYS][GF_RD_MAILBOX],
    const char *worker);
void         gf_rd_alive_answered(gf_rd_store *s, const gf_rd_cmd *cmd, const char *worker);
// ends.c
gofer_status gf_rd_waits_open(gf_broker *b, gf_waits **out);
void         gf_rd_waits_close(gf_waits *w);
void         gf_rd_waits_add(gf_waits *w, gf_awaited *const *items, size_t count,
    bool only_look);
void         gf_rd_waits_remove(gf_waits *w, gf_awaited *const *items, size_t count);
gofer_status gf_rd_waits_next(gf_waits *w, int64_t timeout_ms, gf_awaited **told);
void         gf_rd_waits_wake(gf_waits *w);
// aggregate.c
gofer_status gf_rd_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out);
gofer_status gf_rd_group_put(gf_broker *b, const gf_group_set *set, const gf_message *combined,
    int64_t run_at_ms);
gofer_status gf_rd_group_back(gf_broker *b, const gf_group_set *set);
gofer_status gf_rd_group_archive(gf_broker *b, const gf_group_set *set, const char *error);
gofer_status gf_rd_groups_reclaim(gf_broker *b, size_t limit, size_t *done);
gofer_status gf_rd_groups(gf_broker *b, const char *queue, const gf_page *page, gofer_info **out);
void         gf_rd_turns_close(gf_rd_store *s);
// entries.c, tick.c, shown.c
gofer_status gf_rd_entry_put(gf_broker *b, const char *name, const char *record, bool only_new);
gofer_status gf_rd_entry_swap(gf_broker *b, const char *name, const char *was, const char *record);
gofer_status gf_rd_entry_drop(gf_broker *b, const char *name);
gofer_status gf_rd_entries(gf_broker *b, int64_t known, gf_entries *out);
gofer_status gf_rd_tick(gf_broker *b, gf_tick *items, size_t count);
gofer_status gf_rd_tick_states(gf_broker *b, gf_tick_state *items, size_t count);
gofer_status gf_rd_tick_history(gf_broker *b, const char *entry, size_t limit, gofer_info **out);
gofer_status gf_rd_entries_show(gf_broker *b, const char *scheduler, const gf_shown_entry *entries,
    size_t count, int64_t ttl_ms);
gofer_status gf_rd_entries_hide(gf_broker *b, const char *scheduler);
gofer_status gf_rd_entries_foreign(gf_broker *b, gofer_info **out);
// events.c
gf_events_want gf_rd_events_wanted(gf_broker *b);
gofer_status gf_rd_events_publish(gf_broker *b, const char *const *records, size_t count);
gofer_status gf_rd_listener_open(gf_broker *b, bool sums, gf_listener **out);
gofer_status gf_rd_listener_next(gf_listener *l, int64_t timeout_ms, char **record, int64_t *lost);
void         gf_rd_listener_close(gf_listener *l);
gofer_status gf_rd_senders_open(gf_rd_store *s);
void         gf_rd_senders_close(gf_rd_store *s);
// So that a put asks along whether anybody listens: true: add the question, and
// tell what was heard.
bool         gf_rd_events_ask(gf_rd_store *s, gf_rd_cmd *cmd);
void         gf_rd_events_answered(gf_rd_store *s, const gf_rd_cmd *cmd);
// stats.c
gofer_status gf_rd_stats_add(gf_broker *b, const gf_type_stats *items, size_t count);
gofer_status gf_rd_stats(
    gf_broker *b, const char *queue, int64_t since_ms, gf_type_stats **out, size_t *count);
gofer_status gf_rd_stats_steps(gf_broker *b, const gf_stats_steps *which, gf_type_stats *sums);
// find.c
gofer_status gf_rd_filled(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_rd_locate(gf_broker *b, const char *id, gf_names *out);
// counts.c
gofer_status gf_rd_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out);
gofer_status gf_rd_closed(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_rd_backlog(gf_broker *b, const char *const *queues, size_t count, int64_t *out);
// about.c
gofer_status gf_rd_about(gf_broker *b, const char *queue, gofer_info **out);
// inspect/queues.c
gofer_status gf_rd_names_inspect(gf_broker *b, gf_names *out);
gofer_status gf_rd_queues_inspect(gf_broker *b, const char *queue, gofer_info **out);
gofer_status gf_rd_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out);
// page.c
gofer_status gf_rd_tasks(gf_broker *b, const char *queue, gf_state state, const char *cursor,
    size_t limit, gofer_info **out);
// inspect_task.c
gofer_status gf_rd_task(gf_broker *b, const char *queue, const char *id, gofer_info **out);
// history.c
gofer_status gf_rd_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out);
// act.c
gofer_status gf_rd_tasks_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done);
gofer_status gf_rd_queue_pause(gf_broker *b, const char *queue, bool paused);
gofer_status gf_rd_queue_bound(gf_broker *b, const char *queue, int64_t max_length);
gofer_status gf_rd_queue_age(gf_broker *b, const char *queue, int64_t age_ms);
gofer_status gf_rd_queue_encrypt(gf_broker *b, const char *queue, bool required);
gofer_status gf_rd_queue_delete(gf_broker *b, const char *queue, bool force);
// audit.c
gofer_status gf_rd_audit_add(gf_broker *b, const char *record, int64_t keep);
gofer_status gf_rd_audit_page(gf_broker *b, int64_t before, size_t limit, gf_names *lines);
// check.c
gofer_status gf_rd_check_store(gf_broker *b, bool repair, gf_report_finding report, void *arg);

// limit/tenants.c, limit/limits.c, limit/keys.c
gofer_status gf_rd_tenant_put(gf_broker *b, const char *queue, const char *name, int64_t weight);
gofer_status gf_rd_tenant_drop(gf_broker *b, const char *queue, const char *name);
gofer_status gf_rd_tenant_list(gf_broker *b, const char *queue, const char *after, size_t limit,
    gofer_info **out);
gofer_status gf_rd_tenant(gf_broker *b, const char *queue, const char *name, gofer_info **out);
gofer_status gf_rd_limit_put(gf_broker *b, const gf_limit *limit);
gofer_status gf_rd_limit_drop(gf_broker *b, const char *name);
gofer_status gf_rd_limit_list(gf_broker *b, const char *after, size_t limit, gofer_info **out);
gofer_status gf_rd_limit_keys(gf_broker *b, const char *after_key, const char *after_queue,
    bool waiting, size_t limit, gofer_info **out);
gofer_status gf_rd_limit_key(gf_broker *b, const char *key, gofer_info **out);
gofer_status gf_rd_limit_pause(gf_broker *b, const char *key, int64_t until_ms);
gofer_status gf_rd_type_pause(gf_broker *b, const char *type, bool paused);
gofer_status gf_rd_types(gf_broker *b, gofer_info **out);
// The types that are paused or closed now, for scripts that take and bring back (gf_free); NULL:
// none. anew: asks the store whatever is known.
gofer_status gf_rd_shut_types(gf_rd_store *s, bool anew, char **out);
gofer_status gf_rd_guards_open(gf_rd_store *s);
void         gf_rd_guards_close(gf_rd_store *s);
// They may have changed: they are asked for when they are next needed.
void         gf_rd_guards_doubt(gf_rd_store *s);
// Asks for them if it is time.
void         gf_rd_guards_renew(gf_rd_store *s);
// hours.c. The question, which is asked with that for the types, and its answer.
gofer_status gf_rd_hours_open(gf_rd_store *s);
void         gf_rd_hours_close(gf_rd_store *s);
void         gf_rd_hours_ask(gf_rd_cmd *cmd);
void         gf_rd_hours_answered(gf_rd_store *s, const gf_rd_cmd *cmd);
// There are some. The types that are closed now, each in a line as gf_rd_shut_types has them
// (gf_free). And whether a queue is, and for how long: NULL: nobody asks.
bool         gf_rd_hours_any(const gf_rd_store *s);
gofer_status gf_rd_hours_shut(gf_rd_store *s, char **out);
bool         gf_rd_queue_closed(gf_rd_store *s, const char *queue, int64_t *left_ms);
gofer_status gf_rd_hours_put(gf_broker *b, const char *name, const char *spec);
gofer_status gf_rd_hours_list(gf_broker *b, gofer_info **out);
// breakers.c
gofer_status gf_rd_breaker_put(gf_broker *b, const char *type, const gf_breaker_rule *rule);
gofer_status gf_rd_breaker_drop(gf_broker *b, const char *type);
gofer_status gf_rd_breaker_close(gf_broker *b, const char *type);
gofer_status gf_rd_breakers(gf_broker *b, gofer_info **out);
gofer_status gf_rd_breakers_open(gf_rd_store *s);
void         gf_rd_breakers_free(gf_rd_store *s);
// These were just taken, and these have ended. tell: what is known of ends goes to the store, if it
// is time; now: in any case. It may wait; what fails of it goes with the next call.
void         gf_rd_breakers_claimed(gf_rd_store *s, gf_claim *const *claims, size_t count);
void         gf_rd_breakers_ended(gf_rd_store *s, const gf_finish *done, size_t count);
void         gf_rd_breakers_tell(gf_rd_store *s, bool now);
gofer_status gf_rd_limit_share(gf_broker *b, int64_t *wait_ms);
bool         gf_rd_limit_rung(gf_broker *b);

// items.c
gofer_status gf_rd_export(gf_broker *b, const char *queue, const char *const *ids, size_t count,
    gf_item *items);
gofer_status gf_rd_import(gf_broker *b, const char *queue, gf_item *items, size_t count);
gofer_status gf_rd_drop(gf_broker *b, const char *queue, gf_item *items, size_t count);

// ---- groups (group.c) and scheduler records (schedule.c): Asynq's operations ----------------

// 0: none; grace >= 1
typedef struct gf_rd_group_rule { int64_t max_size, max_delay_s, grace_s; } gf_rd_group_rule;
// Who takes a set.
typedef struct gf_rd_group_taker {
    const char *worker;
    bool        no_suspects;
    int32_t     crashes;           // out: how often its tasks did not come back before; -1: it was
                                   //   not made, for they are suspects
} gf_rd_group_taker;
// OK: *set_id (37 bytes) names a set made, EUNCERTAIN: perhaps; EEMPTY: not yet. Sets live 120 s
// (wire.md section 6). taker NULL: nobody in particular.
gofer_status gf_rd_group_check(gf_rd_store *s, const char *queue, const char *group,
    const gf_rd_group_rule *rule, char set_id[37], gf_rd_group_taker *taker);
// Which set, of which group.
typedef struct gf_rd_set_name { const char *queue, *group, *id; } gf_rd_set_name;
// The set's tasks, oldest first, each to be gf_free'd (void * as from gf_wire_task_decode with
// extra 0), and when it ends.
gofer_status gf_rd_group_read(gf_rd_store *s, const gf_rd_set_name *set, gf_wire_task ***tasks,
    size_t *count, int64_t *until_ms);
gofer_status gf_rd_group_delete(gf_rd_store *s, const gf_rd_set_name *set);
// stale sets; names go back into groups
gofer_status gf_rd_group_reclaim(gf_rd_store *s, const char *queue, size_t *done);

gofer_status gf_rd_schedule_write(gf_rd_store *s, const char *scheduler_id,
    const gf_wire_entry *entries, size_t count, int64_t ttl_s);
gofer_status gf_rd_schedule_clear(gf_rd_store *s, const char *scheduler_id);
gofer_status gf_rd_schedule_list(gf_rd_store *s, gofer_info **out);
gofer_status gf_rd_schedule_record(gf_rd_store *s, const char *entry_id,
    const gf_wire_event *event);
gofer_status gf_rd_schedule_history(gf_rd_store *s, const char *entry_id, size_t limit,
    gofer_info **out);
gofer_status gf_rd_schedule_forget(gf_rd_store *s, const char *entry_id);             // its history

#endif
