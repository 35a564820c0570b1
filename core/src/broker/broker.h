// broker.h - the door to every store.
//
// May touch: message/, util/, info.h. A store is one folder behind this door, one table and one
// line in broker.c, and passes tests/conformance. No store includes another.
//
// The members of a task's life and the acts on tasks take arrays, a single task is an array of one, and
// each item has its own result; the others concern one thing. Every member may be called from any thread, may block on the store up
// to the broker's timeout, and returns GOFER_OK or the failure of the call as a whole (in which
// case no item was changed, unless it is GOFER_EUNCERTAIN). Names were checked by the caller.
#ifndef GF_BROKER_BROKER_H
#define GF_BROKER_BROKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "message/message.h"
#include "util/log.h"
#include "util/text.h"
#include "util/url.h"

typedef struct gf_broker gf_broker;
typedef struct gf_waiter gf_waiter;

// The states, spelled as Asynq does (wire.md). The numbers are kept in the SQLite file.
typedef enum gf_state {
    GF_PENDING = 0,
    GF_ACTIVE = 1,
    GF_SCHEDULED = 2,
    GF_RETRY = 3,
    GF_COMPLETED = 4,
    GF_ARCHIVED = 5,
    GF_AGGREGATING = 6,
    GF_STATE_COUNT = 7
} gf_state;

const char *gf_state_name(gf_state state);
bool        gf_state_parse(const char *name, gf_state *out);

typedef struct gf_broker_config {
    gf_log  log;
    int64_t timeout_ms;
    int64_t max_payload;
} gf_broker_config;

// ---- put ----------------------------------------------------------------

// What ends a unique lock before its time. Deleting, archiving and cancelling do, but for UNTIL_TTL; a retry does not.
typedef enum gf_unique_life {
    GF_UNTIL_DONE = 0,             // Asynq's: the message knows its lock, finishing frees it
    GF_UNTIL_START = 1,            // the same, and `release` frees it when a worker starts the task
    GF_UNTIL_TTL = 2               // nothing: the task does not know its lock
} gf_unique_life;

enum { GF_ID_MAX = GF_NAME_MAX };  // bytes of a task's id

// What goes to a store, or comes from one, in one step: about so many bytes of tasks, and one task more.
enum { GF_PIECE_BYTES = 8 << 20 };

typedef struct gf_put {
    const gf_message *message;
    int64_t           run_at_ms;   // 0 or past: pending; else scheduled
    int64_t           unique_ms;   // > 0: refuse a second task of this queue, type and payload for so
                                   //   long (Asynq's lock; whole seconds, rounded up)
    const char       *unique_key;  // with unique_ms: of this name instead, whatever type and payload; NULL: theirs
    gf_unique_life    unique_life;
    const char       *group;       // not NULL and due now: waits in this group instead of pending
    char             *holder;      // NULL, or GF_ID_MAX + 1 bytes; out with EDUPLICATE: the id that holds the lock
    gofer_status      status;      // out: OK (also for a repeat of the same task), EEXIST, EDUPLICATE,
                                   //   EUNSUPPORTED (the store has no locks or groups), ETOOBIG (it could not be read back)
} gf_put;

// ---- exchange: finish some, take some, in one step -----------------------

// A task that a worker holds. Made by exchange, freed by gf_claim_free; one allocation.
typedef struct gf_claim {
    gf_message message;            // points into the same allocation; a NUL follows the payload
    uint64_t   token;              // fence: random, new with every claim
    int64_t    ref;                // the store's own handle on it
    int64_t    lease_until_ms;     // monotonic clock of this process, for the worker's own use
    int64_t    ready_ms;           // since when it was pending, Unix ms, where that costs nothing to tell; 0: not known
} gf_claim;

void gf_claim_free(gf_claim *claim);   // NULL is fine

typedef enum gf_verdict {
    GF_DONE,         // delete it, or keep it as completed if it has a retention
    GF_RETRY_AT,     // to retry, due at at_ms
    GF_ARCHIVE,      // to archived
    GF_REQUEUE,      // back to the head of pending, item by item; no count changes
    GF_DROP,         // revoked or expired: delete, counted as processed
    GF_CANCELLED     // to archived because somebody asked; counted as processed, not as failed
} gf_verdict;

