// tasks.h - the door's table of a task's life: put, take and finish, leases, waiting for work.
//
// Members take arrays, one task is an array of one, and each item has its own result; what they
// return is the failure of the call as a whole, in which case no item was changed, unless it is
// GOFER_EUNCERTAIN. Each member says: who calls it; whether it may wait for the store ("waits": up
// to the broker's timeout); what happens when it is called again after a failure or a
// lost answer ("again").
#ifndef GF_BROKER_TASKS_H
#define GF_BROKER_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

typedef struct gf_waiter gf_waiter;

// ---- put ----------------------------------------------------------------

// What ends a unique lock before its time. Deleting, archiving and cancelling do, but for
// UNTIL_TTL; a retry does not.
typedef enum gf_unique_life {
    GF_UNTIL_DONE = 0,             // Asynq's: the message knows its lock, finishing frees it
    GF_UNTIL_START = 1,            // the same, and `release` frees it when a worker starts the task
    GF_UNTIL_TTL = 2               // nothing: the task does not know its lock
} gf_unique_life;

// What goes to a store, or comes from one, in one step: about so many bytes of
// tasks, and one task more.
enum { GF_PIECE_BYTES = 8 << 20 };

// Of the calls of a key one task is made, which runs when no more of them come.
typedef struct gf_debounce {
    const char *key;               // NULL: the type
    int64_t     delay_ms;          // > 0: due so long after the latest call,
    int64_t     max_wait_ms;       //   and so long after the first at the latest; 0: however long;
                                   //   else >= delay_ms
    int32_t     mode;              // a GOFER_DEBOUNCE_ value
} gf_debounce;

typedef enum gf_effect {           // the numbers of GOFER_EFFECT_
    GF_CREATED = 0,
    GF_REPLACED = 1,               // a task that waited is this one now
    GF_KEPT = 2                    // a task that is there stays what it is
} gf_effect;

typedef struct gf_put {
    const gf_message *message;
    int64_t           run_at_ms;   // 0 or past: pending; else scheduled
    int64_t           unique_ms;   // > 0: refuse a second task of this queue, type and payload
                                   //   for so long (Asynq's lock; whole seconds, rounded up)
    const char       *unique_key;  // with unique_ms: of this name instead, whatever type and
                                   //   payload; NULL: theirs
    gf_unique_life    unique_life;
    const char       *group;       // not NULL and due now: waits in this group instead of pending
    const gf_debounce *debounce;   // not NULL: as it says, and not at run_at_ms, without lock and
                                   //   group. If a task of its key is scheduled in its queue, that
                                   //   one gets the new payload and options, and another time
    bool              replaces;    // a task of its id that waits (pending, scheduled, retry) gets
                                   //   its payload and options, and begins anew. run_at_ms 0: it
                                   //   stays where it is. Without lock, group and debounce
    bool              unbounded;   // it goes in however long its queue is, and if that takes
                                   //   envelopes alone. One for later, in a group or debounced
                                   //   always does the former, and so does what replaces
    bool              fresh;       // its id was made for it: nobody can have it already
    char             *holder;      // NULL, or GF_ID_MAX + 1 bytes; out with EDUPLICATE: the
                                   //   id that holds the lock; of a debounced one that was not
                                   //   created: of the task there is
    gf_effect         effect;      // out, with OK
    gofer_status      status;      // out: OK (also for a repeat of the same task), EEXIST,
                                   //   EDUPLICATE, ESTATE (replaces: the task there does not wait),
                                   //   EUNSUPPORTED (the store has no locks or groups),
                                   //   ETOOBIG (it could not be read back), EFULL, EDENIED
    bool              closed;      // out, with EDENIED: the queue takes envelopes alone; false: the
                                   //   store does not let us
    int64_t           length, max_length;    // out, with EFULL: so many are pending, and may be
} gf_put;

// ---- exchange: finish some, take some, in one step -----------------------

