// outcome_test.c - the table of what becomes of a task, and the words it is told in.
#include "worker/run/outcome.h"

#include "check.h"

enum { NOW = 1000000, ANY = -1, NO_HANDLER_DELAY = 30000 };

// What an attempt is unless a case says otherwise: the second of 25, without hooks.
static gf_attempt attempt(gf_attempt_end end, int32_t returned, int32_t cancelled)
{
    return (gf_attempt){ .end = end,
        .returned = returned,
        .cancelled = cancelled,
        .retried = 1,
        .max_retry = 25,
        .is_failure = true,
        .retry_in_ms = -1,
        .hook_delay_ms = -1,
        .policy_delay_ms = 16000,
        .no_handler_delay_ms = NO_HANDLER_DELAY,
        .snoozes = 1,
        .snooze_limit = 2,
        .now_ms = NOW };
}

static size_t text_of(gf_attempt a, const char *type, const char *said, char *out, size_t capacity)
{
    a.type = type;
    a.said = said;
    a.limit_ms = 30000;
    a.grace_ms = 5000;
    return gf_outcome_text(&a, out, capacity);
}

static void every_ending_has_its_outcome(void)
{
    static const struct {
        const char *name;
        gf_attempt_end end;
        int32_t returned, cancelled;
        gf_outcome_kind kind;
        gf_outcome_name outcome;
        bool is_failure;
        int64_t delay_ms;
    } cases[] = {
        { "done", GF_RETURNED, GOFER_DONE, 0, GF_DONE, GF_OUTCOME_DONE, false, ANY },
        { "done, late", GF_RETURNED, GOFER_DONE, GOFER_CANCEL_TIMEOUT, GF_DONE, GF_OUTCOME_DONE,
            false, ANY },
        { "done, stopping", GF_RETURNED, GOFER_DONE, GOFER_CANCEL_STOP, GF_DONE, GF_OUTCOME_DONE,
            false, ANY },
        { "failed", GF_RETURNED, GOFER_RETRY, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "failed, late", GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, GF_RETRY_AT,
            GF_OUTCOME_RETRIED, true, 16000 },
        { "failed, asked to", GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, GF_RETRY_AT,
            GF_OUTCOME_RETRIED, true, 16000 },
        { "failed, stopping", GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_STOP, GF_REQUEUE,
            GF_OUTCOME_REQUEUED, false, ANY },
        { "failed, lease lost", GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_LEASE, GF_REQUEUE,
            GF_OUTCOME_REQUEUED, false, ANY },
        { "skip", GF_RETURNED, GOFER_SKIP_RETRY, 0, GF_ARCHIVE, GF_OUTCOME_ARCHIVED, true, ANY },
        { "skip, stopping", GF_RETURNED, GOFER_SKIP_RETRY, GOFER_CANCEL_STOP, GF_ARCHIVE,
            GF_OUTCOME_ARCHIVED, true, ANY },
        { "revoke", GF_RETURNED, GOFER_REVOKE, 0, GF_DROP, GF_OUTCOME_REVOKED, false, ANY },
        { "snooze", GF_RETURNED, GOFER_SNOOZE, 0, GF_RETRY_AT, GF_OUTCOME_SNOOZED, false, 16000 },
        { "snooze, stopping", GF_RETURNED, GOFER_SNOOZE, GOFER_CANCEL_STOP, GF_RETRY_AT,
            GF_OUTCOME_SNOOZED, false, 16000 },
        { "snooze, late", GF_RETURNED, GOFER_SNOOZE, GOFER_CANCEL_TIMEOUT, GF_RETRY_AT,
            GF_OUTCOME_SNOOZED, false, 16000 },
        { "crashed", GF_CRASHED, GOFER_RETRY, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "crashed, late", GF_CRASHED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, GF_RETRY_AT,
            GF_OUTCOME_RETRIED, true, 16000 },
        { "crashed, stopping", GF_CRASHED, GOFER_RETRY, GOFER_CANCEL_STOP, GF_REQUEUE,
            GF_OUTCOME_REQUEUED, false, ANY },
        { "refused", GF_REFUSED, 0, 0, GF_ARCHIVE, GF_OUTCOME_ARCHIVED, false, ANY },
        { "too late", GF_TOO_LATE, 0, 0, GF_DROP, GF_OUTCOME_EXPIRED, false, ANY },
        { "requeue", GF_RETURNED, GOFER_REQUEUE, 0, GF_REQUEUE, GF_OUTCOME_REQUEUED, false, ANY },
        { "unknown", GF_RETURNED, 42, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "unknown, negative", GF_RETURNED, -7, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "unknown, stopping", GF_RETURNED, 42, GOFER_CANCEL_STOP, GF_REQUEUE, GF_OUTCOME_REQUEUED,
            false, ANY },
        { "expired", GF_EXPIRED, 0, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "lost", GF_LOST, 0, GOFER_CANCEL_TIMEOUT, GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 16000 },
        { "no handler", GF_NO_HANDLER, 0, 0, GF_RETRY_AT, GF_OUTCOME_RETRIED, false,
            NO_HANDLER_DELAY },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(cases[i].end, cases[i].returned, cases[i].cancelled);
        gf_outcome got = gf_outcome_of(&a);
        bool kind = CHECK_INT(got.kind, cases[i].kind),
             name = CHECK_INT(got.name, cases[i].outcome);
        if (!CHECK_INT(got.is_failure, cases[i].is_failure) || !kind || !name)
            fprintf(stderr, "    in case: %s\n", cases[i].name);
        if (cases[i].delay_ms != ANY)
            CHECK_INT(got.at_ms, NOW + cases[i].delay_ms);
    }
}

