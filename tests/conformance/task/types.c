// types.c - types that are paused: their tasks wait, those of others go on, and who waited comes
// back in its order.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000, MANY = 1200, SOME = 60 };

static void put_in(gf_broker *b, const char *queue, const char *id, const char *type)
{
    gf_message m = message(queue, id);
    m.type = type;
    CHECK_OK(put_message(b, &m, 0));
}

static void put_of(gf_broker *b, const char *id, const char *type)
{
    put_in(b, "q", id, type);
}

static void set_paused(gf_broker *b, const char *type, bool paused)
{
    CHECK_OK(b->ops->guards->type_pause(b, type, paused));
}

// Until nothing moves any more.
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

static void closes(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

static void those_of_other_types_go_on(void)
{
    gf_broker *b = store_open();
    put_of(b, "a1", "a");
    put_of(b, "b1", "b");
    gf_claim *runs = need_one(b, "q", "a1");
    set_paused(b, "a", true);
    set_paused(b, "a", true);            // again is fine
    put_of(b, "a2", "a");
    put_of(b, "ab", "ab");               // begins alike, and is another one
    put_in(b, "new", "a3", "a");         // of a queue that was not there
    drain_expecting(b, "q", "b1 ab");
    nobody_is_next(b, "new");
    done(b, runs);                       // what runs goes on
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    CHECK_STR(queue_counts(b, "new"), "p1 a0 s0 r0 c0 x0");
    CHECK_STR(task_state(b, "q", "a2"), "pending");
    set_paused(b, "a", false);
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "a2");
    drain_expecting(b, "new", "a3");
    closes(b);
}

static void who_waited_comes_back_in_its_order(void)
{
    static const char *const types[] = { "a", "b", "a", "a", "b" };
    gf_broker *b = store_open();
    char id[16], room[64];
    set_paused(b, "a", true);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "%d", i);
        put_of(b, id, types[i]);
    }
    gf_message high = message("q", "high");
    high.type = "a";
    set_priority(&high, 5, room);
    CHECK_OK(put_message(b, &high, 0));
    drain_expecting(b, "q", "1 4");
    put_of(b, "5", "b");
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "high 0 2 3 5");
    closes(b);
}

static void a_prefix_pauses_all_that_begin_so(void)
{
    gf_broker *b = store_open();
    set_paused(b, "mail:*", true);
    set_paused(b, "mail:b", true);
    put_of(b, "1", "mail:a");
    put_of(b, "2", "mail:b");
    put_of(b, "3", "mail");
    drain_expecting(b, "q", "3");
    set_paused(b, "mail:*", false);
    forward(b);
    drain_expecting(b, "q", "1");        // the other is paused still
    set_paused(b, "mail:b", false);
    forward(b);
    drain_expecting(b, "q", "2");
    set_paused(b, "*", true);
    put_of(b, "4", "x");
    nobody_is_next(b, "q");
    set_paused(b, "*", false);
    forward(b);
    drain_expecting(b, "q", "4");
    closes(b);
}

static void what_is_paused_is_listed(void)
{
    gf_broker *b = store_open();
    gofer_info *list = NULL;
    int64_t before = store_down(gf_now_ms()) - 2000;
    set_paused(b, "b", true);
    set_paused(b, "a:*", true);
    put_of(b, "1", "a:x");
    nobody_is_next(b, "q");
    REQUIRE_OK(b->ops->guards->types(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "type"), "a:*");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "type"), "b");
    int64_t at_ms = gofer_info_int(gofer_info_at(list, 0), "paused_at_ms", 0);
    CHECK(at_ms >= before && at_ms <= gf_now_ms() + 2000);
    gofer_info_free(list);
    CHECK_STR(task_text(b, "q", "1", "waits_for"), "type:a:*");
    set_paused(b, "a:*", true);          // keeps its time
    REQUIRE_OK(b->ops->guards->types(b, &list));
    CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "paused_at_ms", 0), at_ms);
    gofer_info_free(list);
    set_paused(b, "a:*", false);
    set_paused(b, "b", false);
    REQUIRE_OK(b->ops->guards->types(b, &list));
    CHECK_INT((int64_t)gofer_info_count(list), 0);
    gofer_info_free(list);
    forward(b);
    drain_expecting(b, "q", "1");
    closes(b);
}