// A task that a worker holds. Made by exchange, freed by gf_claim_free; one allocation.
typedef struct gf_claim {
    gf_message message;            // points into the same allocation; a NUL follows the payload
    uint64_t   token;              // fence: random, new with every claim
    int64_t    ref;                // the store's own handle on it
    int64_t    lease_until_ms;     // monotonic clock of this process, for the worker's own use
    int64_t    ready_ms;           // since when it was pending, Unix ms, where that costs nothing
                                   //   to tell; 0: not known
    bool       refused;            // a key of its limits has no room, and that is to be its end: it
                                   //   is not to be run
    int64_t    episode;            // of a breaker that let it through (breaker.h); 0: of none
    void      *room;               // in the same allocation, for whoever took it: gf_take.room
                                   //   bytes for anything; NULL: there are none
} gf_claim;

void gf_claim_free(gf_claim *claim);   // NULL is fine

typedef enum gf_outcome_kind {
    GF_DONE,         // delete it, or keep it as completed if it has a retention
    GF_RETRY_AT,     // to retry, due at at_ms
    GF_ARCHIVE,      // to archived
    GF_REQUEUE,      // back to the head of pending, item by item; no count changes
    GF_DROP,         // revoked or expired: delete, counted as processed
    GF_CANCELLED     // to archived because somebody asked; counted as processed, not as failed
} gf_outcome_kind;

typedef struct gf_finish {
    const gf_claim *claim;
    gf_outcome_kind outcome;
    bool            is_failure;    // RETRY_AT, ARCHIVE: count it as an attempt and in `failed`
    int64_t         at_ms;         // RETRY_AT: when next
    const char     *error;         // RETRY_AT, ARCHIVE, CANCELLED: text, valid UTF-8
    const void     *result;        // DONE; NULL: none. Kept with a retention,
                                   //   else only for who waits
    size_t          result_size;
    bool            expired;       // DROP: because it was not started in time
    // What stays beside the task, where it stays (not DONE or DROP without retention). All
    // cost nothing when NULL.
    const char     *attempt;       // a record (util/record.h) of this attempt, appended
                                   //   to the task's history
    const char     *log;           // lines (records, each with a newline) not told by
                                   //   `progress` yet, appended
    const char     *headers;       // RETRY_AT, REQUEUE: the message's packed headers from now
                                   //   on; NULL: as they are
    size_t          headers_size;
    const void     *checkpoint;    // RETRY_AT, REQUEUE: replaces the one stored; NULL: as it is;
                                   //   size 0: none any more
    size_t          checkpoint_size;
    bool            rides;         // it need not be durable when exchange returns: see ticket
    // out: OK; ESTALE: the claim was no longer ours, nothing changed; ESTATE: RETRY_AT or REQUEUE
    // of a claim whose end somebody has asked for, nothing changed: it is to be
    // handed in as CANCELLED.
    gofer_status    status;
    // out, with rides and status OK: 0: it is durable; else `settle` says when. Later
    // ones are larger.
    uint64_t        ticket;
    int64_t         within_us;     // others probably will have made it durable within so long
} gf_finish;

typedef struct gf_share {
    const char *queue;
    size_t      share;             // how many at the most on the first pass
} gf_share;

typedef struct gf_take {
    const char     *worker;        // id given to worker_register
    const gf_share *queues;        // first pass: up to share of each, in order; second pass: fill
    size_t          queue_count;   // up to max in the same order. Unknown and
                                   //   paused ones: skipped
    size_t          max;
    int64_t         lease_ms;
    bool            no_suspects;   // stop before a suspect (blame.h). Else it is taken, but only as
                                   //   the first of its queue and alone, so that who asks for one
                                   //   task of one queue may get one
    gf_claim      **claims;        // array of max, filled from 0; the caller's to free
    size_t          room;          // of each, as gf_claim says
    size_t          count;         // out
    const char     *suspect;       // out, with no_suspects: of these queues one whose next task is
                                   //   a suspect; NULL: none
    bool            left;          // out: fewer than max, but there may be more all the same
} gf_take;

// ---- leases -------------------------------------------------------------

typedef struct gf_lease {
    const gf_claim *claim;
    bool            proven;        // in: a suspect that has run for longer than its patience: it is
                                   //   on trial no more
    int64_t         lease_until_ms;// out: monotonic, of this process
    gofer_status    status;        // out: OK; ESTALE: not ours any more; else nobody could tell,
                                   //   and the lease is what it was
    bool            cancel;        // out: this run was asked to stop, in case the watch missed it
} gf_lease;

