// outcome.c - what becomes of a task after an attempt.
//
// May touch: nothing but its arguments.
#include "worker/outcome.h"

#include <stdio.h>

// Did something other than the task end the attempt: a stop, or a lost lease?
static bool was_interrupted(const gf_attempt *a)
{
    return a->cancelled == GOFER_CANCEL_STOP || a->cancelled == GOFER_CANCEL_LEASE;
}

static bool asks_for_retry(const gf_attempt *a)
{
    switch (a->returned) {
    case GOFER_DONE:
    case GOFER_SKIP_RETRY:
    case GOFER_REVOKE:
    case GOFER_REQUEUE:
        return false;
    default:
        return true;               // GOFER_RETRY, and every number that is no outcome
    }
}

bool gf_attempt_failed(const gf_attempt *a)
{
    switch (a->ending) {
    case GF_NO_HANDLER:
        return false;
    case GF_EXPIRED:
    case GF_LOST:
        return true;
    case GF_RETURNED:
        break;
    }
    return asks_for_retry(a) && !was_interrupted(a);
}

int64_t gf_retry_delay_ms(int32_t retried, uint32_t random)
{
    // 1200^4 s is far over the longest duration: no need to go where it would overflow.
    int64_t n = retried < 0 ? 0 : retried > 1200 ? 1200 : retried;
    int64_t seconds = n * n * n * n + 15 + (int64_t)(random % GF_RETRY_RANDOM) * (n + 1);
    return seconds > GOFER_MAX_DURATION_MS / 1000 ? GOFER_MAX_DURATION_MS : seconds * 1000;
}

static int64_t delay_of(const gf_attempt *a)
{
    int64_t ms = a->retry_in_ms;
    if (ms < 0) {
        ms = a->hook_delay_ms >= 0 ? a->hook_delay_ms : gf_retry_delay_ms(a->retried, a->random);
        if (a->retry_delay_max_ms > 0 && ms > a->retry_delay_max_ms)
            ms = a->retry_delay_max_ms;
    }
    return ms > GOFER_MAX_DURATION_MS ? GOFER_MAX_DURATION_MS : ms;
}

static gf_outcome retry_at(int64_t at_ms, bool is_failure)
{
    return (gf_outcome){ GF_RETRY_AT, GF_FATE_RETRIED, is_failure, at_ms };
}

gf_outcome gf_outcome_of(const gf_attempt *a)
{
    // A failure that is none is retried without end: it costs no attempt.
    if (gf_attempt_failed(a)) {
        if (!a->is_failure)
            return retry_at(a->now_ms + delay_of(a), false);
        if (a->retried >= a->max_retry)
            return (gf_outcome){ GF_ARCHIVE, GF_FATE_ARCHIVED, true, 0 };
        return retry_at(a->now_ms + delay_of(a), true);
    }
    // Not this worker's to judge: later, so that one which knows the type may take it.
    if (a->ending == GF_NO_HANDLER)
        return retry_at(a->now_ms + GF_NO_HANDLER_DELAY_MS, false);

    switch (a->returned) {
    case GOFER_DONE:
        return (gf_outcome){ GF_DONE, GF_FATE_DONE, false, 0 };
    case GOFER_SKIP_RETRY:
        return (gf_outcome){ GF_ARCHIVE, GF_FATE_ARCHIVED, true, 0 };
    case GOFER_REVOKE:
        return (gf_outcome){ GF_DROP, GF_FATE_REVOKED, false, 0 };
    default:                       // GOFER_REQUEUE, or failed because it was interrupted
        return (gf_outcome){ GF_REQUEUE, GF_FATE_REQUEUED, false, 0 };
    }
}

void gf_duration_text(int64_t ms, char out[32])
{
    long long all = ms, h = all / 3600000, m = all / 60000 % 60, s = all / 1000 % 60;
    int used = 0;
    out[0] = '\0';
    if (all < 1000) {
        snprintf(out, 32, "%lldms", all);
        return;
    }
    if (h)
        used += snprintf(out + used, 32 - (size_t)used, "%lldh", h);
    if (m)
        used += snprintf(out + used, 32 - (size_t)used, "%lldm", m);
    if (s)
        used += snprintf(out + used, 32 - (size_t)used, "%llds", s);
    if (all % 1000)
        snprintf(out + used, 32 - (size_t)used, "%lldms", all % 1000);
}

// Was it asked to stop, and did not succeed?
static bool was_cancelled(const gf_attempt *a)
{
    return a->cancelled == GOFER_CANCEL_REQUEST && asks_for_retry(a);
}

// Why it was stopped, if it was.
static void say_stop(const gf_attempt *a, const char *limit, char *out, size_t capacity)
{
    *out = '\0';
    if (a->cancelled == GOFER_CANCEL_TIMEOUT)
        snprintf(out, capacity, "timed out after %s", limit);
    else if (was_cancelled(a))
        snprintf(out, capacity, "context canceled");     // Asynq's words, by which its users know it
}

size_t gf_outcome_text(const gf_attempt *a, const char *type, const char *said, int64_t limit_ms,
    int64_t grace_ms, char *out, size_t capacity)
{
    char limit[32], grace[32];
    gf_duration_text(limit_ms, limit);
    gf_duration_text(grace_ms, grace);

    // snprintf tells what it would have written: never more than capacity - 1 is there.
    int n = 0;
    switch (a->ending) {
    case GF_NO_HANDLER:
        n = snprintf(out, capacity, "no handler of this worker matches type '%s'", type);
        break;
    case GF_EXPIRED:
        n = snprintf(out, capacity, "deadline exceeded before it started");
        break;
    case GF_LOST:
        n = snprintf(out, capacity, "timed out after %s: handler did not return within %s after its deadline",
            limit, grace);
        break;
    case GF_RETURNED: {
        char stop[64];
        bool known = a->returned >= GOFER_DONE && a->returned <= GOFER_REQUEUE;
        say_stop(a, limit, stop, sizeof stop);
        const char *colon = *stop ? ": " : "";
        if (!known)
            n = snprintf(out, capacity, "%s%shandler returned %d, which is no outcome%s%s", stop, colon,
                (int)a->returned, said ? ": " : "", said ? said : "");
        else if (!said && was_cancelled(a))
            n = snprintf(out, capacity, "%s", stop);
        else
            n = snprintf(out, capacity, "%s%s%s", stop, colon, said ? said : "handler failed without a text");
        break;
    }
    }
    return n < 0 ? 0 : (size_t)n < capacity ? (size_t)n : capacity - 1;
}
