// outcome.c - what becomes of a task after an attempt.
//
// May touch: nothing but its arguments.
#include "worker/run/outcome.h"

#include <stdio.h>
#include <string.h>

// Did something other than the task end the attempt: a stop, or a lost lease?
static bool was_interrupted(const gf_attempt *a)
{
    return a->cancelled == GOFER_CANCEL_STOP || a->cancelled == GOFER_CANCEL_LEASE;
}

static bool is_snooze(const gf_attempt *a)
{
    return a->end == GF_RETURNED && a->returned == GOFER_SNOOZE;
}

static bool snoozes_too_often(const gf_attempt *a)
{
    return is_snooze(a) && a->snoozes >= a->snooze_limit;
}

static bool asks_for_retry(const gf_attempt *a)
{
    switch (a->returned) {
    case GOFER_DONE:
    case GOFER_SKIP_RETRY:
    case GOFER_REVOKE:
    case GOFER_REQUEUE:
        return false;
    case GOFER_SNOOZE:
        return snoozes_too_often(a);
    default:
        return true;               // GOFER_RETRY, and every number that is no outcome
    }
}

bool gf_attempt_comes_back(const gf_attempt *a)
{
    switch (a->end) {
    case GF_TOO_LATE:
    case GF_REFUSED:
    case GF_UNREADABLE:
        return false;
    case GF_NO_HANDLER:
    case GF_EXPIRED:
    case GF_LOST:
    case GF_CRASHED:
        return true;
    case GF_RETURNED:
        break;
    }
    return a->returned != GOFER_DONE && a->returned != GOFER_SKIP_RETRY &&
        a->returned != GOFER_REVOKE;
}

// By gofer's own request: what came to an end of its own before it heard stays as it is.
static bool was_cancelled(const gf_attempt *a)
{
    return a->asked && gf_attempt_comes_back(a);
}

bool gf_attempt_failed(const gf_attempt *a)
{
    if (was_cancelled(a))
        return false;
    switch (a->end) {
    case GF_NO_HANDLER:
    case GF_TOO_LATE:
    case GF_REFUSED:
    case GF_UNREADABLE:
        return false;
    case GF_EXPIRED:
    case GF_LOST:
        return true;
    case GF_CRASHED:
    case GF_RETURNED:
        break;
    }
    return asks_for_retry(a) && !was_interrupted(a);
}

static int64_t delay_of(const gf_attempt *a)
{
    int64_t ms = a->retry_in_ms;
    if (ms < 0) {
        ms = a->hook_delay_ms >= 0 ? a->hook_delay_ms : a->policy_delay_ms;
        if (a->retry_delay_max_ms > 0 && ms > a->retry_delay_max_ms)
            ms = a->retry_delay_max_ms;
    }
    return ms > GOFER_MAX_DURATION_MS ? GOFER_MAX_DURATION_MS : ms;
}

static gf_outcome retry_at(int64_t at_ms, bool is_failure)
{
    return (gf_outcome){ GF_RETRY_AT, GF_OUTCOME_RETRIED, is_failure, at_ms };
}