// What ended a task, for those who wait for it (`wait_end`); the words are gofer_client_wait's outcomes.
typedef enum gf_end { GF_END_DONE, GF_END_ARCHIVED, GF_END_CANCELLED, GF_END_EXPIRED, GF_END_REVOKED, GF_END_DELETED } gf_end;
const char *gf_end_name(gf_end end);

typedef struct gf_finish {
    const gf_claim *claim;
    gf_verdict      verdict;
    bool            is_failure;    // RETRY_AT, ARCHIVE: count it as an attempt and in `failed`
    int64_t         at_ms;         // RETRY_AT: when next
    const char     *error;         // RETRY_AT, ARCHIVE, CANCELLED: text, valid UTF-8
    const void     *result;        // DONE; NULL: none. Kept with a retention, else only for who waits
    size_t          result_size;
    bool            expired;       // DROP: because it was not started in time
    // What stays beside the task, where it stays (not DONE or DROP without retention). All cost nothing when NULL.
    const char     *attempt;       // a record (util/record.h) of this attempt, appended to the task's history
    const char     *log;           // lines (records, each with a newline) not told by `progress` yet, appended
    const char     *headers;       // RETRY_AT, REQUEUE: the message's packed headers from now on; NULL: as they are
    size_t          headers_size;
    const void     *checkpoint;    // RETRY_AT, REQUEUE: replaces the one stored; NULL: as it is; size 0: none any more
    size_t          checkpoint_size;
    // out: OK; ESTALE: the claim was no longer ours, nothing changed; ESTATE: RETRY_AT or REQUEUE of a claim whose end somebody
    // has asked for, nothing changed: it is to be handed in as CANCELLED.
    gofer_status    status;
} gf_finish;

typedef struct gf_share {
    const char *queue;
    size_t      share;             // how many at the most on the first pass
} gf_share;

typedef struct gf_take {
    const char     *worker;        // id given to worker_register
    const gf_share *queues;        // first pass: up to share of each, in order; second pass: fill
    size_t          queue_count;   //   up to max in the same order. Unknown and paused ones: skipped
    size_t          max;
    int64_t         lease_ms;
    bool            no_suspects;   // stop before a suspect (blame.h). Else it is taken, but only as
                                   //   the first of its queue and alone, so that who asks for one
                                   //   task of one queue may get one
    gf_claim      **claims;        // array of max, filled from 0; the caller's to free
    size_t          count;         // out
    const char     *suspect;       // out, with no_suspects: of these queues one whose next task is
                                   //   a suspect; NULL: none
} gf_take;

// ---- leases, housekeeping -------------------------------------------------

typedef struct gf_lease {
    const gf_claim *claim;
    bool            proven;        // in: a suspect that has run for longer than its patience: it is
                                   //   on trial no more
    int64_t         lease_until_ms;// out: monotonic, of this process
    gofer_status    status;        // out: OK; ESTALE: lost; else nobody could tell, and the lease is what it was
    bool            cancel;        // out: this run was asked to stop, in case the watch missed it
} gf_lease;

// What a running task tells meanwhile. A claim that was lost is passed over. History and log are bounded by the
// store: of each the latest GF_KEPT_BYTES, cut at a line.
typedef struct gf_progress {
    const gf_claim *claim;
    int64_t         done, total;   // done < 0: progress stays as it is
    const char     *text;          // NULL: none
    const char     *log;           // lines, as in gf_finish; NULL: none
    const void     *checkpoint;    // NULL: as it is; size 0: none any more
    size_t          checkpoint_size;
} gf_progress;

enum { GF_KEPT_BYTES = 64 * 1024, GF_CHECKPOINT_MAX = 1 << 20 };

#define GF_NONE_DUE INT64_MAX

typedef struct gf_recovered {
    size_t requeued;               // back to the head of pending
    size_t archived;               // over the crash limit
    // in: told of each task that is archived, after it was; NULL: nobody asks
    void (*archived_one)(void *arg, const gf_message *m);
    void  *arg;
} gf_recovered;

// ---- workers ----------------------------------------------------------------

