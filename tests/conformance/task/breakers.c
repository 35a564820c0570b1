// breakers.c - circuit breakers of types: they open by failures, hold their tasks, let some
// through, and close.
#include <stdio.h>
#include <string.h>

#include "broker/breaker.h"
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000, OPEN_MS = 2000 };

static const gf_breaker_rule rule = { .failures = 50, .min = 4, .window_ms = HOUR_MS,
    .open_ms = OPEN_MS };
static const gf_breaker_rule for_long = { .failures = 50, .min = 4, .window_ms = HOUR_MS,
    .open_ms = HOUR_MS };

static void put_of(gf_broker *b, int id, const char *type)
{
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    gf_message m = message("q", text);
    m.type = type;
    CHECK_OK(put_message(b, &m, 0));
}

static void put_rule(gf_broker *b, const char *type, const gf_breaker_rule *r)
{
    CHECK_OK(b->ops->guards->breaker_put(b, type, r));
}

// Of the only one.
static void state_of(gf_broker *b, char out[32])
{
    gofer_info *list = NULL;
    REQUIRE_OK(b->ops->guards->breakers(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 1);
    snprintf(out, 32, "%s", gofer_info_text(gofer_info_at(list, 0), "state"));
    gofer_info_free(list);
}

static void expect_state(gf_broker *b, const char *want)
{
    char state[32];
    state_of(b, state);
    CHECK_STR(state, want);
}

static void fail(gf_broker *b, gf_claim *claim)
{
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = gf_now_ms() + HOUR_MS, .error = "no" }));
}

static void fail_some(gf_broker *b, int from, int count)
{
    for (int i = 0; i < count; i++) {
        put_of(b, from + i, "a");
        gf_claim *claim = take_one(b, "q");
        REQUIRE(claim);
        fail(b, claim);
    }
    expect_state(b, "open");
}

static void nobody_is_next(gf_broker *b)
{
    gf_claim *claim = take_one(b, "q");
    CHECK_STR(claim ? claim->message.id : "", "");
    gf_claim_free(claim);
}

// One that is let through: as soon as its time has come. NULL: not within our patience.
static gf_claim *wait_for_one(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; gf_mono_ms() < end; gf_sleep_us(20000)) {
        CHECK_OK(b->ops->upkeep->forward(b, 1000, &moved, &next_ms));
        gf_claim *claim = take_one(b, "q");
        if (claim)
            return claim;
    }
    return NULL;
}