// Its turn is its own while it waits for its type.
static void an_order_stays_what_it_is(void)
{
    static const char *const types[] = { "b", "a", "b", "a" };
    gf_broker *b = store_open();
    char id[16], room[LIMIT_ROOM];
    if (!b->ops->limits || !b->ops->limits->orders) {
        store_close(b);
        OMIT("the store keeps no order of keys");
    }
    set_paused(b, "a", true);
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "%d", i);
        gf_message m = message("q", id);
        m.type = types[i];
        set_ordered(&m, "k", false, room);
        CHECK_OK(put_message(b, &m, 0));
    }
    drain_expecting(b, "q", "0");
    put_of(b, "free", "b");
    drain_expecting(b, "q", "free");
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "1 2 3");
    closes(b);
}

// Its key has the room for others.
static void who_waits_for_its_type_counts_for_no_limit(void)
{
    gf_broker *b = store_open();
    char room[LIMIT_ROOM];
    if (!b->ops->limits) {
        store_close(b);
        OMIT("the store has no limits");
    }
    CHECK_OK(b->ops->limits->put(b,
        &(gf_limit){ .name = "k", .concurrency = 1, .per_queue = true }));
    for (int i = 0; i < 3; i++) {
        char id[2] = { (char)('0' + i), '\0' };
        gf_message m = message("q", id);
        m.type = i == 1 ? "a" : "b";
        set_limit_keys(&m, "k", 1, room);
        CHECK_OK(put_message(b, &m, 0));
    }
    gf_claim *first = need_one(b, "q", "0");
    nobody_is_next(b, "q");              // 1 and 2 wait for the key
    set_paused(b, "a", true);
    done(b, first);                      // 1 is brought back
    drain_expecting(b, "q", "2");        // and hands its room on
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "1");
    closes(b);
}

static void those_who_wait_can_be_acted_on(void)
{
    gf_broker *b = store_open();
    const char *gone = "1", *aside = "2";
    gofer_status st = GOFER_EHANDLER;
    set_paused(b, "a", true);
    put_of(b, "1", "a");
    put_of(b, "2", "a");
    put_of(b, "3", "a");
    nobody_is_next(b, "q");
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, &gone, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_ARCHIVE, &aside, 1, &st));
    CHECK_STATUS(st, GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x1");
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "3");
    closes(b);
}