static void the_last_failure_archives(void)
{
    static const struct { int32_t retried, max_retry; gf_outcome_kind want; } cases[] = {
        { 0, 0, GF_ARCHIVE }, { 0, 1, GF_RETRY_AT }, { 1, 1, GF_ARCHIVE }, { 24, 25, GF_RETRY_AT },
        { 25, 25, GF_ARCHIVE }, { 26, 25, GF_ARCHIVE }, { INT32_MAX, INT32_MAX, GF_ARCHIVE },
    };
    static const gf_attempt_end ends[] = { GF_RETURNED, GF_EXPIRED, GF_LOST };
    for (size_t e = 0; e < COUNT(ends); e++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            gf_attempt a = attempt(ends[e], GOFER_RETRY, 0);
            a.retried = cases[i].retried;
            a.max_retry = cases[i].max_retry;
            CHECK_INT(gf_outcome_of(&a).kind, cases[i].want);
        }
    // A failure that is none goes on for ever, and so does a task nobody here has a handler for.
    gf_attempt a = attempt(GF_RETURNED, GOFER_RETRY, 0);
    a.retried = a.max_retry = 3;
    a.is_failure = false;
    CHECK_INT(gf_outcome_of(&a).kind, GF_RETRY_AT);
    CHECK(!gf_outcome_of(&a).is_failure);
    a = attempt(GF_NO_HANDLER, 0, 0);
    a.retried = a.max_retry = 3;
    CHECK_INT(gf_outcome_of(&a).kind, GF_RETRY_AT);
}

static void the_delay_is_the_handlers_then_the_hooks_then_the_policys(void)
{
    static const struct { int64_t own, hook, max; bool is_failure; int64_t want; } cases[] = {
        { -1, -1, 0, true, 16000 },
        { -1, -1, 5000, true, 5000 },
        { -1, -1, 60000, true, 16000 },
        { -1, 700, 0, true, 700 },
        { -1, 0, 0, true, 0 },
        { -1, 90000, 5000, true, 5000 },
        { 1, 700, 0, true, 1 },
        { 90000, 700, 5000, true, 90000 },
        { INT64_MAX, -1, 0, true, GOFER_MAX_DURATION_MS },
        { -1, INT64_MAX, 0, true, GOFER_MAX_DURATION_MS },
        { -1, 700, 0, false, 700 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(GF_RETURNED, GOFER_RETRY, 0);
        a.retry_in_ms = cases[i].own;
        a.hook_delay_ms = cases[i].hook;
        a.retry_delay_max_ms = cases[i].max;
        a.is_failure = cases[i].is_failure;
        CHECK_INT(gf_outcome_of(&a).at_ms - NOW, cases[i].want);
    }
}

// Somebody has asked gofer for its end: set aside unless it came to one of its own.
static void a_stored_request_sets_aside_what_would_come_back(void)
{
    static const struct { gf_attempt_end end; int32_t returned,
        cancelled; gf_outcome_kind want; } cases[] = {
        { GF_RETURNED, GOFER_DONE, GOFER_CANCEL_REQUEST, GF_DONE },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_RETURNED, 42, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_RETURNED, GOFER_SNOOZE, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_RETURNED, GOFER_REQUEUE, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_STOP, GF_CANCELLED },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, GF_CANCELLED },
        { GF_RETURNED, GOFER_SKIP_RETRY, GOFER_CANCEL_REQUEST, GF_ARCHIVE },
        { GF_RETURNED, GOFER_REVOKE, GOFER_CANCEL_REQUEST, GF_DROP },
        { GF_LOST, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, GF_CANCELLED },
        { GF_EXPIRED, 0, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_NO_HANDLER, 0, GOFER_CANCEL_REQUEST, GF_CANCELLED },
        { GF_TOO_LATE, 0, GOFER_CANCEL_REQUEST, GF_DROP },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(cases[i].end, cases[i].returned, cases[i].cancelled);
        a.asked = true;
        gf_outcome o = gf_outcome_of(&a);
        CHECK_INT(o.kind, cases[i].want);
        CHECK_INT(gf_attempt_failed(&a), false);
        if (o.kind == GF_CANCELLED) {
            CHECK_INT(o.name, GF_OUTCOME_CANCELLED);
            CHECK_INT(o.is_failure, false);
            CHECK_STR(gf_outcome_word(&a, &o), "cancelled");
        }
    }
}

