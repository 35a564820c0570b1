// pool_test.c - the pool's books: who holds what, how much more to take, and what is given back.
// The test plays fetcher, slots and housekeeping on one thread; time is what it says it is.
#include "worker/run/pool.h"

#include "check.h"
#include "util/alloc.h"
#include "worker/runtime.h"

enum { MS = 1000000 };

typedef struct bench {
    gf_pool  pool;
    gf_tasks outbox;
    int64_t  now_ms;
} bench;

static gofer_worker nobody;        // its settings are all off; nothing else of it is asked for

static void set_up(bench *b, const char *concurrency, bool pull)
{
    gf_settings s;
    gf_settings_init(&s);
    REQUIRE_OK(gf_settings_set(&s, "concurrency", concurrency));
    s.pull = pull;
    *b = (bench){ .now_ms = 1000 };
    REQUIRE_OK(gf_pool_init(&b->pool, &s));
}

static void release_all(bench *b)
{
    gf_pool_release(&b->pool, &b->outbox);
}

static void clear(bench *b)
{
    gf_pool_clear(&b->pool);
}

static gf_calls deliver(bench *b, size_t count, int64_t timeout_ms)
{
    gf_tasks fresh = { 0 };
    for (size_t i = 0; i < count; i++) {
        gf_claim *claim = gf_calloc(1, sizeof *claim);
        REQUIRE(claim != NULL);
        claim->message =
            (gf_message){ .id = "i", .type = "t", .queue = "q", .timeout_ms = timeout_ms };
        claim->ref = (int64_t)(i + 1);
        claim->lease_until_ms = b->now_ms + 30000;
        gofer_task *task = gf_task_new(&nobody, claim);
        REQUIRE(task != NULL);
        gf_tasks_push(&fresh, task);
    }
    return gf_pool_deliver(&b->pool, &fresh, b->now_ms, b->now_ms + 5000000);
}

static size_t collect(bench *b)
{
    gf_calls calls = { 0 };
    return gf_pool_collect(&b->pool, &b->outbox, true, b->now_ms, &calls);
}

static gofer_task *swap(bench *b, gf_slot *slot, gofer_task *done, gf_calls *calls)
{
    bool leave;
    gofer_task *task = gf_pool_swap(&b->pool, slot, done, b->now_ms * MS, &leave, calls);
    CHECK(!leave);
    return task;
}

// Slots without threads.
static void hire(bench *b, gf_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slots[i] = (gf_slot){ .number = (int32_t)i, .state = GF_SLOT_LIVE };
        REQUIRE(gf_cond_init(&slots[i].cond) == 0);
    }
    b->pool.live = count;
}

static void first_in_first_out_and_nothing_is_forgotten(void)
{
    bench b;
    gf_slot slot[1];
    gf_calls calls = { 0 };
    set_up(&b, "1", false);
    hire(&b, slot, 1);
    deliver(&b, 3, 0);
    gofer_task *task = NULL;
    for (int64_t want = 1; want <= 3; want++) {
        task = swap(&b, slot, task, &calls);
        REQUIRE(task != NULL);
        CHECK_INT(task->claim->ref, want);
        CHECK_INT(b.pool.running, 1);
    }
    CHECK(swap(&b, slot, task, &calls) == NULL);
    CHECK_INT(b.pool.held_count, 3);
    collect(&b);
    CHECK_INT(b.outbox.count, 3);
    release_all(&b);
    CHECK(gf_pool_empty(&b.pool));
    clear(&b);
}

static void slow_handlers_take_nothing_ahead_and_fast_ones_take_batches(void)
{
    static const struct { int64_t run_ns; size_t want; } cases[] = {
        { -1, 4 }, { 0, 4 + 1000 }, { 1000, 4 + 1000 }, { 100 * 1000, 4 + 800 }, { 10 * MS, 4 + 8 },
        { 19 * MS, 4 + 4 }, { 20 * MS, 4 }, { INT64_C(60000) * MS, 4 },
    };
    bench b;
    set_up(&b, "4", false);
    for (size_t i = 0; i < COUNT(cases); i++) {
        b.pool.run_ns = cases[i].run_ns;
        CHECK_INT(collect(&b), cases[i].want);
    }
    // What runs and what is ready counts.
    b.pool.run_ns = 10 * MS;
    b.pool.running = 3;
    deliver(&b, 2, 0);
    CHECK_INT(collect(&b), 7);
    b.pool.running = 12;
    CHECK_INT(collect(&b), 0);
    b.pool.running = 0;
    clear(&b);
}