gf_outcome gf_outcome_of(const gf_attempt *a)
{
    if (was_cancelled(a))
        return (gf_outcome){ GF_CANCELLED, GF_OUTCOME_CANCELLED, false, 0 };
    // A failure that is none is retried without end: it costs no attempt.
    if (gf_attempt_failed(a)) {
        if (!a->is_failure)
            return retry_at(a->now_ms + delay_of(a), false);
        if (a->retried >= a->max_retry)
            return (gf_outcome){ GF_ARCHIVE, GF_OUTCOME_ARCHIVED, true, 0 };
        return retry_at(a->now_ms + delay_of(a), true);
    }
    // Not this worker's to judge: later, so that one which knows the type may take it.
    if (a->end == GF_NO_HANDLER)
        return retry_at(a->now_ms + a->no_handler_delay_ms, false);
    if (a->end == GF_TOO_LATE)
        return (gf_outcome){ GF_DROP, GF_OUTCOME_EXPIRED, false, 0 };
    if (a->end == GF_REFUSED || a->end == GF_UNREADABLE)
        return (gf_outcome){ GF_ARCHIVE, GF_OUTCOME_ARCHIVED, false, 0 };
    if (is_snooze(a) && !snoozes_too_often(a))
        return (gf_outcome){ GF_RETRY_AT, GF_OUTCOME_SNOOZED, false, a->now_ms + delay_of(a) };

    switch (a->returned) {
    case GOFER_DONE:
        return (gf_outcome){ GF_DONE, GF_OUTCOME_DONE, false, 0 };
    case GOFER_SKIP_RETRY:
        return (gf_outcome){ GF_ARCHIVE, GF_OUTCOME_ARCHIVED, true, 0 };
    case GOFER_REVOKE:
        return (gf_outcome){ GF_DROP, GF_OUTCOME_REVOKED, false, 0 };
    default:                       // GOFER_REQUEUE, or failed because it was interrupted
        return (gf_outcome){ GF_REQUEUE, GF_OUTCOME_REQUEUED, false, 0 };
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

const char *gf_outcome_word(const gf_attempt *a, const gf_outcome *o)
{
    switch (o->name) {
    case GF_OUTCOME_DONE:       return "done";
    case GF_OUTCOME_REQUEUED:   return "interrupted";
    case GF_OUTCOME_SNOOZED:    return "snoozed";
    case GF_OUTCOME_CANCELLED:  return "cancelled";
    case GF_OUTCOME_REVOKED:    return "revoked";    // these two are not kept: the task is gone
    case GF_OUTCOME_EXPIRED:    return "expired";
    case GF_OUTCOME_RETRIED:
    case GF_OUTCOME_ARCHIVED:
        break;
    }
    if (a->end == GF_REFUSED)
        return "refused";
    if (a->end == GF_UNREADABLE)
        return "unreadable";
    if (a->end == GF_LOST)
        return "lost";
    if (a->end == GF_CRASHED && a->cancelled != GOFER_CANCEL_TIMEOUT)
        return "crashed";
    if (a->end == GF_RETURNED && a->returned == GOFER_SKIP_RETRY)
        return "skipped";
    return a->end == GF_EXPIRED || a->cancelled == GOFER_CANCEL_TIMEOUT ? "timeout" : "failed";
}

// Why it was stopped, if it was. True: that says it all, if the handler has said nothing.
static bool say_stop(const gf_attempt *a, const char *limit, char *out, size_t capacity)
{
    bool all = true;
    *out = '\0';
    if (was_cancelled(a))
        snprintf(out, capacity, "cancelled");
    else if (snoozes_too_often(a))
        snprintf(out, capacity, "snoozed more than %lld times", (long long)a->snooze_limit);
    else if (a->cancelled == GOFER_CANCEL_REQUEST && asks_for_retry(a))
        snprintf(out, capacity, "context canceled");     // Asynq's words, by which its users know
                                                         //   it
    else if (a->cancelled == GOFER_CANCEL_TIMEOUT)
        all = snprintf(out, capacity, "timed out after %s", limit) < 0;
    else
        all = false;
    return all;
}

static const char *without_text(const gf_attempt *a)
{
    return is_snooze(a) ? "snoozed" : "handler failed without a text";
}

int gf_refused_text(const char *limits, char *out, size_t capacity)
{
    int n = snprintf(out, capacity, "refused: a limit has no room (%s)", limits ? limits : "");
    for (char *at = out; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    return n;
}

size_t gf_outcome_text(const gf_attempt *a, char *out, size_t capacity)
{
    char limit[32], grace[32], stop[64];
    const char *said = a->said;
    gf_duration_text(a->limit_ms, limit);
    gf_duration_text(a->grace_ms, grace);

    // snprintf tells what it would have written: never more than capacity - 1 is there.
    int n = 0;
    switch (a->end) {
    case GF_NO_HANDLER:
        n = snprintf(out, capacity, "no handler of this worker matches type '%s'", a->type);
        break;
    case GF_EXPIRED:
        n = snprintf(out, capacity, "deadline exceeded before it started");
        break;
    case GF_TOO_LATE:
        n = snprintf(out, capacity, "expired: it was not started in time");
        break;
    case GF_REFUSED:
        n = gf_refused_text(a->limits, out, capacity);
        break;
    case GF_UNREADABLE:
        n = snprintf(out, capacity, "%s", said ? said : "the payload cannot be decrypted");
        break;
    case GF_LOST:
        n = snprintf(out, capacity,
            "%stimed out after %s: handler did not return within %s after its deadline",
            was_cancelled(a) ? "cancelled: " : "", limit, grace);
        break;
    case GF_CRASHED:
    case GF_RETURNED: {
        bool known = a->returned >= GOFER_DONE && a->returned <= GOFER_SNOOZE;
        bool alone = say_stop(a, limit, stop, sizeof stop) && !said;
        const char *colon = *stop && (!known || !alone) ? ": " : "";
        if (!known)
            n = snprintf(out, capacity, "%s%shandler returned %d, which is no outcome%s%s", stop,
                colon, (int)a->returned, said ? ": " : "", said ? said : "");
        else
            n = snprintf(out, capacity, "%s%s%s", stop, colon,
                said        ? said
                    : alone ? ""
                            : without_text(a));
        break;
    }
    }
    return n < 0 ? 0 : (size_t)n < capacity ? (size_t)n : capacity - 1;
}