static void snoozes_have_a_limit(void)
{
    static const struct { int64_t snoozes,
        limit; int32_t retried; gf_outcome_kind kind; bool is_failure; } cases[] = {
        { 0, 1, 0, GF_RETRY_AT, false }, { 1, 1, 0, GF_RETRY_AT, true },
        { 0, 0, 0, GF_RETRY_AT, true },
        { 999, 1000, 25, GF_RETRY_AT, false }, { 1000, 1000, 25, GF_ARCHIVE, true },
        { INT64_MAX, 1000, 0, GF_RETRY_AT, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(GF_RETURNED, GOFER_SNOOZE, 0);
        char text[128];
        a.snoozes = cases[i].snoozes;
        a.snooze_limit = cases[i].limit;
        a.retried = cases[i].retried;
        a.retry_in_ms = 5000;
        gf_outcome o = gf_outcome_of(&a);
        CHECK_INT(o.kind, cases[i].kind);
        CHECK_INT(o.is_failure, cases[i].is_failure);
        if (o.kind == GF_RETRY_AT)
            CHECK_INT(o.at_ms, NOW + 5000);
        CHECK_STR(gf_outcome_word(&a, &o), cases[i].is_failure ? "failed" : "snoozed");
        text_of(a, "t", "busy", text, sizeof text);
        if (cases[i].is_failure)
            CHECK_HAS(text, "snoozed more than ");
        else
            CHECK_STR(text, "busy");
    }
    // A stop takes precedence over a failure.
    gf_attempt a = attempt(GF_RETURNED, GOFER_SNOOZE, GOFER_CANCEL_STOP);
    a.snoozes = a.snooze_limit;
    CHECK_INT(gf_outcome_of(&a).kind, GF_REQUEUE);
}

static void attempts_have_a_kind(void)
{
    static const struct { gf_attempt_end end; int32_t returned,
        cancelled; const char *want; } cases[] = {
        { GF_RETURNED, GOFER_DONE, 0, "done" }, { GF_RETURNED, GOFER_RETRY, 0, "failed" },
        { GF_RETURNED, 42, 0, "failed" }, { GF_RETURNED, GOFER_SKIP_RETRY, 0, "skipped" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, "timeout" },
        { GF_EXPIRED, 0, 0, "timeout" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, "failed" },
        { GF_LOST, 0, GOFER_CANCEL_TIMEOUT, "lost" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_STOP, "interrupted" },
        { GF_RETURNED, GOFER_REQUEUE, 0, "interrupted" },
        { GF_RETURNED, GOFER_SNOOZE, 0, "snoozed" }, { GF_TOO_LATE, 0, 0, "expired" },
        { GF_REFUSED, 0, 0, "refused" },
        { GF_CRASHED, GOFER_RETRY, 0, "crashed" },
        { GF_CRASHED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, "timeout" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(cases[i].end, cases[i].returned, cases[i].cancelled);
        gf_outcome o = gf_outcome_of(&a);
        CHECK_STR(gf_outcome_word(&a, &o), cases[i].want);
    }
}

static void only_failures_are_asked_about(void)
{
    static const struct { gf_attempt_end end; int32_t returned, cancelled; bool want; } cases[] = {
        { GF_RETURNED, GOFER_DONE, 0, false }, { GF_RETURNED, GOFER_RETRY, 0, true },
        { GF_RETURNED, GOFER_SKIP_RETRY, 0, false }, { GF_RETURNED, GOFER_REVOKE, 0, false },
        { GF_RETURNED, GOFER_REQUEUE, 0, false }, { GF_RETURNED, 42, 0, true },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_STOP, false },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, true },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, true },
        { GF_RETURNED, GOFER_DONE, GOFER_CANCEL_REQUEST, false },
        { GF_RETURNED, GOFER_SNOOZE, 0, false }, { GF_TOO_LATE, 0, 0, false },
        { GF_NO_HANDLER, 0, 0, false }, { GF_EXPIRED, 0, 0, true }, { GF_LOST, 0, 0, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(cases[i].end, cases[i].returned, cases[i].cancelled);
        CHECK_INT(gf_attempt_failed(&a), cases[i].want);
    }
}

