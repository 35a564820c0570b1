// options.h - the options of a task that only gofer knows. They travel in its headers, under names
// that begin with "gofer-", so that every store and every peer carries them: a Go worker hands them
// on unseen (one older than Asynq 0.26 drops all headers when it retries a task). What a task does
// not use is not there.
//
// May touch: message.h, util/.
#ifndef GF_MESSAGE_OPTIONS_H
#define GF_MESSAGE_OPTIONS_H

#include <stdbool.h>

#include "message/message.h"

#define GF_HEADER_OURS          "gofer-"            // every name of ours begins so; callers may
                                                    //   not use it
#define GF_HEADER_START_BY      "gofer-start-by"    // Unix ms: dropped unless it has started by
                                                    //   then
#define GF_HEADER_RETRY         "gofer-retry"       // retry policy (message/retry_policy.h)
#define GF_HEADER_ON_DEAD       "gofer-on-dead"     // type of the task that is enqueued when
                                                    //   this one is archived, or a webhook
#define GF_HEADER_ON_DEAD_QUEUE "gofer-on-dead-queue"
#define GF_HEADER_ON_DONE       "gofer-on-done"     // the same when it is done
#define GF_HEADER_ON_DONE_QUEUE "gofer-on-done-queue"
#define GF_HEADER_UNIQUE        "gofer-unique"      // "start": its unique lock lives until it
                                                    //   starts; "ttl": until its time is over
#define GF_HEADER_PRIORITY      "gofer-priority"    // from -100 to 100: its place in the queue
#define GF_HEADER_TENANT        "gofer-tenant"      // with whose tasks it shares its queue's line
#define GF_HEADER_LIMITS        "gofer-limit"       // keys it counts for (limit_keys.h)
#define GF_HEADER_COST          "gofer-cost"        // what its start takes of their rates
#define GF_HEADER_ORDERED       "gofer-ordered"     // "ordered:" and the key of those that run one
                                                    //   after the other
#define GF_HEADER_ORDERED_DEAD  "gofer-ordered-dead"    // "block": archived, it holds them up
#define GF_HEADER_SEALED_FOR    "gofer-sealed-for"  // what its envelope is for, in place of its id
#define GF_HEADER_FLOW          "gofer-flow"        // "ID/N/HOME": it is step N of this flow, which
                                                    //   is kept at HOME (empty: the store itself)
#define GF_HEADER_SNOOZES       "gofer-snoozes"     // how often it was put off
#define GF_HEADER_CHECKPOINT    "gofer-checkpoint"  // "1": an earlier run has left one
#define GF_HEADER_SCHEDULE      "gofer-schedule"    // the cron entry it comes from,
#define GF_HEADER_TICK          "gofer-tick"        //   and the tick, Unix ms

// All zero: none is set. Texts are borrowed from the headers.
typedef struct gf_task_options {
    int64_t     start_by_ms;
    const char *retry;
    const char *on_dead, *on_dead_queue, *on_done, *on_done_queue;
    const char *unique;
    const char *schedule;
    int64_t     tick_ms;
    int64_t     snoozes;
    int64_t     checkpoint;
    int64_t     priority;          // 0: none
    const char *tenant;
    const char *limits;            // as in its header
    int64_t     cost;              // 0: 1
    const char *ordered, *ordered_dead;    // as in their headers
    const char *sealed_for;
    const char *flow;              // as in its header
} gf_task_options;

enum { GF_PRIORITY_MAX = GOFER_PRIORITY_MAX };  // and as far below 0

// What the headers say; numbers that are none count as 0. False: nothing of ours, *out is all zero.
bool gf_task_options_read(const gf_message *m, gf_task_options *out);
// Only its priority: 0 if it has none that can be.
int32_t gf_priority_of(const gf_message *m);
// Only its tenant, borrowed from the headers: NULL if it has none that can be.
const char *gf_tenant_of(const gf_message *m);
// It has neither a priority, nor a tenant, nor keys: where it stands, and when it runs, is as it
// comes.
bool gf_is_plain(const gf_message *m);
// Append what is set to packed headers (gf_alloc; NULL: none yet), which must hold none of
// it. ENOMEM leaves them.
gofer_status gf_task_options_write(const gf_task_options *o, char **headers, size_t *size);
// Is this header ours, and not the caller's to see?
bool gf_header_is_ours(const char *key);
// The packed headers with one set (value NULL: removed): gf_free. *out NULL and
// *out_size 0: none are left.
gofer_status gf_headers_with(const char *headers, size_t size, const char *key, const char *value,
    char **out, size_t *out_size);

#endif
