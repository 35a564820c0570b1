// suspects.c - whose fault it is when a worker dies: only what was alone, or alone on trial, is
// charged; all else is suspected at the most, and taken one by one.
#include "fixture.h"
#include "suites.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { LIMIT = 2 };

// Takes the next task of a queue alone, as a worker does with a suspect.
static gf_claim *take_apart(gf_broker *b, const char *worker, const char *queue, const char *id)
{
    gf_claim *claim = NULL;
    REQUIRE(take_for(b, worker, queue, 1, LEASE_MS, &claim) == 1);
    CHECK_STR(claim->message.id, id);
    return claim;
}

// Takes up to max of a queue, as a worker does that wants no suspect now. *suspect: the store says
// that one is next.
static size_t take_clean(gf_broker *b, const char *queue, size_t max, gf_claim **claims,
    bool *suspect)
{
    gf_share share = { queue, max };
    gf_take t = { .worker = "w", .queues = &share, .queue_count = 1, .max = max,
        .lease_ms = LEASE_MS, .no_suspects = true,
        .claims = claims };
    REQUIRE_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
    *suspect = t.suspect != NULL;
    if (t.suspect)
        CHECK_STR(t.suspect, queue);
    return t.count;
}

// The worker of these claims stands still until all its leases are over, and its tasks are taken
// back.
static void die(gf_broker *b, gf_claim **claims, size_t count)
{
    gf_recovered r = { 0 };
    size_t back = 0;
    for (size_t i = 0; i < count; i++) {
        gf_lease lease = { .claim = claims[i] };
        REQUIRE_OK(b->ops->tasks->extend(b, &lease, 1, 1));
        lease_ends(claims[i]->message.queue, claims[i]->message.id);
    }
    int64_t end = gf_mono_ms() + PATIENCE_MS;
    for (; back < count && gf_mono_ms() < end; gf_sleep_us(500)) {
        // One by one: what was found at first holds.
        REQUIRE_OK(b->ops->upkeep->recover(b, 1, LIMIT, &r));
        back += r.requeued + r.archived;
    }
    CHECK_INT(back, count);
    for (size_t i = 0; i < count; i++)
        gf_claim_free(claims[i]);
}

static const char *record(gf_broker *b, const char *queue, const char *id)
{
    static char text[64];
    int64_t suspect = task_number(b, queue, id, "suspect");
    int64_t crashes = task_number(b, queue, id, "crashes");
    snprintf(text, sizeof text, "%s %d %d", task_state(b, queue, id), (int)crashes,
        suspect > 0 ? (int)suspect : 0);
    return text;
}

static gf_broker *with_tasks(const char *queue, const char *ids)
{
    gf_broker *b = store_open();
    for (const char *id = ids; *id; id++)
        put(b, queue, (const char[]){ *id, '\0' });
    return b;
}

static void many_that_were_held_are_suspected_and_not_charged(void)
{
    gf_broker *b = with_tasks("q", "abc");
    gf_claim *claims[10];
    bool suspect;
    REQUIRE(take(b, "q", 10, claims) == 3);
    die(b, claims, 3);
    CHECK_STR(record(b, "q", "a"), "pending 0 1");
    CHECK_STR(record(b, "q", "b"), "pending 0 1");
    CHECK_STR(record(b, "q", "c"), "pending 0 1");
    CHECK_STR(task_attempts(b, "q", "a"), "crashed");
    put(b, "q", "d");
    CHECK_INT(take_clean(b, "q", 10, claims, &suspect), 0);
    CHECK(suspect);
    for (int i = 0; i < 3; i++) {                          // one by one, in their order, before
                                                           //   what came later
        REQUIRE(take(b, "q", 10, claims) == 1);
        CHECK_STR(claims[0]->message.id, ((const char *[]){ "a", "b", "c" })[i]);
        CHECK_INT(claims[0]->message.suspect, 1);
        done(b, claims[0]);
    }
    REQUIRE(take_clean(b, "q", 10, claims, &suspect) == 1);
    CHECK(!suspect);
    done(b, claims[0]);
    store_close(b);
    store_check_sound();
}

static void what_stands_before_a_suspect_is_taken_without_it(void)
{
    gf_broker *b = with_tasks("q", "abcde");
    gf_claim *a = take_apart(b, "w", "q", "a"), *claims[10];
    bool suspect;
    worker_register(b, "w2");
    REQUIRE(take_for(b, "w2", "q", 2, LEASE_MS, claims) == 2);
    die(b, claims, 2);
    CHECK_OK(finish(b, a, (gf_finish){ .outcome = GF_REQUEUE }));
    REQUIRE(take_clean(b, "q", 10, claims, &suspect) == 1);
    CHECK(suspect);
    CHECK_STR(claims[0]->message.id, "a");
    done(b, claims[0]);
    drain_expecting(b, "q", "b c d e");
    b->ops->upkeep->worker_deregister(b, "w2");
    store_close(b);
    store_check_sound();
}

static void tasks_of_several_queues_are_held_together(void)
{
    gf_broker *b = with_tasks("q", "a");
    put(b, "r", "b");
    gf_claim *claims[2] = { take_apart(b, "w", "q", "a"), take_apart(b, "w", "r", "b") };
    die(b, claims, 2);
    CHECK_STR(record(b, "q", "a"), "pending 0 1");
    CHECK_STR(record(b, "r", "b"), "pending 0 1");
    store_close(b);
}

