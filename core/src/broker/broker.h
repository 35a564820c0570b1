// broker.h - the door to every store.
//
// May touch: message/, util/, info.h. A store is one folder behind this door, one table and one
// line in broker.c, and passes tests/conformance. No store includes another.
//
// Everything is batch-first: members take arrays, a single task is an array of one, and each
// item has its own result. Every member may be called from any thread, may block on the store up
// to the broker's timeout, and returns GOFER_OK or the failure of the call as a whole (in which
// case no item was changed, unless it is GOFER_EUNCERTAIN). Names were checked by the caller.
#ifndef GF_BROKER_BROKER_H
#define GF_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "message/message.h"
#include "util/log.h"
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

typedef struct gf_put {
    const gf_message *message;
    int64_t           run_at_ms;   // 0 or past: pending; else scheduled
    int64_t           unique_ms;   // > 0: refuse a second task of this queue, type and payload for so
                                   //   long (Asynq's lock; whole seconds, rounded up)
    const char       *group;       // not NULL and due now: waits in this group instead of pending
    gofer_status      status;      // out: OK (also for a repeat of the same task), EEXIST, EDUPLICATE,
                                   //   EUNSUPPORTED (the store has no locks or groups)
} gf_put;

// ---- exchange: finish some, take some, in one step -----------------------

// A task that a worker holds. Made by exchange, freed by gf_claim_free; one allocation.
typedef struct gf_claim {
    gf_message message;            // points into the same allocation; a NUL follows the payload
    uint64_t   token;              // fence: random, new with every claim
    int64_t    ref;                // the store's own handle on it
    int64_t    lease_until_ms;     // monotonic clock of this process, for the worker's own use
} gf_claim;

void gf_claim_free(gf_claim *claim);   // NULL is fine

typedef enum gf_verdict {
    GF_DONE,         // delete it, or keep it as completed if it has a retention
    GF_RETRY_AT,     // to retry, due at at_ms
    GF_ARCHIVE,      // to archived
    GF_REQUEUE,      // back to the head of pending, item by item; no count changes
    GF_DROP          // revoked: delete, counted as processed
} gf_verdict;

typedef struct gf_finish {
    const gf_claim *claim;
    gf_verdict      verdict;
    bool            is_failure;    // RETRY_AT, ARCHIVE: count it as an attempt and in `failed`
    int64_t         at_ms;         // RETRY_AT: when next
    const char     *error;         // RETRY_AT, ARCHIVE: text, valid UTF-8
    const void     *result;        // DONE with retention; NULL: none
    size_t          result_size;
    gofer_status    status;        // out: OK; ESTALE: the claim was no longer ours, nothing changed
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
    gf_claim      **claims;        // array of max, filled from 0; the caller's to free
    size_t          count;         // out
} gf_take;

// ---- leases, housekeeping -------------------------------------------------

typedef struct gf_lease {
    const gf_claim *claim;
    int64_t         lease_until_ms;// out: monotonic, of this process
    gofer_status    status;        // out: OK; ESTALE: lost
    bool            cancel;        // out: this run was asked to stop, in case the watch missed it
} gf_lease;

typedef struct gf_progress {
    const gf_claim *claim;
    int64_t         done, total;
    const char     *text;          // NULL: none
} gf_progress;

typedef struct gf_recovered {
    size_t requeued;               // back to the head of pending
    size_t archived;               // over the crash limit
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
    const char *state;             // "active", "quiet", "stopping"
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
// Told from a thread of the broker's: the task of this id shall stop. queue NULL: in whatever queue.
typedef void (*gf_told_cancel)(void *arg, const char *queue, const char *id);

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
    int64_t      unique_ms;        // the task holds the unique lock for so long; 0: it does not
    char         stamp[41];        // the store's own: to know the task again
    void        *memory[2];        // where all pointers lead
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

// ---- the table --------------------------------------------------------------

typedef struct gf_broker_ops {
    const char *const *schemes;    // the URL's first words it knows, NULL at the end

    gofer_status (*open)(gf_broker **out, const gf_url *url, const gf_broker_config *config);
    void         (*close)(gf_broker *b);
    gofer_status (*ping)(gf_broker *b);

    // A task's life. Order in a queue is the order of put; within one call, of the array.
    gofer_status (*put)(gf_broker *b, gf_put *items, size_t count);
    // Finishing is durable when it returns. take may be NULL (finish only). ESTATE: the worker of
    // the take is not registered. With finishes it may take none although tasks are pending (no
    // room, no memory): the finishes come first.
    gofer_status (*exchange)(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take);
    gofer_status (*extend)(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms);
    gofer_status (*progress)(gf_broker *b, const gf_progress *items, size_t count);

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
    //   next one is due (Unix ms; 0: none known), so that the keeper can sleep until then.
    gofer_status (*forward)(gf_broker *b, size_t limit, size_t *done, int64_t *next_ms);
    // recover: tasks whose worker died or whose lease ran out: crashes + 1, back to the head of
    //   pending; over crash_limit: archived with the reason.
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

    // Cancelling a running task. cancel asks whoever runs it to stop; ENOTFOUND: no such task, ESTATE: it
    // is not active. watch: told of every request until watch_close, which waits for a call under
    // way; what it misses for want of a connection, extend tells. NULL in stores that cannot.
    gofer_status (*cancel)(gf_broker *b, const char *queue, const char *id);
    gofer_status (*watch_open)(gf_broker *b, gf_told_cancel told, void *arg, gf_watch **out);
    void         (*watch_close)(gf_watch *w);

    // Inspection: the lists and fields that gofer.h documents.
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
};
struct gf_waiter {
    gf_broker *broker;
};
struct gf_watch {
    gf_broker *broker;
};

// Finds the store by the URL's scheme. EUNSUPPORTED names the schemes there are.
gofer_status gf_broker_open(gf_broker **out, const gf_url *url, const gf_broker_config *config);
void         gf_broker_close(gf_broker *b);

extern const gf_broker_ops gf_sqlite_ops;
extern const gf_broker_ops gf_redis_ops;

#endif
