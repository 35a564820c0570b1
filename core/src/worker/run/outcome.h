// outcome.h - what becomes of a task after an attempt: a pure function of what is known.
//
// No clock, no I/O, no hook is called here; what they say is among the inputs.
#ifndef GF_WORKER_OUTCOME_H
#define GF_WORKER_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"

// How the attempt came to its end.
typedef enum gf_attempt_end {
    GF_RETURNED,     // the handler returned
    GF_NO_HANDLER,   // no pattern matches the type
    GF_EXPIRED,      // past its deadline before it started
    GF_LOST,         // the handler did not come back after its deadline
    GF_TOO_LATE,     // it was to start by a time that has passed
    GF_UNREADABLE,   // its payload cannot be decrypted here
    GF_REFUSED,      // a limit has no room for it, and that is its end
    GF_CRASHED       // the process that ran it died of it; else as GF_RETURNED with a retry
} gf_attempt_end;

// What it is called in counts and logs.
typedef enum gf_outcome_name {
    GF_OUTCOME_DONE, GF_OUTCOME_RETRIED, GF_OUTCOME_ARCHIVED, GF_OUTCOME_REVOKED,
    GF_OUTCOME_REQUEUED, GF_OUTCOME_SNOOZED, GF_OUTCOME_CANCELLED, GF_OUTCOME_EXPIRED
} gf_outcome_name;

typedef struct gf_attempt {
    gf_attempt_end end;
    int32_t returned;              // with GF_RETURNED: what the handler gave back
    int32_t cancelled;             // a GOFER_CANCEL_ value
    bool    asked;                 // gofer was asked to cancel it: that is stored with the claim
    int32_t retried, max_retry;
    bool    is_failure;            // the hook's answer; true without a hook
    int64_t retry_in_ms;           // the handler's own choice, of a snooze too; negative: none
    int64_t hook_delay_ms;         // the hook's; negative: none
    int64_t policy_delay_ms;       // what the policy says
    int64_t retry_delay_max_ms;    // bounds the hook's and the policy's; 0: no bound
    int64_t no_handler_delay_ms;   // how long it is put off
    int64_t snoozes, snooze_limit;
    int64_t now_ms;                // Unix

    // For the words that are kept of it.
    const char *type;
    const char *limits;            // its limit keys, one in a line; NULL: none
    const char *said;              // what the handler left; NULL: nothing
    int64_t limit_ms;              // the time it had
    int64_t grace_ms;              // how long a lost one was waited for
} gf_attempt;

typedef struct gf_outcome {
    gf_outcome_kind kind;          // what the store is to do
    gf_outcome_name name;
    bool            is_failure;    // counts as an attempt and as failed
    int64_t         at_ms;         // GF_RETRY_AT
} gf_outcome;

// Would the task run again if nobody had asked for its end?
bool gf_attempt_comes_back(const gf_attempt *a);

// Did it fail in a way that may be tried again? Only then are the hooks asked.
bool gf_attempt_failed(const gf_attempt *a);

gf_outcome gf_outcome_of(const gf_attempt *a);

// What the attempt is called in the task's history (gofer_client_task).
const char *gf_outcome_word(const gf_attempt *a, const gf_outcome *o);

// The words kept as the task's last error. Returns the length.
size_t gf_outcome_text(const gf_attempt *a, char *out, size_t capacity);

// Those of a task that a limit has refused. The length, as snprintf tells it.
int gf_refused_text(const char *limits, char *out, size_t capacity);

// "250ms", "30s", "1h30m": as gofer_parse_duration reads it.
void gf_duration_text(int64_t ms, char out[32]);

#endif