typedef struct gf_running {
    const char *id, *type, *queue;
    const void *payload;
    size_t      payload_size;
    int64_t     started_ms;        // Unix
    int64_t     deadline_ms;       // Unix; 0: none
} gf_running;

typedef struct gf_weight {
    const char *queue;
    int32_t     weight;
} gf_weight;

typedef struct gf_worker_entry {
    const char *id;                // random, unique; a UUID
    const char *host;
    int64_t     pid;
    int64_t     started_ms;
    const char *state;             // "active", "lacking", "quiet", "stopping"
    int32_t     concurrency;
    int32_t     running;
    const char *queues;            // "mail=3 low=1", and the same as a list
    const gf_weight *weights;
    size_t      weight_count;
    bool        strict;
    const gf_running *tasks;       // those running now, at most GF_RUNNING_SHOWN
    size_t      task_count;
} gf_worker_entry;

enum { GF_RUNNING_SHOWN = 1000 };

// ---- cancelling -----------------------------------------------------------------

typedef struct gf_watch gf_watch;
// What a worker is told, from a thread of the broker's. A member may be NULL.
typedef struct gf_told {
    void *arg;
    // The task of this id shall stop. queue NULL: in whatever queue.
    void (*cancel)(void *arg, const char *queue, const char *id);
    // A command of `control` for the worker that the watch was opened for; each is told once, in order.
    void (*control)(void *arg, const char *command);
    // Cron entries were changed.
    void (*schedules)(void *arg);
} gf_told;

// ---- groups -----------------------------------------------------------------------

typedef struct gf_group_rule {
    int64_t grace_ms;              // since the latest task came; at least 1000
    int64_t max_delay_ms;          // since the oldest came; 0: no bound
    int64_t max_size;              // tasks; 0: no bound (the store has one: 10,000)
    const char *const *names;      // only groups of these names, or beginning as one that ends in '*'; NULL: all
    size_t  name_count;
    const char *const *except;     // but none of these (they are put off; at most GF_GROUPS_PUT_OFF)
    size_t  except_count;
} gf_group_rule;
enum { GF_GROUPS_PUT_OFF = 64 };

// Tasks taken out of a group, to be made one. The store takes them back by itself when time is over (Asynq: 120 s) or, if
// it can see that, when their worker has died. One allocation (gf_free) beside what `memory` leads to.
typedef struct gf_group_set {
    const char *queue, *group, *id;
    int64_t     until_ms;          // monotonic
    gf_message *tasks;             // oldest first
    size_t      count;
    void       *memory;            // the store's
} gf_group_set;
void gf_group_set_free(gf_group_set *set);     // NULL is fine; gives nothing back

// ---- cron entries -------------------------------------------------------------------

// An entry as the store keeps it: a name and a record (util/record.h) that schedule/ understands.
typedef struct gf_entry {
    char *name;
    char *record;
} gf_entry;
typedef struct gf_entries {
    gf_entry *items;               // by name
    size_t    count;
    int64_t   version;             // grows with every change; 0: the store has never had an entry. Less than it was: it has
                                   //   lost some
} gf_entries;
void gf_entries_clear(gf_entries *entries);    // all zero again

typedef enum gf_overlap { GF_OVERLAP_ALLOW, GF_OVERLAP_SKIP, GF_OVERLAP_QUEUE, GF_OVERLAP_CANCEL } gf_overlap;

// One tick of an entry to be enqueued, by whichever worker comes first.
typedef struct gf_tick {
    const char       *entry;
    int64_t           tick_ms;
    const gf_message *message;     // its id is made of entry and tick
    int64_t           run_at_ms;   // later than now: jitter; else pending
    gf_overlap        overlap;
    // out: OK: is in. EEXIST: this tick or a later one has been noted before, nothing done. ESTATE: the entry's previous
    // task has not come to its end: with SKIP the tick is noted, with QUEUE nothing is done. Else the store's failure.
    gofer_status      status;
    char              previous[GF_ID_MAX + 1];     // out: that task, "" if it has ended or there is none
} gf_tick;

// What the store knows of an entry's ticks in a queue.
typedef struct gf_tick_state {
    const char *entry, *queue;     // in
    int64_t     tick_ms;           // the latest noted; 0: none yet
    int64_t     at_ms;             // when its task was put; 0: it was skipped
    char        id[GF_ID_MAX + 1]; // of the latest task
} gf_tick_state;