// The next so many, which end.
static void expect_from(gf_broker *b, int from)
{
    gf_claim *claims[SOME];
    char want[16 * SOME] = "", got[16 * SOME] = "";
    size_t count = take(b, "q", SOME, claims);
    for (int i = 0; i < SOME; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%d ", from + i);
    for (size_t i = 0; i < count; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", claims[i]->message.id);
        done(b, claims[i]);
    }
    CHECK_STR(got, want);
}

// One call for all; their ids are numbers.
static void put_some(gf_broker *b, int from, int count, int priority, const char *key)
{
    static char ids[SOME][16], room[LIMIT_ROOM];
    static gf_message messages[SOME];
    static gf_put items[SOME];
    for (int i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", from + i);
        messages[i] = message("q", ids[i]);
        messages[i].type = "a";
        if (priority)
            set_priority(&messages[i], priority, room);
        if (key)
            set_limit_keys(&messages[i], key, 1, room);
        items[i] = (gf_put){ .message = &messages[i] };
    }
    REQUIRE_OK(b->ops->tasks->put(b, items, (size_t)count));
    for (int i = 0; i < count; i++)
        CHECK_STATUS(items[i].status, GOFER_OK);
}

// More than a step of forward brings back, plain ones and some with a priority.
static void many_come_back_in_order(const char *key, int priority)
{
    gf_broker *b = store_open();
    int64_t until_ms = gf_now_ms() + HOUR_MS;
    CHECK_OK(key ? b->ops->limits->pause(b, key, until_ms) : GOFER_OK);
    set_paused(b, "a", !key);
    for (int from = 0; from < MANY; from += SOME) {
        put_some(b, from, SOME, priority, key);
        nobody_is_next(b, "q");          // they leave the line
    }
    set_paused(b, "a", false);
    CHECK_OK(key ? b->ops->limits->pause(b, key, 0) : GOFER_OK);
    forward(b);
    put_some(b, MANY, 1, priority, key);
    for (int from = 0; from < MANY; from += SOME)
        expect_from(b, from);
    drain_expecting(b, "q", "1200");
    closes(b);
}

static void many_come_back_in_their_order(void)
{
    many_come_back_in_order(NULL, 0);
    many_come_back_in_order(NULL, 3);
}

static bool has_limits(void)
{
    gf_broker *b = store_open();
    bool has = b->ops->limits != NULL;
    store_close(b);
    return has;
}

static void many_of_a_key_come_back_in_their_order(void)
{
    if (!has_limits())
        OMIT("the store has no limits");
    many_come_back_in_order("k", 0);
}

// The next ones, even if the store has to bring them back first.
static void expect_soon(gf_broker *b, int from)
{
    for (int tries = 0; tries < 100; tries++) {
        gf_claim *claims[1];
        if (take(b, "q", 1, claims) == 1) {
            char want[16];
            snprintf(want, sizeof want, "%d", from);
            CHECK_STR(claims[0]->message.id, want);
            done(b, claims[0]);
            return;
        }
    }
    CHECK(!"somebody is next");
}

// Its key has room again, and nobody has looked at those who wait yet.
static void who_is_new_comes_behind_who_waited(void)
{
    if (!has_limits())
        OMIT("the store has no limits");
    for (int priority = 0; priority <= 3; priority += 3) {
        gf_broker *b = store_open();
        CHECK_OK(b->ops->limits->pause(b, "k", gf_now_ms() + HOUR_MS));
        put_some(b, 0, SOME, priority, "k");
        nobody_is_next(b, "q");
        CHECK_OK(b->ops->limits->pause(b, "k", 0));
        put_some(b, SOME, SOME, priority, "k");
        for (int i = 0; i < 2 * SOME; i++)
            expect_soon(b, i);
        closes(b);
    }
}

// Batches that come within less time than their tasks have places for.
static void batches_come_back_in_their_order(void)
{
    if (!has_limits())
        OMIT("the store has no limits");
    gf_broker *b = store_open();
    CHECK_OK(b->ops->limits->pause(b, "k", gf_now_ms() + HOUR_MS));
    for (int from = 0; from < MANY; from += SOME)
        put_some(b, from, SOME, 0, "k");
    for (int from = 0; from < MANY; from += SOME)
        nobody_is_next(b, "q");
    CHECK_OK(b->ops->limits->pause(b, "k", 0));
    forward(b);
    for (int from = 0; from < MANY; from += SOME)
        expect_from(b, from);
    closes(b);
}

// A limit of all keys is none of theirs: they name no key.
static void no_limit_counts_for_a_type(void)
{
    if (!has_limits())
        OMIT("the store has no limits");
    gf_broker *b = store_open();
    gf_limit all = { .name = "*", .concurrency = 1, .rate = 1, .per_ms = HOUR_MS, .burst = 1 };
    CHECK_OK(b->ops->limits->put(b, &all));
    set_paused(b, "a", true);
    put_of(b, "1", "a");
    put_of(b, "2", "a");
    put_of(b, "3", "a");
    nobody_is_next(b, "q");
    set_paused(b, "a", false);
    forward(b);
    drain_expecting(b, "q", "1 2 3");
    closes(b);
}

static const check_test tests[] = {
    TEST(those_of_other_types_go_on),
    TEST(who_waited_comes_back_in_its_order),
    TEST(a_prefix_pauses_all_that_begin_so),
    TEST(what_is_paused_is_listed),
    TEST(an_order_stays_what_it_is),
    TEST(who_waits_for_its_type_counts_for_no_limit),
    TEST(those_who_wait_can_be_acted_on),
    TEST(many_come_back_in_their_order),
    TEST(many_of_a_key_come_back_in_their_order),
    TEST(who_is_new_comes_behind_who_waited),
    TEST(no_limit_counts_for_a_type),
    TEST(batches_come_back_in_their_order),
};

suite suite_types(void)
{
    return (suite){ tests, COUNT(tests) };
}
