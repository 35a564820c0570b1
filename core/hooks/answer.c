// answer.c - what the answer to a webhook means.
#include "answer.h"

hooks_verdict hooks_verdict_of(long status, int64_t after_s, int64_t *later_ms)
{
    if (status >= 200 && status < 300)
        return HOOKS_TAKEN;
    if (status == 410)
        return HOOKS_NEVER;
    if ((status != 429 && status != 503) || after_s <= 0)
        return HOOKS_AGAIN;
    *later_ms = after_s > HOOKS_LATER_MAX_MS / 1000 ? HOOKS_LATER_MAX_MS : after_s * 1000;
    if (*later_ms < HOOKS_LATER_MIN_MS)
        *later_ms = HOOKS_LATER_MIN_MS;
    return HOOKS_LATER;
}
