// guards.c - what keeps a store from harm: queues that are bounded, or take envelopes alone.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000, MANY = 12 };

// ---- queues that are bounded --------------------------------------------------------------------

static void bound(gf_broker *b, const char *queue, int64_t max_length)
{
    CHECK_OK(b->ops->act->queue_bound(b, queue, max_length));
}

static gofer_status try_put(gf_broker *b, const char *id)
{
    gf_message m = message("q", id);
    return put_message(b, &m, 0);
}

static void of_more_than_its_length_a_put_is_refused(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "c");
    bound(b, "q", 2);
    put(b, "q", "a");
    put(b, "q", "b");
    gf_put item = { .message = &m };
    REQUIRE_OK(b->ops->tasks->put(b, &item, 1));
    CHECK_STATUS(item.status, GOFER_EFULL);
    CHECK_INT(item.length, 2);
    CHECK_INT(item.max_length, 2);
    CHECK_STR(task_state(b, "q", "c"), "");
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    put(b, "other", "c");                                // of this queue alone
    gf_claim *a = need_one(b, "q", "a");
    CHECK_OK(try_put(b, "c"));                           // what runs does not count
    CHECK_STATUS(try_put(b, "d"), GOFER_EFULL);
    done(b, a);
    drain_expecting(b, "q", "b c");
    store_close(b);
}

static void of_a_batch_those_go_in_that_fit(void)
{
    static const char *const ids[MANY] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
        "12" };
    static const struct { int64_t most; int in; } cases[] = {
        { 0, MANY }, { 1, 1 }, { 5, 5 }, { MANY - 1, MANY - 1 }, { MANY, MANY }, { 100, MANY },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        gf_message m[MANY];
        gf_put items[MANY];
        int in = 0;
        bound(b, "q", cases[i].most);
        for (size_t k = 0; k < MANY; k++) {
            m[k] = message("q", ids[k]);
            items[k] = (gf_put){ .message = &m[k] };
        }
        REQUIRE_OK(b->ops->tasks->put(b, items, MANY));
        for (size_t k = 0; k < MANY; k++) {
            CHECK_STATUS(items[k].status, (int)k < cases[i].in ? GOFER_OK : GOFER_EFULL);
            in += items[k].status == GOFER_OK;
        }
        CHECK_INT(in, cases[i].in);
        CHECK_INT(queue_number(b, "q", "pending"), cases[i].in);
        store_close(b);
    }
}

// The same task again is in already, and one that has its lock is told.
static void a_repeat_is_fine_in_a_full_queue(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    gf_message m = message("q", "a"), twin = message("q", "b"), third = message("q", "c");
    third.payload = "{\"to\":2}";
    bound(b, "q", 1);
    gf_put item = { .message = &m, .unique_ms = HOUR_MS };
    CHECK_OK(put_as(b, item));
    CHECK_OK(put_as(b, item));
    CHECK_STATUS(put_as(b, (gf_put){ .message = &twin, .unique_ms = HOUR_MS, .holder = holder }),
        GOFER_EDUPLICATE);
    CHECK_STR(holder, "a");
    CHECK_STATUS(put_as(b, (gf_put){ .message = &third, .unique_ms = HOUR_MS }), GOFER_EFULL);
    drain_expecting(b, "q", "a");
    CHECK_OK(put_as(b, (gf_put){ .message = &third, .unique_ms = HOUR_MS }));  // left no lock
    store_close(b);
}

static void all_that_waits_in_line_counts(void)
{
    char room[LIMIT_ROOM];
    gf_broker *b = store_open();
    gf_claim *claims[3];
    gf_message low = message("q", "low"), held[2] = { message("q", "h1"), message("q", "h2") };
    set_priority(&low, -5, room);
    CHECK_OK(put_message(b, &low, 0));
    size_t limited = b->ops->limits ? 2 : 0;
    for (size_t i = 0; i < limited; i++) {
        set_limit_keys(&held[i], "k", 1, room);
        CHECK_OK(put_message(b, &held[i], 0));
    }
    if (limited) {
        CHECK_OK(b->ops->limits->put(b,
            &(gf_limit){ .name = "k", .concurrency = 1, .per_queue = true }));
        REQUIRE(take(b, "q", 1, claims) == 1);           // "h1"; and "h2" is looked at
        CHECK_INT((int64_t)take(b, "q", 1, claims + 1), 1);
        CHECK_STR(claims[1]->message.id, "low");
        done(b, claims[1]);
        CHECK_INT(queue_number(b, "q", "pending"), 1);
    }
    bound(b, "q", 1);
    CHECK_STATUS(try_put(b, "a"), GOFER_EFULL);
    gf_message high = message("q", "high");
    set_priority(&high, 5, room);
    CHECK_STATUS(put_message(b, &high, 0), GOFER_EFULL);
    bound(b, "q", 2);
    CHECK_OK(put_message(b, &high, 0));
    CHECK_STATUS(try_put(b, "a"), GOFER_EFULL);
    if (limited)
        done(b, claims[0]);
    store_close(b);
}