// What a running task tells meanwhile. A claim that is stale is passed over. History and log are
// bounded by the store: of each the latest GF_TASK_LOG_BYTES, cut at a line.
typedef struct gf_progress {
    const gf_claim *claim;
    int64_t         done, total;   // done < 0: progress stays as it is
    const char     *text;          // NULL: none
    const char     *log;           // lines, as in gf_finish; NULL: none
    const void     *checkpoint;    // NULL: as it is; size 0: none any more
    size_t          checkpoint_size;
} gf_progress;

enum { GF_TASK_LOG_BYTES = 64 * 1024, GF_CHECKPOINT_MAX = 1 << 20 };

// ---- the table ----------------------------------------------------------

typedef struct gf_tasks_ops {
    // Order in a queue is the order of put; within one call, of the array.
    // Called by: client, fetcher (on-dead tasks), scheduler's neighbours. Waits. Again: the same
    // task of the same id is OK.
    gofer_status (*put)(gf_broker *b, gf_put *items, size_t count);

    // Finishing is durable when it returns, but for finishes with a ticket: these are done, and a
    // power loss may undo them until they are settled. take may be NULL (finish only). ESTATE: the
    // worker of the take is not registered. With finishes it may take none although tasks are
    // pending (no room, no memory): the finishes come first.
    // Called by: fetcher. Waits. Again: a finish that was done is ESTALE; a take whose answer was
    // lost goes back by itself.
    gofer_status (*exchange)(gf_broker *b, gf_finish *done, size_t done_count, gf_take *take);

    // Are the finishes with this ticket, and with all before it, durable? OK: yes. ETIMEOUT: not
    // yet (no text). force: make them. Others: not, and nobody can tell whether they will be; they
    // may be asked for again.
    // Called by: fetcher. With force waits, else not. Again: yes.
    gofer_status (*settle)(gf_broker *b, uint64_t ticket, bool force);

    // Renews leases; the items say which claims are stale.
    // Called by: housekeeping. Waits. Again: yes.
    gofer_status (*extend)(gf_broker *b, gf_lease *leases, size_t count, int64_t lease_ms);

    // What running tasks tell meanwhile.
    // Called by: housekeeping. Waits. Again: progress and checkpoint are replaced, log
    // lines may be there twice.
    gofer_status (*progress)(gf_broker *b, const gf_progress *items, size_t count);

    // Frees the unique locks of these claims, which are of tasks whose locks live until the start
    // (their headers say so). Best effort: a lock that is not freed ends later. Called by:
    // fetcher. Waits. Again: yes.
    gofer_status (*release)(gf_broker *b, gf_claim *const *claims, size_t count);

    // The checkpoint stored with a claimed task: gf_free. OK with *bytes NULL: none. ESTALE.
    // Called by: a slot, when a handler asks. Waits. Again: yes.
    gofer_status (*checkpoint)(gf_broker *b, const gf_claim *claim, void **bytes, size_t *size);

    // Waiting for work. A waiter watches a set of queues and belongs to one thread, but for wake.
    // wait returns GOFER_OK when a watched queue may have new work since the waiter's last
    // `arm`, or wake was called since; GOFER_ETIMEOUT otherwise. The use: arm; exchange; if it
    // left nothing, wait. So nothing that came between is missed. Negative timeout: for ever.
    // Called by: fetcher; wake by any thread (async-signal-safe). open and wait wait, the
    // others do not. Again: yes.
    gofer_status (
        *waiter_open)(gf_broker *b, const char *const *queues, size_t count, gf_waiter **out);
    void         (*waiter_close)(gf_waiter *w);
    void         (*waiter_arm)(gf_waiter *w);
    gofer_status (*waiter_wait)(gf_waiter *w, int64_t timeout_us);
    void         (*waiter_wake)(gf_waiter *w);
} gf_tasks_ops;

// Every store's waiter begins with this.
struct gf_waiter {
    gf_broker *broker;
    bool       fed;                // the exchange after the last arming took tasks: the
                                   //   fetcher's, until the wait that follows it
};

#endif
