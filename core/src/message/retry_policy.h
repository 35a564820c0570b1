// retry_policy.h - when a failed task is tried again: policies as text, and what they say. Pure.
//
//     exponential            Asynq's: n^4 + 15 + r (n + 1) seconds after n failures, r from 0 to 29
//     exponential:BASE       BASE doubled with each failure; half of that stands, half is by chance
//     fixed:D                always D
//     linear:D               D, 2 D, 3 D …
//     list:D,D,…             one after the other, then the last again and again
// then, in any order, ;cap=D (no delay is longer) and ;jitter=P% (up to so much more, by chance).
//
// May touch: util/.
#ifndef GF_WORKER_POLICY_H
#define GF_WORKER_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { GF_POLICY_TEXT_MAX = 1000, GF_POLICY_LIST_MAX = 50, GF_POLICY_JITTER_MAX = 1000 };

typedef enum gf_policy_kind {
    GF_ASYNQ,
    GF_DOUBLING,
    GF_FIXED,
    GF_LINEAR,
    GF_LISTED
} gf_policy_kind;

// All zero: Asynq's.
typedef struct gf_policy {
    gf_policy_kind kind;
    size_t         count;                          // of delays; 1 but for lists
    int64_t        delays_ms[GF_POLICY_LIST_MAX];
    int64_t        cap_ms;                         // 0: none
    int32_t        jitter_percent;
} gf_policy;

// EINVAL: the text says what is wrong, and what there is.
gofer_status gf_policy_parse(const char *text, gf_policy *out);

// The delay after `retried` failures before this one, 0 to GOFER_MAX_DURATION_MS. random:
// all its bits are used.
int64_t gf_policy_delay_ms(const gf_policy *p, int32_t retried, uint64_t random);

#endif