static void what_is_not_in_line_is_not_refused(void)
{
    gf_broker *b = store_open();
    gf_message later = message("q", "later"), on_dead = message("q", "dead"),
               debounced = message("q", "debounced"), grouped = message("q", "grouped");
    gf_debounce d = { .delay_ms = HOUR_MS };
    put(b, "q", "a");
    bound(b, "q", 1);
    CHECK_OK(put_message(b, &later, gf_now_ms() + HOUR_MS));
    CHECK_OK(put_as(b, (gf_put){ .message = &debounced, .debounce = &d }));
    if (b->ops->groups)
        CHECK_OK(put_as(b, (gf_put){ .message = &grouped, .group = "g" }));
    CHECK_STATUS(try_put(b, "b"), GOFER_EFULL);
    CHECK_OK(put_as(b, (gf_put){ .message = &on_dead, .unbounded = true }));
    CHECK_STATUS(try_put(b, "b"), GOFER_EFULL);
    // What comes back is in already.
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_INT(queue_number(b, "q", "pending"), 2);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "later"));
    CHECK_INT(queue_number(b, "q", "pending"), 3);
    store_close(b);
}

static void one_that_stands_before_all_counts_once(void)
{
    static const char *const tenants[] = { NULL, "acme" };
    for (size_t i = 0; i < COUNT(tenants); i++) {
        char room[LIMIT_ROOM];
        gf_broker *b = store_open();
        gf_message first = message("q", "first"), second = message("q", "second"),
                   third = message("q", "third");
        gf_message *const all[] = { &first, &second, &third };
        for (size_t k = 0; k < COUNT(all) && !tenants[i]; k++)
            set_priority(all[k], 5, room);
        for (size_t k = 0; k < COUNT(all) && tenants[i] && b->ops->tenants; k++)
            set_tenant(all[k], tenants[i], room);
        bound(b, "q", 2);
        CHECK_OK(put_message(b, &first, 0));
        CHECK_OK(put_message(b, &second, 0));
        CHECK_STATUS(put_message(b, &third, 0), GOFER_EFULL);
        CHECK_INT(queue_number(b, "q", "pending"), 2);
        drain_expecting(b, "q", "first second");
        store_close(b);
    }
}

static void relay(gf_broker *b)
{
    size_t done = 1;
    int64_t next_ms;
    while (done > 0)
        REQUIRE_OK(b->ops->flows->relay(b, 100, &done, &next_ms));
}

static void steps_of_a_flow_are_not_refused(void)
{
    gf_broker *b = store_open();
    if (!b->ops->flows) {
        store_close(b);
        OMIT("the store has no flows");
    }
    gf_message m = message("q", "f:0"), n = message("q", "f:1"), behind = message("q", "f:2");
    const gf_flow_dep after = { 1, GF_RULE_SUCCESS };
    const gf_flow_step steps[] = {
        { .name = "a", .message = &m },
        { .name = "b", .message = &n },
        { .name = "c", .message = &behind, .deps = &after, .dep_count = 1 },
    };
    const gf_flow_plan plan = { .id = "f", .steps = steps, .count = 3, .retention_ms = HOUR_MS };
    put(b, "q", "a");
    bound(b, "q", 1);
    REQUIRE_OK(b->ops->flows->start(b, &plan));
    relay(b);
    if (store_is_redis()) {              // what follows is put by relay, else by the end itself
        drain_expecting(b, "q", "a f:0 f:1");
        relay(b);
        drain_expecting(b, "q", "f:2");
    } else {
        drain_expecting(b, "q", "a f:0 f:1 f:2");
    }
    store_close(b);
}