static void a_slow_task_among_fast_ones_raises_the_measure_at_once(void)
{
    bench b;
    gf_slot slot[1];
    gf_calls calls = { 0 };
    set_up(&b, "1", false);
    hire(&b, slot, 1);
    b.pool.run_ns = 1000;
    deliver(&b, 1, 0);
    gofer_task *task = swap(&b, slot, NULL, &calls);
    b.now_ms += 1000;
    swap(&b, slot, task, &calls);
    CHECK(b.pool.run_ns > 100 * MS);
    CHECK_INT(collect(&b), 1);
    release_all(&b);
    clear(&b);
}

// Fast handlers, so 5 were taken ahead; then one does not come back.
static void what_waits_behind_a_slow_task_is_given_back_newest_first(void)
{
    bench b;
    gf_slot slot[1];
    gf_calls calls = { 0 };
    set_up(&b, "1", false);
    hire(&b, slot, 1);
    b.pool.run_ns = 1000;
    deliver(&b, 5, 0);
    gofer_task *running = swap(&b, slot, NULL, &calls);
    collect(&b);
    CHECK_INT(b.outbox.count, 0);
    b.now_ms += 50;
    collect(&b);
    CHECK_INT(b.outbox.count, 0);
    b.now_ms += 60;
    CHECK_INT(collect(&b), 0);
    REQUIRE(b.outbox.count == 4);
    int64_t want = 5;
    for (gofer_task *t = b.outbox.first; t; t = t->next) {
        CHECK_INT(t->claim->ref, want--);
        CHECK_INT(t->outcome.kind, GF_REQUEUE);
    }
    release_all(&b);
    CHECK(swap(&b, slot, running, &calls) == NULL);
    collect(&b);
    release_all(&b);
    CHECK(gf_pool_empty(&b.pool));
    clear(&b);
}

static void stopping_gives_back_what_has_not_started(void)
{
    bench b;
    gf_slot slot[2];
    gf_calls calls = { 0 };
    set_up(&b, "2", false);
    hire(&b, slot, 2);
    deliver(&b, 3, 0);
    gofer_task *running = swap(&b, &slot[0], NULL, &calls);
    gf_pool_stop(&b.pool);
    CHECK(swap(&b, &slot[1], NULL, &calls) == NULL);
    CHECK_INT(collect(&b), 0);
    CHECK_INT(b.outbox.count, 2);
    release_all(&b);
    swap(&b, &slot[0], running, &calls);
    collect(&b);
    CHECK_INT(b.outbox.count, 1);
    release_all(&b);
    gf_pool_end(&b.pool);
    bool leave;
    CHECK(gf_pool_swap(&b.pool, &slot[0], NULL, 0, &leave, &calls) == NULL && leave);
    clear(&b);
}

static void threads_are_added_only_as_they_are_needed(void)
{
    bench b;
    gf_slot slot[1];
    gf_calls calls = { 0 };
    set_up(&b, "3", false);
    hire(&b, slot, 1);
    b.pool.idle = slot;                       // asleep
    calls = deliver(&b, 1, 0);
    CHECK(!calls.spawn && slot[0].woken);     // one task, one slot: woken, none made
    slot[0].woken = false;
    gf_pool_arrive(&b.pool);
    swap(&b, slot, NULL, &calls);
    CHECK(!calls.spawn);

    calls = deliver(&b, 1, 0);
    CHECK(calls.spawn);
    CHECK_INT(b.pool.live, 2);
    calls = deliver(&b, 1, 0);
    CHECK(calls.spawn);
    calls = deliver(&b, 1, 0);
    CHECK(!calls.spawn);                      // three at the most
    CHECK_INT(b.pool.live, 3);
    gf_pool_slot_made(&b.pool, NULL, NULL);   // neither could be made
    gf_pool_slot_made(&b.pool, NULL, NULL);
    CHECK_INT(b.pool.live, 1);
    CHECK_INT(b.pool.concurrency, 3);
    CHECK_INT(b.pool.waking, 0);
    calls = deliver(&b, 1, 0);
    CHECK(!calls.spawn);                      // it would fail again at once
    calls = gf_pool_allow_threads(&b.pool, 1);
    CHECK(!calls.spawn);
    calls = gf_pool_allow_threads(&b.pool, 2);
    CHECK_INT(calls.spawn, 1);
    gf_pool_slot_made(&b.pool, NULL, NULL);   // nor this time
    CHECK_INT(b.pool.live, 1);
    calls = gf_pool_allow_threads(&b.pool, SIZE_MAX);
    CHECK_INT(calls.spawn, 1);
    CHECK_INT(b.pool.live, 2);
    clear(&b);
}

