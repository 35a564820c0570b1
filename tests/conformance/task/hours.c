// hours.c - allowed hours: what is closed waits, what is open goes on, and who waited comes back in
// its order when it opens. All hours are around now, in UTC, so it does not matter when it is.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_S = 3600, DAY_S = 86400, SPEC = 40, SOON_S = 3 };

static const char *window(char spec[SPEC], int64_t from_s, int64_t to_s)
{
    int from = (int)(from_s % DAY_S), to = (int)(to_s % DAY_S);
    snprintf(spec, SPEC, "%02d:%02d:%02d-%02d:%02d:%02d", from / 3600, from / 60 % 60, from % 60,
        to / 3600, to / 60 % 60, to % 60);
    return spec;
}

static int64_t store_s(gf_broker *b)
{
    int64_t now_ms = 0;
    CHECK_OK(b->ops->upkeep->clock(b, &now_ms));
    return now_ms / 1000;
}

static void set_hours(gf_broker *b, const char *name, const char *spec)
{
    CHECK_OK(b->ops->hours->put(b, name, spec));
}

// For hours.
static void closes(gf_broker *b, const char *name)
{
    char spec[SPEC];
    int64_t now_s = store_s(b);
    set_hours(b, name, window(spec, now_s + 3 * HOUR_S, now_s + 4 * HOUR_S));
}

static void opens(gf_broker *b, const char *name)
{
    char spec[SPEC];
    int64_t now_s = store_s(b);
    set_hours(b, name, window(spec, now_s - 3 * HOUR_S, now_s + 3 * HOUR_S));
}

static void put_of(gf_broker *b, const char *id, const char *type)
{
    gf_message m = message("q", id);
    m.type = type;
    CHECK_OK(put_message(b, &m, 0));
}

static void forward(gf_broker *b)
{
    size_t moved = 1;
    int64_t next_ms;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; moved > 0 && gf_mono_ms() < end;) {
        CHECK_OK(b->ops->upkeep->forward(b, 1000, &moved, &next_ms));
        if (moved > 0)
            gf_sleep_us(12000);          // the next look is as far away
    }
}

static void nobody_is_next(gf_broker *b, const char *queue)
{
    gf_claim *claim = take_one(b, queue);
    CHECK_STR(claim ? claim->message.id : "", "");
    gf_claim_free(claim);
}

static void ends(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

static void a_queue_that_is_closed_is_left_alone(void)
{
    gf_broker *b = store_open();
    put(b, "q", "1");
    put(b, "q", "2");
    put(b, "other", "3");
    gf_claim *runs = need_one(b, "q", "1");
    closes(b, "queue:q");
    closes(b, "queue:q");                // again is fine
    closes(b, "queue:nobody");
    nobody_is_next(b, "q");
    drain_expecting(b, "other", "3");
    done(b, runs);                       // what runs goes on
    put(b, "q", "4");
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    opens(b, "queue:q");
    drain_expecting(b, "q", "2 4");
    closes(b, "queue:q");
    put(b, "q", "5");
    nobody_is_next(b, "q");
    set_hours(b, "queue:q", NULL);
    drain_expecting(b, "q", "5");
    CHECK_STATUS(b->ops->hours->put(b, "queue:q", NULL), GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "queue:q");
    ends(b);
}

static void tasks_of_a_closed_type_wait_and_keep_their_order(void)
{
    static const char *const types[] = { "a:x", "b", "a:y", "a:x", "b" };
    gf_broker *b = store_open();
    char id[16];
    closes(b, "type:a:*");
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, types[i]);
    }
    drain_expecting(b, "q", "1 4");
    CHECK_STR(task_text(b, "q", "0", "waits_for"), "type:a:*");
    CHECK_STR(task_state(b, "q", "0"), "pending");
    forward(b);
    nobody_is_next(b, "q");              // it is closed still
    put_of(b, "5", "a:z");
    opens(b, "type:a:*");
    forward(b);
    drain_expecting(b, "q", "0 2 3 5");
    closes(b, "type:a:*");
    put_of(b, "6", "a:z");
    nobody_is_next(b, "q");
    set_hours(b, "type:a:*", NULL);
    forward(b);
    drain_expecting(b, "q", "6");
    ends(b);
}

static void a_closed_type_may_be_paused_too(void)
{
    gf_broker *b = store_open();
    closes(b, "type:a");
    CHECK_OK(b->ops->guards->type_pause(b, "a", true));
    put_of(b, "1", "a");
    nobody_is_next(b, "q");
    CHECK_OK(b->ops->guards->type_pause(b, "a", false));
    forward(b);
    nobody_is_next(b, "q");              // it is closed
    CHECK_OK(b->ops->guards->type_pause(b, "a", true));
    opens(b, "type:a");
    forward(b);
    nobody_is_next(b, "q");              // it is paused
    CHECK_OK(b->ops->guards->type_pause(b, "a", false));
    forward(b);
    drain_expecting(b, "q", "1");
    ends(b);
}

// Whoever waits for work is told, and comes for nothing at most now and then.
static void a_queue_opens_by_itself(void)
{
    gf_broker *b = store_open();
    const char *queue = "q";
    char spec[SPEC];
    gf_waiter *w;
    gf_claim *claim = NULL;
    int64_t opens_s = store_s(b) + SOON_S;
    int in_vain = 0;
    set_hours(b, "queue:q", window(spec, opens_s, opens_s + HOUR_S));
    REQUIRE_OK(b->ops->tasks->waiter_open(b, &queue, 1, &w));
    put(b, "q", "1");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; !claim && gf_mono_ms() < end;) {
        b->ops->tasks->waiter_arm(w);
        claim = take_one(b, "q");
        w->fed = claim != NULL;
        if (!claim && in_vain++ < 1000)
            (void)b->ops->tasks->waiter_wait(w, PATIENCE_MS * 1000);
    }
    CHECK(claim != NULL);
    CHECK(store_s(b) >= opens_s);
    CHECK(in_vain < 20);
    b->ops->tasks->waiter_close(w);
    if (claim)
        done(b, claim);
    ends(b);
}