static void what_was_alone_is_charged(void)
{
    gf_broker *b = with_tasks("q", "ab");
    gf_claim *a = take_apart(b, "w", "q", "a"), *other;
    worker_register(b, "w2");
    other = take_apart(b, "w2", "q", "b");                 // another worker's: not a neighbour
    die(b, &a, 1);
    CHECK_STR(record(b, "q", "a"), "pending 1 1");
    CHECK_STR(record(b, "q", "b"), "active 0 0");
    done(b, other);
    b->ops->upkeep->worker_deregister(b, "w2");
    store_close(b);
}

static void a_killer_is_archived_though_it_never_was_alone(void)
{
    gf_broker *b = with_tasks("q", "abc");
    gf_claim *claims[3];
    put(b, "r", "n");
    REQUIRE(take(b, "q", 3, claims) == 3);
    die(b, claims, 3);
    for (int death = 1; death <= LIMIT + 1; death++) {
        worker_register(b, "w");                           // a heartbeat: the next is a death of
                                                           //   its own
        claims[0] = take_apart(b, "w", "r", "n");
        claims[1] = take_apart(b, "w", "q", "a");
        die(b, claims, 2);
        CHECK_INT(task_number(b, "q", "a", "crashes"), death);
        CHECK_STR(task_state(b, "q", "a"), death <= LIMIT ? "pending" : "archived");
        CHECK_STR(record(b, "r", "n"), "pending 0 0");     // was beside it, and is above suspicion
    }
    CHECK_HAS(task_text(b, "q", "a", "last_error"),
        "worker died 3 times while running this task (crash limit 2)");
    CHECK_STR(record(b, "q", "b"), "pending 0 1");
    drain_expecting(b, "q", "b c");
    drain_expecting(b, "r", "n");
    store_close(b);
    store_check_sound();
}

static void a_proven_suspect_is_not_charged_for_the_next(void)
{
    gf_broker *b = with_tasks("q", "ab");
    gf_claim *claims[2];
    REQUIRE(take(b, "q", 2, claims) == 2);
    die(b, claims, 2);
    worker_register(b, "w");
    claims[0] = take_apart(b, "w", "q", "a");
    gf_lease lease = { .claim = claims[0], .proven = true, .status = GOFER_EHANDLER };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_OK(lease.status);
    claims[1] = take_apart(b, "w", "q", "b");
    die(b, claims, 2);
    CHECK_STR(record(b, "q", "a"), "pending 0 2");         // not for long: it gets more patience
    CHECK_STR(record(b, "q", "b"), "pending 1 2");
    // And proven only in that run.
    worker_register(b, "w");
    claims[0] = take_apart(b, "w", "q", "a");
    claims[1] = take_apart(b, "w", "q", "b");
    die(b, claims, 2);
    CHECK_STR(record(b, "q", "a"), "pending 0 3");
    CHECK_STR(record(b, "q", "b"), "pending 1 3");
    store_close(b);
}

static void an_end_of_its_own_clears_a_suspect(void)
{
    static const struct { gf_outcome_kind outcome; const char *want; } cases[] = {
        { GF_RETRY_AT, "retry 1 0" }, { GF_ARCHIVE, "archived 1 0" }, { GF_DONE, "completed 1 0" },
        { GF_REQUEUE, "pending 1 1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "t");
        m.retention_ms = 3600000;
        CHECK_OK(put_message(b, &m, 0));
        crash(b, "q", "t", LIMIT, NULL);
        CHECK_STR(record(b, "q", "t"), "pending 1 1");
        gf_claim *c = take_apart(b, "w", "q", "t");
        CHECK_INT(c->message.crashes, 1);
        gf_lease lease = { .claim = c, .proven = true };
        CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = cases[i].outcome,
            .at_ms = gf_now_ms() + 3600000, .error = "e",
            .is_failure = cases[i].outcome == GF_RETRY_AT || cases[i].outcome == GF_ARCHIVE }));
        CHECK_STR(record(b, "q", "t"), cases[i].want);
        store_close(b);
        store_check_sound();
    }
}

static void a_suspect_stays_one_in_another_store(void)
{
    gf_broker *b = with_tasks("q", "t");
    gf_item item = { 0 };
    crash(b, "q", "t", LIMIT, NULL);
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", (const char *[]){ "t" }, 1, &item));
    CHECK_OK(item.status);
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", &item, 1));
    CHECK_OK(item.status);
    gf_item_clear(&item);
    CHECK_STR(record(b, "r", "t"), "pending 1 1");
    store_close(b);
}

static const check_test tests[] = {
    TEST(many_that_were_held_are_suspected_and_not_charged),
    TEST(what_stands_before_a_suspect_is_taken_without_it),
    TEST(tasks_of_several_queues_are_held_together),
    TEST(what_was_alone_is_charged),
    TEST(a_killer_is_archived_though_it_never_was_alone),
    TEST(a_proven_suspect_is_not_charged_for_the_next),
    TEST(an_end_of_its_own_clears_a_suspect),
    TEST(a_suspect_stays_one_in_another_store),
};

suite suite_suspects(void)
{
    return (suite){ tests, COUNT(tests) };
}