static void what_replaces_is_not_one_more(void)
{
    gf_broker *b = store_open();
    gf_message a = message("q", "a"), c = message("q", "c");
    put(b, "q", "a");
    bound(b, "q", 1);
    a.payload = "{\"to\":3}";
    CHECK_OK(put_as(b, (gf_put){ .message = &a, .replaces = true }));
    gf_put item = { .message = &c, .replaces = true };
    REQUIRE_OK(b->ops->tasks->put(b, &item, 1));
    CHECK_STATUS(item.status, GOFER_EFULL);
    CHECK_INT(item.length, 1);
    CHECK_INT(item.max_length, 1);
    item.run_at_ms = gf_now_ms() + HOUR_MS;
    CHECK_OK(put_as(b, item));
    drain_expecting(b, "q", "a");
    store_close(b);
}

static void a_length_is_shown_and_taken_back(void)
{
    gf_broker *b = store_open();
    bound(b, "q", INT64_C(1) << 40);
    CHECK_INT(queue_number(b, "q", "max_length"), INT64_C(1) << 40);
    bound(b, "q", 1);
    CHECK_INT(queue_number(b, "q", "max_length"), 1);
    put(b, "q", "a");
    CHECK_STATUS(try_put(b, "b"), GOFER_EFULL);
    bound(b, "q", 0);
    bound(b, "q", 0);
    CHECK_INT(queue_number(b, "q", "max_length"), -2);
    CHECK_OK(try_put(b, "b"));
    // It goes with the queue.
    bound(b, "q", 1);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_OK(try_put(b, "a"));
    CHECK_OK(try_put(b, "b"));
    store_close(b);
}

// ---- queues that take envelopes alone -----------------------------------------------------------

enum { ENVELOPE = 50 };

// One that nobody opens here.
static gf_message sealed(const char *id)
{
    static const char envelope[ENVELOPE] = "gfe1k1";
    gf_message m = message("q", id);
    m.payload = envelope;
    m.payload_size = sizeof envelope;
    return m;
}

static void encrypt(gf_broker *b, const char *queue, bool required)
{
    CHECK_OK(b->ops->act->queue_encrypt(b, queue, required));
}

static void a_plain_payload_is_refused(void)
{
    gf_broker *b = store_open();
    gf_message envelope = sealed("e"), almost = sealed("f"), empty = message("q", "g");
    put(b, "q", "a");
    encrypt(b, "q", true);
    CHECK_INT(queue_number(b, "q", "encrypted_only"), 1);
    CHECK_STATUS(try_put(b, "b"), GOFER_EDENIED);
    CHECK_STR(task_state(b, "q", "b"), "");
    CHECK_OK(try_put(b, "a"));                           // it is in
    CHECK_OK(put_message(b, &envelope, 0));
    almost.payload_size = 43;                            // one byte less than an envelope has
    CHECK_STATUS(put_message(b, &almost, 0), GOFER_EDENIED);
    almost.payload_size = 44;
    CHECK_OK(put_message(b, &almost, 0));
    empty.payload = NULL;
    empty.payload_size = 0;
    CHECK_STATUS(put_message(b, &empty, 0), GOFER_EDENIED);
    put(b, "other", "b");                                // of this queue alone
    drain_expecting(b, "q", "a e f");
    encrypt(b, "q", false);
    encrypt(b, "q", false);
    CHECK_OK(try_put(b, "b"));
    encrypt(b, "q", true);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));   // it goes with the queue
    CHECK_OK(try_put(b, "b"));
    store_close(b);
}

static void of_a_batch_the_envelopes_go_in(void)
{
    static const char *const ids[MANY] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
        "12" };
    for (size_t plain = 0; plain < 3; plain++) {         // none, some, all
        gf_broker *b = store_open();
        gf_message m[MANY];
        gf_put items[MANY];
        encrypt(b, "q", true);
        for (size_t k = 0; k < MANY; k++) {
            m[k] = k % 2 < plain ? message("q", ids[k]) : sealed(ids[k]);
            items[k] = (gf_put){ .message = &m[k] };
        }
        REQUIRE_OK(b->ops->tasks->put(b, items, MANY));
        for (size_t k = 0; k < MANY; k++)
            CHECK_STATUS(items[k].status, k % 2 < plain ? GOFER_EDENIED : GOFER_OK);
        CHECK_INT(queue_number(b, "q", "pending"), plain == 2 ? 0 : MANY / (int)(plain + 1));
        store_close(b);
    }
}