static void a_type_opens_by_itself(void)
{
    gf_broker *b = store_open();
    char spec[SPEC];
    gf_claim *claim = NULL;
    size_t moved;
    int64_t next_ms, opens_s = store_s(b) + SOON_S;
    set_hours(b, "type:a", window(spec, opens_s, opens_s + HOUR_S));
    put_of(b, "1", "a");
    put_of(b, "2", "a");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; !claim && gf_mono_ms() < end;) {
        CHECK_OK(b->ops->upkeep->forward(b, 1000, &moved, &next_ms));
        claim = take_one(b, "q");
        if (!claim)
            gf_sleep_us(20000);
    }
    CHECK_STR(claim ? claim->message.id : "", "1");
    CHECK(store_s(b) >= opens_s);
    if (claim)
        done(b, claim);
    forward(b);
    drain_expecting(b, "q", "2");
    ends(b);
}

// It closes, and opens, for those who have the store open already.
static void a_change_holds_for_all(void)
{
    gf_broker *b = store_open();
    char id[16];
    int count = 0;
    if (!store_is_shared()) {
        store_close(b);
        OMIT("nobody else can open it");
    }
    gf_broker *another = store_again();
    gf_claim *claim;
    put(b, "q", "0");
    done(b, need_one(b, "q", "0"));
    closes(another, "queue:q");
    do {
        snprintf(id, sizeof id, "%d", ++count);
        put(b, "q", id);
        claim = take_one(b, "q");
        if (claim) {
            done(b, claim);
            gf_sleep_us(50000);
        }
    } while (claim && count < 400);
    CHECK(count < 400);
    set_hours(another, "queue:q", NULL);
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; !claim && gf_mono_ms() < end;) {
        claim = take_one(b, "q");
        if (!claim)
            gf_sleep_us(50000);
    }
    CHECK_STR(claim ? claim->message.id : "", id);
    if (claim)
        done(b, claim);
    store_close(another);
    ends(b);
}

// Whoever does not know of it yet puts them aside once more, and they come back soon all the same.
static void a_type_that_another_opens_is_taken_soon(void)
{
    gf_broker *b = store_open();
    size_t moved;
    int64_t next_ms, most_ms = gf_mono_ms() + PATIENCE_MS;
    gf_claim *claim = NULL;
    if (!store_is_shared()) {
        store_close(b);
        OMIT("nobody else can open it");
    }
    gf_broker *another = store_again();
    closes(b, "type:a");
    put_of(b, "1", "a");
    nobody_is_next(b, "q");
    set_hours(another, "type:a", NULL);
    while (!claim && gf_mono_ms() < most_ms) {
        claim = take_one(b, "q");
        CHECK_OK(another->ops->upkeep->forward(another, 1000, &moved, &next_ms));
        if (!claim)
            gf_sleep_us(10000);
    }
    CHECK_STR(claim ? claim->message.id : "", "1");
    if (claim)
        done(b, claim);
    store_close(another);
    ends(b);
}

static void hours_that_cannot_be_read_are_closed(void)
{
    gf_broker *b = store_open();
    set_hours(b, "queue:q", "every second full moon");
    set_hours(b, "type:b", "01:00-02:00 Nowhere/Nothing");
    put(b, "q", "1");
    gf_message m = message("other", "2");
    m.type = "b";
    CHECK_OK(put_message(b, &m, 0));
    nobody_is_next(b, "q");
    nobody_is_next(b, "other");
    set_hours(b, "queue:q", NULL);
    set_hours(b, "type:b", "00:00-24:00");
    forward(b);
    drain_expecting(b, "q", "1");
    drain_expecting(b, "other", "2");
    ends(b);
}

static void hours_are_listed(void)
{
    gf_broker *b = store_open();
    gofer_info *list = NULL;
    set_hours(b, "type:b*", "01:00-02:00");
    set_hours(b, "queue:q", "mon 01:00-02:00 Europe/Rome");
    set_hours(b, "type:b*", "sun; not 2026-12-25");
    REQUIRE_OK(b->ops->hours->list(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "name"), "queue:q");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "hours"), "mon 01:00-02:00 Europe/Rome");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "name"), "type:b*");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "hours"), "sun; not 2026-12-25");
    gofer_info_free(list);
    if (b->ops->limits) {                // no key of theirs is one of limits
        REQUIRE_OK(b->ops->limits->keys(b, "", "", false, 100, &list));
        CHECK_INT((int64_t)gofer_info_count(list), 0);
        gofer_info_free(list);
    }
    store_close(b);
    if (store_is_file()) {               // they stay
        REQUIRE_OK(store_try(store_url(), &b));
        REQUIRE_OK(b->ops->hours->list(b, &list));
        CHECK_INT((int64_t)gofer_info_count(list), 2);
        gofer_info_free(list);
        store_close(b);
    }
    store_check_sound();
}

static const check_test tests[] = {
    TEST(a_queue_that_is_closed_is_left_alone),
    TEST(tasks_of_a_closed_type_wait_and_keep_their_order),
    TEST(a_closed_type_may_be_paused_too),
    TEST(a_queue_opens_by_itself),
    TEST(a_type_opens_by_itself),
    TEST(a_change_holds_for_all),
    TEST(a_type_that_another_opens_is_taken_soon),
    TEST(hours_that_cannot_be_read_are_closed),
    TEST(hours_are_listed),
};

suite suite_hours(void)
{
    return (suite){ tests, COUNT(tests) };
}
