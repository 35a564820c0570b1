// answer.h - what the answer to a webhook means. Pure.
//
// As Standard Webhooks says: 2xx is success, all else is tried again, but for 410, which wants no
// more; redirects are no success. 429 and 503 may say when.
#ifndef HOOKS_ANSWER_H
#define HOOKS_ANSWER_H

#include <stdint.h>

typedef enum hooks_verdict {
    HOOKS_TAKEN,
    HOOKS_AGAIN,                   // a failed attempt
    HOOKS_LATER,                   // no attempt is used: after so long again
    HOOKS_NEVER                    // it will not be otherwise
} hooks_verdict;

enum { HOOKS_LATER_MIN_MS = 1000, HOOKS_LATER_MAX_MS = 3600000 };

// after_s: what Retry-After says; 0: nothing. *later_ms is set with HOOKS_LATER.
hooks_verdict hooks_verdict_of(long status, int64_t after_s, int64_t *later_ms);

#endif