// However it would go in, and however an envelope would.
static void every_kind_of_put_is_looked_at(void)
{
    char room[2][LIMIT_ROOM];
    gf_broker *b = store_open();
    gf_message m[2] = { message("q", "p"), sealed("e") };
    gf_debounce d = { .delay_ms = HOUR_MS };
    gf_put kinds[] = { { .run_at_ms = gf_now_ms() + HOUR_MS }, { .unique_ms = HOUR_MS },
        { .debounce = &d }, { .replaces = true }, { .group = "g" } };
    encrypt(b, "q", true);
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t k = 0; k < 2; k++) {
            char id[8];
            snprintf(id, sizeof id, "%zu-%zu", i, k);
            gf_message one = m[k];
            one.id = id;
            kinds[i].message = &one;
            if (kinds[i].group && !b->ops->groups)
                continue;
            CHECK_STATUS(put_as(b, kinds[i]), k ? GOFER_OK : GOFER_EDENIED);
            CHECK_STR(task_state(b, "q", id), !k ? "" : kinds[i].group ? "aggregating"
                : kinds[i].run_at_ms || kinds[i].debounce ? "scheduled" : "pending");
        }
    set_priority(&m[0], 5, room[0]);
    set_priority(&m[1], 5, room[1]);
    CHECK_STATUS(put_message(b, &m[0], 0), GOFER_EDENIED);
    CHECK_OK(put_message(b, &m[1], 0));
    CHECK_STATUS(put_as(b, (gf_put){ .message = &m[0], .unique_ms = HOUR_MS }), GOFER_EDENIED);
    encrypt(b, "q", false);
    CHECK_OK(put_as(b, (gf_put){ .message = &m[0], .unique_ms = HOUR_MS }));   // left no lock
    store_close(b);
}

static void what_waits_stays_an_envelope(void)
{
    gf_broker *b = store_open();
    gf_message plain = message("q", "a"), on_dead = message("q", "dead"), envelope = sealed("a");
    CHECK_OK(put_message(b, &plain, 0));
    encrypt(b, "q", true);
    CHECK_STATUS(put_as(b, (gf_put){ .message = &plain, .replaces = true }), GOFER_EDENIED);
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "a", "new", 3, 0), GOFER_EDENIED);
    CHECK_OK(b->ops->act->task_edit(b, "q", "a", NULL, 0, gf_now_ms() + HOUR_MS));
    CHECK_OK(b->ops->act->task_edit(b, "q", "a", envelope.payload, envelope.payload_size, 1));
    CHECK_OK(put_as(b, (gf_put){ .message = &on_dead, .unbounded = true }));   // of workers
    drain_expecting(b, "q", "a dead");
    store_close(b);
}

static void a_queue_may_be_guarded_in_both_ways(void)
{
    gf_broker *b = store_open();
    gf_message m[2] = { sealed("a"), sealed("b") };
    bound(b, "q", 1);
    encrypt(b, "q", true);
    CHECK_INT(queue_number(b, "q", "max_length"), 1);
    CHECK_OK(put_message(b, &m[0], 0));
    CHECK_STATUS(put_message(b, &m[1], 0), GOFER_EFULL);
    CHECK_STATUS(try_put(b, "c"), GOFER_EDENIED);
    bound(b, "q", 0);
    CHECK_INT(queue_number(b, "q", "max_length"), -2);
    CHECK_INT(queue_number(b, "q", "encrypted_only"), 1);
    CHECK_STATUS(try_put(b, "c"), GOFER_EDENIED);
    CHECK_OK(put_message(b, &m[1], 0));
    bound(b, "q", INT64_C(1) << 40);
    encrypt(b, "q", false);
    CHECK_INT(queue_number(b, "q", "max_length"), INT64_C(1) << 40);
    CHECK_INT(queue_number(b, "q", "encrypted_only"), -2);
    CHECK_OK(try_put(b, "c"));
    store_close(b);
}

static const check_test tests[] = {
    TEST(of_more_than_its_length_a_put_is_refused),
    TEST(of_a_batch_those_go_in_that_fit),
    TEST(a_repeat_is_fine_in_a_full_queue),
    TEST(all_that_waits_in_line_counts),
    TEST(one_that_stands_before_all_counts_once),
    TEST(what_is_not_in_line_is_not_refused),
    TEST(steps_of_a_flow_are_not_refused),
    TEST(what_replaces_is_not_one_more),
    TEST(a_length_is_shown_and_taken_back),
    TEST(a_plain_payload_is_refused),
    TEST(of_a_batch_the_envelopes_go_in),
    TEST(every_kind_of_put_is_looked_at),
    TEST(what_waits_stays_an_envelope),
    TEST(a_queue_may_be_guarded_in_both_ways),
};

suite suite_guards(void)
{
    return (suite){ tests, COUNT(tests) };
}