// An entry as shown to Asynq's tools.
typedef struct gf_shown_entry {
    const char       *name, *spec; // the zone as CRON_TZ= in front
    const gf_message *message;     // type, payload, queue, max_retry, timeout, deadline, retention of its tasks
    int64_t           next_ms, previous_ms;        // 0: never
} gf_shown_entry;

// ---- events ---------------------------------------------------------------------------

typedef struct gf_listener gf_listener;

// ---- figures ----------------------------------------------------------------------------

// Times by size: bucket 0 is below 1 ms, bucket i from 2^((i-1)/4) ms to 2^(i/4) ms; the last one all that is longer.
enum { GF_STAT_BUCKETS = 112 };

// What was run of one type in one queue. In `stats` all of one allocation (gf_free of the array).
typedef struct gf_stat {
    const char *queue, *type;
    int64_t     done, failed;
    uint32_t    wait[GF_STAT_BUCKETS], run[GF_STAT_BUCKETS];
} gf_stat;

// ---- acts on several tasks ------------------------------------------------------------------

typedef enum gf_act { GF_ACT_RUN, GF_ACT_ARCHIVE, GF_ACT_DELETE, GF_ACT_CANCEL } gf_act;

typedef struct gf_names { char **names; size_t count; } gf_names;
typedef struct gf_counts { int64_t of[GF_STATE_COUNT]; } gf_counts;
void gf_names_clear(gf_names *names);          // all zero again

// ---- from store to store ----------------------------------------------------------

// A task as a store holds it: what export fills, import stores elsewhere, and drop deletes afterwards.
typedef struct gf_item {
    gf_message   message;          // whole
    gf_state     state;            // any but active
    int64_t      at_ms;            // pending: since when; scheduled, retry: when due; completed, archived: since when
    int64_t      expires_ms;       // completed: when it is deleted
    const void  *result;           // completed; NULL: none
    size_t       result_size;
    const char  *group;            // aggregating, or would be again; NULL: none
    int64_t      unique_ms;        // the task holds a unique lock for so long; 0: it does not
    const char  *unique_key;       // by this name; NULL: that of its queue, type and payload
    const char  *attempts, *log;   // lines of records; NULL: none
    const void  *checkpoint;       // NULL: none
    size_t       checkpoint_size;
    char         stamp[41];        // the store's own: to know the task again
    void        *memory[3];        // where all pointers lead
    gofer_status status;           // out
    bool         repeated;         // out, of import: it was there already
} gf_item;

void gf_item_clear(gf_item *item);             // all zero again

// ---- checking ---------------------------------------------------------------------

typedef enum gf_severity { GF_NOTE, GF_WARNING, GF_ERROR } gf_severity;   // a note needs no attention

// Something found by `check`, and what became of it. All texts are borrowed for the call.
typedef struct gf_finding {
    gf_severity severity;
    const char *code;              // a stable word: "ghost", "eviction"
    const char *queue;             // NULL: of the store as a whole
    const char *text;              // a sentence: what is so, and what that means
    const char *advice;            // another: what to do
    const char *examples;          // some of the ids, keys or values meant; NULL: none
    int64_t     count;             // how many are meant
    int64_t     repaired;          // so many of them are mended now
} gf_finding;
typedef void (*gf_told_finding)(void *arg, const gf_finding *f);

// What times for the store are reckoned from: its clock, not ours, which may be minutes off.
int64_t gf_broker_now_ms(gf_broker *b);

// ---- the table --------------------------------------------------------------