static void closes(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

static void failures_open_it(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a", &for_long);
    expect_state(b, "closed");
    for (int i = 0; i < 4; i++)          // of 4 the half
        put_of(b, i, "a");
    for (int i = 0; i < 3; i++) {
        gf_claim *claim = take_one(b, "q");
        REQUIRE(claim);
        if (i < 2)
            done(b, claim);
        else
            fail(b, claim);
    }
    expect_state(b, "closed");
    fail(b, take_one(b, "q"));
    expect_state(b, "open");
    put_of(b, 5, "a");
    put_of(b, 6, "b");
    put_of(b, 7, "a");
    drain_expecting(b, "q", "6");
    nobody_is_next(b);
    CHECK_STR(task_state(b, "q", "5"), "pending");
    CHECK_STR(task_text(b, "q", "5", "waits_for"), "type:a");
    closes(b);
}

static void what_is_no_failure_does_not_open_it(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a*", &for_long);
    for (int i = 0; i < 12; i++) {
        put_of(b, i, "ab");
        gf_claim *claim = take_one(b, "q");
        REQUIRE(claim);
        CHECK_OK(finish(b, claim, (gf_finish){
            .outcome = i % 2 ? GF_RETRY_AT : GF_CANCELLED, .at_ms = gf_now_ms() + HOUR_MS,
            .error = "later" }));
    }
    expect_state(b, "closed");
    closes(b);
}

static void successes_close_it_step_by_step(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a", &rule);
    fail_some(b, 100, 4);
    for (int i = 0; i < 10; i++)
        put_of(b, i, "a");
    nobody_is_next(b);                   // all wait
    gf_claim *first = wait_for_one(b);
    REQUIRE(first);
    CHECK_STR(first->message.id, "0");   // in their order
    expect_state(b, "half_open");
    nobody_is_next(b);
    done(b, first);
    gf_claim *more[2];
    more[0] = wait_for_one(b);
    more[1] = wait_for_one(b);
    REQUIRE(more[0] && more[1]);
    nobody_is_next(b);
    done(b, more[0]);
    done(b, more[1]);
    for (int i = 0; i < 4; i++) {
        expect_state(b, "half_open");
        gf_claim *claim = wait_for_one(b);
        REQUIRE(claim);
        done(b, claim);
    }
    expect_state(b, "closed");
    for (int i = 0; i < 3; i++) {
        gf_claim *claim = wait_for_one(b);
        REQUIRE(claim);
        done(b, claim);
    }
    nobody_is_next(b);
    closes(b);
}

static void a_failure_opens_it_again(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a", &rule);
    fail_some(b, 100, 4);
    put_of(b, 1, "a");
    put_of(b, 2, "a");
    nobody_is_next(b);
    gf_claim *first = wait_for_one(b);
    REQUIRE(first);
    fail(b, first);
    expect_state(b, "open");
    gf_claim *second = wait_for_one(b);  // after its time once more
    REQUIRE(second);
    CHECK_STR(second->message.id, "2");
    done(b, second);
    expect_state(b, "half_open");
    closes(b);
}

static void a_run_from_before_says_nothing(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a", &for_long);
    put_of(b, 50, "a");
    gf_claim *before = need_one(b, "q", "50");
    fail_some(b, 100, 4);
    done(b, before);
    expect_state(b, "open");
    closes(b);
}

static void it_is_closed_by_hand(void)
{
    gf_broker *b = store_open();
    put_rule(b, "a", &for_long);
    fail_some(b, 100, 4);
    put_of(b, 1, "a");
    put_of(b, 2, "a");
    nobody_is_next(b);
    CHECK_OK(b->ops->guards->breaker_close(b, "a"));
    expect_state(b, "closed");
    gf_claim *claim = wait_for_one(b);
    REQUIRE(claim);
    CHECK_STR(claim->message.id, "1");
    done(b, claim);
    CHECK_OK(b->ops->guards->breaker_drop(b, "a"));
    CHECK_STATUS(b->ops->guards->breaker_drop(b, "a"), GOFER_ENOTFOUND);
    CHECK_STATUS(b->ops->guards->breaker_close(b, "a"), GOFER_ENOTFOUND);
    claim = wait_for_one(b);
    REQUIRE(claim);
    done(b, claim);
    closes(b);
}

static void a_type_has_one(void)
{
    gf_broker *b = store_open();
    gofer_info *list = NULL;
    put_rule(b, "mail:*", &rule);
    put_rule(b, "mail:*", &for_long);    // another rule
    put_rule(b, "report", &rule);
    CHECK_STATUS(b->ops->guards->breaker_put(b, "mail:send", &rule), GOFER_EEXIST);
    CHECK_STATUS(b->ops->guards->breaker_put(b, "*", &rule), GOFER_EEXIST);
    CHECK_STATUS(b->ops->guards->breaker_put(b, "re*", &rule), GOFER_EEXIST);
    REQUIRE_OK(b->ops->guards->breakers(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "type"), "mail:*");
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "open_ms", 0), HOUR_MS);
    gofer_info_free(list);
    REQUIRE_OK(b->ops->guards->types(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 0);     // none is paused
    gofer_info_free(list);
    closes(b);
}

static const check_test tests[] = {
    TEST(failures_open_it),
    TEST(what_is_no_failure_does_not_open_it),
    TEST(successes_close_it_step_by_step),
    TEST(a_failure_opens_it_again),
    TEST(a_run_from_before_says_nothing),
    TEST(it_is_closed_by_hand),
    TEST(a_type_has_one),
};

suite suite_breakers(void)
{
    return (suite){ tests, COUNT(tests) };
}