static void the_guard_hears_of_earlier_deadlines_only(void)
{
    bench b;
    gf_slot slot[3];
    set_up(&b, "3", false);
    hire(&b, slot, 3);
    static const struct { int64_t timeout_ms; bool guard; } cases[] = {
        { 5000, true }, { 9000, false }, { 1000, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_calls calls = { 0 };
        deliver(&b, 1, cases[i].timeout_ms);
        gofer_task *task = swap(&b, &slot[i], NULL, &calls);
        CHECK_INT(calls.guard, cases[i].guard);
        CHECK_INT(task->deadline_mono_ms, 1000 + cases[i].timeout_ms);
        CHECK_INT(task->deadline_ms, 1000 + 5000000 + cases[i].timeout_ms);
    }
    CHECK_INT(b.pool.watch_ms, 2000);
    clear(&b);
}

// The runtime decides for a lost task; its handler's own decision, which comes later, is ignored.
static void a_lost_task_is_freed_by_whoever_is_last(void)
{
    for (int told_first = 0; told_first < 2; told_first++) {
        bench b;
        gf_slot slot[2];
        gf_calls calls = { 0 };
        bool leave;
        set_up(&b, "1", false);
        hire(&b, slot, 2);
        b.pool.live = 1;
        deliver(&b, 1, 1);
        gofer_task *task = swap(&b, &slot[0], NULL, &calls);
        pthread_mutex_lock(&b.pool.lock);
        calls = gf_pool_lose(&b.pool, task, false);
        pthread_mutex_unlock(&b.pool.lock);
        CHECK(calls.spawn);                   // replaced
        CHECK_INT(b.pool.lost, 1);
        CHECK_INT(b.pool.running, 0);

        CHECK(swap(&b, &slot[1], NULL, &calls) == task);
        task->outcome = (gf_outcome){ GF_RETRY_AT, GF_OUTCOME_RETRIED, true, 7 };
        task->own_outcome = (gf_outcome){ GF_DONE, GF_OUTCOME_DONE, false, 0 };
        if (!told_first) {
            CHECK(gf_pool_swap(&b.pool, &slot[0], task, 0, &leave, &calls) == NULL && leave);
            CHECK_INT(slot[0].state, GF_SLOT_LEFT);
        }
        swap(&b, &slot[1], task, &calls);
        collect(&b);
        REQUIRE(b.outbox.count == 1);
        CHECK_INT(b.outbox.first->outcome.kind, GF_RETRY_AT);
        release_all(&b);
        if (told_first)
            CHECK(gf_pool_swap(&b.pool, &slot[0], task, 0, &leave, &calls) == NULL && leave);
        CHECK_INT(b.pool.lost, 0);
        CHECK(gf_pool_empty(&b.pool));
        clear(&b);                            // the sanitizers see to the rest
    }
}

static void pinned_tasks_outlive_their_release(void)
{
    bench b;
    gf_slot slot[1];
    gf_calls calls = { 0 };
    set_up(&b, "1", false);
    hire(&b, slot, 1);
    deliver(&b, 1, 0);
    gofer_task *task = swap(&b, slot, NULL, &calls);
    pthread_mutex_lock(&b.pool.lock);
    gf_pool_pin(task);
    gf_pool_pin(task);                        // by two who look
    pthread_mutex_unlock(&b.pool.lock);
    swap(&b, slot, task, &calls);
    collect(&b);
    release_all(&b);
    CHECK(gf_pool_empty(&b.pool));
    CHECK_INT(task->claim->ref, 1);           // still there
    gf_pool_unpin(&b.pool, &task, 1);
    CHECK_INT(task->claim->ref, 1);
    gf_pool_unpin(&b.pool, &task, 1);         // freed: the sanitizers see to it
    clear(&b);
}

static bool readable(const bench *b)
{
    struct pollfd fd = { .fd = b->pool.ready_fd.read_fd, .events = POLLIN };
    return poll(&fd, 1, 0) == 1;
}

static void the_descriptor_says_what_a_take_would_find(void)
{
    bench b;
    gofer_task *tasks[4];
    gf_calls calls = { 0 };
    size_t count = 99;
    set_up(&b, "2", true);
    CHECK(!readable(&b));
    CHECK_INT(gf_pool_take(&b.pool, tasks, 4, 0, &count, &calls), GOFER_EEMPTY);
    CHECK_INT(count, 99);
    CHECK_INT(collect(&b), 2);
    deliver(&b, 3, 0);
    CHECK(readable(&b));
    CHECK_OK(gf_pool_take(&b.pool, tasks, 1, 0, &count, &calls));
    CHECK(readable(&b));
    CHECK_OK(gf_pool_take(&b.pool, tasks + 1, 3, 0, &count, &calls));
    CHECK_INT(count, 1);                      // concurrency is 2
    CHECK(!readable(&b));
    gf_pool_finish(&b.pool, tasks, 2, b.now_ms * MS);
    CHECK(readable(&b));
    gf_pool_stop(&b.pool);
    CHECK(readable(&b));
    CHECK_INT(gf_pool_take(&b.pool, tasks, 4, -1, &count, &calls), GOFER_ESTATE);
    collect(&b);
    CHECK_INT(b.outbox.count, 3);
    release_all(&b);
    clear(&b);
}

// A suspect among what was taken, as the store says.
static void deliver_suspect(bench *b, int32_t suspicions)
{
    gf_tasks fresh = { 0 };
    gf_claim *claim = gf_calloc(1, sizeof *claim);
    REQUIRE(claim != NULL);
    claim->message = (gf_message){ .id = "s", .type = "t", .queue = "q", .suspect = suspicions };
    claim->lease_until_ms = b->now_ms + 30000;
    gofer_task *task = gf_task_new(&nobody, claim);
    REQUIRE(task != NULL);
    gf_tasks_push(&fresh, task);
    gf_pool_deliver(&b->pool, &fresh, b->now_ms, b->now_ms + 5000000);
}

static void way_is_made_for_a_suspect_by_what_ended_or_ran_for_long(void)
{
    bench b;
    gf_slot slot[2];
    gf_calls calls = { 0 };
    set_up(&b, "2", false);
    hire(&b, slot, 2);
    CHECK_INT(gf_pool_way_ms(&b.pool, b.now_ms), 0);
    deliver(&b, 3, 0);
    CHECK(gf_pool_way_ms(&b.pool, b.now_ms) > 0);          // what waits may start any moment
    gofer_task *first = swap(&b, &slot[0], NULL, &calls), *second = swap(&b, &slot[1], NULL,
        &calls);
    REQUIRE(first != NULL && second != NULL);
    b.now_ms += 500;
    gofer_task *third = swap(&b, &slot[0], first, &calls);
    REQUIRE(third != NULL);
    b.now_ms += 1900;                                      // the second has run for 2.4 s, the
                                                           //   third for 1.9
    CHECK(gf_pool_way_ms(&b.pool, b.now_ms) > 0);          // no slot is free
    CHECK(swap(&b, &slot[1], second, &calls) == NULL);
    CHECK_INT(gf_pool_way_ms(&b.pool, b.now_ms), 100);
    b.now_ms += 100;
    CHECK_INT(gf_pool_way_ms(&b.pool, b.now_ms), 0);
    CHECK(swap(&b, &slot[0], third, &calls) == NULL);
    collect(&b);
    release_all(&b);
    clear(&b);
}

static void nothing_is_taken_beside_a_suspect_until_it_is_proven(void)
{
    bench b;
    gf_slot slot[4];
    gf_calls calls = { 0 };
    set_up(&b, "4", false);
    hire(&b, slot, 4);
    deliver_suspect(&b, 2);
    CHECK_INT(collect(&b), 0);
    CHECK(gf_pool_outlasted(&b.pool, b.now_ms + 60000) == NULL);       // it has not begun
    gofer_task *task = swap(&b, &slot[0], NULL, &calls);
    REQUIRE(task != NULL);
    b.now_ms += 7999;
    CHECK(gf_pool_outlasted(&b.pool, b.now_ms) == NULL);
    CHECK_INT(collect(&b), 0);
    b.now_ms += 1;
    CHECK(gf_pool_outlasted(&b.pool, b.now_ms) == task);
    CHECK_INT(collect(&b), 0);                             // the store is to be told first
    gf_pool_prove(&b.pool, task);
    CHECK(collect(&b) > 0);
    CHECK(gf_pool_outlasted(&b.pool, b.now_ms) == NULL);
    CHECK(swap(&b, &slot[0], task, &calls) == NULL);
    // One that ends by itself needs no proof.
    deliver_suspect(&b, 1);
    CHECK_INT(collect(&b), 0);
    task = swap(&b, &slot[0], NULL, &calls);
    CHECK(swap(&b, &slot[0], task, &calls) == NULL);
    CHECK(collect(&b) > 0);
    // Nor one that goes back as the worker stops.
    deliver_suspect(&b, 1);
    gf_pool_stop(&b.pool);
    collect(&b);
    CHECK(b.pool.trial == NULL);
    release_all(&b);
    clear(&b);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(way_is_made_for_a_suspect_by_what_ended_or_ran_for_long),
            TEST(nothing_is_taken_beside_a_suspect_until_it_is_proven),
        TEST(first_in_first_out_and_nothing_is_forgotten),
        TEST(slow_handlers_take_nothing_ahead_and_fast_ones_take_batches),
        TEST(a_slow_task_among_fast_ones_raises_the_measure_at_once),
        TEST(what_waits_behind_a_slow_task_is_given_back_newest_first),
        TEST(stopping_gives_back_what_has_not_started),
        TEST(threads_are_added_only_as_they_are_needed),
        TEST(the_guard_hears_of_earlier_deadlines_only),
        TEST(a_lost_task_is_freed_by_whoever_is_last),
        TEST(pinned_tasks_outlive_their_release),
        TEST(the_descriptor_says_what_a_take_would_find),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