static void texts_say_what_happened(void)
{
    static const struct { gf_attempt_end end; int32_t returned, cancelled; const char *said,
        *want; } cases[] = {
        { GF_RETURNED, GOFER_RETRY, 0, "451", "451" },
        { GF_RETURNED, GOFER_RETRY, 0, NULL, "handler failed without a text" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, "451", "timed out after 30s: 451" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, NULL, "context canceled" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, "exit code 3",
          "context canceled: exit code 3" },
        { GF_RETURNED, GOFER_SKIP_RETRY, GOFER_CANCEL_REQUEST, "no such user", "no such user" },
        { GF_RETURNED, GOFER_REVOKE, GOFER_CANCEL_REQUEST, NULL, "handler failed without a text" },
        { GF_RETURNED, 42, GOFER_CANCEL_REQUEST, NULL,
            "context canceled: handler returned 42, which is no outcome" },
        { GF_RETURNED, GOFER_SNOOZE, 0, NULL, "snoozed" },
        { GF_RETURNED, GOFER_SNOOZE, 0, "busy", "busy" },
        { GF_TOO_LATE, 0, 0, NULL, "expired: it was not started in time" },
        { GF_RETURNED, 42, 0, NULL, "handler returned 42, which is no outcome" },
        { GF_RETURNED, -1, 0, "x", "handler returned -1, which is no outcome: x" },
        { GF_NO_HANDLER, 0, 0, NULL, "no handler of this worker matches type 'mail:x'" },
        { GF_EXPIRED, 0, 0, NULL, "deadline exceeded before it started" },
        { GF_LOST, 0, GOFER_CANCEL_TIMEOUT, NULL,
            "timed out after 30s: handler did not return within 5s after its deadline" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_attempt a = attempt(cases[i].end, cases[i].returned, cases[i].cancelled);
        char got[256];
        size_t size = text_of(a, "mail:x", cases[i].said, got, sizeof got);
        CHECK_STR(got, cases[i].want);
        CHECK_INT(size, strlen(cases[i].want));
    }
    static const struct { gf_attempt_end end; int32_t returned, cancelled; const char *said,
        *want; } asked[] = {
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, NULL, "cancelled" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_TIMEOUT, NULL, "cancelled" },
        { GF_RETURNED, GOFER_SNOOZE, GOFER_CANCEL_REQUEST, NULL, "cancelled" },
        { GF_RETURNED, GOFER_RETRY, GOFER_CANCEL_REQUEST, "half done", "cancelled: half done" },
        { GF_RETURNED, 42, GOFER_CANCEL_REQUEST, NULL,
          "cancelled: handler returned 42, which is no outcome" },
        { GF_RETURNED, GOFER_SKIP_RETRY, GOFER_CANCEL_REQUEST, "no such user", "no such user" },
        { GF_LOST, 0, GOFER_CANCEL_TIMEOUT, NULL,
            "cancelled: timed out after 30s: handler did not return within 5s after its deadline" },
    };
    for (size_t i = 0; i < COUNT(asked); i++) {
        gf_attempt a = attempt(asked[i].end, asked[i].returned, asked[i].cancelled);
        char got[256];
        a.asked = true;
        text_of(a, "mail:x", asked[i].said, got, sizeof got);
        CHECK_STR(got, asked[i].want);
    }
    gf_attempt a = attempt(GF_RETURNED, 42, 0);
    char small[8];
    CHECK_INT(text_of(a, "t", "long", small, sizeof small), 7);
    CHECK_STR(small, "handler");
}

static void durations_read_back(void)
{
    static const struct { int64_t ms; const char *want; } cases[] = {
        { 0, "0ms" }, { 250, "250ms" }, { 1000, "1s" }, { 1500, "1s500ms" }, { 30000, "30s" },
        { 60000, "1m" },
        { 90000, "1m30s" }, { 3600000, "1h" }, { 5400000, "1h30m" }, { 3601000, "1h1s" },
        { -5, "-5ms" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[32];
        int64_t back;
        gf_duration_text(cases[i].ms, got);
        CHECK_STR(got, cases[i].want);
        if (cases[i].ms >= 0 && CHECK_OK(gofer_parse_duration(got, &back)))
            CHECK_INT(back, cases[i].ms);
    }
    char longest[32];
    gf_duration_text(GOFER_MAX_DURATION_MS, longest);
    CHECK_STR(longest, "876600h");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(every_ending_has_its_outcome),
        TEST(the_last_failure_archives),
        TEST(the_delay_is_the_handlers_then_the_hooks_then_the_policys),
        TEST(a_stored_request_sets_aside_what_would_come_back),
        TEST(snoozes_have_a_limit),
        TEST(attempts_have_a_kind),
        TEST(only_failures_are_asked_about),
        TEST(texts_say_what_happened),
        TEST(durations_read_back),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