typedef struct gf_broker_ops {
    const char *const *schemes;    // the URL's first words it knows, NULL at the end

    gofer_status (*open)(gf_broker **out, const gf_url *url, const gf_broker_config *config);
    void         (*close)(gf_broker *b);
    gofer_status (*ping)(gf_broker *b);

    // The store's clock as this process knows it (Unix ms), without asking it each time. NULL: it is this machine's.
    int64_t      (*now_ms)(gf_broker *b);

    // A task's life. Order in a queue is the order of put; within one call, of the array.
    gofer_status (*put)(gf_broker *b, gf_put *items, size_t count);
    // Finishing is durable when it returns. take may be NULL (finish only). ESTATE: the worker of
    // the take is not registered. With finishes it may take none although tasks are pending (no
    // room, no memory): the finishes come first.
    gofer_status (*exchange)(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take);
    gofer_status (*extend)(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms);
    gofer_status (*progress)(gf_broker *b, const gf_progress *items, size_t count);
    // Frees the unique locks of these claims, which are of tasks whose locks live until the start (their headers say so).
    // Best effort: a lock that is not freed ends later.
    gofer_status (*release)(gf_broker *b, gf_claim *const *claims, size_t count);
    // The checkpoint stored with a claimed task: gf_free. OK with *bytes NULL: none. ESTALE. A store without this member
    // keeps no log lines either, and is not told any.
    gofer_status (*checkpoint)(gf_broker *b, const gf_claim *claim, void **bytes, size_t *size);

    // Waiting for work. A waiter watches a set of queues and belongs to one thread, but for wake.
    // wait returns GOFER_OK when a watched queue may have new work since the waiter's last
    // `arm`, or wake was called since; GOFER_ETIMEOUT otherwise. The use: arm; exchange; if it
    // took nothing, wait. So nothing that came between is missed. Negative timeout: for ever.
    gofer_status (*waiter_open)(gf_broker *b, const char *const *queues, size_t count, gf_waiter **out);
    void         (*waiter_close)(gf_waiter *w);
    void         (*waiter_arm)(gf_waiter *w);
    gofer_status (*waiter_wait)(gf_waiter *w, int64_t timeout_ms);
    void         (*waiter_wake)(gf_waiter *w);      // any thread, async-signal-safe

    // Housekeeping; each does at most `limit` tasks a call and says how many it did, so that a
    // caller repeats while *done == limit and no call holds the store for long.
    // forward: scheduled and retry tasks that are due, to the end of pending; *next_ms: when the
    //   next one is due (Unix ms; GF_NONE_DUE: none known), so that the keeper can sleep until then. Any time is a time, also
    //   0 or one before 1970: such a task is due, and holds up nobody.
    gofer_status (*forward)(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
    // recover: tasks whose worker died or whose lease ran out: back to the head of pending, as
    //   suspects or charged with it (blame.h, by all that the worker held); with more than
    //   crash_limit charges: archived with the reason. Either way with an attempt's record of kind
    //   "crashed". One that was asked to stop is archived as cancelled.
    gofer_status (*recover)(gf_broker *b, size_t limit, int32_t crash_limit, gf_recovered *out);
    // purge: completed tasks past their retention; counters older than 90 days.
    gofer_status (*purge)(gf_broker *b, size_t limit, size_t *done);
    // upkeep: what else the store needs now and then (checkpoint, file size). May be NULL.
    gofer_status (*upkeep)(gf_broker *b);

    // Workers. register again with new values is the heartbeat. A worker that dies takes its
    // entry with it (at the latest when its lease would end).
    gofer_status (*worker_register)(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms);
    gofer_status (*worker_deregister)(gf_broker *b, const char *id);
    // How often to register again, in ms; 0: as often as leases are renewed.
    int64_t register_ms;

    // Cancelling. A task that waits goes to archived with an attempt's record of kind "cancelled", its lock is freed; an active one: the
    // request is stored with its claim and whoever runs it is asked to stop. ENOTFOUND: no such task, ESTATE: it is
    // completed or archived. watch: told of every request, of commands for this worker (NULL: of none) and changes of cron
    // entries, until watch_close, which waits for a call under way. What it misses for want of a connection,
    // `extend` tells of requests, and the next worker_register of commands.
    gofer_status (*cancel)(gf_broker *b, const char *queue, const char *id);
    gofer_status (*watch_open)(gf_broker *b, const char *worker, const gf_told *told, gf_watch **out);
    void         (*watch_close)(gf_watch *w);
    // A command for a live worker, kept until it has heard it or is gone. ENOTFOUND: no such one; EUNSUPPORTED: not gofer's.
    gofer_status (*control)(gf_broker *b, const char *worker, const char *command);

    // Groups. take: a set of the first group of the queue that the rule says is ready, in turn; EEMPTY: none is. put: the
    // combined task into the queue, and the set's tasks deleted (their locks too), in one step; ESTALE: the store has taken them back, nothing
    // is done; OK also when that was done before. back: into their group, at once. reclaim: sets whose time is over.
    gofer_status (*group_take)(gf_broker *b, const char *worker, const char *queue, const gf_group_rule *rule,
        gf_group_set **out);
    gofer_status (*group_put)(gf_broker *b, const gf_group_set *set, const gf_message *combined, int64_t run_at_ms);
    gofer_status (*group_back)(gf_broker *b, const gf_group_set *set);
    gofer_status (*group_reclaim)(gf_broker *b, size_t limit, size_t *done);
    gofer_status (*groups)(gf_broker *b, const char *queue, gofer_info **out);

    // Cron entries. put: adds or replaces (only_new: EEXIST). drop: ENOTFOUND. entries: all of them if the version is not
    // `known`, else count 0 and the version. Every change is told to all watches.
    gofer_status (*entry_put)(gf_broker *b, const char *name, const char *record, bool only_new);
    gofer_status (*entry_drop)(gf_broker *b, const char *name);
    gofer_status (*entries)(gf_broker *b, int64_t known, gf_entries *out);
    // Each tick at most once, whoever asks: the latest tick of an entry is kept beside the queue, and changes in the step that
    // puts the task. states: what is kept. history: as gofer_client_schedule_history.
    gofer_status (*tick)(gf_broker *b, gf_tick *items, size_t count);
    gofer_status (*tick_states)(gf_broker *b, gf_tick_state *items, size_t count);
    gofer_status (*tick_history)(gf_broker *b, const char *entry, size_t limit, gofer_info **out);
    // Shows the entries to Asynq's tools for ttl_ms, if no other scheduler does. NULL: there are no such tools.
    gofer_status (*entries_show)(gf_broker *b, const char *scheduler, const gf_shown_entry *entries, size_t count,
        int64_t ttl_ms);
    gofer_status (*entries_hide)(gf_broker *b, const char *scheduler);
    // Entries of others (Go schedulers), with the fields of gofer_client_schedules. NULL: there are none.
    gofer_status (*entries_foreign)(gf_broker *b, gofer_info **out);
    // The store's own clock when it was asked (not later), Unix ms, by which schedulers on several machines find the same ticks due. NULL: it goes by
    // the clock of this machine.
    gofer_status (*clock)(gf_broker *b, int64_t *now_ms);

    // Events: records that are told to who listens now. wanted: cheap, up to a second old. next: a record (gf_free);
    // ETIMEOUT; *lost: how many could not be kept for this listener.
    bool         (*events_wanted)(gf_broker *b);
    gofer_status (*events_tell)(gf_broker *b, const char *const *records, size_t count);
    gofer_status (*listener_open)(gf_broker *b, gf_listener **out);
    gofer_status (*listener_next)(gf_listener *l, int64_t timeout_ms, char **record, int64_t *lost);
    void         (*listener_close)(gf_listener *l);
    // Waits for the end of a task, as gofer_client_wait says (also of one deleted or cancelled by an act).
    gofer_status (*wait_end)(gf_broker *b, const char *queue, const char *id, int64_t timeout_ms, gofer_info **out);
    // Makes wait_end and listener_next look at `interrupts`, if they would not by themselves within
    // GF_INTERRUPT_MS. Async-signal-safe. NULL: they do.
    void         (*interrupt)(gf_broker *b);

    // Figures, by the hour, kept for 8 days. stats: all since a time, one item for each queue (NULL: every) and type.
    gofer_status (*stats_add)(gf_broker *b, const gf_stat *items, size_t count);
    gofer_status (*stats)(gf_broker *b, const char *queue, int64_t since_ms, gf_stat **out, size_t *count);


    // Inspection: the lists and fields that gofer.h documents. A queue whose name does not fit (gf_name_fits) is in none.
    gofer_status (*names)(gf_broker *b, gf_names *out);           // of queues, sorted
    // The queues that hold a task of this id, sorted; none is OK too.
    gofer_status (*locate)(gf_broker *b, const char *id, gf_names *out);
    // How many tasks of each state these queues hold, in their order; 0 for one that there is not.
    gofer_status (*counts)(gf_broker *b, char *const *queues, size_t count, gf_counts *out);
    gofer_status (*workers)(gf_broker *b, gofer_info **out);
    gofer_status (*queues)(gf_broker *b, const char *queue, gofer_info **out);   // NULL: list of all
    gofer_status (*tasks)(gf_broker *b, const char *queue, gf_state state, const char *cursor,
        size_t limit, gofer_info **out);
    gofer_status (*task)(gf_broker *b, const char *queue, const char *id, gofer_info **out);
    gofer_status (*history)(gf_broker *b, const char *queue, int32_t days, gofer_info **out);
    // How many tasks wait, run or will run in these queues: what --drain watches.
    gofer_status (*backlog)(gf_broker *b, const char *const *queues, size_t count, int64_t *out);

    // Acting on tasks. to: GF_PENDING (run), GF_ARCHIVED, or GF_STATE_COUNT (delete).
    gofer_status (*task_move)(gf_broker *b, const char *queue, const char *id, gf_state to);
    gofer_status (*tasks_move)(gf_broker *b, const char *queue, gf_state from, gf_state to,
        size_t limit, size_t *done);
    // The same for tasks named, each with its status (ENOTFOUND; ESTATE: not from its state). At most 1000.
    gofer_status (*tasks_act)(gf_broker *b, const char *queue, gf_act act, const char *const *ids, size_t count,
        gofer_status *statuses);
    // A waiting or archived task's payload (NULL: as it is), and when it runs (0: as it is; past: now, at the end of pending;
    // later: scheduled, or retry for one in retry). ENOTFOUND, ESTATE.
    gofer_status (*task_edit)(gf_broker *b, const char *queue, const char *id, const void *payload, size_t size,
        int64_t run_at_ms);
    gofer_status (*queue_pause)(gf_broker *b, const char *queue, bool paused);
    // Refuses (ESTATE) with active tasks, or with any task unless force. In bounded steps inside.
    gofer_status (*queue_delete)(gf_broker *b, const char *queue, bool force);

    // Looks for all that may be wrong with the store, its settings and what is in it, in bounded steps beside
    // the running work, and tells each finding. repair: mends what can be mended safely, testing again in the
    // step that changes; a payload is never deleted. An error: it could not look everywhere.
    gofer_status (*check)(gf_broker *b, bool repair, gf_told_finding told, void *arg);

    // From store to store (migrate/). Each item has its own status; at most 1000 in a call.
    // export: reads the tasks of these ids into items, which the caller clears. ENOTFOUND: gone; ESTATE: active;
    //   ECORRUPT: not to be read.
    gofer_status (*export_items)(gf_broker *b, const char *queue, const char *const *ids, size_t count, gf_item *items);
    // import: stores them as they are, in the state they are in, pending ones at the end in this order. OK also when the
    //   same task is there (repeated), in whatever state; EEXIST: another one of that id; EUNSUPPORTED: it
    //   has a group, and the store knows none. A store without locks leaves the lock out.
    gofer_status (*import_items)(gf_broker *b, const char *queue, gf_item *items, size_t count);
    // drop: deletes them, with their locks, wherever they are now. OK also when it is gone, or another task has the id;
    //   ESTATE: active.
    gofer_status (*drop_items)(gf_broker *b, const char *queue, gf_item *items, size_t count);
} gf_broker_ops;

// Every broker begins with this.
struct gf_broker {
    const gf_broker_ops *ops;
    gf_broker_config     config;
    _Atomic uint32_t     interrupts;    // a wait_end or listener_next that sees it grow is over (ETIMEOUT)
};

enum { GF_INTERRUPT_MS = 50 };          // how long such a call may take to see it

struct gf_waiter {
    gf_broker *broker;
};
struct gf_watch {
    gf_broker *broker;
};
struct gf_listener {
    gf_broker *broker;
};

// Finds the store by the URL's scheme. EUNSUPPORTED names the schemes there are.
gofer_status gf_broker_open(gf_broker **out, const gf_url *url, const gf_broker_config *config);
void         gf_broker_close(gf_broker *b);

extern const gf_broker_ops gf_sqlite_ops;
extern const gf_broker_ops gf_redis_ops;

#endif
