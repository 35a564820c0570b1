// act.h - the door's table of acts on tasks and queues, as a client asks for them.
//
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_ACT_H
#define GF_BROKER_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

typedef enum gf_act { GF_ACT_RUN, GF_ACT_ARCHIVE, GF_ACT_DELETE, GF_ACT_CANCEL } gf_act;

// Longest wait for which a task may count as one priority higher: ten years.
#define GF_AGE_MAX_MS (INT64_C(3650) * 86400 * 1000)
// More than that no queue can have pending.
#define GF_MAX_LENGTH (INT64_C(1) << 40)

// What of a task is rewritten.
typedef enum gf_part { GF_PART_PAYLOAD, GF_PART_RESULT, GF_PART_CHECKPOINT } gf_part;

// Other bytes in place of those that were read.
typedef struct gf_rewrite {
    gf_part     part;
    const void *was, *bytes;       // neither is NULL
    size_t      was_size, size;
} gf_rewrite;

typedef struct gf_act_ops {
    // All are called by the client (cancel by schedulers, too), and wait. Again: what was done
    // answers ENOTFOUND or ESTATE.

    // Tasks that are named, each with its status: ENOTFOUND; ESTATE: not from its state. The text
    // of a failure is that of the last task that failed. At most 1000; one is gf_act_one. CANCEL: a
    // task that waits goes to archived with an attempt's record of kind "cancelled", its lock is
    // freed; an active one: the request is stored with its claim and whoever runs it is asked to
    // stop; ESTATE: it is completed or archived.
    gofer_status (*tasks_act)(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
        size_t count, gofer_status *statuses);
    // The first of a state. to: GF_PENDING (run), GF_ARCHIVED, or GF_STATE_COUNT (delete).
    gofer_status (*tasks_move)(gf_broker *b, const char *queue, gf_state from, gf_state to,
        size_t limit, size_t *done);
    // A waiting or archived task's payload (NULL: as it is), and when it runs (0: as it is; past:
    // now, at the end of pending; later: scheduled, or retry for one in retry). ENOTFOUND, ESTATE;
    // EDENIED: the queue takes envelopes alone.
    gofer_status (*task_edit)(gf_broker *b, const char *queue, const char *id, const void *payload,
        size_t size, int64_t run_at_ms);
    // A part of a task that does not run (a result: of a completed one), where it is still what was
    // read; all else is as it was. ENOTFOUND; ESTATE: it runs, is being aggregated, or has no
    // result; ESTALE: the part is another by now. Again: ESTALE when it was done.
    gofer_status (*task_rewrite)(gf_broker *b, const char *queue, const char *id,
        const gf_rewrite *r);
    gofer_status (*queue_pause)(gf_broker *b, const char *queue, bool paused);
    // max_length: at most GF_MAX_LENGTH. From now on a put of one more pending task than this is
    // EFULL; 0: of none is. Again: yes. EUNSUPPORTED: the queue is sharded.
    gofer_status (*queue_bound)(gf_broker *b, const char *queue, int64_t max_length);
    // age_ms: at most GF_AGE_MAX_MS. From now on a waiting task counts as one priority higher for
    // each age_ms that it has waited; 0: for none. Again: yes.
    gofer_status (*queue_age)(gf_broker *b, const char *queue, int64_t age_ms);
    // From now on a put, or an edit, of a payload that is no envelope is EDENIED; false: it is not.
    // Again: yes.
    gofer_status (*queue_encrypt)(gf_broker *b, const char *queue, bool required);
    // Refuses (ESTATE) with active tasks, or with any task unless force. In bounded steps inside.
    gofer_status (*queue_delete)(gf_broker *b, const char *queue, bool force);
} gf_act_ops;

// An act on one task: its status, or that of the call.
gofer_status gf_act_one(gf_broker *b, const char *queue, gf_act act, const char *id);

#endif
